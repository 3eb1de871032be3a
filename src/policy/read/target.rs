//! What an app is at Salesforce, and the methods that fit it. `method` and the certificate stand in the table of the
//! target or in that of the app.

use toml::de::DeValue;

use super::scalar::{Complaint, boolean, file, line};
use super::{At, Node, Table};
use crate::policy::hint;
use crate::policy::mask::quoted;
use crate::policy::{Certificate, Method, Target};

const METHODS: [&str; 4] = ["staged", "update", "regenerate", "assisted"];

/// Words that the design has and this version does not.
const LATER: [&str; 1] = ["successor"];

/// What was read of a target, with the places that rules point at.
pub(super) struct TargetDraft {
    pub target: Option<Target>,
    /// Its `name`, or else its header.
    pub at: At,
    pub methods: Option<Vec<Method>>,
    pub certificate: Option<Option<Certificate>>,
}

pub(super) fn target(app: &str, table: &mut Table<'_>) -> Option<TargetDraft> {
    let external = table.get("external_client_app");
    let connected = table.get("connected_app");
    let (method, certificate) = (table.get("method"), table.get("certificate"));
    let certificate_file = table.get("certificate_file");
    match (external, connected) {
        (Some(external), Some(connected)) => {
            let places = [(&connected.key, "and this"), (&external.key, "this")];
            table
                .context
                .fault_at(&places, format!("{} is one app and not two", table.what), None);
            None
        }
        (None, None) => {
            let message = format!("{} does not say which app it is", table.what);
            let help =
                format!("add [app.{app}.external_client_app] or [app.{app}.connected_app] with its `name`");
            table.lacks(&["external_client_app", "connected_app"], message, Some(help));
            None
        }
        (Some(node), None) | (None, Some(node)) => {
            let is_external = node.name == "external_client_app";
            let mut inner = node.table(format!("[app.{app}.{}]", node.name))?;
            let name = inner.required("name", |node| Some((developer_name(node)?, node.at.clone())));
            let at = name
                .as_ref()
                .map_or_else(|| inner.at.clone(), |(_, at)| at.clone());
            let method = once(&inner.get("method"), method);
            let certificate = once(&inner.get("certificate"), certificate);
            let certificate_file = once(&inner.get("certificate_file"), certificate_file);
            let methods = methods(is_external, method.as_ref());
            let certificate = read_certificate(&inner, methods.as_deref(), certificate, certificate_file);
            let allow = inner.optional("allow_key_change", |node| Some((boolean(node)?, node.at.clone())));
            key_change(&inner, methods.as_deref(), &allow);
            let allow_key_change = allow.map(|allow| allow.is_some_and(|(allow, _)| allow));
            let target = if is_external {
                let consumer = inner.optional("consumer", line);
                name.and_then(|(name, _)| {
                    Some(Target::ExternalClientApp {
                        name,
                        consumer: consumer?,
                        allow_key_change: allow_key_change?,
                    })
                })
            } else {
                name.and_then(|(name, _)| {
                    Some(Target::ConnectedApp {
                        name,
                        allow_key_change: allow_key_change?,
                    })
                })
            };
            inner.finish();
            Some(TargetDraft {
                target,
                at,
                methods,
                certificate,
            })
        }
    }
}

/// A key that may stand in either of two tables, and not in both.
fn once<'a>(inner: &Option<Node<'a>>, outer: Option<Node<'a>>) -> Option<Node<'a>> {
    if let (Some(inner), Some(outer)) = (inner, &outer) {
        let places = [(&inner.key, "and here"), (&outer.key, "here")];
        inner
            .context
            .fault_at(&places, format!("`{}` is given twice", inner.name), None);
    }
    inner.clone().or(outer)
}

/// Salesforce's rule for developer names; also what keeps a name harmless inside a query.
fn developer_name(node: &Node<'_>) -> Option<String> {
    node.parse(|text| {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.len() > 80 || !text.starts_with(|c: char| c.is_ascii_alphabetic()) || !text.chars().all(good)
        {
            let complaint = Complaint::from("this is no developer name (API name) of an app");
            return Err(complaint.help("letters, digits and `_`, beginning with a letter: not the label"));
        }
        Ok(text.to_owned())
    })
}

