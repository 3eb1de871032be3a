//! `rekeyd run` (being written).

use std::process::ExitCode;

use crate::cli::Context;
use crate::cli::exit::Failure;

pub fn run(_context: &Context) -> Result<ExitCode, Failure> {
    Err(Failure::failed("being written"))
}
