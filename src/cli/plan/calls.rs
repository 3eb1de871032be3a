//! The calls that a rotation makes at Salesforce, in order, with those of the stores between them.
//!
//! Written after the adapters (salesforce-oauth-rest.md §1 and §3, salesforce-metadata.md §2); `{…}` stands for what
//! only Salesforce knows. A repeated probe, a lost answer or an expired session adds calls that change nothing.

use serde::Serialize;

use super::places;
use crate::policy::{AppPolicy, Method, OrgPolicy, Policy};
use crate::schedule::duration;

/// One call.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Call {
    /// Which step of the rotation.
    pub step: &'static str,
    /// It changes something there.
    pub mutating: bool,
    /// HTTP method, or what is done to a file.
    pub method: &'static str,
    /// URL, or file.
    pub target: String,
    /// What for.
    pub note: String,
}

/// The calls so far.
pub(super) struct Calls(pub Vec<Call>);

impl Calls {
    /// One that changes nothing.
    pub fn look(&mut self, step: &'static str, method: &'static str, target: String, note: &str) {
        self.add(step, false, method, target, note);
    }

    /// One that does.
    pub fn change(&mut self, step: &'static str, method: &'static str, target: String, note: &str) {
        self.add(step, true, method, target, note);
    }

    fn add(&mut self, step: &'static str, mutating: bool, method: &'static str, target: String, note: &str) {
        let note = note.to_owned();
        self.0.push(Call {
            step,
            mutating,
            method,
            target,
            note,
        });
    }
}

/// Every call of one rotation of `app`.
pub(super) fn of(app: &AppPolicy, org: &OrgPolicy, policy: &Policy, method: Method) -> Vec<Call> {
    let mut calls = Calls(Vec::new());
    let base = org.url.as_str().trim_end_matches('/').to_owned();
    let at = Addresses {
        rest: format!("{base}/services/data/v{}", org.api_version),
        soap: format!("{base}/services/Soap/m/{}", org.api_version),
        base,
    };
    let versions = format!("{}/services/data/", at.base);
    calls.look("login", "GET", versions, "which API versions there are, once");
    let token = format!("{}/services/oauth2/token", at.base);
    calls.look("login", "POST", token, "JWT bearer; the session is reused");
    places::login(&mut calls, app, policy);
    match method {
        Method::Staged => staged(&mut calls, &at, app, org, policy),
        Method::Update => update(&mut calls, &at, app, org, policy),
        Method::Regenerate => regenerate(&mut calls, &at, app, org, policy),
        Method::Assisted => assisted(&mut calls, &at, app, org, policy),
    }
    calls.0
}

struct Addresses {
    base: String,
    rest: String,
    soap: String,
}

const CONSUMER: &str = "{appId}/{consumerId}";

fn staged(calls: &mut Calls, at: &Addresses, app: &AppPolicy, org: &OrgPolicy, policy: &Policy) {
    let credentials = format!("{}/apps/oauth/credentials", at.rest);
    let slot = format!("{credentials}/{CONSUMER}/staged");
    let entry = format!("{slot}/{{stagedId}}");
    let survey = |calls: &mut Calls, step| {
        let find = format!(
            "{}/query?q=SELECT Id, DeveloperName FROM ExternalClientApplication WHERE DeveloperName = '{}'",
            at.rest,
            app.target.name()
        );
        calls.look(step, "GET", find, "the app's id");
        calls.look(step, "GET", format!("{credentials}/{{appId}}"), "its consumers");
        let primary = format!("{credentials}/{CONSUMER}?part=keyandsecret");
        calls.look(step, "GET", primary, "the pair in force");
        calls.look(step, "GET", slot.clone(), "the staged slot must be empty or ours");
        places::survey(calls, step, app, policy);
    };
    survey(calls, "preflight");
    probe(
        calls,
        "preflight",
        at,
        "current is accepted, its corrupted control refused",
    );
    calls.change(
        "mint",
        "POST",
        slot.clone(),
        "Salesforce makes a new pair, not in force yet",
    );
    places::store(calls, app, policy);
    probe(
        calls,
        "early",
        at,
        "the staged pair, where this org takes it already",
    );
    survey(calls, "recheck");
    calls.look("cutover", "GET", slot.clone(), "the slot still holds our pair");
    calls.change(
        "cutover",
        "PATCH",
        entry.clone(),
        "{\"command\":\"rotate\"}: the point of no return",
    );
    probe(calls, "prove", at, &stable(org));
    places::publish(calls, app, policy);
    places::clear(calls, app, policy);
    let grace = format!("after a grace of {}, ", duration::text(app.grace));
    let grace = if app.grace.is_zero() { String::new() } else { grace };
    let note = format!("{grace}whether the entry is the old pair");
    calls.look("revoke", "GET", slot, &note);
    calls.change("revoke", "DELETE", entry, "the old pair ends");
    probe(
        calls,
        "disprove",
        at,
        "the old pair is refused beside the accepted new one",
    );
}

