//! A metric and its values.

use std::time::Duration;

use crate::clock::Timestamp;

/// What a value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, but for a new beginning.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What it means, with its unit.
    pub help: &'static str,
    /// What its values do.
    pub kind: Kind,
    /// Its values, each under labels of its own.
    pub samples: Vec<Sample>,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

impl Family {
    pub(super) fn gauge(name: &'static str, help: &'static str) -> Family {
        Family {
            name,
            help,
            kind: Kind::Gauge,
            samples: Vec::new(),
        }
    }

    pub(super) fn counter(name: &'static str, help: &'static str) -> Family {
        Family {
            kind: Kind::Counter,
            ..Family::gauge(name, help)
        }
    }

    /// Adds a value, if it is known.
    pub(super) fn add(&mut self, labels: &[(&'static str, &str)], value: Option<f64>) {
        let named = labels.iter().map(|(name, value)| (*name, (*value).to_owned()));
        self.samples.extend(value.map(|value| Sample {
            labels: named.collect(),
            value,
        }));
    }

    /// The same with one value.
    pub(super) fn with(mut self, labels: &[(&'static str, &str)], value: Option<f64>) -> Family {
        self.add(labels, value);
        self
    }
}

/// Seconds since 1970.
pub(super) fn seconds(at: Timestamp) -> f64 {
    count(u64::try_from(at.0).unwrap_or(0)) / 1000.0
}

/// In seconds.
pub(super) fn span(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus has no other numbers; 2^53 is enough for a count"
)]
pub(super) fn count(number: u64) -> f64 {
    number as f64
}

pub(super) fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}
