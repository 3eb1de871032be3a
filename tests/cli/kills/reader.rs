//! The consumer, which reads the store and logs in from before the first rotation to the end, and what it saw.

use std::io::{self, Write};
use std::path::PathBuf;

use rekeyd::sandbox::consumer::{Summary, run};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::cast::APPS;

pub struct Reader {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Vec<Summary>>,
    told: UnboundedReceiver<Value>,
}

/// What it saw.
pub struct Seen {
    pub apps: Vec<Summary>,
    /// In the order in which it happened.
    lines: Vec<Value>,
}

/// A line is complete when it is flushed.
struct Lines(Vec<u8>, UnboundedSender<Value>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let line = serde_json::from_slice(&std::mem::take(&mut self.0)).unwrap();
        self.1.send(line).map_err(io::Error::other)
    }
}

impl Reader {
    /// Returns once it has read every app's first pair.
    pub async fn start(config: PathBuf) -> Reader {
        let (stop, stopped) = oneshot::channel::<()>();
        let (say, mut told) = unbounded_channel();
        let task = tokio::spawn(async move {
            let stop = async move {
                let _ended_either_way = stopped.await;
            };
            run(&config, Lines(Vec::new(), say), stop).await.unwrap()
        });
        for _ in &APPS {
            let line = told.recv().await.unwrap();
            assert_eq!(line["event"], "changed", "{line}");
        }
        Reader { stop, task, told }
    }

    pub async fn end(mut self) -> Seen {
        drop(self.stop);
        let apps = self.task.await.unwrap();
        let mut lines = Vec::new();
        while let Some(line) = self.told.recv().await {
            lines.push(line);
        }
        Seen { apps, lines }
    }
}

impl Seen {
    pub fn of(&self, app: &str) -> &Summary {
        self.apps.iter().find(|one| one.app == app).unwrap()
    }

    /// Refusals of the pair that was published: an outage that began only when readers had it.
    pub fn refused_when_published(&self, app: &str) -> bool {
        let of_app = self.lines.iter().filter(|line| line["app"] == app);
        let events: Vec<&Value> = of_app.map(|line| &line["event"]).collect();
        let published = events.iter().position(|event| *event == "changed");
        published.is_some_and(|at| events[at..].iter().any(|event| *event == "refused"))
    }
}
