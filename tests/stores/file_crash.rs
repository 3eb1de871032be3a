//! The file store dies, or finds its disk full, at each of its calls: the old value or the new one is there, never a
//! torn one, and the same write can be made again.

use std::sync::Arc;

use rekeyd::port::{Fault, Outcome, Place, Slot, Store};
use rekeyd::store::file::FileStore;
use rekeyd::store::path::StorePath;

use super::file_contract::{APP, FileWorld};
use super::file_disk::{Call, End, FailingDisk};
use super::world::{
    World, conflict, document, done, holds, number, publish, put_pending, read, rotation, version,
};

/// The writes that are broken off.
#[derive(Clone, Copy, Debug)]
enum Work {
    FirstPublish,
    Publish,
    Pending,
    Clear,
    Quarantine,
}

const ALL: [Work; 5] = [
    Work::FirstPublish,
    Work::Publish,
    Work::Pending,
    Work::Clear,
    Work::Quarantine,
];

impl Work {
    /// What is there before: 1 in current and 2 in pending, but for the very first write.
    async fn prepare(self, store: &dyn Store) {
        if !matches!(self, Work::FirstPublish) {
            publish(store, &version("0"), 1).await;
            put_pending(store, &version("0"), 2).await;
        }
    }

    async fn perform(self, store: &dyn Store) -> Outcome<()> {
        match self {
            Work::FirstPublish => store
                .publish(&version("0"), &document(3), rotation(3))
                .await
                .map(|_| ()),
            Work::Publish => store
                .publish(&version("1"), &document(3), rotation(3))
                .await
                .map(|_| ()),
            Work::Pending => store
                .put_pending(&version("2"), &document(3), rotation(3))
                .await
                .map(|_| ()),
            Work::Clear => store.clear_pending(&version("2")).await,
            Work::Quarantine => store.quarantine(&version("2"), rotation(2)).await,
        }
    }

    /// What current and pending hold before and after.
    fn states(self) -> [(Option<u128>, Option<u128>); 2] {
        match self {
            Work::FirstPublish => [(None, None), (Some(3), None)],
            Work::Publish => [(Some(1), Some(2)), (Some(3), Some(2))],
            Work::Pending => [(Some(1), Some(2)), (Some(1), Some(3))],
            Work::Clear | Work::Quarantine => [(Some(1), Some(2)), (Some(1), None)],
        }
    }
}

fn on(disk: &Arc<FailingDisk>, world: &FileWorld) -> FileStore {
    let path = StorePath::parse(APP).unwrap();
    let disk = Arc::clone(disk);
    FileStore::on(disk, "local", &world.directory(), &world.identity(), &path).unwrap()
}

async fn state(world: &FileWorld) -> (Option<u128>, Option<u128>) {
    let store = world.open();
    (
        holds(&*store, Place::Current).await,
        holds(&*store, Place::Pending).await,
    )
}

fn unfinished(world: &FileWorld) -> bool {
    [".unfinished", "generations/.unfinished"]
        .iter()
        .any(|name| world.app().join(name).symlink_metadata().is_ok())
}

#[tokio::test]
async fn a_crash_at_any_call_leaves_the_old_or_the_new_value() {
    let mut cases = 0;
    for work in ALL {
        for end in [End::DeadBefore, End::DeadAfter] {
            for at in 0.. {
                let world = FileWorld::new();
                work.prepare(&*world.open()).await;
                let disk = Arc::new(FailingDisk::new(at, end));
                let outcome = work.perform(&on(&disk, &world)).await;
                if !disk.failed() {
                    done(outcome);
                    assert!(at > 3, "{work:?} makes only {at} calls");
                    break;
                }
                cases += 1;
                let [before, after] = work.states();
                let seen = state(&world).await;
                assert!(
                    seen == before || seen == after,
                    "{work:?} {end:?} at {at}: {seen:?}"
                );
                if matches!(outcome, Outcome::Refused(_)) {
                    panic!("{work:?} {end:?} at {at}: {outcome:?}");
                }
                // The next process goes on: what did not happen can be done, what happened is seen.
                let again = work.perform(&*world.open()).await;
                let repeatable = matches!(work, Work::Clear | Work::Quarantine);
                if seen == after && !repeatable {
                    conflict(again);
                } else {
                    done(again);
                }
                assert_eq!(state(&world).await, after, "{work:?} {end:?} at {at}");
                if matches!(work, Work::Quarantine) {
                    let aside = Place::PendingVersion(version("2"));
                    assert_eq!(holds(&*world.open(), aside).await, Some(2));
                }
            }
        }
    }
    println!("{cases} crashes");
}

