//! A letter as plain text, and as the named parts of which the sinks make their own forms. Pure.

use crate::clock::Timestamp;
use crate::port::outbox::{Action, Letter};

/// The parts that say something, each with its name, in the order in which somebody on call wants them.
pub fn parts(letter: &Letter) -> Vec<(&'static str, String)> {
    let text = &letter.text;
    let named = [
        ("what happened", text.happened.clone()),
        ("consumers now", text.consumers.clone()),
        ("rekeyd next", text.next.clone()),
        ("what you can do", text.command.clone()),
        ("severity", letter.severity.word().to_owned()),
        ("app", letter.app.clone().unwrap_or_default()),
        ("org", letter.org.clone().unwrap_or_default()),
        ("since", moment(letter.since)),
        (
            "rotation",
            letter.rotation.map(|id| id.to_string()).unwrap_or_default(),
        ),
        ("incident", letter.incident.clone()),
    ];
    named.into_iter().filter(|(_, said)| !said.is_empty()).collect()
}

/// One word for what a letter does.
pub fn state(action: Action) -> &'static str {
    match action {
        Action::Trigger => "opened",
        Action::Update => "updated",
        Action::Resolve => "resolved",
    }
}

/// One line for a subject or a title.
pub fn title(letter: &Letter) -> String {
    let mark = match letter.action {
        Action::Trigger | Action::Update => letter.severity.word().to_uppercase(),
        Action::Resolve => "RESOLVED".to_owned(),
    };
    format!("[{mark}] {}", letter.text.headline)
}

/// All of it.
pub fn plain(letter: &Letter) -> String {
    let mut text = format!("{}\n", letter.text.headline);
    for (name, said) in parts(letter) {
        text.push_str(&format!("\n{name}: {said}"));
    }
    text.push('\n');
    text
}

/// To the second, in UTC.
pub fn moment(at: Timestamp) -> String {
    at.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Cut to a number of characters, so that a sink takes it.
pub fn short(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    }
}
