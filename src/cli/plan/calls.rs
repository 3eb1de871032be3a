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
    let base = org.url.as_str().trim_end_matches('/').to_owned();
    let mut rotation = Rotation {
        calls: Calls(Vec::new()),
        rest: format!("{base}/services/data/v{}", org.api_version),
        soap: format!("{base}/services/Soap/m/{}", org.api_version),
        base,
        app,
        org,
        policy,
        opens: org.consumer_secrets_switch.opens_for(method),
    };
    rotation.login();
    match method {
        Method::Staged => rotation.staged(),
        Method::Update => rotation.update(),
        Method::Regenerate => rotation.regenerate(),
        Method::Assisted => rotation.assisted(),
    }
    rotation.calls.0
}

/// What the calls are made of, and those so far.
struct Rotation<'a> {
    calls: Calls,
    base: String,
    rest: String,
    soap: String,
    app: &'a AppPolicy,
    org: &'a OrgPolicy,
    policy: &'a Policy,
    /// It turns consumer secrets over REST on, and off again.
    opens: bool,
}

const CONSUMER: &str = "{appId}/{consumerId}";
const SETTINGS: &str = "ExtlClntAppGlobalOauthSettings";
const ORG_SETTINGS: &str = "ExternalClientAppSettings";

impl Rotation<'_> {
    fn login(&mut self) {
        let versions = format!("{}/services/data/", self.base);
        self.calls
            .look("login", "GET", versions, "which API versions there are, once");
        let token = format!("{}/services/oauth2/token", self.base);
        self.calls
            .look("login", "POST", token, "JWT bearer; the session is reused");
        places::login(&mut self.calls, self.app, self.policy);
    }

    fn staged(&mut self) {
        let slot = format!("{}/{CONSUMER}/staged", self.credentials());
        let entry = format!("{slot}/{{stagedId}}");
        self.open();
        self.survey_staged("preflight");
        self.sound();
        let note = "Salesforce makes a new pair, not in force yet";
        self.calls.change("mint", "POST", slot.clone(), note);
        places::store(&mut self.calls, self.app, self.policy);
        self.probe("early", "the staged pair, where this org takes it already");
        self.survey_staged("recheck");
        self.calls
            .look("cutover", "GET", slot.clone(), "the slot still holds our pair");
        let note = "{\"command\":\"rotate\"}: the point of no return";
        self.calls.change("cutover", "PATCH", entry.clone(), note);
        self.probe("prove", &stable(self.org));
        places::publish(&mut self.calls, self.app, self.policy);
        places::clear(&mut self.calls, self.app, self.policy);
        let grace = match self.app.grace.is_zero() {
            true => String::new(),
            false => {
                // Nobody needs it meanwhile.
                self.close();
                self.open();
                format!("after a grace of {}, ", duration::text(self.app.grace))
            }
        };
        let note = format!("{grace}whether the entry is the old pair");
        self.calls.look("revoke", "GET", slot, &note);
        self.calls.change("revoke", "DELETE", entry, "the old pair ends");
        self.disprove();
        self.close();
    }

    fn update(&mut self) {
        let name = self.app.target.name();
        self.soap("preflight", "describeMetadata, once");
        self.survey_component("preflight");
        self.sound();
        places::store(&mut self.calls, self.app, self.policy);
        self.survey_component("recheck");
        self.soap("cutover", &format!("readMetadata ConnectedApp {name}"));
        self.soap("cutover", "listMetadata ConnectedApp: not edited meanwhile");
        let write = "updateMetadata: the whole component with the new secret; consumers are out until it is published";
        self.write("cutover", write);
        self.soap("cutover", "readMetadata: what the write changed besides");
        self.publish_in_place();
    }

    fn regenerate(&mut self) {
        let name = self.app.target.name();
        let whole = |flag: &str| {
            format!("deploy: the whole {SETTINGS} of {name} with shouldRotateConsumerSecret = {flag}")
        };
        self.open();
        self.soap("preflight", "describeMetadata, once");
        self.survey_settings("preflight");
        self.sound();
        self.survey_settings("recheck");
        let again = format!("listMetadata, readMetadata, listMetadata {SETTINGS}: not edited meanwhile");
        self.soap("cutover", &again);
        let write = format!(
            "{}, ignoreWarnings: the point of no return; consumers are out until it is published",
            whole("true")
        );
        self.write("cutover", &write);
        self.soap("cutover", "checkDeployStatus, until it is done");
        self.primary("fetch", "the pair that Salesforce made");
        places::store(&mut self.calls, self.app, self.policy);
        self.publish_in_place();
        let besides =
            format!("listMetadata, readMetadata, listMetadata {SETTINGS}: what the deploy changed besides");
        self.soap("reset", &besides);
        self.write("reset", &whole("false"));
        self.soap("reset", "checkDeployStatus, until it is done");
        self.close();
    }

    fn assisted(&mut self) {
        self.sound();
        places::survey(&mut self.calls, "preflight", self.app, self.policy);
        let setup = || "Setup".to_owned();
        let within = duration::text(self.app.answer_within);
        let ask = format!(
            "within {within}: generates a new pair and applies nothing; `rekeyd submit {}`",
            self.app.name
        );
        self.calls.change("ask", "a person", setup(), &ask);
        self.probe("receive", "the pair handed over beside current: is it a new one?");
        places::store(&mut self.calls, self.app, self.policy);
        places::survey(&mut self.calls, "recheck", self.app, self.policy);
        let apply =
            format!("within {within}: applies it; from then on consumers may be out until it is published");
        self.calls.change("apply", "a person", setup(), &apply);
        self.probe(
            "apply",
            "the new pair and the old one, again and again: is it applied?",
        );
        self.publish_in_place();
    }

    /// From the new pair in force to the end of the old one, where they do not overlap.
    fn publish_in_place(&mut self) {
        self.probe("prove", "the new pair and its corrupted control, side by side");
        places::publish(&mut self.calls, self.app, self.policy);
        self.probe("settle", &stable(self.org));
        places::clear(&mut self.calls, self.app, self.policy);
        self.disprove();
    }

    fn survey_staged(&mut self, step: &'static str) {
        self.find(step);
        self.primary(step, "the pair in force");
        self.slot(step, "the staged slot must be empty or ours");
        places::survey(&mut self.calls, step, self.app, self.policy);
    }

    fn survey_component(&mut self, step: &'static str) {
        let read = format!("readMetadata ConnectedApp {}", self.app.target.name());
        self.soap(step, &read);
        self.soap(step, "listMetadata ConnectedApp: when it was last edited");
        places::survey(&mut self.calls, step, self.app, self.policy);
    }

    fn survey_settings(&mut self, step: &'static str) {
        self.find(step);
        self.primary(step, "the pair in force, which the store must hold");
        self.slot(step, "the staged slot must be empty");
        self.soap(
            step,
            &format!("listMetadata {SETTINGS}: when each was last edited"),
        );
        let read = format!("readMetadata {SETTINGS}: those of {}", self.app.target.name());
        self.soap(step, &read);
        places::survey(&mut self.calls, step, self.app, self.policy);
    }

    fn find(&mut self, step: &'static str) {
        let query = format!(
            "{}/query?q=SELECT Id, DeveloperName FROM ExternalClientApplication WHERE DeveloperName = '{}'",
            self.rest,
            self.app.target.name()
        );
        self.calls.look(step, "GET", query, "the app's id");
        let consumers = format!("{}/{{appId}}", self.credentials());
        self.calls.look(step, "GET", consumers, "its consumers");
    }

    fn primary(&mut self, step: &'static str, note: &str) {
        let primary = format!("{}/{CONSUMER}?part=keyandsecret", self.credentials());
        self.calls.look(step, "GET", primary, note);
    }

    fn slot(&mut self, step: &'static str, note: &str) {
        let slot = format!("{}/{CONSUMER}/staged", self.credentials());
        self.calls.look(step, "GET", slot, note);
    }

    fn sound(&mut self) {
        self.probe("preflight", "current is accepted, its corrupted control refused");
    }

    fn disprove(&mut self) {
        self.probe("disprove", "the old pair is refused beside the accepted new one");
    }

    /// As `engine::window` does. An org whose switch is on already is left as it is.
    fn open(&mut self) {
        if self.opens {
            self.turn("open", "on", "is the switch on? The rest only where it is off");
        }
    }

    fn close(&mut self) {
        if self.opens {
            let look = "is the switch on? The rest only where rekeyd turned it on and nobody needs it";
            self.turn("close", "off", look);
        }
    }

    fn turn(&mut self, step: &'static str, way: &str, look: &str) {
        self.soap(step, &format!("readMetadata {ORG_SETTINGS}: {look}"));
        self.soap(step, &format!("readMetadata {ORG_SETTINGS}, whole"));
        let write = format!("updateMetadata {ORG_SETTINGS}: consumer secrets over REST {way}");
        self.write(step, &write);
        self.soap(step, &format!("readMetadata {ORG_SETTINGS}: was it applied?"));
    }

    fn soap(&mut self, step: &'static str, note: &str) {
        self.calls.look(step, "POST", self.soap.clone(), note);
    }

    fn write(&mut self, step: &'static str, note: &str) {
        self.calls.change(step, "POST", self.soap.clone(), note);
    }

    fn probe(&mut self, step: &'static str, note: &str) {
        let target = format!("{}/services/oauth2/introspect", self.base);
        self.calls.look(step, "POST", target, note);
    }

    fn credentials(&self) -> String {
        format!("{}/apps/oauth/credentials", self.rest)
    }
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
