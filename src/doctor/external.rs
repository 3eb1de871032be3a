//! What was found about an External Client App (salesforce-oauth-rest.md §1).

use super::finding::{Finding, Way};
use super::observed::{ExternalSeen, Known, Lack, Seen, SettingsSeen, SlotSeen, Subject};
use super::org::unseen;

const ALL: [Way; 3] = [Way::Staged, Way::Regenerate, Way::Assisted];
const REST: [Way; 2] = [Way::Staged, Way::Regenerate];

/// Everything about the app.
pub(super) fn findings(subject: &Subject, seen: &ExternalSeen, known: &Known) -> Vec<Finding> {
    let name = &subject.name;
    match &seen.exists {
        Seen::Is(true) => {}
        Seen::Is(false) => {
            return vec![
                Finding::closes(
                    "app",
                    &ALL,
                    format!("there is no External Client App `{name}` in this org that rekeyd's user can see"),
                )
                .remedy(format!(
                    "`name` in [app.{}.external_client_app] is the API name, not the label; rekeyd's user needs at \
                     least `External Client App Viewer`",
                    subject.app
                )),
            ];
        }
        Seen::Not(lack, why) => return vec![unseen("app", "the app", *lack, why, &ALL)],
    }
    let mut found = vec![Finding::good(
        "app",
        format!("the External Client App `{name}` exists"),
    )];
    found.extend(managed(&seen.managed));
    if seen.own_login {
        found.push(own_login());
    }
    found.extend(settings(subject, &seen.settings));
    found.extend(consumers(subject, seen));
    if let (Seen::Is(_), Seen::Is(())) = (&seen.consumers, &seen.consumer) {
        found.push(secret(&seen.secret_shown));
        found.push(slot(subject, &seen.slot, known));
    }
    if known.proves_early == Some(false) {
        found.push(Finding::note(
            "early-proof",
            "a staged pair was not accepted here before its cutover: it is proven after",
        ));
    }
    found
}

/// For both kinds of app.
pub(super) fn own_login() -> Finding {
    Finding::closes(
        "own-login",
        &Way::ALL,
        "it is the app that rekeyd itself logs in with, and is never rotated",
    )
    .remedy("take it out of the policy; give rekeyd a login app of its own")
}

fn managed(managed: &Seen<bool>) -> Vec<Finding> {
    match managed {
        Seen::Is(true) => vec![
            Finding::closes(
                "managed",
                &[Way::Regenerate],
                "it belongs to a package: its metadata cannot be written here",
            )
            .remedy("its publisher rotates it; an app of your own can be rotated here"),
            Finding::doubts(
                "managed-slot",
                &[Way::Staged],
                "whether an org that only installed an app may stage a pair of it is not documented, and only a change \
                 can tell",
            ),
        ],
        Seen::Is(false) | Seen::Not(..) => Vec::new(),
    }
}

/// What the next deploy of its OAuth settings would do besides (salesforce-metadata.md §3.1).
fn settings(subject: &Subject, seen: &Seen<Option<SettingsSeen>>) -> Vec<Finding> {
    let (only, app) = ([Way::Regenerate], &subject.app);
    let seen = match seen {
        Seen::Is(Some(seen)) => seen,
        Seen::Is(None) => {
            let says = "no OAuth settings of the app can be read through the Metadata API";
            return vec![Finding::closes("oauth-settings", &only, says)];
        }
        Seen::Not(Lack::Later, why) => {
            return vec![unseen(
                "oauth-settings",
                "its OAuth settings",
                Lack::Later,
                why,
                &only,
            )];
        }
        // What was found about the Metadata API says it.
        Seen::Not(..) => return Vec::new(),
    };
    let deploy =
        "deploy the app's ExtlClntAppGlobalOauthSettings with it set to false, and ignoreWarnings off";
    let mut found = Vec::new();
    if seen.rotates_key {
        found.push(
            Finding::closes(
                "rotate-key-flag",
                &only,
                "its OAuth settings carry shouldRotateConsumerKey = true: whoever deploys them next changes the client id",
            )
            .remedy(deploy),
        );
    }
    if seen.rotates_secret == Some(true) {
        found.push(
            Finding::note(
                "rotate-secret-flag",
                "its OAuth settings carry shouldRotateConsumerSecret = true: whoever deploys them next makes a new secret, \
                 and the old one dies at once",
            )
            .remedy(deploy),
        );
    }
    match (seen.certificate, seen.certificate_masked, subject.certificate_given) {
        (true, true, false) => found.push(
            Finding::closes(
                "certificate",
                &only,
                "the app has a certificate (JWT bearer is in use) that cannot be read back, and a deploy without it may \
                 destroy it",
            )
            .remedy(format!("set `certificate_file = \"/…\"` in [app.{app}.external_client_app]")),
        ),
        (true, _, _) => found.push(Finding::note(
            "certificate",
            "the app has a certificate, so JWT bearer is in use: its consumers follow a new client id in `iss`",
        )),
        (false, _, _) => {}
    }
    found
}

