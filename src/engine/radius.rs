//! Who is hit when a leaked credential is ended: read, put into words, and changed by nothing here.
//!
//! The stores are read as they are now, and the org is asked what it can count. What cannot be known is said to be
//! unknown. A credential stands here by its short print only.

use std::sync::Arc;

use futures_util::future::{join, join_all};
use serde::Serialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::doctor::observed::{Kind, Touched};
use crate::engine::emergency::{Leaked, Way};
use crate::engine::examine::Exam;
use crate::engine::seat::Seat;
use crate::engine::tell::{self, AppKind};
use crate::port::Place;
use crate::rotation::{RotationId, ValueBy};
use crate::secret::Fingerprint;

/// What a person is told before anything is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Radius {
    /// The app.
    pub app: String,
    /// `previous` or `current`.
    pub leaked: &'static str,
    /// The credential's print, cut short.
    pub credential: Option<String>,
    /// What a confirmation does.
    pub will: String,
    /// Whether it does anything.
    pub possible: bool,
    /// There is nothing to end: it is dead already.
    pub dead: bool,
    /// The rotation under way.
    pub rotation: Option<RotationId>,
    /// The method of the rotation that ends it.
    pub method: String,
    /// Old and new are both accepted for a while.
    pub overlap: bool,
    /// Where consumers read.
    pub stores: Vec<StoreRadius>,
    /// Who breaks, and when.
    pub breaks: Vec<String>,
    /// What can be counted.
    pub touched: Touched,
    /// What becomes of live tokens.
    pub tokens: String,
    /// What a person does where no call of ours can.
    pub steps: Vec<String>,
    /// A person has to do something first, or all of it.
    pub wants_a_person: bool,
    /// All of it for a person, line by line.
    pub lines: Vec<String>,
    /// What a confirmation must name; there is none where it would do nothing.
    pub confirm: Option<String>,
}

/// One store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoreRadius {
    /// Its name in the policy.
    pub store: String,
    /// The app's path or name there.
    pub path: String,
    /// What consumers read there now, beside the leaked one.
    pub holds: String,
    /// When that was published, if its value says so.
    pub published: Option<String>,
}

/// What the answer is made of.
pub struct Case {
    /// The app.
    pub seat: Arc<Seat>,
    /// How the org is asked.
    pub exam: Exam,
    /// The app's policy.
    pub policy: Value,
    /// Which credential leaked.
    pub leaked: Leaked,
    /// That one.
    pub pair: Option<Fingerprint>,
    /// What ending it comes to.
    pub way: Way,
    /// Live tokens too.
    pub tokens: bool,
    /// What a confirmation must name.
    pub token: String,
}

/// Looks, and puts it into words.
pub async fn look(case: Case) -> Radius {
    let stores = join_all((0..case.seat.stores.len()).map(|store| place(&case, store)));
    let (stores, touched) = join(stores, case.exam.examiner.touched(&case.exam.subject)).await;
    let caps = case.seat.target.capabilities();
    let possible = case.way.acts(case.tokens);
    let (will, steps) = will(&case);
    let mut radius = Radius {
        app: case.seat.app.clone(),
        leaked: case.leaked.word(),
        credential: case.pair.map(|pair| pair.short()),
        will,
        possible,
        dead: matches!(case.way, Way::Nothing { dead: true, .. }),
        rotation: case.way.rotation(),
        method: case.seat.method.clone(),
        overlap: caps.overlap,
        breaks: breaks(&case, &stores, caps.overlap, caps.key_changes),
        stores,
        touched,
        tokens: tokens(&case),
        steps,
        wants_a_person: case.way.is_held(),
        lines: Vec::new(),
        confirm: possible.then_some(case.token),
    };
    radius.lines = radius.told();
    radius
}

