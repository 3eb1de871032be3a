//! What one exploration is about: the method, the kind of org, how many stores, and how much may go wrong.

use std::time::Duration;

use rekeyd::rotation::{Capabilities, Limits, Tri};

/// How Salesforce answers to a staged pair, a POST, a DELETE; what it shows; how it takes an in-place change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Org {
    /// A staged pair logs in before the cutover.
    pub early: bool,
    /// Secrets are masked when they are read back (the answer to the POST carries them).
    pub masked: bool,
    /// A POST into an occupied slot replaces the entry; otherwise it is refused.
    pub post_replaces: bool,
    /// The entry's id stays in the slot across the swap, and a second PATCH swaps back.
    pub same_id: bool,
    /// What a DELETE does.
    pub delete: Delete,
    /// What an in-place change does, or a deploy that makes the secret.
    pub change: Change,
    /// A deploy whose answer was lost may wait for longer than any budget.
    pub queues: bool,
}

/// What a DELETE of the old pair does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delete {
    /// The pair is refused from then on.
    Ends,
    /// The entry goes, and the pair is accepted on.
    Lies,
    /// The first one is answered and has no effect; the second ends the pair.
    SecondTime,
}

/// What an in-place change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The new secret replaces the old one.
    Applies,
    /// Success, and nothing changed.
    Ignores,
    /// Refused.
    Refuses,
    /// The new one is accepted, and so is the old one.
    KeepsOld,
    /// Success, nothing changed, and from then on the endpoint accepts any secret.
    GoesBlind,
    /// Success, and it is applied long after every budget. Only P1 can be kept.
    Overlong,
}

/// What should come of at most one fault and no foreign edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Rotated, the old pair proven dead, nobody asked.
    Done,
    /// Ended with the old pair untouched, nobody asked.
    Untouched,
    /// Held, for a person.
    Held,
    /// Held, and then done all the same.
    Healed,
    /// Rotated, or, where the one request that may not be repeated was lost, held.
    DoneOrUnanswered,
    /// Nothing is promised but P1.
    Anything,
}

/// Budgets of the adversary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Ends of the process.
    pub crashes: u8,
    /// Lost or late answers, refused connections, looks that fail.
    pub lost: u8,
    /// Edits by somebody else.
    pub foreign: u8,
    /// Words of a person.
    pub person: u8,
}

/// The budgets that the issue names.
pub const FULL: Budget = Budget {
    crashes: 2,
    lost: 2,
    foreign: 1,
    person: 0,
};

/// One of each.
pub const SINGLE: Budget = Budget {
    crashes: 1,
    lost: 1,
    foreign: 1,
    person: 0,
};

/// With one word of a person: go on, go on and take this over, or stop.
pub const SPOKEN: Budget = Budget {
    crashes: 1,
    lost: 1,
    foreign: 1,
    person: 1,
};

/// One exploration.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What it is called in the table.
    pub name: &'static str,
    /// The method.
    pub caps: Capabilities,
    /// The kind of org.
    pub org: Org,
    /// How many stores.
    pub stores: usize,
    /// What may go wrong.
    pub budget: Budget,
    /// What should come of it.
    pub expect: Expect,
    /// How large it is, next to the others.
    pub weight: u8,
}

/// Small, and all different, so that a mistaken one shows.
pub fn limits() -> Limits {
    Limits {
        request_lifetime: Duration::from_secs(4),
        propagation: Duration::from_secs(3),
        stable_tries: 2,
        stable_spacing: Duration::from_secs(1),
        stable_span: Duration::from_secs(1),
        cutover_timeout: Duration::from_secs(5),
        grace: Duration::from_secs(2),
        answer_within: Duration::from_secs(6),
    }
}

/// How long a process may stay away after a crash: longer than the cutover's time-out and the grace.
pub const AWAY: Duration = Duration::from_secs(6);

/// Two differences of time beyond this are alike: longer than every sum of limits that is ever compared.
pub const FAR: Duration = Duration::from_secs(8);

const HEALTHY: Org = Org {
    early: true,
    masked: false,
    post_replaces: false,
    same_id: false,
    delete: Delete::Ends,
    change: Change::Applies,
    queues: false,
};

fn staged(name: &'static str, known: Tri, org: Org) -> Plan {
    Plan {
        name,
        caps: Capabilities::staged(known),
        org,
        stores: 1,
        budget: FULL,
        expect: Expect::Done,
        weight: 1,
    }
}

fn update(name: &'static str, change: Change, expect: Expect) -> Plan {
    Plan {
        name,
        caps: Capabilities::update(),
        org: Org { change, ..HEALTHY },
        stores: 1,
        budget: FULL,
        expect,
        weight: 1,
    }
}

fn regenerate(name: &'static str, change: Change, expect: Expect) -> Plan {
    Plan {
        name,
        caps: Capabilities::regenerate(),
        org: Org { change, ..HEALTHY },
        stores: 1,
        budget: FULL,
        expect,
        weight: 1,
    }
}

/// In an org whose primary key can be read, or cannot (`masked`).
fn assisted(name: &'static str, org: Org, expect: Expect) -> Plan {
    Plan {
        name,
        caps: Capabilities::assisted(true),
        org,
        stores: 1,
        budget: FULL,
        expect,
        weight: 1,
    }
}

