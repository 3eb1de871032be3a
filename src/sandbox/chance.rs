//! The org's randomness: read from the system once, then stretched, so that minting a value cannot fail.
//! A seed can fix the starting value, which makes a run repeatable.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A stream of random values: SHA-256 over a start value and a counter.
pub(super) struct Chance {
    start: [u8; 32],
    counter: u64,
    buffer: Vec<u8>,
}

impl Chance {
    /// # Errors
    /// When the system has no randomness to give.
    pub(super) fn new(fixed: Option<&str>) -> std::io::Result<Self> {
        let start = match fixed {
            Some(text) => Sha256::digest(text.as_bytes()).into(),
            None => system_random()?,
        };
        Ok(Self {
            start,
            counter: 0,
            buffer: Vec::new(),
        })
    }

    fn byte(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.buffer.pop() {
                return byte;
            }
            let mut hash = Sha256::new();
            hash.update(self.start);
            hash.update(self.counter.to_le_bytes());
            self.counter = self.counter.wrapping_add(1);
            self.buffer = hash.finalize().to_vec();
        }
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }

    /// `length` characters of `[A-Za-z0-9]`, each equally likely.
    pub(super) fn alphanumeric(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            // 248 is the largest multiple of 62 in a byte: what lies above would favour some characters.
            let byte = self.byte();
            if byte < 248
                && let Some(character) = ALPHANUMERIC.get(usize::from(byte % 62))
            {
                text.push(char::from(*character));
            }
        }
        text
    }

    /// `length` lower-case hexadecimal digits.
    pub(super) fn hex(&mut self, length: usize) -> String {
        let mut text: String = self
            .bytes(length.div_ceil(2))
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        text.truncate(length);
        text
    }

    /// Base64 of `length` random bytes.
    pub(super) fn base64(&mut self, length: usize) -> String {
        STANDARD.encode(self.bytes(length))
    }

    /// URL-safe base64 without padding of `length` random bytes.
    pub(super) fn base64_url(&mut self, length: usize) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes(length))
    }

    /// A consumer key of the shape Salesforce makes: `3MVG9` and 80 more characters.
    pub(super) fn consumer_key(&mut self) -> String {
        format!("3MVG9{}", self.alphanumeric(80))
    }

    /// A consumer secret of the shape Salesforce makes: 64 hexadecimal digits.
    pub(super) fn consumer_secret(&mut self) -> String {
        self.hex(64).to_uppercase()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox's only reading of the system's randomness"
)]
fn system_random() -> std::io::Result<[u8; 32]> {
    let mut start = [0_u8; 32];
    getrandom::fill(&mut start).map_err(std::io::Error::other)?;
    Ok(start)
}