#[tokio::test]
async fn a_full_disk_changes_nothing_and_leaves_nothing_behind() {
    let mut cases = 0;
    for work in ALL {
        for at in 0.. {
            let world = FileWorld::new();
            work.prepare(&*world.open()).await;
            let disk = Arc::new(FailingDisk::new(at, End::Full));
            let outcome = work.perform(&on(&disk, &world)).await;
            if !disk.failed() {
                done(outcome);
                break;
            }
            cases += 1;
            let [before, after] = work.states();
            let seen = state(&world).await;
            match outcome {
                Outcome::NotNow(Fault::Unavailable(text)) => {
                    assert!(text.contains("no storage space"), "{text}");
                    // Clearing empties the place first, and may have to be repeated for the file.
                    let may = matches!(work, Work::Clear) && seen == after;
                    assert!(seen == before || may, "{work:?} at {at}: {seen:?}");
                }
                // Of the sync after the commit, nobody knows; of what is pruned or swept, nobody need.
                Outcome::Unknown(_) | Outcome::Done(()) => assert_eq!(seen, after, "{work:?} at {at}"),
                other @ (Outcome::Partly(_) | Outcome::NotNow(_) | Outcome::Refused(_)) => {
                    panic!("{work:?} at {at}: {other:?}")
                }
            }
            assert!(!unfinished(&world), "{work:?} at {at} left something behind");
            if seen == before {
                done(work.perform(&*world.open()).await);
            }
            assert_eq!(state(&world).await, after);
        }
    }
    println!("{cases} full disks");
}

/// What survives a power failure: the value and its name are on the disk before the commit names it.
#[tokio::test]
async fn the_value_is_durable_before_the_commit_and_the_commit_before_the_answer() {
    let world = FileWorld::new();
    Work::Publish.prepare(&*world.open()).await;
    let disk = Arc::new(FailingDisk::new(usize::MAX, End::Full));
    done(Work::Publish.perform(&on(&disk, &world)).await);
    let app = world.app();
    let calls = disk.calls();
    let from = calls.iter().position(|call| *call == Call::Create).unwrap();
    assert_eq!(
        calls[from..],
        [
            Call::Create,
            Call::Write,
            Call::Sync,
            Call::Rename(app.join("generations/3")),
            Call::SyncDirectory(app.join("generations")),
            Call::Link,
            Call::Rename(app.join("current")),
            Call::SyncDirectory(app.clone()),
        ]
    );
}

/// A consumer that opens the documented path again and again while a thread publishes sees whole values only, in
/// order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_never_sees_half_a_value() {
    let world = FileWorld::new();
    let store = world.file_store();
    let mut base = publish(&store, &version("0"), 1).await;
    let (path, key) = (world.app().join("current"), world.key());
    let (ended, mut end) = tokio::sync::oneshot::channel::<()>();
    let consumer = tokio::task::spawn_blocking(move || {
        let (mut last, mut reads) = (0, 0_u32);
        while end.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
            let plain = age::decrypt(&key, &std::fs::read(&path).unwrap()).unwrap();
            let seen = rekeyd::document::Document::parse(std::str::from_utf8(&plain).unwrap()).unwrap();
            let seen = number(&seen);
            assert!(seen >= last, "{seen} after {last}");
            (last, reads) = (seen, reads + 1);
        }
        reads
    });
    for value in 2..=100 {
        base = publish(&store, &base, value).await;
    }
    ended.send(()).unwrap();
    assert!(consumer.await.unwrap() > 10);
    // Old generations were pruned on the way, the newest were not.
    let kept = std::fs::read_dir(world.app().join("generations"))
        .unwrap()
        .count();
    assert_eq!(kept, rekeyd::store::file::RETAINED);
    let Slot { base, .. } = read(&store, Place::Current).await;
    assert_eq!(base, version("100"));
}

/// What a link names is not pruned, however old.
#[tokio::test]
async fn what_is_set_aside_or_pending_outlives_the_retention() {
    let world = FileWorld::new();
    let store = world.file_store();
    let aside = put_pending(&store, &version("0"), 7).await;
    done(store.quarantine(&aside, rotation(7)).await);
    let pending = put_pending(&store, &aside, 8).await;
    let mut base = version("0");
    for value in 10..60 {
        base = publish(&store, &base, value).await;
    }
    assert_eq!(holds(&store, Place::PendingVersion(aside)).await, Some(7));
    assert_eq!(read(&store, Place::Pending).await.base, pending);
    assert_eq!(holds(&store, Place::Pending).await, Some(8));
}
