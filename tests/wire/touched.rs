//! Who is touched by another key or secret: what is asked, and what each answer counts for; and the call that ends tokens.

use rekeyd::doctor::observed::{Count, Kind, Subject, Touched};
use rekeyd::port::{Examiner, Outcome, Refusal, Target};
use rekeyd::salesforce::Clinic;

use super::server::{Answer, Seen, Server, html, json};
use super::staged::{FOUND, server};

const USERS: &str = "GET /services/data/v66.0/apps/oauth/usage/0xI000000000001AAA/users";
const END: &str = "DELETE /services/data/v66.0/apps/oauth/usage/0xI000000000001AAA/tokens";

fn subject() -> Subject {
    Subject {
        app: "billing".into(),
        org: "prod".into(),
        kind: Kind::External,
        name: "Billing_Sync".into(),
        consumer: None,
        listed: vec!["staged".into()],
        known: vec!["staged".into()],
        flow: None,
        certificate_given: false,
        opens_switch: false,
    }
}

async fn touched(server: &Server) -> Touched {
    Clinic::new(server.org().0).touched(&subject()).await
}

/// The query of a request, if it is one.
fn query(seen: &Seen) -> String {
    let (_, query) = seen.target.split_once('?').unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(name, _)| name == "q")
        .map_or_else(String::new, |(_, text)| text.into_owned())
}

/// An org that answers every question, but for what `change` says of a query.
async fn org(sees_all: bool, change: impl Fn(&str) -> Option<Answer> + Send + 'static) -> Server {
    let server = server().await;
    server.always(USERS, json(200, r#"{"users":[{},{}],"nextPageUrl":null}"#));
    server.rule(move |seen| {
        let text = query(seen);
        if let Some(answer) = change(&text) {
            return Some(answer);
        }
        let rows = |rows: &str| {
            Some(json(
                200,
                format!(r#"{{"totalSize":0,"done":true,"records":[{rows}]}}"#),
            ))
        };
        match text.as_str() {
            text if text.contains("FROM UserPermissionAccess") => {
                rows(&format!(r#"{{"PermissionsCustomizeApplication":{sees_all}}}"#))
            }
            "SELECT Id FROM AppMenuItem WHERE ApplicationId = '0xI000000000001AAA'" => {
                rows(r#"{"Id":"0DS000000000001AAA"}"#)
            }
            "SELECT COUNT() FROM OauthToken WHERE AppMenuItemId = '0DS000000000001AAA'" => {
                Some(json(200, r#"{"totalSize":41,"done":true,"records":[]}"#))
            }
            "SELECT ConsumerKey FROM AuthProvider" => {
                rows(r#"{"ConsumerKey":"3MVG9old"},{"ConsumerKey":"3MVG9other"},{"ConsumerKey":null}"#)
            }
            text if text.contains("FROM ExternalClientApplication") => Some(json(200, FOUND)),
            _ => None,
        }
    });
    server
}

#[tokio::test]
async fn each_count_is_asked_for_without_a_key_in_it_and_nothing_is_changed() {
    let server = org(true, |_| None).await;
    let touched = touched(&server).await;
    assert_eq!(touched.refresh_tokens, Count::Known(41));
    assert_eq!(touched.users, Count::Known(2));
    assert_eq!(touched.auth_providers, Count::Known(1));
    assert!(matches!(touched.jwt_users, Count::Unknown(_)));
    for seen in server.all() {
        let login = seen.target == "/services/oauth2/token";
        assert!(seen.method == "GET" || login, "{} {}", seen.method, seen.target);
        assert!(!seen.target.contains("3MVG9"), "{}", seen.target);
        // The column with the refresh tokens themselves.
        assert!(!seen.target.contains("AccessToken"), "{}", seen.target);
    }
}

#[tokio::test]
async fn what_cannot_be_seen_is_unknown_with_the_reason_and_the_rest_is_counted() {
    // Without the permission only our own tokens would be counted: that is no count.
    let counted = touched(&org(false, |_| None).await).await;
    let Count::Unknown(why) = &counted.refresh_tokens else {
        panic!("{counted:?}")
    };
    assert!(why.contains("Customize Application"), "{why}");
    assert_eq!(counted.auth_providers, Count::Known(1));
    // No such object here.
    let gone = |text: &str| {
        let other = text.contains("AuthProvider");
        other.then(|| json(400, r#"[{"errorCode":"INVALID_TYPE","message":"x"}]"#))
    };
    let counted = touched(&org(true, gone).await).await;
    assert!(matches!(counted.auth_providers, Count::Unknown(_)), "{counted:?}");
    assert_eq!(counted.refresh_tokens, Count::Known(41));
    // An outage, and too many to look at.
    let down = |text: &str| text.contains("OauthToken").then(|| html(502));
    let counted = touched(&org(true, down).await).await;
    assert!(matches!(counted.refresh_tokens, Count::Unknown(_)), "{counted:?}");
    let many = |text: &str| {
        let rows = r#"{"totalSize":3000,"done":false,"records":[{"ConsumerKey":"3MVG9old"}]}"#;
        text.contains("AuthProvider").then(|| json(200, rows))
    };
    let counted = touched(&org(true, many).await).await;
    assert!(matches!(counted.auth_providers, Count::Unknown(_)), "{counted:?}");
}

/// The documents say that the last page names a next one too, which is empty.
#[tokio::test]
async fn users_are_counted_to_the_end_of_the_pages() {
    let server = org(true, |_| None).await;
    let full = r#"{"users":[{},{},{}],"nextPageUrl":"/x?page=1"}"#;
    let last = r#"{"users":[],"nextPageUrl":"/x?page=2"}"#;
    server.once(USERS, vec![json(200, full), json(200, full), json(200, last)]);
    assert_eq!(touched(&server).await.users, Count::Known(6));
    assert_eq!(server.count(USERS), 3);
}

#[tokio::test]
async fn ending_tokens_is_one_request_and_nothing_there_is_as_good() {
    for (answer, good) in [
        (json(204, ""), true),
        (json(404, r#"[{"errorCode":"NOT_FOUND","message":"x"}]"#), true),
        (
            json(403, r#"[{"errorCode":"INSUFFICIENT_ACCESS","message":"x"}]"#),
            false,
        ),
    ] {
        let server = server().await;
        server.always(END, answer);
        let outcome = server.staged().revoke_tokens().await;
        match outcome {
            Outcome::Done(text) => assert!(good && text.contains("every refresh token"), "{text}"),
            Outcome::Refused(Refusal::Permission(_)) => assert!(!good),
            other @ (Outcome::Partly(_) | Outcome::Refused(_) | Outcome::NotNow(_) | Outcome::Unknown(_)) => {
                panic!("{other:?}")
            }
        }
        assert_eq!(server.count(END), 1);
    }
    let server = server().await;
    server.always(END, Answer::Drop);
    assert!(matches!(
        server.staged().revoke_tokens().await,
        Outcome::Unknown(_)
    ));
    // A Connected App has no such call, and the person is told where to go.
    let outcome = server.update().revoke_tokens().await;
    let Outcome::Refused(Refusal::Unsupported(text)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(text.contains("Revoke All"), "{text}");
}
