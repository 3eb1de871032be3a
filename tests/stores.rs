//! Every store keeps one contract; beside it, what each must do by itself.

mod support;

mod stores {
    #[macro_use]
    pub mod contract;
    pub mod world;

    mod file_contract;
    mod file_crash;
    mod file_disk;
    mod file_refusals;
    mod vault_contract;
    mod vault_network;
    mod vault_obstacles;
    mod vault_token;
}
