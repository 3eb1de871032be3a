//! Lines of text or of JSON, one for each event.

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text {
        /// With colours: only where the writer is a terminal.
        color: bool,
    },
    /// One object a line, for machines.
    Json,
}

/// What is logged unless somebody asks for something else.
pub const DEFAULT_FILTER: &str = "info";

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// A setting to put right.
    #[error("not a log filter: {0} (such as `info` or `info,rekeyd::salesforce=debug`)")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// It is set up already. Once, at the start, is enough.
    #[error("the log was set up before")]
    Twice(#[from] TryInitError),
}

/// Sets up the log of this process, for what is logged through `log` too. `writer` is standard error
/// (`std::io::stderr`) in the service: standard output belongs to what a command prints.
///
/// # Errors
/// [`LogFault`].
pub fn init<W>(format: Format, filter: &str, writer: W) -> Result<(), LogFault>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    Ok(subscriber(format, filter, writer)?.try_init()?)
}

/// The same, not yet set up for anybody.
///
/// # Errors
/// [`LogFault::Filter`].
pub fn subscriber<W>(
    format: Format,
    filter: &str,
    writer: W,
) -> Result<impl Subscriber + Send + Sync, LogFault>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(filter)?;
    Ok(tracing_subscriber::registry()
        .with(ceiling())
        .with(filter)
        .with(lines(format, writer)))
}

/// What no filter can raise. Below *warn*, the libraries of HTTP, TLS and SQL log headers, frames and statements.
/// `vaultrs` repeats whole failures at *error*, and `rustify` beneath it whole bodies: nothing of theirs is wanted,
/// since each failure comes back to us as an error that we wrap and log ourselves.
fn ceiling() -> Targets {
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("rekeyd", LevelFilter::TRACE)
        .with_target("vaultrs", LevelFilter::OFF)
        .with_target("rustify", LevelFilter::OFF)
}

fn lines<S, W>(format: Format, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    match format {
        Format::Text { color } => fmt::layer().with_ansi(color).with_writer(writer).boxed(),
        Format::Json => fmt::layer().json().with_writer(writer).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format, filter: &str) -> String {
        let page = Page::default();
        let sink = page.clone();
        let subscriber = subscriber(format, filter, move || sink.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "vaultrs::client", "canary-1");
            tracing::error!(target: "rustify::clients::reqwest", "canary-2");
            tracing::debug!(target: "hyper_util::client", "canary-3");
            tracing::trace!(target: "h2::codec", "canary-4");
            tracing::info!(target: "sqlx::query", "canary-5");
            tracing::debug!(target: "rustls::client", "canary-6");
            tracing::warn!(target: "reqwest::connect", "library warns");
            tracing::info!(target: "rekeyd::journal", head = "ab12", seq = 7, "head of the journal");
            tracing::debug!(target: "rekeyd::salesforce", "asked");
            tracing::trace!(target: "rekeyd::engine", "decided");
        });
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// One test, since the events above are registered with whoever listens at their first use.
    #[test]
    fn a_filter_opens_our_own_wings_and_never_the_libraries() {
        let plain = Format::Text { color: false };
        let wanted = |text: &str, shown: &[&str]| {
            assert!(!text.contains("canary"), "{text}");
            for word in ["library warns", "head of the journal", "asked", "decided"] {
                assert_eq!(text.contains(word), shown.contains(&word), "{word}: {text}");
            }
        };
        let usual = ["library warns", "head of the journal"];
        wanted(&written(plain, DEFAULT_FILTER), &usual);
        wanted(&written(plain, ""), &usual);
        let salesforce = ["library warns", "head of the journal", "asked"];
        wanted(&written(plain, "info,rekeyd::salesforce=debug"), &salesforce);
        let everything =
            "trace,vaultrs=trace,rustify=trace,hyper_util=trace,h2=trace,sqlx=trace,rustls=trace";
        let all = ["library warns", "head of the journal", "asked", "decided"];
        wanted(&written(plain, everything), &all);
        wanted(&written(plain, "off"), &[]);

        assert!(!written(plain, "info").contains('\u{1b}'));
        assert!(written(Format::Text { color: true }, "info").contains('\u{1b}'));

        let lines = written(Format::Json, "rekeyd=info");
        let line: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(line["target"], "rekeyd::journal");
        assert_eq!(line["fields"]["head"], "ab12");
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        let refused = subscriber(Format::Json, "rekeyd=loud", std::io::sink)
            .err()
            .unwrap();
        assert!(refused.to_string().contains("not a log filter"), "{refused}");
    }
}
