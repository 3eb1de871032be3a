//! The org's whole state, and how one call meets it: counted, met by faults, applied now or later.

use super::app::{App, Kind};
use super::chance::Chance;
use super::credential::{Verdict, judge};
use super::fault::{Action, Faults};
use super::ident::RecordId;
use super::operation::Operation;
use super::session::{Actor, Sessions};
use super::switches::{Switches, TokensDie};
use super::time::{Clock, Moment, later, seconds};
use super::wire::{Call, Reply};
use super::xml::Element;
use super::{oauth, rest, soap};
use std::collections::{BTreeMap, BTreeSet};

/// A user of the org.
pub(super) struct User {
    pub(super) id: RecordId,
    pub(super) username: String,
    pub(super) permissions: BTreeSet<String>,
}

/// A call that will be applied when the clock gets there.
pub(super) struct Late {
    pub(super) due: Moment,
    pub(super) operation: Operation,
    call: Call,
    actor: Option<Actor>,
}

/// The org.
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) chance: Chance,
    pub(super) org: RecordId,
    pub(super) base_url: String,
    pub(super) switches: Switches,
    pub(super) users: Vec<User>,
    pub(super) apps: Vec<App>,
    /// Auth Providers by name and the consumer key that they hold.
    pub(super) auth_providers: Vec<(String, String)>,
    pub(super) sessions: Sessions,
    pub(super) faults: Faults,
    pub(super) late: Vec<Late>,
    /// Every deploy there ever was, in the order in which they came.
    pub(super) deploys: Vec<soap::Deploy>,
    /// Every retrieve, likewise.
    pub(super) retrieves: Vec<soap::Retrieve>,
    /// Queries of which a next page can be asked for, oldest first.
    pub(super) cursors: Vec<rest::Cursor>,
    /// In what a client departed from the published WSDL and was served all the same, as Salesforce does.
    pub(super) departures: BTreeSet<&'static str>,
    /// The org's own settings for External Client Apps, but for what is a switch.
    pub(super) org_settings: Element,
    /// From when on secrets are served over REST, where the switch is on.
    pub(super) secret_api_from: Moment,
    pub(super) counters: BTreeMap<&'static str, u64>,
    pub(super) api_used: u64,
    /// Since when they are counted: a day.
    pub(super) api_since: Moment,
    pub(super) api_limit: u64,
    pub(super) next_id: u64,
}

/// After which the count of API calls begins anew, in seconds.
const DAY: u64 = 86_400;

/// What becomes of a call after the faults were asked.
pub(super) struct Met {
    pub(super) operation: Operation,
    pub(super) wait_ms: u64,
    pub(super) action: Option<Action>,
}

impl World {
    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// A new record id.
    pub(super) fn id(&mut self, prefix: &str) -> RecordId {
        self.next_id += 1;
        RecordId::new(prefix, self.next_id)
    }

    pub(super) fn user_named(&self, username: &str) -> Option<&User> {
        self.users.iter().find(|user| user.username == username)
    }

    pub(super) fn user(&self, id: &RecordId) -> Option<&User> {
        self.users.iter().find(|user| user.id == *id)
    }

    /// The app of a name, of one kind if that is given.
    pub(super) fn app_named(&mut self, name: &str, kind: Option<Kind>) -> Option<&mut App> {
        self.apps
            .iter_mut()
            .find(|app| !app.deleted && app.name == name && kind.is_none_or(|kind| kind == app.kind))
    }

    /// The app that `key` has ever belonged to; of one that was migrated, what it was migrated to.
    pub(super) fn app_of_key(&mut self, key: &str) -> Option<&mut App> {
        let owner = |live: bool| move |app: &App| app.owns(key) && !(live && app.read_only);
        let place = self
            .apps
            .iter()
            .position(owner(true))
            .or_else(|| self.apps.iter().position(owner(false)))?;
        self.apps.get_mut(place)
    }

    /// Judges a client as the token endpoint would, and counts it.
    pub(super) fn judge(&mut self, key: &str, secret: Option<&str>, at: Moment, vacuous: bool) -> Verdict {
        match self.app_of_key(key) {
            None => Verdict::UnknownClient,
            Some(app) => {
                let vacuous = vacuous && app.secret_optional() && app.switches.secret_optional_is_vacuous;
                let switches = app.switches.clone();
                app.consumer_of(key).map_or(Verdict::UnknownClient, |consumer| {
                    judge(&mut consumer.credentials, key, secret, at, &switches, vacuous)
                })
            }
        }
    }

    /// Ends the sessions of an app's former pair, where the switch says that this moment does it.
    pub(super) fn tokens_die(&mut self, app: &str, generation: u64, moment: TokensDie) {
        let switch = self
            .apps
            .iter()
            .find(|one| one.name == app)
            .map(|one| one.switches.tokens_die);
        if switch == Some(moment) {
            self.sessions.end_of(app, generation);
        }
    }

    /// Recomputes what each app's overrides make of the org's switches.
    ///
    /// # Errors
    /// When an override does not fit.
    pub(super) fn set_switches(&mut self, switches: Switches) -> Result<(), String> {
        let effective: Result<Vec<Switches>, String> = self
            .apps
            .iter()
            .map(|app| switches.with(&app.overrides))
            .collect();
        for (app, switches) in self.apps.iter_mut().zip(effective?) {
            app.switches = switches;
        }
        self.switches = switches;
        Ok(())
    }