fn tokens(case: &Case) -> String {
    match (case.tokens, case.exam.subject.kind) {
        (false, Kind::External) => "live on: sessions to their time-out, refresh tokens to their policy; `--tokens` revokes \
                                    the refresh tokens as well"
            .into(),
        (false, Kind::Connected) => {
            format!("live on: sessions to their time-out, refresh tokens to their policy; {BY_HAND}")
        }
        (true, Kind::External) => "asked for: once the leaked credential is dead, every refresh token of the app is revoked, \
                                   of all its users, whichever consumer it was got by; sessions by client credentials or \
                                   JWT bearer last to their time-out"
            .into(),
        (true, Kind::Connected) => format!("asked for, and rekeyd cannot: {BY_HAND}"),
    }
}

/// Where the tokens of a Connected App are ended (salesforce-oauth-rest.md §4).
const BY_HAND: &str = "a person ends them in Setup > Connected Apps OAuth Usage > the app > Revoke All";

async fn place(case: &Case, store: usize) -> StoreRadius {
    let seat = &case.seat;
    let path = |at: &Value| at.get("path").and_then(Value::as_str).map(str::to_owned);
    let entry = case.policy.get("stores").and_then(|stores| stores.get(store));
    let (holds, published) = match seat.read(store, &Place::Current).await {
        Err(fault) => (format!("unknown: {fault}"), None),
        Ok(slot) => {
            let names = seat.stores.get(store).map(|at| &at.names);
            let stamp = slot.value.as_ref().zip(names);
            let published = stamp.and_then(|(value, names)| value.rotated_at(names));
            let pair = seat.credential(store, slot.value.as_ref());
            let print = pair.map(|pair| seat.prints(&pair).pair);
            let holds = match print {
                None => "no credential".to_owned(),
                Some(print) if Some(print) == case.pair => format!("the leaked one, {}", print.short()),
                Some(print) => format!("another one, {}", print.short()),
            };
            (holds, published.map(shown))
        }
    };
    StoreRadius {
        store: seat.store_name(store).to_owned(),
        path: entry.and_then(path).unwrap_or_else(|| "?".into()),
        holds,
        published,
    }
}

fn shown(at: Timestamp) -> String {
    at.to_string()
}

fn will(case: &Case) -> (String, Vec<String>) {
    let none = Vec::new();
    let waits = |held: &Option<(String, String)>| match held {
        Some((why, remedy)) => format!("; that rotation is HELD: {why}. What to do: {remedy}"),
        None => String::new(),
    };
    match &case.way {
        Way::Nothing { why, .. } => (format!("nothing is revoked: {why}"), none),
        Way::Barred { why, remedy } => (format!("nothing can be done now: {why}"), vec![remedy.clone()]),
        Way::ByHand { why, steps } => (
            format!("no call of rekeyd's ends it: {why}. A person does, step by step:"),
            steps.clone(),
        ),
        Way::CutGrace { rotation, until } => (
            format!("the grace of rotation {rotation} ends now and not {until}: the previous credential is revoked at once; nothing is minted"),
            none,
        ),
        Way::Retiring { rotation, words, .. } => (
            format!("nothing more can be done: rotation {rotation} is ending it already: {words}"),
            none,
        ),
        Way::Hurry {
            rotation,
            cut_over,
            held,
        } => {
            let stage = match cut_over {
                true => "is past its cutover: once every store has the new credential, this one is revoked with no grace",
                false => "is under way: it goes on, and revokes this one with no grace",
            };
            (format!("rotation {rotation} {stage}{}", waits(held)), none)
        }
        Way::Then {
            rotation,
            old,
            until,
            held,
        } => {
            let first = match (old, until) {
                (Some(old), Some(until)) => format!(
                    "first the previous credential {}, in grace until {until}, is revoked (rotation {rotation})",
                    old.short()
                ),
                (Some(old), None) => format!("first rotation {rotation} revokes the previous credential {}", old.short()),
                (None, _) => format!("first rotation {rotation} comes to its end"),
            };
            (format!("{first}; then a rotation begins, with no grace{}", waits(held)), none)
        }
        Way::Rotate if case.seat.target.capabilities().value_by == ValueBy::Person => (
            "a person is asked at once, outside windows and cool-down, to do this in Setup, step by step:".into(),
            tell::assisted_steps(&case.seat.app, AppKind::of(&case.policy)),
        ),
        Way::Rotate => (
            "a rotation begins now, outside windows and cool-down, with no grace: the leaked credential is revoked as soon as \
             every store has the new one"
                .into(),
            none,
        ),
    }
}

