//! What people do in the run besides commands that rotate: a rotation in Setup (method `assisted`), with a pair that is handed
//! over, and the end of credentials that have leaked.

use std::sync::Arc;

use rekeyd::sandbox::Act;
use serde_json::{Value, json};

use super::install::Install;
use super::whole_run::{status, until};

/// The pairs that Salesforce knows of an app, from the oldest on.
fn pairs(house: &Install, app: &str) -> Vec<(String, String)> {
    let state = house.org.state();
    let pairs = &state.app(app).unwrap().consumers[0].pairs;
    let pair = |pair: &rekeyd::sandbox::PairState| (pair.client_id.clone(), pair.client_secret.clone());
    pairs.iter().map(pair).collect()
}

async fn is_asked(house: &Install, app: &str, what: &str) {
    until(what, || async {
        let shown = status(house).await;
        shown["apps"][app]["state"].as_str().unwrap().starts_with(what)
    })
    .await;
}

/// Does what a rotation by hand asks for, after what can be done wrong.
pub async fn person(house: Arc<Install>, app: &str) {
    let name = app.replace('-', "_");
    is_asked(&house, app, "waiting for a person's new credential").await;
    let (stage, by) = (name.clone(), None);
    house.org.act(Act::Stage { app: stage, by }).unwrap();
    let [old, new] = &pairs(&house, &name)[..] else {
        panic!("not two pairs")
    };
    for wrong in [
        format!("{}\n{}\n", old.0, old.1),
        format!("{}\n{}\nand more\n", new.0, new.1),
        json!({ "client_id": new.0, "client_secret": [new.1] }).to_string(),
    ] {
        let done = house.ask(&["submit", app], wrong.as_bytes()).await;
        assert!(!done.status.success(), "{wrong} was taken");
    }
    let right = json!({ "client_id": new.0, "client_secret": new.1 }).to_string();
    until("a new pair that was handed over", || async {
        let done = house.ask(&["--json", "submit", app], right.as_bytes()).await;
        done.status.success()
    })
    .await;
    is_asked(&house, app, "waiting for a person to apply").await;
    house.org.act(Act::Promote { app: name, by: None }).unwrap();
    // It may have been seen before anybody could say so.
    house.ask(&["resume", app], b"").await;
}

/// Both credentials of an app have leaked, the one before first.
pub async fn revoke_both(house: &Install, app: &str) {
    for which in ["previous", "current"] {
        let told = house.ask(&["--json", "revoke", app, which], b"").await;
        assert!(told.status.success(), "{}", told.err);
        let told: Value = serde_json::from_str(&told.out).unwrap();
        let token = told["confirm"].as_str().unwrap();
        let confirmed = ["revoke", app, which, "--confirm", token, "--reason", "in a log"];
        let done = house.ask(&confirmed, b"").await;
        assert!(done.status.success(), "{which}: {}{}", done.out, done.err);
    }
}
