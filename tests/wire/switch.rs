//! The org's switch for consumer secrets over REST: the requests that read and set it.

use rekeyd::port::{Fault, Outcome, Refusal, SecretsSwitch};
use rekeyd::salesforce::Switch;
use serde_json::Value;

use super::schema::verdicts;
use super::server::{Answer, Server, soap, soap_fault};
use super::update::{READ, UPDATE, saved};
use super::writes::class;

const ON: &str = "<enableClientSecretInRestApiAccess>true</enableClientSecretInRestApiAccess>";
const OFF: &str = "<enableClientSecretInRestApiAccess>false</enableClientSecretInRestApiAccess>";

/// Out of order, over several lines, and with a setting that nobody here knows.
fn settings(switch: &str) -> Answer {
    soap(format!(
        "<readMetadataResponse><result><records xsi:type=\"ExternalClientAppSettings\">\n  \
         <fullName>ExternalClientApp</fullName>\n  <zFuture>7</zFuture>\n  \
         <enablePackageEcaOauthFromDevOrg>true</enablePackageEcaOauthFromDevOrg>\n  {switch}\n</records></result>\
         </readMetadataResponse>"
    ))
}

async fn server(switch: &str) -> (Server, Switch) {
    let server = Server::start().await;
    server.always(READ, settings(switch));
    server.always(
        UPDATE,
        saved("<fullName>ExternalClientApp</fullName><success>true</success>"),
    );
    let switch = Switch::new(server.org().0);
    (server, switch)
}

#[tokio::test]
async fn it_is_read_by_name() {
    for (shown, on) in [(ON, true), (OFF, false)] {
        let (server, switch) = server(shown).await;
        assert_eq!(switch.is_on().await, Ok(on));
        let body = &server.seen(READ)[0].body;
        assert!(body.contains(
            "<m:readMetadata><m:type>ExternalClientAppSettings</m:type><m:fullNames>ExternalClientApp</m:fullNames>"
        ));
        assert_eq!(server.count(UPDATE), 0);
    }
}

#[tokio::test]
async fn what_is_not_shown_is_no_answer() {
    let (server, switch) = server("").await;
    assert!(matches!(switch.is_on().await, Err(Fault::Unusable(_))));
    assert!(matches!(
        switch.set(true).await,
        Outcome::NotNow(Fault::Unusable(_))
    ));
    let nothing = "<readMetadataResponse><result><records xsi:nil=\"true\"/></result></readMetadataResponse>";
    server.always(READ, soap(nothing));
    assert!(matches!(switch.is_on().await, Err(Fault::Unusable(_))));
    assert_eq!(server.count(UPDATE), 0);
}

#[tokio::test]
async fn a_write_carries_the_whole_component_in_order() {
    for (before, on, after) in [(OFF, true, "true"), (ON, false, "false")] {
        let (server, switch) = server(before).await;
        assert_eq!(class(&switch.set(on).await), "done");
        let body = server.seen(UPDATE)[0].body.clone();
        let wanted = format!(
            "<m:metadata xsi:type=\"m:ExternalClientAppSettings\"><m:fullName>ExternalClientApp</m:fullName>\
             <m:enableClientSecretInRestApiAccess>{after}</m:enableClientSecretInRestApiAccess>\
             <m:enablePackageEcaOauthFromDevOrg>true</m:enablePackageEcaOauthFromDevOrg><m:zFuture>7</m:zFuture>\
             </m:metadata>"
        );
        assert!(body.contains(&wanted), "{body}");
        assert!(body.contains("<m:allOrNone>true</m:allOrNone>"));
        let bodies = [body, server.seen(READ)[0].body.clone()];
        assert_eq!(verdicts(&bodies), [Value::Null, Value::Null]);
    }
}

/// Somebody else was faster: it was not us who did it, and nothing is sent.
#[tokio::test]
async fn what_is_so_already_is_not_written() {
    let (server, switch) = server(ON).await;
    assert!(matches!(
        switch.set(true).await,
        Outcome::Refused(Refusal::Conflict(_))
    ));
    assert_eq!(server.count(UPDATE), 0);
}

#[tokio::test]
async fn answers_to_a_write() {
    let (server, switch) = server(OFF).await;
    let refused = "<errors><message>no</message><statusCode>INSUFFICIENT_ACCESS</statusCode></errors>\
         <fullName>ExternalClientApp</fullName><success>false</success>";
    server.once(
        UPDATE,
        vec![
            saved(refused),
            Answer::Drop,
            soap_fault("sf:SERVER_UNAVAILABLE", "x"),
        ],
    );
    assert!(matches!(
        switch.set(true).await,
        Outcome::Refused(Refusal::Permission(_))
    ));
    assert!(matches!(switch.set(true).await, Outcome::Unknown(_)));
    let third = class(&switch.set(true).await);
    assert!(third.starts_with("not now") || third == "unknown", "{third}");
    server.always(READ, soap_fault("sf:INSUFFICIENT_ACCESS", "x"));
    assert!(matches!(switch.is_on().await, Err(Fault::Forbidden(_))));
}
