//! One event of a rotation as one sentence, the evidence of its probes included.

use super::effect::{done, in_words, to_do};
use super::{hold_words, store_name};
use crate::clock::Timestamp;
use crate::port::{ProbeReport, Refusal, Verdict};
use crate::rotation::{Effect, Event, Subject};
use crate::secret::Fingerprint;

/// One event in words. `stores` are the rotation's stores by name, in order.
pub fn sentence(event: &Event, stores: &[String]) -> String {
    match event {
        Event::Baselined {
            old, proof, orphan, ..
        } => baselined(*old, proof.as_ref(), orphan.as_deref()),
        Event::Recovered { new, .. } => format!(
            "found under way without a journal of it: {} is pending and the stores still hold the old credential as current",
            new.short()
        ),
        Event::Restarted => "rekeyd was restarted; looking again at what was under way".to_owned(),
        Event::Chosen { pair } => format!("chose a new secret, {}", pair.short()),
        Event::Intended { effect } => format!("about to {}", to_do(*effect, stores)),
        Event::Applied { effect, detail } => done(*effect, detail, stores),
        Event::Queued { effect, job } => format!(
            "Salesforce has taken it on as {job} and has yet to finish it: {}",
            to_do(*effect, stores)
        ),
        Event::Fetched { pair } => format!("read the new secret from Salesforce, {}", pair.short()),
        Event::Declined { effect, why } => declined(*effect, why, stores),
        Event::Postponed { effect, why } => {
            format!("could not {} yet: {why}", to_do(*effect, stores))
        }
        Event::Lost { effect, why } => format!(
            "nobody knows whether this took: {} ({why}); looking",
            to_do(*effect, stores)
        ),
        Event::FoundApplied { effect, detail } => {
            format!("looked, and it took: {}", done(*effect, detail, stores))
        }
        Event::FoundAbsent { effect } => format!(
            "looked, and it did not take: {}; no late write can come any more",
            to_do(*effect, stores)
        ),
        Event::Rebased { effect, base } => format!(
            "other keys of the value were changed by somebody else; will {} on top of version {base}",
            to_do(*effect, stores)
        ),
        Event::Disputed { effect, base } => format!(
            "somebody else's credential, refused so far, stands at version {base} where this was to go: {}",
            to_do(*effect, stores)
        ),
        Event::Blocked { effect, what } => blocked(*effect, what, stores),
        Event::ValueGone => "the new value is in no hand and no store any more; another will be made".into(),
        Event::Probed {
            subject,
            pair,
            beside,
        } => probed(*subject, pair, beside.as_ref()),
        Event::LateProof => {
            "this org does not take a staged credential before the cutover; it is proven after".into()
        }
        Event::Rechecked { .. } => "checked again right before the cutover: everything is as it was".into(),
        Event::Superseded { entry: Some(entry) } => {
            format!("every store has the new credential; the old one is entry {entry}")
        }
        Event::Superseded { entry: None } => {
            "every store has the new credential; the old one is gone from Salesforce already".into()
        }
        Event::OldUnknown => "the old secret is in nobody's hand: its end can be reported, not proven".into(),
        Event::Rotated => "rotated: proven, and published in every store".into(),
        Event::Deferred { until, why, .. } => {
            format!("waiting until {}: {}", moment(*until), in_words(why, stores))
        }
        Event::Held { reason, again } => held(&hold_words(reason, stores), *again),
        Event::Resumed {
            by,
            take_over: Some(what),
        } => format!("resumed by {by}, taking over {what}"),
        Event::Resumed { by, take_over: None } => format!("resumed by {by}"),
        Event::Aborting { why } => format!("giving up before the point of no return: {why}"),
        Event::Undoing { why } => format!("taking the cutover back: {why}"),
        Event::GivingUp {
            by,
            adopting: Some(pair),
            proof,
        } => {
            let proof = proof
                .as_ref()
                .map(|proof| format!(", which is {}", judged(proof)));
            format!(
                "superseded: retirement given up, because {by} adopted another credential, {}{}",
                pair.short(),
                proof.unwrap_or_default()
            )
        }
        Event::GivingUp {
            by, adopting: None, ..
        } => {
            format!("retirement given up by {by}: nothing more is revoked")
        }
        Event::GraceEnded { by } => format!(
            "grace ended by {by}: the old credential is revoked as soon as every store has the new one"
        ),
        Event::Asked { what, deadline } => super::ask::asked(*what, *deadline),
        Event::Reminded => "a person was reminded of what they are asked for".into(),
        Event::Handed { by, pair, .. } => format!("{by} handed a new credential over, {}", pair.short()),
        Event::TurnedAway { by, why } => {
            format!("a credential that {by} handed over was turned away, and nothing is changed: {why}")
        }
        Event::Neither { answer } => {
            format!("neither the old nor the new credential is accepted: {answer}")
        }
        Event::Former { keys } => format!(
            "{} of this app's earlier credentials may still be in the staged slot, and would be removed",
            keys.len()
        ),
        Event::Ended { end } => format!("ended: {end}"),
    }
}

