//! The encrypted file store: the embedded default, for one machine and for the demo.
//!
//! Below the store's directory, for an app at `PATH`:
//!
//! ```text
//! access.log                          who read what through `rekeyd secret`, one JSON object a line
//! apps/PATH/current                   -> generations/7    what consumers read
//! apps/PATH/pending                   -> generations/8    or -> cleared/8 once it holds nothing
//! apps/PATH/generations/7             one value: JSON, encrypted with age, never changed once it has its name
//! apps/PATH/quarantine/ROTATION-8     -> ../generations/8 a value set aside
//! apps/PATH/lock                      held by whoever writes
//! ```
//!
//! A consumer that holds the identity file reads `age -d -i IDENTITY DIRECTORY/apps/PATH/current`: one path walk,
//! so it sees one whole generation. Writing is: encrypt, write under a temporary name, fsync, rename to the
//! generation's number, fsync its directory, then **one rename of the link, the commit**, and fsync again. A crash
//! anywhere leaves the old or the new value. A [`crate::port::VersionRef`] is a generation's number; `0` is a
//! place never written. Numbers are not used twice: an emptied place keeps the number of what it last held.
//!
//! Not here: several machines (the lock is the kernel's, so no network file system), or keeping the identity file
//! safe (that is the operating system's; systemd credentials are the way).

mod access;
mod adapter;
mod commit;
pub mod disk;
mod free;
pub mod identity;
mod layout;
mod permissions;
mod pointer;
mod retention;

pub use adapter::FileStore;
pub use retention::RETAINED;
