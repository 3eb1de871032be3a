//! Examines an app: what the org and the app are fit for, what its stores permit, and whether the pair that consumers
//! read can be proven. Changes nothing anywhere. What it all means is judged in `doctor`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::doctor::observed::{AppSeen, Known, Lack, OrgAsked, Proof, Seen, StoreSeen, Subject, Touched};
use crate::doctor::{self, AppReport, MethodVerdict, OrgFindings, Way};
use crate::engine::ledger::{AppLedger, Ledgers};
use crate::engine::seat::Seat;
use crate::port::{Examiner, Fault, Place, Slot, Verdict};
use crate::rotation::{End, Tri};
use crate::secret::Credential;

/// How an app is examined.
#[derive(Clone)]
pub struct Exam {
    /// Asks Salesforce.
    pub examiner: Arc<dyn Examiner>,
    /// What the policy says of the org.
    pub org: OrgAsked,
    /// What the policy says of the app.
    pub subject: Subject,
}

/// What is remembered of an app's examination: outside the history, since it can be found out again. Holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// When.
    pub at: Timestamp,
    /// The org's name in the policy.
    pub org: String,
    /// Salesforce's id of the org.
    pub id: Option<String>,
    /// The newest API version that the org offered then.
    pub version: u32,
    /// What the policy listed then.
    pub listed: Vec<String>,
    /// One of them can be used, and every question was answered.
    pub settled: bool,
    /// What was found about each method.
    pub methods: Vec<MethodVerdict>,
    /// Who is touched when the key changes, where a listed method changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched: Option<Touched>,
}

impl Remembered {
    /// The name under which it is kept.
    pub fn name(app: &str) -> String {
        format!("doctor {app}")
    }

    /// Whether it is settled, young enough, and about what the policy lists now.
    pub fn stands(&self, now: Timestamp, longest: Duration, listed: &[String]) -> bool {
        self.settled && now.since(self.at) < longest && self.listed == listed
    }
}

/// Examines the org of `exam`.
pub async fn org(exam: &Exam) -> OrgFindings {
    doctor::org(&exam.org, &exam.examiner.org().await)
}

/// Examines the app of `exam` in an org that was examined before. `grace` is what a rotation would leave.
pub async fn app(
    seat: &Seat,
    exam: &Exam,
    org: &OrgFindings,
    grace: Duration,
    mut known: Known,
) -> AppReport {
    let seen = exam.examiner.app(&exam.subject).await;
    let places = join_all((0..seat.stores.len()).map(|store| place(seat, store, grace))).await;
    known.slot_is_ours = slot_is_ours(&seen, &places);
    let proof = proof(seat, &seen, &places).await;
    let stores: Vec<StoreSeen> = places.into_iter().map(|place| place.seen).collect();
    let touched = match changes_key(&exam.subject) {
        true => Some(exam.examiner.touched(&exam.subject).await),
        false => None,
    };
    AppReport {
        touched,
        ..doctor::app(&exam.subject, org, &seen, &stores, &proof, &known)
    }
}

/// One of the listed methods changes the client id too (salesforce-oauth-rest.md §1, §2).
fn changes_key(subject: &Subject) -> bool {
    let ways = subject.listed.iter().filter_map(|word| Way::of(word));
    ways.into_iter().any(|way| match way {
        Way::Staged | Way::Assisted => true,
        Way::Regenerate | Way::Update => false,
    })
}

/// What the journal knows of an app, for its examination.
pub fn known(ledgers: &Ledgers, app: &str, org: &str) -> Known {
    let none = AppLedger::default();
    let ledger = ledgers.apps.get(app).unwrap_or(&none);
    Known {
        running: ledger.running().is_some(),
        slot_is_ours: false,
        in_place: in_place(ledgers, org),
        proves_early: match ledger.proves_early {
            Tri::Yes => Some(true),
            Tri::No => Some(false),
            Tri::Unknown => None,
        },
    }
}

