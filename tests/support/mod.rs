//! What several test binaries share: real servers, and a network that can fail.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod aws;
pub mod clock;
pub mod openbao;
pub mod pki;
pub mod program;
pub mod proxy;
pub mod raft;
pub mod switches;
