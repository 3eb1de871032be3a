//! rekeyd
