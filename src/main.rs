//! rekeyd
fn main() {}
