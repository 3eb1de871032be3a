//! What a person does in Setup, behind the back of every client.

use super::app::{App, Kind};
use super::build::ADMIN;
use super::credential::Origin;
use super::ident::RecordId;
use super::slot::SlotError;
use super::switches::{PostOnRotated, SecondRotate, Switches, TokensDie};
use super::time::{Moment, later, seconds};
use super::world::World;
use super::xml::Element;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One act of a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// A new pair at once. A Connected App's old one ends (after the switch's overlap); an External Client App's
    /// old one goes into the slot, whatever was there ends.
    Rotate {
        /// The app.
        app: String,
        /// The username; `admin@sandbox.example` when left out.
        #[serde(default)]
        by: Option<String>,
    },
    /// A new pair in the slot; of a Connected App, its staged consumer details (O §2).
    Stage {
        /// The app.
        app: String,
        /// The username.
        #[serde(default)]
        by: Option<String>,
    },
    /// The staged pair becomes the primary one. A Connected App's old one ends, after the switch's overlap: no slot keeps
    /// it.
    Promote {
        /// The app.
        app: String,
        /// The username.
        #[serde(default)]
        by: Option<String>,
    },
    /// The slot is emptied.
    Discard {
        /// The app.
        app: String,
    },
    /// Elements of a Connected App, or of the OAuth settings of an External Client App, get another text; `oauthConfig.callbackUrl` names an inner one.
    Edit {
        /// The app.
        app: String,
        /// Path and text.
        set: BTreeMap<String, String>,
        /// The username.
        #[serde(default)]
        by: Option<String>,
    },
    /// The app is deleted.
    DeleteApp {
        /// The app.
        app: String,
    },
    /// Every session ends.
    EndSessions {},
}

impl World {
    /// Does it, now.
    ///
    /// # Errors
    /// A sentence, when it cannot be done.
    pub(super) fn act(&mut self, act: Act) -> Result<(), String> {
        self.settle();
        let at = self.now();
        match act {
            Act::Rotate { app, by } => self.rotate(&app, by.as_deref(), at),
            Act::Stage { app, by } => {
                let (by, id) = (self.who(by.as_deref())?, self.id("888"));
                self.slot(&app, |app, chance| {
                    if app.kind == Kind::ConnectedApp {
                        app.modified = at;
                        app.modified_by = by.clone();
                    }
                    let Some(consumer) = app.consumers.first_mut() else {
                        return Err(SlotError::NotFound);
                    };
                    consumer.stage(at, by, id, &app.switches, chance, Origin::Person)
                })
            }
            Act::Promote { app, by } => {
                let (by, id) = (self.who(by.as_deref())?, self.id("888"));
                let mut gone = None;
                self.slot(&app, |app, _| {
                    let applied = app.kind == Kind::ConnectedApp;
                    if applied {
                        app.modified = at;
                        app.modified_by = by.clone();
                    }
                    let Some(consumer) = app.consumers.first_mut() else {
                        return Err(SlotError::NotFound);
                    };
                    let staged = consumer
                        .slot
                        .as_ref()
                        .map(|slot| slot.id.long())
                        .unwrap_or_default();
                    let former = consumer.promote(&staged, at, by, id, &app.switches)?;
                    if applied {
                        let overlap = seconds(app.switches.cutover_overlap_seconds);
                        consumer.end_former(former, later(at, overlap));
                        gone = Some(former);
                    }
                    Ok(())
                })?;
                if let Some(former) = gone {
                    self.tokens_die(&app, former, TokensDie::AtCutover);
                }
                Ok(())
            }
            Act::Discard { app } => self.slot(&app, |app, _| {
                let Some(consumer) = app.consumers.first_mut() else {
                    return Err(SlotError::NotFound);
                };
                let staged = consumer
                    .slot
                    .as_ref()
                    .map(|slot| slot.id.long())
                    .unwrap_or_default();
                consumer.discard(&staged, at, &app.switches).map(|_| ())
            }),
            Act::Edit { app, set, by } => self.edit(&app, &set, by.as_deref(), at),
            Act::DeleteApp { app } => {
                let app = self.app_named(&app, None).ok_or("no such app")?;
                app.deleted = true;
                for consumer in &mut app.consumers {
                    consumer.end_all(at);
                }
                Ok(())
            }
            Act::EndSessions {} => {
                self.sessions.end_all();
                Ok(())
            }
        }
    }

    fn who(&self, by: Option<&str>) -> Result<RecordId, String> {
        let name = by.unwrap_or(ADMIN);
        self.user_named(name)
            .map(|user| user.id.clone())
            .ok_or_else(|| format!("no user {name}"))
    }

    fn slot(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut App, &mut super::chance::Chance) -> Result<(), SlotError>,
    ) -> Result<(), String> {
        let Self { apps, chance, .. } = self;
        let app = apps
            .iter_mut()
            .find(|app| !app.deleted && app.name == name)
            .ok_or("no such app")?;
        act(app, chance).map_err(|error| format!("{error:?}"))
    }

    fn rotate(&mut self, name: &str, by: Option<&str>, at: Moment) -> Result<(), String> {
        let (by, first, second) = (self.who(by)?, self.id("888"), self.id("888"));
        let key = self.chance.consumer_key();
        let secret = self.chance.consumer_secret();
        let Self { apps, chance, .. } = self;
        let app = apps
            .iter_mut()
            .find(|app| !app.deleted && app.name == name)
            .ok_or("no such app")?;
        let kind = app.kind;
        // A person is asked by Setup, not by the open questions of the REST resource.
        let switches = Switches {
            post_on_rotated: PostOnRotated::Replaces,
            second_rotate: SecondRotate::Error,
            ..app.switches.clone()
        };
        let consumer = app.consumers.first_mut().ok_or("no consumer")?;
        let former = match kind {
            Kind::ConnectedApp => {
                let ends = later(at, seconds(switches.cutover_overlap_seconds));
                app.modified = at;
                app.modified_by = by;
                consumer.replace(key, secret, at, ends, Origin::Person)
            }
            Kind::ExternalClientApp => {
                if let Some(slot) = consumer.slot.as_ref().map(|slot| slot.id.long()) {
                    consumer
                        .discard(&slot, at, &switches)
                        .map_err(|error| format!("{error:?}"))?;
                }
                consumer
                    .stage(at, by.clone(), first.clone(), &switches, chance, Origin::Person)
                    .and_then(|()| consumer.promote(&first.long(), at, by, second, &switches))
                    .map_err(|error| format!("{error:?}"))?
            }
        };
        self.tokens_die(name, former, TokensDie::AtCutover);
        Ok(())
    }

    fn edit(
        &mut self,
        name: &str,
        set: &BTreeMap<String, String>,
        by: Option<&str>,
        at: Moment,
    ) -> Result<(), String> {
        let by = self.who(by)?;
        let app = self.app_named(name, None).ok_or("no such app")?;
        for (path, text) in set {
            match path.split_once('.') {
                None => app.component.replace(Element::leaf(path, text.clone())),
                Some((parent, name)) => app
                    .component
                    .child_mut(parent)
                    .ok_or_else(|| format!("no element {parent}"))?
                    .replace(Element::leaf(name, text.clone())),
            }
        }
        if app.kind == Kind::ConnectedApp {
            app.label = app.component.text_of("label").unwrap_or_default().to_owned();
        }
        app.modified = at;
        app.modified_by = by;
        Ok(())
    }
}
