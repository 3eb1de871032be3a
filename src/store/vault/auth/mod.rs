//! How the daemon comes by a token, and keeps it.
//!
//! - `credential`: a file with a secret in it, and whether it has changed.
//! - `login`: the one request that each method logs in with, and the answer.
//! - `lease`: how long a token is good for, and what to do about it when. Pure.
//! - `tokens`: the token in force; one login at a time, and never many.
//!
//! A token that somebody else makes (an agent, an operator) is looked up once, so that it is renewed as well.
//!
//! Facts that this rests on, tried on OpenBao 2.7:
//!
//! - A dead token and a missing right are both 403 `permission denied`. Asking the token about itself tells them
//!   apart, if it may do that.
//! - A renewal beyond the longest life of a token is granted, for less than was asked.
//! - A wrapping token is good for one unwrapping; a second one is 400.
//! - Other rights given to a *role* reach only tokens made afterwards; a changed *policy* reaches all at once.
//!
//! Not here: what a token is used for (`super::connection`).

mod credential;
mod lease;
mod login;
mod tokens;

pub(super) use credential::{Stamp, bytes, unusable};
pub(super) use tokens::{Token, Tokens};
