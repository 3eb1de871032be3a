//! What each org and app is fit for, examined at the start and once a day, and at once when an org offers a newer API
//! version; and which of an app's methods a rotation begins with.
//!
//! What was found is remembered beside the journal, with org, version and date: after a restart nothing waits for an org
//! to be examined again. An outage does not unlearn anything.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{Look, Managed, Supervisor};
use crate::clock::Timestamp;
use crate::doctor::observed::Known;
use crate::doctor::{AppReport, Choice, OrgFindings, Standing, choose};
use crate::engine::examine::{self, Exam, Remembered};
use crate::engine::seat::Seat;
use crate::schedule::delay_of;

/// How long a finding stands by itself.
const DAY: Duration = Duration::from_secs(86_400);

/// Between two looks at an org that does not answer.
const SOON: Duration = Duration::from_secs(300);

/// Between two looks at an app of which nothing listed is open: a person may be at it.
const HOUR: Duration = Duration::from_secs(3600);

/// Between two looks whether the org offers a newer version.
const USUAL: Duration = Duration::from_secs(6 * 3600);

/// After a start the first examinations are spread over this.
const SPREAD: Duration = Duration::from_secs(60);

/// What is known of the examinations.
#[derive(Default)]
pub(super) struct Exams {
    found: BTreeMap<String, Remembered>,
    orgs: BTreeMap<String, Card>,
}

impl Exams {
    /// Every org is looked at again: the policy may list other methods.
    pub fn forget_times(&mut self) {
        for card in self.orgs.values_mut() {
            card.next = None;
        }
    }
}

#[derive(Default)]
struct Card {
    next: Option<Timestamp>,
    looking: bool,
}

/// One app to be examined.
struct Patient {
    seat: Arc<Seat>,
    exam: Exam,
    grace: Duration,
    known: Known,
    /// The version under which it was examined last, unless that is too long ago.
    version: Option<u32>,
}

impl Supervisor {
    /// Takes up what was remembered. What cannot be read is found out again.
    pub(super) async fn recall_exams(&mut self) {
        for app in self.apps.keys() {
            let value = self
                .house
                .journal
                .recall(&Remembered::name(app))
                .await
                .ok()
                .flatten();
            let found = value.and_then(|value| serde_json::from_value::<Remembered>(value).ok());
            self.exams.found.extend(found.map(|found| (app.clone(), found)));
        }
    }

    /// Starts the examinations that are due.
    pub(super) fn examine_orgs(&mut self) {
        let now = self.house.clock.now();
        let mut orgs: BTreeMap<String, (Vec<&String>, bool)> = BTreeMap::new();
        for (app, managed) in &self.apps {
            let several = managed.ways.len() > 1;
            if managed.timing.is_none() || (managed.live_check.is_zero() && !several) {
                continue;
            }
            let (apps, urgent) = orgs.entry(managed.seat.org.clone()).or_default();
            apps.push(app);
            *urgent |= several && !self.exams.found.contains_key(app);
        }
        for (org, (apps, urgent)) in orgs {
            let card = self.exams.orgs.entry(org.clone()).or_default();
            let spread = match urgent {
                true => Duration::ZERO,
                false => delay_of(&org, SPREAD),
            };
            let next = *card.next.get_or_insert(now + spread);
            if card.looking || now < next {
                continue;
            }
            card.looking = true;
            let ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
            let patients = apps.into_iter().filter_map(|app| {
                let managed = self.apps.get(app)?;
                let found = self.exams.found.get(app);
                let found = found.filter(|found| found.stands(now, DAY, &managed.listed()));
                Some(Patient {
                    seat: managed.seat.clone(),
                    exam: managed.exam.clone(),
                    grace: managed.limits.grace,
                    known: examine::known(&ledgers, app, &org),
                    version: found.map(|found| found.version),
                })
            });
            let patients: Vec<Patient> = patients.collect();
            drop(ledgers);
            self.looks.spawn(async move {
                let (report, found) = examine_org(patients).await;
                Look::Exam(org, Box::new(report), found)
            });
        }
    }

