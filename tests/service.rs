//! rekeyd under a real systemd: the shipped unit, installed by the README's own commands, in a booted machine (nspawn)
//! against a simulated org. Each scenario has a fresh machine.
//!
//! Booting needs root. Without root, or where `REKEYD_NO_MACHINE` says that this host cannot boot one, the scenarios
//! are skipped, named and counted; with root nothing is skipped, and a host that cannot boot fails.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test program of its own: the lints know only functions marked as tests"
)]

#[path = "service/bench.rs"]
mod bench;
#[path = "service/failure.rs"]
mod failure;
#[path = "service/image.rs"]
mod image;
#[path = "service/life.rs"]
mod life;
#[path = "service/machine.rs"]
mod machine;
#[path = "service/pod.rs"]
mod pod;
#[path = "service/readme.rs"]
mod readme;
#[path = "service/reload.rs"]
mod reload;
#[path = "service/runner.rs"]
mod runner;
#[path = "service/unit.rs"]
mod unit;

use machine::System::{Bookworm, Trixie};
use runner::scenario;

fn main() -> std::process::ExitCode {
    runner::run(&[
        scenario("unit_is_sound_on_257", || unit::is_sound(Trixie)),
        scenario("unit_is_sound_on_252", unit::is_sound_without_notify_reload),
        scenario("starts_works_and_stops_on_257", || {
            life::starts_works_and_stops(Trixie)
        }),
        scenario("starts_works_and_stops_on_252", || {
            life::starts_works_and_stops(Bookworm)
        }),
        scenario("encrypted_credentials", life::encrypted_credentials),
        scenario("a_stop_drains", life::a_stop_drains),
        scenario("killed_it_goes_on", failure::killed_it_goes_on),
        scenario(
            "a_stuck_process_is_replaced",
            failure::a_stuck_process_is_replaced,
        ),
        scenario(
            "a_bad_policy_is_not_started_again",
            failure::a_bad_policy_is_not_started_again,
        ),
        scenario(
            "a_credential_that_is_missing",
            failure::a_credential_that_is_missing,
        ),
        scenario(
            "a_journal_that_cannot_be_opened",
            failure::a_journal_that_cannot_be_opened,
        ),
        scenario("a_new_policy_on_257", || {
            reload::takes_a_good_policy_and_keeps_it(Trixie)
        }),
        scenario("a_new_policy_on_252", || {
            reload::takes_a_good_policy_and_keeps_it(Bookworm)
        }),
        scenario("rotates_by_signal", reload::rotates_by_signal),
        scenario("rotates_by_request", reload::rotates_by_request),
        scenario("the_image_runs_in_its_own_root", image::runs_in_its_own_root),
        scenario("a_pod_reads_its_secret", pod::reads_its_secret),
    ])
}
