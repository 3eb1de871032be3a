//! The service itself, its stores and its outbox.

use std::collections::BTreeMap;

use super::Seen;
use super::family::{Family, count, flag, seconds};
use crate::engine::board::LiveCheck;

pub(super) fn families(seen: &Seen<'_>) -> Vec<Family> {
    let service = &seen.ledgers.service;
    let mut all = vec![
        Family::gauge("rekeyd_build_info", "Which version runs, as a label; always 1.")
            .with(&[("version", env!("CARGO_PKG_VERSION"))], Some(1.0)),
        Family::gauge(
            "rekeyd_heartbeat_timestamp_seconds",
            "When rekeyd last looked at what is due; it does so every second or so.",
        )
        .with(&[], seen.cards.heartbeat.map(seconds)),
        Family::gauge(
            "rekeyd_policy_reload_successful",
            "1 if the last policy that was read is in force, 0 if it was refused and the one before is.",
        )
        .with(&[], Some(flag(service.reload_refused.is_none()))),
        Family::gauge(
            "rekeyd_policy_reload_timestamp_seconds",
            "When a policy was last loaded anew while running; absent if never in this journal.",
        )
        .with(&[], service.reloaded_at.map(seconds)),
        Family::counter(
            "rekeyd_clock_jumps_total",
            "How often the clock of this machine jumped, or the machine slept, by the journal.",
        )
        .with(&[], Some(count(service.clock_jumps))),
    ];
    all.push(stores(seen));
    all.extend(outbox(seen));
    all
}

/// Whether each store answered the last live check of any app.
fn stores(seen: &Seen<'_>) -> Family {
    let mut last: BTreeMap<&str, &LiveCheck> = BTreeMap::new();
    for ((_, store), check) in &seen.cards.live {
        let before = last.entry(store).or_insert(check);
        if check.at > before.at {
            *before = check;
        }
    }
    let mut up = Family::gauge(
        "rekeyd_store_up",
        "1 if the store answered the last live check of any app, 0 if not.",
    );
    for (store, check) in last {
        up.add(&[("store", store)], Some(flag(check.store_up)));
    }
    up
}

fn outbox(seen: &Seen<'_>) -> [Family; 4] {
    let mut letters = Family::gauge(
        "rekeyd_outbox_letters",
        "Alerts that wait to be delivered to the sink.",
    );
    let mut oldest = Family::gauge(
        "rekeyd_outbox_oldest_timestamp_seconds",
        "When the oldest alert that waits was written; absent if none waits.",
    );
    let mut delivered = Family::counter("rekeyd_outbox_delivered_total", "Alerts that the sink took.");
    let mut failed = Family::counter(
        "rekeyd_outbox_failed_total",
        "Attempts to deliver an alert that failed; it is tried again.",
    );
    for sink in seen.sinks {
        let labels = [("sink", sink.sink.as_str())];
        letters.add(&labels, Some(count(sink.letters)));
        oldest.add(&labels, sink.oldest.map(seconds));
        delivered.add(&labels, Some(count(sink.delivered)));
        failed.add(&labels, Some(count(sink.failed)));
    }
    [letters, oldest, delivered, failed]
}
