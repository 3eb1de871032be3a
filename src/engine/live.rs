//! The live check of one app: what do consumers read now, and does Salesforce take it? Read-only.
//!
//! It finds what no rotation would: a rotation that a person did in Setup, an edit of a store, a credential that was
//! revoked. One look may be wrong about a pair (answers mix for a while after any change), so what is wrong must be
//! seen [`TIMES`] times before it is told; what is right needs one look.

use std::time::Duration;

use crate::engine::health::Health;
use crate::engine::identity::same_as_another;
use crate::engine::seat::Seat;
use crate::port::{Fault, Place, ProbeReport, Verdict};
use crate::secret::{Credential, Fingerprint};

/// How often in a row the same thing has to be found wrong.
pub(super) const TIMES: u32 = 3;

/// Between two looks while something seems wrong; never longer than the usual distance.
pub(super) const AGAIN: Duration = Duration::from_secs(20);

/// One store, looked at.
pub(super) struct Seen {
    /// Its name.
    pub store: String,
    /// Why there is no word of it.
    pub fault: Option<Fault>,
    /// What it holds as current.
    pub pair: Option<Fingerprint>,
    /// Its key.
    pub key: Option<Fingerprint>,
    /// What Salesforce says to that.
    pub probe: Option<ProbeReport>,
}

impl Seen {
    /// Whether the store itself answered, be it that what it holds is of no use.
    pub fn up(&self) -> bool {
        match self.fault {
            Some(Fault::Unavailable(_) | Fault::Throttled { .. }) => false,
            Some(
                Fault::Unauthorized(_)
                | Fault::Forbidden(_)
                | Fault::SwitchedOff(_)
                | Fault::NotFound(_)
                | Fault::Unusable(_),
            )
            | None => true,
        }
    }

    /// Whether the pair is accepted; `None` where nobody can tell.
    pub fn accepted(&self) -> Option<bool> {
        accepted(&self.probe.as_ref()?.verdict)
    }
}

/// Whether a pair is accepted; `None` where nobody can tell.
pub(super) fn accepted(verdict: &Verdict) -> Option<bool> {
    match verdict {
        Verdict::Accepted => Some(true),
        Verdict::Refused => Some(false),
        Verdict::Inconclusive(_) => None,
    }
}

/// What Salesforce shows of the pair in force.
pub(super) struct Primary {
    /// Its key.
    pub key: Fingerprint,
    /// The pair, where its secret is shown too.
    pub pair: Option<Fingerprint>,
}

/// Looks at every store, and asks once about each pair that is found. Where all of them are accepted, Salesforce is
/// asked which pair is in force: a former one may be accepted beside it for weeks.
pub(super) async fn look(seat: &Seat) -> (Vec<Seen>, Option<Primary>) {
    let seen = look_at_stores(seat).await;
    let accepted = !seen.is_empty() && seen.iter().all(|seen| seen.accepted() == Some(true));
    let primary = match accepted {
        // What cannot be read now says nothing.
        true => match seat.target.survey().await {
            Ok(survey) => {
                // A rotation is what asks; here it is only noted.
                let _noted = same_as_another(seat, &survey).await;
                survey.key.as_deref().map(|key| Primary {
                    key: seat.house.prints.key_print(key),
                    pair: survey.live.as_ref().map(|pair| seat.prints(pair).pair),
                })
            }
            Err(_) => None,
        },
        false => None,
    };
    (seen, primary)
}

/// The stores' part of it.
pub(super) async fn look_at_stores(seat: &Seat) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::with_capacity(seat.stores.len());
    for (index, at) in seat.stores.iter().enumerate() {
        let (value, fault) = match at.store.read(&Place::Current).await {
            Ok(slot) => (slot.value, None),
            Err(fault) => (None, Some(fault)),
        };
        let pair: Option<Credential> = seat.credential(index, value.as_ref());
        let prints = pair.as_ref().map(|pair| seat.prints(pair));
        let print = prints.map(|prints| prints.pair);
        let before = seen.iter().find(|other| other.pair == print);
        let probe = match (&pair, before.map(|other| other.probe.clone())) {
            (_, Some(known)) => known,
            (Some(pair), None) => Some(seat.target.probe(pair).await),
            (None, None) => None,
        };
        seen.push(Seen {
            store: at.store.name().to_owned(),
            fault,
            pair: print,
            key: prints.map(|prints| prints.key),
            probe,
        });
    }
    seen
}

/// What it amounts to; `None` where nobody can tell. `known` is the pair that the journal calls current.
pub(super) fn judge(seen: &[Seen], known: Option<Fingerprint>, primary: Option<&Primary>) -> Option<Health> {
    let answered: Vec<&Seen> = seen.iter().filter(|seen| seen.fault.is_none()).collect();
    let refused = || answered.iter().filter(|seen| seen.accepted() == Some(false));
    if let Some(probe) = refused().find_map(|seen| seen.probe.clone()) {
        let stores = refused().map(|seen| seen.store.clone()).collect();
        return Some(Health::Refused { stores, probe });
    }
    let held = || {
        let words = answered.iter().map(|seen| match seen.pair {
            Some(pair) => format!("{} holds {}", seen.store, pair.short()),
            None => format!("{} holds none", seen.store),
        });
        words.collect::<Vec<_>>().join(", ")
    };
    let first = answered.first();
    if first.is_some_and(|first| first.pair.is_none() || answered.iter().any(|seen| seen.pair != first.pair))
    {
        return Some(Health::Disagree { why: held() });
    }
    // Fine is what every store was seen to hold. One that cannot be read takes back no alert.
    if let Some(unreadable) = unreadable(seen) {
        return Some(unreadable);
    }
    let first = first?;
    first.accepted().filter(|accepted| *accepted)?;
    let elsewhere = primary.filter(|primary| {
        let other_pair = primary.pair.is_some_and(|pair| Some(pair) != first.pair);
        Some(primary.key) != first.key || other_pair
    });
    if let Some(primary) = elsewhere {
        return Some(Health::Foreign {
            why: format!(
                "Salesforce holds another one as primary (key {}), and still accepts what the stores hold: {}",
                primary.key.short(),
                held()
            ),
        });
    }
    match known == first.pair {
        true => Some(Health::Fine),
        false => Some(Health::Foreign {
            why: format!(
                "{}, where {} was published last",
                held(),
                known.map_or_else(|| "none".into(), |print| print.short())
            ),
        }),
    }
}

