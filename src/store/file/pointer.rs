//! What a link says: which generation is in a place, or that none is.

use std::io;
use std::path::{Path, PathBuf};

/// The content of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pointer {
    /// No link: never written.
    Nothing,
    /// The generation of this number.
    Value(u64),
    /// Emptied; it held this number last.
    Cleared(u64),
}

impl Pointer {
    /// What a conditional write must name.
    pub(super) fn number(self) -> u64 {
        match self {
            Pointer::Nothing => 0,
            Pointer::Value(number) | Pointer::Cleared(number) => number,
        }
    }

    /// Reads a link.
    ///
    /// # Errors
    /// The system's; `InvalidData` if it is not a link that this store made.
    pub(super) fn read(link: &Path) -> io::Result<Self> {
        match std::fs::read_link(link) {
            Ok(target) => Self::parse(&target).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData)),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(Pointer::Nothing),
            // Not a link at all.
            Err(fault) if fault.kind() == io::ErrorKind::InvalidInput => {
                Err(io::ErrorKind::InvalidData.into())
            }
            Err(fault) => Err(fault),
        }
    }

    /// The generation that a link in quarantine names, if it is one of ours.
    pub(super) fn read_aside(link: &Path) -> Option<u64> {
        let target = std::fs::read_link(link).ok()?;
        number_of(target.strip_prefix("../generations").ok()?.to_str()?)
    }

    /// What the link holds, beside the generations.
    pub(super) fn target(self) -> Option<PathBuf> {
        match self {
            Pointer::Nothing => None,
            Pointer::Value(number) => Some(Path::new("generations").join(number.to_string())),
            Pointer::Cleared(number) => Some(Path::new("cleared").join(number.to_string())),
        }
    }

    fn parse(target: &Path) -> Option<Self> {
        let (kind, number) = target.to_str()?.split_once('/')?;
        let number = number_of(number)?;
        match kind {
            "generations" => Some(Pointer::Value(number)),
            "cleared" => Some(Pointer::Cleared(number)),
            _ => None,
        }
    }
}

/// The generation that a name stands for: plain digits as this store writes them.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let number: u64 = name.parse().ok()?;
    (number.to_string() == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_links_are_understood() {
        for pointer in [Pointer::Value(7), Pointer::Cleared(8)] {
            assert_eq!(Pointer::parse(&pointer.target().unwrap()), Some(pointer));
        }
        for foreign in [
            "generations/../7",
            "generations/07",
            "/etc/7",
            "7",
            "generations/+7",
            "",
        ] {
            assert_eq!(Pointer::parse(Path::new(foreign)), None, "{foreign}");
        }
    }
}
