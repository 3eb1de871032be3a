//! The strict server: who may ask, which faults it is told to have, and how late its reads are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::secret::{Refused, Secret, arn};
use super::{KEY, REGION};

/// A running server. Ends when dropped.
pub struct Stub {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    serving: JoinHandle<()>,
}

struct World {
    secrets: BTreeMap<String, Kept>,
    keys: BTreeSet<String>,
    /// `None`: everything.
    allowed: Option<BTreeSet<String>>,
    denied: BTreeSet<String>,
    /// Errors for the next requests of an action.
    faults: Vec<(String, u16, &'static str)>,
    /// So many reads after a write still answer as before it.
    lag: usize,
    asked: Vec<(String, Value)>,
    replicas: &'static str,
}

#[derive(Clone, Default)]
struct Kept {
    now: Secret,
    before: Secret,
    behind: usize,
}

impl Stub {
    pub async fn start() -> Stub {
        let world = Arc::new(Mutex::new(World {
            secrets: BTreeMap::new(),
            keys: BTreeSet::from([KEY.to_owned()]),
            allowed: None,
            denied: BTreeSet::new(),
            faults: Vec::new(),
            lag: 0,
            asked: Vec::new(),
            replicas: "InSync",
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/", post(answer))
            .with_state(Arc::clone(&world));
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Stub {
            address,
            world,
            serving,
        }
    }

    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn socket(&self) -> SocketAddr {
        self.address
    }

    fn with<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.world.lock().unwrap())
    }

    /// A secret without a version.
    pub fn make(&self, name: &str) {
        self.with(|world| world.secrets.insert(name.to_owned(), Kept::default()));
    }

    /// Whatever a person or a service does to a secret, past all rights.
    pub fn hands_on<T>(&self, name: &str, change: impl FnOnce(&mut Secret) -> T) -> T {
        self.with(|world| {
            let kept = world.secrets.get_mut(name).unwrap();
            let done = change(&mut kept.now);
            kept.before = kept.now.clone();
            done
        })
    }

    /// The secret's versions and their labels, sorted.
    pub fn labels(&self, name: &str) -> BTreeMap<String, Vec<String>> {
        self.with(|world| {
            let versions = &world.secrets[name].now.versions;
            let labels = versions.iter().map(|version| {
                let mut labels = version.labels.clone();
                labels.sort();
                (version.id.clone(), labels)
            });
            labels.collect()
        })
    }

    pub fn deny(&self, action: &str) {
        self.with(|world| world.denied.insert(action.to_owned()));
    }

    pub fn allow(&self, action: &str) {
        self.with(|world| world.denied.remove(action));
    }

    pub fn allow_only(&self, actions: BTreeSet<String>) {
        self.with(|world| world.allowed = Some(actions));
    }

    /// The next request of this action is answered so, and not carried out.
    pub fn fail_once(&self, action: &str, status: u16, code: &'static str) {
        self.with(|world| world.faults.push((action.to_owned(), status, code)));
    }

    /// This access key is known, and no other.
    pub fn know_only(&self, key: &str) {
        self.with(|world| world.keys = BTreeSet::from([key.to_owned()]));
    }

    pub fn lag(&self, reads: usize) {
        self.with(|world| world.lag = reads);
    }

    /// The status that new replicas get.
    pub fn replicas(&self, status: &'static str) {
        self.with(|world| world.replicas = status);
    }

    /// All requests so far: action and body.
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.with(|world| world.asked.clone())
    }

