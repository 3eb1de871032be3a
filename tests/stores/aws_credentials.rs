//! Where credentials come from, by the real binary in an environment of its own: each link of AWS's usual chain gives
//! another key, and the strict server knows only that one.

use std::path::Path;
use std::process::{Output, Stdio};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{get, post, put};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::aws::stub::Stub;
use crate::support::aws::{REGION, credentials};

const NAME: &str = "sf/billing";

struct Machine {
    home: TempDir,
    stub: Stub,
}

impl Machine {
    /// A server that knows this key only, and a policy with these lines about it.
    async fn new(key: &str, lines: &str) -> Machine {
        let stub = Stub::start().await;
        stub.know_only(key);
        stub.make(NAME);
        stub.hands_on(NAME, |secret| {
            let token = "11111111-1111-4111-8111-111111111111";
            secret
                .put(token, r#"{"client_id":"of aws"}"#, vec!["AWSCURRENT".into()])
                .unwrap();
        });
        let home = tempfile::tempdir().unwrap();
        let at = home.path().display();
        for file in ["journal.key", "login.pem"] {
            private(&home.path().join(file), &"k".repeat(32));
        }
        let policy = format!(
            r#"
[journal]
url = "sqlite:{at}/journal.db"
key_file = "{at}/journal.key"
[org.prod]
url = "https://acme.my.salesforce.com"
[org.prod.login.jwt]
client_id = "x"
username = "x@acme.example"
key_file = "{at}/login.pem"
[store.cloud.aws]
region = "{REGION}"
endpoint_url = "{}"
{lines}
[app.billing]
org = "prod"
stores = [{{ store = "cloud", name = "{NAME}" }}]
schedule = {{ every = "90d" }}
[app.billing.external_client_app]
name = "Billing"
allow_key_change = true
"#,
            stub.address()
        );
        std::fs::write(home.path().join("rekeyd.toml"), policy).unwrap();
        Machine { home, stub }
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    /// `rekeyd secret billing` with nothing in the environment but this.
    async fn reads(&self, environment: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rekeyd"));
        command
            .args(["--config", &self.path("rekeyd.toml"), "secret", "billing"])
            .env_clear()
            .env("HOME", self.home.path())
            // Nobody on this machine is to be asked but who is named.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(environment.iter().copied())
            .stdin(Stdio::null());
        command.output().await.unwrap()
    }

    async fn accepted(&self, environment: &[(&str, &str)]) {
        let output = self.reads(environment).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("of aws"));
        assert!(!self.stub.asked().is_empty());
    }
}

fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A service on a free loopback port, for as long as the test runs.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

fn temporary(key: &str) -> String {
    format!(
        r#"{{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"{key}","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z","LastUpdated":"2026-01-01T00:00:00Z"}}"#
    )
}

#[tokio::test]
async fn the_environment() {
    let machine = Machine::new("AKIDENVIRONMENT", "").await;
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];
    machine.accepted(&keys).await;
}

#[tokio::test]
async fn a_profile_of_the_shared_files() {
    let machine = Machine::new("AKIDPROFILE", "profile = \"rotation\"").await;
    let text = "[default]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = s\n\
                [rotation]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = s\n";
    private(Path::new(&machine.path("shared")), text);
    let shared = machine.path("shared");
    machine
        .accepted(&[("AWS_SHARED_CREDENTIALS_FILE", &shared)])
        .await;
}

/// Beside keys in the environment that would not do.
#[tokio::test]
async fn a_file_that_the_policy_names_is_asked_alone() {
    let home = tempfile::tempdir().unwrap();
    let file = credentials(home.path(), "AKIDFILE");
    let line = format!("credentials_file = \"{}\"", file.display());
    let machine = Machine::new("AKIDFILE", &line).await;
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];
    machine.accepted(&keys).await;
}

#[tokio::test]
async fn a_web_identity() {
    let machine = Machine::new("AKIDWEBIDENTITY", "").await;
    private(Path::new(&machine.path("jwt")), "token-of-a-service-account");
    let answer = |body: String| async move {
        assert!(body.contains("Action=AssumeRoleWithWebIdentity"), "{body}");
        assert!(
            body.contains("WebIdentityToken=token-of-a-service-account"),
            "{body}"
        );
        r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
             <AssumeRoleWithWebIdentityResult><Credentials>
               <AccessKeyId>AKIDWEBIDENTITY</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
               <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>
             </Credentials></AssumeRoleWithWebIdentityResult>
           </AssumeRoleWithWebIdentityResponse>"#
    };
    let sts = serve(Router::new().route("/", post(answer))).await;
    let file = machine.path("jwt");
    let role = "arn:aws:iam::123456789012:role/rekeyd";
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str()),
        ("AWS_ROLE_ARN", role),
        ("AWS_ENDPOINT_URL_STS", sts.as_str()),
    ];
    machine.accepted(&environment).await;
}

#[tokio::test]
async fn a_container() {
    let machine = Machine::new("AKIDCONTAINER", "").await;
    let answer = || async { temporary("AKIDCONTAINER") };
    let agent = serve(Router::new().route("/creds", get(answer))).await;
    let uri = format!("{agent}/creds");
    machine
        .accepted(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri)])
        .await;
}

#[tokio::test]
async fn an_instance() {
    let machine = Machine::new("AKIDINSTANCE", "").await;
    let roles = "/latest/meta-data/iam/security-credentials/";
    let of_role = |headers: HeaderMap| async move {
        assert_eq!(headers.get("x-aws-ec2-metadata-token").unwrap(), "session");
        temporary("AKIDINSTANCE")
    };
    let token = || async { ([("x-aws-ec2-metadata-token-ttl-seconds", "21600")], "session") };
    let router = Router::new()
        .route("/latest/api/token", put(token))
        .route(roles, get(|| async { "rekeyd" }))
        .route(&format!("{roles}rekeyd"), get(of_role));
    let metadata = serve(router).await;
    let environment = [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "false"),
    ];
    machine.accepted(&environment).await;
}

#[tokio::test]
async fn none_at_all_is_said_in_our_words() {
    let machine = Machine::new("AKIDNOBODY", "").await;
    let output = machine.reads(&[]).await;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no AWS credentials could be had"), "{said}");
    assert_eq!(machine.stub.asked(), Vec::new());
}
