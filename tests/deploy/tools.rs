//! Programs of other hands, from .tools/.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub fn text(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap()
}

/// Runs a program of .tools/: whether it ended with 0, and what it said.
pub fn run(program: &str, arguments: &[&str], input: &str) -> (bool, String) {
    let path = repository(".tools").join(program);
    assert!(
        path.exists(),
        "{} is not there: run tests/tools/install",
        path.display()
    );
    let mut command = Command::new(path);
    command.args(arguments).current_dir(repository(""));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// The documents of a YAML text.
pub fn yaml(text: &str) -> Vec<Value> {
    const READ: &str = "import sys, json, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)";
    let (done, said) = run("kube/bin/python3", &["-c", READ], text);
    assert!(done, "{said}");
    serde_json::from_str(&said).unwrap()
}
