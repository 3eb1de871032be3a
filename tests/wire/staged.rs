//! Method `staged`, call by call.

use rekeyd::clock::Timestamp;
use rekeyd::port::{Cutover, Fault, Outcome, Refusal, Target};
use rekeyd::rotation::Tri;
use rekeyd::salesforce::StagedTarget;

use super::server::{NOW, Seen, Server, json, pair, staged_settings};

pub const CONSUMER: &str = "888000000000001AAA";
pub const ENTRY: &str = "8889000000000017AA";
pub const BASE: &str = "/services/data/v66.0/apps/oauth/credentials/0xI000000000001AAA";

pub fn path(method: &str, below: &str) -> String {
    format!("{method} {BASE}{below}")
}

pub fn consumer(method: &str) -> String {
    path(method, &format!("/{CONSUMER}"))
}

pub fn slot(method: &str) -> String {
    path(method, &format!("/{CONSUMER}/staged"))
}

pub fn entry(method: &str) -> String {
    path(method, &format!("/{CONSUMER}/staged/{ENTRY}"))
}

pub const FOUND: &str = r#"{"totalSize":1,"done":true,"records":[{"attributes":{"type":"ExternalClientApplication"},"Id":"0xI000000000001AAA","DeveloperName":"Billing_Sync"}]}"#;

pub fn staged_entry(key: &str, state: &str) -> String {
    format!(
        r#"{{"id":"{ENTRY}","key":"{key}","secret":"n3wS3cret","state":"{state}","createdBy":"005000000000002AAA","createdDate":"2026-03-01T10:00:00.000Z","expirationDate":"2026-03-31T10:00:00.000Z","url":"https://evil.example/x","stagedCredentialsUrl":"https://evil.example/y"}}"#
    )
}

