//! What the file store refuses, and what it says then.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::time::Duration;

use rekeyd::clock::Timestamp;
use rekeyd::port::{Fault, Outcome, Place, Store};
use rekeyd::store::file::{FileStore, identity};
use rekeyd::store::path::StorePath;

use super::file_contract::{APP, FileWorld, restrict};
use super::world::{World, document, holds, publish, rotation, version};

fn open(world: &FileWorld) -> Result<FileStore, String> {
    let path = StorePath::parse(APP).unwrap();
    let store = FileStore::open("local", &world.directory(), &world.identity(), &path);
    store.map_err(|fault| match fault {
        Fault::Unusable(text) => text,
        other => panic!("{other:?}"),
    })
}

fn refused(world: &FileWorld) -> String {
    open(world).err().unwrap()
}

#[test]
fn rights_of_others_are_refused_with_the_command_that_takes_them_away() {
    for mode in [0o701, 0o710, 0o750, 0o755, 0o777] {
        let world = FileWorld::new();
        restrict(&world.directory(), mode);
        let said = refused(&world);
        let command = format!("chmod go= '{}'", world.directory().display());
        assert!(said.contains(&command), "{said}");
    }
    for mode in [0o604, 0o640, 0o644, 0o440] {
        let world = FileWorld::new();
        restrict(&world.identity(), mode);
        let said = refused(&world);
        let command = format!("chmod go= '{}'", world.identity().display());
        assert!(said.contains(&command), "{said}");
        // The command does what it promises.
        let ran = Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(ran.success());
        open(&world).unwrap();
    }
}

#[test]
fn a_linked_identity_is_judged_by_what_it_links_to() {
    let world = FileWorld::new();
    let real = world.identity().with_file_name("elsewhere");
    std::fs::rename(world.identity(), &real).unwrap();
    symlink(&real, world.identity()).unwrap();
    open(&world).unwrap();
    restrict(&real, 0o644);
    refused(&world);
}

#[test]
fn what_is_missing_or_no_identity_is_named_and_never_quoted() {
    let world = FileWorld::new();
    std::fs::write(world.identity(), "AGE-SECRET-KEY-1CANARY\n").unwrap();
    let said = refused(&world);
    assert!(
        said.contains("identity") && !said.to_lowercase().contains("canary"),
        "{said}"
    );
    std::fs::write(world.identity(), "# nothing\n\n").unwrap();
    assert!(refused(&world).contains("holds no AGE-SECRET-KEY-1"));
    std::fs::write(world.identity(), [0xff, 0xfe]).unwrap();
    refused(&world);
    std::fs::remove_file(world.identity()).unwrap();
    assert!(refused(&world).contains("identity"));
    identity::generate(&world.identity()).unwrap();
    identity::generate(&world.identity()).unwrap_err();
    std::fs::remove_dir(world.directory()).unwrap();
    assert!(refused(&world).contains("store directory"));
}

#[test]
fn all_that_is_made_belongs_to_its_owner_alone() {
    let world = FileWorld::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        publish(&*world.open(), &version("0"), 1).await;
        let store = world.file_store();
        store.record_access("ops", "test", Timestamp(0)).await.unwrap();
    });
    let mut waiting = vec![world.directory(), world.identity()];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_symlink() {
            continue;
        }
        seen += 1;
        assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", path.display());
        if metadata.is_dir() {
            waiting.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    assert!(seen > 6);
}

#[tokio::test]
async fn a_value_of_another_identity_is_said_to_be_that() {
    let world = FileWorld::new();
    publish(&*world.open(), &version("0"), 1).await;
    let old = world.identity().with_file_name("old");
    std::fs::rename(world.identity(), &old).unwrap();
    identity::generate(&world.identity()).unwrap();
    let fault = world.open().read(&Place::Current).await.unwrap_err();
    assert!(fault.to_string().contains("another identity file"), "{fault}");
    // A new identity in front of the old one opens the old values and seals the new ones.
    let both = std::fs::read_to_string(world.identity()).unwrap() + &std::fs::read_to_string(old).unwrap();
    std::fs::write(world.identity(), both).unwrap();
    let store = world.open();
    assert_eq!(holds(&*store, Place::Current).await, Some(1));
    publish(&*store, &version("1"), 2).await;
    let sealed = std::fs::read(world.app().join("current")).unwrap();
    age::decrypt(&world.key(), &sealed).unwrap();
}

