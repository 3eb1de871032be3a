//! The daemon as a child process, told apart from others by what it logs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::bench::Bench;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(40);

pub struct Service {
    child: Child,
    lines: Receiver<String>,
    /// Everything that it logged, as far as it was waited for.
    pub log: String,
}

impl Service {
    /// Starts `rekeyd run` and waits until it runs.
    pub fn start(bench: &Bench) -> Service {
        Self::start_with(bench, |_| ())
    }

    /// The same, with something changed about the process.
    pub fn start_with(bench: &Bench, change: impl FnOnce(&mut Command)) -> Service {
        let mut service = Self::spawn(bench, change);
        service.wait_for(&["rekeyd is running"]);
        service
    }

    /// Starts it and waits for nothing.
    pub fn spawned(bench: &Bench) -> Service {
        Self::spawn(bench, |_| ())
    }

    fn spawn(bench: &Bench, change: impl FnOnce(&mut Command)) -> Service {
        let mut command = bench.command(&["run"]);
        change(&mut command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (said, lines) = channel();
        let log = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        Service {
            child,
            lines,
            log: String::new(),
        }
    }

    /// Reads what it has logged, and waits so long for one line more.
    pub fn listen(&mut self, time: Duration) {
        let waited = self.lines.recv_timeout(time);
        for line in waited.into_iter().chain(self.lines.try_iter()) {
            self.log.push_str(&line);
            self.log.push('\n');
        }
    }

    /// Ends it as a machine that loses power would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Reads the log up to a line with all of these in it.
    pub fn wait_for(&mut self, wanted: &[&str]) {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("no line with {wanted:?} in:\n{}", self.log);
            };
            self.log.push_str(&line);
            self.log.push('\n');
            if wanted.iter().all(|part| line.contains(part)) {
                return;
            }
        }
    }

    /// Asks it to drain.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end, and gives the exit code.
    pub fn end(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        while let Ok(line) = self.lines.recv() {
            self.log.push_str(&line);
            self.log.push('\n');
        }
        (code, std::mem::take(&mut self.log))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // For a test that failed; after `end` there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