    /// The changing requests so far, by action.
    pub fn changes(&self) -> Vec<String> {
        let asked = self.asked().into_iter().map(|(action, _)| action);
        asked.filter(|action| !is_read(action)).collect()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Changes nothing.
pub fn is_read(action: &str) -> bool {
    matches!(action, "GetSecretValue" | "DescribeSecret")
}

async fn answer(State(world): State<Arc<Mutex<World>>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    };
    let action = text("x-amz-target").strip_prefix("secretsmanager.").unwrap_or("");
    let body: Value = serde_json::from_slice(&body).unwrap();
    let mut world = world.lock().unwrap();
    world.asked.push((action.to_owned(), body.clone()));
    if let Some(at) = world.faults.iter().position(|(of, ..)| of == action) {
        let (_, status, code) = world.faults.remove(at);
        return refuse(status, code, "as told");
    }
    let credential = text("authorization")
        .split_once("Credential=")
        .and_then(|(_, rest)| rest.split_once(','))
        .map_or("", |(credential, _)| credential);
    let parts: Vec<&str> = credential.split('/').collect();
    let known = match parts.as_slice() {
        [key, _, region, "secretsmanager", "aws4_request"] => world.keys.contains(*key) && *region == REGION,
        _ => false,
    };
    if !known {
        return refuse(
            400,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        );
    }
    let extras = extras(action, &body);
    for needed in std::iter::once(action.to_owned()).chain(extras) {
        let allowed = world.allowed.as_ref().is_none_or(|set| set.contains(&needed));
        if !allowed || world.denied.contains(&needed) {
            let text = format!("not authorized to perform: secretsmanager:{needed}");
            return refuse(400, "AccessDeniedException", &text);
        }
    }
    match world.act(action, &body) {
        Ok(answer) => (StatusCode::OK, answer.to_string()).into_response(),
        Err((code, text)) => refuse(400, code, &text),
    }
}

/// "If you include tags in the secret, you also need secretsmanager:TagResource. To add replica Regions, you must also
/// have secretsmanager:ReplicateSecretToRegions" (CreateSecret).
fn extras(action: &str, body: &Value) -> Vec<String> {
    let has = |field: &str| body[field].as_array().is_some_and(|list| !list.is_empty());
    let mut needed = Vec::new();
    if action == "CreateSecret" && has("Tags") {
        needed.push("TagResource".to_owned());
    }
    if action == "CreateSecret" && has("AddReplicaRegions") {
        needed.push("ReplicateSecretToRegions".to_owned());
    }
    needed
}

fn refuse(status: u16, code: &str, text: &str) -> Response {
    let body = json!({ "__type": code, "Message": text });
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

impl World {
    fn act(&mut self, action: &str, body: &Value) -> Result<Value, Refused> {
        let field = |name: &str| body[name].as_str();
        if action == "CreateSecret" {
            return self.create(body);
        }
        let name = field("SecretId").unwrap_or("").to_owned();
        let lag = self.lag;
        let kept = self.secrets.get_mut(&name).ok_or((
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.".to_owned(),
        ))?;
        if is_read(action) {
            let late = kept.behind > 0;
            kept.behind = kept.behind.saturating_sub(1);
            let seen = if late { &kept.before } else { &kept.now };
            if action == "DescribeSecret" {
                return Ok(seen.describe(&name));
            }
            seen.accessible()?;
            return seen.get(&name, field("VersionId"), field("VersionStage"));
        }
        kept.now.accessible()?;
        // A replica takes no write: its PrimaryRegion is another.
        if kept
            .now
            .described
            .get("PrimaryRegion")
            .is_some_and(|home| home != REGION)
        {
            return Err((
                "InvalidRequestException",
                "Operation not permitted on a replica secret.".into(),
            ));
        }
        let before = kept.now.clone();
        let done = match action {
            "PutSecretValue" => {
                let labels = match body["VersionStages"].as_array() {
                    Some(labels) => labels
                        .iter()
                        .map(|label| label.as_str().unwrap().to_owned())
                        .collect(),
                    None => vec![super::secret::CURRENT.to_owned()],
                };
                let token = field("ClientRequestToken").unwrap_or("");
                let at = kept.now.put(token, field("SecretString").unwrap_or(""), labels)?;
                let version = &kept.now.versions[at];
                json!({ "ARN": arn(&name), "Name": name, "VersionId": version.id, "VersionStages": version.labels })
            }
            "UpdateSecretVersionStage" => {
                let (to, from) = (field("MoveToVersionId"), field("RemoveFromVersionId"));
                kept.now
                    .update_stage(field("VersionStage").unwrap_or(""), to, from)?;
                json!({ "ARN": arn(&name), "Name": name })
            }
            other => return Err(("InvalidAction", format!("no such action: {other}"))),
        };
        kept.before = before;
        kept.behind = lag;
        Ok(done)
    }

    fn create(&mut self, body: &Value) -> Result<Value, Refused> {
        let name = body["Name"].as_str().unwrap_or("").to_owned();
        let good = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
        if name.is_empty() || !name.chars().all(good) {
            return Err(("InvalidParameterException", "Invalid name.".into()));
        }
        let token = body["ClientRequestToken"].as_str().unwrap_or("");
        let value = body["SecretString"].as_str().unwrap_or("");
        if let Some(there) = self.secrets.get(&name) {
            // "If a version with this value already exists and the version SecretString and SecretBinary values are the
            // same as those in the request, then the request is ignored."
            let same = there
                .now
                .versions
                .iter()
                .any(|version| version.id == token && version.value == value);
            return match same {
                true => Ok(json!({ "ARN": arn(&name), "Name": name, "VersionId": token })),
                false => Err((
                    "ResourceExistsException",
                    format!("The operation failed because the secret {name} already exists."),
                )),
            };
        }
        let mut secret = Secret::default();
        // "If you include SecretString or SecretBinary then Secrets Manager creates an initial secret version and
        // automatically attaches the staging label AWSCURRENT to it."
        if body["SecretString"].is_string() {
            secret.put(token, value, vec![super::secret::CURRENT.to_owned()])?;
        }
        let keep = |secret: &mut Secret, from: &str, to: &str| {
            if !body[from].is_null() {
                secret.described.insert(to.into(), body[from].clone());
            }
        };
        keep(&mut secret, "Tags", "Tags");
        keep(&mut secret, "KmsKeyId", "KmsKeyId");
        if let Some(regions) = body["AddReplicaRegions"].as_array() {
            let replica = |region: &Value| json!({ "Region": region["Region"], "Status": self.replicas });
            let status: Vec<Value> = regions.iter().map(replica).collect();
            secret.described.insert("PrimaryRegion".into(), REGION.into());
            secret.described.insert("ReplicationStatus".into(), status.into());
        }
        self.secrets.insert(
            name.clone(),
            Kept {
                now: secret,
                before: Secret::default(),
                behind: 0,
            },
        );
        Ok(json!({ "ARN": arn(&name), "Name": name, "VersionId": token }))
    }
}
