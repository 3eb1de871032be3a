//! The engine around its rotations: what falls due when, what it notices by itself, what it is told as a whole.
//!
//! The real supervisor, journal, file store and client against a simulated org, on a clock that the test moves by hand:
//! it can jump, and the machine can sleep.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of tests are tests too; the lints know only functions marked as one"
)]

#[path = "engine/assisted.rs"]
mod assisted;
#[path = "engine/catch_up.rs"]
mod catch_up;
#[path = "engine/clock_jumps.rs"]
mod clock_jumps;
#[path = "engine/consumers.rs"]
mod consumers;
#[path = "engine/defect.rs"]
mod defect;
#[path = "engine/examined.rs"]
mod examined;
#[path = "engine/fitness.rs"]
mod fitness;
#[path = "engine/given_up.rs"]
mod given_up;
#[path = "engine/hand_clock.rs"]
mod hand_clock;
#[path = "engine/late.rs"]
mod late;
#[path = "engine/leaked.rs"]
mod leaked;
#[path = "engine/live_check.rs"]
mod live_check;
#[path = "engine/migrated.rs"]
mod migrated;
#[path = "engine/own_login.rs"]
mod own_login;
#[path = "engine/person.rs"]
mod person;
#[path = "engine/reload.rs"]
mod reload;
#[path = "engine/restarts.rs"]
mod restarts;
#[path = "support/switches.rs"]
mod switches;
#[path = "engine/verdicts.rs"]
mod verdicts;
#[path = "engine/window.rs"]
mod window;
#[path = "engine/world.rs"]
mod world;
