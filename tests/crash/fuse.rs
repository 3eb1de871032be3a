//! Where one process crashes.

use std::future::pending;
use std::sync::Mutex;

use rekeyd::rotation::Effect;
use tokio_util::sync::CancellationToken;

/// The moment of a crash, at a mutating call or at an append, each counted from 0 in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It never crashes.
    Never,
    /// Before the call is made.
    Before(usize),
    /// The other side has applied it, and nobody here has heard of it.
    After(usize),
    /// The engine has the answer, and the next append is never made.
    Unrecorded(usize),
    /// An append is on the disk, and nobody here has heard of it.
    Appended(usize),
}

/// Blows once, as planned. From then on nothing of the process moves.
pub struct Fuse {
    plan: Plan,
    state: Mutex<State>,
    blown: CancellationToken,
}

#[derive(Default)]
struct State {
    calls: Vec<Effect>,
    appends: Vec<String>,
    armed: bool,
}

impl Fuse {
    /// A fuse for one process.
    pub fn new(plan: Plan) -> Fuse {
        Fuse {
            plan,
            state: Mutex::default(),
            blown: CancellationToken::new(),
        }
    }

    /// Returns when the process has crashed.
    pub async fn blown(&self) {
        self.blown.cancelled().await;
    }

    /// The mutating calls that the process came to, and its appends, each by what it tells.
    pub fn counts(&self) -> (Vec<Effect>, Vec<String>) {
        let state = self.state.lock().unwrap();
        (state.calls.clone(), state.appends.clone())
    }

    /// Whoever passes here after the crash never gets on.
    pub async fn alive(&self) {
        if self.blown.is_cancelled() {
            pending::<()>().await;
        }
    }

    async fn blow(&self) {
        self.blown.cancel();
        pending::<()>().await;
    }

    /// Before a mutating call; its number.
    pub async fn before_call(&self, effect: Effect) -> usize {
        self.alive().await;
        let number = {
            let mut state = self.state.lock().unwrap();
            state.calls.push(effect);
            // Time may stand still: it would go on for ever.
            assert!(state.calls.len() < 1000, "it does not come to an end");
            state.calls.len() - 1
        };
        if self.plan == Plan::Before(number) {
            self.blow().await;
        }
        number
    }

    /// Its answer is here.
    pub async fn after_call(&self, number: usize) {
        self.alive().await;
        if self.plan == Plan::After(number) {
            self.blow().await;
        }
        if self.plan == Plan::Unrecorded(number) {
            self.state.lock().unwrap().armed = true;
        }
    }

    /// Before an append.
    pub async fn before_append(&self) {
        self.alive().await;
        if self.state.lock().unwrap().armed {
            self.blow().await;
        }
    }

    /// It is on the disk.
    pub async fn after_append(&self, tells: String) {
        let number = {
            let mut state = self.state.lock().unwrap();
            state.appends.push(tells);
            state.appends.len() - 1
        };
        if self.plan == Plan::Appended(number) {
            self.blow().await;
        }
    }
}
