//! What a rotation means for the OAuth flow that the app's consumers use (salesforce-oauth-rest.md §1, §3, §4).

use super::finding::{Finding, Way};
use super::observed::{AppSeen, Seen, Subject};
use crate::policy::Flow;

/// What writes the whole component.
const WRITES: [Way; 2] = [Way::Regenerate, Way::Update];

/// Everything that follows from the flow.
pub(super) fn findings(subject: &Subject, seen: &AppSeen) -> Vec<Finding> {
    let Some(flow) = subject.flow else {
        return Vec::new();
    };
    let mut found = vec![Finding::note("flow", meaning(flow))];
    if subject.listed.iter().any(|word| word == Way::Staged.word()) {
        found.extend(new_key(flow).map(|says| Finding::note("flow-new-client-id", says)));
    }
    if flow == Flow::JwtBearer && !subject.certificate_given {
        found.push(
            Finding::closes(
                "flow-certificate",
                &WRITES,
                "JWT bearer rests on the app's certificate, and a write of the component without it may wipe it",
            )
            .remedy("say `certificate_file = \"/…\"` with the app's certificate"),
        );
    }
    if let AppSeen::Connected(app) = seen
        && let Seen::Is(Some(component)) = &app.component
    {
        if flow == Flow::ClientCredentials && !component.client_credentials {
            found.push(
                Finding::note("flow-off", "the app has the client credentials flow turned off")
                    .remedy("name the flow that its consumers use, or turn this one on in Setup"),
            );
        }
        if flow == Flow::JwtBearer && !component.certificate {
            found.push(Finding::note(
                "flow-off",
                "the app shows no certificate, which JWT bearer needs; it may only be hidden",
            ));
        }
    }
    found
}

fn meaning(flow: Flow) -> &'static str {
    match flow {
        Flow::WebServer => {
            "web server flow: access and refresh tokens that were issued under the old secret live on by their own \
             policy; revoke them where a leak is the reason"
        }
        Flow::Pkce => {
            "PKCE in an app on people's devices: its secret is optional and no protection; refresh tokens live on; a \
             method is used only while the token endpoint tells the right secret from a wrong one"
        }
        Flow::JwtBearer => {
            "JWT bearer: no secret is in use, the key behind the app's certificate is; rotating the secret changes \
             nothing for its consumers, and the certificate is rotated elsewhere"
        }
        Flow::ClientCredentials => {
            "client credentials: each login shows the secret, so a real login is among the probes; sessions live on \
             until their time-out"
        }
        Flow::Device => {
            "device flow: its secret is optional, and its refresh tokens live on; Salesforce blocks the flow for apps that \
             are not installed"
        }
    }
}

/// What a new client id breaks.
fn new_key(flow: Flow) -> Option<&'static str> {
    match flow {
        Flow::WebServer | Flow::Device => Some(
            "`staged` changes the client id: whether refresh tokens of the old one outlive it is not documented; try it \
             with one app",
        ),
        Flow::Pkce => Some(
            "`staged` changes the client id, which an app on a device has built in: every installed copy stops working \
             when the old pair ends",
        ),
        Flow::JwtBearer => {
            Some("`staged` changes the client id: `iss` of every assertion must follow within the grace")
        }
        Flow::ClientCredentials => None,
    }
}
