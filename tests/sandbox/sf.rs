//! Salesforce's own command line against the org, unchanged: login by JWT, query, retrieve, deploy, rotation by flag.

use crate::strangers::{node, tools};
use crate::support::*;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// A home and a project of its own, so that nothing of this machine's is read or written.
struct Sf {
    home: TempDir,
    project: TempDir,
}

impl Sf {
    fn new() -> Self {
        let (home, project) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let settings = json!({
            "packageDirectories": [{ "path": "force-app", "default": true }],
            "sourceApiVersion": "66.0",
        });
        std::fs::create_dir(project.path().join("force-app")).unwrap();
        std::fs::write(project.path().join("sfdx-project.json"), settings.to_string()).unwrap();
        Self { home, project }
    }

    /// Runs a command; its exit code and what it printed as JSON.
    async fn run(&self, arguments: &[&str]) -> (i32, Value) {
        let mut command = node();
        command
            .arg(tools("sf/package/bin/run.js"))
            .args(arguments)
            .arg("--json");
        command.current_dir(self.project.path()).env_clear();
        // No word to anybody: no look for updates, no telemetry, no question of a resolver or a keyring.
        for name in [
            "SF_DISABLE_TELEMETRY",
            "SF_AUTOUPDATE_DISABLE",
            "SF_SKIP_NEW_VERSION_CHECK",
            "SF_HIDE_RELEASE_NOTES",
            "SFDX_DISABLE_DNS_CHECK",
            "SF_USE_GENERIC_UNIX_KEYCHAIN",
        ] {
            command.env(name, "true");
        }
        let path = format!("{}:/usr/bin:/bin", tools("sf/bin").display());
        command
            .env("PATH", path)
            .env("HOME", self.home.path())
            .env("NO_PROXY", "*");
        let output = command.kill_on_drop(true).output().await.unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let answer = serde_json::from_str(&printed).unwrap_or_else(|_| {
            panic!(
                "{arguments:?}: {printed}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        });
        (output.status.code().unwrap(), answer)
    }

    /// The `result` of a command that ends well.
    async fn done(&self, arguments: &[&str]) -> Value {
        let (code, mut answer) = self.run(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {answer:#}");
        answer["result"].take()
    }

    fn edit(&self, file: &str, old: &str, new: &str) {
        let path = self
            .project
            .path()
            .join(Path::new("force-app/main/default"))
            .join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        std::fs::write(&path, text.replace(old, new)).unwrap();
    }
}

/// Name and state of each file that a command dealt with.
fn files(result: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut files: Vec<_> = result["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (text(&file["fullName"]), text(&file["state"])))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn sf_logs_in_queries_retrieves_deploys_and_rotates_by_flag() {
    let org = Org::standard().await;
    let sf = Sf::new();
    let key = sf.home.path().join("login.pem");
    std::fs::write(&key, crate::support::key().serialize_pem()).unwrap();
    let url = org.running.base_url().to_owned();
    let login = sf
        .done(&[
            "org",
            "login",
            "jwt",
            "--client-id",
            LOGIN_ID,
            "--jwt-key-file",
            key.to_str().unwrap(),
            "--username",
            USER,
            "--instance-url",
            &url,
            "--alias",
            "loopback",
            "--set-default",
        ])
        .await;
    assert_eq!(login["username"], USER);
    assert_eq!(login["orgId"], json!(org.running.state().org_id));
    assert_eq!(login["instanceApiVersion"], "66.0");

    let soql = "SELECT DeveloperName FROM ExternalClientApplication WHERE DeveloperName = 'Billing'";
    let found = sf.done(&["data", "query", "--query", soql]).await;
    assert_eq!(
        (&found["totalSize"], &found["records"][0]["DeveloperName"]),
        (&json!(1), &json!("Billing"))
    );
    let display = sf.done(&["org", "display"]).await;
    assert_eq!(display["connectedStatus"], "Connected");
    let listed = sf
        .done(&["org", "list", "metadata", "--metadata-type", "ConnectedApp"])
        .await;
    assert_eq!(listed[0]["fileName"], "connectedApps/Legacy.connectedApp");

    let settings = "ExtlClntAppGlobalOauthSettings:Billing_glbloauth";
    let retrieved = sf
        .done(&[
            "project",
            "retrieve",
            "start",
            "--metadata",
            "ConnectedApp",
            "--metadata",
            settings,
        ])
        .await;
    let all = |state: &str| {
        ["Billing_glbloauth", "Legacy"]
            .map(|name| (name.to_owned(), state.to_owned()))
            .to_vec()
    };
    assert_eq!(files(&retrieved), all("Created"));

    let legacy = "connectedApps/Legacy.connectedApp-meta.xml";
    let billing = "extlClntAppGlobalOauthSets/Billing_glbloauth.ecaGlblOauth-meta.xml";
    sf.edit(legacy, "loads &lt;things&gt; &amp; more", "by sf");
    let label = "<label>Billing</label>";
    sf.edit(
        billing,
        label,
        &format!("{label}<shouldRotateConsumerSecret>true</shouldRotateConsumerSecret>"),
    );

    // The warning of a rotation fails the whole, and nothing is changed.
    let deploy = ["project", "deploy", "start", "--source-dir", "force-app"];
    let (code, failed) = sf.run(&deploy).await;
    assert_eq!(
        (code, &failed["result"]["status"]),
        (1, &json!("Failed")),
        "{failed:#}"
    );
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "accepted");
    let deployed = sf.done(&[&deploy[..], &["--ignore-warnings"]].concat()).await;
    assert_eq!(files(&deployed), all("Changed"));
    assert_eq!(org.probe(BILLING_KEY, BILLING_SECRET).await, "refused");

    let state = org.running.state();
    let component = &state.app("Legacy").unwrap().component;
    assert!(
        component.contains(&("description".to_owned(), "by sf".to_owned())),
        "{component:?}"
    );
    assert_eq!(state.app("Billing").unwrap().consumers[0].mints, 1);
    assert_eq!(
        state.departures,
        [
            "checkRetrieveStatus: without includeZip",
            "retrieve: request instead of retrieveRequest"
        ]
    );
}
