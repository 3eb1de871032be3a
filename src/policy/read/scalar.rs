//! Single values: what a text, a number or a date has to look like.

use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use toml::de::DeValue;
use url::{Host, Url};

use super::Node;
use crate::policy::hint;
use crate::policy::mask::quoted;
use crate::schedule::{Cron, duration};

/// What is wrong with a text.
pub(crate) struct Complaint {
    pub message: String,
    pub help: Option<String>,
    /// Which bytes of it, where not all.
    pub within: Option<Range<usize>>,
}

impl<T: Into<String>> From<T> for Complaint {
    fn from(message: T) -> Self {
        Self {
            message: message.into(),
            help: None,
            within: None,
        }
    }
}

impl Complaint {
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl<'a> Node<'a> {
    /// The value as text.
    pub fn string(&self) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) => Some(text),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => self.wrong_type("a string"),
        }
    }

    /// The value as text that `read` accepts.
    pub fn parse<T>(&self, read: impl FnOnce(&str) -> Result<T, Complaint>) -> Option<T> {
        let text = self.string()?;
        match read(text) {
            Ok(value) => Some(value),
            Err(complaint) => {
                let mut at = self.at.clone();
                // Only where nothing is escaped do the bytes of the text stand in the file as they are.
                let plain = self
                    .context
                    .written(&at)
                    .get(1..)
                    .is_some_and(|rest| rest.starts_with(text));
                if let Some(within) = complaint.within.filter(|_| plain) {
                    at.span = at.span.start + 1 + within.start..at.span.start + 1 + within.end;
                }
                self.context.fault(&at, "", complaint.message, complaint.help);
                None
            }
        }
    }
}

pub(super) fn boolean(node: &Node<'_>) -> Option<bool> {
    node.value
        .as_bool()
        .or_else(|| node.wrong_type("`true` or `false`"))
}

/// A whole number in a range.
pub(super) fn number(range: std::ops::RangeInclusive<u32>) -> impl Fn(&Node<'_>) -> Option<u32> {
    move |node| {
        let Some(integer) = node.value.as_integer() else {
            return node.wrong_type("a number");
        };
        let found = u32::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|n| range.contains(n));
        if found.is_none() {
            node.fault(
                format!(
                    "`{}` is a whole number from {} to {}",
                    node.name,
                    range.start(),
                    range.end()
                ),
                None,
            );
        }
        found
    }
}

/// One line that says something.
pub(super) fn line(node: &Node<'_>) -> Option<String> {
    node.parse(|text| {
        if text.trim().is_empty() {
            return Err(format!("`{}` is empty", node.name).into());
        }
        if text.chars().any(char::is_control) {
            return Err(format!(
                "`{}` has a line break or another control character in it",
                node.name
            )
            .into());
        }
        Ok(text.to_owned())
    })
}

pub(super) fn duration(node: &Node<'_>) -> Option<Duration> {
    node.parse(|text| duration::parse(text).map_err(Complaint::from))
}

/// A duration that is longer than nothing.
pub(super) fn some_duration(node: &Node<'_>) -> Option<Duration> {
    let found = duration(node)?;
    if found.is_zero() {
        node.fault(format!("`{}` is longer than nothing", node.name), None);
        return None;
    }
    Some(found)
}

/// The place of a file. A daemon has no directory of its own, so only an absolute path means one place.
pub(super) fn file(node: &Node<'_>) -> Option<PathBuf> {
    node.parse(|text| file_text(&node.name, text))
}

/// The same, of a text that stands elsewhere.
pub(super) fn file_text(name: &str, text: &str) -> Result<PathBuf, Complaint> {
    if !text.starts_with('/') || text.chars().any(char::is_control) {
        let complaint = Complaint::from(format!(
            "`{name}` is an absolute path, such as \"/run/secrets/key\""
        ));
        return Err(complaint.help("name the file that holds the value, never the value itself"));
    }
    if text.split('/').any(|part| part == "..") {
        return Err(format!("`{name}` has `..` in it").into());
    }
    Ok(PathBuf::from(text))
}

/// The name of an environment variable, in the usual capitals: anything else is too likely to be the secret itself.
pub(super) fn variable(node: &Node<'_>) -> Option<String> {
    node.parse(|text| {
        let good = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if text.is_empty() || !text.bytes().all(good) || text.starts_with(|c: char| c.is_ascii_digit()) {
            let complaint = Complaint::from(format!(
                "`{}` is the name of an environment variable in capitals",
                node.name
            ));
            return Err(complaint.help("name the variable that holds the value, such as `VAULT_TOKEN`"));
        }
        Ok(text.to_owned())
    })
}

