//! What of a rotation needs the org's window, what raises the doubt that it is open still, and what needs a clock that can
//! be relied on.

use tokio::sync::watch;

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

/// Waits until the org's clock shows the time that we go by.
pub(super) async fn agreed(clocks: &mut watch::Receiver<bool>) {
    let told = clocks.wait_for(|agree| *agree).await.is_ok();
    if !told {
        // Nobody is left who could tell: the service is at its end.
        std::future::pending::<()>().await;
    }
}

/// Whether this ends the old pair because its grace is over by the clock.
pub(super) fn ends_grace(state: &State, action: &Action) -> bool {
    let by_time = state.caps.overlap && !state.grace_ended && !state.limits.grace.is_zero();
    let ends = match action {
        Action::Perform(effects) => effects.contains(&Effect::Revoke),
        Action::Look(look) => *look == Look::Superseded,
        Action::Await | Action::Wait(_) | Action::Rest => false,
    };
    by_time && ends
}
