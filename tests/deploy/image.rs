//! The Containerfile, as far as it can be tried without an engine: tests/service.rs lays out its root and runs in it.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::tools::{repository, text};

/// What each COPY takes from the source.
fn copied() -> Vec<String> {
    let file = text("deploy/Containerfile");
    let lines = file.lines().filter_map(|line| line.strip_prefix("COPY "));
    let from_source = lines.filter(|line| !line.starts_with("--from"));
    from_source
        .flat_map(|line| {
            let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            words.pop();
            words
        })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// With what it copies, and nothing else, cargo has a package to build.
#[test]
fn what_is_copied_is_a_package() {
    let source = TempDir::new().unwrap();
    let copied = copied();
    assert!(copied.iter().any(|path| path == "src"), "{copied:?}");
    for path in &copied {
        assert!(repository(path).exists(), "{path}");
        copy(&repository(path), &source.path().join(path));
    }
    // What other platforms need was never downloaded.
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let said = String::from_utf8(rustc.stdout).unwrap();
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version=1"])
        .args(["--filter-platform", host])
        .current_dir(source.path())
        .output()
        .unwrap();
    assert!(
        metadata.status.success(),
        "{}",
        String::from_utf8_lossy(&metadata.stderr)
    );
    // What the ignore file lets through is what is copied.
    let ignored = text(".containerignore");
    let let_through: Vec<&str> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    assert_eq!(let_through, copied);
    assert!(ignored.starts_with("*\n"));
}

#[test]
fn the_image_runs_as_the_pod_does() {
    let file = text("deploy/Containerfile");
    let last = file.split("\nFROM ").last().unwrap();
    assert!(last.starts_with("scratch\n"), "no shell: {last}");
    assert!(last.contains("\nUSER 65532:65532\n"), "{last}");
    assert!(
        last.contains("\nENTRYPOINT [\"/usr/local/bin/rekeyd\"]\n"),
        "{last}"
    );
    let build = file.lines().find(|line| line.contains("cargo build")).unwrap();
    assert_eq!(build, "RUN cargo build --locked --release --bin rekeyd");
    // The compiler is at least the one that the package asks for.
    let manifest = text("Cargo.toml");
    let least = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .unwrap();
    assert!(
        file.contains(&format!("\nFROM rust:{}-", least.trim_matches('"'))),
        "{file}"
    );
}
