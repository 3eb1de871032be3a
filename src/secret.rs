//! The one type that holds a secret, and the fingerprints by which everything else speaks of it.
//!
//! A [`Secret`] has no `Display`, no `Serialize`, a `Debug` that shows nothing, and is wiped when dropped.
//! Nothing here compares secrets for authentication: that is the api's, in constant time. Who may read a file that
//! holds one is judged in [`mod@file`].

pub mod file;

use std::fmt;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Text that must never be shown. Each copy is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the text.
    pub fn new(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }

    /// The text itself, for the one request or file that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A client id and its client secret: one value, never handled apart.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Salesforce's consumer key. Not secret by OAuth, still kept out of logs.
    pub client_id: String,
    /// Salesforce's consumer secret.
    pub client_secret: Secret,
}

impl Credential {
    /// The same id with a secret that is certainly wrong, as the control of a differential probe. It has the
    /// length of the real one, so that only the value can be what is judged.
    pub fn corrupted(&self) -> Credential {
        let flipped = self
            .client_secret
            .expose()
            .char_indices()
            .map(|(at, c)| match (at, c) {
                (0, 'x') => 'y',
                (0, _) => 'x',
                (_, c) => c,
            });
        let mut text = String::with_capacity(self.client_secret.expose().len().max(1));
        text.extend(flipped);
        if text.is_empty() {
            text.push('x');
        }
        Credential {
            client_id: self.client_id.clone(),
            client_secret: Secret::new(text),
        }
    }
}

/// The installation's key for fingerprints (`[journal] key_file`). Never kept in the journal: without it a
/// stolen journal says nothing about a secret.
#[derive(Clone)]
pub struct FingerprintKey(Zeroizing<Vec<u8>>);

impl FingerprintKey {
    /// Fewest bytes a key may have.
    pub const SHORTEST: usize = 32;

    /// The key, or `None` if it has fewer than [`FingerprintKey::SHORTEST`] bytes.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        (bytes.len() >= Self::SHORTEST).then_some(FingerprintKey(bytes))
    }

    /// The fingerprint of a credential: HMAC-SHA-256 over both parts, each with its length in front so that no
    /// two pairs run together, cut to 128 bits.
    pub fn fingerprint(&self, credential: &Credential) -> Fingerprint {
        // HMAC takes a key of any length, so this cannot fail; an empty tag would be caught by every test.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return Fingerprint([0; 16]);
        };
        for part in [
            credential.client_id.as_bytes(),
            credential.client_secret.expose().as_bytes(),
        ] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let tag = mac.finalize().into_bytes();
        let mut short = [0_u8; 16];
        short.iter_mut().zip(tag).for_each(|(to, from)| *to = from);
        Fingerprint(short)
    }

    /// The print of a consumer key alone, so that the journal can match entries by key without holding one.
    pub fn key_print(&self, client_id: &str) -> Fingerprint {
        self.fingerprint(&Credential {
            client_id: client_id.to_owned(),
            client_secret: Secret::new(String::new()),
        })
    }

    /// By which a journal knows its key again.
    pub fn mark(&self) -> Fingerprint {
        self.key_print("the key of a journal")
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(..)")
    }
}

/// Names a credential without telling anything about it to who lacks the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// The first eight hexadecimal digits, for tables.
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        uuid::Uuid::try_parse(&text)
            .map(|bits| Fingerprint(bits.into_bytes()))
            .map_err(|_| serde::de::Error::custom("a fingerprint is 32 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(id: &str, secret: &str) -> Credential {
        Credential {
            client_id: id.into(),
            client_secret: Secret::new(secret.into()),
        }
    }

    #[test]
    fn a_fingerprint_covers_both_parts_and_where_one_ends() {
        let key = FingerprintKey::new(vec![7; 32]).unwrap();
        assert_ne!(
            key.fingerprint(&pair("ab", "c")),
            key.fingerprint(&pair("a", "bc"))
        );
        assert_eq!(
            key.fingerprint(&pair("ab", "c")),
            key.fingerprint(&pair("ab", "c"))
        );
        let other = FingerprintKey::new(vec![8; 32]).unwrap();
        assert_ne!(
            key.fingerprint(&pair("ab", "c")),
            other.fingerprint(&pair("ab", "c"))
        );
    }

    #[test]
    fn a_fingerprint_survives_the_journal() {
        let print = FingerprintKey::new(vec![7; 32])
            .unwrap()
            .fingerprint(&pair("a", "b"));
        let text = serde_json::to_string(&print).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), print);
    }

    #[test]
    fn the_control_differs_from_the_real_one_in_value_only() {
        for secret in ["xyz", "abc", ""] {
            let real = pair("id", secret);
            let control = real.corrupted();
            assert_ne!(control.client_secret.expose(), secret);
            assert_eq!(control.client_secret.expose().len(), secret.len().max(1));
        }
    }
}
