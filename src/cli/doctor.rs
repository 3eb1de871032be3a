//! `rekeyd doctor [APP]`: which methods are open for each app, closed or unknown, why, and what opens a closed one.
//!
//! Needs no daemon and no journal. Every request of it only reads, but for one per org with Connected Apps: a deploy that
//! Salesforce judges and does not apply, to see whether Connected Apps can be created. What may be seen elsewhere is a
//! login of our own, one wrong secret per app (the login history) and that deploy (Deployment Status).

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use crate::app;
use crate::cli::exit::{self, Failure};
use crate::cli::{Context, config, output, reader, runtime};
use crate::clock::SystemClock;
use crate::doctor::observed::Touched;
use crate::doctor::{self, AppReport, Examined, Finding, MethodVerdict, OrgFindings};
use crate::engine::examine;
use crate::engine::ledger::Ledgers;
use crate::journal::NoJournal;
use crate::policy::Policy;
use crate::policy::app::{AppPolicy, Target};
use crate::random::SystemRandom;

/// What to examine.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this app, and its org.
    app: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let policy = config::load_complete(context)?;
    if let Some(app) = args.app.as_ref().filter(|app| !policy.apps.contains_key(*app)) {
        return Err(Failure::failed(format!("the policy has no app {app}")));
    }
    let (orgs, apps) = runtime()?.block_on(examine(&policy, args.app.as_deref()))?;
    match context.json {
        true => output::line(&json!({ "orgs": orgs, "apps": apps }).to_string()),
        false => print(&orgs, &apps),
    }
    Ok(ExitCode::from(code(&apps)))
}

/// 3: a person is wanted. 1: it could not be found out. 0 otherwise.
fn code(apps: &[AppReport]) -> u8 {
    if apps.iter().any(AppReport::wants_a_person) {
        exit::HELD
    } else if apps.iter().any(AppReport::is_doubtful) {
        exit::FAILED
    } else {
        exit::OK
    }
}

async fn examine(
    policy: &Policy,
    wanted: Option<&str>,
) -> Result<(Vec<OrgFindings>, Vec<AppReport>), Failure> {
    let ledgers = reader::ledgers(&policy.journal.database).await?;
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let prints = app::fingerprint_key(policy)?;
    let house = app::house(Arc::new(NoJournal), prints, clock, random);
    let mut orgs: BTreeMap<String, OrgFindings> = BTreeMap::new();
    let mut apps = Vec::new();
    for (name, managed) in app::build(policy, &Ledgers::default(), &house)? {
        if wanted.is_some_and(|wanted| wanted != name) {
            continue;
        }
        let exam = &managed.exam;
        let org = match orgs.get(&exam.org.name) {
            Some(org) => org.clone(),
            None => {
                let mut org = examine::org(exam).await;
                let connected = |app: &AppPolicy| {
                    app.org == exam.org.name && matches!(app.target, Target::ConnectedApp { .. })
                };
                if org.id.is_some() && policy.apps.values().any(connected) {
                    org.take_creation(&exam.examiner.creation().await);
                }
                orgs.insert(exam.org.name.clone(), org.clone());
                org
            }
        };
        let known = examine::known(&ledgers, &name, &exam.org.name);
        apps.push(Examined {
            report: examine::app(&managed.seat, exam, &org, managed.limits.grace, known).await,
            subject: exam.subject.clone(),
            org,
        });
    }
    doctor::tell_twins(&mut apps);
    let apps = apps.into_iter().map(|app| app.report);
    Ok((orgs.into_values().collect(), apps.collect()))
}

fn print(orgs: &[OrgFindings], apps: &[AppReport]) {
    for report in orgs {
        output::line(&format!("org {}", report.org));
        report.findings.iter().for_each(finding);
    }
    for report in apps {
        let kind = report.kind.replace('_', " ");
        output::line(&format!(
            "\napp {}: {kind} {} in org {}",
            report.app, report.name, report.org
        ));
        report.findings.iter().for_each(finding);
        report.methods.iter().for_each(method);
        match &report.chosen {
            Some(choice) => {
                let (method, standing) = (&choice.method, choice.standing.word());
                output::line(&format!("  uses     {method}, {standing}: {}", choice.why));
            }
            None => output::line("  uses     no method"),
        }
        let touched = report.touched.iter().flat_map(Touched::lines);
        touched.for_each(|line| output::line(&format!("  touches  {line}")));
        if let Some(advice) = &report.advice {
            output::line(&format!("  advice   {}", advice.recommends));
            for (number, step) in (1..).zip(&advice.steps) {
                output::line(&format!("           {number}. {step}"));
            }
            for consequence in &advice.consequences {
                output::line(&format!("           - {consequence}"));
            }
        }
    }
}

fn finding(finding: &Finding) {
    let (mark, code) = (finding.means.mark(), &finding.code);
    output::line(&format!("  {mark:<8} {code}: {}", finding.says));
    if let Some(remedy) = &finding.remedy {
        output::line(&format!("           → {remedy}"));
    }
}

/// A verdict; its reasons stand above, under their names.
fn method(verdict: &MethodVerdict) {
    let standing = verdict.standing.word();
    let because = match verdict.because.is_empty() {
        true => String::new(),
        false => format!(", because of {}", verdict.because.join(", ")),
    };
    output::line(&format!("  method   {}: {standing}{because}", verdict.method));
}