#[tokio::test]
async fn a_damaged_generation_is_named_and_the_others_stay_readable() {
    let world = FileWorld::new();
    let old = publish(&*world.open(), &version("0"), 1).await;
    publish(&*world.open(), &old, 2).await;
    let path = world.app().join("generations/2");
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let cut = whole[..whole.len() - 1].to_vec();
    let sealed_text = {
        let recipient = world.key().to_public();
        age::encrypt(&recipient, b"canary, not JSON").unwrap()
    };
    for damage in [flipped, cut, Vec::new(), b"canary".to_vec(), sealed_text] {
        std::fs::write(&path, damage).unwrap();
        let fault = world.open().read(&Place::Current).await.unwrap_err();
        let Fault::Unusable(text) = &fault else {
            panic!("{fault:?}");
        };
        assert!(
            text.contains("generations/2") && !format!("{fault:?}").contains("canary"),
            "{text}"
        );
        assert_eq!(holds(&*world.open(), Place::Version(old.clone())).await, Some(1));
    }
    std::fs::remove_file(&path).unwrap();
    let fault = world.open().read(&Place::Current).await.unwrap_err();
    assert!(fault.to_string().contains("backup"), "{fault}");
    // Somebody's own file in place of the link.
    std::fs::remove_file(world.app().join("current")).unwrap();
    std::fs::write(world.app().join("current"), "mine").unwrap();
    let store = world.open();
    let fault = store.read(&Place::Current).await.unwrap_err();
    assert!(
        fault.to_string().contains("not a link that rekeyd made"),
        "{fault}"
    );
    let outcome = store.publish(&version("0"), &document(3), rotation(3)).await;
    assert!(matches!(outcome, Outcome::NotNow(_)), "{outcome:?}");
    assert_eq!(
        std::fs::read_to_string(world.app().join("current")).unwrap(),
        "mine"
    );
}

#[tokio::test]
async fn who_read_a_value_by_hand_is_kept() {
    let world = FileWorld::new();
    let store = world.file_store();
    store
        .record_access("ops", "incident \"7\"\n", Timestamp(0))
        .await
        .unwrap();
    store.record_access("ops", "again", Timestamp(1)).await.unwrap();
    let log = std::fs::read_to_string(world.directory().join("access.log")).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    let first = serde_json::json!({
        "at": "1970-01-01T00:00:00.000Z", "path": APP, "who": "ops", "why": "incident \"7\"\n"
    });
    assert_eq!(lines[0], first);
    // What cannot be noted must not be shown.
    std::fs::remove_file(world.directory().join("access.log")).unwrap();
    std::fs::create_dir(world.directory().join("access.log")).unwrap();
    store.record_access("ops", "x", Timestamp(2)).await.unwrap_err();
}

/// The real thing: a small file system of its own, in a name space of its own. The child runs the test below there.
#[test]
fn a_full_or_read_only_file_system_is_an_obstacle_and_loses_nothing() {
    let mount = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=256k,mode=700 tmpfs "$1" && shift && exec "$@""#;
    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(mount.path())
        .arg(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "stores::file_refusals::inside_a_small_file_system",
        ])
        .args(["--nocapture"])
        .env("SMALL_FILE_SYSTEM", mount.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "run by a_full_or_read_only_file_system_is_an_obstacle_and_loses_nothing"]
async fn inside_a_small_file_system() {
    let mount = std::path::PathBuf::from(std::env::var_os("SMALL_FILE_SYSTEM").unwrap());
    let world = FileWorld::new();
    let directory = mount.join("store");
    std::fs::create_dir(&directory).unwrap();
    restrict(&directory, 0o700);
    let path = StorePath::parse(APP).unwrap();
    let store = FileStore::open("local", &directory, &world.identity(), &path).unwrap();
    let base = publish(&store, &version("0"), 1).await;
    let obstacles = store.obstacles(Duration::ZERO).await.unwrap();
    assert!(obstacles.iter().any(|text| text.contains("free at least")));
    let filler = mount.join("filler");
    std::io::copy(
        &mut std::io::repeat(7),
        &mut std::fs::File::create(&filler).unwrap(),
    )
    .unwrap_err();
    let outcome = store.publish(&base, &document(2), rotation(2)).await;
    let Outcome::NotNow(Fault::Unavailable(text)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(text.contains("no storage space"), "{text}");
    assert_eq!(holds(&store, Place::Current).await, Some(1));
    std::fs::remove_file(filler).unwrap();
    let base = publish(&store, &base, 2).await;
    // And one that nobody may write to.
    let remounted = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(&mount)
        .status();
    assert!(remounted.unwrap().success());
    let obstacles = store.obstacles(Duration::ZERO).await.unwrap();
    let unwritable = obstacles.iter().find(|text| text.contains("cannot be written"));
    assert!(unwritable.unwrap().contains("read-only"), "{obstacles:?}");
    let outcome = store.publish(&base, &document(3), rotation(3)).await;
    assert!(
        matches!(outcome, Outcome::NotNow(Fault::Unavailable(_))),
        "{outcome:?}"
    );
    assert_eq!(holds(&store, Place::Current).await, Some(2));
}

#[tokio::test]
async fn a_directory_opened_to_others_meanwhile_is_an_obstacle() {
    let world = FileWorld::new();
    let store = world.open();
    restrict(&world.directory(), 0o755);
    let found = store.obstacles(Duration::ZERO).await.unwrap();
    assert!(found[0].contains("chmod go="), "{found:?}");
}
