//! What was found about the stores, and about the pair that consumers read from them.

use super::finding::{Finding, Way};
use super::observed::{Kind, Lack, Proof, Seen, StoreSeen, Subject};
use super::org::unseen;

const ALL: [Way; 4] = Way::ALL;

/// What starts from the current pair; a person in Setup need not.
const PROGRAMS: [Way; 3] = [Way::Staged, Way::Regenerate, Way::Update];

/// Each store.
pub(super) fn findings(stores: &[StoreSeen]) -> Vec<Finding> {
    stores.iter().flat_map(store).collect()
}

fn store(seen: &StoreSeen) -> Vec<Finding> {
    let name = &seen.name;
    let code = format!("store-{name}");
    match &seen.obstacles {
        Seen::Is(obstacles) if obstacles.is_empty() => {
            vec![Finding::good(
                &code,
                format!("store {name}: everything that a rotation needs is permitted"),
            )]
        }
        Seen::Is(obstacles) => {
            let each = obstacles.iter();
            each.map(|text| Finding::closes(&code, &ALL, format!("store {name}: {text}")))
                .collect()
        }
        Seen::Not(Lack::Later | Lack::Unasked, why) => {
            vec![unseen(&code, &format!("store {name}"), Lack::Later, why, &ALL)]
        }
        Seen::Not(Lack::Login | Lack::Denied | Lack::Switched | Lack::Absent | Lack::Odd, why) => {
            vec![Finding::closes(&code, &ALL, format!("store {name}: {why}"))]
        }
    }
}

/// The pair itself: no rotation starts before it is proven (design: preflight), and none could be proven after where a
/// wrong secret is accepted too.
pub(super) fn proof(subject: &Subject, proof: &Proof) -> Finding {
    let (code, app) = ("proof", &subject.app);
    let compare = format!(
        "`rekeyd status {app} --compare` shows every side; `rekeyd adopt {app}` or `rekeyd submit {app}`"
    );
    match proof {
        Proof::Tells(probe) => Finding::good(
            code,
            format!("the current pair is accepted and a wrong one refused by the same request ({probe})"),
        ),
        Proof::Vacuous => Finding::closes(
            code,
            &ALL,
            "the org accepts a wrong secret of this app like the right one: no rotation of it could be proven",
        )
        .remedy(
            "Setup, the app, OAuth settings: turn on `Require Secret for Web Server Flow` and `Require Secret for Refresh \
             Token Flow`, or enable the client credentials flow and say `flow = \"client-credentials\"`",
        ),
        Proof::Refused(answer) => Finding::closes(
            code,
            &PROGRAMS,
            format!("Salesforce refuses the pair that consumers read ({answer})"),
        )
        .remedy(compare),
        Proof::Stale => Finding::closes(
            code,
            &PROGRAMS,
            "the stores hold a pair with another client id than the live one",
        )
        .remedy(compare),
        Proof::Differ => {
            Finding::closes(code, &PROGRAMS, "the stores do not hold one and the same pair").remedy(compare)
        }
        Proof::Unclear(why) => Finding::doubts(
            code,
            &ALL,
            format!("nobody can tell now whether the current pair is accepted: {why}"),
        )
        .remedy("run `rekeyd doctor` again"),
        Proof::Nothing => match subject.kind {
            Kind::External => Finding::note(
                code,
                "no store holds a pair yet: at first contact rekeyd reads the live one and publishes it, without rotating",
            ),
            Kind::Connected => Finding::closes(
                code,
                &ALL,
                "no store holds a pair yet, and no API shows that of a Connected App",
            )
            .remedy(format!("look it up in Setup once and hand it over: `rekeyd submit {app}`")),
        },
    }
}