fn update(calls: &mut Calls, at: &Addresses, app: &AppPolicy, org: &OrgPolicy, policy: &Policy) {
    let name = app.target.name();
    let soap = |calls: &mut Calls, step, note: &str| calls.look(step, "POST", at.soap.clone(), note);
    let survey = |calls: &mut Calls, step| {
        soap(calls, step, &format!("readMetadata ConnectedApp {name}"));
        soap(calls, step, "listMetadata ConnectedApp: when it was last edited");
        places::survey(calls, step, app, policy);
    };
    soap(calls, "preflight", "describeMetadata, once");
    survey(calls, "preflight");
    probe(
        calls,
        "preflight",
        at,
        "current is accepted, its corrupted control refused",
    );
    places::store(calls, app, policy);
    survey(calls, "recheck");
    soap(calls, "cutover", &format!("readMetadata ConnectedApp {name}"));
    soap(
        calls,
        "cutover",
        "listMetadata ConnectedApp: not edited meanwhile",
    );
    let write =
        "updateMetadata: the whole component with the new secret; consumers are out until it is published";
    calls.change("cutover", "POST", at.soap.clone(), write);
    soap(calls, "cutover", "readMetadata: what the write changed besides");
    probe(
        calls,
        "prove",
        at,
        "the new pair and its corrupted control, side by side",
    );
    places::publish(calls, app, policy);
    probe(calls, "settle", at, &stable(org));
    places::clear(calls, app, policy);
    probe(
        calls,
        "disprove",
        at,
        "the old pair is refused beside the accepted new one",
    );
}

fn regenerate(calls: &mut Calls, at: &Addresses, app: &AppPolicy, org: &OrgPolicy, policy: &Policy) {
    const SETTINGS: &str = "ExtlClntAppGlobalOauthSettings";
    let name = app.target.name();
    let credentials = format!("{}/apps/oauth/credentials", at.rest);
    let primary = format!("{credentials}/{CONSUMER}?part=keyandsecret");
    let soap = |calls: &mut Calls, step, note: &str| calls.look(step, "POST", at.soap.clone(), note);
    let survey = |calls: &mut Calls, step| {
        let find = format!(
            "{}/query?q=SELECT Id, DeveloperName FROM ExternalClientApplication WHERE DeveloperName = '{name}'",
            at.rest
        );
        calls.look(step, "GET", find, "the app's id");
        calls.look(step, "GET", format!("{credentials}/{{appId}}"), "its consumers");
        calls.look(
            step,
            "GET",
            primary.clone(),
            "the pair in force, which the store must hold",
        );
        let slot = format!("{credentials}/{CONSUMER}/staged");
        calls.look(step, "GET", slot, "the staged slot must be empty");
        soap(
            calls,
            step,
            &format!("listMetadata {SETTINGS}: when each was last edited"),
        );
        soap(calls, step, &format!("readMetadata {SETTINGS}: those of {name}"));
        places::survey(calls, step, app, policy);
    };
    let whole = |flag: &str| {
        format!("deploy: the whole {SETTINGS} of {name} with shouldRotateConsumerSecret = {flag}")
    };
    soap(calls, "preflight", "describeMetadata, once");
    survey(calls, "preflight");
    let sound = "current is accepted, its corrupted control refused";
    probe(calls, "preflight", at, sound);
    survey(calls, "recheck");
    soap(
        calls,
        "cutover",
        &format!("listMetadata, readMetadata, listMetadata {SETTINGS}: not edited meanwhile"),
    );
    let write = format!(
        "{}, ignoreWarnings: the point of no return; consumers are out until it is published",
        whole("true")
    );
    calls.change("cutover", "POST", at.soap.clone(), &write);
    soap(calls, "cutover", "checkDeployStatus, until it is done");
    calls.look("fetch", "GET", primary.clone(), "the pair that Salesforce made");
    places::store(calls, app, policy);
    probe(
        calls,
        "prove",
        at,
        "the new pair and its corrupted control, side by side",
    );
    places::publish(calls, app, policy);
    probe(calls, "settle", at, &stable(org));
    places::clear(calls, app, policy);
    let dead = "the old pair is refused beside the accepted new one";
    probe(calls, "disprove", at, dead);
    soap(
        calls,
        "reset",
        &format!("listMetadata, readMetadata, listMetadata {SETTINGS}: what the deploy changed besides"),
    );
    calls.change("reset", "POST", at.soap.clone(), &whole("false"));
    soap(calls, "reset", "checkDeployStatus, until it is done");
}

fn assisted(calls: &mut Calls, at: &Addresses, app: &AppPolicy, org: &OrgPolicy, policy: &Policy) {
    let sound = "current is accepted, its corrupted control refused";
    probe(calls, "preflight", at, sound);
    places::survey(calls, "preflight", app, policy);
    let setup = || "Setup".to_owned();
    let within = duration::text(app.answer_within);
    let ask = format!(
        "within {within}: generates a new pair and applies nothing; `rekeyd submit {}`",
        app.name
    );
    calls.change("ask", "a person", setup(), &ask);
    probe(
        calls,
        "receive",
        at,
        "the pair handed over beside current: is it a new one?",
    );
    places::store(calls, app, policy);
    places::survey(calls, "recheck", app, policy);
    let apply =
        format!("within {within}: applies it; from then on consumers may be out until it is published");
    calls.change("apply", "a person", setup(), &apply);
    probe(
        calls,
        "apply",
        at,
        "the new pair and the old one, again and again: is it applied?",
    );
    probe(
        calls,
        "prove",
        at,
        "the new pair and its corrupted control, side by side",
    );
    places::publish(calls, app, policy);
    probe(calls, "settle", at, &stable(org));
    places::clear(calls, app, policy);
    let dead = "the old pair is refused beside the accepted new one";
    probe(calls, "disprove", at, dead);
}

fn probe(calls: &mut Calls, step: &'static str, at: &Addresses, note: &str) {
    let target = format!("{}/services/oauth2/introspect", at.base);
    calls.look(step, "POST", target, note);
}

fn stable(org: &OrgPolicy) -> String {
    let stability = &org.stability;
    format!(
        "accepted {} times, {} apart, over {}, within {}; its corrupted control refused",
        stability.tries,
        duration::text(stability.spacing),
        duration::text(stability.span),
        duration::text(org.propagation)
    )
}
