//! One task per sink: the next letter, sent until the sink took it, refused it, or is to be left alone for a while.
//!
//! In order, at least once. How long a sink is left alone is kept in the outbox, so a restart does not press it. No
//! sink waits for another, and nobody waits for a sink.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::route::Route;
use super::sink::{TIMEOUT, Trouble};
use super::stats::Stats;
use super::trial::send;
use crate::clock::{Clock, Timestamp};
use crate::port::journal::JournalFault;
use crate::port::outbox::{Action, Letter, Outbox, Settled};

/// After the first failure; doubles with each further one.
const SHORTEST: Duration = Duration::from_secs(5);

/// A sink that is back is told within this.
const LONGEST: Duration = Duration::from_secs(300);

/// No sink is left alone for longer, whatever it asks for.
const LONGEST_WISH: Duration = Duration::from_secs(3600);

/// After the journal did not answer.
const JOURNAL_RETRY: Duration = Duration::from_secs(5);

/// Letters that are older, and delivered, are removed.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// How often.
const PRUNED: Duration = Duration::from_secs(6 * 3600);

/// How long after the `attempts`-th failure in a row.
pub fn backoff(attempts: u32) -> Duration {
    SHORTEST
        .saturating_mul(1 << attempts.saturating_sub(1).min(10))
        .min(LONGEST)
}

/// The tasks.
pub struct Delivery {
    common: Common,
    /// By the sinks' names in the outbox; the one that removes old letters has none.
    tasks: Mutex<BTreeMap<String, Task>>,
}

#[derive(Clone)]
struct Common {
    outbox: Arc<dyn Outbox>,
    clock: Arc<dyn Clock>,
    posted: watch::Receiver<()>,
    stats: Arc<Stats>,
    /// Send what can be sent, then end.
    ending: CancellationToken,
}

struct Task {
    /// End before the next letter.
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Delivery {
    /// No sinks yet. `posted` changes whenever there are new letters.
    pub fn new(outbox: Arc<dyn Outbox>, clock: Arc<dyn Clock>, posted: watch::Receiver<()>) -> Delivery {
        Delivery {
            common: Common {
                outbox,
                clock,
                posted,
                stats: Arc::default(),
                ending: CancellationToken::new(),
            },
            tasks: Mutex::default(),
        }
    }

    /// How far each sink has come.
    pub fn stats(&self) -> Arc<Stats> {
        self.common.stats.clone()
    }

    /// These sinks from here on. A sink that stays finishes the letter that it is at first.
    ///
    /// # Errors
    /// [`JournalFault`]; then no task was changed.
    pub async fn replace(&self, routes: Vec<Route>) -> Result<(), JournalFault> {
        for route in &routes {
            let wanted = |letter: &Letter| route.opens(letter);
            self.common.outbox.enrol(&route.id(), &wanted).await?;
        }
        let names: Vec<String> = routes.iter().map(|route| route.name.clone()).collect();
        self.common.stats.keep(&names);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *tasks);
        for task in before.values() {
            task.stop.cancel();
        }
        let ids: Vec<String> = routes.iter().map(Route::id).collect();
        for route in routes {
            let (id, stop) = (route.id(), CancellationToken::new());
            let old = before.remove(&id).map(|task| task.handle);
            let (common, stopped) = (self.common.clone(), stop.clone());
            let handle = tokio::spawn(async move {
                if let Some(old) = old {
                    // One that failed is replaced all the same.
                    let _ended = old.await;
                }
                common.deliver(route, &stopped).await;
            });
            tasks.insert(id, Task { stop, handle });
        }
        let stop = CancellationToken::new();
        let (common, stopped) = (self.common.clone(), stop.clone());
        let handle = tokio::spawn(async move { common.tidy(&ids, &stopped).await });
        tasks.insert(String::new(), Task { stop, handle });
        Ok(())
    }

    /// Sends what can be sent within `patience`, and ends.
    pub async fn finish(&self, patience: Duration) {
        self.common.ending.cancel();
        let tasks = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        let all = futures_util::future::join_all(tasks.into_values().map(|task| async move {
            let mut handle = task.handle;
            if tokio::time::timeout(patience, &mut handle).await.is_err() {
                handle.abort();
            }
        }));
        all.await;
    }
}

impl Drop for Delivery {
    /// Without [`Delivery::finish`] nothing more is sent: what is under way may be sent again after the next start.
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        for task in tasks.values() {
            task.handle.abort();
        }
    }
}

/// What a task waits for ended so.
enum Woken {
    /// The time has come.
    Time,
    /// There may be letters.
    Posted,
    /// The task is to end.
    Stopped,
}

impl Common {
    async fn deliver(mut self, route: Route, stop: &CancellationToken) {
        let id = route.id();
        let mut remind_at = self.clock.now();
        loop {
            if stop.is_cancelled() {
                return;
            }
            let until = match self.step(&route, &id, &mut remind_at).await {
                Ok(Next::Now) => continue,
                Ok(Next::At(until)) => until,
                Err(fault) => {
                    tracing::warn!(sink = %route.name, "alerts wait for the journal: {fault}");
                    Some(self.clock.now() + JOURNAL_RETRY)
                }
            };
            if self.ending.is_cancelled() {
                return;
            }
            match self.wait(until, stop).await {
                Woken::Time | Woken::Posted => {}
                Woken::Stopped => return,
            }
        }
    }

