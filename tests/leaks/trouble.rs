//! What goes wrong, and where a canary stands in it.

use rekeyd::sandbox::Rule;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::planted::AWKWARD;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    External,
    /// The old pair stays usable after the rotation.
    Overlapping,
    /// An External Client App by the method `regenerate`.
    Regenerated,
    Connected,
    /// A Connected App by the method `assisted`.
    ByHand,
}

impl Kind {
    pub fn is_external(self) -> bool {
        match self {
            Kind::External | Kind::Overlapping | Kind::Regenerated => true,
            Kind::Connected | Kind::ByHand => false,
        }
    }
}

/// One app, and what meets its rotation.
pub struct App {
    pub name: &'static str,
    pub kind: Kind,
    pub store: &'static str,
    pub secret: Option<String>,
    pub switches: &'static str,
    pub faults: Vec<(&'static str, Value)>,
    /// It ends rotated all the same.
    pub rotates: bool,
}

/// What a secret that Salesforce shows may hold: base64's marks, which URLs and JSON escape.
const READABLE: &str = "Kq7+Zt=9w/Rx4_Hb6-V.m0c2+Jy8P/d5L=o3G";

/// A text that stands nowhere else, made of `name`, with all that an escape escapes.
pub fn canary(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let letters = digest.iter().map(|byte| char::from(b'a' + byte % 26));
    let awkward = "&<>\"'+/=%é\\;".chars().cycle();
    let mut text = String::new();
    for (at, (letter, mark)) in letters.zip(awkward).enumerate() {
        text.push(letter);
        text.push(char::from(b'0' + (digest[31 - at] % 10)));
        if at % 3 == 2 {
            text.push(mark);
        }
    }
    text
}

/// Every canary that stands in an answer or in a file.
pub const CANARIES: [&str; 14] = [
    "an error's code and message",
    "an OAuth error",
    "an odd answer to the mint",
    "an odd introspection",
    "an odd pair",
    "a redirect",
    "a SOAP fault",
    "a save result",
    "broken XML",
    "an answer of the store",
    "a stored value",
    "a wrong token",
    "a request to the socket",
    "a policy",
];

fn external(name: &'static str, faults: Vec<(&'static str, Value)>) -> App {
    App {
        name,
        kind: Kind::External,
        store: "local",
        secret: None,
        switches: "",
        faults,
        rotates: true,
    }
}

fn connected(name: &'static str, faults: Vec<(&'static str, Value)>) -> App {
    App {
        kind: Kind::Connected,
        switches: "in_place_secret = \"applies\"",
        ..external(name, faults)
    }
}

fn status(code: u16, body: impl Into<String>, applied: bool) -> Value {
    json!({ "kind": "status", "code": code, "body": body.into(), "applied": applied })
}

fn error(code: u16) -> Value {
    let canary = canary("an error's code and message");
    let body = json!([{ "errorCode": canary, "message": format!("client_secret={canary} is wrong") }]);
    status(code, body.to_string(), false)
}

fn oauth(code: u16) -> Value {
    let canary = canary("an OAuth error");
    let body = json!({ "error": canary, "error_description": format!("invalid client_secret {canary}") });
    status(code, body.to_string(), false)
}

