//! What an engine would journal, in short.

use std::time::Duration;

use rekeyd::clock::Timestamp;
use rekeyd::engine::health::Health;
use rekeyd::engine::note::Note;
use rekeyd::engine::service::ServiceNote;
use rekeyd::port::journal::Entry;
use rekeyd::port::{ProbeReport, Verdict};
use rekeyd::rotation::{Capabilities, Effect, End, Event, Hold, Limits, RotationId, Tri};
use rekeyd::secret::Fingerprint;

/// The start of every test: 2027-01-15T08:00:00Z.
pub const START: Timestamp = Timestamp(1_800_000_000_000);

/// A rotation by number.
pub fn id(number: u128) -> RotationId {
    RotationId::from(uuid::Uuid::from_u128(number))
}

/// One entry, of an app or of the service.
#[derive(Clone)]
pub enum Said {
    App(&'static str, Option<u128>, Box<Note>),
    Service(ServiceNote),
}

impl Said {
    pub fn entry(&self) -> Entry {
        match self {
            Said::App(app, rotation, note) => note.entry(app, rotation.map(id)).unwrap(),
            Said::Service(note) => note.entry().unwrap(),
        }
    }
}

pub fn probe(verdict: Verdict) -> ProbeReport {
    ProbeReport {
        verdict,
        probe: "introspect".into(),
        host: "acme.my.salesforce.com".into(),
        answer: "401".into(),
        at: START,
    }
}

pub fn adopted(app: &'static str) -> Said {
    let note = Note::Adopted {
        pair: Fingerprint([1; 16]),
        since: None,
        found: "in corp".into(),
        proof: probe(Verdict::Accepted),
    };
    Said::App(app, None, Box::new(note))
}

fn started_with(app: &'static str, rotation: u128, caps: Capabilities) -> Said {
    let note = Note::Started {
        method: "staged".into(),
        caps,
        limits: Limits::default(),
        stores: vec!["corp".into()],
        reason: "due".into(),
        by: "schedule".into(),
        policy: serde_json::Value::Null,
        key: None,
    };
    Said::App(app, Some(rotation), Box::new(note))
}

pub fn started(app: &'static str, rotation: u128) -> Said {
    started_with(app, rotation, Capabilities::staged(Tri::Yes))
}

/// By the method that has no overlap.
pub fn started_in_place(app: &'static str, rotation: u128) -> Said {
    started_with(app, rotation, Capabilities::update())
}

pub fn step(app: &'static str, rotation: u128, step: Event) -> Said {
    Said::App(app, Some(rotation), Box::new(Note::Step { step }))
}

/// One try that failed.
pub fn tried(app: &'static str, rotation: u128) -> Said {
    let event = Event::Deferred {
        until: START + Duration::from_secs(600),
        why: "corp is not available".into(),
        failed: true,
    };
    step(app, rotation, event)
}

pub fn held(app: &'static str, rotation: u128, reason: Hold) -> Said {
    step(app, rotation, Event::Held { reason, again: None })
}

pub fn resumed(app: &'static str, rotation: u128) -> Said {
    let by = "uid 1000".to_owned();
    step(app, rotation, Event::Resumed { by, take_over: None })
}

pub fn intended(app: &'static str, rotation: u128, effect: Effect) -> Said {
    step(app, rotation, Event::Intended { effect })
}

pub fn ended(app: &'static str, rotation: u128, end: End) -> Said {
    step(app, rotation, Event::Ended { end })
}

pub fn rotated(app: &'static str, rotation: u128) -> Said {
    step(app, rotation, Event::Rotated)
}

pub fn undone() -> End {
    End::Undone {
        why: "no store could be written".into(),
    }
}

pub fn checked(app: &'static str, health: Health) -> Said {
    Said::App(app, None, Box::new(Note::LiveChecked { health }))
}

pub fn refused(app: &'static str) -> Said {
    checked(
        app,
        Health::Refused {
            stores: vec!["corp".into()],
            probe: probe(Verdict::Refused),
        },
    )
}

pub fn fine(app: &'static str) -> Said {
    checked(app, Health::Fine)
}

pub fn overdue(app: &'static str, past: bool) -> Said {
    let note = Note::Overdue {
        deadline: START,
        past,
        why: "no rotation since 2026-09-01".into(),
    };
    Said::App(app, None, Box::new(note))
}

pub fn hold_asked(app: &'static str, by: &str) -> Said {
    let (by, why) = (by.to_owned(), "audit week".to_owned());
    Said::App(app, None, Box::new(Note::HoldAsked { by, why }))
}

pub fn hold_lifted(app: &'static str) -> Said {
    Said::App(
        app,
        None,
        Box::new(Note::HoldLifted {
            by: "uid 1000".into(),
        }),
    )
}