fn breaks(case: &Case, stores: &[StoreRadius], overlap: bool, key_changes: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let places: Vec<String> = stores
        .iter()
        .map(|at| format!("{} {}", at.store, at.path))
        .collect();
    let places = places.join(", ");
    match (&case.way, case.leaked) {
        (Way::Nothing { .. } | Way::Barred { .. } | Way::ByHand { .. } | Way::Retiring { .. }, _) => return lines,
        (Way::CutGrace { until, .. }, _) => lines.push(format!(
            "whoever has not read the new credential from {places} since it was published is refused at once, and not {until}"
        )),
        (Way::Then { old: Some(_), .. }, _) => lines.push(format!(
            "whoever has not read {places} since the last publication is refused at once"
        )),
        (Way::Then { old: None, .. } | Way::Hurry { .. } | Way::Rotate, _) => {}
    }
    if case.leaked == Leaked::Current {
        lines.push(match overlap {
            true => format!(
                "old and new overlap until {places} have the new credential; then whoever still uses the leaked one is \
                 refused, until it reads again"
            ),
            false => format!(
                "old and new do not overlap: every consumer is refused from the cutover until it reads the new credential \
                 from {places}"
            ),
        });
        if key_changes {
            lines.push(
                "the client id changes with the secret: a consumer that reads only the secret stays out"
                    .into(),
            );
        }
    }
    lines
}

impl Radius {
    fn told(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "{}: the {} credential, {}",
                self.app,
                self.leaked,
                self.credential.as_deref().unwrap_or("unknown")
            ),
            format!("  will     {}", self.will),
        ];
        let steps = (1..).zip(&self.steps);
        lines.extend(steps.map(|(number, step)| format!("           {number}. {step}")));
        let overlap = if self.overlap {
            "old and new overlap"
        } else {
            "old and new do not overlap"
        };
        lines.push(format!("  method   {}: {overlap}", self.method));
        for at in &self.stores {
            let published = at.published.as_deref().unwrap_or("at a time that nobody noted");
            lines.push(format!(
                "  store    {} {}: consumers read {}, published {published}",
                at.store, at.path, at.holds
            ));
        }
        lines.extend(self.breaks.iter().map(|line| format!("  breaks   {line}")));
        lines.extend(
            self.touched
                .lines()
                .iter()
                .map(|line| format!("  touches  {line}")),
        );
        lines.push(format!("  tokens   {}", self.tokens));
        lines
    }
}

/// What was set in motion, in words.
pub fn begun(way: &Way) -> String {
    let waits = |held: &Option<(String, String)>| match held {
        Some((_, remedy)) => format!(", as soon as a person has settled what holds it: {remedy}"),
        None => String::new(),
    };
    match way {
        Way::CutGrace { rotation, .. } => {
            format!("the grace of rotation {rotation} is over: the previous credential is being revoked")
        }
        Way::Retiring { rotation, .. } => format!("rotation {rotation} is ending it already"),
        Way::Hurry { rotation, held, .. } => {
            format!(
                "rotation {rotation} goes on and revokes it with no grace{}",
                waits(held)
            )
        }
        Way::Then { rotation, held, .. } => {
            format!(
                "rotation {rotation} comes to its end first; then one begins, with no grace{}",
                waits(held)
            )
        }
        Way::Rotate => "a rotation begins now, with no grace".into(),
        Way::Nothing { why, .. } => format!("nothing is left to revoke: {why}"),
        Way::Barred { why, .. } | Way::ByHand { why, .. } => why.clone(),
    }
}
