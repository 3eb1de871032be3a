//! What was found about a Connected App (salesforce-metadata.md §1, §2).

use super::external::own_login;
use super::finding::{Finding, Way};
use super::observed::{ComponentSeen, ConnectedSeen, Known, Lack, Seen, Subject};
use super::org::unseen;

const ALL: [Way; 2] = [Way::Update, Way::Assisted];
const ONLY: [Way; 1] = [Way::Update];

/// Everything about the app.
pub(super) fn findings(subject: &Subject, seen: &ConnectedSeen, known: &Known) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(migrated(subject, seen));
    match &seen.component {
        Seen::Is(Some(component)) => {
            found.push(Finding::good("app", format!("the Connected App `{}` exists", subject.name)));
            found.extend(component_findings(subject, component));
            found.push(in_place(known));
        }
        Seen::Is(None) => found.push(
            Finding::closes(
                "app",
                &ALL,
                format!("there is no Connected App `{}` in this org that rekeyd's user can see", subject.name),
            )
            .remedy(format!(
                "`name` in [app.{}.connected_app] is the API name, with the namespace of its package if it has one",
                subject.app
            )),
        ),
        Seen::Not(lack @ (Lack::Denied | Lack::Switched | Lack::Odd), why) => {
            let says = format!("its metadata cannot be read: {why}");
            let finding = Finding::closes("app", &ONLY, says);
            found.push(match lack {
                Lack::Odd => finding.remedy("migrate it, or let a person rotate it in Setup"),
                Lack::Login
                | Lack::Denied
                | Lack::Switched
                | Lack::Absent
                | Lack::Later
                | Lack::Unasked => finding,
            });
        }
        Seen::Not(lack, why) => found.push(unseen("app", "its metadata", *lack, why, &ONLY)),
    }
    found.extend(managed(&seen.managed));
    if seen.credentials == Seen::Is(true) {
        found.push(Finding::note(
            "connected-app-credentials",
            "this org serves the credentials of Connected Apps over REST, which is not documented and not used here",
        ));
    }
    found
}

fn component_findings(subject: &Subject, component: &ComponentSeen) -> Vec<Finding> {
    let mut found = Vec::new();
    if component.own_login {
        found.push(own_login());
    }
    if !component.oauth {
        found.push(
            Finding::closes(
                "oauth",
                &ALL,
                "the app has no OAuth settings, so no consumer secret",
            )
            .remedy("take it out of the policy"),
        );
    }
    if component.certificate_masked && !subject.certificate_given {
        found.push(
            Finding::closes(
                "certificate",
                &ONLY,
                "the app has a certificate (JWT bearer is in use) that cannot be read back, and a write without it \
                 may destroy it",
            )
            .remedy(format!("set `certificate_file = \"/…\"` in [app.{}.connected_app]", subject.app)),
        );
    }
    if component.secret_optional {
        found.push(Finding::note(
            "secret-optional",
            "the app's secret is optional in the web server flow: whoever leaves it out is not stopped by a rotation",
        ));
    }
    found
}

/// OPEN-1 of the reference: only a change can tell.
fn in_place(known: &Known) -> Finding {
    let code = "in-place-change";
    match &known.in_place {
        Some((true, how)) => Finding::good(code, format!("this org applies a change in place: {how}")),
        Some((false, how)) => Finding::closes(code, &ONLY, format!("this org applies no change in place: {how}"))
            .remedy("migrate the app to an External Client App, or let a person rotate it in Setup"),
        None => Finding::doubts(
            code,
            &ONLY,
            "whether this org applies another secret in place is not documented, and only a change can tell",
        )
        .remedy(
            "try it on a throw-away Connected App of this org: [app.trial] with `method = \"update\"`, then `rekeyd \
             submit trial` and `rekeyd rotate trial`; what it came to counts for all apps of the org",
        ),
    }
}

fn managed(managed: &Seen<bool>) -> Vec<Finding> {
    match managed {
        Seen::Is(true) => vec![
            Finding::closes(
                "managed",
                &ONLY,
                "it belongs to a managed package and cannot be edited here",
            )
            .remedy("its publisher rotates it; in this org it can only be blocked"),
            Finding::doubts(
                "managed-setup",
                &[Way::Assisted],
                "whether Setup of an org that only installed a package shows and rotates the pair of its app is not \
                 documented",
            )
            .remedy("look whether Setup > App Manager offers `Manage Consumer Details` for it"),
        ],
        Seen::Is(false) | Seen::Not(..) => Vec::new(),
    }
}

fn migrated(subject: &Subject, seen: &ConnectedSeen) -> Option<Finding> {
    let name = &subject.name;
    let Seen::Is(Some(same_key)) = &seen.twin else {
        return None;
    };
    let remedy = super::advice::to_external(subject);
    Some(match same_key {
        Some(true) => Finding::closes(
            "migrated",
            &ALL,
            format!(
                "the app was migrated: the External Client App `{name}` has its consumer key, and the Connected App \
                 is read-only"
            ),
        )
        .remedy(remedy),
        Some(false) => Finding::note(
            "migrated",
            format!("an External Client App `{name}` exists beside it, with another consumer key"),
        ),
        None => Finding::doubts(
            "migrated",
            &ONLY,
            format!("an External Client App `{name}` exists: if the app was migrated, the Connected App is read-only"),
        )
        .remedy(format!("if it was: {remedy}")),
    })
}