fn heavy(weight: u8, plan: Plan) -> Plan {
    Plan { weight, ..plan }
}

/// Every exploration, by method and kind of org.
pub fn all() -> Vec<Plan> {
    let late = Org {
        early: false,
        ..HEALTHY
    };
    let mut plans = vec![
        staged("staged, early known", Tri::Yes, HEALTHY),
        staged("staged, late known", Tri::No, late),
        staged("staged, early unknown", Tri::Unknown, HEALTHY),
        staged("staged, late unknown", Tri::Unknown, late),
        staged(
            "staged, masked, post replaces",
            Tri::No,
            Org {
                masked: true,
                post_replaces: true,
                ..late
            },
        ),
        staged(
            "staged, masked, early",
            Tri::Yes,
            Org {
                masked: true,
                ..HEALTHY
            },
        ),
        staged(
            "staged, post replaces",
            Tri::Yes,
            Org {
                post_replaces: true,
                ..HEALTHY
            },
        ),
        staged(
            "staged, id kept by swap",
            Tri::No,
            Org {
                same_id: true,
                ..late
            },
        ),
        Plan {
            expect: Expect::Held,
            ..staged(
                "staged, delete has no effect",
                Tri::No,
                Org {
                    delete: Delete::Lies,
                    ..late
                },
            )
        },
        Plan {
            expect: Expect::Healed,
            ..staged(
                "staged, delete is lost once",
                Tri::No,
                Org {
                    delete: Delete::SecondTime,
                    ..late
                },
            )
        },
        Plan {
            expect: Expect::Held,
            ..staged("staged, early known, refused", Tri::Yes, late)
        },
        heavy(3, update("update, applies", Change::Applies, Expect::Done)),
        update("update, ignores", Change::Ignores, Expect::Untouched),
        update("update, refuses", Change::Refuses, Expect::Untouched),
        heavy(
            2,
            update("update, old one lives on", Change::KeepsOld, Expect::Held),
        ),
        update("update, endpoint goes blind", Change::GoesBlind, Expect::Held),
        // Its world breaks the settings themselves, and P1 is all that can be asked of it.
        Plan {
            budget: SINGLE,
            ..update("update, lands beyond budgets", Change::Overlong, Expect::Anything)
        },
    ];
    plans.extend([
        regenerate("regenerate, applies", Change::Applies, Expect::DoneOrUnanswered),
        regenerate("regenerate, flag ignored", Change::Ignores, Expect::Untouched),
        regenerate("regenerate, deploy fails", Change::Refuses, Expect::Untouched),
        Plan {
            budget: SINGLE,
            ..regenerate("regenerate, old one lives on", Change::KeepsOld, Expect::Held)
        },
        Plan {
            budget: SINGLE,
            ..regenerate("regenerate, endpoint goes blind", Change::GoesBlind, Expect::Held)
        },
        Plan {
            budget: SINGLE,
            org: Org {
                queues: true,
                ..HEALTHY
            },
            ..regenerate(
                "regenerate, deploys queue",
                Change::Applies,
                Expect::DoneOrUnanswered,
            )
        },
    ]);
    let unseen = Org { masked: true, ..late };
    let lives_on = Change::KeepsOld;
    plans.extend([
        assisted("assisted, nothing shown", unseen, Expect::Done),
        assisted("assisted, key shown, early", HEALTHY, Expect::Done),
        Plan {
            budget: SINGLE,
            ..assisted(
                "assisted, old one lives on",
                Org {
                    change: lives_on,
                    ..unseen
                },
                Expect::Held,
            )
        },
        Plan {
            budget: SINGLE,
            ..assisted(
                "assisted, early, old one lives on",
                Org {
                    change: lives_on,
                    ..HEALTHY
                },
                Expect::Held,
            )
        },
        Plan {
            budget: SPOKEN,
            ..assisted("assisted, a person speaks", unseen, Expect::Done)
        },
        // Nothing but a person's word tells that it was applied.
        Plan {
            budget: SPOKEN,
            ..assisted(
                "assisted, nothing shown, early, old one lives on",
                Org {
                    masked: true,
                    change: lives_on,
                    ..HEALTHY
                },
                Expect::Anything,
            )
        },
        Plan {
            budget: SINGLE,
            stores: 2,
            ..assisted("assisted, two stores", unseen, Expect::Done)
        },
    ]);
    let two = |plan: Plan| Plan { stores: 2, ..plan };
    plans.push(heavy(
        2,
        two(Plan {
            budget: SINGLE,
            ..regenerate(
                "regenerate, two stores",
                Change::Applies,
                Expect::DoneOrUnanswered,
            )
        }),
    ));
    plans.push(two(staged("staged, two stores", Tri::No, late)));
    plans.push(heavy(
        4,
        two(update("update, two stores", Change::Applies, Expect::Done)),
    ));
    // What people say comes on top of the list, and so with one fault of each kind.
    let spoken = |plan: Plan| Plan {
        budget: SPOKEN,
        ..plan
    };
    plans.push(spoken(staged("staged, a person speaks", Tri::Unknown, late)));
    plans.push(spoken(regenerate(
        "regenerate, a person speaks",
        Change::Applies,
        Expect::DoneOrUnanswered,
    )));
    plans.push(spoken(update(
        "update, a person speaks",
        Change::Applies,
        Expect::Done,
    )));
    plans
}
