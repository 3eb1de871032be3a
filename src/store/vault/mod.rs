//! HashiCorp Vault or OpenBao, KV version 2: one path of one mount holds *current*, the same path below
//! `pending_prefix` holds *pending*, so that a policy can give consumers the one and not the other.
//!
//! Facts of the API that the rules rest on, each tried on a real server (components.md §1):
//!
//! - A write names the version it replaces (`cas`). For a deleted or destroyed latest that is still its number;
//!   only what was never written is `0`. A mismatch is 400 with a text of its own.
//! - `custom_metadata` belongs to the path and is not guarded by `cas`, so the value alone says who wrote it.
//! - A deleted version is read as 404 *with* its metadata, what never was as 404 without.
//! - Deleting a path's metadata would reset its numbers and let a late write through; so nothing here does. An
//!   ended pending value is destroyed by its number, and one set aside gets a tombstone written over it.
//! - A KV version 1 mount takes the same requests, means something else by them, and answers 204.
//!
//! The server keeps a value's keys in its own order and its numbers as 64-bit floats; texts come back as they were.
//!
//! `vaultrs` knows the requests: their paths, methods and bodies are its. They are not sent by its client, which
//! reads answers of any size, hides the status of what it cannot parse, drops the body of a 404, and keeps bodies
//! and the token in `Debug` (rust-anchors.md §5). How we come by a token is in `auth`.

mod adapter;
mod answer;
mod auth;
mod connection;
mod obstacles;
mod requests;
mod retention;
mod settings;
mod tls;
mod tombstone;
mod wire;

pub use adapter::VaultStore;
pub use connection::VaultConnection;
pub use settings::{Auth, ClientFiles, Login, Method, TIMEOUT, Tls, TokenSource, VaultSettings};
