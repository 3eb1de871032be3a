//! What of a rotation needs the org's window, and what raises the doubt that it is open still.

use crate::rotation::{Action, Answer, Effect, Look, Observation, State};

/// Whether Salesforce is asked for credentials, which takes the window.
pub(super) fn wants_credentials(state: &State, action: &Action) -> bool {
    let stored = || state.lanes.iter().any(|lane| lane.pending.is_done());
    let wants = |effect: &Effect| match effect {
        Effect::Mint | Effect::Discard | Effect::Cutover | Effect::Undo | Effect::Revoke => true,
        // A value that is in no store may have to be read again.
        Effect::Store(_) => !stored(),
        Effect::Publish(_) | Effect::Clear(_) | Effect::Quarantine(_) | Effect::Reset => false,
    };
    match action {
        Action::Perform(effects) => effects.iter().any(wants),
        Action::Look(Look::Baseline | Look::Recheck | Look::Superseded) => true,
        Action::Look(Look::Took(effect)) => wants(effect),
        Action::Look(Look::Probe { .. }) => state.lies_between_mint_and_stored(),
        Action::Look(Look::Choose) | Action::Await | Action::Wait(_) | Action::Rest => false,
    }
}

/// Something did not go as it should, which may be because somebody has closed the window.
pub(super) fn is_refusal(observation: &Observation) -> bool {
    match observation {
        Observation::Unavailable { .. } => true,
        Observation::Performed(_, answer) => matches!(answer, Answer::Refused(_)),
        Observation::Restarted
        | Observation::Tick
        | Observation::Surveyed(_)
        | Observation::Chosen(_)
        | Observation::Found(..)
        | Observation::Probed(..)
        | Observation::Resume { .. }
        | Observation::Handed { .. }
        | Observation::EndGrace { .. }
        | Observation::GiveUp { .. }
        | Observation::Abandon { .. } => false,
    }
}
