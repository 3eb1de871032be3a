//! `Debug` and `Display` of what holds a secret, or of what complains about one.
