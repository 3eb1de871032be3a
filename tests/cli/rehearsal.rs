//! The rehearsal of the README: its commands as they stand there, with the seed and the policy of `config/`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rekeyd::sandbox::Seed;

use super::program;

/// The `sh` blocks below a heading of the README.
fn blocks(heading: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = text
        .split("\n## ")
        .find(|section| section.lines().next() == Some(heading))
        .unwrap_or_else(|| panic!("the README has no section {heading:?}"));
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .filter_map(|rest| Some(rest.split("```").next()?.to_owned()))
        .collect()
}

/// The README's commands, moved to a directory and a port of their own.
struct Rehearsal {
    home: tempfile::TempDir,
    port: u16,
}

impl Rehearsal {
    fn new() -> Rehearsal {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(env!("CARGO_BIN_EXE_rekeyd"), bin.join("rekeyd")).unwrap();
        // Not every machine that runs tests has age.
        rekeyd::store::file::identity::generate(&home.path().join("made.key")).unwrap();
        let keygen = format!("#!/bin/sh\nexec cp {}/made.key \"$2\"\n", home.path().display());
        fs::write(home.path().join("keygen"), keygen).unwrap();
        program::install(&home.path().join("keygen"), &bin.join("age-keygen"));
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let rehearsal = Rehearsal { home, port };
        let config = rehearsal.home.path().join("config");
        fs::create_dir(&config).unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        for name in ["sandbox.toml", "rehearsal.toml"] {
            let text = fs::read_to_string(from.join(name)).unwrap();
            fs::write(config.join(name), rehearsal.moved(&text)).unwrap();
        }
        rehearsal
    }

    fn moved(&self, text: &str) -> String {
        let at = self.home.path().join("rehearsal").display().to_string();
        text.replace("/tmp/rehearsal", &at)
            .replace(":8090", &format!(":{}", self.port))
    }

    fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("sh");
        let path = format!(
            "{}/bin:{}",
            self.home.path().display(),
            std::env::var("PATH").unwrap()
        );
        shell
            .args(["-euc", &self.moved(script)])
            .env("PATH", path)
            .current_dir(self.home.path());
        shell.env_remove("REKEYD_CONFIG").env_remove("REKEYD_SOCKET");
        shell.stdin(Stdio::null());
        shell
    }

    fn run(&self, script: &str) -> Output {
        let output = self.shell(script).output().unwrap();
        assert!(output.status.success(), "{script}\n{output:?}");
        output
    }

    /// Runs a script whose last command goes on, up to a line with these words.
    fn start(&self, script: &str, wanted: &[&str]) -> Running {
        let mut shell = self.shell(&format!("exec 2>&1\n{script}"));
        let mut child = shell.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = String::new();
        for wanted in wanted {
            loop {
                let Some(Ok(line)) = lines.next() else {
                    panic!("no line with {wanted:?}:\n{seen}");
                };
                seen.push_str(&line);
                seen.push('\n');
                if line.contains(wanted) {
                    break;
                }
            }
        }
        // Whoever writes must not find the pipe full.
        std::thread::spawn(move || lines.for_each(drop));
        Running(child)
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn the_rehearsal_of_the_readme_goes_as_it_says() {
    let rehearsal = Rehearsal::new();
    let blocks = blocks("Rehearse");
    let [prepare, org, service, commands] = blocks.as_slice() else {
        panic!("{blocks:?}");
    };
    rehearsal.run(prepare);
    // `exec`, so that what is ended is the program and not its shell.
    let last = |block: &str| {
        let (before, last) = block
            .trim_end()
            .rsplit_once('\n')
            .unwrap_or(("", block.trim_end()));
        format!("{before}\nexec {last}")
    };
    let _org = rehearsal.start(&last(org), &["listening on http://127.0.0.1:"]);
    let _service = rehearsal.start(&last(service), &["rekeyd submit legacy"]);
    let said = rehearsal.run(commands);
    let text = String::from_utf8(said.stdout).unwrap();
    for wanted in ["legacy: adopted", "rotated: proven, and published in every store"] {
        assert!(text.contains(wanted), "no {wanted:?} in:\n{text}");
    }
    let both = text.matches("rotated: proven").count() >= 2;
    assert!(both, "{text}");
}

/// Every key that the seed explains is one, also those that are commented out.
#[test]
fn every_line_of_the_example_seed_is_taken() {
    let text = include_str!("../../config/sandbox.toml");
    let read = |text: &str| toml::from_str::<Seed>(text).map_err(|fault| format!("{fault}"));
    read(text).unwrap();
    let mut whole = String::new();
    let mut tried = 0;
    for line in text.lines() {
        let setting = line.strip_prefix("# ").filter(|rest| {
            let name = rest.split(" = ").next().unwrap_or_default();
            let key = rest.contains(" = ") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            key || rest.starts_with("[[")
        });
        tried += usize::from(setting.is_some());
        whole.push_str(setting.unwrap_or(line));
        whole.push('\n');
    }
    let seed = read(&whole).unwrap();
    assert!(tried > 60, "{tried}");
    assert_eq!((seed.users.len(), seed.faults.len()), (1, 1));
    read(&whole.replace("nth = 1", "nth_ = 1")).err().unwrap();
}