    async fn step(
        &mut self,
        route: &Route,
        id: &str,
        remind_at: &mut Timestamp,
    ) -> Result<Next, JournalFault> {
        self.posted.mark_unchanged();
        let standing = self.outbox.standing(id).await?;
        let (now, attempts) = (self.clock.now(), standing.attempts);
        // A clock that was set back must not silence a sink for long.
        let rest = standing.not_before.map(|until| until.min(now + LONGEST_WISH));
        self.stats.note(&route.name, standing);
        if let Some(until) = rest.filter(|until| *until > now) {
            return Ok(Next::At(Some(until)));
        }
        let Some(posted) = self.outbox.next_letter(id).await? else {
            return self.remind(route, id, remind_at).await.map(Next::At);
        };
        let (letter, before) = (&posted.letter, posted.before.as_ref());
        let settled = match route.is_sent(letter, before) {
            false => Settled::NotForIt,
            true => self.send(route, letter, before, attempts).await,
        };
        self.outbox.settle(id, &posted, settled).await?;
        Ok(Next::Now)
    }

    async fn send(&self, route: &Route, letter: &Letter, before: Option<&Letter>, attempts: u32) -> Settled {
        let sink = &route.name;
        let (incident, id) = (&letter.incident, &letter.id);
        let action = match letter.action {
            Action::Trigger => "trigger",
            Action::Update => "update",
            Action::Resolve => "resolve",
        };
        match send(route.sink.as_ref(), letter, before).await {
            Ok(()) => {
                tracing::info!(sink, incident, action, letter = id, "alert delivered");
                Settled::Delivered
            }
            Err(Trouble::Refused { why }) => {
                tracing::error!(
                    sink,
                    incident,
                    action,
                    letter = id,
                    "alert REFUSED and passed over: {why}"
                );
                Settled::Refused
            }
            Err(Trouble::Later { why, wait }) => {
                let attempts = attempts.saturating_add(1);
                let wait = wait.unwrap_or_default().max(backoff(attempts)).min(LONGEST_WISH);
                let until = self.clock.now() + wait;
                tracing::warn!(sink, incident, action, letter = id, attempts, %until, "alert not delivered: {why}");
                Settled::Failed { until }
            }
        }
    }

    /// Tells a sink that forgets what is open. When next.
    async fn remind(
        &self,
        route: &Route,
        id: &str,
        remind_at: &mut Timestamp,
    ) -> Result<Option<Timestamp>, JournalFault> {
        let Some(every) = route.sink.forgets_after() else {
            return Ok(None);
        };
        if self.clock.now() >= *remind_at {
            let open = self.outbox.told(id).await?;
            let told = tokio::time::timeout(TIMEOUT, route.sink.remind(&open)).await;
            if let Err(trouble) = told.unwrap_or_else(|_| Err(Trouble::later("no answer in time"))) {
                tracing::warn!(sink = %route.name, open = open.len(), "not told again of what is open: {trouble}");
            }
            *remind_at = self.clock.now() + every;
        }
        Ok(Some(*remind_at))
    }

    async fn wait(&mut self, until: Option<Timestamp>, stop: &CancellationToken) -> Woken {
        let clock = self.clock.clone();
        let time = async {
            match until {
                Some(until) => clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let (ending, posted) = (self.ending.clone(), &mut self.posted);
        tokio::select! {
            () = stop.cancelled() => Woken::Stopped,
            // Once more, for what can still be sent.
            () = ending.cancelled() => Woken::Posted,
            () = time => Woken::Time,
            changed = posted.changed() => match changed {
                Ok(()) => Woken::Posted,
                Err(_) => Woken::Stopped,
            },
        }
    }

    async fn tidy(&self, sinks: &[String], stop: &CancellationToken) {
        loop {
            let now = self.clock.now();
            let before = Timestamp(now.0.saturating_sub(i64::try_from(KEPT.as_millis()).unwrap_or(0)));
            match self.outbox.prune(sinks, before).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "old alerts were removed from the outbox"),
                Err(fault) => tracing::warn!("old alerts could not be removed: {fault}"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.ending.cancelled() => return,
                () = self.clock.sleep_until(now + PRUNED) => {}
            }
        }
    }
}

/// When to look again.
enum Next {
    /// At once.
    Now,
    /// At this time, or when something was posted.
    At(Option<Timestamp>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_left_alone_for_longer_and_longer() {
        let seconds: Vec<u64> = [1, 2, 3, 4, 7, 8, 1000]
            .map(|attempts| backoff(attempts).as_secs())
            .to_vec();
        assert_eq!(seconds, [5, 10, 20, 40, 300, 300, 300]);
    }
}
