//! What the environment says of the one Vault that a shell is set up for.
//!
//! It describes a server as a whole, so it counts as a whole: a store takes its address from `VAULT_ADDR` where the
//! policy names none, and only such a store takes anything else from the environment. A stray variable then neither
//! moves a store that the policy describes into another namespace, nor sends a token to a server that it is not for.

/// The variables that count, as they are. Reading them is not for this room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `VAULT_ADDR`
    pub vault_addr: Option<String>,
    /// `VAULT_NAMESPACE`
    pub vault_namespace: Option<String>,
    /// `VAULT_CACERT`
    pub vault_cacert: Option<String>,
    /// Whether there is a `VAULT_TOKEN`.
    pub vault_token: bool,
}
