//! Servers that take the requests of AWS Secrets Manager: two of other hands, and a strict one of ours for what those
//! get wrong. Ours is written from AWS's API reference and shares nothing with the store.

pub mod emulator;
mod secret;
pub mod stub;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Client;
use serde_json::Value;

/// The region of all tests.
pub const REGION: &str = "eu-west-1";

/// The access key of all tests.
pub const KEY: &str = "AKIDREKEYDTESTS";

/// A name that no other call in this process got.
pub fn fresh_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!(
        "team/app-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Writes a shared credentials file with one key in it.
pub fn credentials(home: &Path, key: &str) -> PathBuf {
    let path = home.join("aws-credentials");
    let text = format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = not-a-secret\n");
    let mut options = std::fs::OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
    path
}

/// Which action a body is of, where the header that says so is not at hand.
pub fn action(body: &[u8]) -> &'static str {
    let body: Value = serde_json::from_slice(body).unwrap();
    let has = |field: &str| body.get(field).is_some();
    match (
        has("SecretString"),
        has("MoveToVersionId") || has("RemoveFromVersionId"),
    ) {
        (true, _) if has("Name") => "CreateSecret",
        (true, _) => "PutSecretValue",
        (false, true) => "UpdateSecretVersionStage",
        (false, false) if has("VersionStage") || has("VersionId") => "GetSecretValue",
        (false, false) => "DescribeSecret",
    }
}

/// One request, made by hand: status and body.
pub async fn call(http: &Client, address: &str, action: &str, body: &Value) -> (u16, Value) {
    let scope = format!("20260101/{REGION}/secretsmanager/aws4_request");
    let answer = http
        .post(address)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("secretsmanager.{action}"))
        .header("x-amz-date", "20260101T000000Z")
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders=host;x-amz-date, Signature=00"),
        )
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A client for [`call`].
pub fn http() -> Client {
    Client::builder()
        .no_proxy()
        // Each test has a runtime of its own, and a kept connection would end with that.
        .pool_max_idle_per_host(0)
        .timeout(std::time::Duration::from_secs(20))
        .build()
        .unwrap()
}
