//! How long the server keeps versions, from what a path and its mount say. Pure.

use std::time::Duration;

use serde::Deserialize;

/// Fewer kept versions than this can lose the old value while the new one is being published. Current and previous,
/// and one for a merge with somebody's edit.
const FEWEST_VERSIONS: u64 = 3;

/// What the server keeps if nobody says.
const DEFAULT_VERSIONS: u64 = 10;

/// The settings, on a path's metadata or on the mount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Retention {
    /// 0 is unset.
    max_versions: u64,
    /// A duration as Go writes it; `0s` is unset.
    delete_version_after: String,
}

impl Retention {
    /// What is wrong with them for the path `name`, and how to put it right. The larger of the two numbers counts,
    /// and the shorter of the two times: tried on OpenBao 2.7.
    pub(super) fn obstacles(&self, mount: &Retention, name: &str, grace: Duration) -> Vec<String> {
        let mut found = Vec::new();
        let versions = match self.max_versions.max(mount.max_versions) {
            0 => DEFAULT_VERSIONS,
            set => set,
        };
        if versions < FEWEST_VERSIONS {
            found.push(format!(
                "`{name}` keeps {versions} version(s): set max_versions to {FEWEST_VERSIONS} or more, or 0, on its \
                 metadata or on the mount"
            ));
        }
        let set = [self, mount].map(|at| go_duration(&at.delete_version_after));
        let after = match set {
            [Some(path), Some(mount)] => [path, mount].into_iter().filter(|time| !time.is_zero()).min(),
            [Some(_) | None, Some(_) | None] => {
                found.push(format!(
                    "the delete_version_after of `{name}` cannot be understood: set it to 0s"
                ));
                None
            }
        };
        if let Some(after) = after
            && after < grace
        {
            found.push(format!(
                "`{name}` deletes its versions after {}s, which is sooner than the grace of {}s: set \
                 delete_version_after to 0s on its metadata and on the mount, or shorten the grace",
                after.as_secs(),
                grace.as_secs()
            ));
        }
        found
    }
}

/// A duration in Go's notation (`1h30m0s`), as the server answers it. Unset is empty or zero.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() && rest != "0" {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end)?;
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retention(max_versions: u64, after: &str) -> Retention {
        Retention {
            max_versions,
            delete_version_after: after.into(),
        }
    }

    #[test]
    fn gos_durations_are_understood() {
        for (text, seconds) in [
            ("", Some(0.0)),
            ("0s", Some(0.0)),
            ("1h30m0s", Some(5400.0)),
            ("48h0m0s", Some(172_800.0)),
            ("1.5s", Some(1.5)),
            ("250ms", Some(0.25)),
            ("-1s", None),
            ("5", None),
            ("1d", None),
        ] {
            assert_eq!(
                go_duration(text),
                seconds.map(Duration::from_secs_f64),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_larger_number_and_the_shorter_time_count() {
        let hour = Duration::from_secs(3600);
        let count = |path: Retention, mount: Retention| path.obstacles(&mount, "x", hour).len();
        assert_eq!(count(retention(0, "0s"), retention(0, "0s")), 0);
        assert_eq!(count(retention(1, "0s"), retention(0, "0s")), 1);
        assert_eq!(count(retention(1, "0s"), retention(5, "0s")), 0);
        assert_eq!(count(retention(0, "0s"), retention(2, "0s")), 1);
        assert_eq!(count(retention(0, "59m0s"), retention(0, "0s")), 1);
        assert_eq!(count(retention(0, "48h0m0s"), retention(0, "59m0s")), 1);
        assert_eq!(count(retention(0, "1h0m0s"), retention(0, "2h0m0s")), 0);
        assert_eq!(count(retention(0, "soon"), retention(0, "0s")), 1);
    }
}