    /// Takes in what was found, and remembers it.
    pub(super) async fn examined(&mut self, org: String, report: OrgFindings, found: Vec<AppReport>) {
        let now = self.house.clock.now();
        let answered = report.newest.is_some() && report.id.is_some();
        let unsettled = |report: &AppReport| report.wants_a_person() || report.is_doubtful();
        let card = self.exams.orgs.entry(org.clone()).or_default();
        card.looking = false;
        card.next = Some(match (answered, found.iter().any(unsettled)) {
            (false, _) => now + SOON,
            (true, true) => now + HOUR,
            (true, false) => now + USUAL,
        });
        let (Some(version), Some(id)) = (report.newest, report.id) else {
            return tracing::debug!(org, "the org did not answer well enough to be examined");
        };
        for report in found {
            let app = report.app.clone();
            let Some(managed) = self.apps.get(&app) else {
                continue;
            };
            let new = Remembered {
                at: now,
                org: org.clone(),
                id: Some(id.clone()),
                version,
                listed: managed.listed(),
                settled: !unsettled(&report),
                methods: report.methods,
                touched: report.touched,
            };
            let before = self.exams.found.get(&app);
            if before.is_none_or(|before| before.methods != new.methods) {
                for verdict in &new.methods {
                    let (method, standing) = (&verdict.method, verdict.standing.word());
                    tracing::info!(app, method, standing, "examined: {}", verdict.why);
                }
            }
            if let Ok(value) = serde_json::to_value(&new)
                && let Err(fault) = self.house.journal.remember(&Remembered::name(&app), &value).await
            {
                tracing::warn!(app, "what was found out is not remembered: {fault}");
            }
            self.exams.found.insert(app, new);
        }
        self.show();
    }

    /// The method that a rotation of `app` would begin with; `None` where the policy lists several and the app has not
    /// been examined yet.
    pub(super) fn choice(&self, app: &str, managed: &Managed) -> Option<Choice> {
        let listed = managed.listed();
        match (listed.as_slice(), self.exams.found.get(app)) {
            ([only], found) => choose(
                &listed,
                found.map(|found| found.methods.as_slice()).unwrap_or_default(),
            )
            .or_else(|| {
                Some(Choice {
                    method: only.clone(),
                    standing: Standing::Unknown,
                    why: String::new(),
                })
            }),
            (_, Some(found)) => choose(&listed, &found.methods),
            (_, None) => None,
        }
    }

    /// `managed`, with the seat for the method that its rotation under way began with, or that one would begin with.
    pub(super) fn seated(&self, app: &str, managed: &Managed) -> Managed {
        let ledger = self.ledger(app);
        let method = match ledger.running() {
            Some(run) => Some(run.method.clone()),
            None => self.choice(app, managed).map(|choice| choice.method),
        };
        let way = method.and_then(|method| managed.way(&method));
        Managed {
            seat: way.unwrap_or_else(|| managed.seat.clone()),
            ..managed.clone()
        }
    }
}

/// The org, then each app that was not examined under its newest version; none where the org does not answer.
async fn examine_org(patients: Vec<Patient>) -> (OrgFindings, Vec<AppReport>) {
    let mut org = None;
    let mut found = Vec::new();
    for patient in patients {
        let report = match &org {
            Some(report) => report,
            None => &*org.insert(examine::org(&patient.exam).await),
        };
        if report.id.is_none() || report.newest.is_none() || patient.version == report.newest {
            continue;
        }
        let Patient {
            seat,
            exam,
            grace,
            known,
            ..
        } = patient;
        found.push(examine::app(&seat, &exam, report, grace, known).await);
    }
    let nothing = || OrgFindings {
        org: String::new(),
        id: None,
        newest: None,
        findings: Vec::new(),
    };
    (org.unwrap_or_else(nothing), found)
}
