//! A directory that others can reach is refused, with the command that puts it right. For files that hold a secret:
//! `secret::file`.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::port::Fault;

/// The rights of group and others.
const OTHERS: u32 = 0o077;

/// The metadata of `path`, links followed, if nobody but its owner has any right to it.
pub(super) fn private(path: &Path, what: &str) -> Result<Metadata, Fault> {
    let shown = path.display();
    let metadata = std::fs::metadata(path)
        .map_err(|fault| Fault::Unusable(format!("the {what} {shown} cannot be examined: {fault}")))?;
    let mode = metadata.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(Fault::Unusable(format!(
            "the {what} {shown} is open to others (mode {:04o}): run `chmod go= '{shown}'`",
            mode & 0o7777
        )));
    }
    Ok(metadata)
}
