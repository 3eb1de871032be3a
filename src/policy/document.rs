//! Several documents as one: each parsed as far as it can be, their tables merged by name.
//!
//! A line that does not parse is reported, blanked and left out, and the rest is read again, so that one slip does
//! not hide the faults behind it. After a slip nothing is reported as *missing*: it may stand in what was left out.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use super::compile::SourceFile;
use super::mask::mask;
use super::read::{At, Context, Node, Source, Table};

/// No policy is larger; more is a mistake and costs memory.
const LARGEST_BYTES: usize = 1024 * 1024;

/// How many broken lines of one file are reported, and how often it is read again without them.
const MOST_BROKEN_LINES: usize = 100;

/// A file with what does not parse blanked, and what was wrong with that.
pub(super) struct Document {
    text: String,
    faults: Vec<(Range<usize>, String)>,
}

impl Document {
    /// The tree of what is left.
    pub fn tree(&self) -> DeTable<'_> {
        DeTable::parse(&self.text)
            .map(toml::Spanned::into_inner)
            .unwrap_or_default()
    }
}

/// Reads every file as far as it can be.
pub(super) fn parse(files: &[SourceFile]) -> Vec<Document> {
    let too_large = || {
        let faults = vec![(0..0, "this file is larger than one mebibyte".to_owned())];
        Document {
            text: String::new(),
            faults,
        }
    };
    let read = |file: &SourceFile| {
        if file.text.len() > LARGEST_BYTES {
            too_large()
        } else {
            understand(&file.text)
        }
    };
    files.iter().map(read).collect()
}

/// The lines that faults may show, and the faults of syntax.
pub(super) fn context(files: &[SourceFile], documents: &[Document], trees: &[DeTable<'_>]) -> Context {
    let mut context = Context::default();
    context.broken = documents.iter().any(|document| !document.faults.is_empty());
    for ((file, document), tree) in files.iter().zip(documents).zip(trees) {
        // A file that was too large to read is too large to quote.
        let text = if document.text.is_empty() {
            ""
        } else {
            file.text.as_str()
        };
        context.sources.push(Source {
            name: file.name.clone(),
            masked: mask(text, &document.text, tree),
            text: text.to_owned(),
        });
    }
    for (file, document) in documents.iter().enumerate() {
        for (span, message) in &document.faults {
            let at = At {
                file,
                span: span.clone(),
            };
            context.fault(
                &at,
                "",
                format!("this is not TOML: {message}"),
                syntax_help(message),
            );
        }
    }
    context
}

fn syntax_help(message: &str) -> Option<String> {
    if message.contains("must be quoted") {
        return Some("write the value between double quotes".into());
    }
    message
        .starts_with("duplicate key")
        .then(|| "each key and each table is written once".into())
}

/// Blanks one broken line after the other until the rest parses.
fn understand(text: &str) -> Document {
    let mut text = text.to_owned();
    let mut faults: Vec<(Range<usize>, String)> = Vec::new();
    for _ in 0..MOST_BROKEN_LINES {
        let (_, errors) = DeTable::parse_recoverable(&text);
        let mut blanked = text.clone();
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            // What follows from a line that is out already, such as the keys under a second header of one name.
            if is_blank(&blanked, &span) && !is_blank(&text, &span) {
                continue;
            }
            if faults.len() < MOST_BROKEN_LINES {
                faults.push((span.clone(), error.message().to_owned()));
            }
            blank(&mut blanked, &span);
        }
        if errors.is_empty() {
            return Document { text, faults };
        }
        if blanked == text {
            break;
        }
        text = blanked;
    }
    // Nothing was left to take out, or there is no end to it: nothing of it can be trusted.
    Document {
        text: text.replace(|c| c != '\n', " "),
        faults,
    }
}