fn plain(kind: &str) -> Value {
    json!({ "kind": kind })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A SOAP fault that says what it was sent.
pub fn soap_fault(said: &str) -> Value {
    let said = escaped(said);
    let body = format!(
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body><soapenv:Fault>\
         <faultcode>sf:{said}</faultcode><faultstring>{said}: consumerSecret {said} was sent</faultstring>\
         </soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    );
    status(500, body, false)
}

fn save_result() -> Value {
    let said = escaped(&canary("a save result"));
    let body = format!(
        "<?xml version=\"1.0\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns=\"http://soap.sforce.com/2006/04/metadata\"><soapenv:Body><updateMetadataResponse><result><errors>\
         <message>the secret {said} is too short</message><statusCode>{said}</statusCode></errors>\
         <fullName>c_saved</fullName><success>false</success></result></updateMetadataResponse></soapenv:Body>\
         </soapenv:Envelope>"
    );
    status(200, body, false)
}

/// All apps.
pub fn apps() -> Vec<App> {
    let odd_mint = canary("an odd answer to the mint");
    let odd_mint = json!({ "stagedCredentials": [{ "id": 5, "key": odd_mint, "secret": [odd_mint] }], "secret": odd_mint });
    let odd_introspection = canary("an odd introspection");
    let odd_introspection = json!({ "active": odd_introspection, odd_introspection.as_str(): true });
    let odd_pair = canary("an odd pair");
    let odd_pair = json!({ "id": "x", "key": 7, "secret": { "is": odd_pair }, odd_pair.as_str(): 1 });
    let elsewhere: String = url::form_urlencoded::byte_serialize(canary("a redirect").as_bytes()).collect();
    let elsewhere = format!("http://127.0.0.1:9/?client_secret={elsewhere}");
    let mut apps = vec![
        App {
            secret: Some(format!("e{READABLE}")),
            ..external("e-plain", vec![])
        },
        external("e-post-500", vec![("staged.post", error(500))]),
        App {
            rotates: false,
            ..external("e-post-400", vec![("staged.post", error(400))])
        },
        external("e-post-cut", vec![("staged.post", plain("truncate"))]),
        external("e-post-lost", vec![("staged.post", plain("drop_after"))]),
        external(
            "e-post-page",
            vec![("staged.post", json!({ "kind": "html", "applied": true }))],
        ),
        external(
            "e-post-odd",
            vec![("staged.post", status(201, odd_mint.to_string(), true))],
        ),
        external("e-patch-503", vec![("staged.patch", error(503))]),
        external("e-patch-lost", vec![("staged.patch", plain("drop_after"))]),
        App {
            rotates: false,
            ..external(
                "e-patch-far",
                vec![("staged.patch", json!({ "kind": "redirect", "to": elsewhere }))],
            )
        },
        App {
            rotates: false,
            ..external("e-patch-limit", vec![("staged.patch", plain("limit_exceeded"))])
        },
        external("e-oauth", vec![("introspect", oauth(400)), ("token", oauth(400))]),
        external(
            "e-introspect",
            vec![("introspect", status(200, odd_introspection.to_string(), false))],
        ),
        App {
            rotates: false,
            ..external(
                "e-pair-odd",
                vec![("credential.get", status(200, odd_pair.to_string(), false))],
            )
        },
        external("e-pair-cut", vec![("credential.get", plain("truncate"))]),
        external(
            "e-pair-huge",
            vec![("credential.get", json!({ "kind": "huge", "bytes": 9_000_000 }))],
        ),
        external("e-expired", vec![("staged.post", plain("session_expired"))]),
        external("e-delete", vec![("staged.delete", error(500))]),
        App {
            rotates: false,
            ..external("e-not-json", vec![])
        },
        App {
            rotates: false,
            ..external("e-wrong-json", vec![])
        },
        connected("c-lost", vec![("soap.updateMetadata", plain("drop_after"))]),
        connected("c-cut", vec![("soap.readMetadata", plain("truncate"))]),
        connected(
            "c-fault",
            vec![("soap.updateMetadata", soap_fault(&canary("a SOAP fault")))],
        ),
        connected(
            "c-echo",
            vec![("soap.readMetadata", json!({ "kind": "delay", "ms": 1500 }))],
        ),
        connected(
            "c-expired",
            vec![("soap.updateMetadata", plain("session_expired"))],
        ),
        App {
            rotates: false,
            ..connected("c-saved", vec![("soap.updateMetadata", save_result())])
        },
        connected(
            "c-broken",
            vec![(
                "soap.readMetadata",
                status(
                    200,
                    format!("<?xml version=\"1.0\"?><a b='{}", canary("broken XML")),
                    false,
                ),
            )],
        ),
        App {
            switches: "in_place_secret = \"ignored\"",
            rotates: false,
            ..connected("c-ignored", vec![])
        },
        App {
            store: "corp",
            secret: Some(format!("v{READABLE}")),
            ..external("v-token", vec![])
        },
        App {
            store: "corp",
            rotates: false,
            ..external("v-wrong-json", vec![])
        },
    ];
    for name in ["v-refused", "v-odd"] {
        apps.push(App {
            store: "corp",
            rotates: false,
            ..external(name, vec![])
        });
    }
    apps.push(App {
        secret: Some(format!("c{AWKWARD}")),
        ..connected("c-plain", vec![])
    });
    apps.push(App {
        store: "cloud",
        secret: Some(format!("w{READABLE}")),
        ..external("w-plain", vec![])
    });
    for (name, kind, faults) in [
        ("a-plain", Kind::ByHand, vec![]),
        ("g-leaked", Kind::Overlapping, vec![]),
        ("r-plain", Kind::Regenerated, vec![]),
        (
            "r-cut",
            Kind::Regenerated,
            vec![("credential.get", plain("truncate"))],
        ),
    ] {
        apps.push(App {
            kind,
            secret: Some(format!("{name}{READABLE}")),
            ..external(name, faults)
        });
    }
    apps
}

/// The rules of all apps.
pub fn rules(apps: &[App]) -> Vec<Rule> {
    let mut rules: Vec<Value> = Vec::new();
    for app in apps {
        for (operation, action) in &app.faults {
            let name = app.name.replace('-', "_");
            let count = match (action["kind"].as_str(), operation.split_once('.')) {
                // Slow for good.
                (Some("delay"), _) => 0,
                (_, Some(("staged", _) | (_, "updateMetadata"))) => 1,
                // Reads and probes are asked more than once, and each time something is to be said of it.
                _ => 2,
            };
            rules.push(json!({ "operation": operation, "app": name, "count": count, "action": action }));
        }
    }
    understood(rules)
}

/// Our own session ends, and our own login is refused once: that stops every app of the org for a while.
pub fn refused_login() -> Vec<Rule> {
    understood(vec![
        json!({ "operation": "query", "action": plain("session_expired") }),
        json!({ "operation": "token.jwt_bearer", "action": oauth(400) }),
    ])
}

fn understood(rules: Vec<Value>) -> Vec<Rule> {
    rules
        .into_iter()
        .map(|rule| serde_json::from_value(rule).unwrap())
        .collect()
}
