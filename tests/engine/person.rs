//! What a person says to the engine, and what is seen of an app then.

use rekeyd::engine::command::{Command, Reply};
use rekeyd::engine::ledger::{AppLedger, Ledgers};
use rekeyd::rotation::End;
use rekeyd::secret::{Credential, Secret};

use super::world::{Engine, name};

impl Engine<'_> {
    /// Says it again for as long as the app is being looked at.
    pub async fn say(&self, command: impl Fn() -> Command) -> Reply {
        loop {
            let reply = self.ask(command()).await;
            let busy = matches!(&reply, Reply::Refused { why, .. } if why.contains("try again in a moment"));
            if !busy {
                return reply;
            }
            tokio::task::yield_now().await;
        }
    }
}

pub fn rotate(app: usize) -> Command {
    Command::Rotate {
        app: name(app),
        reason: "a test".into(),
        by: "Ann".into(),
        ignore_window: true,
        key: None,
    }
}

pub fn submit(pair: &(String, String)) -> Command {
    Command::Submit {
        app: name(0),
        by: "Ann".into(),
        pair: Credential {
            client_id: pair.0.clone(),
            client_secret: Secret::new(pair.1.clone()),
        },
    }
}

pub fn abandon() -> Command {
    let (app, by) = (name(0), "Ann".into());
    Command::Abandon { app, by }
}

pub fn adopt() -> Command {
    let (app, by) = (name(0), "Ann".into());
    Command::Adopt { app, by }
}

pub fn resume() -> Command {
    let (app, by) = (name(0), "Ann".into());
    let take_over = None;
    Command::Resume { app, by, take_over }
}

/// What is known of the first app.
pub fn of<T>(ledgers: &Ledgers, of: impl Fn(&AppLedger) -> T) -> T {
    of(ledgers.apps.get(&name(0)).unwrap())
}

/// How an app's last rotation ended.
pub fn end(ledger: &AppLedger) -> Option<End> {
    ledger.run.as_ref().and_then(|run| run.state.end().cloned())
}
