//! The policy that operators install holds all that is needed, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rekeyd::port::{Fault, Store};
use rekeyd::store::vault::VaultSettings;

use super::contract;
use super::vault_contract::{POLICY, VaultWorld, settings, store};
use super::world::{World, publish, version};
use crate::support::openbao::OpenBao;

const DAY: Duration = Duration::from_secs(86400);

type Case = for<'a> fn(&'a dyn World) -> BoxFuture<'a, ()>;

macro_rules! case {
    ($case:ident) => {
        (stringify!($case), |world| Box::pin(contract::$case(world)))
    };
}

/// Path and capability, as the policy has them, and the case of the contract that fails without.
const NEEDED: [(&str, &str, (&str, Case)); 13] = [
    (
        "secret/data/salesforce/*",
        "create",
        case!(the_first_value_goes_over_zero),
    ),
    (
        "secret/data/salesforce/*",
        "read",
        case!(a_place_never_written_is_empty_over_zero),
    ),
    (
        "secret/data/salesforce/*",
        "update",
        case!(publishing_keeps_what_it_replaces_readable),
    ),
    (
        "secret/metadata/salesforce/*",
        "read",
        case!(a_healthy_store_has_no_obstacles),
    ),
    ("secret/config", "read", case!(a_healthy_store_has_no_obstacles)),
    (
        "secret/data/rekeyd-pending/salesforce/*",
        "create",
        case!(pending_is_not_where_consumers_look),
    ),
    (
        "secret/data/rekeyd-pending/salesforce/*",
        "read",
        case!(clearing_ends_pending_and_can_be_repeated),
    ),
    (
        "secret/data/rekeyd-pending/salesforce/*",
        "update",
        case!(quarantine_hides_pending_and_keeps_it_by_name),
    ),
    (
        "secret/metadata/rekeyd-pending/salesforce/*",
        "read",
        case!(a_healthy_store_has_no_obstacles),
    ),
    (
        "secret/destroy/rekeyd-pending/salesforce/*",
        "update",
        case!(a_quarantined_value_can_be_ended),
    ),
    (
        "sys/capabilities-self",
        "update",
        case!(a_healthy_store_has_no_obstacles),
    ),
    (
        "auth/token/lookup-self",
        "read",
        case!(a_healthy_store_has_no_obstacles),
    ),
    (
        "auth/token/renew-self",
        "update",
        case!(a_healthy_store_has_no_obstacles),
    ),
];

/// Every path and capability of the policy.
fn granted() -> Vec<(String, String)> {
    let lines = POLICY.lines().filter(|line| line.starts_with("path "));
    let pairs = lines.flat_map(|line| {
        let mut quoted = line.split('"').skip(1).step_by(2);
        let path = quoted.next().unwrap().to_owned();
        quoted.map(move |capability| (path.clone(), capability.to_owned()))
    });
    pairs.collect()
}

/// The policy without one capability of one path.
fn without(path: &str, capability: &str) -> String {
    let start = format!("path \"{path}\"");
    let lines = POLICY.lines().map(|line| match line.starts_with(&start) {
        true => {
            let less = line
                .replace(&format!("\"{capability}\""), "")
                .replace("[, ", "[")
                .replace(", ]", "]");
            less.replace(", ,", ",")
        }
        false => line.to_owned(),
    });
    let less = lines.collect::<Vec<_>>().join("\n");
    assert_ne!(less, POLICY.trim_end(), "{path} {capability}");
    less
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_one_right_a_named_case_fails() {
    let named: Vec<_> = NEEDED
        .iter()
        .map(|(path, right, _)| (path.to_string(), right.to_string()))
        .collect();
    let mut granted = granted();
    granted.sort();
    let mut sorted = named.clone();
    sorted.sort();
    assert_eq!(
        granted, sorted,
        "the policy grants more or less than what is shown to be needed"
    );
    let bao = OpenBao::shared().await;
    for (path, right, (name, case)) in NEEDED {
        let whole = VaultWorld::on(bao.clone()).await;
        case(&whole).await;
        let less = VaultWorld::allowed(bao.clone(), &without(path, right)).await;
        let ended = tokio::spawn(async move { case(&less).await }).await;
        assert!(
            ended.is_err_and(|fault| fault.is_panic()),
            "`{right}` on `{path}`: {name} passes without"
        );
    }
}

#[tokio::test]
async fn each_missing_right_is_named_before_a_rotation() {
    let bao = OpenBao::shared().await;
    for (path, right) in granted() {
        let world = VaultWorld::allowed(bao.clone(), &without(&path, &right)).await;
        let found = match world.open().obstacles(DAY).await {
            Ok(found) => found,
            // A token that may not ask about itself cannot be told from a dead one once it is refused anything.
            Err(fault) => panic!("{path} {right}: {fault}"),
        };
        let [text] = found.as_slice() else {
            panic!("{path} {right}: {found:?}");
        };
        let place = path.strip_suffix('*').unwrap_or(&path);
        for word in [place, &format!("`{right}`"), "policy"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}

/// Everything missing is named at once, and a token that may not even ask is told as that.
#[tokio::test]
async fn several_missing_rights_are_named_at_once() {
    let bao = OpenBao::shared().await;
    let no_create = POLICY.replace(r#""create", "#, "");
    let found = VaultWorld::allowed(bao.clone(), &no_create)
        .await
        .open()
        .obstacles(DAY)
        .await
        .unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|text| text.contains("`create`")), "{found:?}");
    let nothing = VaultWorld::allowed(bao, r#"path "secret/config" { capabilities = ["read"] }"#).await;
    let fault = nothing.open().obstacles(DAY).await.unwrap_err();
    assert!(
        matches!(&fault, Fault::Unauthorized(text) if text.contains("policy `default`")),
        "{fault:?}"
    );
}

/// The rights are those of the mount and the prefix that the file names: another place is out of reach.
#[tokio::test]
async fn the_policy_reaches_nothing_else() {
    let bao: Arc<OpenBao> = OpenBao::shared().await;
    let token = bao.token(POLICY, false).await;
    let elsewhere = store(settings(&bao.address(), &token), "other/app");
    let found = elsewhere.obstacles(DAY).await.unwrap();
    assert_eq!(found.len(), 9, "{found:?}");
    let prefixed = store(
        VaultSettings {
            pending_prefix: "elsewhere".into(),
            ..settings(&bao.address(), &token)
        },
        "salesforce/app",
    );
    let found = prefixed.obstacles(DAY).await.unwrap();
    assert_eq!(found.len(), 5, "{found:?}");
    publish(&*VaultWorld::on(bao).await.open(), &version("0"), 1).await;
}
