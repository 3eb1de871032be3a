//! Salesforce record ids: 15 characters, or 18 with a checksum of their upper-case letters.

/// A record id in its 15-character form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecordId(String);

impl RecordId {
    /// The `number`-th id under a three-character key prefix.
    pub(super) fn new(prefix: &str, number: u64) -> Self {
        Self(format!("{prefix}xx{number:010}"))
    }

    /// Takes an id given in either form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let plain = text.chars().all(|character| character.is_ascii_alphanumeric());
        match (plain, text.len(), text.get(..15)) {
            (true, 15 | 18, Some(head)) => Some(Self(head.to_owned())),
            _ => None,
        }
    }

    /// True when `text` names this record; only the first 15 characters count.
    pub(super) fn is(&self, text: &str) -> bool {
        Self::parse(text).is_some_and(|other| other == *self)
    }

    pub(super) fn short(&self) -> &str {
        &self.0
    }

    /// The 18-character form: one checksum character for each five, from the positions of capitals.
    pub(super) fn long(&self) -> String {
        const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
        let mut text = self.0.clone();
        for block in self.0.as_bytes().chunks(5) {
            let mut bits = 0_usize;
            for (place, byte) in block.iter().enumerate() {
                if byte.is_ascii_uppercase() {
                    bits |= 1 << place;
                }
            }
            text.push(char::from(CHECK.get(bits).copied().unwrap_or(b'A')));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::RecordId;

    #[test]
    fn the_checksum_counts_capitals() {
        // One character for five, whose bits say which of them are capitals, the first being the lowest bit.
        let id = RecordId::parse("00D5g000004ABCd").unwrap();
        assert_eq!(id.long(), "00D5g000004ABCdEAO");
        assert!(id.is(&id.long()));
        assert_eq!(
            RecordId::parse("AAAAAaaaaa01234").unwrap().long(),
            "AAAAAaaaaa012345AA"
        );
        assert!(RecordId::parse("short").is_none());
    }
}
