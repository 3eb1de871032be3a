//! Apps of the policy that are one and the same at Salesforce. Told by the ids of org and consumer, as a rotation tells
//! (`engine::identity`): names can differ.

use super::choose::choose;
use super::finding::Finding;
use super::judge::{AppReport, OrgFindings, judged, ways};
use super::observed::Subject;

/// An app that was examined.
pub struct Examined {
    /// What was found about the app.
    pub report: AppReport,
    /// What the policy says of it.
    pub subject: Subject,
    /// What was found about its org.
    pub org: OrgFindings,
}

/// Finds the apps of the policy that are one and the same at Salesforce: each credential has one owner, so none of them
/// is adopted or rotated.
pub fn tell_twins(all: &mut [Examined]) {
    let known: Vec<(String, Option<String>)> = all
        .iter()
        .map(|one| (one.subject.app.clone(), one.report.identity.clone()))
        .collect();
    for one in all {
        let same = |(app, identity): &&(String, Option<String>)| {
            *app != one.subject.app && identity.is_some() && *identity == one.report.identity
        };
        let twins = known.iter().filter(same);
        let twins: Vec<String> = twins.map(|(app, _)| format!("[app.{app}]")).collect();
        if twins.is_empty() {
            continue;
        }
        let says = format!(
            "it is one and the same at Salesforce as {}, by the ids of org and consumer",
            twins.join(" and ")
        );
        let finding = Finding::closes("one-owner", ways(one.subject.kind), says).remedy(
            "each credential has one owner: take one of them out of the policy, or let `consumer` name another consumer",
        );
        one.report.findings.push(finding);
        one.report.methods = judged(&one.subject, &one.org, &one.report.findings);
        one.report.chosen = choose(&one.subject.listed, &one.report.methods);
    }
}
