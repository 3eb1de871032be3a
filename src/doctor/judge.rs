//! All findings about an org or an app together, and the verdicts on its methods.

use serde::Serialize;

use super::advice::{Advice, advice};
use super::choose::{Choice, choose};
use super::finding::{Finding, Means, MethodVerdict, Standing, Way};
use super::observed::{AppSeen, Kind, Known, OrgAsked, OrgSeen, Proof, Seen, StoreSeen, Subject, Touched};
use super::{connected, external, flow, stores};

/// What was found about an org.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrgFindings {
    /// Its name in the policy.
    pub org: String,
    /// Salesforce's id of it.
    pub id: Option<String>,
    /// The newest API version that it offers.
    pub newest: Option<u32>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// What was found about an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppReport {
    /// Its name in the policy.
    pub app: String,
    /// Its org.
    pub org: String,
    /// `external_client_app` or `connected_app`.
    pub kind: &'static str,
    /// Its name at Salesforce.
    pub name: String,
    /// A verdict on each method that this version has for this kind of app.
    pub methods: Vec<MethodVerdict>,
    /// Which of those that the policy lists is used.
    pub chosen: Option<Choice>,
    /// What was found, apart from what was found about the org.
    pub findings: Vec<Finding>,
    /// A better way.
    pub advice: Option<Advice>,
    /// Who is touched when its key changes, where a listed method changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touched: Option<Touched>,
    /// Who it is at Salesforce, by ids. For comparing.
    #[serde(skip)]
    pub identity: Option<String>,
}

/// Judges an org.
pub fn org(asked: &OrgAsked, seen: &OrgSeen) -> OrgFindings {
    OrgFindings {
        org: asked.name.clone(),
        id: seen.login.is().and_then(|login| login.org.clone()),
        newest: seen.newest.is().copied(),
        findings: super::org::findings(asked, seen),
    }
}

impl OrgFindings {
    /// Takes in whether Connected Apps can be created, once somebody has asked.
    pub fn take_creation(&mut self, seen: &Seen<bool>) {
        let creation = super::org::creation(seen);
        for finding in self
            .findings
            .iter_mut()
            .filter(|finding| finding.code == super::org::CREATION)
        {
            *finding = creation.clone();
        }
    }
}

/// Judges an app of an org that was judged before.
pub fn app(
    subject: &Subject,
    org: &OrgFindings,
    seen: &AppSeen,
    at_stores: &[StoreSeen],
    proof: &Proof,
    known: &Known,
) -> AppReport {
    let mut findings = match seen {
        AppSeen::External(app) => external::findings(subject, app, known),
        AppSeen::Connected(app) => connected::findings(subject, app, known),
    };
    findings.extend(flow::findings(subject, seen));
    findings.extend(stores::findings(at_stores));
    findings.push(stores::proof(subject, proof));
    let methods = judged(subject, org, &findings);
    AppReport {
        app: subject.app.clone(),
        org: subject.org.clone(),
        kind: match subject.kind {
            Kind::External => "external_client_app",
            Kind::Connected => "connected_app",
        },
        name: subject.name.clone(),
        chosen: choose(&subject.listed, &methods),
        advice: advice(subject, seen, &methods),
        methods,
        findings,
        touched: None,
        identity: match seen {
            AppSeen::External(app) => app.identity.clone(),
            AppSeen::Connected(_) => None,
        },
    }
}

/// A verdict on each method that this version has for this kind of app.
pub(super) fn judged(subject: &Subject, org: &OrgFindings, findings: &[Finding]) -> Vec<MethodVerdict> {
    let all: Vec<&Finding> = org.findings.iter().chain(findings).collect();
    let here = ways(subject.kind)
        .iter()
        .filter(|way| subject.known.iter().any(|word| word == way.word()));
    here.map(|way| MethodVerdict::of(*way, &all)).collect()
}

pub(super) fn ways(kind: Kind) -> &'static [Way] {
    match kind {
        Kind::External => &[Way::Staged, Way::Regenerate, Way::Assisted],
        Kind::Connected => &[Way::Update, Way::Assisted],
    }
}

impl AppReport {
    /// A person is wanted: no listed method can be used.
    pub fn wants_a_person(&self) -> bool {
        self.chosen
            .as_ref()
            .is_none_or(|choice| choice.standing == Standing::Closed)
    }

    /// It could not be found out: something did not answer.
    pub fn is_doubtful(&self) -> bool {
        let open_question = |finding: &Finding| {
            matches!(finding.means, Means::Doubts(_))
                && !matches!(
                    finding.code.as_str(),
                    "in-place-change" | "managed-slot" | "migrated" | "switched-off"
                )
        };
        self.chosen
            .as_ref()
            .is_some_and(|choice| choice.standing == Standing::Unknown)
            && self.findings.iter().any(open_question)
    }
}