    /// Applies every late write whose time has come, each at its own time.
    pub(super) fn settle(&mut self) {
        let now = self.now();
        self.late.sort_by_key(|late| late.due);
        while self.late.first().is_some_and(|late| late.due <= now) {
            let late = self.late.remove(0);
            soap::run_deploys(self, late.due);
            // Nobody is left to hear the answer.
            drop(self.apply(&late.operation, &late.call, late.actor.as_ref(), late.due));
        }
        soap::run_deploys(self, now);
    }

    /// Reads a call's meaning, counts it, and asks the fault rules.
    pub(super) fn meet(&mut self, call: &Call) -> Met {
        self.settle();
        let operation = Operation::of(call);
        *self.counters.entry(operation.name()).or_insert(0) += 1;
        let app = self.subject(&operation, call);
        let (wait_ms, action) = self.faults.meet(operation.name(), app.as_deref());
        Met {
            operation,
            wait_ms,
            action,
        }
    }

    /// The name of the app that a call is about.
    fn subject(&mut self, operation: &Operation, call: &Call) -> Option<String> {
        match operation {
            Operation::Token(_) | Operation::Introspect => {
                let id = oauth::client_id_of(call)?;
                self.app_of_key(&id).map(|app| app.name.clone())
            }
            Operation::CredentialList { app, .. }
            | Operation::CredentialGet { app, .. }
            | Operation::UsageUsers { app, .. }
            | Operation::UsageEnd { app, .. }
            | Operation::Staged { app, .. } => self
                .apps
                .iter()
                .find(|one| one.id.is(app))
                .map(|one| one.name.clone()),
            Operation::Soap {
                envelope: Ok(envelope),
                ..
            } => envelope.first_name().map(str::to_owned),
            Operation::Soap { envelope: Err(_), .. }
            | Operation::Revoke
            | Operation::SoapLogin { .. }
            | Operation::Userinfo
            | Operation::Identity { .. }
            | Operation::Versions
            | Operation::Resources { .. }
            | Operation::Limits { .. }
            | Operation::Query { .. }
            | Operation::QueryMore { .. }
            | Operation::Usage { .. }
            | Operation::Unknown => None,
        }
    }

    /// Keeps a call to be applied `wait` seconds from now. Its session is judged now: it has arrived.
    pub(super) fn postpone(&mut self, operation: Operation, call: Call, wait: u64) {
        let due = later(self.now(), seconds(wait));
        let actor = self.actor(&operation, &call);
        self.late.push(Late {
            due,
            operation,
            call,
            actor,
        });
    }

    /// Applies a call now, and answers it.
    pub(super) fn answer(&mut self, operation: &Operation, call: &Call) -> Reply {
        self.settle();
        let at = self.now();
        let actor = self.actor(operation, call);
        let rest = !operation.is_oauth() && !operation.is_soap() && !matches!(operation, Operation::Versions);
        if rest && actor.is_some() {
            if at >= later(self.api_since, seconds(DAY)) {
                self.api_used = 0;
                self.api_since = at;
            }
            self.api_used += 1;
            if self.api_used > self.api_limit {
                return rest::limit_exceeded().with("Sforce-Limit-Info", self.limit_info());
            }
        }
        let reply = self.apply(operation, call, actor.as_ref(), at);
        if rest && actor.is_some() {
            reply.with("Sforce-Limit-Info", self.limit_info())
        } else {
            reply
        }
    }

    /// The limits header of REST answers (M §6).
    pub(super) fn limit_info(&self) -> String {
        format!("api-usage={}/{}", self.api_used, self.api_limit)
    }

    /// Whose session a call carries; touching it lets it live on.
    fn actor(&mut self, operation: &Operation, call: &Call) -> Option<Actor> {
        let now = self.now();
        match operation {
            Operation::Soap {
                envelope: Ok(envelope),
                ..
            } => self.sessions.touch(envelope.session_id()?, now),
            Operation::Soap { envelope: Err(_), .. }
            | Operation::SoapLogin { .. }
            | Operation::Token(_)
            | Operation::Introspect
            | Operation::Revoke => None,
            Operation::Userinfo
            | Operation::Identity { .. }
            | Operation::Versions
            | Operation::Resources { .. }
            | Operation::Limits { .. }
            | Operation::Query { .. }
            | Operation::QueryMore { .. }
            | Operation::Usage { .. }
            | Operation::UsageUsers { .. }
            | Operation::UsageEnd { .. }
            | Operation::CredentialList { .. }
            | Operation::CredentialGet { .. }
            | Operation::Staged { .. }
            | Operation::Unknown => self.sessions.touch(call.bearer()?, now),
        }
    }

    fn apply(&mut self, operation: &Operation, call: &Call, actor: Option<&Actor>, at: Moment) -> Reply {
        match operation {
            Operation::Token(grant) => oauth::token(self, *grant, call, at),
            Operation::Introspect => oauth::introspect(self, call, at),
            Operation::Revoke => oauth::revoke(self, call),
            Operation::Soap { version, envelope } => soap::serve(self, *version, envelope, call, actor, at),
            Operation::SoapLogin { version } => soap::login(*version),
            Operation::Versions => rest::versions(&self.switches),
            Operation::Unknown => rest::not_found("The requested resource does not exist"),
            Operation::Userinfo
            | Operation::Identity { .. }
            | Operation::Resources { .. }
            | Operation::Limits { .. }
            | Operation::Query { .. }
            | Operation::QueryMore { .. }
            | Operation::Usage { .. }
            | Operation::UsageUsers { .. }
            | Operation::UsageEnd { .. }
            | Operation::CredentialList { .. }
            | Operation::CredentialGet { .. }
            | Operation::Staged { .. } => match actor {
                Some(actor) => rest::serve(self, operation, call, actor, at),
                None => rest::session_expired(),
            },
        }
    }
}
