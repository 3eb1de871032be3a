//! The independent consumer: a process of its own that shares no code with the daemon's stores and client, reads
//! every store through its public way of reading, logs in on every read, never retries, and counts each refusal.

use std::collections::BTreeMap;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::shelf;
use super::stage::{Stage, write};
use crate::cli::exit::Failure;
use crate::sandbox::consumer::{AppConfig, ConsumerConfig, Flow, Summary};

/// The running consumer.
pub struct Witness(Child);

impl Witness {
    /// Starts it over all apps.
    pub fn start(stage: &Stage, org: &str) -> Result<Witness, Failure> {
        let apps = shelf::watched(&stage.shelves).map(|(name, reader)| AppConfig {
            name,
            reader,
            flow: Flow::ClientCredentials,
            token_url: Some(format!("{org}/services/oauth2/token")),
            introspect_url: None,
        });
        let config = ConsumerConfig {
            apps: apps.collect(),
            interval_ms: 20,
        };
        let failed = |text: String| Failure::failed(format!("the consumer: {text}"));
        let text = serde_json::to_string_pretty(&config).map_err(|fault| failed(fault.to_string()))?;
        let path = stage.directory.join("consumer.json");
        write(&path, text.as_bytes())?;
        let program = std::env::current_exe().map_err(|fault| failed(fault.to_string()))?;
        let child = Command::new(program)
            .args(["sandbox", "consumer", "--apps"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        Ok(Witness(child.map_err(|fault| failed(fault.to_string()))?))
    }

    /// Ends it and takes its testimony.
    pub async fn end(mut self) -> Result<BTreeMap<String, Summary>, Failure> {
        let failed = |text: &str| Failure::failed(format!("the consumer: {text}"));
        drop(self.0.stdin.take());
        let out = self.0.stdout.take().ok_or_else(|| failed("it has no output"))?;
        let mut lines = BufReader::new(out).lines();
        let mut summary = None;
        while let Ok(Some(line)) = lines.next_line().await {
            let line: serde_json::Value =
                serde_json::from_str(&line).map_err(|_| failed("it printed something else than JSON"))?;
            if line.get("event").and_then(|event| event.as_str()) == Some("summary") {
                summary = line.get("apps").cloned();
            }
        }
        let apps: Vec<Summary> = summary
            .and_then(|apps| serde_json::from_value(apps).ok())
            .ok_or_else(|| failed("it ended without a summary"))?;
        self.0
            .wait()
            .await
            .map_err(|_| failed("it cannot be waited for"))?;
        Ok(apps.into_iter().map(|app| (app.app.clone(), app)).collect())
    }
}
