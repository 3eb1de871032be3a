//! The refresh tokens of an External Client App: whose they are, and the one call that ends them all
//! (salesforce-oauth-rest.md §1, §4).

use reqwest::Method;
use serde_json::Value;

use super::super::fault::{self, Area, Class, Failure};
use super::super::id::RecordId;
use super::super::org::{Call, Org};
use super::find::PAGES;
use crate::port::{Fault, Outcome};

fn usage(app: &RecordId) -> String {
    format!("/apps/oauth/usage/{}", app.as_str())
}

/// How many users hold a token of the app.
pub(crate) async fn users(org: &Org, app: &RecordId) -> Result<u64, Fault> {
    let mut count: u64 = 0;
    for page in 0..PAGES {
        let mut call = Call::get("count users", format!("{}/users", usage(app)));
        call.query.push(("page", page.to_string()));
        call.query.push(("pageSize", "100".into()));
        let reply = org.rest(&call).await.map_err(Failure::fault)?;
        let body = fault::read(&reply).map_err(|class| class.fault(Area::Credentials))?;
        let Some((users, more)) = read(body) else {
            return Err(Fault::Unusable(
                "the list of the app's users is not legible".into(),
            ));
        };
        count = count.saturating_add(users);
        // The last page can name a next one as well, which is empty then.
        if users == 0 || !more {
            return Ok(count);
        }
    }
    Err(Fault::Unusable(format!(
        "the list of the app's users has more than {PAGES} pages"
    )))
}

/// How many users a page has, and whether it names a next one.
fn read(body: &[u8]) -> Option<(u64, bool)> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let users = value.get("users")?.as_array()?.len();
    let more = value.get("nextPageUrl").is_some_and(Value::is_string);
    Some((u64::try_from(users).ok()?, more))
}

/// Ends every refresh token of the app. Safe to repeat.
pub(crate) async fn end(org: &Org, app: &RecordId) -> Outcome<()> {
    let mut call = Call::get("end tokens", format!("{}/tokens", usage(app)));
    call.method = Method::DELETE;
    let reply = match org.rest(&call).await {
        Ok(reply) => reply,
        Err(failure) => return failure.outcome(),
    };
    match fault::read(&reply) {
        // An app without any may not be listed as used.
        Ok(_) | Err(Class::Missing(_)) => Outcome::Done(()),
        Err(class) => class.outcome(Area::Credentials),
    }
}
