//! The OpenAPI document: it says what is there, all of it, and what is there keeps to it under attack.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rekeyd::api::{OPENAPI, documented};
use serde_json::Value;

use crate::house::House;
use crate::real::{Cast, Real};

#[tokio::test]
async fn the_document_and_the_routes_agree_both_ways() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut written = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            written.insert((method.as_str(), path.as_str()));
        }
    }
    assert_eq!(written, documented().into_iter().collect());
    let house = House::new().await;
    let served = house.ask("GET", "/v1/openapi.json", None, "").await;
    assert_eq!(served.body, OPENAPI);
    // What needs no token says so, and nothing else does.
    for (method, path) in documented() {
        let open = document["paths"][path][method]["security"] == serde_json::json!([]);
        let asked = path.replace("{app}", "billing").replace("{id}", "x");
        let status = house.ask(&method.to_uppercase(), &asked, None, "").await.status;
        assert_eq!(status != 401, open, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_service_keeps_to_it_under_attack() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/openapi/bin/schemathesis");
    assert!(path.exists(), "run tests/tools/install first");
    let mut real = Real::start(&Cast {
        apps: 2,
        grace: "7d",
        api: "",
    })
    .await;
    let (_, begun) = real.rotate("app-0", None).await;
    let id = begun["rotation"].as_str().unwrap();
    // Names that it makes up lead nowhere, so the second run is given some that lead on.
    let known = format!("[parameters]\n\"path.app\" = \"app-1\"\n\"path.id\" = \"{id}\"\n");
    for (name, config) in [("made-up.toml", ""), ("known.toml", known.as_str())] {
        std::fs::write(real.path(name), config).unwrap();
        let mut command = tokio::process::Command::new(&path);
        command
            .arg("--config-file")
            .arg(real.path(name))
            .args(["run", &real.url("/v1/openapi.json"), "--checks", "all"])
            .args([
                "--seed",
                "20260101",
                "--max-examples",
                "25",
                "--request-timeout",
                "10",
            ])
            .args(["--header", "Authorization: Bearer secret-of-all", "--no-color"])
            .args(["--generation-database", "none"])
            .current_dir(real.home.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await;
        let output = output.expect("a request hangs").unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{name}: {said}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        println!("{name}: {said}");
    }
    assert_eq!(real.get("/readyz").await.0, 200);
    real.stop().await;
}
