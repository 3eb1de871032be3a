//! `rekeyd submit`: a person hands over the live pair of an app once.
//!
//! The pair comes from standard input or a descriptor and never from an argument, which every process of the machine
//! can read. It is not shown again, whatever is wrong with it.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::cli::exit::Failure;
use crate::cli::reach::Reach;
use crate::cli::{Context, runtime, tell_daemon};
use crate::secret::{Credential, Secret};

/// Where the pair is read from.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which app.
    app: String,
    /// Read the pair from this open file descriptor instead of standard input.
    #[arg(long, value_name = "N")]
    fd: Option<u32>,
}

/// A pair is far smaller.
const LARGEST: u64 = 16 * 1024;

const SHAPE: &str = "two lines (client id, client secret), or {\"client_id\": …, \"client_secret\": …}";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    client_id: String,
    #[serde(deserialize_with = "secret")]
    client_secret: Secret,
}

/// Written straight from where the secret lies, without a copy in between.
#[derive(Serialize)]
struct Sent<'a> {
    client_id: &'a str,
    client_secret: &'a str,
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::new)
}

pub fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let reach = Reach::find(context);
    // Before a secret is read for nothing. A policy that is refused may not show every app that is in force.
    if reach.policy.is_some() && !reach.apps.contains(&args.app) {
        return Err(Failure::failed(format!("the policy has no app {}", args.app)));
    }
    let client = reach.client()?;
    let text = read(args)?;
    let pair = understand(&text)?;
    drop(text);
    let sent = Sent {
        client_id: &pair.client_id,
        client_secret: pair.client_secret.expose(),
    };
    let body = serde_json::to_string(&sent).map_err(|_| Failure::failed("the pair cannot be sent"))?;
    let answer = runtime()?.block_on(client.post(&args.app, "submit", body))?;
    tell_daemon::report(context.json, &args.app, &answer);
    Ok(ExitCode::from(crate::cli::exit::OK))
}

fn read(args: &Args) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let unreadable = |error: io::Error| Failure::failed(format!("the pair cannot be read: {}", error.kind()));
    let mut text = Zeroizing::new(Vec::with_capacity(LARGEST as usize + 1));
    let count = match args.fd {
        // By name, since taking a descriptor over by its number cannot be checked.
        Some(fd) => File::open(format!("/dev/fd/{fd}"))
            .map_err(unreadable)?
            .take(LARGEST + 1)
            .read_to_end(&mut text),
        None if io::stdin().is_terminal() => {
            return Err(Failure::failed(format!(
                "a secret typed here would stay on the screen: pipe {SHAPE} into this command, or name a descriptor \
                 with --fd, such as `rekeyd submit {} < pair.json`",
                args.app
            )));
        }
        None => io::stdin().lock().take(LARGEST + 1).read_to_end(&mut text),
    };
    match count.map_err(unreadable)? as u64 <= LARGEST {
        true => Ok(text),
        false => Err(Failure::failed(format!(
            "more than a pair was given: {SHAPE} is wanted"
        ))),
    }
}

fn understand(text: &[u8]) -> Result<Credential, Failure> {
    let wrong = || Failure::failed(format!("this is no pair: {SHAPE} is wanted"));
    let text = std::str::from_utf8(text).map_err(|_| wrong())?;
    let pair = if text.trim_start().starts_with('{') {
        // The parser's own complaint would repeat what it read.
        let pair: Pair = serde_json::from_str(text).map_err(|_| wrong())?;
        Credential {
            client_id: pair.client_id,
            client_secret: pair.client_secret,
        }
    } else {
        let mut lines = text.lines();
        let (Some(id), Some(secret), None) = (lines.next(), lines.next(), lines.next()) else {
            return Err(wrong());
        };
        Credential {
            client_id: id.trim().to_owned(),
            client_secret: Secret::new(secret.trim().to_owned()),
        }
    };
    let bad = |part: &str| part.is_empty() || part.chars().any(|c| c.is_control() || c.is_whitespace());
    match bad(&pair.client_id) || bad(pair.client_secret.expose()) {
        true => Err(wrong()),
        false => Ok(pair),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_two_lines_or_an_object_and_nothing_else_and_never_quoted() {
        let good = |text: &str| {
            let pair = understand(text.as_bytes()).unwrap();
            (pair.client_id, pair.client_secret.expose().to_owned())
        };
        let pair = ("id".to_owned(), "CANARY".to_owned());
        assert_eq!(good("id\nCANARY\n"), pair);
        assert_eq!(good("id\r\nCANARY\r\n"), pair);
        assert_eq!(good(r#" {"client_id": "id", "client_secret": "CANARY"}"#), pair);
        for wrong in [
            "",
            "id",
            "id\n\n",
            "id\nCANARY\nmore\n",
            "{\"client_id\": \"id\", \"client_secret\": \"CANARY\"",
            "{\"client_id\": \"id\", \"client_secret\": 5}",
            "{\"client_id\": \"id\", \"client_secret\": \"CANARY\", \"CANARY\": 1}",
            "id\nCAN ARY\n",
        ] {
            let Err(failure) = understand(wrong.as_bytes()) else {
                panic!("{wrong} was taken");
            };
            assert!(!failure.text.contains("CANARY"), "{}", failure.text);
        }
    }
}
