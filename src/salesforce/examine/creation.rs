//! Could a Connected App be created here? Salesforce judges a deploy of one that is never made: `checkOnly` commits
//! nothing (salesforce-metadata.md §6, §9.7; that it applies this very rule is not proven).

use std::time::Duration;

use super::super::metadata::{self, Deployed};
use super::super::org::Org;
use crate::port::{Fault, Outcome};

/// No app has this name, and none gets it.
const NAME: &str = "rekeyd_doctor_probe";

/// A deploy waits for those before it; so long is waited for.
const LOOKS: u32 = 12;
const PAUSE: Duration = Duration::from_secs(2);

/// Asks, and waits for the verdict.
pub(super) async fn possible(org: &Org) -> Result<bool, Fault> {
    let version = org.version().await?;
    let Some(zip) = metadata::new_connected_app(NAME, &version) else {
        return Err(Fault::Unusable("the package could not be written".into()));
    };
    let id = match metadata::check(org, &zip).await {
        Outcome::Done(id) => id,
        Outcome::Partly(why) | Outcome::Unknown(why) => return Err(Fault::Unavailable(why)),
        Outcome::Refused(refusal) => return Err(Fault::Forbidden(refusal.to_string())),
        Outcome::NotNow(fault) => return Err(fault),
    };
    for _ in 0..LOOKS {
        match metadata::deploy_status(org, &id).await? {
            Deployed::Succeeded => return Ok(true),
            Deployed::Failed(class) if class.is_creation_blocked() => return Ok(false),
            Deployed::Failed(class) => {
                return Err(Fault::Unusable(format!(
                    "it was judged otherwise: {}",
                    class.words()
                )));
            }
            Deployed::Running => org.clock.sleep_until(org.clock.now() + PAUSE).await,
        }
    }
    Err(Fault::Unavailable(
        "the deploy that asks waits behind others".into(),
    ))
}
