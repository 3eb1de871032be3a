//! The assertion of the JWT bearer grant (O §5), judged on the org's own clock.

use crate::sandbox::app::App;
use crate::sandbox::switches::Switches;
use crate::sandbox::time::Moment;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

/// What the grant reads of an assertion.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    prn: String,
    aud: String,
    exp: i64,
}

impl Claims {
    /// The user; `prn` is the old name of `sub`.
    pub(super) fn user(&self) -> &str {
        if self.sub.is_empty() { &self.prn } else { &self.sub }
    }
}

/// The issuer an assertion claims, before anything is verified.
pub(super) fn issuer(assertion: &str) -> Option<String> {
    jsonwebtoken::dangerous::insecure_decode::<Claims>(assertion)
        .ok()
        .map(|token| token.claims.iss)
}

/// Verifies an assertion of `app`; the error is a description for `invalid_grant`.
pub(super) fn verify(
    assertion: &str,
    app: &App,
    at: Moment,
    base_url: &str,
    switches: &Switches,
) -> Result<Claims, &'static str> {
    let certificate = app.certificate().ok_or("invalid assertion")?;
    let key = DecodingKey::from_rsa_pem(certificate.as_bytes()).map_err(|_| "invalid assertion")?;
    let mut rules = Validation::new(Algorithm::RS256);
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(assertion, &key, &rules)
        .map_err(|_| "invalid assertion")?
        .claims;
    let audience = claims.aud.trim_end_matches('/');
    let accepted = switches.jwt_audiences.iter().any(|one| {
        let one = if one == "self" { base_url } else { one };
        one.trim_end_matches('/') == audience
    });
    if !accepted {
        return Err("audience is invalid");
    }
    let now = at.timestamp();
    if claims.exp <= now {
        return Err("expired assertion");
    }
    let ceiling = i64::try_from(switches.jwt_exp_ceiling_seconds).unwrap_or(i64::MAX);
    if ceiling > 0 && claims.exp.saturating_sub(now) > ceiling {
        return Err("invalid assertion: exp lies too far ahead");
    }
    Ok(claims)
}
