//! What `deploy/` holds, against the programs that will read it: kubectl's kustomize, the schemas of Kubernetes, promtool.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of tests are tests too; the lints know only functions marked as one"
)]

#[path = "deploy/image.rs"]
mod image;
#[path = "deploy/kustomize.rs"]
mod kustomize;
#[path = "deploy/rules.rs"]
mod rules;
#[path = "deploy/tools.rs"]
mod tools;
