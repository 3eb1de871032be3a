//! The hash chain: pure, and the same for every backend.
//!
//! `hash(n) = SHA-256(tag ‖ hash(n-1) ‖ fields of n)` over the bytes exactly as they are stored, each field with
//! its length before it, so that no two different records can look alike. `hash(0)` is a digest of the
//! installation's random id, so that the records of one installation cannot pass for those of another.

use sha2::{Digest, Sha256};

use crate::port::journal::{Broken, Damage, Head, Verified};

/// Changes with the meaning of the digest, so that an old digest can never stand for a new one.
const GENESIS_TAG: &[u8] = b"rekeyd journal genesis 1";
const RECORD_TAG: &[u8] = b"rekeyd journal record 1";

/// A record as it lies in the database, byte for byte: what was tampered with need not be text, or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub seq: i64,
    pub at: i64,
    pub app: Option<Vec<u8>>,
    pub rotation: Option<Vec<u8>>,
    pub kind: Vec<u8>,
    pub body: Vec<u8>,
    pub prev: Vec<u8>,
    pub hash: Vec<u8>,
}

/// The head that an empty journal has.
pub(super) fn genesis(installation: &[u8]) -> Head {
    let mut digest = Sha256::new();
    field(&mut digest, Some(GENESIS_TAG));
    field(&mut digest, Some(installation));
    Head(digest.finalize().into())
}

/// The head after `record`, if `prev` was the head before it. Its own `prev` and `hash` are not looked at.
pub(super) fn link(prev: Head, record: &Stored) -> Head {
    let mut digest = Sha256::new();
    field(&mut digest, Some(RECORD_TAG));
    field(&mut digest, Some(&prev.0));
    field(&mut digest, Some(&record.seq.to_be_bytes()));
    field(&mut digest, Some(&record.at.to_be_bytes()));
    field(&mut digest, record.app.as_deref());
    field(&mut digest, record.rotation.as_deref());
    field(&mut digest, Some(&record.kind));
    field(&mut digest, Some(&record.body));
    Head(digest.finalize().into())
}

/// Absent and empty differ; the length keeps what belongs to one field from being read as part of the next.
fn field(digest: &mut Sha256, bytes: Option<&[u8]>) {
    match bytes {
        None => digest.update([0]),
        Some(bytes) => {
            digest.update([1]);
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        }
    }
}

/// Walks a history from its beginning.
pub(super) struct Checker {
    expected: Option<Head>,
    expected_at: Option<i64>,
    count: i64,
    head: Head,
}

impl Checker {
    pub fn new(installation: &[u8], expected: Option<Head>) -> Checker {
        let head = genesis(installation);
        let expected_at = (expected == Some(head)).then_some(0);
        Checker {
            expected,
            expected_at,
            count: 0,
            head,
        }
    }

    /// The place that the next record must have.
    pub fn next_seq(&self) -> i64 {
        self.count.saturating_add(1)
    }

    /// Stored digests are compared as the text that was written: upper-case digits would be a change too.
    pub fn check(&mut self, record: &Stored) -> Result<(), Broken> {
        let seq = self.next_seq();
        let broken = |what| Err(Broken { seq, what });
        if record.seq != seq {
            return broken(Damage::Missing);
        }
        if record.prev != self.head.to_string().as_bytes() {
            return broken(Damage::Unlinked);
        }
        let head = link(self.head, record);
        if record.hash != head.to_string().as_bytes() {
            return broken(Damage::Edited);
        }
        self.count = seq;
        self.head = head;
        if self.expected == Some(head) {
            self.expected_at = Some(seq);
        }
        Ok(())
    }

    /// `last_seq` and `last_hash` are the journal's own note of its end.
    pub fn finish(self, last_seq: i64, last_hash: &[u8]) -> Result<Verified, Broken> {
        let seq = self.next_seq();
        if last_seq != self.count || last_hash != self.head.to_string().as_bytes() {
            return Err(Broken {
                seq,
                what: Damage::End,
            });
        }
        if self.expected.is_some() && self.expected_at.is_none() {
            return Err(Broken {
                seq,
                what: Damage::ExpectedHeadAbsent,
            });
        }
        Ok(Verified {
            count: self.count,
            head: self.head,
            expected_at: self.expected_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Stored {
        Stored {
            seq: 1,
            at: 5,
            app: Some(b"ab".to_vec()),
            rotation: None,
            kind: b"c".to_vec(),
            body: b"{}".to_vec(),
            prev: Vec::new(),
            hash: Vec::new(),
        }
    }

    /// Computed once by an independent program from the description at the top of this file. If this fails, the
    /// heads in everybody's logs no longer match their journals: the tag must change, and old records keep theirs.
    #[test]
    fn the_digest_is_the_documented_one() {
        let genesis = genesis(b"installation");
        assert_eq!(
            genesis.to_string(),
            "1b305c57981179f806d8a2a4be5399bfe54c28975944fa717bce16ea5bae4541"
        );
        assert_eq!(
            link(genesis, &record()).to_string(),
            "d22a4e3680dd1ddda6523db49a8bb4e37dc9de2ea20dc1cba6d9be67162c462f"
        );
    }

    #[test]
    fn a_byte_that_moves_between_fields_changes_the_digest() {
        let before = genesis(b"x");
        let moved = Stored {
            app: Some(b"a".to_vec()),
            kind: b"bc".to_vec(),
            ..record()
        };
        let swapped = Stored {
            app: None,
            rotation: Some(b"ab".to_vec()),
            ..record()
        };
        let emptied = Stored {
            rotation: Some(Vec::new()),
            ..record()
        };
        for other in [moved, swapped, emptied] {
            assert_ne!(link(before, &other), link(before, &record()), "{other:?}");
        }
    }
}