fn methods(is_external: bool, node: Option<&Node<'_>>) -> Option<Vec<Method>> {
    let Some(node) = node else {
        return Some(vec![if is_external {
            Method::Staged
        } else {
            Method::Update
        }]);
    };
    let items = match node.value {
        DeValue::Array(_) => node.items()?,
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => vec![node.clone()],
    };
    if items.is_empty() {
        node.fault(
            "no method is listed",
            Some(format!("known: {}", hint::one_of(METHODS))),
        );
        return None;
    }
    let mut found = Vec::new();
    let mut good = true;
    for item in &items {
        match item.parse(method) {
            Some(method) if found.contains(&method) => {
                item.fault(format!("`{}` is listed twice", method.word()), None);
                good = false;
            }
            Some(method) if !method.fits(is_external) => {
                let (kind, help) = if is_external {
                    let help =
                        "`staged`, `regenerate` and `assisted` are the methods for an External Client App";
                    ("an External Client App", help.to_owned())
                } else {
                    let help = "`update` and `assisted` are the methods for a Connected App";
                    ("a Connected App", help.to_owned())
                };
                item.fault(format!("`{}` does not work on {kind}", method.word()), Some(help));
                good = false;
            }
            Some(method) => found.push(method),
            None => good = false,
        }
    }
    good.then_some(found)
}

fn method(text: &str) -> Result<Method, Complaint> {
    match text {
        "staged" => Ok(Method::Staged),
        "update" => Ok(Method::Update),
        "regenerate" => Ok(Method::Regenerate),
        "assisted" => Ok(Method::Assisted),
        later if LATER.contains(&later) => Err(Complaint::from(format!("`{later}` is not in this version"))
            .help(format!("here: {}", hint::one_of(METHODS)))),
        _ => {
            let complaint = Complaint::from(format!("there is no method {}", quoted(text)));
            Err(match hint::closest(text, METHODS.into_iter().chain(LATER)) {
                Some(close) => complaint.help(format!("did you mean `{close}`?")),
                None => complaint.help(format!("known: {}", hint::one_of(METHODS))),
            })
        }
    }
}

fn key_change(table: &Table<'_>, methods: Option<&[Method]>, allow: &Option<Option<(bool, At)>>) {
    let Some(method) = methods
        .unwrap_or_default()
        .iter()
        .find(|method| method.changes_key())
    else {
        return;
    };
    let message = format!("`{}` changes the client id too", method.word());
    let help = "have the consumers take id and secret from the store, then set allow_key_change = true";
    match allow {
        Some(Some((false, at))) => table.context.fault(at, "", message, Some(help.into())),
        Some(None) => table.context.missing(&table.at, "", message, Some(help.into())),
        Some(Some((true, _))) | None => {}
    }
}

fn read_certificate(
    table: &Table<'_>,
    methods: Option<&[Method]>,
    word: Option<Node<'_>>,
    path: Option<Node<'_>>,
) -> Option<Option<Certificate>> {
    let writes = methods.map(|methods| methods.iter().find(|method| method.writes_component()));
    let given = word.as_ref().or(path.as_ref());
    if let (Some(None), Some(node)) = (writes, given) {
        let help = "leave it out: no method listed here writes the whole component";
        table.context.fault(
            &node.key,
            "",
            format!("`{}` is not used here", node.name),
            Some(help.into()),
        );
    }
    if let (Some(word), Some(path)) = (&word, &path) {
        let places = [(&path.key, "and this"), (&word.key, "this")];
        table
            .context
            .fault_at(&places, "an app has a certificate or it has none", None);
        return None;
    }
    if let Some(path) = path {
        return file(&path).map(|path| Some(Certificate::File(path)));
    }
    if let Some(word) = word {
        return word.parse(|text| match text {
            "none" => Ok(Some(Certificate::None)),
            _ => Err(Complaint::from("`certificate` is only ever \"none\"")
                .help("an app that has one says certificate_file = \"/…\"")),
        });
    }
    if let Some(Some(method)) = writes {
        let message = format!(
            "`{}` may wipe the app's certificate, which cannot be read back",
            method.word()
        );
        let help = "say certificate_file = \"/…\" with the certificate, or certificate = \"none\" where there is none";
        table.context.missing(&table.at, "", message, Some(help.into()));
        return None;
    }
    Some(None)
}
