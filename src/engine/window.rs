//! The window of an org that keeps consumer secrets over REST switched off: opened for rotations, closed after them
//! (design §4, "Windows of the REST switch").
//!
//! One window per org, whatever the number of its rotations. A lane comes in before it asks for credentials and goes out
//! when it rests; the supervisor closes what nobody needs. Whoever opened closes: what an administrator had turned on is
//! never turned off. Each of the two writes stands in the journal before it is sent and after it was seen; while one is
//! not known to be over there is only reading. So a crash leaves nothing open that the next start does not know of.
//!
//! Not here: the requests (`port::SecretsSwitch`), and which of a rotation's steps need the window (`lane`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::engine::ledger::{AppLedger, Ledgers};
use crate::engine::seat::House;
use crate::engine::service::{ServiceNote, SwitchLedger, jot};
use crate::port::journal::JournalFault;
use crate::port::{Fault, Outcome, Refusal, SecretsSwitch};

/// Between two looks whether a write has been applied.
const POLL: Duration = Duration::from_secs(10);

/// Between two tries to close it: 15 s doubling to 15 min.
fn delay(failures: u32) -> Duration {
    Duration::from_secs(15 << failures.min(6)).min(Duration::from_secs(900))
}

/// An org's window.
pub struct Window {
    org: String,
    house: House,
    ledgers: Arc<Mutex<Ledgers>>,
    inner: Mutex<Inner>,
    /// One look or write at a time.
    turn: tokio::sync::Mutex<()>,
}

struct Inner {
    switch: Arc<dyn SecretsSwitch>,
    /// How long a write may still land after it was sent.
    late: Duration,
    users: u32,
    /// It is not looked at before this.
    next: Option<Timestamp>,
    failures: u32,
}

/// While one is held the window stays open.
pub struct Pass(Arc<Window>);

impl Drop for Pass {
    fn drop(&mut self) {
        let mut inner = self.0.inner();
        inner.users = inner.users.saturating_sub(1);
    }
}

impl Pass {
    /// Sees to it that the window is open still: somebody else may have closed it.
    ///
    /// # Errors
    /// As [`Window::enter`].
    pub async fn renew(&self) -> Result<(), Fault> {
        self.0.opened().await
    }
}

/// Why a write is not seen to be over.
enum Trouble {
    /// It may still land.
    NotYet(String),
    Fault(Fault),
    Journal(JournalFault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        Trouble::Fault(fault)
    }
}

impl From<JournalFault> for Trouble {
    fn from(fault: JournalFault) -> Trouble {
        Trouble::Journal(fault)
    }
}

