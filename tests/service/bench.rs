//! A simulated org on the host, and a machine in which the README's commands have put everything in its place.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

use rcgen::KeyPair;
use rekeyd::sandbox::{
    ClockMode, ConsumerSeed, ExternalClientAppSeed, LoginSeed, RunningSandbox, Sandbox, Seed,
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::machine::{Machine, System};
use crate::readme;

pub const HEADING: &str = "Run it under systemd";
const LOGIN_ID: &str = "3MVG9loginlogin";
const TOKEN: &str = "a token of a test";
const USER: &str = "rekeyd@service.example";

/// What is not of interest to a scenario.
pub struct Setup {
    pub system: System,
    /// When an app of unknown age is due first.
    pub first: &'static str,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            system: System::Trixie,
            first: "after-interval",
        }
    }
}

pub struct Bench {
    pub machine: Machine,
    pub org: RunningSandbox,
    /// Where the service listens.
    pub listen: String,
    runtime: tokio::runtime::Runtime,
    _source: TempDir,
}

impl Bench {
    /// Installed, and not started.
    pub fn install(setup: &Setup) -> Bench {
        let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let mut seed = Seed {
            login: Some(LoginSeed {
                client_id: LOGIN_ID.into(),
                username: USER.into(),
                public_key: Some(key.public_key_pem()),
                ..LoginSeed::default()
            }),
            external_client_apps: vec![ExternalClientAppSeed {
                name: "Billing".into(),
                consumers: vec![ConsumerSeed::default()],
                ..ExternalClientAppSeed::default()
            }],
            ..Seed::default()
        };
        seed.clock.mode = ClockMode::Real;
        // An early proof that does not come makes a rotation last as long as the propagation budget.
        seed.switches =
            serde_json::from_value(serde_json::json!({ "staged_proves_before_cutover": false })).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let org = runtime.block_on(Sandbox::start(&seed)).unwrap();

        let listen = free_address();

        let source = TempDir::new().unwrap();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let units = source.path().join("systemd");
        fs::create_dir(&units).unwrap();
        for file in fs::read_dir(repository.join("systemd")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), units.join(file.file_name())).unwrap();
        }
        fs::write(source.path().join("salesforce.pem"), key.serialize_pem()).unwrap();
        rekeyd::store::file::identity::generate(&source.path().join("store.key")).unwrap();
        let policy = policy(org.base_url(), &listen, setup.first);
        fs::write(source.path().join("rekeyd.toml"), policy).unwrap();

        let machine = Machine::boot(setup.system, source.path());
        machine.sh(&readme::block(HEADING, "systemd-sysusers")).ends(0);
        if setup.system == System::Bookworm {
            machine.sh(&readme::block(HEADING, "before-253.conf")).ends(0);
        }
        Bench {
            machine,
            org,
            listen,
            runtime,
            _source: source,
        }
    }

    /// Installed and started by the README's commands, which return once it is ready.
    pub fn start(setup: &Setup) -> Bench {
        let bench = Bench::install(setup);
        bench.enable();
        bench
    }

    /// Starts what is installed.
    #[track_caller]
    pub fn enable(&self) {
        let ran = self.machine.sh(&readme::block(HEADING, "enable --now"));
        assert_eq!(ran.code, 0, "{}{}", ran.text, self.machine.log());
    }

    /// A line of the unit's own, by a drop-in.
    pub fn drop_in(&self, text: &str) {
        let path = "/etc/systemd/system/rekeyd.service.d/test.conf";
        self.machine.write(path, &format!("[Service]\n{text}"));
        self.machine.sh("systemctl daemon-reload").ends(0);
    }

    /// A request with the token, from the host: status and body.
    pub fn request(&self, method: &str, path: &str, body: Option<&str>) -> (u16, serde_json::Value) {
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let url = format!("http://{}{path}", self.listen);
        let mut request = client.request(method.parse().unwrap(), url).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_owned());
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            (
                status,
                serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(),
            )
        })
    }

    /// Changes the policy as a person would.
    pub fn edit(&self, sed: &str) {
        self.machine
            .sh(&format!("sed -i '{sed}' /etc/rekeyd/rekeyd.toml"))
            .ends(0);
    }

    /// How many credentials the org has made.
    pub fn mints(&self) -> u64 {
        self.org.state().app("Billing").unwrap().consumers[0].mints
    }
}

fn policy(org: &str, listen: &str, first: &str) -> String {
    let digest = Sha256::digest(TOKEN);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        r#"
[journal]
url = "sqlite:/var/lib/rekeyd/journal.db"
key_file = "/run/credentials/rekeyd.service/journal.key"

[api]
listen = "{listen}"
socket = "/run/rekeyd/rekeyd.sock"
[api.token.on-call]
sha256 = "{digest}"
may = ["read", "rotate"]

[signal]
rotate = ["billing"]

[org.test]
url = "{org}"
api_version = "66.0"
propagation = "2s"
request_lifetime = "1s"
stable_tries = 1
stable_spacing = "1s"
stable_span = "0s"
[org.test.login.jwt]
client_id = "{LOGIN_ID}"
username = "{USER}"
key_file = "/run/credentials/rekeyd.service/salesforce.pem"

[store.local.file]
directory = "/var/lib/rekeyd/secrets"
identity_file = "/run/credentials/rekeyd.service/store.key"

[app.billing]
org = "test"
stores = [{{ store = "local", path = "billing" }}]
schedule = {{ every = "90d" }}
grace = "7d"
first = "{first}"
[app.billing.external_client_app]
name = "Billing"
allow_key_change = true
"#
    )
}

/// An address that is free and stays so while the service is down between two starts: below the ports that the system
/// gives to connections, and never the same twice in one run.
fn free_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 100).unwrap() * 100;
    loop {
        let port = 20_000 + own + NEXT.fetch_add(1, Ordering::SeqCst) % 100;
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}