/// A server with one app of one consumer and an empty slot.
pub async fn server() -> Server {
    let server = Server::start().await;
    server.always("GET /services/data/v66.0/query", json(200, FOUND));
    let consumers = r#"{"consumers":[{"id":"888000000000001AAA","key":"3MVG9old","name":"Billing","url":"https://evil.example","stagedCredentialsUrl":"https://evil.example"}],"currentPageUrl":"/x","nextPageUrl":null}"#;
    server.always(&path("GET", ""), json(200, consumers));
    let primary = r#"{"id":"888000000000001","key":"3MVG9old","secret":"oldS3cret"}"#;
    server.always(&consumer("GET"), json(200, primary));
    server.always(&slot("GET"), json(200, r#"{"stagedCredentials":[],"url":"/x"}"#));
    server
}

fn with(server: Server, answers: &[(String, String)]) -> Server {
    for (key, body) in answers {
        server.always(key, json(200, body.clone()));
    }
    server
}

fn order(key: &str) -> Cutover {
    Cutover {
        staged: Some(ENTRY.into()),
        new: pair(key, "n3wS3cret"),
        modified: None,
    }
}

#[tokio::test]
async fn a_survey_sees_the_app_its_pair_and_its_slot() {
    let staged = format!(
        r#"{{"stagedCredentials":[{}]}}"#,
        staged_entry("3MVG9new", "Active")
    );
    let server = with(server().await, &[(slot("GET"), staged)]);
    let survey = server.staged().survey().await.unwrap();
    assert_eq!(survey.obstacles, Vec::<String>::new());
    assert_eq!(survey.key.as_deref(), Some("3MVG9old"));
    let live = survey.live.unwrap();
    assert_eq!(
        (live.client_id.as_str(), live.client_secret.expose()),
        ("3MVG9old", "oldS3cret")
    );
    let entry = survey.staged.unwrap();
    assert_eq!(
        (entry.id.as_str(), entry.key.as_str(), entry.state.as_str()),
        (ENTRY, "3MVG9new", "active")
    );
    assert_eq!(entry.created_by.as_deref(), Some("005000000000002"));
    assert_eq!(entry.created_at, Some(Timestamp(NOW)));
    assert_eq!(entry.expires_at, Some(Timestamp(NOW + 30 * 86_400_000)));
    assert_eq!(survey.our_user.as_deref(), Some("005000000000002"));
    assert_eq!(survey.server_time, Some(Timestamp(NOW)));
    assert!(!survey.own_login);
    let read = &server.seen(&consumer("GET"))[0];
    assert!(read.target.ends_with("?part=keyandsecret"));
    assert!(server.all().iter().all(|seen| !seen.target.contains("evil")));
}

#[tokio::test]
async fn the_app_is_asked_for_by_name_whatever_the_name_holds() {
    let server = server().await;
    let mut settings = staged_settings();
    settings.name = r"O'Brien\ &+".into();
    let target = StagedTarget::new(server.org().0, settings).unwrap();
    target.survey().await.unwrap();
    let query = &server.seen("GET /services/data/v66.0/query")[0].target;
    let (_, query) = query.split_once('?').unwrap();
    let query: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let soql =
        r"SELECT Id, DeveloperName FROM ExternalClientApplication WHERE DeveloperName = 'O\'Brien\\ &+'";
    assert_eq!(query, [("q".to_owned(), soql.to_owned())]);
}

fn page(seen: &Seen) -> u32 {
    let (_, query) = seen.target.split_once('?').unwrap_or_default();
    let page = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "page");
    page.map_or(0, |(_, page)| page.parse().unwrap())
}

#[tokio::test]
async fn the_usage_list_is_read_page_by_page_where_the_query_finds_nothing() {
    for query in [
        json(200, r#"{"records":[]}"#),
        json(
            400,
            r#"[{"errorCode":"INVALID_TYPE","message":"sObject type is not supported"}]"#,
        ),
        json(403, r#"[{"errorCode":"INSUFFICIENT_ACCESS","message":"no"}]"#),
    ] {
        let server = server().await;
        server.always("GET /services/data/v66.0/query", query);
        server.rule(|seen| {
            (seen.key() == "GET /services/data/v66.0/apps/oauth/usage").then(|| {
                json(
                    200,
                    match page(seen) {
                        2 => r#"{"apps":[{"developerName":"Billing_Sync","identifier":"0xI000000000001AAA"}],"nextPageUrl":"/x"}"#,
                        _ => r#"{"apps":[{"developerName":"Other","identifier":"0xI000000000009AAA"}],"nextPageUrl":"https://evil.example"}"#,
                    },
                )
            })
        });
        let survey = server.staged().survey().await.unwrap();
        assert_eq!(survey.obstacles, Vec::<String>::new());
        let pages = server.seen("GET /services/data/v66.0/apps/oauth/usage");
        assert_eq!(pages.iter().map(page).collect::<Vec<_>>(), [0, 1, 2]);
    }
}

#[tokio::test]
async fn paging_ends_on_null_on_an_empty_page_and_at_a_cap() {
    let usage = "GET /services/data/v66.0/apps/oauth/usage";
    let other = r#"{"developerName":"Other","identifier":"0xI000000000009AAA"}"#;
    let endless = format!(r#"{{"apps":[{other}],"nextPageUrl":"/x"}}"#);
    let last = format!(r#"{{"apps":[{other}],"nextPageUrl":null}}"#);
    let empty = r#"{"apps":[],"nextPageUrl":"/x"}"#.to_owned();
    for (body, pages) in [(last, 1), (empty, 1)] {
        let nothing = (
            "GET /services/data/v66.0/query".to_owned(),
            r#"{"records":[]}"#.to_owned(),
        );
        let server = with(server().await, &[nothing, (usage.to_owned(), body)]);
        let survey = server.staged().survey().await.unwrap();
        assert_eq!(survey.obstacles.len(), 1, "{:?}", survey.obstacles);
        assert_eq!(server.count(usage), pages);
    }
    let nothing = (
        "GET /services/data/v66.0/query".to_owned(),
        r#"{"records":[]}"#.to_owned(),
    );
    let server = with(server().await, &[nothing, (usage.to_owned(), endless)]);
    assert!(matches!(server.staged().survey().await, Err(Fault::Unusable(_))));
    assert_eq!(server.count(usage), 100);
}

#[tokio::test]
async fn consumers_are_paged_too_also_where_the_server_repeats_itself() {
    let body = r#"{"consumers":[{"id":"888000000000001AAA","key":"3MVG9old"}],"nextPageUrl":"/again"}"#;
    let server = with(server().await, &[(path("GET", ""), body.into())]);
    let survey = server.staged().survey().await.unwrap();
    assert_eq!(survey.obstacles, Vec::<String>::new());
    assert_eq!(server.count(&path("GET", "")), 2);
}

#[tokio::test]
async fn one_of_several_consumers_must_be_named() {
    let body = r#"{"consumers":[{"id":"888000000000009AAA","key":"3MVG9other","name":"Other"},{"id":"888000000000001AAA","key":"3MVG9old","name":"Billing"}],"nextPageUrl":null}"#;
    let server = with(server().await, &[(path("GET", ""), body.into())]);
    let survey = server.staged().survey().await.unwrap();
    assert!(
        survey.obstacles[0].contains("2 consumers"),
        "{:?}",
        survey.obstacles
    );
    assert!(survey.key.is_none());
    for name in ["888000000000001", CONSUMER, "Billing", "3MVG9old"] {
        let mut settings = staged_settings();
        settings.consumer = Some(name.into());
        let target = StagedTarget::new(server.org().0, settings).unwrap();
        let survey = target.survey().await.unwrap();
        assert_eq!(survey.key.as_deref(), Some("3MVG9old"), "{name}");
    }
    let mut settings = staged_settings();
    settings.consumer = Some("Nobody".into());
    let target = StagedTarget::new(server.org().0, settings).unwrap();
    assert_eq!(target.survey().await.unwrap().obstacles.len(), 1);
    assert!(matches!(target.mint().await, Outcome::NotNow(Fault::NotFound(_))));
}

#[tokio::test]
async fn our_own_login_app_is_recognised_by_live_or_staged_key() {
    let own = format!(
        r#"{{"stagedCredentials":[{}]}}"#,
        staged_entry("3MVG9own", "Active")
    );
    for answer in [
        (
            consumer("GET"),
            r#"{"key":"3MVG9own","secret":"oldS3cret"}"#.to_owned(),
        ),
        (slot("GET"), own),
    ] {
        let server = with(server().await, &[answer]);
        assert!(server.staged().survey().await.unwrap().own_login);
    }
}

#[tokio::test]
async fn a_missing_switch_or_permission_is_an_obstacle_with_its_remedy() {
    let off = r#"[{"errorCode":"FUNCTIONALITY_NOT_ENABLED","message":"This feature is not currently enabled for this user type or org"}]"#;
    let words = r#"[{"errorCode":"SOMETHING_NEW","message":"This feature is not enabled for this user"}]"#;
    let denied = r#"[{"errorCode":"INSUFFICIENT_ACCESS","message":"insufficient"}]"#;
    let switch = "Allow access to External Client App consumer secrets via REST API";
    for (body, remedy) in [(off, switch), (words, switch), (denied, "View Client Secret")] {
        let server = server().await;
        server.always(&consumer("GET"), json(403, body));
        let survey = server.staged().survey().await.unwrap();
        assert!(survey.obstacles[0].contains(remedy), "{:?}", survey.obstacles);
        assert_eq!(
            survey.key.as_deref(),
            Some("3MVG9old"),
            "the list of consumers has it"
        );
        assert!(survey.live.is_none());
    }
    let server = server().await;
    server.always(
        &slot("GET"),
        json(404, r#"[{"errorCode":"NOT_FOUND","message":"x"}]"#),
    );
    let survey = server.staged().survey().await.unwrap();
    assert!(survey.obstacles[0].contains("v65.0"), "{:?}", survey.obstacles);
}

#[tokio::test]
async fn a_masked_live_secret_is_an_obstacle() {
    for secret in [r#""""#, r#""********""#, "null"] {
        let body = format!(r#"{{"key":"3MVG9old","secret":{secret}}}"#);
        let server = with(server().await, &[(consumer("GET"), body)]);
        let survey = server.staged().survey().await.unwrap();
        assert!(survey.live.is_none());
        assert_eq!(survey.obstacles.len(), 1, "{secret}");
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_named_is_no_free_slot() {
    for body in [
        r#"{"stagedCredentials":[{"id":"8889000000000017AA"}]}"#,
        r#"{"stagedCredentials":[{"key":"3MVG9new"}]}"#,
        r#"{"stagedCredentials":[{"id":"../../x","key":"3MVG9new"}]}"#,
        r#"{"stagedCredentials":"#,
    ] {
        let server = with(server().await, &[(slot("GET"), body.to_owned())]);
        assert!(
            matches!(server.staged().survey().await, Err(Fault::Unusable(_))),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_mint_is_one_post_with_a_body_and_takes_every_shape() {
    let one = staged_entry("3MVG9new", "Active");
    let named = one
        .replace("\"key\"", "\"consumerKey\"")
        .replace("\"secret\"", "\"consumerSecret\"");
    for body in [
        one.clone(),
        named,
        format!("[{one}]"),
        format!(r#"{{"stagedCredentials":[{one}],"url":"/x"}}"#),
    ] {
        let server = server().await;
        server.always(&slot("POST"), json(201, body));
        let Outcome::Done(minted) = server.staged().mint().await else {
            panic!()
        };
        assert_eq!((minted.id.as_str(), minted.key.as_str()), (ENTRY, "3MVG9new"));
        let pair = minted.credential.unwrap();
        assert_eq!(
            (pair.client_id.as_str(), pair.client_secret.expose()),
            ("3MVG9new", "n3wS3cret")
        );
        let posts = server.seen(&slot("POST"));
        assert_eq!(posts.len(), 1);
        assert_eq!(posts[0].body, "{}");
        assert_eq!(posts[0].headers["content-length"], "2");
        assert_eq!(posts[0].headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn a_mint_whose_secret_is_masked_still_names_its_entry() {
    let server = server().await;
    let body = staged_entry("3MVG9new", "Active").replace("n3wS3cret", "••••••••");
    server.always(&slot("POST"), json(201, body));
    let Outcome::Done(minted) = server.staged().mint().await else {
        panic!()
    };
    assert!(minted.credential.is_none());
    assert_eq!(minted.key, "3MVG9new");
}

#[tokio::test]
async fn a_mint_that_cannot_be_read_is_unknown() {
    let one = staged_entry("3MVG9new", "Active");
    let many = format!("[{one},{one}]");
    for body in [
        "",
        "{}",
        "[]",
        "no json",
        r#"{"key":"3MVG9new"}"#,
        r#"{"id":"8889000000000017AA"}"#,
        &many,
    ] {
        let server = server().await;
        server.always(&slot("POST"), json(201, body));
        assert!(
            matches!(server.staged().mint().await, Outcome::Unknown(_)),
            "{body}"
        );
        assert_eq!(server.count(&slot("POST")), 1);
    }
}

#[tokio::test]
async fn a_staged_value_is_read_again_unless_it_is_masked() {
    let one = staged_entry("3MVG9new", "Active");
    let server = with(server().await, &[(entry("GET"), one.clone())]);
    let target = server.staged();
    let pair = target.staged_value(ENTRY).await.unwrap().unwrap();
    assert_eq!(pair.client_secret.expose(), "n3wS3cret");
    let masked = one.replace("\"n3wS3cret\"", "null");
    server.always(&entry("GET"), json(200, masked));
    assert!(target.staged_value(ENTRY).await.unwrap().is_none());
    server.always(&entry("GET"), json(404, "[]"));
    assert!(matches!(
        target.staged_value(ENTRY).await,
        Err(Fault::NotFound(_))
    ));
    assert!(matches!(
        target.staged_value("../888").await,
        Err(Fault::Unusable(_))
    ));
}

#[tokio::test]
async fn a_cutover_reads_the_slot_again_and_then_sends_one_patch() {
    let staged = format!(
        r#"{{"stagedCredentials":[{}]}}"#,
        staged_entry("3MVG9new", "Active")
    );
    let rotated = staged_entry("3MVG9old", "Rotated");
    let server = with(
        server().await,
        &[(slot("GET"), staged), (entry("PATCH"), rotated)],
    );
    let target = server.staged();
    // 15 characters name the same entry.
    let mut order = order("3MVG9new");
    order.staged = Some("888900000000001".into());
    server.always(
        &path("PATCH", &format!("/{CONSUMER}/staged/888900000000001")),
        json(200, "{}"),
    );
    assert!(matches!(target.cutover(&order).await, Outcome::Done(())));
    order.staged = Some(ENTRY.into());
    assert!(matches!(target.cutover(&order).await, Outcome::Done(())));
    let patches = server.seen(&entry("PATCH"));
    assert_eq!(patches.len(), 1);
    assert_eq!(patches[0].body, r#"{"command":"rotate"}"#);
    assert_eq!(patches[0].headers["content-type"], "application/json");
    assert_eq!(server.count(&slot("GET")), 2);
}

#[tokio::test]
async fn a_cutover_of_anything_else_is_a_conflict_and_sends_nothing() {
    let other = staged_entry("3MVG9other", "Active");
    let expired = staged_entry("3MVG9new", "Expired");
    let rotated = staged_entry("3MVG9new", "Rotated");
    let stateless = staged_entry("3MVG9new", "");
    let moved = staged_entry("3MVG9new", "Active").replace(ENTRY, "8889000000000027AA");
    for body in [other, expired, rotated, stateless, moved, String::new()] {
        let slot_holds = (slot("GET"), format!(r#"{{"stagedCredentials":[{body}]}}"#));
        let server = with(server().await, &[slot_holds]);
        let outcome = server.staged().cutover(&order("3MVG9new")).await;
        assert!(
            matches!(outcome, Outcome::Refused(Refusal::Conflict(_))),
            "{body}: {outcome:?}"
        );
        assert!(server.all().iter().all(|seen| seen.method != "PATCH"));
    }
    let server = server().await;
    let mut unnamed = order("3MVG9new");
    unnamed.staged = None;
    assert!(matches!(
        server.staged().cutover(&unnamed).await,
        Outcome::Refused(Refusal::Invalid(_))
    ));
}

#[tokio::test]
async fn a_patch_of_an_entry_that_is_gone_is_a_conflict() {
    let staged = format!(
        r#"{{"stagedCredentials":[{}]}}"#,
        staged_entry("3MVG9new", "Active")
    );
    let server = with(server().await, &[(slot("GET"), staged)]);
    let outcome = server.staged().cutover(&order("3MVG9new")).await;
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::Conflict(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn only_the_slot_says_that_an_entry_is_gone() {
    let server = server().await;
    let target = server.staged();
    server.always(&entry("DELETE"), json(204, ""));
    assert!(matches!(target.delete_staged(ENTRY).await, Outcome::Done(())));
    server.always(
        &entry("DELETE"),
        json(404, r#"[{"errorCode":"NOT_FOUND","message":"x"}]"#),
    );
    assert!(matches!(target.delete_staged(ENTRY).await, Outcome::Unknown(_)));
    server.always(&entry("DELETE"), super::server::html(404));
    assert!(matches!(target.delete_staged(ENTRY).await, Outcome::Unknown(_)));
    assert!(matches!(
        target.delete_staged("x").await,
        Outcome::Refused(Refusal::Invalid(_))
    ));
}

#[tokio::test]
async fn there_is_no_way_back_and_what_was_learnt_is_kept() {
    let server = server().await;
    let target = server.staged();
    let undone = target.undo(&pair("3MVG9old", "oldS3cret")).await;
    assert!(matches!(undone, Outcome::Refused(Refusal::Unsupported(_))));
    assert_eq!(target.capabilities().proves_before_cutover, Tri::Unknown);
    target.remember_proves_early(Tri::No);
    assert_eq!(target.capabilities().proves_before_cutover, Tri::No);
}
