//! Why an app stands still, and what a person can do about it: commands to type and places in Setup.

use super::setup::SETUP;
use super::{AppKind, in_setup, store_name};
use crate::engine::ledger::AppLedger;
use crate::rotation::{End, Hold};

/// Why it is held, with the stores by name.
pub fn hold_words(hold: &Hold, stores: &[String]) -> String {
    match hold {
        Hold::ForeignPending { store, version } => format!(
            "{} holds a pending version {version} that is not ours",
            store_name(stores, *store)
        ),
        Hold::OwnLogin
        | Hold::Obstacles { .. }
        | Hold::StoresDisagree
        | Hold::CurrentRefused
        | Hold::CurrentDiffers
        | Hold::Inconclusive { .. }
        | Hold::ForeignSlot { .. }
        | Hold::ForeignCurrent { .. }
        | Hold::EarlyRefused
        | Hold::NeverAccepted
        | Hold::NeitherAccepted { .. }
        | Hold::StillAccepted
        | Hold::BrokenUndo { .. }
        | Hold::Unanswered
        | Hold::Refused { .. }
        | Hold::Masked
        | Hold::Exhausted { .. } => hold.to_string(),
    }
}

/// What a person can do about a hold of `app`, with the exact commands. Which place in Setup is meant, [`in_setup`] says.
/// `rotated`: consumers have the new credential, and only the old one's retirement is left.
pub fn remedy(hold: &Hold, app: &str, rotated: bool) -> String {
    let resume = format!("`rekeyd resume {app}`");
    let abandon = match rotated {
        false => format!("`rekeyd abandon {app}`"),
        true => format!("`rekeyd abandon {app}`, which leaves the old credential as it is"),
    };
    match hold {
        Hold::OwnLogin => format!(
            "rekeyd cannot rotate what it logs in with: give it a login app of its own ([org.….login.jwt]), or take \
             [app.{app}] out of the policy after {abandon}"
        ),
        Hold::Obstacles { .. } => {
            format!("put right what is named, then {resume}; or end the rotation: {abandon}")
        }
        Hold::StoresDisagree => format!(
            "see what each store holds (`rekeyd secret {app} --store NAME`), copy the credential that works to the \
             others, then {resume}; or {abandon}"
        ),
        Hold::CurrentRefused => format!(
            "consumers cannot log in with what they read: look up the pair in force ({SETUP}), write it to the \
             stores, then {resume}"
        ),
        Hold::CurrentDiffers => format!(
            "somebody rotated without rekeyd: compare with {SETUP}, write the pair in force to the stores, then \
             {resume}; or {abandon}"
        ),
        Hold::Inconclusive { .. } => format!(
            "let one probe tell: turn on the client credentials flow with a run-as user for the app and set \
             `client_credentials = true`, or lift what blocks the token endpoint (IP ranges, login hours), then \
             {resume}; or {abandon}"
        ),
        Hold::ForeignSlot { id } => format!(
            "ask who staged it ({SETUP}); if nobody needs it, `rekeyd resume {app} --take-over {id}` removes it and \
             goes on; otherwise let them finish, then {resume}; or {abandon}"
        ),
        Hold::ForeignPending { version, .. } => format!(
            "ask who wrote it; if nobody needs it, `rekeyd resume {app} --take-over {version}` writes over it; \
             otherwise let them finish, then {resume}"
        ),
        Hold::ForeignCurrent { .. } if rotated => format!(
            "see which pair is in force ({SETUP}): `rekeyd adopt {app}` takes over what Salesforce or a store shows, \
             `rekeyd submit {app}` the pair that you hand over; once that is proven, this rotation is ended with \
             nothing more revoked; or put ours back in force and in every store, then {resume}; or {abandon}"
        ),
        Hold::ForeignCurrent { .. } => format!(
            "decide which credential is to stay: put it in every store, then {resume}; before the point of no return \
             {abandon} ends the rotation and changes nothing"
        ),
        Hold::EarlyRefused => format!(
            "see that the staged pair still stands ({SETUP}) and that the app is enabled, then {resume}; or {abandon}"
        ),
        Hold::NeverAccepted => format!(
            "consumers still use the old credential, which rekeyd does not revoke: see that the app is enabled and \
             lets rekeyd's network in ({SETUP}), then {resume} asks again"
        ),
        Hold::NeitherAccepted { .. } => format!(
            "consumers cannot log in: see that the app is enabled ({SETUP}), then {resume}; if its pair there is none \
             of ours, write it to every store, then {resume} (method assisted: {abandon}, then `rekeyd submit {app}` \
             with that pair)"
        ),
        Hold::StillAccepted => format!(
            "whoever knows the old credential can still log in, and no call ends it: have it revoked or rotated in \
             {SETUP}, then {resume} proves it dead; or {abandon}"
        ),
        Hold::BrokenUndo { .. } => format!(
            "consumers read the old credential, and Salesforce may not take it: {resume} tries once more to put it \
             back; if that cannot work, read the old pair (`rekeyd secret {app}`), compare it with the pair in force \
             ({SETUP}), write the one in force to every store by hand, then {resume}"
        ),
        Hold::Unanswered => format!(
            "nothing has changed for consumers: look in Setup > Deployment Status for a deployment by rekeyd's user; \
             if one is pending, leave it alone, and its secret is taken as soon as it is there; if there is none, \
             {resume} asks for a new secret once more"
        ),
        Hold::Refused { .. } => {
            format!("have the right or the switch that is named granted, then {resume}; or {abandon}")
        }
        Hold::Masked => format!(
            "turn on `Allow access to External Client App consumer secrets via REST API` in Setup, or let a person \
             rotate it ({SETUP}); then {resume}, or {abandon}"
        ),
        Hold::Exhausted { .. } => {
            format!("see whether what is named works again; {resume} tries at once; or {abandon}")
        }
    }
}

