//! A fault in the configuration, as text for a person and as JSON.
//!
//! A fault carries the one line that it points at, already masked (see `mask`), so that whoever prints it needs no
//! source and cannot print a secret.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What is wrong; never repeats a value that could be a secret.
    pub message: String,
    /// Where: the place to change first, then others that have part in it. Empty only where there was no file.
    pub places: Vec<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The name that the caller gave the file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What stands under the caret; may be empty.
    pub label: String,
    /// The line, masked.
    #[serde(skip)]
    pub(super) excerpt: String,
    /// Bytes of the excerpt.
    #[serde(skip)]
    pub(super) span: Range<usize>,
}

impl Fault {
    /// A fault that stands nowhere.
    pub(super) fn nameless(message: &str) -> Self {
        Self {
            message: message.into(),
            places: Vec::new(),
            help: None,
        }
    }
}

impl fmt::Display for Fault {
    /// File, line, caret and hint, without colour.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut group = Group::with_title(Level::ERROR.primary_title(self.message.as_str()));
        let mut kind = AnnotationKind::Primary;
        for line in self
            .places
            .chunk_by(|a, b| (&a.file, a.line) == (&b.file, b.line))
        {
            let Some(first) = line.first() else { continue };
            let mut snippet = Snippet::source(first.excerpt.as_str())
                .line_start(first.line)
                .path(first.file.as_str());
            for place in line {
                let label = Some(place.label.as_str()).filter(|label| !label.is_empty());
                snippet = snippet.annotation(kind.span(place.span.clone()).label(label));
                kind = AnnotationKind::Context;
            }
            group = group.element(snippet);
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

/// All faults as a person reads them, with a last line that counts them.
pub fn to_text(faults: &[Fault]) -> String {
    let mut text: String = faults.iter().map(|fault| format!("{fault}\n\n")).collect();
    match faults.len() {
        1 => text.push_str("1 fault\n"),
        n => text.push_str(&format!("{n} faults\n")),
    }
    text
}

/// All faults as one JSON value: `{"faults": [{"message", "places": [{"file", "line", "column", "label"}], "help"}]}`.
pub fn to_json(faults: &[Fault]) -> serde_json::Value {
    serde_json::json!({ "faults": faults })
}
