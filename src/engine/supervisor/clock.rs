//! Notices that the machine's clock jumped or the machine slept, and decides whether to follow it; and spreads what
//! fell due meanwhile.
//!
//! The service goes by a clock that does not follow a jump by itself (`crate::clock::SteadyClock`). An org is asked what
//! time it is and compared with itself: if, by the org's clock, as much time has passed as by the machine's, the machine
//! slept or was put right, and it is followed. If not, somebody set it wrong: the service goes on by the time that
//! passed, and a person is told.
//!
//! At a start there is nothing to compare with but the org's clock itself. Until it has shown the same time, and while it
//! shows another, nothing happens there because of the time alone: no start by the schedule, no end of a grace. What a
//! person asks for does, and so does everything that a rotation needs to be safe.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

use super::{Look, Managed, Supervisor};
use crate::clock::{Clock, Timestamp};
use crate::engine::hour::{AGREE_MS, Right, ahead, is_near, is_to_come, who_is_right};
use crate::engine::service::ServiceNote;
use crate::port::Fault;

/// A difference that is no jump: a clock that is put right in small steps.
const SLACK_MS: i64 = 2_000;

/// Longer between two beats: the process was stopped, and what fell due meanwhile is spread.
const GAP: Duration = Duration::from_secs(60);

/// After so many answers that agree with neither clock the machine's is followed.
const UNCLEAR_TIMES: u32 = 30;

/// Between two questions what time it is.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// The same where the answer was another time, and is waited for to change.
const ASK_WRONG_AGAIN: Duration = Duration::from_secs(60);

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
    /// Whether each org's clock shows the time that we go by. Without an answer it does not.
    agree: BTreeMap<String, watch::Sender<bool>>,
    /// When each that does not was asked, or the question came up.
    asked: BTreeMap<String, Timestamp>,
    /// The time of the newest record, until that is looked at.
    newest: Option<Timestamp>,
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
    pub fn start(clock: &dyn Clock, newest: Option<Timestamp>) -> Watchman {
        let now = clock.now();
        Watchman {
            beat: now,
            away_until: now,
            paced: BTreeMap::new(),
            doubt: None,
            orgs: BTreeMap::new(),
            agree: BTreeMap::new(),
            asked: BTreeMap::new(),
            newest,
        }
    }

    fn agrees(&mut self, org: &str) -> &watch::Sender<bool> {
        self.agree.entry(org.to_owned()).or_default()
    }
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
            clock.put_right(by_ms);
            return self.ask_whose_clock_differs();
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
        let time = match time {
            Ok(time) => time,
            // It answered, and shows no time: there is nothing to compare with, now or later.
            Err(Fault::Unusable(why)) if self.time.doubt.is_none() => {
                tracing::warn!(org, "this machine's clock is taken as it is: {why}");
                self.time.agrees(&org).send_replace(true);
                return;
            }
            Err(
                Fault::Unusable(_)
                | Fault::Unavailable(_)
                | Fault::Throttled { .. }
                | Fault::Unauthorized(_)
                | Fault::Forbidden(_)
                | Fault::SwitchedOff(_)
                | Fault::NotFound(_),
            ) => return,
        };
        if ahead(asked, now).abs() > AGREE_MS / 2 {
            return;
        }
        let before = self.time.orgs.get(&org).copied();
        let Some(doubt) = &mut self.time.doubt else {
            // After a jump that nobody has seen yet the answer may be from before.
            if ahead(now, wall).abs() <= SLACK_MS {
                self.compared_with(org, now, time).await;
            }
            return;
        };
        match who_is_right(now, wall, time, before) {
            Right::Ours => {
                if is_near(now, time) {
                    self.time.agrees(&org).send_replace(true);
                }
                let Some(doubt) = &mut self.time.doubt else { return };
                let by_ms = doubt.by_ms;
                if doubt.told.is_none() {
                    doubt.told = Some(org.clone());
                    self.jot(&ServiceNote::ClockOff { org, by_ms }).await;
                }
            }
            Right::Wall => {
                self.follow(now, ahead(now, wall)).await;
                self.compared_with(org, wall, time).await;
            }
            Right::Unclear => {
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
        self.time.orgs.clear();
        self.time.asked.clear();
        for agrees in self.time.agree.values() {
            agrees.send_replace(false);
        }
        self.contacts.clear();
        self.resting.clear();
        self.live.forget_times();
        self.orgs.forget_times();
        self.clock_is_right(told).await;
    }

    /// An org whose clock has not been compared with ours yet, or shows another time, is asked now and then. The look at
    /// our own login brings its time too, and usually first.
    fn ask_whose_clock_differs(&mut self) {
        let now = self.house.clock.now();
        for (org, watch) in self.watches() {
            if *self.time.agrees(&org).borrow() {
                continue;
            }
            let after = match self.time.orgs.contains_key(&org) {
                true => ASK_WRONG_AGAIN,
                false => ASK_AGAIN,
            };
            let asked = self.time.asked.entry(org.clone()).or_insert(now);
            if now.since(*asked) >= after {
                *asked = now;
                self.looks
                    .spawn(async move { Look::Time(org, now, watch.time().await) });
            }
        }
    }

    /// The org's clock showed `time` when ours showed `ours`.
    async fn compared_with(&mut self, org: String, ours: Timestamp, time: Timestamp) {
        self.time.orgs.insert(org.clone(), ahead(ours, time));
        let agree = is_near(ours, time);
        let told = self.service(|service| service.clock_off.contains_key(&org));
        match (agree, told) {
            (false, false) => {
                let (org, by_ms) = (org.clone(), ahead(time, ours));
                self.jot(&ServiceNote::ClockOff { org, by_ms }).await;
            }
            (true, true) => self.jot(&ServiceNote::ClockRight { org: org.clone() }).await,
            (false, true) | (true, false) => {}
        }
        self.time.agrees(&org).send_replace(agree);
    }

    /// Whether the org's clock shows the time that we go by, now and later. Where nobody can ask, it is taken to.
    pub(super) fn agreement(&mut self, managed: &Managed) -> watch::Receiver<bool> {
        match managed.watch {
            Some(_) => self.time.agrees(&managed.seat.org).subscribe(),
            None => watch::channel(true).1,
        }
    }

    /// The newest record is of a time that has not come: this machine's clock was wrong then, or is now.
    pub(super) async fn tell_of_records_to_come(&mut self) {
        let now = self.house.clock.now();
        let Some(newest) = self.time.newest.take().filter(|at| is_to_come(now, *at)) else {
            return;
        };
        tracing::warn!(
            "the newest record of the journal is in the future, from {newest}: this machine's clock was wrong then, or is now"
        );
        let by_ms = ahead(newest, now);
        self.jot(&ServiceNote::ClockJumped { by_ms }).await;
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
