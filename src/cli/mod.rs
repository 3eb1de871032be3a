//! The command line: one file per command.
//!
//! Exit codes: 0 as asked · 1 failed · 2 usage · 3 held · 78 bad configuration (sysexits `EX_CONFIG`).
//! A command that changes something speaks to the running daemon through its unix socket; a reader opens the journal
//! read-only. Not here: what any of it means (`engine`, `rotation`).

mod alert;
mod check;
pub mod client;
mod compare;
pub mod config;
mod demo;
mod doctor;
mod due;
pub mod exit;
mod follow;
mod history;
mod line;
pub mod output;
mod plan;
mod reach;
mod reader;
pub mod references;
mod revoke;
mod roots;
mod rotate;
mod run;
mod sandbox;
mod secret;
mod status;
mod submit;
mod tell_daemon;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::exit::Failure;

/// Where a policy is if nobody says otherwise.
const USUAL_POLICY: &str = "/etc/rekeyd/rekeyd.toml";

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
        default_value = USUAL_POLICY
    )]
    config: PathBuf,

    /// The running daemon's socket, where it is not the policy's `[api] socket`.
    #[arg(long, global = true, value_name = "PATH", env = "REKEYD_SOCKET")]
    socket: Option<PathBuf>,

    /// Print JSON, for machines.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// End the rotation under way: before its point of no return, or, once it is rotated, without retiring the old one.
    Abandon(tell_daemon::Abandon),
    /// Say that what a store or Salesforce holds now is right: after a hand edit, or a rotation done in Setup.
    Adopt(tell_daemon::Adopt),
    /// Try the sinks that are told when something is wrong.
    Alert(alert::Args),
    /// Print every fault of the policy.
    Check(check::Args),
    /// Show the whole job on a simulated org, in under a minute, in a directory of its own.
    Demo(demo::Args),
    /// Find out which methods are open for each app, and what opens a closed one. Asks; changes nothing.
    Doctor(doctor::Args),
    /// Show what happened, or verify that the record of it holds.
    History(history::Args),
    /// Start nothing for an app, and stop what is under way at its next boundary.
    Hold(tell_daemon::Hold),
    /// Show when each app is due and every call that a rotation would make. Writes nothing, asks nobody.
    Plan(plan::Args),
    /// Let a held app go on.
    Resume(tell_daemon::Resume),
    /// A credential leaked: say what ending it comes to, or, with --confirm, end it. Without --confirm nothing changes.
    Revoke(revoke::Args),
    /// Rotate an app now, and follow it. Ends 0 rotated, 3 held, 1 otherwise.
    Rotate(rotate::Args),
    /// Run the service.
    Run,
    /// Serve a simulated Salesforce org, for rehearsal.
    Sandbox(sandbox::Args),
    /// Print the current credential of an app, after noting in the store who looked.
    Secret(secret::Args),
    /// Show where every app stands, and what a person can do.
    Status(status::Args),
    /// Hand over the live pair of an app that no API shows, from standard input.
    Submit(submit::Args),
}

/// What every command is given.
pub struct Context {
    /// The policy file.
    pub config: PathBuf,
    /// The daemon's socket, if it was named.
    pub socket: Option<PathBuf>,
    /// Print JSON.
    pub json: bool,
}

/// Runs one command and says how the process ends.
pub fn run(cli: Cli) -> ExitCode {
    no_core_dumps();
    let context = Context {
        config: cli.config,
        socket: cli.socket.filter(|path| !path.as_os_str().is_empty()),
        json: cli.json,
    };
    let done = match cli.command {
        Command::Abandon(args) => tell_daemon::abandon(&context, &args),
        Command::Adopt(args) => tell_daemon::adopt(&context, &args),
        Command::Alert(args) => alert::run(&context, &args),
        Command::Check(args) => check::run(&context, &args),
        Command::Demo(args) => demo::run(&context, args),
        Command::Doctor(args) => doctor::run(&context, &args),
        Command::History(args) => history::run(&context, &args),
        Command::Hold(args) => tell_daemon::hold(&context, &args),
        Command::Plan(args) => plan::run(&context, &args),
        Command::Resume(args) => tell_daemon::resume(&context, &args),
        Command::Revoke(args) => revoke::run(&context, &args),
        Command::Rotate(args) => rotate::run(&context, &args),
        Command::Run => run::run(&context),
        Command::Sandbox(args) => sandbox::run(&context, args),
        Command::Secret(args) => secret::run(&context, &args),
        Command::Status(args) => status::run(&context, &args),
        Command::Submit(args) => submit::run(&context, &args),
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

/// A core dump would hold what the process holds, and most commands hold a secret for a moment.
fn no_core_dumps() {
    let quiet = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    if quiet.is_err() {
        output::complain("the system does not let this process forbid core dumps");
    }
}
