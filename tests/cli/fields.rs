//! The format of AWS's own Salesforce rotation, from an org that answers to a value in a store.

use std::fs;

use crate::daemon::{Stage, stage};
use crate::service::Service;

#[test]
fn the_preset_writes_every_field_of_it() {
    let Stage { bench, org, _runtime } = stage("applies");
    let policy = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let preset = r#"path = "billing", fields = "salesforce-managed-external-secret""#;
    bench.write("rekeyd.toml", &policy.replace(r#"path = "billing""#, preset));
    let mut service = Service::start(&bench);
    service.wait_for(&["billing", "adopted"]);
    bench.run(&["rotate", "billing"]).ends(0);
    let read = bench.run(&["secret", "billing"]).ends(0).json();
    let state = org.state();
    let app = state.app("Billing").unwrap();
    assert_eq!(read["appId"], app.id);
    assert_eq!(read["consumerId"], app.consumers[0].id);
    assert_eq!(read["baseUri"], org.base_url());
    let pair = |key: &str| read[key].as_str().unwrap().to_owned();
    assert!(
        org.accepts(&pair("consumerKey"), &pair("consumerSecret"))
            .is_some()
    );
    assert!(read.get("client_id").is_none() && read.get("token_url").is_none());
    service.terminate();
    service.end();
}
