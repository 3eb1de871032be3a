//! `[app.X]`.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeValue;

use super::scalar::{Complaint, boolean, duration, line, some_duration, store_path, url};
use super::target::{TargetDraft, target};
use super::timing::{shortest, timing};
use super::{At, Node, Table};
use crate::policy::hint;
use crate::policy::mask::quoted;
use crate::policy::{AppPolicy, Fields, Flow, StoreEntry, Target};
use crate::schedule::Timing;

const DAY: u64 = 86_400;

/// How long Salesforce keeps the previous pair (salesforce-oauth-rest.md, section 1).
const LONGEST_GRACE: Duration = Duration::from_secs(30 * DAY);

/// What is kept where nobody said: long enough for a consumer that is deployed weekly.
const USUAL_GRACE: Duration = Duration::from_secs(7 * DAY);

/// The names that an app may refer to, also of tables that are faulty.
pub(crate) struct Known {
    pub orgs: Vec<String>,
    /// With its kind, where that can be told.
    pub stores: BTreeMap<String, Option<&'static str>>,
}

/// What was read of an app, as far as it was read: rules between apps hold for faulty ones too.
pub(crate) struct AppDraft {
    pub name: String,
    /// Its header.
    pub at: At,
    pub org: Option<(String, At)>,
    pub target: Option<(Target, At)>,
    pub stores: Vec<(StoreEntry, At)>,
    /// Without its org's `cutover_timeout`; `own_timeout` says whether it has one.
    pub policy: Option<AppPolicy>,
    pub own_timeout: bool,
}

pub(crate) fn app(name: &str, mut table: Table<'_>, known: &Known) -> AppDraft {
    let at = table.at.clone();
    let org = table.required("org", |node| {
        let org = line(node)?;
        exists(node, "org", &org, known.orgs.iter().map(String::as_str)).then(|| (org, node.at.clone()))
    });
    let (stores, all_stores) = stores(name, &mut table, known);
    let timing = timing(name, &mut table);
    let draft = target(name, &mut table);
    let grace = grace(&mut table, timing.as_ref(), draft.as_ref());
    let timeout = table.optional("cutover_timeout", some_duration);
    let answer_within = table.or("answer_within", AppPolicy::ANSWER_WITHIN, some_duration);
    let cool_down = table.or("cool_down", Duration::from_secs(60), duration);
    let client_credentials = table.optional("client_credentials", boolean);
    let flow = table.optional("flow", flow);
    let token_url = table.optional("token_url", url);
    table.finish();

    let own_timeout = matches!(timeout, Some(Some(_)));
    let place = draft
        .as_ref()
        .and_then(|draft| Some((draft.target.clone()?, draft.at.clone())));
    let policy = (|| {
        let draft = draft?;
        Some(AppPolicy {
            name: name.to_owned(),
            org: org.as_ref()?.0.clone(),
            target: draft.target?,
            methods: draft.methods?,
            stores: stores.iter().map(|(entry, _)| entry.clone()).collect(),
            timing: timing?,
            grace: grace?,
            cutover_timeout: timeout?.unwrap_or_default(),
            answer_within: answer_within?,
            cool_down: cool_down?,
            certificate: draft.certificate?,
            flow: flow?,
            client_credentials: client_credentials?,
            token_url: token_url?,
        })
    })();
    let policy = policy.filter(|_| all_stores);
    AppDraft {
        name: name.to_owned(),
        at,
        org,
        target: place,
        stores,
        policy,
        own_timeout,
    }
}

fn flow(node: &Node<'_>) -> Option<Flow> {
    node.parse(|text| {
        let words = Flow::ALL.map(Flow::word);
        let found = Flow::ALL.into_iter().find(|flow| flow.word() == text);
        found.ok_or_else(|| {
            let complaint = Complaint::from(format!("there is no flow {}", quoted(text)));
            match hint::closest(text, words) {
                Some(close) => complaint.help(format!("did you mean `{close}`?")),
                None => complaint.help(format!("known: {}", hint::one_of(words))),
            }
        })
    })
}

/// Reports a name that no table has.
pub(crate) fn exists<'b>(
    node: &Node<'_>,
    kind: &str,
    name: &str,
    known: impl Iterator<Item = &'b str> + Clone,
) -> bool {
    let found = known.clone().any(|other| other == name);
    if !found {
        let help = match hint::closest(name, known.clone()) {
            Some(close) => Some(format!("did you mean `{close}`?")),
            None if known.clone().next().is_none() => Some(format!("add [{kind}.NAME]")),
            None => Some(format!(
                "there is {}",
                hint::one_of(known).replace(" or ", " and ")
            )),
        };
        node.context
            .missing(&node.at, "", format!("there is no {kind} {}", quoted(name)), help);
    }
    found
}

/// The entries that are right, and whether that is all of them.
fn stores(app: &str, table: &mut Table<'_>, known: &Known) -> (Vec<(StoreEntry, At)>, bool) {
    let Some(node) = table.required("stores", |node| Some(node.clone())) else {
        return (Vec::new(), false);
    };
    let Some(items) = node.items() else {
        return (Vec::new(), false);
    };
    if items.is_empty() {
        node.fault(
            format!("[app.{app}] has nowhere to publish"),
            Some("list at least one store".into()),
        );
    }
    let entries: Vec<_> = items
        .iter()
        .filter_map(|item| store_entry(app, item, known))
        .collect();
    let all = !items.is_empty() && entries.len() == items.len();
    (entries, all)
}

