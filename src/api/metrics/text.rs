//! The text format of Prometheus, version 0.0.4: every Prometheus reads it, and `promtool` checks it.
//!
//! `prometheus-client` writes OpenMetrics, which names a counter's family without its `_total`; given the whole name
//! and values without a suffix of their own, what it writes is the older format to the letter.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::{Family, Kind};

/// What the text is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes them down.
///
/// # Errors
/// [`fmt::Error`], which a text in memory never gives.
pub fn text(families: Vec<Family>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(All(families)));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct All(Vec<Family>);

impl Collector for All {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for family in &self.0 {
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let mut metric = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            if let [only] = family.samples.as_slice()
                && only.labels.is_empty()
            {
                ConstGauge::new(only.value).encode(metric)?;
                continue;
            }
            for sample in &family.samples {
                ConstGauge::new(sample.value).encode(metric.encode_family(&sample.labels)?)?;
            }
        }
        Ok(())
    }
}
