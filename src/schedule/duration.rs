//! Durations as people write them: `90d`, `30m`, `15s`, `1h30m`.
//!
//! A day is 24 hours and nothing is longer than a day: months and years are the calendar's, so they are cron's.

use std::time::Duration;

/// The units, longest first, in seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Nothing that is configured lasts longer (ten years); keeps every later sum far from overflow.
pub const LONGEST: Duration = Duration::from_secs(3_650 * 86_400);

/// Reads a duration: whole numbers, each with a unit, each unit once, longest first.
///
/// # Errors
/// A sentence for the person who wrote it, which does not repeat the text.
pub fn parse(text: &str) -> Result<Duration, &'static str> {
    const SHAPE: &str = "a duration is written like `90d`, `12h`, `30m`, `15s` or `1h30m`";
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut seconds: u64 = 0;
    if rest.is_empty() {
        return Err(SHAPE);
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or(SHAPE)?;
        let (number, tail) = rest.split_at_checked(end).ok_or(SHAPE)?;
        let mut tail = tail.chars();
        let unit = tail.next().ok_or(SHAPE)?;
        // Going on where the last unit was found is what keeps the order and refuses a unit twice.
        let (_, length) = units.by_ref().find(|(name, _)| *name == unit).ok_or(SHAPE)?;
        if number.is_empty() {
            return Err(SHAPE);
        }
        seconds = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(*length))
            .and_then(|n| n.checked_add(seconds))
            .filter(|n| *n <= LONGEST.as_secs())
            .ok_or("no duration here is longer than 3650d")?;
        rest = tail.as_str();
    }
    Ok(Duration::from_secs(seconds))
}

/// Writes a duration the way [`parse`] reads it; parts of a second are dropped.
pub fn text(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    if seconds == 0 {
        return "0s".into();
    }
    let mut written = String::new();
    for (name, length) in UNITS {
        if let Some(count) = seconds.checked_div(length).filter(|count| *count > 0) {
            written.push_str(&format!("{count}{name}"));
            seconds %= length;
        }
    }
    written
}
