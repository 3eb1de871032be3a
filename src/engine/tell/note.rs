//! One note about an app as one sentence.

use super::event::judged;
use super::sentence;
use crate::engine::health::Health;
use crate::engine::note::Note;
use crate::engine::service::ServiceNote;

/// One note in words. `stores` are those of the rotation that it belongs to.
pub fn note_sentence(note: &Note, stores: &[String]) -> String {
    match note {
        Note::Adopted {
            pair, found, proof, ..
        } => format!("adopted: {} {found} is {}", pair.short(), judged(proof)),
        Note::Unadopted { why } => format!("not adopted yet: {why}"),
        Note::Adopting { store, pair } => {
            format!("about to write {} to {store}, which lacks it", pair.short())
        }
        Note::Started {
            method,
            stores,
            reason,
            by,
            ..
        } => format!(
            "rotation started by {by}, method {method}, stores {}: {reason}",
            stores.join(", ")
        ),
        Note::Step { step } => sentence(step, stores),
        Note::Behind { why } => format!("held: {why}"),
        Note::Inherited { rotations } => {
            let ids: Vec<String> = rotations.iter().map(ToString::to_string).collect();
            format!(
                "found values of rotations that are older than this journal: {}",
                ids.join(", ")
            )
        }
        Note::AsideProbed {
            store,
            version,
            alive,
        } => format!(
            "the value set aside in store {store} as version {version} is {}",
            if *alive {
                "ACCEPTED by Salesforce"
            } else {
                "not accepted"
            }
        ),
        Note::LiveChecked { health } => health_sentence(health),
        Note::Overdue { past: true, why, .. } => format!("OVERDUE: {why}"),
        Note::Overdue { past: false, why, .. } => format!("will be overdue: {why}"),
        Note::InTime => "not overdue any more: the policy was changed".into(),
        Note::RevokeAsked { ask } => format!(
            "LEAK of the {} credential {} said by {}: {}{}",
            ask.leaked.word(),
            ask.pair.short(),
            ask.by,
            ask.why,
            if ask.tokens {
                "; its live tokens are to be revoked too"
            } else {
                ""
            }
        ),
        Note::TokensRevoked { what, .. } => what.clone(),
        Note::RevokeLate { why } => format!("the leaked credential is NOT ended yet: {why}"),
        Note::HoldAsked { by, why } => format!("held by {by}: {why}"),
        Note::HoldLifted { by } => format!("hold lifted by {by}"),
    }
}

/// What the live check found, in words.
pub fn health_sentence(health: &Health) -> String {
    match health {
        Health::Fine => "the current credential is accepted, and the same in every store".into(),
        Health::Refused { stores, probe } => format!(
            "the current credential in {} is REFUSED: {}",
            stores.join(", "),
            judged(probe)
        ),
        Health::Disagree { why } => format!("the stores do not hold one credential: {why}"),
        Health::Foreign { why } => format!("the current credential is not the one that rekeyd knows: {why}"),
        Health::Unreadable { why, .. } => format!("what consumers read cannot be read by rekeyd: {why}"),
    }
}

/// A note about the service itself, in words.
pub fn service_sentence(note: &ServiceNote) -> String {
    match note {
        ServiceNote::Reloaded { apps } => format!("a new policy is in force, with {apps} apps"),
        ServiceNote::ReloadRefused { why } => {
            format!("a new policy was refused, and the one before stays in force: {why}")
        }
        ServiceNote::ClockJumped { by_ms } => {
            format!(
                "this machine's clock jumped by {}, or the machine slept",
                seconds(*by_ms)
            )
        }
        ServiceNote::ClockOff { org, by_ms } => format!(
            "this machine's clock is {} off the clock of org {org}: nothing scheduled is started there",
            seconds(*by_ms)
        ),
        ServiceNote::ClockRight { org } => format!("the clocks of this machine and of org {org} agree"),
        ServiceNote::LoginRefused { org, why } => format!("our own login to org {org} is refused: {why}"),
        ServiceNote::LoginEnding { org, at } => {
            format!("the certificate of our own login to org {org} ends {at}")
        }
        ServiceNote::BudgetSpent {
            org,
            used,
            limit,
            share,
        } => format!(
            "org {org} has used {used} of its {limit} daily requests: the clock starts no rotation there above {share}%"
        ),
        ServiceNote::BudgetFree { org } => {
            format!("org {org} has enough daily requests left: rotations start again")
        }
        ServiceNote::LoginFine { org } => format!("our own login to org {org} works"),
        ServiceNote::SwitchIntended { org, on } => {
            format!(
                "about to turn {} consumer secrets over REST in org {org}",
                on_or_off(*on)
            )
        }
        ServiceNote::SwitchSet { org, on: true } => {
            format!(
                "consumer secrets over REST are on in org {org}, by rekeyd, for as long as rotations need them"
            )
        }
        ServiceNote::SwitchSet { org, on: false } => {
            format!("consumer secrets over REST are off again in org {org}")
        }
        ServiceNote::SwitchNotSet { org, on, why } => format!(
            "consumer secrets over REST could not be turned {} in org {org}: {why}",
            on_or_off(*on)
        ),
        ServiceNote::SwitchStuck { org, why } => format!(
            "consumer secrets over REST are still on in org {org}, by rekeyd, and could not be turned off: {why}"
        ),
        ServiceNote::SwitchGone { org } => {
            format!(
                "somebody else has turned off consumer secrets over REST in org {org}, which rekeyd had turned on"
            )
        }
    }
}

fn on_or_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn seconds(by_ms: i64) -> String {
    format!("{:+} s", by_ms / 1000)
}
