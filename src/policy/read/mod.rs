//! From the tree of a document to checked values: the shape of every table, and every value on its own.
//!
//! A reader asks its table for each key that it knows, so the keys asked for *are* the schema: what is left at
//! [`Table::finish`] is unknown. Readers return `None` after reporting, and go on with the next key first.

mod alert;
mod api;
mod app;
mod context;
mod org;
mod scalar;
mod service;
mod store;
mod target;
mod timing;
mod vault;

use toml::de::{DeTable, DeValue};

use super::hint;
use super::mask::{looks_secret, quoted};

pub(super) use alert::alert;
pub(super) use api::{api, socket};
pub(super) use app::{AppDraft, Known, app, exists};
pub(super) use context::{At, Context, Source};
pub(super) use org::org;
pub(super) use service::{database, journal, signal};
pub(super) use store::{kind_of, store};

/// A value and where it and its key stand.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub context: &'a Context,
    pub name: String,
    pub key: At,
    pub at: At,
    pub value: &'a DeValue<'a>,
}

/// A table being read.
#[derive(Clone)]
pub(super) struct Table<'a> {
    pub context: &'a Context,
    /// What faults point at when something is missing.
    pub at: At,
    /// What faults call it.
    pub what: String,
    entries: &'a DeTable<'a>,
    known: Vec<&'static str>,
    missing: Vec<Missing>,
}

/// Something that has to be there and is not. Told at the end, since a key that was misspelt says it better.
#[derive(Clone)]
struct Missing {
    /// Any of these would have done.
    keys: Vec<&'static str>,
    message: String,
    help: Option<String>,
}

impl<'a> Node<'a> {
    /// Reports that this value is wrong.
    pub fn fault(&self, message: impl Into<String>, help: Option<String>) {
        self.context.fault(&self.at, "", message, help);
    }

    /// The value as a table.
    pub fn table(&self, what: String) -> Option<Table<'a>> {
        match self.value {
            DeValue::Table(entries) => {
                let at = self.key.clone();
                Some(Table {
                    context: self.context,
                    at,
                    what,
                    entries,
                    known: Vec::new(),
                    missing: Vec::new(),
                })
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => self.wrong_type("a table"),
        }
    }

    /// The items of the value as an array.
    pub fn items(&self) -> Option<Vec<Self>> {
        let DeValue::Array(items) = self.value else {
            return self.wrong_type("an array");
        };
        let item = |value: &'a toml::Spanned<DeValue<'a>>| {
            let at = At {
                file: self.at.file,
                span: value.span(),
            };
            Self {
                key: at.clone(),
                at,
                value: value.get_ref(),
                context: self.context,
                name: self.name.clone(),
            }
        };
        Some(items.iter().map(item).collect())
    }

    /// Reports that the value is of another type.
    pub fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        let found = match self.value {
            DeValue::Integer(_) => "an integer",
            DeValue::Array(_) => "an array",
            DeValue::String(_) => "a string",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Table(_) => "a table",
        };
        let help = secret_help(&self.name).filter(|_| matches!(self.value, DeValue::String(_)));
        self.fault(format!("{} is {wanted}, not {found}", quoted(&self.name)), help);
        None
    }
}

impl<'a> Table<'a> {
    /// The root of a file.
    pub fn root(context: &'a Context, file: usize, entries: &'a DeTable<'a>) -> Self {
        let at = At { file, span: 0..0 };
        Self {
            context,
            at,
            what: "the policy".into(),
            entries,
            known: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Every entry, for tables whose keys are names.
    pub fn entries(&self) -> Vec<(&'a str, Node<'a>)> {
        let (context, file) = (self.context, self.at.file);
        let mut nodes: Vec<_> = self
            .entries
            .iter()
            .map(|(key, value)| {
                let name = key.get_ref().as_ref();
                let key = At {
                    file,
                    span: key.span(),
                };
                let at = At {
                    file,
                    span: value.span(),
                };
                (
                    name,
                    Node {
                        context,
                        name: name.to_owned(),
                        key,
                        at,
                        value: value.get_ref(),
                    },
                )
            })
            .collect();
        nodes.sort_by_key(|(_, node)| node.key.span.start);
        nodes
    }

    /// The value of a key, which is known from now on.
    pub fn get(&mut self, key: &'static str) -> Option<Node<'a>> {
        self.known.push(key);
        let (written, value) = self.entries.get_key_value(key)?;
        let file = self.at.file;
        Some(Node {
            context: self.context,
            name: key.to_owned(),
            key: At {
                file,
                span: written.span(),
            },
            at: At {
                file,
                span: value.span(),
            },
            value: value.get_ref(),
        })
    }

    /// A value that has to be there.
    pub fn required<T>(&mut self, key: &'static str, read: impl Fn(&Node<'a>) -> Option<T>) -> Option<T> {
        match self.get(key) {
            Some(node) => read(&node),
            None => {
                self.lacks(&[key], format!("{} has no `{key}`", self.what), None);
                None
            }
        }
    }

    /// Notes that none of these keys is there and one has to be.
    pub fn lacks(&mut self, keys: &[&'static str], message: impl Into<String>, help: Option<String>) {
        self.missing.push(Missing {
            keys: keys.to_vec(),
            message: message.into(),
            help,
        });
    }

    /// A value that may be absent: `Some(None)` where it is, `None` after a fault.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Node<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.get(key) {
            Some(node) => read(&node).map(Some),
            None => Some(None),
        }
    }

    /// A value that has a default.
    pub fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl Fn(&Node<'a>) -> Option<T>,
    ) -> Option<T> {
        self.optional(key, read).map(|value| value.unwrap_or(default))
    }

    /// Reports every key that nobody asked for, and what is missing and was not meant by one of those.
    pub fn finish(mut self) {
        for (name, node) in self.entries() {
            if self.known.contains(&name) {
                continue;
            }
            let close = hint::closest(name, self.known.iter().copied());
            self.missing
                .retain(|missing| close.is_none_or(|close| !missing.keys.contains(&close)));
            let message = format!("{} has no key {}", self.what, quoted(name));
            let secret = secret_help(name).filter(|_| !node.value.is_table());
            let (message, help) = match (secret, close) {
                (Some(help), _) => (format!("a secret may not stand in the policy: {message}"), help),
                (None, Some(close)) => (message, format!("did you mean `{close}`?")),
                (None, None) => (
                    message,
                    format!("known here: {}", hint::one_of(self.known.iter().copied())),
                ),
            };
            self.context.fault(&node.key, "", message, Some(help));
        }
        for missing in self.missing {
            self.context.missing(&self.at, "", missing.message, missing.help);
        }
    }
}

/// What to say where somebody seems to have written a secret.
fn secret_help(key: &str) -> Option<String> {
    let key = key.to_ascii_lowercase();
    let marks = [
        "secret",
        "password",
        "passwd",
        "passphrase",
        "token",
        "private",
        "credential",
        "api_key",
    ];
    let suspicious = marks.iter().any(|mark| key.contains(mark)) || looks_secret(&key);
    suspicious.then(|| {
        "name the file or the environment variable that holds it, and change it: it has been seen here".into()
    })
}
