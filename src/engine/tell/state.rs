//! Where a rotation, or an app without one, stands.

use std::time::Duration;

use super::effect::to_do;
use super::event::moment;
use super::{AppKind, hold_words, in_setup};
use crate::clock::Timestamp;
use crate::engine::ledger::AppLedger;
use crate::rotation::{Effect, End, Mode, Rest, State};

/// Where a rotation stands, in a few words. `stores` are its stores by name.
pub fn state_words(state: &State, stores: &[String], now: Timestamp) -> String {
    match &state.rest {
        Rest::Ended(end) => return end.to_string(),
        Rest::Held { reason, .. } => return format!("held: {}", hold_words(reason, stores)),
        Rest::Running => {}
    }
    let doing = doing(state, stores, now);
    let waits_for_a_person = state.asks() && state.asked.is_some();
    match state
        .not_before
        .filter(|until| *until > now && !waits_for_a_person)
    {
        Some(until) => format!("{doing} (again at {})", moment(until)),
        None => doing,
    }
}

fn doing(state: &State, stores: &[String], now: Timestamp) -> String {
    let unknown = state
        .effects()
        .into_iter()
        .find(|effect| state.progress(*effect).is_unknown());
    if let Some(effect) = unknown {
        return format!("finding out whether this took: {}", to_do(effect, stores));
    }
    match &state.mode {
        Mode::Forward => {}
        Mode::Abort(_) => return "giving up, cleaning up".into(),
        Mode::Undo(_) if state.undo.is_done() => return "proving that the old credential works again".into(),
        Mode::Undo(_) => return "putting the old credential back in force".into(),
        Mode::GiveUp { .. } => return "rotated; its retirement is given up, cleaning up".into(),
    }
    if !state.baselined {
        return "looking at Salesforce and the stores".into();
    }
    if let Some(asked) = state.asked.filter(|_| state.asks()) {
        return super::ask::waiting(asked, now);
    }
    if state.is_rotated() {
        return retiring(state, stores, now);
    }
    if state.cutover.is_done() {
        let open = publishing(state);
        return match open {
            Some(effect) if state.proof.control => format!("about to {}", to_do(effect, stores)),
            Some(_) | None => "proving the new credential".into(),
        };
    }
    if !state.cutover.is_open() {
        return "putting the new credential in force".into();
    }
    if !state.mint.is_done() && state.new.is_none() {
        return "making the new credential".into();
    }
    match state.lanes.iter().position(|lane| !lane.pending.is_done()) {
        Some(store) => format!("about to {}", to_do(Effect::Store(store), stores)),
        None => "getting ready for the cutover".into(),
    }
}

fn publishing(state: &State) -> Option<Effect> {
    let open = state.lanes.iter().position(|lane| !lane.publish.is_done());
    open.map(Effect::Publish)
}

fn retiring(state: &State, stores: &[String], now: Timestamp) -> String {
    if let Some(store) = state.lanes.iter().position(|lane| !lane.clear.is_done()) {
        return format!("rotated; about to {}", to_do(Effect::Clear(store), stores));
    }
    if !state.caps.overlap {
        return "rotated; proving the old credential dead".into();
    }
    let ends = state.grace_ends().unwrap_or(now);
    if now < ends {
        format!("rotated; the old credential is in grace until {}", moment(ends))
    } else if state.revoke.is_done() {
        "rotated; proving the old credential dead".into()
    } else {
        "rotated; revoking the old credential".into()
    }
}

/// Where an app stands, and what a person can do about it if something is wanted of one.
pub fn status_words(ledger: &AppLedger, app: &str, now: Timestamp) -> (String, Option<String>) {
    if let Some((by, why)) = &ledger.hold {
        let help = format!("`rekeyd resume {app}` lets it go on");
        return (format!("held by {by}: {why}"), Some(help));
    }
    if let Some(run) = ledger.running() {
        let words = state_words(&run.state, &run.stores, now);
        let kind = AppKind::of(&run.policy);
        let remedy = |hold| in_setup(super::remedy(hold, app, run.state.is_rotated()), kind);
        let asked = super::request(&run.state, app, kind);
        return (words, run.state.hold().map(remedy).or(asked));
    }
    if let Some(end) = ledger.stopped_by() {
        return (format!("stopped: {end}"), super::stopped_remedy(ledger, app));
    }
    let emergency = ledger.emergency.as_ref();
    if let Some(emergency) = emergency.filter(|emergency| !emergency.is_settled(ledger)) {
        return (
            format!("about to be rotated at the word of {}", emergency.words()),
            None,
        );
    }
    match (ledger.adopted_at, &ledger.unadopted) {
        (Some(_), _) => match ledger.run.as_ref().and_then(|run| run.state.end()) {
            // Somebody may still hold a credential that works, and nothing of ours will end it.
            Some(end @ End::GivenUp { .. }) => (format!("resting; the last rotation: {end}"), None),
            Some(_) | None => ("resting".into(), None),
        },
        (None, Some(why)) => (format!("not adopted yet: {why}"), None),
        (None, None) => ("not looked at yet".into(), None),
    }
}

/// It is held or stopped, also where it looks again by itself; or a person is asked for something.
pub fn wants_a_person(ledger: &AppLedger) -> bool {
    let waits = |state: &State| state.hold().is_some() || (state.asks() && state.asked.is_some());
    let held = ledger.running().is_some_and(|run| waits(&run.state));
    held || ledger.hold.is_some() || ledger.stopped_by().is_some()
}

/// A duration in its two largest units: `3d 4h`, `2m 5s`.
pub fn duration_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, size) in units {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    parts.truncate(2);
    if parts.is_empty() {
        "0s".into()
    } else {
        parts.join(" ")
    }
}
