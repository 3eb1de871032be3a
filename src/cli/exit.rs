//! How a command ends.

use std::process::ExitCode;

use crate::cli::output;

/// As asked.
pub const OK: u8 = 0;
/// It failed.
pub const FAILED: u8 = 1;
/// Held: a person is wanted.
pub const HELD: u8 = 3;
/// Bad configuration, as sysexits names it (`EX_CONFIG`).
pub const CONFIG: u8 = 78;

/// A command that did not do as asked, with what to tell the person.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// For standard error, without a trailing newline.
    pub text: String,
}

impl Failure {
    /// It failed.
    pub fn failed(text: impl Into<String>) -> Self {
        Failure {
            code: FAILED,
            text: text.into(),
        }
    }

    /// The configuration is bad.
    pub fn config(text: impl Into<String>) -> Self {
        Failure {
            code: CONFIG,
            text: text.into(),
        }
    }

    /// Tells the person, and gives the code.
    pub fn report(self) -> ExitCode {
        output::complain(&self.text);
        ExitCode::from(self.code)
    }
}
