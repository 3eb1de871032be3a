//! The state machine of one rotation (being written).

mod capability;
mod id;

pub use capability::{Capabilities, Tri, ValueBy};
pub use id::{NotAnId, RotationId};
