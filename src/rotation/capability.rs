//! What a method can do, as data. The machine knows methods by nothing else.

use serde::{Deserialize, Serialize};

/// Known yes, known no, or not known yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tri {
    /// Known to be so.
    Yes,
    /// Known not to be so.
    No,
    /// Nobody has seen it here.
    #[default]
    Unknown,
}

/// Who chooses the new secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueBy {
    /// Salesforce makes it in the mint; we read it.
    Salesforce,
    /// We choose it; the first store effect makes it durable before Salesforce hears of it.
    Us,
    /// A person makes it in Setup and hands it over; the cutover is theirs too.
    Person,
}

/// What one method offers for one app. Written at the start of a rotation, so that it runs to its end under
/// what it began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Capabilities {
    /// Who chooses the new secret.
    pub value_by: ValueBy,
    /// The client id changes too.
    pub key_changes: bool,
    /// A staged pair logs in before the cutover.
    pub proves_before_cutover: Tri,
    /// Old and new are both accepted after the cutover, until the old one is revoked.
    pub overlap: bool,
    /// The primary pair's key can be read and another one shows, so that a cutover can be seen without logging in.
    pub key_readable: bool,
    /// A cutover can be taken back while nothing is published.
    pub reversible: bool,
    /// The cutover is the mint: nothing can be stored before it, and the new pair is read from Salesforce after it.
    /// Its request is never sent again by ourselves unless the first one is known not to have been applied.
    #[serde(default)]
    pub mints_at_cutover: bool,
    /// The cutover leaves something set at Salesforce that would cut over again, and that is to be reset.
    #[serde(default)]
    pub leaves_flag: bool,
}

impl Capabilities {
    /// Salesforce makes the value in a step of its own, before the cutover.
    pub const fn mints_apart(&self) -> bool {
        matches!(self.value_by, ValueBy::Salesforce) && !self.mints_at_cutover
    }

    /// `staged`: External Client App over Connect REST (salesforce-oauth-rest.md §1).
    pub const fn staged(proves_before_cutover: Tri) -> Self {
        Capabilities {
            value_by: ValueBy::Salesforce,
            key_changes: true,
            proves_before_cutover,
            overlap: true,
            key_readable: true,
            reversible: false,
            mints_at_cutover: false,
            leaves_flag: false,
        }
    }

    /// `regenerate`: External Client App by a flag in a Metadata API deploy (salesforce-metadata.md §3.1, OPEN-5).
    pub const fn regenerate() -> Self {
        Capabilities {
            value_by: ValueBy::Salesforce,
            key_changes: false,
            proves_before_cutover: Tri::No,
            overlap: false,
            key_readable: false,
            reversible: false,
            mints_at_cutover: true,
            leaves_flag: true,
        }
    }

    /// `assisted`: a person generates and applies a new pair in Setup (salesforce-oauth-rest.md §2). Without
    /// `key_changes` a pair with another client id is turned away.
    pub const fn assisted(key_changes: bool) -> Self {
        Capabilities {
            value_by: ValueBy::Person,
            key_changes,
            proves_before_cutover: Tri::No,
            overlap: false,
            key_readable: false,
            reversible: false,
            mints_at_cutover: false,
            leaves_flag: false,
        }
    }

    /// `update`: Connected App in place over the Metadata API (salesforce-metadata.md §2, OPEN-1).
    pub const fn update() -> Self {
        Capabilities {
            value_by: ValueBy::Us,
            key_changes: false,
            proves_before_cutover: Tri::No,
            overlap: false,
            key_readable: false,
            reversible: true,
            mints_at_cutover: false,
            leaves_flag: false,
        }
    }
}
