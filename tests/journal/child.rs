//! This test binary once more, as another process, possibly as another user.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::program;

/// Set in the child only, to the journal's path.
pub const JOURNAL: &str = "REKEYD_TEST_CHILD_JOURNAL";

/// Starts the test `name` alone in a process of its own, with its standard output in a pipe.
pub fn start(name: &str, journal: &Path) -> Child {
    command(&std::env::current_exe().unwrap(), name, journal)
        .spawn()
        .unwrap()
}

/// As [`start`], but never as root, for whom permissions mean nothing. Works on a copy of the binary, which that
/// user can reach.
pub fn start_unprivileged(name: &str, journal: &Path, reachable: &Path) -> Child {
    if !rustix::process::geteuid().is_root() {
        return start(name, journal);
    }
    let copy = reachable.join("test-binary");
    program::install(&std::env::current_exe().unwrap(), &copy);
    command(&copy, name, journal)
        .uid(NOBODY)
        .gid(NOBODY)
        .spawn()
        .unwrap()
}

/// The user that [`start_unprivileged`] becomes if we are root.
pub const NOBODY: u32 = 65534;

fn command(binary: &Path, name: &str, journal: &Path) -> Command {
    let mut command = Command::new(binary);
    command
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(JOURNAL, journal)
        .current_dir("/")
        .stdout(Stdio::piped());
    command
}

/// In the child: the journal it was started for. In an ordinary run: nothing, and the test has nothing to do.
pub fn journal() -> Option<std::path::PathBuf> {
    std::env::var_os(JOURNAL).map(Into::into)
}
