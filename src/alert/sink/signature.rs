//! The signature of Standard Webhooks (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Unusable;
use crate::secret::Secret;

/// A key that signs.
pub struct SigningKey(Zeroizing<Vec<u8>>);

impl SigningKey {
    /// Fewest bytes that the specification allows.
    const SHORTEST: usize = 24;

    /// From `whsec_` and the key in Base64.
    ///
    /// # Errors
    /// [`Unusable`] for anything else.
    pub fn read(secret: &Secret) -> Result<SigningKey, Unusable> {
        let text = secret.expose().trim();
        let wrong = Unusable("its secret is not `whsec_` and at least 24 bytes in Base64");
        let encoded = text.strip_prefix("whsec_").ok_or(wrong)?;
        let key = STANDARD.decode(encoded).map_err(|_| wrong)?;
        let key = Zeroizing::new(key);
        match key.len() >= Self::SHORTEST {
            true => Ok(SigningKey(key)),
            false => Err(wrong),
        }
    }

    /// The value of `webhook-signature`: of the id, the seconds since 1970 and the body as it is sent.
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        // HMAC takes a key of any length, so this cannot fail; a missing signature would be refused by every receiver.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_known_example() {
        let key = SigningKey::read(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())).unwrap();
        let signature = key.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_short",
            "whsec_MfKQ",
            "whsec_",
        ] {
            assert!(SigningKey::read(&Secret::new(text.into())).is_err(), "{text}");
        }
    }
}
