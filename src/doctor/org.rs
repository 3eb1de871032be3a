//! What was found about an org: versions, our own login, its token, rights, types, quota.

use super::finding::{Finding, Way};
use super::observed::{Lack, LoginSeen, OrgAsked, OrgSeen, Seen};

/// The first API version with staged credentials (salesforce-metadata.md §6).
const LEAST: u32 = 65;

/// The finding about the creation of Connected Apps.
pub(super) const CREATION: &str = "connected-app-creation";

/// What goes over SOAP.
const SOAP: [Way; 2] = [Way::Regenerate, Way::Update];

/// What goes over Connect REST.
const REST: [Way; 2] = [Way::Staged, Way::Regenerate];

/// What a program does.
const PROGRAMS: [Way; 3] = [Way::Staged, Way::Regenerate, Way::Update];

/// Everything about the org.
pub(super) fn findings(asked: &OrgAsked, seen: &OrgSeen) -> Vec<Finding> {
    let mut found = vec![versions(asked, &seen.newest), login(&seen.login)];
    if let Seen::Is(login) = &seen.login {
        found.push(token(login));
        found.extend(rights(asked, seen));
        found.extend(switch(asked, seen));
        if !login.jwt {
            found.push(types(asked, seen));
        }
    }
    found.push(quota(asked, seen.api));
    found.push(creation(&Seen::unasked()));
    found
}

fn versions(asked: &OrgAsked, newest: &Seen<u32>) -> Finding {
    let code = "api-version";
    match newest {
        Seen::Is(newest) if *newest < LEAST => Finding::closes(
            code,
            &PROGRAMS,
            format!("the org offers API versions up to {newest}.0, and {LEAST}.0 is needed"),
        )
        .remedy("wait for the org's next release, or let a person rotate in Setup"),
        Seen::Is(newest) if *newest < asked.version => Finding::note(
            code,
            format!(
                "the newest API version is {newest}.0, which is spoken instead of {}.0",
                asked.version
            ),
        ),
        Seen::Is(newest) => {
            let (name, version) = (&asked.name, asked.version);
            let finding = Finding::good(
                code,
                format!("API {version}.0 is spoken; the newest is {newest}.0"),
            );
            match *newest == version {
                true => finding,
                false => finding.remedy(format!(
                    "nothing has to be done; `api_version = \"{newest}.0\"` in [org.{name}] speaks the newest"
                )),
            }
        }
        Seen::Not(lack, why) => unseen(code, "the list of API versions", *lack, why, &PROGRAMS),
    }
}

fn login(login: &Seen<LoginSeen>) -> Finding {
    match login {
        Seen::Is(seen) => {
            let org = seen.org.as_deref().unwrap_or("not told");
            Finding::good("login", format!("our own login is accepted; the org's id is {org}"))
        }
        Seen::Not(Lack::Login | Lack::Denied, why) => {
            Finding::closes("login", &PROGRAMS, format!("our own login is refused: {why}")).remedy(
                "see to the login app: its JWT certificate, `Admin approved users are pre-authorized` with rekeyd's \
                 user in a permission set, scope `api`, and IP ranges and login hours that let this host in",
            )
        }
        Seen::Not(lack, why) => unseen("login", "our own login", *lack, why, &PROGRAMS),
    }
}

fn token(login: &LoginSeen) -> Finding {
    match login.jwt {
        false => Finding::good("token-format", "access tokens are opaque, as SOAP wants them"),
        true => Finding::closes(
            "token-format",
            &SOAP,
            "our login app issues access tokens in JWT format, which the Metadata API refuses",
        )
        .remedy(
            "Setup, External Client App Manager, rekeyd's login app, Settings, OAuth: turn off `Issue JSON Web Token \
             (JWT)-based access tokens for named users`",
        ),
    }
}

