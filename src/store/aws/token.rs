//! Names of versions: those that we give, and those that we are given.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::port::VersionRef;
use crate::rotation::RotationId;

/// What stands for a place that no version holds.
pub(super) const NOTHING: &str = "0";

/// AWS's own bounds of a version id, in characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 32..=64;

/// A [`VersionRef`] of this store: a version id, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base(pub(super) Option<String>);

impl Base {
    /// `Err` says what is wrong with it.
    pub(super) fn parse(version: &VersionRef) -> Result<Self, String> {
        let text = version.0.as_str();
        let id = LENGTHS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        match (text, id) {
            (NOTHING, _) => Ok(Base(None)),
            (_, true) => Ok(Base(Some(text.to_owned()))),
            (_, false) => Err("the version named is none of AWS Secrets Manager".into()),
        }
    }

    pub(super) fn of(holder: Option<&str>) -> VersionRef {
        VersionRef(holder.unwrap_or(NOTHING).to_owned())
    }
}

/// The request token, and so the version id, of what `rotation` writes after merging with version `base`. `attempt`
/// tells apart values of one rotation: a second mint, or a merge whose base turned out to be another.
pub(super) fn token(rotation: RotationId, base: Option<&str>, attempt: u8) -> String {
    let mut hash = Sha256::new();
    for part in [
        rotation.to_string().as_bytes(),
        base.unwrap_or(NOTHING).as_bytes(),
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update([attempt]);
    let mut bytes = Uuid::nil().into_bytes();
    bytes
        .iter_mut()
        .zip(hash.finalize())
        .for_each(|(to, from)| *to = from);
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation(number: u128) -> RotationId {
        RotationId::from(Uuid::from_u128(number))
    }

    #[test]
    fn a_token_names_rotation_base_and_attempt() {
        let one = token(rotation(1), Some("a"), 0);
        assert_eq!(one, token(rotation(1), Some("a"), 0));
        assert_eq!(Base::parse(&VersionRef(one.clone())), Ok(Base(Some(one.clone()))));
        for other in [
            token(rotation(2), Some("a"), 0),
            token(rotation(1), Some("b"), 0),
            token(rotation(1), None, 0),
            token(rotation(1), Some("a"), 1),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn only_aws_ids_and_nothing_are_versions() {
        assert_eq!(Base::parse(&VersionRef("0".into())), Ok(Base(None)));
        for wrong in ["", "7", "-1", "seven", &"a".repeat(31), &"a".repeat(65)] {
            assert!(Base::parse(&VersionRef(wrong.into())).is_err(), "{wrong}");
        }
        let spaced = format!("{} {}", "a".repeat(16), "b".repeat(16));
        assert!(Base::parse(&VersionRef(spaced)).is_err());
    }
}
