//! Parse, run, exit code. Everything else is in the library.

use std::process::ExitCode;

use clap::Parser;
use rekeyd::cli::Cli;

fn main() -> ExitCode {
    rekeyd::cli::run(Cli::parse())
}