fn unreadable(seen: &[Seen]) -> Option<Health> {
    let silent: Vec<(&Seen, &Fault)> = seen
        .iter()
        .filter_map(|seen| Some((seen, seen.fault.as_ref()?)))
        .collect();
    let words = silent
        .iter()
        .map(|(seen, fault)| format!("{}: {fault}", seen.store));
    (!silent.is_empty()).then(|| Health::Unreadable {
        stores: silent.iter().map(|(seen, _)| seen.store.clone()).collect(),
        why: words.collect::<Vec<_>>().join("; "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn print(byte: u8) -> Fingerprint {
        Fingerprint([byte; 16])
    }

    fn seen(store: &str, pair: Option<u8>, verdict: Verdict) -> Seen {
        Seen {
            store: store.into(),
            fault: None,
            pair: pair.map(print),
            key: pair.map(|byte| print(byte + 100)),
            probe: pair.map(|_| ProbeReport {
                verdict,
                probe: "introspect".into(),
                host: "acme".into(),
                answer: "200".into(),
                at: Timestamp(0),
            }),
        }
    }

    fn down(store: &str) -> Seen {
        Seen {
            fault: Some(Fault::Unusable("no JSON object".into())),
            ..seen(store, None, Verdict::Accepted)
        }
    }

    #[test]
    fn one_accepted_pair_everywhere_that_is_known_is_fine() {
        let both = [
            seen("a", Some(1), Verdict::Accepted),
            seen("b", Some(1), Verdict::Accepted),
        ];
        assert_eq!(judge(&both, Some(print(1)), None), Some(Health::Fine));
        assert!(matches!(
            judge(&both, Some(print(2)), None),
            Some(Health::Foreign { .. })
        ));
    }

    #[test]
    fn a_refused_pair_is_louder_than_a_difference() {
        let mixed = [
            seen("a", Some(1), Verdict::Accepted),
            seen("b", Some(2), Verdict::Refused),
        ];
        let Some(Health::Refused { stores, .. }) = judge(&mixed, Some(print(1)), None) else {
            panic!("a refused pair was not told");
        };
        assert_eq!(stores, ["b"]);
        let differ = [
            seen("a", Some(1), Verdict::Accepted),
            seen("b", Some(2), Verdict::Accepted),
        ];
        assert!(matches!(
            judge(&differ, Some(print(1)), None),
            Some(Health::Disagree { .. })
        ));
        let empty = [
            seen("a", Some(1), Verdict::Accepted),
            seen("b", None, Verdict::Accepted),
        ];
        assert!(matches!(
            judge(&empty, Some(print(1)), None),
            Some(Health::Disagree { .. })
        ));
    }

    #[test]
    fn a_store_that_cannot_be_read_is_never_fine() {
        let unreadable = |silent: &[&str]| {
            let words = silent
                .iter()
                .map(|store| format!("{store}: unusable: no JSON object"));
            Some(Health::Unreadable {
                stores: silent.iter().map(ToString::to_string).collect(),
                why: words.collect::<Vec<_>>().join("; "),
            })
        };
        let silent = [down("a"), down("b")];
        assert_eq!(judge(&silent, Some(print(1)), None), unreadable(&["a", "b"]));
        let one = [down("a"), seen("b", Some(1), Verdict::Accepted)];
        assert_eq!(judge(&one, Some(print(1)), None), unreadable(&["a"]));
        // What is known to be wrong is louder than what is not known.
        let refused = [down("a"), seen("b", Some(1), Verdict::Refused)];
        let judged = judge(&refused, Some(print(1)), None);
        assert!(matches!(judged, Some(Health::Refused { .. })), "{judged:?}");
        let empty = [down("a"), seen("b", None, Verdict::Accepted)];
        let judged = judge(&empty, Some(print(1)), None);
        assert!(matches!(judged, Some(Health::Disagree { .. })), "{judged:?}");
    }

    #[test]
    fn a_probe_without_an_answer_says_nothing() {
        let unclear = [seen("a", Some(1), Verdict::Inconclusive("503".into()))];
        assert_eq!(judge(&unclear, Some(print(1)), None), None);
    }

    #[test]
    fn another_pair_in_force_is_foreign_although_the_stores_pair_is_still_accepted() {
        let both = [
            seen("a", Some(1), Verdict::Accepted),
            seen("b", Some(1), Verdict::Accepted),
        ];
        let primary = |key: u8, pair: Option<u8>| Primary {
            key: print(key),
            pair: pair.map(print),
        };
        for fine in [primary(101, None), primary(101, Some(1))] {
            assert_eq!(judge(&both, Some(print(1)), Some(&fine)), Some(Health::Fine));
        }
        for other in [primary(102, None), primary(102, Some(2)), primary(101, Some(2))] {
            let judged = judge(&both, Some(print(1)), Some(&other));
            assert!(matches!(judged, Some(Health::Foreign { .. })), "{judged:?}");
        }
    }
}
