//! What happened and where things stand, as plain sentences for people: the history, the progress of a command, the
//! log and the demo all say the same. Pure.
//!
//! Not here: any decision, and any secret (events hold none). Sentences begin in lower case and end without a full
//! stop, so that they can stand after a name or a time.

mod ask;
mod effect;
mod event;
mod note;
mod remedy;
mod setup;
mod state;

pub use ask::request;
pub use effect::in_words;
pub use event::sentence;
pub use note::{health_sentence, note_sentence, service_sentence};
pub use remedy::{hold_words, remedy, stopped_remedy};
pub use setup::{AppKind, SETUP, assisted_steps, in_setup, setup_steps};
pub use state::{duration_words, state_words, status_words, wants_a_person};

/// The name of a store by its place, or its number (from 1) where the name is not known.
fn store_name(stores: &[String], store: usize) -> String {
    match stores.get(store) {
        Some(name) => name.clone(),
        None => format!("store {}", store.saturating_add(1)),
    }
}
