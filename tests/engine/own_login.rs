//! Our own login: that it is refused is told before any rotation needs it, and that it works again.

use std::time::Duration;

use rekeyd::engine::ledger::Ledgers;
use rekeyd::engine::service::LoginTrouble;
use rekeyd::sandbox::Rule;

use super::world::World;

#[tokio::test]
async fn a_refused_login_is_told_and_so_is_its_return() {
    let world = World::new(1).await;
    let policy = world.policy([0], "", "schedule = { every = \"90d\" }");
    let engine = world.start(&policy).await;
    engine.adopted().await;
    let step = Duration::from_secs(60);
    let card = || engine.board.cards().orgs.get("prod").cloned().unwrap_or_default();
    engine.until("up", step, |_| card().up).await;
    assert!(
        card().api.is_some_and(|(used, limit)| used > 0 && limit > used),
        "{:?}",
        card()
    );
    let rule: Rule = serde_json::from_value(serde_json::json!({
        "operation": "token.jwt_bearer",
        "count": 0,
        "action": {
            "kind": "status",
            "code": 400,
            "body": "{\"error\":\"invalid_grant\",\"error_description\":\"user hasn't approved this consumer\"}",
        },
    }))
    .unwrap();
    world.org.fault(rule).unwrap();
    // A living session says nothing: within half a day a new one is made.
    let step = Duration::from_secs(600);
    let refused = |ledgers: &Ledgers| {
        matches!(
            ledgers.service.login.get("prod"),
            Some(LoginTrouble::Refused { .. })
        )
    };
    engine.until("refused", step, refused).await;
    assert!(!card().up);
    world.org.clear_faults();
    engine
        .until("fine", step, |ledgers| ledgers.service.login.is_empty())
        .await;
    engine.stop().await;
}
