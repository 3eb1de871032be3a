//! A file that holds a secret: who can read it. The one place where this is decided.
//!
//! Root and at most one other user: its owner, as a rule. Two arrangements give the file to root and let the service
//! read it through the group bits, and are as closed:
//!
//! - systemd with `noswap` tmpfs (257 here) has the credentials of `LoadCredential=` as `root:root`, mode 0440, with an
//!   access control list that names the service's user alone. The group bits are that list's mask; the group itself
//!   has no right. So the list is read, and not the mode.
//! - Kubernetes mounts a Secret as `root:fsGroup`, mode 0440, on a read-only tmpfs of the pod's own, where the pod
//!   has a `securityContext.fsGroup`; the mode 0400 without it could not be read by a user other than root.
//!
//! A file on a disk with a readable group is refused: who is in a group is for others to change later.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::StatVfsMountFlags;
use rustix::io::Errno;

/// Everything that is not the owner's.
const NOT_THE_OWNERS: u32 = 0o077;
/// Of that, what makes a file open to others whoever they are: writing by the group, anything by the rest.
const NEVER: u32 = 0o037;

const ROOT: u32 = 0;

/// `TMPFS_MAGIC` and `RAMFS_MAGIC` of statfs(2).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// A file that cannot be used as the home of a secret.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// The system does not let us read it.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// A directory or a device.
    #[error("not a file")]
    NotAFile,
    /// Others can read it. What it holds may be known to them.
    #[error("open to others (mode {mode:04o})")]
    Open {
        /// The mode, without the type.
        mode: u32,
    },
}

/// Opens a file that nobody else can read. Links are followed; what is opened is what was judged.
///
/// # Errors
/// [`FileFault`].
pub fn open(path: &Path) -> Result<File, FileFault> {
    // Before opening, which would wait at a pipe.
    if !std::fs::metadata(path)?.is_file() {
        return Err(FileFault::NotAFile);
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(FileFault::NotAFile);
    }
    match is_closed(&file, &metadata)? {
        true => Ok(file),
        false => Err(FileFault::Open {
            mode: metadata.mode() & 0o7777,
        }),
    }
}

fn is_closed(file: &File, metadata: &Metadata) -> io::Result<bool> {
    if metadata.mode() & NOT_THE_OWNERS == 0 {
        return Ok(true);
    }
    if metadata.mode() & NEVER != 0 {
        return Ok(false);
    }
    match access_list(file)? {
        Some(list) => Ok(list.is_for_one_user(metadata.uid())),
        None => Ok(metadata.uid() == ROOT && is_ours(metadata.gid())? && is_a_mounted_secret(file)?),
    }
}

fn is_ours(group: u32) -> io::Result<bool> {
    let mut groups = rustix::process::getgroups()?;
    groups.push(rustix::process::getegid());
    Ok(groups.iter().any(|ours| ours.as_raw() == group))
}

/// In memory, and not to be written by anybody who sees it where we see it.
fn is_a_mounted_secret(file: &File) -> io::Result<bool> {
    let kind = u64::try_from(rustix::fs::fstatfs(file)?.f_type).unwrap_or_default();
    let flags = rustix::fs::fstatvfs(file)?.f_flag;
    Ok(IN_MEMORY.contains(&kind) && flags.contains(StatVfsMountFlags::RDONLY))
}

/// As much of an access control list as matters here: acl(5), in the kernel's form.
struct AccessList(Vec<Entry>);

struct Entry {
    tag: u16,
    rights: u16,
    id: u32,
}

/// `ACL_USER_OBJ`, `ACL_USER` and `ACL_MASK`: the entries that may grant something.
const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const MASK: u16 = 0x10;
/// Larger than any list for one service; a longer one is an error, and so refused.
const LONGEST: usize = 512;

fn access_list(file: &File) -> io::Result<Option<AccessList>> {
    let mut bytes = [0_u8; LONGEST];
    let length = match rustix::fs::fgetxattr(file, "system.posix_acl_access", &mut bytes[..]) {
        Ok(length) => length,
        Err(Errno::NODATA | Errno::OPNOTSUPP) => return Ok(None),
        Err(fault) => return Err(fault.into()),
    };
    let list = bytes.get(..length).and_then(AccessList::parse);
    list.map(Some)
        .ok_or_else(|| io::Error::other("its access control list is not understood"))
}

impl AccessList {
    /// A version, 2, then entries of tag, rights and id, all little-endian.
    fn parse(bytes: &[u8]) -> Option<AccessList> {
        let (version, rest) = bytes.split_first_chunk::<4>()?;
        let (entries, torn) = rest.as_chunks::<8>();
        let entries = entries.iter().map(|[t0, t1, r0, r1, i0, i1, i2, i3]| Entry {
            tag: u16::from_le_bytes([*t0, *t1]),
            rights: u16::from_le_bytes([*r0, *r1]),
            id: u32::from_le_bytes([*i0, *i1, *i2, *i3]),
        });
        (u32::from_le_bytes(*version) == 2 && torn.is_empty()).then(|| AccessList(entries.collect()))
    }

