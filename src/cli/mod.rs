//! The command line: one file per command.
//!
//! Exit codes: 0 as asked · 1 failed · 2 usage · 3 held · 78 bad configuration (sysexits `EX_CONFIG`).
//! A command that changes something speaks to the running daemon through its unix socket; a reader opens the journal
//! read-only. Not here: what any of it means (`engine`, `rotation`).

mod check;
pub mod config;
mod demo;
pub mod exit;
pub mod output;
pub mod references;
mod run;
mod sandbox;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::exit::Failure;

/// Rotates the OAuth credentials of Salesforce client apps, without losing one.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None)]
pub struct Cli {
    /// The policy: one TOML file; `policy.d/*.toml` beside it is merged in name order.
    #[arg(
        long,
        short,
        global = true,
        env = "REKEYD_CONFIG",
        default_value = "/etc/rekeyd/rekeyd.toml"
    )]
    config: PathBuf,

    /// Print JSON, for machines.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print every fault of the policy.
    Check(check::Args),
    /// Show the whole job on a simulated org, in under a minute, in a directory of its own.
    Demo(demo::Args),
    /// Run the service.
    Run,
    /// Serve a simulated Salesforce org, for rehearsal.
    Sandbox(sandbox::Args),
}

/// What every command is given.
pub struct Context {
    /// The policy file.
    pub config: PathBuf,
    /// Print JSON.
    pub json: bool,
}

/// Runs one command and says how the process ends.
pub fn run(cli: Cli) -> ExitCode {
    let context = Context {
        config: cli.config,
        json: cli.json,
    };
    let done = match cli.command {
        Command::Check(args) => check::run(&context, &args),
        Command::Demo(args) => demo::run(&context, args),
        Command::Run => run::run(&context),
        Command::Sandbox(args) => sandbox::run(&context, args),
    };
    match done {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// A runtime for the commands that speak to something.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|fault| Failure::failed(format!("no runtime: {fault}")))
}
