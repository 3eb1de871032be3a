//! rekeyd

/// What an operator wrote, checked: TOML in, one `Policy` or every fault at once out.
pub mod policy;
/// When something is due, and why: cron, zones, windows. Pure.
pub mod schedule;