fn baselined(old: Fingerprint, proof: Option<&ProbeReport>, orphan: Option<&str>) -> String {
    let mut text = format!("preflight passed: every store holds {} as current", old.short());
    if let Some(proof) = proof {
        text.push_str(&format!(", {}", judged(proof)));
    }
    if let Some(orphan) = orphan {
        text.push_str(&format!(
            "; staged entry {orphan} is removed first: it was given to us, or is this app's own of before"
        ));
    }
    text
}

fn declined(effect: Effect, why: &Refusal, stores: &[String]) -> String {
    format!("could not {}: {why}", to_do(effect, stores))
}

fn blocked(effect: Effect, what: &str, stores: &[String]) -> String {
    let place = match effect {
        Effect::Store(at) | Effect::Publish(at) | Effect::Clear(at) | Effect::Quarantine(at) => {
            store_name(stores, at)
        }
        Effect::Mint | Effect::Discard | Effect::Cutover | Effect::Undo | Effect::Revoke | Effect::Reset => {
            "Salesforce".into()
        }
    };
    format!("somebody else's credential stands in {place} ({what}); going on with the other stores first")
}

fn probed(subject: Subject, pair: &ProbeReport, beside: Option<&ProbeReport>) -> String {
    let (name, other) = match subject {
        Subject::Early => ("the staged credential", "its corrupted control"),
        Subject::New => ("the new credential", "its corrupted control"),
        Subject::Settle => ("the published credential", "its corrupted control"),
        Subject::Dead => ("the old credential", "the new one beside it"),
        Subject::Alive => ("the old credential", "its corrupted control"),
    };
    let mut text = format!("{name} is {}", judged(pair));
    if let Some(beside) = beside {
        text.push_str(&format!("; {other} is {}", brief(beside)));
    }
    text
}

/// A verdict with its evidence: `accepted (introspect at HOST: 200 active=false)`.
pub(super) fn judged(report: &ProbeReport) -> String {
    let ProbeReport {
        probe, host, answer, ..
    } = report;
    format!("{} ({probe} at {host}: {answer})", verdict(&report.verdict))
}

/// The same where probe and host were just named.
fn brief(report: &ProbeReport) -> String {
    format!("{} ({})", verdict(&report.verdict), report.answer)
}

fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "accepted",
        Verdict::Refused => "refused",
        Verdict::Inconclusive(_) => "neither accepted nor refused",
    }
}

fn held(why: &str, again: Option<Timestamp>) -> String {
    match again {
        Some(at) => format!("held: {why}; looking again by itself at {}", moment(at)),
        None => format!("held until a person decides: {why}"),
    }
}

/// To the second: nobody plans by milliseconds.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
