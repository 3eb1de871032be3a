//! What the service manager is told, over a socket of the test's own. Under a real one: tests/service.rs.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};

use crate::bench::Bench;
use crate::service::Service;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(40);

struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &Path) -> Manager {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager(socket)
    }

    fn next(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).unwrap();
        String::from_utf8(bytes.get(..length).unwrap().to_vec()).unwrap()
    }

    /// The next one that is not of the watchdog.
    fn next_word(&self) -> String {
        loop {
            let told = self.next();
            if told != "WATCHDOG=1\n" {
                return told;
            }
        }
    }
}

fn start(bench: &Bench, socket: &Path) -> Child {
    let mut command = bench.command(&["run"]);
    command
        .env("NOTIFY_SOCKET", socket)
        .env("WATCHDOG_USEC", "4000000");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_life_as_the_manager_hears_it() {
    let bench = Bench::new();
    let socket = bench.path("manager.sock");
    let manager = Manager::at(&socket);
    let mut child = start(&bench, &socket);
    assert_eq!(manager.next(), "READY=1\nSTATUS=apps 2, orgs 1, stores 1\n");
    // Ready means that commands are answered and the journal is there.
    assert!(bench.path("journal.db").exists());
    let ran = bench.run(&["hold", "billing", "--reason", "drill"]).ends(0);
    assert_eq!(ran.out, "billing: held\n");
    for _ in 0..3 {
        assert_eq!(manager.next(), "WATCHDOG=1\n");
    }

    let before = clock_gettime(ClockId::Monotonic);
    send(&child, Signal::HUP);
    let told = manager.next_word();
    let at = told
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .unwrap_or_else(|| panic!("{told}"));
    let at: i64 = at.trim().parse().unwrap();
    assert!(
        at >= before.tv_sec * 1_000_000 + before.tv_nsec / 1000,
        "younger than the signal: {told}"
    );
    assert_eq!(manager.next_word(), "READY=1\nSTATUS=apps 2, orgs 1, stores 1\n");

    bench.write("rekeyd.toml", "nonsense = 1");
    send(&child, Signal::HUP);
    assert!(manager.next_word().starts_with("RELOADING=1\n"));
    let told = manager.next_word();
    assert!(
        told.starts_with("READY=1\nSTATUS=apps 2, orgs 1, stores 1; a new policy was refused"),
        "{told}"
    );

    send(&child, Signal::TERM);
    assert_eq!(manager.next_word(), "STOPPING=1\nSTATUS=draining\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn one_that_cannot_have_its_journal_is_never_ready() {
    let bench = Bench::new();
    let socket = bench.path("manager.sock");
    let manager = Manager::at(&socket);
    let first = Service::start(&bench);
    assert_eq!(start(&bench, &socket).wait().unwrap().code(), Some(1));
    manager.0.set_nonblocking(true).unwrap();
    let told = manager.0.recv(&mut [0; 64]);
    assert!(told.is_err(), "nothing was told");
    first.terminate();
    assert_eq!(first.end().0, 0);
}