/// What a person can do about an app that nothing more is started for, by its last ending.
pub fn stopped_remedy(ledger: &AppLedger, app: &str) -> Option<String> {
    let resume = format!("`rekeyd resume {app}`");
    let kind = ledger.run.as_ref().and_then(|run| AppKind::of(&run.policy));
    Some(match ledger.stopped_by()? {
        End::Ignored | End::NotOffered { .. } => {
            let staged = match kind {
                Some(AppKind::ExternalClientApp) => "the policy names the method `staged`",
                Some(AppKind::ConnectedApp) | None => {
                    "the app moves to an External Client App (method `staged`)"
                }
            };
            let text = format!(
                "this org does not change the secret of this app in place; what remains: a person rotates it ({SETUP}) \
                 and hands the new pair over (`rekeyd submit {app}`), or {staged}; {resume} tries in place again"
            );
            in_setup(text, kind)
        }
        End::Undone { .. } => {
            format!("no store could be written in time, three times: see that they can be, then {resume}")
        }
        End::Done { .. } | End::Abandoned { .. } | End::GivenUp { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::Effect;

    #[test]
    fn every_hold_names_a_command_of_its_app_and_what_to_take_over() {
        let text = || "x".to_owned();
        let holds = [
            Hold::OwnLogin,
            Hold::Obstacles { what: vec![text()] },
            Hold::StoresDisagree,
            Hold::CurrentRefused,
            Hold::CurrentDiffers,
            Hold::Inconclusive { answer: text() },
            Hold::ForeignSlot { id: "888F".into() },
            Hold::ForeignPending {
                store: 1,
                version: "888F".into(),
            },
            Hold::ForeignCurrent { what: text() },
            Hold::EarlyRefused,
            Hold::NeverAccepted,
            Hold::NeitherAccepted { answer: text() },
            Hold::StillAccepted,
            Hold::Unanswered,
            Hold::BrokenUndo { answer: text() },
            Hold::Refused {
                effect: Effect::Mint,
                why: text(),
            },
            Hold::Masked,
            Hold::Exhausted { why: text() },
        ];
        for hold in holds {
            let told = remedy(&hold, "billing", false);
            let commands = ["`rekeyd resume billing", "`rekeyd abandon billing`"];
            assert!(commands.iter().any(|command| told.contains(command)), "{told}");
            assert!(!told.contains("  "), "{told}");
            if matches!(hold, Hold::ForeignSlot { .. } | Hold::ForeignPending { .. }) {
                assert!(told.contains("--take-over 888F`"), "{told}");
            }
            if let Hold::ForeignCurrent { .. } = hold {
                let told = remedy(&hold, "billing", true);
                assert!(told.contains("`rekeyd adopt billing`"), "{told}");
                assert!(told.contains("`rekeyd abandon billing`, which leaves"), "{told}");
            }
        }
        let stores = ["first".to_owned(), "second".to_owned()];
        let version = "7".to_owned();
        let pending = Hold::ForeignPending { store: 1, version };
        assert!(hold_words(&pending, &stores).starts_with("second holds"));
    }
}
