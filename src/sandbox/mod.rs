//! A simulated Salesforce org on loopback, for rehearsals and tests: OAuth, SOAP Metadata for Connected Apps and
//! for the OAuth settings of External Client Apps, and the Connect REST credentials of the latter, on a clock of its own.
//!
//! Where the public record is silent the org has a [`Switches`] entry, so that a client can be run through every
//! org that is possible; faults come by [`Rule`]. Control endpoints under `/__sandbox/` tell the truth that no
//! client can ask for.
//!
//! It shares no code with the client side of the daemon, since one wrong idea must not hide in both. TLS is not
//! here: it is a front in the test harness. Creating and deleting components is not here, nor deploying over REST.
//! Clients of many other people work against it unchanged (`tests/sandbox/strangers.rs`, `jsforce.rs`, `sf.rs`).

mod app;
mod build;
mod chance;
pub mod consumer;
mod control;
mod credential;
mod cut;
mod fault;
mod ident;
mod oauth;
mod operation;
mod person;
mod rest;
mod running;
mod seed;
mod serve;
mod session;
mod slot;
mod snapshot;
mod soap;
mod switches;
mod time;
mod wire;
mod world;
mod xml;

pub use app::Kind;
pub use credential::Origin;
pub use fault::{Action, Rule};
pub use operation::OPERATIONS;
pub use person::Act;
pub use running::{RunningSandbox, Sandbox, SandboxError, run};
pub use seed::{
    AuthProviderSeed, ClockSeed, ConnectedAppSeed, ConsumerSeed, ExternalClientAppSeed, LoginSeed, Seed,
    UserSeed,
};
pub use snapshot::{
    Accepted, AppState, ConsumerState, DeployState, LateState, PairState, Snapshot, StagedState,
};
pub use switches::{
    ClientCredentialsOrder, ExpiredEntry, FlowOff, IdLength, InPlaceSecret, IntrospectJunk, MissingRecord,
    NextPage, Omitted, OutOfOrder, PostOnRotated, PostReply, Propagation, RotateFlag, SecondRotate,
    StagedSecret, Switches, TokenFormat, TokensDie,
};
pub use time::{ClockMode, Moment};
