//! Core dumps: the kernel is told to make none of a process that holds secrets. What can be seen of that from outside
//! is that the process's files in /proc belong to root.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::install::Install;
use super::trouble::{Kind, apps};
use crate::support::program;

const NOBODY: u32 = 65534;

/// Who owns the process's files in /proc, once it waits for input or serves.
fn owner(child: &Child) -> u32 {
    std::fs::metadata(format!("/proc/{}/environ", child.id()))
        .unwrap()
        .uid()
}

/// Lets an ordinary user have everything below a directory.
fn give_away(path: &Path) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
}

fn as_nobody(binary: &Path, arguments: &[&str], policy: &Path) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(binary);
    command
        .args(arguments)
        .env_clear()
        .env("REKEYD_CONFIG", policy)
        .current_dir("/");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_core_is_dumped_of_what_holds_secrets() {
    let mut apps = apps();
    apps.retain(|app| app.name == "c-plain" && app.kind == Kind::Connected);
    let house = Install::new(&apps).await;
    let policy = house.given().join("rekeyd.toml");
    let binary = house.written().join("rekeyd");
    program::install(Path::new(env!("CARGO_BIN_EXE_rekeyd")), &binary);
    if rustix::process::geteuid().is_root() {
        give_away(house.root());
    }

    // What this shows where nothing forbids a dump, so that the rest means something.
    let mut plain = as_nobody(Path::new("/bin/cat"), &[], &policy).spawn().unwrap();
    assert_ne!(
        owner(&plain),
        0,
        "here the owner of a process's files says nothing"
    );
    plain.kill().unwrap();
    plain.wait().unwrap();

    let sock = house.written().join("sock");
    for (arguments, ready) in [(&["run"] as &[&str], Some(&sock)), (&["submit", "c-plain"], None)] {
        let mut child = as_nobody(&binary, arguments, &policy).spawn().unwrap();
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(50));
        let forbidden = tokio::time::timeout(std::time::Duration::from_secs(30), async {
            while ready.is_some_and(|sock| !sock.exists()) || owner(&child) != 0 {
                assert!(child.try_wait().unwrap().is_none(), "{arguments:?} ended early");
                tick.tick().await;
            }
        });
        let forbidden = forbidden.await.is_ok();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(forbidden, "a core of `rekeyd {}` could be dumped", arguments[0]);
    }
}
