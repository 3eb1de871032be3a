//! The file store in the world of its contract: consumers decrypt the documented path with the age crate.

use std::path::PathBuf;

use async_trait::async_trait;
use rekeyd::port::Store;
use rekeyd::store::file::{FileStore, identity};
use rekeyd::store::path::StorePath;
use tempfile::TempDir;

use super::world::World;

pub struct FileWorld {
    temporary: TempDir,
}

/// The path of the one app.
pub const APP: &str = "team/billing";

impl FileWorld {
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let world = FileWorld { temporary };
        std::fs::create_dir(world.directory()).unwrap();
        restrict(&world.directory(), 0o700);
        identity::generate(&world.identity()).unwrap();
        world
    }

    pub fn directory(&self) -> PathBuf {
        self.temporary.path().join("store")
    }

    pub fn identity(&self) -> PathBuf {
        self.temporary.path().join("identity")
    }

    pub fn app(&self) -> PathBuf {
        self.directory().join("apps").join(APP)
    }

    pub fn file_store(&self) -> FileStore {
        let path = StorePath::parse(APP).unwrap();
        FileStore::open("local", &self.directory(), &self.identity(), &path).unwrap()
    }

    /// The age identity, read without the store.
    pub fn key(&self) -> age::x25519::Identity {
        let text = std::fs::read_to_string(self.identity()).unwrap();
        let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1"));
        line.unwrap().parse().unwrap()
    }
}

pub fn restrict(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[async_trait]
impl World for FileWorld {
    fn open(&self) -> Box<dyn Store> {
        Box::new(self.file_store())
    }

    async fn consumer_reads(&self) -> Option<String> {
        let sealed = std::fs::read(self.app().join("current")).ok()?;
        let plain = age::decrypt(&self.key(), &sealed).unwrap();
        Some(String::from_utf8(plain).unwrap())
    }

    fn keeps_bytes(&self) -> bool {
        true
    }
}

async fn world() -> FileWorld {
    FileWorld::new()
}

keeps_the_contract!(world);