/// An absolute URL that says nothing secret and speaks TLS, unless it stays on this machine.
pub(super) fn url(node: &Node<'_>) -> Option<Url> {
    node.parse(|text| url_text(&node.name, text))
}

fn url_text(name: &str, text: &str) -> Result<Url, Complaint> {
    let url = Url::parse(text).map_err(|_| format!("`{name}` is a URL, such as \"https://host.example\""))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("`{name}` has a user or a password in it").into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{name}` has a query or a fragment in it").into());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(Complaint::from("`http://` is for a loopback address only").help("write `https://`")),
        _ => Err(format!("`{name}` begins with `https://`").into()),
    }
}

/// A URL that names a server and nothing on it.
pub(super) fn origin(node: &Node<'_>) -> Option<Url> {
    node.parse(|text| origin_text(&node.name, text))
}

/// The same, of a text that stands elsewhere.
pub(super) fn origin_text(name: &str, text: &str) -> Result<Url, Complaint> {
    let url = url_text(name, text)?;
    if url.path() != "/" {
        return Err(Complaint::from(format!("`{name}` has a path after the host")).help("leave the path out"));
    }
    Ok(url)
}

/// A name that a certificate can have.
pub(super) fn host_name(node: &Node<'_>) -> Option<String> {
    node.parse(|text| match Host::parse(text) {
        Ok(Host::Domain(name)) if !text.contains(':') => Ok(name),
        Ok(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => {
            Err(format!("`{}` is a host name, such as \"vault.example\"", node.name).into())
        }
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // A name other than this one could resolve to anything.
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A path inside a store: parts between slashes.
pub(super) fn store_path(node: &Node<'_>) -> Option<String> {
    line(node)?;
    node.parse(|text| store_path_text(&node.name, text))
}

/// The same, of a text that stands elsewhere.
pub(super) fn store_path_text(name: &str, text: &str) -> Result<String, Complaint> {
    // What a store would refuse later, a file name of Linux being the narrowest.
    let wrong = |part: &str| {
        matches!(part, "." | "..")
            || part.contains('\\')
            || part.len() > 255
            || part.chars().any(char::is_control)
    };
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    if text.starts_with('/') || parts.is_empty() || parts.iter().any(|part| wrong(part)) {
        let complaint = Complaint::from(format!("`{name}` is no path inside a store"));
        return Err(complaint.help(
            "a path is relative to the store, such as \"salesforce/billing\", without `.`, `..` or backslash",
        ));
    }
    Ok(parts.join("/"))
}

pub(super) fn cron(node: &Node<'_>) -> Option<Cron> {
    node.parse(|text| {
        Cron::from_str(text).map_err(|fault| Complaint {
            message: fault.problem,
            help: Some("five fields as in crontab(5): minute, hour, day of the month, month, weekday".into()),
            within: Some(fault.at),
        })
    })
}

pub(super) fn zone(node: &Node<'_>) -> Option<Tz> {
    node.parse(|text| {
        text.parse().map_err(|_| {
            let complaint = Complaint::from(format!("there is no zone {}", quoted(text)));
            match hint::closest(text, TZ_VARIANTS.iter().map(|zone| zone.name())) {
                Some(close) => complaint.help(format!("did you mean \"{close}\"?")),
                None => complaint.help("a zone has an IANA name, such as \"Europe/Paris\" or \"UTC\""),
            }
        })
    })
}

/// A moment: RFC 3339, or a date, which begins at midnight UTC. As a text or as TOML's own.
pub(super) fn moment(node: &Node<'_>) -> Option<DateTime<Utc>> {
    let text = match node.value {
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => return node.wrong_type("\"now\", \"after-interval\" or a date"),
    };
    let date = |text: &str| {
        text.parse::<NaiveDate>()
            .ok()
            .map(|date| date.and_time(NaiveTime::MIN).and_utc())
    };
    let exact = |text: &str| {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|at| at.with_timezone(&Utc))
    };
    let found = date(&text).or_else(|| exact(&text));
    if found.is_none() {
        let help = "a date is written like \"2027-01-31\" or, with its offset, \"2027-01-31T02:00:00Z\"";
        node.fault(
            format!("`{}` is \"now\", \"after-interval\" or a date", node.name),
            Some(help.into()),
        );
    }
    found
}