fn store_entry(app: &str, node: &Node<'_>, known: &Known) -> Option<(StoreEntry, At)> {
    let mut table = node.table(format!("a store of [app.{app}]"))?;
    let store = table.required("store", |node| {
        let store = line(node)?;
        exists(node, "store", &store, known.stores.keys().map(String::as_str)).then_some(store)
    });
    let kind = store
        .as_ref()
        .and_then(|store| known.stores.get(store).copied().flatten());
    // Where the kind is unknown, either word will do: that the store is wrong is reported elsewhere.
    let (right, wrong) = match kind {
        Some("aws") => ("name", "path"),
        Some(_) => ("path", "name"),
        None if table.entries().iter().any(|(key, _)| *key == "name") => ("name", "path"),
        None => ("path", "name"),
    };
    let misplaced = table.get(wrong);
    let place = match (&misplaced, kind) {
        (Some(node), Some(kind)) => {
            let message = format!("a store of kind `{kind}` has a `{right}`, not a `{wrong}`");
            node.context.fault(&node.key, "", message, None);
            table.get(right).and(None)
        }
        (_, Some("aws")) => table.required(right, |node| Some((secret_name(node)?, node.at.clone()))),
        (_, _) => table.required(right, |node| Some((store_path(node)?, node.at.clone()))),
    };
    let fields = table.or("fields", Fields::default(), fields);
    table.finish();
    let (path, at) = place?;
    Some((
        StoreEntry {
            store: store?,
            path,
            fields: fields?,
        },
        at,
    ))
}

/// The name of a secret in AWS (CreateSecret: letters, digits and `/_+=.@-`, at most 512).
fn secret_name(node: &Node<'_>) -> Option<String> {
    let name = store_path(node)?;
    let good = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if name.len() > 512 || !name.chars().all(good) {
        let help = "its name, not its ARN: letters, digits and the characters `/_+=.@-`, at most 512";
        node.fault("AWS has no secret of such a name", Some(help.into()));
        return None;
    }
    Some(name)
}

fn fields(node: &Node<'_>) -> Option<Fields> {
    if let DeValue::String(_) = node.value {
        return node.parse(|text| match text {
            Fields::MANAGED_EXTERNAL_SECRET => Ok(Fields::managed_external_secret()),
            _ => Err(format!("the only preset is \"{}\"", Fields::MANAGED_EXTERNAL_SECRET).into()),
        });
    }
    let mut table = node.table("`fields`".into())?;
    let usual = Fields::default();
    let client_id = table.or("client_id", usual.client_id, line);
    let client_secret = table.or("client_secret", usual.client_secret, line);
    let token_url = table.optional("token_url", line);
    let org = table.optional("org", line);
    let rotated_at = table.or("rotated_at", usual.rotated_at, line);
    let rotation_id = table.or("rotation_id", usual.rotation_id, line);
    let base_uri = table.optional("base_uri", line);
    let app_id = table.optional("app_id", line);
    let consumer_id = table.optional("consumer_id", line);
    table.finish();
    let fields = Fields {
        client_id: client_id?,
        client_secret: client_secret?,
        token_url: token_url?.or(usual.token_url),
        org: org?.or(usual.org),
        rotated_at: rotated_at?,
        rotation_id: rotation_id?,
        base_uri: base_uri?,
        app_id: app_id?,
        consumer_id: consumer_id?,
    };
    let mut names = fields.names();
    names.sort_unstable();
    if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        node.fault(
            "two fields have one name",
            Some("one would overwrite the other in the stored value".into()),
        );
        return None;
    }
    Some(fields)
}

fn grace(table: &mut Table<'_>, timing: Option<&Timing>, target: Option<&TargetDraft>) -> Option<Duration> {
    let methods = target.and_then(|draft| draft.methods.as_ref());
    let overlaps = methods.map(|methods| methods.iter().any(|method| method.overlaps()));
    let interval = timing.and_then(|timing| shortest(&timing.schedule));
    let given = table.optional("grace", |node| Some((duration(node)?, node.clone())))?;
    let Some((grace, node)) = given else {
        if overlaps != Some(true) {
            return overlaps.map(|_| Duration::ZERO);
        }
        if interval.is_some_and(|interval| interval <= USUAL_GRACE) {
            let message = format!(
                "{} rotates more often than its grace of 7 days, the default, allows",
                table.what
            );
            let help = "set `grace` shorter than the time between two rotations";
            table.context.missing(&table.at, "", message, Some(help.into()));
            return None;
        }
        return Some(USUAL_GRACE);
    };
    if grace.is_zero() {
        return Some(grace);
    }
    if overlaps == Some(false) {
        let message = "there can be no grace: the old credential ends where the new one begins";
        node.fault(
            message,
            Some("leave `grace` out: no method listed here has both at once".into()),
        );
        return None;
    }
    if grace > LONGEST_GRACE {
        node.fault(
            "`grace` is longer than 30d",
            Some("Salesforce ends the old credential by itself then".into()),
        );
        return None;
    }
    if interval.is_some_and(|interval| interval <= grace) {
        let help =
            "an app has one slot for the old credential, and it has to be free before the next rotation";
        node.fault(
            "`grace` is not shorter than the time between two rotations",
            Some(help.into()),
        );
        return None;
    }
    Some(grace)
}
