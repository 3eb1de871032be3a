//! Is there a disk to write to? Asked without writing.

use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD};

use super::layout::Layout;
use super::permissions;
use crate::port::Fault;

/// Less free space than this stops a rotation before it begins, in bytes. A value is a few KiB.
const LEAST_SPACE: u64 = 1024 * 1024;

/// What would stop a write below this layout. Each text says how to put it right.
pub(super) fn obstacles(layout: &Layout) -> Vec<String> {
    let mut found = Vec::new();
    if let Err(Fault::Unusable(text)) = permissions::private(layout.store(), "store directory") {
        found.push(text);
    }
    let mut directories = vec![layout.store().to_owned()];
    directories.extend(layout.directories());
    directories.push(layout.quarantine());
    // Those that do not exist yet are made inside the last that does.
    for directory in directories.iter().filter(|path| path.is_dir()) {
        let shown = directory.display();
        // By the effective user, which is the one that would write.
        let writable = rustix::fs::accessat(
            CWD,
            directory,
            Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK,
            AtFlags::EACCESS,
        );
        if let Err(fault) = writable {
            found.push(format!(
                "{shown} cannot be written ({}): give it to the user that rekeyd runs as, mode 0700",
                fault.kind()
            ));
        }
    }
    found.extend(space(layout.store()));
    found
}

fn space(directory: &Path) -> Vec<String> {
    let shown = directory.display();
    let Ok(disk) = rustix::fs::statvfs(directory) else {
        return vec![format!(
            "the free space of {shown} cannot be asked for: is it mounted?"
        )];
    };
    let mut found = Vec::new();
    let bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    if bytes < LEAST_SPACE {
        found.push(format!(
            "the disk of {shown} has {bytes} bytes left: free at least {LEAST_SPACE}"
        ));
    }
    // A file system without a fixed number of files reports none at all.
    if disk.f_files > 0 && disk.f_favail < 8 {
        found.push(format!("the disk of {shown} can hold no more files: remove some"));
    }
    found
}
