//! What the service manager is told, where there is one (sd_notify(3)); nothing happens where there is none.
//!
//! The one place that speaks to `NOTIFY_SOCKET`. The variable stays in the environment, since taking it out is not
//! sound with threads: `run` starts no child, and the unit's `NotifyAccess=main` would not listen to one. A message
//! that cannot be sent is logged and nothing more: the manager finds out by its own time-outs.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// The watchdog is told this many times within its time.
const PETS: u32 = 4;

/// It runs. Ends a start and a reload; also a reload that was refused, since the policy before it is still in force.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// A reload begins. [`ready`] has to follow.
pub fn reloading() {
    // `Type=notify-reload` takes only a message that is younger than its signal, by this clock.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(fault) => tracing::warn!("the service manager was not told of the reload: {fault}"),
    }
}

/// It drains.
pub fn stopping(status: &str) {
    send(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))]);
}

/// Tells the watchdog, where one is set, that the engine works: only while `heartbeat` changes. Never returns.
///
/// It is the change that counts and not the age, so that neither a clock that was set nor a suspended machine looks
/// like a stuck engine.
pub async fn watchdog<T: PartialEq>(heartbeat: impl Fn() -> T) {
    let Some(within) = sd_notify::watchdog_enabled().filter(|within| !within.is_zero()) else {
        return std::future::pending().await;
    };
    pet(within, heartbeat, || send(&[NotifyState::Watchdog])).await;
}

async fn pet<T: PartialEq>(within: Duration, heartbeat: impl Fn() -> T, mut alive: impl FnMut()) {
    // By tokio's clock, which is monotonic as the manager's is.
    let mut looks = interval((within / PETS).max(Duration::from_millis(1)));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = heartbeat();
    loop {
        looks.tick().await;
        let now = heartbeat();
        if now != last {
            last = now;
            alive();
        }
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(fault) = sd_notify::notify(states) {
        tracing::warn!("the service manager was not told: {}", fault.kind());
    }
}

/// A message is made of lines, so that a text of several would be several messages.
fn one_line(text: &str) -> String {
    text.replace(|character: char| character.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::{advance, pause};

    use super::*;

    #[tokio::test]
    async fn the_watchdog_is_told_while_the_heart_beats_and_not_after() {
        pause();
        let (beat, told) = (Cell::new(0), Cell::new(0));
        let work = pet(Duration::from_secs(8), || beat.get(), || told.set(told.get() + 1));
        tokio::pin!(work);
        step(&mut work).await;
        for wanted in 1..=5 {
            beat.set(wanted);
            step(&mut work).await;
            assert_eq!(told.get(), wanted);
        }
        for _ in 0..5 {
            step(&mut work).await;
        }
        assert_eq!(told.get(), 5, "the heart stands still");
        // Backwards is a beat like any other: the clock was set.
        beat.set(-7);
        step(&mut work).await;
        assert_eq!(told.get(), 6);
    }

    async fn step(work: &mut (impl Future<Output = ()> + Unpin)) {
        advance(Duration::from_millis(2100)).await;
        tokio::select! {
            biased;
            () = work => {}
            () = tokio::task::yield_now() => {}
        }
    }

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("a\nREADY=1\r\u{0}b"), "a READY=1  b");
    }
}