    /// Whether one user at most can do anything with the file, but for root; `owner` is one where it is not root.
    fn is_for_one_user(&self, owner: u32) -> bool {
        let mut users = BTreeSet::from([owner]);
        let granted = self.0.iter().filter(|entry| entry.rights != 0);
        for entry in granted {
            match entry.tag {
                OWNER | MASK => {}
                USER => {
                    users.insert(entry.id);
                }
                _ => return false,
            }
        }
        users.remove(&ROOT);
        users.len() <= 1
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use rustix::fs::XattrFlags;
    use tempfile::TempDir;

    use super::*;

    const GROUP: u16 = 0x04;
    const NAMED_GROUP: u16 = 0x08;
    const OTHER: u16 = 0x20;

    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    const NOBODY: u32 = u32::MAX;

    /// As systemd 257 writes it, but for who is named.
    fn for_user(id: u32) -> Vec<(u16, u16, u32)> {
        vec![
            (OWNER, 4, NOBODY),
            (USER, 4, id),
            (GROUP, 0, NOBODY),
            (MASK, 4, NOBODY),
            (OTHER, 0, NOBODY),
        ]
    }

    #[test]
    fn the_owner_alone() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "x").unwrap();
        for (mode, closed) in [
            (0o600, true),
            (0o400, true),
            (0o700, true),
            (0o440, false),
            (0o640, false),
            (0o604, false),
            (0o620, false),
            (0o610, false),
            (0o601, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            match open(&path) {
                Ok(_) => assert!(closed, "{mode:o}"),
                Err(FileFault::Open { mode: seen }) => assert_eq!((closed, seen), (false, mode)),
                Err(fault) => panic!("{mode:o}: {fault}"),
            }
        }
        assert!(matches!(open(directory.path()), Err(FileFault::NotAFile)));
        let missing = open(&directory.path().join("none"));
        assert!(
            matches!(missing, Err(FileFault::Unreadable(fault)) if fault.kind() == io::ErrorKind::NotFound)
        );
    }

    #[test]
    fn what_a_list_grants() {
        let user = 4711;
        let closed = |entries: &[(u16, u16, u32)], owner| {
            AccessList::parse(&list(entries)).unwrap().is_for_one_user(owner)
        };
        assert!(closed(&for_user(user), ROOT));
        assert!(closed(&for_user(user), user));
        assert!(closed(&for_user(ROOT), user));
        assert!(!closed(&for_user(user + 1), user), "two users");
        let mut two = for_user(user);
        two.push((USER, 4, user + 1));
        assert!(!closed(&two, ROOT), "two users");
        two[5].1 = 0;
        assert!(closed(&two, ROOT), "the second has no right");
        for (place, entry) in [
            (2, (GROUP, 4, NOBODY)),
            (4, (OTHER, 4, NOBODY)),
            (2, (NAMED_GROUP, 4, user)),
            (2, (0x40, 4, user)),
        ] {
            let mut entries = for_user(user);
            entries[place] = entry;
            assert!(!closed(&entries, ROOT), "{entry:?}");
        }
    }

    #[test]
    fn no_list_is_half_understood() {
        let whole = list(&for_user(1));
        assert!(AccessList::parse(&whole).is_some());
        assert!(AccessList::parse(&whole[..whole.len() - 1]).is_none());
        assert!(AccessList::parse(&whole[..3]).is_none());
        let mut later = whole;
        later[0] = 3;
        assert!(AccessList::parse(&later).is_none());
    }

    /// A real list on a real file; the file is ours, so that no root is needed.
    #[test]
    fn a_file_with_a_list() {
        let own = rustix::process::geteuid().as_raw();
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "x").unwrap();
        let set = |entries: &[(u16, u16, u32)]| {
            let name = "system.posix_acl_access";
            rustix::fs::setxattr(&path, name, &list(entries), XattrFlags::empty()).unwrap();
            assert_eq!(
                fs::metadata(&path).unwrap().mode() & 0o777,
                0o440,
                "the mask shows"
            );
        };
        set(&for_user(own));
        assert!(open(&path).is_ok());
        let mut two = for_user(own + 1);
        two.insert(2, (USER, 4, own + 2));
        set(&two);
        assert!(matches!(open(&path), Err(FileFault::Open { mode: 0o440 })));
        let mut group = for_user(own);
        group[2].1 = 4;
        set(&group);
        assert!(matches!(open(&path), Err(FileFault::Open { mode: 0o440 })));
    }
}
