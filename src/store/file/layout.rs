//! Where things lie below the store's directory. Names only; nothing here touches a disk.

use std::path::{Path, PathBuf};

use crate::port::Fault;
use crate::rotation::RotationId;
use crate::store::path::StorePath;

/// Names inside an app's directory, so no segment of a path may be one of them.
const RESERVED: [&str; 6] = [
    "current",
    "pending",
    "generations",
    "quarantine",
    "cleared",
    "lock",
];

/// The two places that point at a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Current,
    Pending,
}

impl Link {
    fn name(self) -> &'static str {
        match self {
            Link::Current => "current",
            Link::Pending => "pending",
        }
    }
}

/// The directory of one app.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    store: PathBuf,
    app: PathBuf,
}

impl Layout {
    pub(super) fn new(store: &Path, path: &StorePath) -> Result<Self, Fault> {
        let mut app = store.join("apps");
        for segment in path.segments() {
            if RESERVED.contains(&segment) || segment.starts_with('.') {
                return Err(Fault::Unusable(format!(
                    "the path `{path}` cannot be used in a file store: `{segment}` is a name of its own there"
                )));
            }
            app.push(segment);
        }
        Ok(Layout {
            store: store.to_owned(),
            app,
        })
    }

    pub(super) fn store(&self) -> &Path {
        &self.store
    }

    pub(super) fn app(&self) -> &Path {
        &self.app
    }

    /// The directories that must exist before a value can be written, outermost first.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let below = self.app.strip_prefix(&self.store).unwrap_or(&self.app);
        let mut at = self.store.clone();
        let mut all: Vec<PathBuf> = below
            .components()
            .map(|part| {
                at.push(part);
                at.clone()
            })
            .collect();
        all.push(self.generations());
        all
    }

    pub(super) fn generations(&self) -> PathBuf {
        self.app.join("generations")
    }

    pub(super) fn generation(&self, number: u64) -> PathBuf {
        self.generations().join(number.to_string())
    }

    /// What a generation is written under until it is whole.
    pub(super) fn unfinished_generation(&self) -> PathBuf {
        self.generations().join(".unfinished")
    }

    pub(super) fn link(&self, link: Link) -> PathBuf {
        self.app.join(link.name())
    }

    /// What a link is made under until it takes its place.
    pub(super) fn unfinished_link(&self) -> PathBuf {
        self.app.join(".unfinished")
    }

    pub(super) fn quarantine(&self) -> PathBuf {
        self.app.join("quarantine")
    }

    pub(super) fn quarantined(&self, rotation: RotationId, number: u64) -> PathBuf {
        self.quarantine().join(format!("{rotation}-{number}"))
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.app.join("lock")
    }

    pub(super) fn access_log(&self) -> PathBuf {
        self.store.join("access.log")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(path: &str) -> Result<Layout, Fault> {
        Layout::new(Path::new("/s"), &StorePath::parse(path).unwrap())
    }

    #[test]
    fn one_apps_directory_never_lies_in_anothers_files() {
        for path in ["generations", "a/current", "a/pending/b", ".unfinished", "lock"] {
            assert!(layout(path).is_err(), "{path}");
        }
    }

    #[test]
    fn directories_come_outermost_first() {
        let all = layout("team/app").unwrap().directories();
        let all: Vec<_> = all.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(
            all,
            [
                "/s/apps",
                "/s/apps/team",
                "/s/apps/team/app",
                "/s/apps/team/app/generations"
            ]
        );
    }
}