fn is_blank(text: &str, span: &Range<usize>) -> bool {
    let place = floor(text, span.start);
    let before = text.get(..place).unwrap_or_default();
    let after = text.get(place..).unwrap_or_default();
    let line = [before.rsplit('\n').next(), after.split('\n').next()];
    line.into_iter().flatten().all(|part| part.trim().is_empty())
}

/// Overwrites the line of `span` with spaces; with a broken header goes everything up to the next header, which
/// would otherwise be read as part of the table before.
fn blank(text: &mut String, span: &Range<usize>) {
    let place = floor(text, span.start);
    let before = text.get(..place).unwrap_or_default();
    // An unterminated string or array is only noticed at the end: its last line with something in it is to blame.
    let before = if text.get(place..).is_none_or(|rest| rest.trim().is_empty()) {
        before.trim_end()
    } else {
        before
    };
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let tail = text.get(start..).unwrap_or_default();
    let mut length = tail.find('\n').unwrap_or(tail.len());
    if tail.trim_start().starts_with('[') {
        length = tail.find("\n[").unwrap_or(tail.len());
    }
    let kept: String = tail
        .get(..length)
        .unwrap_or_default()
        .bytes()
        .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
        .collect();
    text.replace_range(start..start + length, &kept);
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The tables of all documents by what they are. Values borrow from the documents.
pub(super) struct Merged<'a> {
    /// `[journal]`, `[api]`, `[signal]`.
    pub single: BTreeMap<&'static str, Table<'a>>,
    /// `[org.X]`, `[store.X]`, `[app.X]`, `[alert.X]`, by X.
    pub groups: BTreeMap<&'static str, BTreeMap<String, Table<'a>>>,
}

const SINGLE: &[&str] = &["journal", "api", "signal"];
const GROUPS: &[&str] = &["org", "store", "app", "alert"];

/// Merges by name; a table that stands in two files is a fault that names both.
pub(super) fn merge<'a>(context: &'a Context, trees: &'a [DeTable<'a>]) -> Merged<'a> {
    let mut merged = Merged {
        single: BTreeMap::new(),
        groups: BTreeMap::new(),
    };
    for (file, tree) in trees.iter().enumerate() {
        let mut root = Table::root(context, file, tree);
        for name in SINGLE {
            let Some(table) = root.get(name).and_then(|node| node.table(format!("[{name}]"))) else {
                continue;
            };
            if let Some(first) = merged.single.get(name) {
                twice(context, &table, first);
            } else {
                merged.single.insert(name, table);
            }
        }
        for name in GROUPS {
            let group = merged.groups.entry(name).or_default();
            let Some(table) = root
                .get(name)
                .and_then(|node| node.table(format!("[{name}.NAME]")))
            else {
                continue;
            };
            for (key, node) in table.entries() {
                add(context, name, group, key, &node);
            }
        }
        root.finish();
    }
    merged
}

fn add<'a>(
    context: &Context,
    kind: &str,
    group: &mut BTreeMap<String, Table<'a>>,
    name: &str,
    node: &Node<'a>,
) {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty()
        || name.len() > 64
        || !name.chars().all(good)
        || !name.starts_with(char::is_alphanumeric)
    {
        context.fault(
            &node.key,
            "",
            format!("this is no name for an {kind}").replace("an store", "a store"),
            Some(
                "a name has 1 to 64 letters, digits, `-`, `_` or `.`, and begins with a letter or digit"
                    .into(),
            ),
        );
        return;
    }
    let Some(table) = node.table(format!("[{kind}.{name}]")) else {
        return;
    };
    match group.get(name) {
        Some(first) => twice(context, &table, first),
        None => {
            group.insert(name.to_owned(), table);
        }
    }
}

fn twice(context: &Context, second: &Table<'_>, first: &Table<'_>) {
    context.fault_at(
        &[(&second.at, "the second one"), (&first.at, "the first one")],
        format!("{} is defined twice", second.what),
        Some("keep it in one file: tables are not merged key by key".into()),
    );
}
