//! Events as sentences (being written).
/// One event in words.
pub fn sentence(event: &crate::rotation::Event, _stores: &[String]) -> String {
    serde_json::to_string(event).unwrap_or_default()
}
