//! jsforce against the org, unchanged: logins, records in pages, staged credentials, components.

use crate::strangers::{node, run, tool};
use crate::support::*;
use rekeyd::sandbox::ExternalClientAppSeed;
use serde_json::{Value, json};

/// Apps beyond those of the standard seed and the login's own, so that there are three pages.
const MORE: usize = 447;

#[tokio::test]
async fn jsforce_logs_in_pages_stages_reads_updates_retrieves_and_deploys() {
    let mut seed = seed();
    seed.external_client_apps
        .extend((0..MORE).map(|number| ExternalClientAppSeed {
            name: format!("More_{number}"),
            ..ExternalClientAppSeed::default()
        }));
    let org = Org::start(seed).await;
    let input = json!({
        "base": org.running.base_url(),
        "assertion": org.assertion(LOGIN_ID, USER, "https://login.salesforce.com", 120),
        "client_id": LEGACY_KEY,
        "client_secret": LEGACY_SECRET,
    });
    let printed = run(node().arg(tool("jsforce_client.js")), &input.to_string()).await;
    let mut seen: Value = serde_json::from_str(&printed).unwrap();
    let types = seen["types"].take();
    assert_eq!(types.as_array().unwrap().len(), 3, "{types}");
    let settings = "extlClntAppGlobalOauthSets/Billing_glbloauth.ecaGlblOauth";
    let expected = json!({
        "passwords": [
            "Error: UNSUPPORTED_API_VERSION: SOAP API login() is not available in this API version",
            "Error: INVALID_OPERATION: SOAP API login() is disabled by default in this org.",
        ],
        "robot": RUN_AS,
        "wrong": "invalid_client: invalid client credentials",
        "identity": USER,
        "same_user": true,
        "pages": [[200, false, 450], [200, false, 450], [50, true, 450]],
        "different": 450,
        "locator": "INVALID_QUERY_LOCATOR: invalid query locator",
        "staged": {
            "taken": "INVALID_OPERATION: A staged credential already exists for this consumer",
            "live": true,
            "retired": [true, "Rotated"],
            "left": 0,
        },
        "types": null,
        "listed": ["connectedApps/Legacy.connectedApp", settings],
        "read": ["Legacy", true, null],
        "updated": true,
        "reread": { "label": "Legacy", "description": "by jsforce", "key": LEGACY_KEY },
        "out_of_order": true,
        "dropped": null,
        "other_key": ["You cannot provide a Consumer Key"],
        "problems": ["Entity of type 'ConnectedApp' named 'Nobody' cannot be found"],
        "files": ["connectedApps/Legacy.connectedApp", settings, "package.xml"],
        "secrets": 0,
        "warned": ["Failed", 1, ["Warning"]],
        "deployed": ["Succeeded", 2, []],
        "last": "deployed",
    });
    assert_eq!(seen, expected, "{seen:#}");
    // What it did is what the org knows: staged once, rotated by flag once, and nothing else.
    let state = org.running.state();
    let billing = &state.app("Billing").unwrap().consumers[0];
    assert_eq!((billing.mints, billing.cutovers), (2, 2));
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "refused");
    assert_eq!(org.probe(LEGACY_KEY, LEGACY_SECRET).await, "accepted");
    assert_eq!(
        state.departures,
        [
            "checkRetrieveStatus: without includeZip",
            "retrieve: request instead of retrieveRequest"
        ]
    );
}
