//! Documents to a policy, or every fault.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{self, Merged};
use super::read::{self, AppDraft, At, Context, Known};
use super::{AppPolicy, Fault, JournalPolicy, OrgPolicy, Policy, SignalPolicy, cross};

/// One document. The main file comes first, then those of `policy.d` in name order.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// What faults call it.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// Checks documents together.
///
/// # Errors
/// Every fault of all documents, in the order of the files and lines; never empty.
pub fn compile(files: &[SourceFile]) -> Result<Policy, Vec<Fault>> {
    let documents = document::parse(files);
    let trees: Vec<_> = documents.iter().map(|document| document.tree()).collect();
    let context = document::context(files, &documents, &trees);
    let policy = check(&context, document::merge(&context, &trees));
    let faults = context.into_faults();
    match policy {
        Some(policy) if faults.is_empty() => Ok(policy),
        // A reader that gives up without a word would be our fault, and must not pass for an empty list.
        _ if faults.is_empty() => Err(vec![Fault::nameless("this policy cannot be used")]),
        _ => Err(faults),
    }
}

/// What is wrong with these documents where others of the policy could not be read, so that nothing counts as missing.
pub fn faults_of_some(files: &[SourceFile]) -> Vec<Fault> {
    let documents = document::parse(files);
    let trees: Vec<_> = documents.iter().map(|document| document.tree()).collect();
    let mut context = document::context(files, &documents, &trees);
    context.broken = true;
    let _incomplete = check(&context, document::merge(&context, &trees));
    context.into_faults()
}

fn check(context: &Context, mut merged: Merged<'_>) -> Option<Policy> {
    let journal = journal(context, &mut merged);
    let api = match merged.single.remove("api") {
        Some(table) => read::api(table).map(Some),
        None => Some(None),
    };
    let mut group = |name| merged.groups.remove(name).unwrap_or_default();
    let (orgs, stores, apps, alerts) = (group("org"), group("store"), group("app"), group("alert"));
    let known = Known {
        orgs: orgs.keys().cloned().collect(),
        stores: stores
            .iter()
            .map(|(name, table)| (name.clone(), read::kind_of(table)))
            .collect(),
    };
    let (orgs, all_orgs) = each(orgs, read::org);
    let (stores, all_stores) = each(stores, read::store);
    let app_names: BTreeSet<String> = apps.keys().cloned().collect();
    let told_apps: Vec<String> = apps.keys().cloned().collect();
    let (alerts, all_alerts) = each(alerts, |name, table| read::alert(name, table, &told_apps));
    let mut drafts: Vec<AppDraft> = apps
        .into_iter()
        .map(|(name, table)| read::app(&name, table, &known))
        .collect();
    // Of two that clash the later one is to blame.
    drafts.sort_by_key(|draft| (draft.at.file, draft.at.span.start));
    let signal = signal(&mut merged, &app_names);
    cross::same_target(context, &drafts, &orgs);
    cross::same_path(context, &drafts, &stores);

    let all = all_orgs && all_stores && all_alerts;
    let apps = drafts
        .into_iter()
        .map(|draft| finish(draft, &orgs))
        .collect::<Option<BTreeMap<_, _>>>();
    Some(Policy {
        journal: journal?,
        api: api?,
        signal: signal?,
        orgs,
        stores,
        apps: apps?,
        alerts,
    })
    .filter(|_| all)
}

fn journal(context: &Context, merged: &mut Merged<'_>) -> Option<JournalPolicy> {
    match merged.single.remove("journal") {
        Some(table) => read::journal(table),
        None => {
            let help = "add [journal] with `url` and `key_file`: without a record no rotation is safe";
            let at = At { file: 0, span: 0..0 };
            context.missing(&at, "", "there is no [journal]", Some(help.into()));
            None
        }
    }
}

fn signal(merged: &mut Merged<'_>, apps: &BTreeSet<String>) -> Option<SignalPolicy> {
    let Some(table) = merged.single.remove("signal") else {
        return Some(SignalPolicy::Due);
    };
    let (signal, nodes) = read::signal(table)?;
    let names = || apps.iter().map(String::as_str);
    let good = nodes.iter().filter(|node| {
        node.string()
            .is_some_and(|name| read::exists(node, "app", name, names()))
    });
    (good.count() == nodes.len()).then_some(signal)
}

/// Reads every table, and says whether all of them are right.
fn each<'a, T>(
    tables: BTreeMap<String, read::Table<'a>>,
    read: impl Fn(&str, read::Table<'a>) -> Option<T>,
) -> (BTreeMap<String, T>, bool) {
    let count = tables.len();
    let found: BTreeMap<String, T> = tables
        .into_iter()
        .filter_map(|(name, table)| read(&name, table).map(|value| (name, value)))
        .collect();
    let all = found.len() == count;
    (found, all)
}

fn finish(draft: AppDraft, orgs: &BTreeMap<String, OrgPolicy>) -> Option<(String, AppPolicy)> {
    let mut policy = draft.policy?;
    if !draft.own_timeout {
        policy.cutover_timeout = orgs.get(&policy.org)?.cutover_timeout;
    }
    Some((draft.name, policy))
}
