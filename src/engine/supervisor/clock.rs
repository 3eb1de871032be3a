//! Notices that the machine's clock jumped or the machine slept, and decides whether to follow it; and spreads what
//! fell due meanwhile.
//!
//! The service goes by a clock that does not follow a jump by itself (`crate::clock::SteadyClock`). An org is asked what
//! time it is and compared with itself: if, by the org's clock, as much time has passed as by the machine's, the machine
//! slept or was put right, and it is followed. If not, somebody set it wrong: the service goes on by the time that
//! passed, and a person is told. The org's clock may be wrong all it likes, only its pace is relied on.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Look, Managed, Supervisor};
use crate::clock::{Clock, Timestamp};
use crate::engine::service::ServiceNote;
use crate::port::Fault;

/// A difference that is no jump: a clock that is put right in small steps.
const SLACK_MS: i64 = 2_000;

/// How far two clocks may differ in what time passed: what a request and the whole seconds of a `Date` may take.
const AGREE_MS: i64 = 60_000;

/// Longer between two beats: the process was stopped, and what fell due meanwhile is spread.
const GAP: Duration = Duration::from_secs(60);

/// After so many answers that agree with neither clock the machine's is followed.
const UNCLEAR_TIMES: u32 = 30;

/// Between two questions what time it is.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// What is known of the time.
pub(super) struct Watchman {
    /// When the last look at what is due was.
    beat: Timestamp,
    /// What fell due before this is caught up with, one after the other.
    away_until: Timestamp,
    /// The next start per org while catching up.
    paced: BTreeMap<String, Timestamp>,
    /// By how much the wall is ahead, in milliseconds, while nobody knows who is right.
    doubt: Option<Doubt>,
    /// By how much each org's clock was ahead of ours when it was last asked, in milliseconds.
    orgs: BTreeMap<String, i64>,
}

struct Doubt {
    by_ms: i64,
    asked: Option<Timestamp>,
    /// Answers that agree with neither clock.
    unclear: u32,
    /// An org has said that the wall is wrong.
    told: Option<String>,
}

impl Watchman {
    /// From a start: all that fell due before it is caught up with.
    pub fn start(clock: &dyn Clock) -> Watchman {
        let now = clock.now();
        Watchman {
            beat: now,
            away_until: now,
            paced: BTreeMap::new(),
            doubt: None,
            orgs: BTreeMap::new(),
        }
    }
}

fn ahead(of: Timestamp, by: Timestamp) -> i64 {
    by.0.saturating_sub(of.0)
}

impl Supervisor {
    /// A sign of life.
    pub(super) fn beat(&mut self, draining: bool) {
        let now = self.house.clock.now();
        if now.since(self.time.beat) > GAP.max(self.tick * 3) {
            self.time.away_until = now;
        }
        self.time.beat = now;
        let mut cards = self.board.cards();
        cards.heartbeat = Some(now);
        cards.draining = draining;
    }

    /// Compares the clock that the service goes by with the machine's.
    pub(super) async fn watch_the_clock(&mut self) {
        let clock = self.house.clock.clone();
        let by_ms = ahead(clock.now(), clock.wall());
        if by_ms.abs() <= SLACK_MS {
            if let Some(doubt) = self.time.doubt.take() {
                tracing::info!("the machine's clock is right again");
                self.clock_is_right(doubt.told).await;
            }
            return clock.put_right(by_ms);
        }
        let known = self.time.doubt.as_ref().map(|doubt| doubt.by_ms);
        if known.is_none_or(|known| (known - by_ms).abs() > SLACK_MS) {
            self.jot(&ServiceNote::ClockJumped { by_ms }).await;
            let told = self.time.doubt.take().and_then(|doubt| doubt.told);
            self.time.doubt = Some(Doubt {
                by_ms,
                asked: None,
                unclear: 0,
                told,
            });
        }
        let now = clock.now();
        let again = |asked: Timestamp| now.since(asked) < ASK_AGAIN;
        let Some(doubt) = self
            .time
            .doubt
            .as_mut()
            .filter(|doubt| !doubt.asked.is_some_and(again))
        else {
            return;
        };
        doubt.asked = Some(now);
        let mut asked = false;
        for (org, watch) in self.watches() {
            asked = true;
            self.looks
                .spawn(async move { Look::Time(org, now, watch.time().await) });
        }
        if !asked {
            // Nobody to ask: the machine's clock is all there is.
            self.follow(now, by_ms).await;
        }
    }

    /// An org was asked at `asked` what time it is. An answer that took long says nothing.
    pub(super) async fn time_is_told(
        &mut self,
        org: String,
        asked: Timestamp,
        time: Result<Timestamp, Fault>,
    ) {
        let (now, wall) = (self.house.clock.now(), self.house.clock.wall());
        let Ok(time) = time else { return };
        if ahead(asked, now).abs() > AGREE_MS / 2 {
            return;
        }
        let offset = ahead(now, time);
        let before = self.time.orgs.get(&org).copied();
        let Some(doubt) = &mut self.time.doubt else {
            self.time.orgs.insert(org, offset);
            return;
        };
        // Without an earlier look the org's clock itself has to do.
        let passed_as_ours = (offset - before.unwrap_or(0)).abs() <= AGREE_MS;
        let passed_as_the_walls = (ahead(wall, time) - before.unwrap_or(0)).abs() <= AGREE_MS;
        match (passed_as_ours, passed_as_the_walls) {
            (true, false) => {
                let by_ms = doubt.by_ms;
                if doubt.told.is_none() {
                    doubt.told = Some(org.clone());
                    self.jot(&ServiceNote::ClockOff { org, by_ms }).await;
                }
            }
            (_, true) => self.follow(now, ahead(now, wall)).await,
            (false, false) => {
                // The org's own clock was set too, perhaps: after a while the machine's is all there is.
                doubt.unclear = doubt.unclear.saturating_add(1);
                if doubt.unclear >= UNCLEAR_TIMES {
                    self.follow(now, ahead(now, wall)).await;
                }
            }
        }
    }

    /// Goes by the machine's clock again.
    async fn follow(&mut self, before: Timestamp, by_ms: i64) {
        let told = self.time.doubt.take().and_then(|doubt| doubt.told);
        self.house.clock.put_right(by_ms);
        let now = self.house.clock.now();
        tracing::warn!("the service follows the machine's clock: it was {before}, it is {now}");
        self.time.away_until = now;
        self.time.beat = now;
        // Times of next looks belong to the clock of before.
        self.time.paced.clear();
        self.contacts.clear();
        self.resting.clear();
        self.live.forget_times();
        self.orgs.forget_times();
        self.clock_is_right(told).await;
    }

    async fn clock_is_right(&mut self, told: Option<String>) {
        if let Some(org) = told {
            self.jot(&ServiceNote::ClockRight { org }).await;
        }
    }

    /// Whether what is due since `since` may start now, one after the other where it fell due while nobody was there.
    pub(super) fn may_start(&mut self, managed: &Managed, since: Timestamp, now: Timestamp) -> bool {
        if since >= self.time.away_until || managed.catch_up_spacing.is_zero() {
            return true;
        }
        let org = &managed.seat.org;
        if self.time.paced.get(org).is_some_and(|next| now < *next) {
            return false;
        }
        self.time
            .paced
            .insert(org.clone(), now + managed.catch_up_spacing);
        true
    }
}
