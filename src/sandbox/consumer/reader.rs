//! Reading a credential the way the stores' documentation tells an application to.

use super::config::{AppConfig, ReaderConfig};
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A credential as it is stored; other keys belong to others.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Value {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    #[serde(default)]
    pub(super) token_url: Option<String>,
    #[serde(default)]
    pub(super) rotation_id: Option<String>,
}

/// Why there is no value. Never with a parser's words: they could carry the value.
#[derive(Debug)]
pub(super) enum ReadError {
    /// There is none.
    Absent,
    /// There is something, and it cannot be read.
    Failed(&'static str),
}

/// Reads one app's credential.
pub(super) enum Reader {
    File {
        path: PathBuf,
        identity: Box<age::x25519::Identity>,
    },
    Vault {
        http: reqwest::Client,
        url: String,
        token: Zeroizing<String>,
    },
    Aws {
        client: aws_sdk_secretsmanager::Client,
        name: String,
    },
}

const LARGEST: usize = 1 << 20;

impl Reader {
    pub(super) async fn new(app: &AppConfig) -> Result<Self, String> {
        match &app.reader {
            ReaderConfig::File { path, identity_file } => {
                let text = secret_file(identity_file)?;
                let line = text
                    .lines()
                    .map(str::trim)
                    .find(|line| line.starts_with("AGE-SECRET-KEY-1"));
                let identity = line
                    .and_then(|line| line.parse::<age::x25519::Identity>().ok())
                    .ok_or_else(|| format!("{}: no age identity", identity_file.display()))?;
                Ok(Self::File {
                    path: path.clone(),
                    identity: Box::new(identity),
                })
            }
            ReaderConfig::Vault {
                address,
                token_file,
                mount,
                path,
            } => {
                let token = Zeroizing::new(secret_file(token_file)?.trim().to_owned());
                let url = format!("{}/v1/{mount}/data/{path}", address.trim_end_matches('/'));
                Ok(Self::Vault {
                    http: client()?,
                    url,
                    token,
                })
            }
            ReaderConfig::Aws {
                region,
                endpoint_url,
                name,
            } => {
                let region = aws_sdk_secretsmanager::config::Region::new(region.clone());
                let mut chain = aws_config::defaults(aws_config::BehaviorVersion::latest()).region(region);
                if let Some(url) = endpoint_url {
                    chain = chain.endpoint_url(url);
                }
                Ok(Self::Aws {
                    client: aws_sdk_secretsmanager::Client::new(&chain.load().await),
                    name: name.clone(),
                })
            }
        }
    }

    pub(super) async fn read(&mut self) -> Result<Value, ReadError> {
        match self {
            Self::File { path, identity } => {
                let bytes = tokio::fs::read(&*path).await.map_err(|error| {
                    if error.kind() == io::ErrorKind::NotFound {
                        ReadError::Absent
                    } else {
                        ReadError::Failed("the file cannot be read")
                    }
                })?;
                let plain = age::decrypt(identity.as_ref(), &bytes)
                    .map_err(|_| ReadError::Failed("the file cannot be decrypted"))?;
                parse(&Zeroizing::new(plain))
            }
            Self::Vault { http, url, token } => {
                let failed = |_| ReadError::Failed("the server did not answer");
                let request = http.get(url.as_str()).header("X-Vault-Token", token.as_str());
                let response = request.send().await.map_err(failed)?;
                match response.status().as_u16() {
                    200 => {}
                    404 => return Err(ReadError::Absent),
                    _ => return Err(ReadError::Failed("the server refused")),
                }
                let body = Zeroizing::new(response.bytes().await.map_err(failed)?.to_vec());
                if body.len() > LARGEST {
                    return Err(ReadError::Failed("the answer is too long"));
                }
                let answer: Answer = serde_json::from_slice(&body)
                    .map_err(|_| ReadError::Failed("the answer is not a secret of KV v2"))?;
                Ok(answer.data.data)
            }
            Self::Aws { client, name } => {
                let answer = client.get_secret_value().secret_id(name.as_str()).send().await;
                let answer = answer.map_err(|error| match error.into_service_error() {
                    error if error.is_resource_not_found_exception() => ReadError::Absent,
                    _ => ReadError::Failed("the server did not answer, or refused"),
                })?;
                let text = Zeroizing::new(answer.secret_string.unwrap_or_default());
                parse(text.as_bytes())
            }
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    data: Value,
}

fn parse(plain: &[u8]) -> Result<Value, ReadError> {
    serde_json::from_slice(plain).map_err(|_| ReadError::Failed("the value is not a credential"))
}

fn secret_file(path: &Path) -> Result<Zeroizing<String>, String> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// A client that keeps its connections, follows nothing and waits a bounded time.
pub(super) fn client() -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(|error| error.to_string())
}
