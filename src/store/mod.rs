//! Where credentials live for consumers: the adapters of [`crate::port::Store`].
//!
//! Each adapter handles one app's path in one store. All of them promise the same and pass the same contract
//! suite (`tests/stores/contract.rs`): compare-and-set on every write, previous versions readable by name, a
//! *pending* value that no consumer's path shows. Not here: what is written when (the engine), what a value
//! means ([`crate::document`]), or which store an app uses (the policy). Adapters do not know one another.

pub mod aws;
pub mod file;
pub mod path;
pub mod vault;
