//! What all readers share: the files, and the faults found so far.

use std::cell::RefCell;
use std::ops::Range;

use crate::policy::diagnostic::{Fault, Place};
use crate::policy::environment::Environment;
use crate::policy::mask::scrubbed;

/// Where something stands.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub file: usize,
    pub span: Range<usize>,
}

/// A file and what of it may be shown.
pub(crate) struct Source {
    pub name: String,
    pub text: String,
    pub masked: String,
}

/// What all readers share: the sources, and the faults found so far.
#[derive(Default)]
pub(crate) struct Context {
    pub sources: Vec<Source>,
    /// Some line did not parse, so what is missing may only be hidden.
    pub broken: bool,
    /// What stands in where the policy is silent.
    pub environment: Environment,
    faults: RefCell<Vec<(usize, usize, Fault)>>,
}

impl Context {
    /// Reports a fault at one place.
    pub fn fault(&self, at: &At, label: &str, message: impl Into<String>, help: Option<String>) {
        self.fault_at(&[(at, label)], message, help);
    }

    /// Reports a fault at several places, the one to change first.
    pub fn fault_at(&self, places: &[(&At, &str)], message: impl Into<String>, help: Option<String>) {
        let (file, start) = places.first().map_or((0, 0), |(at, _)| (at.file, at.span.start));
        let places = places
            .iter()
            .filter_map(|(at, label)| self.place(at, label))
            .collect();
        self.faults.borrow_mut().push((
            file,
            start,
            Fault {
                message: scrubbed(&message.into()),
                places,
                help: help.map(|help| scrubbed(&help)),
            },
        ));
    }

    /// Reports that something is not there, unless it may stand in a line that did not parse.
    pub fn missing(&self, at: &At, label: &str, message: impl Into<String>, help: Option<String>) {
        if !self.broken {
            self.fault(at, label, message, help);
        }
    }

    /// Every fault, in the order of the files and lines.
    pub fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|(file, start, _)| (*file, *start));
        faults.into_iter().map(|(_, _, fault)| fault).collect()
    }

    /// The text of a value as written, quotes included.
    pub fn written(&self, at: &At) -> &str {
        self.sources
            .get(at.file)
            .and_then(|source| source.text.get(at.span.clone()))
            .unwrap_or_default()
    }

    fn place(&self, at: &At, label: &str) -> Option<Place> {
        let source = self.sources.get(at.file)?;
        let start = boundary(&source.text, at.span.start);
        let before = source.text.get(..start)?;
        let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = source.text.get(begin..)?;
        let length = rest.find('\n').unwrap_or(rest.len());
        // A value over several lines is pointed at by its first.
        let end = boundary(&source.text, at.span.end).clamp(start, begin + length);
        let excerpt = source.masked.get(begin..begin + length)?.trim_end().to_owned();
        // What was trimmed can be pointed at, but only from the last character that is left.
        let inside = |at: usize| (at - begin).min(excerpt.len());
        Some(Place {
            file: source.name.clone(),
            line: before.matches('\n').count() + 1,
            column: source.text.get(begin..start)?.chars().count() + 1,
            label: label.into(),
            span: inside(start)..inside(end),
            excerpt,
        })
    }
}

fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