/// What the last rotation by `update` in an org came to: one that was proven says that the org applies it.
fn in_place(ledgers: &Ledgers, org: &str) -> Option<(bool, String)> {
    let of_org = |policy: &serde_json::Value| policy.get("org").and_then(|name| name.as_str()) == Some(org);
    let runs = ledgers
        .apps
        .iter()
        .filter_map(|(app, ledger)| Some((app, ledger.run.as_ref()?)));
    let runs = runs.filter(|(_, run)| run.method == "update" && of_org(&run.policy));
    let told = runs.filter_map(|(app, run)| {
        let at = run.last_at;
        let end = run.state.end();
        let refused = match end {
            Some(End::Ignored) => Some("answered success and changed nothing".to_owned()),
            Some(End::NotOffered { why }) => Some(format!("refused it ({why})")),
            Some(End::Done { .. } | End::Abandoned { .. } | End::Undone { .. } | End::GivenUp { .. })
            | None => None,
        };
        match (run.state.is_rotated(), refused) {
            (true, _) => Some((at, true, format!("app {app} was rotated by it, proven at {at}"))),
            (false, Some(how)) => Some((at, false, format!("for app {app} it {how}, at {at}"))),
            (false, None) => None,
        }
    });
    told.max_by_key(|(at, ..)| *at)
        .map(|(_, applies, how)| (applies, how))
}

/// One place, and the pairs that are read there. They go no further than this file.
struct Held {
    seen: StoreSeen,
    current: Option<Credential>,
    pending: Option<Credential>,
}

async fn place(seat: &Seat, store: usize, grace: Duration) -> Held {
    let name = seat.store_name(store).to_owned();
    let obstacles = match seat.stores.get(store) {
        Some(at) => at.store.obstacles(grace).await.into(),
        None => Seen::unasked(),
    };
    let current = seat.read(store, &Place::Current).await;
    let pending = seat.read(store, &Place::Pending).await;
    let pair = |slot: &Result<Slot, Fault>| seat.credential(store, slot.as_ref().ok()?.value.as_ref());
    let (held, waiting) = (pair(&current), pair(&pending));
    let holds = match current {
        // A path that was never written is an empty one.
        Err(Fault::NotFound(_)) => Seen::Is(false),
        answer => answer.map(|_| held.is_some()).into(),
    };
    // Who cannot read the place is told so once: an obstacle or the reading says it.
    let obstacles = match (obstacles, &holds) {
        (Seen::Is(found), Seen::Not(lack, why)) if found.is_empty() => Seen::Not(*lack, why.clone()),
        (obstacles, _) => obstacles,
    };
    Held {
        seen: StoreSeen {
            name,
            obstacles,
            holds,
        },
        current: held,
        pending: waiting,
    }
}

fn slot_is_ours(seen: &AppSeen, places: &[Held]) -> bool {
    let entry = match seen {
        AppSeen::External(app) => app.slot.is().and_then(Option::as_ref),
        AppSeen::Connected(_) => None,
    };
    let Some(entry) = entry else { return false };
    places.iter().any(|held| {
        held.pending
            .as_ref()
            .is_some_and(|pair| pair.client_id == entry.key)
    })
}

/// What the token endpoint makes of what consumers read. One request shows a corrupted secret, as each preflight does.
async fn proof(seat: &Seat, seen: &AppSeen, places: &[Held]) -> Proof {
    let unread = places.iter().find_map(|held| match &held.seen.holds {
        Seen::Not(Lack::Unasked, _) | Seen::Is(_) => None,
        Seen::Not(_, why) => Some(format!("store {}: {why}", held.seen.name)),
    });
    if let Some(why) = unread {
        return Proof::Unclear(why);
    }
    let mut pairs = places.iter().filter_map(|held| held.current.as_ref());
    let Some(pair) = pairs.next() else {
        return Proof::Nothing;
    };
    let prints = seat.prints(pair).pair;
    if pairs.any(|other| seat.prints(other).pair != prints) {
        return Proof::Differ;
    }
    let live = match seen {
        AppSeen::External(app) => app.key.as_ref(),
        AppSeen::Connected(_) => None,
    };
    let (real, control) = seat.target.probe_differentially(pair).await;
    match (real.verdict, control.verdict) {
        (Verdict::Accepted, Verdict::Refused) if live.is_some_and(|key| *key != pair.client_id) => {
            Proof::Stale
        }
        (Verdict::Accepted, Verdict::Refused) => Proof::Tells(real.probe),
        (Verdict::Refused, _) => Proof::Refused(real.answer),
        (Verdict::Accepted, Verdict::Accepted) => Proof::Vacuous,
        (Verdict::Inconclusive(why), _) if why == Verdict::TELLS_NOTHING => Proof::Vacuous,
        (Verdict::Inconclusive(why), _) | (_, Verdict::Inconclusive(why)) => Proof::Unclear(why),
    }
}
