//! The one request that each method logs in with, and what its answer means. What is shown goes into the body, never
//! into a URL.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::credential;
use super::lease::Grant;
use crate::port::Fault;
use crate::secret::Secret;
use crate::store::vault::answer::Answer;
use crate::store::vault::settings::{Login, Method};
use crate::store::vault::wire::Wire;

/// A token that was made for us.
pub(super) struct Granted {
    pub(super) token: Secret,
    pub(super) grant: Grant,
}

/// A secret id that came wrapped. Kept, since its wrapping token is good for one unwrapping.
pub(super) struct Unwrapped {
    from: Secret,
    secret_id: Secret,
}

#[derive(Deserialize)]
struct Authenticated {
    auth: Option<Authentication>,
}

#[derive(Deserialize)]
struct Authentication {
    #[serde(deserialize_with = "secret")]
    client_token: Secret,
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Deserialize)]
struct SecretId {
    #[serde(deserialize_with = "secret")]
    secret_id: Secret,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::new)
}

/// Logs in once. `unwrapped` is what an earlier login unwrapped.
pub(super) async fn log_in(
    wire: &Wire,
    login: &Login,
    unwrapped: &mut Option<Unwrapped>,
) -> Result<Granted, Fault> {
    let body = match &login.method {
        Method::AppRole {
            role_id,
            secret_id_file,
            wrapped,
        } => {
            let read = credential::read("secret id", secret_id_file).await?;
            let secret_id = match wrapped {
                true => unwrap(wire, login, read, unwrapped).await?,
                false => read,
            };
            json!({ "role_id": role_id, "secret_id": secret_id.expose() })
        }
        Method::Jwt { role, jwt_file } => {
            let jwt = credential::read("JWT", jwt_file).await?;
            with_role(json!({ "jwt": jwt.expose() }), "role", role.as_deref())
        }
        Method::Certificate { role } => with_role(json!({}), "name", role.as_deref()),
    };
    let request = wire
        .requests()
        .post(&format!("auth/{}/login", login.mount), &body)?;
    let answer = wire.send(request, None).await?;
    if let Some(fault) = refused(&answer, || remedy(login)) {
        return Err(fault);
    }
    granted(&answer).ok_or_else(|| {
        let path = format!("auth/{}/login", login.mount);
        Fault::Unusable(format!(
            "`{path}` was answered without a token: does it want a second factor?"
        ))
    })
}

/// The token and lease in an answer to a login or a renewal.
pub(super) fn granted(answer: &Answer) -> Option<Granted> {
    let found = answer.whole::<Authenticated>()?.auth?;
    (!found.client_token.expose().is_empty()).then_some(Granted {
        token: found.client_token,
        grant: Grant {
            ttl: found.lease_duration,
            renewable: found.renewable,
        },
    })
}

/// Why an answer grants nothing; `None` for success. What the server itself says no to is our login; `why` says what
/// to look at.
pub(super) fn refused(answer: &Answer, why: impl Fn() -> String) -> Option<Fault> {
    match answer.status {
        400..=404 if answer.is_refusal() => Some(Fault::Unauthorized(format!(
            "{} (answered {})",
            why(),
            answer.status
        ))),
        404 => Some(Fault::Unavailable(
            "answered 404, not by the server itself".into(),
        )),
        _ => answer.fault("a login"),
    }
}

async fn unwrap(
    wire: &Wire,
    login: &Login,
    wrapping: Secret,
    kept: &mut Option<Unwrapped>,
) -> Result<Secret, Fault> {
    if let Some(known) = kept
        .as_ref()
        .filter(|known| known.from.expose() == wrapping.expose())
    {
        return Ok(known.secret_id.clone());
    }
    let token = credential::header(&wrapping, "the wrapping token")?;
    let request = wire.requests().post("sys/wrapping/unwrap", &json!({}))?;
    let answer = wire.send(request, Some(&token)).await?;
    let used = || {
        "the wrapping token of the secret id has expired or has been used before: if not by an earlier run of rekeyd, \
         somebody else has the secret id: destroy it; write a new wrapping token"
            .to_owned()
    };
    if let Some(fault) = refused(&answer, used) {
        return Err(fault);
    }
    let Some(SecretId { secret_id }) = answer.data() else {
        return Err(Fault::Unusable(format!(
            "the wrapping token holds no secret id: make it with `write -wrap-ttl=… -f auth/{}/role/…/secret-id`",
            login.mount
        )));
    };
    *kept = Some(Unwrapped {
        from: wrapping,
        secret_id: secret_id.clone(),
    });
    Ok(secret_id)
}

fn with_role(mut body: Value, key: &str, role: Option<&str>) -> Value {
    if let (Some(role), Value::Object(fields)) = (role, &mut body) {
        fields.insert(key.to_owned(), role.into());
    }
    body
}

fn remedy(login: &Login) -> String {
    let mount = &login.mount;
    let role = |role: &Option<String>| match role {
        Some(role) => format!("the role `{role}`"),
        None => "a role".to_owned(),
    };
    match &login.method {
        Method::AppRole { secret_id_file, .. } => format!(
            "`auth/{mount}` refuses the AppRole login: the secret id of {} is wrong, has expired, is used up or is \
             bound to another address, the role id is wrong, the server has locked the role for some minutes after \
             refusals, or no AppRole is mounted there",
            secret_id_file.display()
        ),
        Method::Jwt { role: name, jwt_file } => format!(
            "`auth/{mount}` refuses the JWT of {} for {}: it has expired, its issuer, audience, subject or service \
             account is not one of the role's, the server cannot verify it, or nothing is mounted there",
            jwt_file.display(),
            role(name)
        ),
        Method::Certificate { role: name } => format!(
            "`auth/{mount}` takes the client certificate for {} not: it has expired, its authority or names are not \
             the role's, the listener does not ask for one, or nothing is mounted there",
            role(name)
        ),
    }
}
