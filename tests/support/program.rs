//! A program to be run from another place.

use std::path::Path;
use std::process::Command;

/// Copies `from` to `to`, executable by everybody. Another process writes it: a file that this one has open for writing
/// is inherited by whatever other tests are starting just then, and cannot be run until they are (`ETXTBSY`).
pub fn install(from: &Path, to: &Path) {
    let mut command = Command::new("install");
    let done = command.args(["-m", "755"]).arg(from).arg(to).status().unwrap();
    assert!(done.success(), "install {}: {done}", to.display());
}