/// Permissions as the org tells them; where it does not, what each call says must do (salesforce-metadata.md §7).
fn rights(asked: &OrgAsked, seen: &OrgSeen) -> Vec<Finding> {
    let rights = match &seen.rights {
        Seen::Is(rights) if !rights.is_empty() => rights,
        Seen::Is(_) | Seen::Not(..) => {
            let says =
                "the org does not tell the permissions of rekeyd's user; what each call answers must do";
            return vec![Finding::note("rights", says)];
        }
    };
    let has = |name: &str| rights.get(name).copied();
    let lacks = |names: &[&str]| names.iter().all(|name| has(name) == Some(false));
    let all = has("ModifyAllData") == Some(true);
    let mut found = Vec::new();
    for (name, label) in [
        ("ExternalClientAppDeveloper", "External Client App Developer"),
        ("ViewClientSecret", "View Client Secret"),
    ] {
        if lacks(&[name]) {
            found.push(lack(&REST, false, name, label));
        }
    }
    if !all && lacks(&["ModifyMetadata"]) {
        let label = "Modify Metadata Through Metadata API Functions";
        // The switch is turned on and off through the Metadata API.
        let ways: &[Way] = match asked.opens_switch && seen.switch != Seen::Is(true) {
            true => &PROGRAMS,
            false => &SOAP,
        };
        found.push(lack(ways, false, "ModifyMetadata", label));
    }
    if lacks(&["CustomizeApplication"]) {
        found.push(lack(
            &[Way::Update],
            true,
            "CustomizeApplication",
            "Customize Application",
        ));
    }
    if !all && lacks(&["ManageRemoteAccess"]) && has("ExternalClientAppDeveloper") != Some(true) {
        found.push(lack(
            &[Way::Update],
            true,
            "ManageRemoteAccess",
            "Manage Connected Apps",
        ));
    }
    if found.is_empty() {
        found.push(Finding::good(
            "rights",
            "rekeyd's user has every permission that was asked about",
        ));
    }
    found
}

/// The switch without which no secret of an External Client App is served over REST (salesforce-oauth-rest.md §1).
fn switch(asked: &OrgAsked, seen: &OrgSeen) -> Option<Finding> {
    let code = "secrets-switch";
    let label = "`Allow access to External Client App consumer secrets via REST API`";
    let org = &asked.name;
    Some(match (&seen.switch, asked.opens_switch) {
        (Seen::Is(true), false) => Finding::good(code, format!("{label} is on")),
        (Seen::Is(true), true) => Finding::good(
            code,
            format!("{label} is on: rekeyd leaves it so, and would turn it on for rotations alone if it were off"),
        ),
        (Seen::Is(false), true) => Finding::note(
            code,
            format!(
                "{label} is off: rekeyd turns it on while a rotation needs it, and off again; until then nobody can \
                 see what only credentials show"
            ),
        ),
        (Seen::Is(false), false) => Finding::closes(code, &REST, format!("{label} is off")).remedy(format!(
            "Setup, External Client App Settings: turn it on; or keep it off, as Salesforce's security baseline advises, \
             and have rekeyd turn it on for rotations alone: `consumer_secrets_switch = \"open-for-rotation\"` in \
             [org.{org}]"
        )),
        (Seen::Not(lack @ (Lack::Denied | Lack::Odd), why), true) => {
            let says = format!("{label} can be neither seen nor turned on by rekeyd: {why}");
            match lack {
                Lack::Denied => Finding::closes(code, &REST, says),
                Lack::Login | Lack::Switched | Lack::Absent | Lack::Later | Lack::Odd | Lack::Unasked => {
                    Finding::doubts(code, &REST, says)
                }
            }
        }
        (Seen::Not(Lack::Unasked, _), true) => Finding::closes(
            code,
            &REST,
            format!("{label} cannot be turned on by rekeyd: it goes over the Metadata API, which refuses our token"),
        ),
        (Seen::Not(lack, why), true) => unseen(code, label, *lack, why, &REST),
        // What each call answers must do.
        (Seen::Not(..), false) => return None,
    })
}

fn lack(ways: &[Way], documented_only: bool, name: &str, label: &str) -> Finding {
    let code = format!("right-{name}");
    let finding = match documented_only {
        false => Finding::closes(
            &code,
            ways,
            format!("rekeyd's user lacks the permission `{label}`"),
        ),
        true => Finding::doubts(
            &code,
            ways,
            format!("rekeyd's user lacks the permission `{label}`, which Salesforce's pages ask for"),
        ),
    };
    finding.remedy(format!(
        "Setup, Permission Sets, the one of rekeyd's user, System Permissions: `{label}` ({name})"
    ))
}

