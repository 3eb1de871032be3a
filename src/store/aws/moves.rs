//! Moves of labels: the one conditional write of AWS, and which of them end what is pending.

use super::adapter::AwsStore;
use super::fault::Failed;
use super::labels::{CURRENT, Described, PENDING, PREVIOUS};
use super::requests::Which;
use super::seen;
use crate::port::{Fault, Outcome, Refusal};

/// Moves of one label: to nobody is a removal, from nobody an addition.
pub(super) struct Move {
    pub label: String,
    pub to: Option<String>,
    pub from: Option<String>,
}

impl AwsStore {
    /// The one conditional write of AWS, read back until it is seen.
    pub(super) async fn relabel(&self, order: &Move) -> Outcome<()> {
        let (to, from) = (order.to.as_deref(), order.from.as_deref());
        match self.requests.relabel(&order.label, to, from).await {
            Ok(()) => {}
            Err(Failed::Parameter(text) | Failed::Absent(text)) => {
                // Perhaps the version has gone.
                *self.last_put() = None;
                return match self.requests.describe().await {
                    Ok(Some(seen)) if seen.holder(&order.label) == from => {
                        Outcome::NotNow(Fault::Unavailable(format!(
                            "{text}, although {} is still with the version named",
                            order.label
                        )))
                    }
                    Ok(Some(_) | None) => Outcome::Refused(Refusal::Conflict(text)),
                    Err(fault) => Outcome::NotNow(fault),
                };
            }
            Err(failed) => return failed.outcome(),
        }
        let moved = seen::until(self.requests.connection().clock(), seen::WRITE, || async {
            // As readers ask.
            if order.label == CURRENT {
                let current = self.requests.get(Which::Current).await?;
                return Ok(current.as_ref().map(|version| version.id.as_str()) == to);
            }
            let seen = self.requests.describe().await?;
            Ok(seen.as_ref().and_then(|seen| seen.holder(&order.label)) == to)
        });
        match moved.await {
            true => Outcome::Done(()),
            false => Outcome::Unknown(format!(
                "the move of {} on `{}` was answered as a success and is not seen",
                order.label,
                self.secret()
            )),
        }
    }

    /// The first of several moves; the others are for later calls.
    pub(super) async fn first_of(&self, moves: Vec<Move>) -> Outcome<()> {
        let Some(first) = moves.first() else {
            return Outcome::Done(());
        };
        match self.relabel(first).await {
            Outcome::Done(()) if moves.len() > 1 => Outcome::Partly(format!(
                "{} is where it should be; the next label follows",
                first.label
            )),
            outcome @ (Outcome::Done(())
            | Outcome::Partly(_)
            | Outcome::Refused(_)
            | Outcome::NotNow(_)
            | Outcome::Unknown(_)) => outcome,
        }
    }
}

/// All that is left to do until nothing of the pending `version` is kept. Versions that are or were current need no
/// label of ours either: a crash may have left one there.
pub(super) fn ending(seen: &Described, version: &str) -> Vec<Move> {
    let holders = [Some(version), seen.holder(CURRENT), seen.holder(PREVIOUS)];
    let mut moves: Vec<Move> = holders
        .into_iter()
        .flatten()
        .flat_map(|holder| seen.ours(holder).map(move |label| (label, holder)))
        .map(|(label, holder)| Move {
            label: label.to_owned(),
            to: None,
            from: Some(holder.to_owned()),
        })
        .collect();
    // A version may be named twice among the holders, and a label is on one version only.
    moves.sort_by(|one, other| one.label.cmp(&other.label));
    moves.dedup_by(|one, other| one.label == other.label);
    if seen.holder(PENDING) == Some(version) {
        moves.push(rest(seen, version));
    }
    moves
}

/// Takes `AWSPENDING` off. What was published just loses it. Otherwise it goes to what is current, where it says that
/// nothing waits (AWS reads it so too): were it nowhere, a late write of the same rotation would find it free.
pub(super) fn rest(seen: &Described, version: &str) -> Move {
    let current = seen.holder(CURRENT).filter(|current| *current != version);
    Move {
        label: PENDING.into(),
        to: current.map(str::to_owned),
        from: Some(version.to_owned()),
    }
}

pub(super) fn conflict<T>(label: &str) -> Outcome<T> {
    let text = format!("{label} is not with the version named");
    Outcome::Refused(Refusal::Conflict(text))
}
