//! The stores, the journal and Salesforce side by side: who knows which credential, and which side is behind.
//! Read-only; changes and rotates nothing.

use serde::Serialize;

use crate::engine::ledger::AppLedger;
use crate::engine::live::{self, Seen, look_at_stores};
use crate::engine::seat::Seat;
use crate::secret::Fingerprint;

/// One side's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// `store NAME`, `journal` or `salesforce`.
    pub side: String,
    /// The pair that it holds, by fingerprint; `None` where it holds, or shows, none.
    pub pair: Option<Fingerprint>,
    /// What Salesforce says to that pair; `None` where nobody can tell.
    pub accepted: Option<bool>,
    /// Why there is no word of it, or less than could be.
    pub note: Option<String>,
    /// It could not be read.
    #[serde(skip)]
    silent: bool,
}

/// All of them, and what it amounts to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Every side.
    pub sides: Vec<Side>,
    /// They agree, and what they agree on is accepted.
    pub agree: bool,
    /// For a person: which side is behind, and what to do.
    pub verdict: String,
}

/// Asks every side about one app.
pub async fn compare(seat: &Seat, ledger: &AppLedger) -> Comparison {
    let seen = look_at_stores(seat).await;
    let mut sides: Vec<Side> = seen.iter().map(store).collect();
    sides.push(Side {
        side: "journal".into(),
        pair: ledger.current,
        accepted: accepted(&seen, ledger.current),
        note: None,
        silent: false,
    });
    sides.push(match seat.target.survey().await {
        Ok(survey) => {
            let pair = survey.live.as_ref().map(|pair| seat.prints(pair).pair);
            Side {
                side: "salesforce".into(),
                pair,
                accepted: match (accepted(&seen, pair), &survey.live) {
                    (None, Some(pair)) => live::accepted(&seat.target.probe(pair).await.verdict),
                    (known, Some(_) | None) => known,
                },
                silent: false,
                note: pair
                    .is_none()
                    .then(|| "does not show the secret of this app".to_owned()),
            }
        }
        Err(fault) => silent("salesforce".into(), fault.to_string()),
    });
    // A rotation that is held, or has published, leaves one credential right.
    let between = |run: &&crate::engine::ledger::Run| run.state.hold().is_none() && !run.state.is_rotated();
    let (agree, verdict) = judge(&sides, &seat.app, ledger.running().filter(between).is_some());
    Comparison {
        sides,
        agree,
        verdict,
    }
}

fn store(seen: &Seen) -> Side {
    let side = format!("store {}", seen.store);
    match &seen.fault {
        None => Side {
            side,
            pair: seen.pair,
            accepted: seen.accepted(),
            note: seen.pair.is_none().then(|| "holds no credential".to_owned()),
            silent: false,
        },
        Some(fault) => silent(side, fault.to_string()),
    }
}

fn silent(side: String, note: String) -> Side {
    Side {
        side,
        pair: None,
        accepted: None,
        note: Some(note),
        silent: true,
    }
}

fn accepted(seen: &[Seen], pair: Option<Fingerprint>) -> Option<bool> {
    let same = seen.iter().find(|seen| pair.is_some() && seen.pair == pair);
    same.and_then(Seen::accepted)
}

/// Which side is behind. Salesforce decides what is right; where it does not show the secret, what it accepts does.
fn judge(sides: &[Side], app: &str, running: bool) -> (bool, String) {
    if running {
        let text = "a rotation is under way: two credentials are right for a while";
        return (false, text.into());
    }
    let right = sides
        .iter()
        .find(|side| side.side == "salesforce" && side.pair.is_some())
        .or_else(|| sides.iter().find(|side| side.accepted == Some(true)))
        .and_then(|side| side.pair);
    let Some(right) = right else {
        let text = match sides.iter().any(|side| side.accepted == Some(false)) {
            true => format!(
                "no side has a credential that Salesforce accepts: it was rotated elsewhere; hand the live pair over \
                 with `rekeyd submit {app}`"
            ),
            false => "nobody can tell now which credential is right".to_owned(),
        };
        return (false, text);
    };
    let others = sides
        .iter()
        .filter(|side| side.side != "salesforce" && side.pair != Some(right));
    let (silent, behind): (Vec<&Side>, Vec<&Side>) = others.partition(|side| side.silent);
    if !silent.is_empty() {
        let names = silent.iter().map(|side| side.side.as_str()).collect::<Vec<_>>();
        let text = format!(
            "{} cannot be read: put right what is named; a damaged value is never written over, so move it away, then \
             `rekeyd adopt {app}` gives the live one ({}) to whoever lacks it",
            names.join(" and "),
            right.short()
        );
        return (false, text);
    }
    let behind: Vec<&str> = behind.iter().map(|side| side.side.as_str()).collect();
    match behind.is_empty() {
        true => (true, format!("every side agrees on {}", right.short())),
        false => (
            false,
            format!(
                "{} {} behind: {} is the live one; `rekeyd adopt {app}` takes it over",
                behind.join(" and "),
                if behind.len() == 1 { "is" } else { "are" },
                right.short()
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(name: &str, pair: Option<u8>, accepted: Option<bool>) -> Side {
        Side {
            side: name.into(),
            pair: pair.map(|byte| Fingerprint([byte; 16])),
            accepted,
            note: None,
            silent: false,
        }
    }

    #[test]
    fn the_side_that_is_behind_is_named() {
        let all = |one: &[Side]| judge(one, "billing", false);
        let (agree, _) = all(&[
            side("store a", Some(1), Some(true)),
            side("journal", Some(1), Some(true)),
            side("salesforce", None, None),
        ]);
        assert!(agree);
        let (agree, text) = all(&[
            side("store a", Some(1), Some(false)),
            side("journal", Some(1), Some(false)),
            side("salesforce", Some(2), Some(true)),
        ]);
        assert!(
            !agree && text.starts_with("store a and journal are behind"),
            "{text}"
        );
        let (_, text) = all(&[
            side("store a", Some(2), Some(true)),
            side("journal", Some(1), None),
            side("salesforce", None, None),
        ]);
        assert!(text.starts_with("journal is behind"), "{text}");
        let (_, text) = all(&[
            side("store a", Some(1), Some(false)),
            side("journal", Some(1), Some(false)),
            side("salesforce", None, None),
        ]);
        assert!(text.contains("rekeyd submit billing"), "{text}");
    }
}