impl Window {
    /// Closed, but for what the ledgers know of it.
    pub fn new(
        org: String,
        house: House,
        ledgers: Arc<Mutex<Ledgers>>,
        switch: Arc<dyn SecretsSwitch>,
        late: Duration,
    ) -> Window {
        Window {
            org,
            house,
            ledgers,
            inner: Mutex::new(Inner {
                switch,
                late,
                users: 0,
                next: None,
                failures: 0,
            }),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// A new policy: another way to the same switch.
    pub fn reach(&self, switch: Arc<dyn SecretsSwitch>, late: Duration) {
        let mut inner = self.inner();
        inner.switch = switch;
        inner.late = late;
        inner.next = None;
    }

    /// Opens it if it is closed. On return it is open, and stays so until the pass is dropped.
    ///
    /// # Errors
    /// [`Fault`] by what the caller does next; nothing is open then that the journal does not know of.
    pub async fn enter(self: &Arc<Self>) -> Result<Pass, Fault> {
        // Counted first: from here on nobody begins to close it.
        {
            let mut inner = self.inner();
            inner.users = inner.users.saturating_add(1);
        }
        let pass = Pass(self.clone());
        self.opened().await.map(|()| pass)
    }

    async fn opened(&self) -> Result<(), Fault> {
        let _turn = self.turn.lock().await;
        let said = |what: String| {
            format!(
                "consumer secrets over REST are switched off in this org and could not be turned on: {what}"
            )
        };
        self.open().await.map_err(|trouble| match trouble {
            Trouble::NotYet(why) => Fault::Unavailable(said(why)),
            Trouble::Journal(fault) => Fault::Unavailable(fault.to_string()),
            Trouble::Fault(Fault::Forbidden(why)) => Fault::Forbidden(said(why)),
            Trouble::Fault(Fault::Unusable(why)) => Fault::Unusable(said(why)),
            Trouble::Fault(Fault::Unavailable(why)) => Fault::Unavailable(said(why)),
            Trouble::Fault(other) => other,
        })
    }

    async fn open(&self) -> Result<(), Trouble> {
        self.settle().await?;
        match (self.switch().is_on().await?, self.known().ours.is_some()) {
            // By us, or by an administrator, who will close it.
            (true, true | false) => return Ok(()),
            (false, true) => {
                self.jot(&ServiceNote::SwitchGone {
                    org: self.org.clone(),
                })
                .await?
            }
            (false, false) => {}
        }
        self.write(true).await
    }

    /// Whether somebody should try to close it now.
    pub fn is_to_be_closed(&self, now: Timestamp) -> bool {
        let due = {
            let inner = self.inner();
            inner.users == 0 && inner.next.is_none_or(|next| next <= now)
        };
        due && self.known().is_owed() && !self.is_kept_open()
    }

    /// Closes it if we opened it and nobody needs it. What stands in the way is told, and tried again later.
    pub async fn close(&self) {
        let _turn = self.turn.lock().await;
        // Somebody may have come meanwhile.
        if self.inner().users > 0 || self.is_kept_open() {
            return;
        }
        let (again, stuck) = match self.shut().await {
            Ok(()) => {
                let mut inner = self.inner();
                inner.failures = 0;
                inner.next = None;
                return;
            }
            Err(Trouble::NotYet(why)) => {
                tracing::info!(org = self.org, "{why}");
                (POLL, None)
            }
            Err(Trouble::Journal(fault)) => {
                tracing::error!(org = self.org, "{fault}");
                (delay(self.failed()), None)
            }
            Err(Trouble::Fault(fault)) => (delay(self.failed()), Some(fault.to_string())),
        };
        if let Some(why) = stuck {
            let org = self.org.clone();
            if let Err(fault) = self.jot(&ServiceNote::SwitchStuck { org, why }).await {
                tracing::error!(org = self.org, "{fault}");
            }
        }
        self.inner().next = Some(self.house.clock.now() + again);
    }

    async fn shut(&self) -> Result<(), Trouble> {
        self.settle().await?;
        if self.known().ours.is_none() {
            return Ok(());
        }
        match self.switch().is_on().await? {
            true => self.write(false).await,
            false => {
                let org = self.org.clone();
                Ok(self.jot(&ServiceNote::SwitchGone { org }).await?)
            }
        }
    }

    /// One write, on an intent of its own. It is over when it is seen: an answer alone proves nothing.
    async fn write(&self, on: bool) -> Result<(), Trouble> {
        let org = self.org.clone();
        self.jot(&ServiceNote::SwitchIntended { org, on }).await?;
        let (fault, why) = match self.switch().set(on).await {
            Outcome::Done(()) | Outcome::Partly(_) | Outcome::Unknown(_) => return self.settle().await,
            Outcome::Refused(Refusal::Conflict(why)) => (Fault::Unavailable(why.clone()), why),
            Outcome::Refused(refusal) => (Fault::Forbidden(refusal.to_string()), refusal.to_string()),
            Outcome::NotNow(fault) => (fault.clone(), fault.to_string()),
        };
        let org = self.org.clone();
        self.jot(&ServiceNote::SwitchNotSet { org, on, why }).await?;
        Err(fault.into())
    }

    /// Reads whether a write that is out was applied.
    async fn settle(&self) -> Result<(), Trouble> {
        let Some((on, sent)) = self.known().out else {
            return Ok(());
        };
        let org = self.org.clone();
        if self.switch().is_on().await? == on {
            return Ok(self.jot(&ServiceNote::SwitchSet { org, on }).await?);
        }
        let word = if on { "on" } else { "off" };
        let late = self.inner().late;
        if self.house.clock.now() < sent + late {
            return Err(Trouble::NotYet(format!(
                "the request to turn it {word}, sent at {sent}, has not been applied yet, and may still be"
            )));
        }
        let why = format!("the request of {sent} was not applied");
        Ok(self.jot(&ServiceNote::SwitchNotSet { org, on, why }).await?)
    }

    /// A value lies between mint and stored in some app of this org: it may have to be read again.
    fn is_kept_open(&self) -> bool {
        let ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = ledgers.apps.values().filter_map(AppLedger::running);
        running.any(|run| {
            let org = run.policy.get("org").and_then(|org| org.as_str());
            org == Some(&self.org) && run.state.lies_between_mint_and_stored()
        })
    }

    /// What the journal knows of it.
    pub fn known(&self) -> SwitchLedger {
        let ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers
            .service
            .switches
            .get(&self.org)
            .cloned()
            .unwrap_or_default()
    }

    async fn jot(&self, note: &ServiceNote) -> Result<(), JournalFault> {
        jot(&self.house, &self.ledgers, note).await
    }

    fn failed(&self) -> u32 {
        let mut inner = self.inner();
        let before = inner.failures;
        inner.failures = before.saturating_add(1);
        before
    }

    fn switch(&self) -> Arc<dyn SecretsSwitch> {
        self.inner().switch.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
