//! Randomness as a parameter. The only file that asks the operating system for random bytes.

use crate::secret::Secret;

/// A source of unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills the whole buffer.
    ///
    /// # Errors
    /// [`NoEntropy`] when the source cannot answer: the caller stops, it never goes on with weaker bytes.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The operating system's generator gave no bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system's random generator gave no bytes")]
pub struct NoEntropy;

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system generator"
    )]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(buffer).map_err(|_| NoEntropy)
    }
}

/// The characters Salesforce documents for a consumer secret (salesforce-metadata.md §2.1).
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Length of a secret that we choose, in characters: about 381 bits.
pub const SECRET_LENGTH: usize = 64;

/// A consumer secret of our own choosing: [`SECRET_LENGTH`] characters of `[A-Za-z0-9]`, each equally likely.
///
/// # Errors
/// [`NoEntropy`].
pub fn consumer_secret(random: &dyn Random) -> Result<Secret, NoEntropy> {
    let mut text = String::with_capacity(SECRET_LENGTH);
    let mut block = zeroize::Zeroizing::new([0_u8; 128]);
    while text.len() < SECRET_LENGTH {
        random.fill(block.as_mut())?;
        // Bytes from 248 up are thrown away: 248 = 4 * 62, so what is left is unbiased.
        let letters = block.iter().filter(|byte| **byte < 248);
        let letters = letters.filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len()));
        text.extend(
            letters
                .map(|byte| char::from(*byte))
                .take(SECRET_LENGTH - text.len()),
        );
    }
    Ok(Secret::new(text))
}

/// A random (version 4) UUID.
///
/// # Errors
/// [`NoEntropy`].
pub fn uuid(random: &dyn Random) -> Result<uuid::Uuid, NoEntropy> {
    let mut bytes = [0_u8; 16];
    random.fill(&mut bytes)?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_secret_has_the_length_and_alphabet_that_salesforce_documents() {
        let secret = consumer_secret(&SystemRandom).unwrap();
        assert_eq!(secret.expose().len(), SECRET_LENGTH);
        assert!(secret.expose().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(secret.expose(), consumer_secret(&SystemRandom).unwrap().expose());
    }
}
