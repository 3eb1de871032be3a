//! Secrets stay secret (design.md §1, P6): the real binary goes through faults with canaries in every place where a
//! secret can stand, and nothing that it wrote, printed or answered holds one of them in any form.
//!
//! - `forms`: how a secret can look. `search`: finds any part of any form, compressed or not. `planted`: proof that it
//!   does. - `install`: an installation and its commands. `hands`: what people do in it. `sinks`: who is told of it, and says
//!   everything back. `trouble`, `slips`: what goes wrong in it.
//! - `whole_run`: the run, its log as text and as JSON. `types`: `Debug` and `Display`. `dumpable`: core dumps.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "the helpers of tests are tests too; counts are printed as evidence"
)]

mod support;

mod leaks {
    pub mod forms;
    pub mod hands;
    pub mod install;
    pub mod search;
    pub mod sinks;
    pub mod slips;
    pub mod trouble;

    mod dumpable;
    mod planted;
    mod types;
    pub mod whole_run;
}
