//! Every store keeps one contract; beside it, what each must do by itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "the helpers of tests are tests too, and what is not the one expected answer is a failure"
)]

mod support;

mod stores {
    #[macro_use]
    pub mod contract;
    pub mod login;
    pub mod token_review;
    pub mod world;

    mod aws_contract;
    mod aws_credentials;
    mod aws_gaps;
    mod aws_labels;
    mod aws_network;
    mod aws_obstacles;
    mod aws_rights;
    pub mod aws_world;
    mod file_contract;
    mod file_crash;
    mod file_disk;
    mod file_refusals;
    mod vault_approle;
    mod vault_contract;
    mod vault_jwt;
    mod vault_lease;
    mod vault_network;
    mod vault_obstacles;
    mod vault_policy;
    mod vault_raft;
    mod vault_tls;
    mod vault_token;
}