fn consumers(subject: &Subject, seen: &ExternalSeen) -> Vec<Finding> {
    let code = "consumers";
    let all = match &seen.consumers {
        Seen::Is(all) => all,
        Seen::Not(Lack::Switched, _) if subject.opens_switch => {
            return vec![Finding::doubts(
                "switched-off",
                &REST,
                "the app's credentials cannot be read while the org's switch for consumer secrets over REST is off; \
                 rekeyd turns it on for a rotation, and looks first",
            )];
        }
        Seen::Not(lack @ (Lack::Denied | Lack::Switched | Lack::Odd), why) => {
            let says = match lack {
                Lack::Denied | Lack::Switched => {
                    "the org does not let rekeyd's user see the app's credentials over REST"
                }
                Lack::Login | Lack::Absent | Lack::Later | Lack::Odd | Lack::Unasked => {
                    "the org's answer about the app's credentials is of no use"
                }
            };
            return vec![Finding::closes("credentials", &REST, says).remedy(why.clone())];
        }
        Seen::Not(Lack::Absent, why) => {
            let says = format!("the resource for its credentials does not exist here: {why}");
            return vec![Finding::closes("credentials", &REST, says)];
        }
        Seen::Not(lack, why) => {
            return vec![unseen("credentials", "the app's credentials", *lack, why, &REST)];
        }
    };
    let names: Vec<String> = all.iter().map(|(id, name)| format!("{id} ({name})")).collect();
    match &seen.consumer {
        Seen::Is(()) => vec![Finding::good(
            code,
            format!("consumers of the app: {}", names.join(", ")),
        )],
        Seen::Not(_, why) => {
            let finding = Finding::closes(code, &ALL, why.clone());
            vec![match all.is_empty() {
                true => finding.remedy("Setup, External Client App Manager, the app, Settings: enable OAuth"),
                false => finding.remedy(format!(
                    "set `consumer` in [app.{}.external_client_app] to one of {}",
                    subject.app,
                    names.join(", ")
                )),
            }]
        }
    }
}

fn secret(shown: &Seen<bool>) -> Finding {
    let code = "secret-readable";
    match shown {
        Seen::Is(true) => Finding::good(code, "the live pair can be read over REST"),
        Seen::Is(false) => Finding::closes(code, &REST, "the org does not show the secret of the live pair").remedy(
            "Setup, External Client App Settings: turn on `Allow access to External Client App consumer secrets via \
             REST API`; rekeyd's user needs `View Client Secret`",
        ),
        Seen::Not(lack @ (Lack::Denied | Lack::Switched | Lack::Odd | Lack::Absent), why) => {
            let says = match lack {
                Lack::Absent => "the live pair is not there to be read",
                Lack::Login | Lack::Denied | Lack::Switched | Lack::Later | Lack::Odd | Lack::Unasked => {
                    "the live pair cannot be read over REST"
                }
            };
            Finding::closes(code, &REST, says).remedy(why.clone())
        }
        Seen::Not(lack, why) => unseen(code, "the live pair", *lack, why, &REST),
    }
}

fn slot(subject: &Subject, slot: &Seen<Option<SlotSeen>>, known: &Known) -> Finding {
    let code = "staged-slot";
    let only = [Way::Staged];
    match slot {
        Seen::Is(None) => Finding::good(code, "the staged slot is free"),
        Seen::Is(Some(entry)) => occupied(subject, entry, known),
        Seen::Not(Lack::Denied | Lack::Switched, why) => {
            Finding::closes(code, &only, "the staged slot cannot be seen").remedy(why.clone())
        }
        Seen::Not(Lack::Absent, why) => {
            let says = format!("there is no staged slot for this consumer, which takes API 65.0: {why}");
            Finding::closes(code, &only, says)
        }
        Seen::Not(Lack::Odd, why) => {
            Finding::closes(code, &only, format!("the staged slot is of no use: {why}"))
        }
        Seen::Not(lack, why) => unseen(code, "the staged slot", *lack, why, &only),
    }
}

fn occupied(subject: &Subject, entry: &SlotSeen, known: &Known) -> Finding {
    let code = "staged-slot";
    let until = entry.expires.map_or(String::new(), |at| format!(" until {at}"));
    let what = match entry.state.as_str() {
        "rotated" => format!("the previous pair{until}"),
        "active" => format!("a pair that waits to be promoted{until}"),
        state => format!("an entry in state `{state}`"),
    };
    if known.running || known.slot_is_ours {
        let says = format!("the staged slot holds {what}: ours, of the rotation under way");
        return Finding::note(code, says);
    }
    let who = match entry.by_us {
        true => "rekeyd's user made it, in no rotation that the journal and the stores know",
        false => "somebody else made it",
    };
    Finding::closes(code, &[Way::Staged], format!("the staged slot holds {what}; {who}")).remedy(format!(
        "finish or discard it in Setup, or give it up: `rekeyd resume {} --take-over {}` once a rotation is held",
        subject.app, entry.id
    ))
}