fn types(asked: &OrgAsked, seen: &OrgSeen) -> Finding {
    let code = "metadata";
    let types = match &seen.types {
        Seen::Is(types) => types,
        Seen::Not(Lack::Denied, why) => {
            return Finding::closes(
                code,
                &SOAP,
                format!("the Metadata API is closed to rekeyd's user: {why}"),
            );
        }
        Seen::Not(Lack::Odd, why) => {
            return Finding::closes(code, &SOAP, format!("the Metadata API is of no use here: {why}"));
        }
        Seen::Not(lack, why) => return unseen(code, "the Metadata API", *lack, why, &SOAP),
    };
    let lacking = |name: &str| !types.contains(name);
    let missing: Vec<(&str, Way)> = [
        ("ConnectedApp", Way::Update),
        ("ExtlClntAppGlobalOauthSettings", Way::Regenerate),
    ]
    .into_iter()
    .filter(|(name, way)| lacking(name) && asked.known.iter().any(|word| word == way.word()))
    .collect();
    if missing.is_empty() {
        return Finding::good(code, "the Metadata API has the types that the methods write");
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let ways: Vec<Way> = missing.iter().map(|(_, way)| *way).collect();
    let names = names.join(" and ");
    Finding::closes(
        code,
        &ways,
        format!("the Metadata API of this org does not describe {names}"),
    )
    .remedy("the org's edition or release has no such type: use a method that needs none")
}

fn quota(asked: &OrgAsked, api: Option<(u64, u64)>) -> Finding {
    let code = "api-quota";
    let Some((used, limit)) = api.filter(|(_, limit)| *limit > 0) else {
        return Finding::note(code, "the org did not say how much of its daily requests is used");
    };
    let share = used.saturating_mul(100) / limit;
    let shown = format!("{used} of {limit} daily requests are used ({share}%)");
    let budget = u64::from(asked.budget);
    match share >= budget && budget < 100 {
        false => Finding::good(code, shown),
        true => Finding::note(
            code,
            format!("{shown}: no rotation is started by the clock above {budget}%"),
        )
        .remedy(format!(
            "it goes on by itself; `api_budget` in [org.{}] moves the mark, `rekeyd rotate APP` passes it",
            asked.name
        )),
    }
}

/// Nothing here needs it: it says whether a Connected App that was lost could be made again.
pub(super) fn creation(seen: &Seen<bool>) -> Finding {
    let code = CREATION;
    match seen {
        Seen::Is(true) => Finding::note(
            code,
            "new Connected Apps can be created here, by the verdict on a deploy that was not applied; nothing here needs \
             it",
        ),
        Seen::Is(false) => Finding::note(
            code,
            "new Connected Apps cannot be created here: what is deleted cannot be made again, and no other app can take \
             the place of one",
        )
        .remedy("Salesforce's support can allow it; a migration to an External Client App does not need it"),
        Seen::Not(Lack::Unasked, _) => Finding::note(
            code,
            "whether new Connected Apps can be created was not asked: since Spring '26 they cannot unless Salesforce's \
             support allows it, and nothing here needs it",
        ),
        Seen::Not(_, why) => Finding::note(
            code,
            format!("whether new Connected Apps can be created was not to be had: {why}"),
        ),
    }
}

/// What was not seen leaves in doubt, also what is not there.
pub(super) fn unseen(code: &str, what: &str, lack: Lack, why: &str, ways: &[Way]) -> Finding {
    match lack {
        Lack::Unasked => Finding::doubts(code, ways, format!("{what} could not be asked for")),
        Lack::Login | Lack::Denied | Lack::Switched | Lack::Absent | Lack::Later | Lack::Odd => {
            let finding = Finding::doubts(code, ways, format!("{what} was not to be had: {why}"));
            match lack {
                Lack::Later => finding.remedy("run `rekeyd doctor` again when the org answers"),
                Lack::Login | Lack::Denied | Lack::Switched | Lack::Absent | Lack::Odd | Lack::Unasked => {
                    finding
                }
            }
        }
    }
}
