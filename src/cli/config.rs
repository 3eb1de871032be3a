//! From a path to a policy, or to everything that is wrong with it.
//!
//! A file that cannot be read is a fault like any other, and the rest is checked all the same. Nothing is written
//! and nothing is bound here. Not here: what a document means (`policy`), the files that it names (`references`).

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::cli::exit::Failure;
use crate::cli::{Context, references};
use crate::policy::{self, Environment, Fault, Outline, Policy, SourceFile};

/// More than any policy may have, so that `policy` refuses it, and little enough to hold.
const MOST_BYTES: u64 = 1024 * 1024 + 1;

/// The policy of a command, for those that need nothing of the files that it names.
///
/// # Errors
/// [`Failure`] with code 78 and every fault, as text or as JSON.
pub fn load(context: &Context) -> Result<Policy, Failure> {
    read(&context.config).map_err(|faults| refusal(&faults, context.json))
}

/// The policy of the service: also every file that it names is there, readable, and closed to others.
///
/// # Errors
/// As [`load`].
pub fn load_complete(context: &Context) -> Result<Policy, Failure> {
    complete(&context.config).map_err(|faults| refusal(&faults, context.json))
}

/// The same, with its faults.
///
/// # Errors
/// Every fault of every file; never empty.
pub fn complete(path: &Path) -> Result<Policy, Vec<Fault>> {
    let policy = read(path)?;
    let faults = references::faults(&policy);
    match faults.is_empty() {
        true => Ok(policy),
        false => Err(faults),
    }
}

/// Every fault as a command prints it.
pub fn print(faults: &[Fault], json: bool) -> String {
    if json {
        policy::to_json(faults).to_string()
    } else {
        policy::to_text(faults).trim_end().to_owned()
    }
}

fn refusal(faults: &[Fault], json: bool) -> Failure {
    Failure::config(print(faults, json))
}

/// Reads the main file and `policy.d/*.toml` beside it, in name order, and checks them together.
///
/// # Errors
/// Every fault of every file; never empty.
pub fn read(path: &Path) -> Result<Policy, Vec<Fault>> {
    let (files, mut unreadable) = gather(path);
    if unreadable.is_empty() {
        return policy::compile_in(&files, &environment());
    }
    unreadable.extend(policy::compile::faults_of_some(&files, &environment()));
    Err(unreadable)
}

/// What of a policy that is refused the commands need that speak to a running daemon.
pub fn outline(path: &Path) -> Outline {
    policy::outline(&gather(path).0)
}

/// The texts of the files that can be read, and the faults of those that cannot.
fn gather(path: &Path) -> (Vec<SourceFile>, Vec<Fault>) {
    let mut unreadable = Vec::new();
    let mut files = Vec::new();
    let parts = parts_beside(path).unwrap_or_else(|fault| {
        unreadable.push(fault);
        Vec::new()
    });
    for path in std::iter::once(path.to_path_buf()).chain(parts) {
        match text_of(&path) {
            Ok(text) => files.push(SourceFile {
                name: path.display().to_string(),
                text,
            }),
            Err(fault) => unreadable.push(fault),
        }
    }
    (files, unreadable)
}

/// What stands in where the policy is silent. What is set to nothing is not set.
fn environment() -> Environment {
    let said = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    Environment {
        vault_addr: said("VAULT_ADDR"),
        vault_namespace: said("VAULT_NAMESPACE"),
        vault_cacert: said("VAULT_CACERT"),
        vault_token: said("VAULT_TOKEN").is_some(),
    }
}

/// `policy.d/*.toml`, in name order. A hidden file is an editor's.
fn parts_beside(main: &Path) -> Result<Vec<PathBuf>, Fault> {
    let directory = main.parent().unwrap_or(Path::new("")).join("policy.d");
    let fault = |error: io::Error| {
        let help = "a policy of which a part is missing is not used at all".to_owned();
        unusable(&directory, &error, help)
    };
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault(error)),
    };
    let mut parts = Vec::new();
    for entry in entries {
        let path = entry.map_err(fault)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            parts.push(path);
        }
    }
    parts.sort();
    Ok(parts)
}

fn text_of(path: &Path) -> Result<String, Fault> {
    let read = || {
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("this is not a file"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| {
        let help = if error.kind() == io::ErrorKind::NotFound {
            "name another with --config or REKEYD_CONFIG"
        } else {
            "a policy is one TOML file that rekeyd can read"
        };
        unusable(path, &error, help.to_owned())
    })?;
    String::from_utf8(bytes).map_err(|_| Fault {
        message: format!("{} is not UTF-8 text", path.display()),
        places: Vec::new(),
        help: Some("TOML is written in UTF-8".into()),
    })
}

fn unusable(path: &Path, error: &io::Error, help: String) -> Fault {
    Fault {
        message: format!("{} cannot be read: {}", path.display(), plain(error)),
        places: Vec::new(),
        help: Some(help),
    }
}

/// An error of the operating system without its number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}
