//! `rekeyd sandbox` (being written).

use std::process::ExitCode;

use crate::cli::Context;
use crate::cli::exit::Failure;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_context: &Context, _args: Args) -> Result<ExitCode, Failure> {
    Err(Failure::failed("being written"))
}
