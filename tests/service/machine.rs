//! A booted Debian with a real systemd as its first process, on the host's own loopback. What it writes is gone with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Between two looks at something outside of this process.
pub const POLL: Duration = Duration::from_millis(50);
/// More looks than anything here takes: a minute, and the time of the looks.
const LOOKS: u32 = 1200;

/// Which release of Debian, and so which systemd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// systemd 252.
    Bookworm,
    /// systemd 257.
    Trixie,
}

pub struct Machine {
    nspawn: Child,
    init: Pid,
    name: String,
}

/// What a script did.
pub struct Ran {
    pub code: i32,
    /// Both streams.
    pub text: String,
}

impl Ran {
    /// The text, after seeing that it ended with this code.
    #[track_caller]
    pub fn ends(self, code: i32) -> String {
        assert_eq!(self.code, code, "\n{}", self.text);
        self.text
    }
}

impl Machine {
    /// Boots one in which `source` is at /src, read-only, with the tested binary where a release build would be.
    pub fn boot(system: System, source: &Path) -> Machine {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(match system {
            System::Bookworm => ".tools/systemd/bookworm",
            System::Trixie => ".tools/systemd/trixie",
        });
        assert!(
            root.join("usr/lib/systemd/systemd").exists(),
            "{} is not there: run tests/tools/install-systemd",
            root.display()
        );
        let name = format!("rekeyd-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let binary = source.join("target/release/rekeyd");
        fs::create_dir_all(binary.parent().unwrap()).unwrap();
        fs::write(&binary, "").unwrap();
        let mut command = Command::new("systemd-nspawn");
        command
            .arg("-D")
            .arg(root)
            .args(["--volatile=overlay", "--boot", "--register=no", "--keep-unit"])
            .args(["--link-journal=no", "--console=passive", "-M", &name])
            .arg(format!("--bind-ro={}:/src", source.display()))
            .arg(format!(
                "--bind-ro={}:/src/target/release/rekeyd",
                env!("CARGO_BIN_EXE_rekeyd")
            ));
        let log = fs::File::create(source.join("console.log")).unwrap();
        command
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log);
        let nspawn = command
            .spawn()
            .unwrap_or_else(|fault| panic!("systemd-nspawn (Debian: systemd-container): {fault}"));
        let init = until("the machine's first process", || {
            let id = nspawn.id();
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
            children
                .split_whitespace()
                .find(|child| is_first(child))?
                .parse()
                .ok()
                .and_then(Pid::from_raw)
        });
        let machine = Machine { nspawn, init, name };
        let mut state = String::new();
        for _ in 0..LOOKS {
            let ran = machine.sh("systemctl is-system-running --wait");
            if ran.code == 0 {
                return machine;
            }
            state = ran.text;
            std::thread::sleep(POLL);
        }
        let failed = machine.sh("systemctl --failed --no-legend; journalctl -p warning --no-pager");
        panic!("not booted: {state}{}", failed.text);
    }

    /// Runs a script with `bash -e` in /src, as root.
    pub fn sh(&self, script: &str) -> Ran {
        let mut command = Command::new("nsenter");
        let init = self.init.as_raw_nonzero().to_string();
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        command.args(["-t", &init, "-a", "env", "-i", path, "LC_ALL=C", "SYSTEMD_PAGER="]);
        command.args(["bash", "-e", "-c", &format!("cd /src; exec 2>&1; {script}")]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            text: String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr),
        }
    }

    /// Writes a file, readable by root alone.
    pub fn write(&self, path: &str, text: &str) {
        let directory = Path::new(path).parent().unwrap().display();
        let script =
            format!("mkdir -p {directory}; umask 077; cat > {path} <<'END-OF-FILE'\n{text}\nEND-OF-FILE");
        self.sh(&script).ends(0);
    }

    /// A property of the service.
    pub fn property(&self, name: &str) -> String {
        let shown = self.sh(&format!("systemctl show rekeyd -P {name}")).ends(0);
        shown.trim().to_owned()
    }

    /// Its process, once there is one other than `before`.
    pub fn process(&self, before: Option<&str>) -> String {
        until("the service has a process", || {
            let pid = self.property("MainPID");
            (pid != "0" && before != Some(&pid)).then_some(pid)
        })
    }

    /// What the service has logged since the machine's start.
    pub fn log(&self) -> String {
        self.sh("journalctl -u rekeyd -o cat --no-pager -q").text
    }

    /// Waits for a property.
    #[track_caller]
    pub fn wait_for(&self, property: &str, value: &str) {
        let is = || (self.property(property) == value).then_some(());
        if look(is).is_none() {
            let now = self.property(property);
            panic!("{property} is {now} and not {value}:\n{}", self.log());
        }
    }

    /// Waits for a line of the log with all of these in it, and gives it.
    #[track_caller]
    pub fn wait_for_log(&self, wanted: &[&str]) -> String {
        let line = || {
            let log = self.log();
            let found = log
                .lines()
                .find(|line| wanted.iter().all(|part| line.contains(part)));
            found.map(str::to_owned)
        };
        look(line).unwrap_or_else(|| panic!("no line with {wanted:?} in:\n{}", self.log()))
    }
}

/// Whether a process is the first of its name space; nspawn has helpers before it.
fn is_first(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    ids.is_some_and(|ids| ids.split_whitespace().skip(1).last() == Some("1"))
}

/// Waits for something outside of this process.
#[track_caller]
pub fn until<T>(what: &str, found: impl FnMut() -> Option<T>) -> T {
    look(found).unwrap_or_else(|| panic!("waited too long: {what}"))
}

fn look<T>(mut found: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..LOOKS {
        let now = found();
        if now.is_some() {
            return now;
        }
        std::thread::sleep(POLL);
    }
    None
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The end of the first process is the end of all of them.
        kill_process(self.init, Signal::KILL).ok();
        self.nspawn.wait().ok();
        let left = PathBuf::from("/run/systemd/nspawn/propagate").join(&self.name);
        fs::remove_dir(left).ok();
    }
}
