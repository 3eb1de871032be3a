//! What an org, its apps and their stores are fit for: observations in, findings and verdicts out.
//!
//! The public record leaves open what an org lets a program do (salesforce-metadata.md §0), so which method fits an app
//! is found out per app and not guessed. Probes ask (`port::Examiner`); what they saw is an [`observed`] value; the
//! functions here turn that into [`Finding`]s, each of which says in words what it is, which methods it closes or leaves
//! in doubt, and how a person puts it right. A method is *open* when nothing was found against it, *closed* when
//! something was, *unknown* when only a change could tell.
//!
//! - `observed`: what probes saw, and what they could not see. `finding`: the vocabulary of the answers.
//! - `org`, `external`, `connected`, `stores`, `flow`: one file per subject. `judge`: all of them together.
//! - `twins`: apps of the policy that are one.
//! - `choose`: which of the methods that the policy lists is used. `advice`: a way that is better than all of them.
//!
//! Pure and total. Not here: asking (`salesforce/examine`, `engine/examine`), and remembering (`engine/service`).

mod advice;
mod choose;
mod connected;
mod external;
mod finding;
mod flow;
mod judge;
pub mod observed;
mod org;
mod stores;
mod twins;

pub use advice::Advice;
pub use choose::{Choice, choose};
pub use finding::{Finding, Means, MethodVerdict, Standing, Way};
pub use judge::{AppReport, OrgFindings, app, org};
pub use twins::{Examined, tell_twins};
