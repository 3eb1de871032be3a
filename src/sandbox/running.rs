//! Starting, holding and stopping an org.

use super::build::build;
use super::chance::Chance;
use super::cut::{Cut, Door};
use super::fault::Rule;
use super::person::Act;
use super::seed::Seed;
use super::serve::{Shared, handle};
use super::snapshot::Snapshot;
use super::time::Moment;
use axum::Router;
use chrono::TimeDelta;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Why an org did not start, by what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Correct the seed.
    #[error("the seed: {0}")]
    Seed(String),
    /// Choose another address.
    #[error("listening on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// Choose a loopback address: the org speaks plain HTTP and gives away every secret it has.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The system gave no randomness.
    #[error("randomness: {0}")]
    Randomness(std::io::Error),
    /// The server ended by itself.
    #[error("serving: {0}")]
    Serve(std::io::Error),
}

/// Starts orgs.
pub struct Sandbox;

impl Sandbox {
    /// Starts an org on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When the seed contradicts itself, or there is no port or no randomness.
    pub async fn start(seed: &Seed) -> Result<RunningSandbox, SandboxError> {
        Self::start_on(seed, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts an org on a loopback address.
    ///
    /// # Errors
    /// As [`Sandbox::start`], and when the address is no loopback address.
    pub async fn start_on(seed: &Seed, listen: SocketAddr) -> Result<RunningSandbox, SandboxError> {
        if !listen.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(listen));
        }
        let failed = |error| SandboxError::Listen(listen, error);
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let chance = Chance::new(seed.random.as_deref()).map_err(SandboxError::Randomness)?;
        let world = build(seed, format!("http://{address}"), chance).map_err(SandboxError::Seed)?;
        let shared = Shared::new(world);
        let service = Router::new()
            .fallback(handle)
            .with_state(shared.clone())
            .into_make_service_with_connect_info::<Cut>();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = axum::serve(Door(listener), service).with_graceful_shutdown(async move {
            // A dropped handle stops the org as well.
            drop(stopped.await);
        });
        let task = tokio::spawn(async move { server.await });
        Ok(RunningSandbox {
            base_url: format!("http://{address}"),
            shared,
            stop,
            task,
        })
    }
}

/// An org that is being served; dropping it stops it.
pub struct RunningSandbox {
    base_url: String,
    shared: Shared,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl RunningSandbox {
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The truth about the org.
    pub fn state(&self) -> Snapshot {
        let mut world = self.shared.lock();
        world.settle();
        world.snapshot()
    }

    /// The org's time.
    pub fn now(&self) -> Moment {
        self.shared.lock().now()
    }

    /// Moves the org's clock, and applies what was waiting for it.
    pub fn advance(&self, by: TimeDelta) {
        self.shared.lock().advance(by);
    }

    /// Lays a fault rule.
    ///
    /// # Errors
    /// When its operation names nothing.
    pub fn fault(&self, rule: Rule) -> Result<(), String> {
        self.shared.lock().lay(false, vec![rule])
    }

    /// Takes all fault rules away.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Sets switches by name, for the org or for one app.
    ///
    /// # Errors
    /// When a name or value is unknown.
    pub fn switch(
        &self,
        app: Option<&str>,
        set: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), String> {
        self.shared.lock().switch(app, set)
    }

    /// Lets a person act in Setup.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn act(&self, act: Act) -> Result<(), String> {
        self.shared.lock().act(act)
    }

    /// The generation of a pair that is accepted now, spreading aside; not counted as a probe.
    pub fn accepts(&self, client_id: &str, client_secret: &str) -> Option<u64> {
        self.shared.lock().accepts(client_id, client_secret)
    }

    /// Stops serving, and waits until open calls are answered.
    ///
    /// # Errors
    /// When the server had ended by itself.
    pub async fn shutdown(self) -> Result<(), SandboxError> {
        // The receiver is gone only when the server has ended, and then the task says why.
        let _ended_already = self.stop.send(());
        match self.task.await {
            Ok(outcome) => outcome.map_err(SandboxError::Serve),
            Err(error) => Err(SandboxError::Serve(std::io::Error::other(error))),
        }
    }
}

/// Serves the org of a seed file until `shutdown` is ready; `announce` is told when it listens.
///
/// # Errors
/// As [`Sandbox::start_on`], and when the file cannot be read.
pub async fn run(
    seed: &Path,
    listen: SocketAddr,
    announce: impl FnOnce(&RunningSandbox),
    shutdown: impl Future<Output = ()>,
) -> Result<(), SandboxError> {
    let seed = Seed::read(seed).map_err(SandboxError::Seed)?;
    let running = Sandbox::start_on(&seed, listen).await?;
    announce(&running);
    shutdown.await;
    running.shutdown().await
}
