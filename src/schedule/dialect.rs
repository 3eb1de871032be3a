//! Five-field Unix cron, translated for the `cron` crate.
//!
//! The meaning is that of Vixie cron, with these choices:
//! - Sunday is 0 or 7; `SUN` as the end of a range is 7, so `FRI-SUN` is three days.
//! - If neither day field begins with `*`, a day matches when *either* field does. If one begins with `*`
//!   (`*/2` too), both must match.
//! - A step needs `*` or a range before it: `5/15` is refused, since implementations disagree about it.
//! - `@hourly` to `@yearly` are accepted, `@reboot` is not.
//! - Quartz signs (`?`, `L`, `W`, `#`) and a sixth field are refused.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use chrono::{Datelike, NaiveDateTime};
use serde::{Deserialize, Serialize};

/// A checked cron text. Equal when the text is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cron {
    text: String,
    /// Two where both day fields are restricted, since the crate would join them with AND.
    any_of: Vec<cron::Schedule>,
}

/// Why a text is no cron text of ours, and which bytes of it are wrong. Never repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct CronFault {
    /// One sentence for the person who wrote it.
    pub problem: String,
    /// Byte range inside the text.
    pub at: Range<usize>,
}

impl Cron {
    /// The years in which something can match. The crate counts no further, and adds to the time that it is given,
    /// which far outside could overflow.
    pub const YEARS: RangeInclusive<i32> = 1970..=2100;

    /// The first matching wall-clock minute strictly after `wall`; `None` where there is none before 2100.
    pub fn next_wall(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        if !Self::YEARS.contains(&wall.year()) {
            return None;
        }
        // UTC stands for "no zone" here: it has no clock changes to skip or double anything.
        let after = wall.and_utc();
        self.any_of
            .iter()
            .filter_map(|s| s.after(&after).next())
            .map(|t| t.naive_utc())
            .min()
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Cron> for String {
    fn from(cron: Cron) -> Self {
        cron.text
    }
}

impl TryFrom<String> for Cron {
    type Error = CronFault;

    fn try_from(text: String) -> Result<Self, CronFault> {
        text.parse()
    }
}

impl FromStr for Cron {
    type Err = CronFault;

    fn from_str(text: &str) -> Result<Self, CronFault> {
        let whole = 0..text.len();
        let words = words(text);
        if let [(at, word)] = words.as_slice()
            && word.starts_with('@')
        {
            let long = macro_of(word).ok_or_else(|| CronFault {
                problem: "this shorthand is not one of @hourly, @daily, @weekly, @monthly, @yearly".into(),
                at: at.clone(),
            })?;
            let mut cron: Self = long.parse()?;
            cron.text = text.into();
            return Ok(cron);
        }
        let [minute, hour, day, month, weekday] = words.as_slice() else {
            let help = match words.len() {
                6 | 7 => "; there is no field for seconds or years",
                _ => "",
            };
            return Err(CronFault {
                problem: format!(
                    "a cron text has five fields (minute, hour, day, month, weekday), this one has {}{help}",
                    words.len()
                ),
                at: whole,
            });
        };
        let minute = MINUTE.read(minute)?;
        let hour = HOUR.read(hour)?;
        let day_any = day.1.starts_with('*');
        let weekday_any = weekday.1.starts_with('*');
        let day = DAY.read(day)?;
        let month = MONTH.read(month)?;
        let weekday: BTreeSet<u8> = WEEKDAY.read(weekday)?.into_iter().map(|n| n % 7).collect();

        let time = format!("0 {} {}", list(&minute), list(&hour));
        let (days, months, weekdays) = (list(&day), list(&month), weekday_list(&weekday));
        let expressions = if day_any || weekday_any {
            vec![format!("{time} {days} {months} {weekdays} *")]
        } else {
            vec![
                format!("{time} {days} {months} * *"),
                format!("{time} * {months} {weekdays} *"),
            ]
        };
        let any_of = expressions
            .iter()
            .map(|e| cron::Schedule::from_str(e))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| CronFault {
                problem: "this cron text cannot be used".into(),
                at: whole,
            })?;
        Ok(Self {
            text: text.into(),
            any_of,
        })
    }
}

/// One of the five fields: what it is called and which numbers it takes.
struct Field {
    what: &'static str,
    lowest: u8,
    highest: u8,
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MINUTE: Field = Field {
    what: "minute",
    lowest: 0,
    highest: 59,
    names: &[],
};
const HOUR: Field = Field {
    what: "hour",
    lowest: 0,
    highest: 23,
    names: &[],
};
const DAY: Field = Field {
    what: "day of the month",
    lowest: 1,
    highest: 31,
    names: &[],
};
const MONTH: Field = Field {
    what: "month",
    lowest: 1,
    highest: 12,
    names: MONTHS,
};
const WEEKDAY: Field = Field {
    what: "weekday",
    lowest: 0,
    highest: 7,
    names: WEEKDAYS,
};

impl Field {
    fn read(&self, (at, text): &(Range<usize>, &str)) -> Result<BTreeSet<u8>, CronFault> {
        let mut numbers = BTreeSet::new();
        let mut start = at.start;
        for item in text.split(',') {
            let here = start..start + item.len();
            start = here.end + 1;
            self.item(item, &mut numbers)
                .map_err(|problem| CronFault { problem, at: here })?;
        }
        Ok(numbers)
    }

    fn item(&self, item: &str, numbers: &mut BTreeSet<u8>) -> Result<(), String> {
        let what = self.what;
        if item.contains(['?', '#', 'L', 'W']) && item.parse::<u8>().is_err() && !self.is_name(item) {
            return Err(format!("this {what} is written for Quartz, not for Unix cron"));
        }
        let (span, step) = match item.split_once('/') {
            None => (item, None),
            Some((span, step)) => (span, Some(step)),
        };
        let (first, last) = if span == "*" {
            (self.lowest, self.highest)
        } else if let Some((first, last)) = span.split_once('-') {
            let first = self.number(first)?;
            let last = match self.number(last)? {
                // Sunday ends a week as well as beginning one; only a name is unambiguous enough to mean 7.
                0 if first > 0 && self.is_name(last) => 7,
                n => n,
            };
            (first, last)
        } else if step.is_some() {
            return Err(format!(
                "a step of the {what} follows `*` or a range, such as `*/15` or `5-59/15`"
            ));
        } else {
            let n = self.number(span)?;
            (n, n)
        };
        if first > last {
            return Err(format!("this range of the {what} ends before it begins"));
        }
        let step = match step {
            None => 1,
            Some(step) => match step.parse::<u8>() {
                Ok(n) if n > 0 && digits(step) => n,
                _ => return Err(format!("a step of the {what} is a whole number from 1")),
            },
        };
        numbers.extend((first..=last).step_by(usize::from(step)));
        Ok(())
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        let named = self
            .names
            .iter()
            .position(|n| n.eq_ignore_ascii_case(text))
            .and_then(|i| u8::try_from(i).ok());
        // Both name lists begin at the field's first number.
        let number = match named {
            Some(i) => Some(i + self.lowest),
            None if digits(text) => text.parse().ok(),
            None => None,
        };
        match number {
            Some(n) if (self.lowest..=self.highest).contains(&n) => Ok(n),
            _ => Err(format!(
                "the {} is a number from {} to {}{}",
                self.what,
                self.lowest,
                self.highest,
                if self.names.is_empty() {
                    ""
                } else {
                    ", or the first three letters of its English name"
                }
            )),
        }
    }

    fn is_name(&self, text: &str) -> bool {
        text.split(['-', '/'])
            .any(|part| self.names.iter().any(|n| n.eq_ignore_ascii_case(part)))
    }
}

/// `parse` alone would take a plus sign.
fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn words(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut offset = 0;
    while let Some(begin) = rest.find(|c: char| !c.is_ascii_whitespace()) {
        let tail = rest.get(begin..).unwrap_or_default();
        let length = tail.find(|c: char| c.is_ascii_whitespace()).unwrap_or(tail.len());
        let start = offset + begin;
        found.push((start..start + length, tail.get(..length).unwrap_or_default()));
        rest = tail.get(length..).unwrap_or_default();
        offset = start + length;
    }
    found
}

fn macro_of(word: &str) -> Option<&'static str> {
    match word {
        "@hourly" => Some("0 * * * *"),
        "@daily" | "@midnight" => Some("0 0 * * *"),
        "@weekly" => Some("0 0 * * 0"),
        "@monthly" => Some("0 0 1 * *"),
        "@yearly" | "@annually" => Some("0 0 1 1 *"),
        _ => None,
    }
}

fn list(numbers: &BTreeSet<u8>) -> String {
    numbers.iter().map(u8::to_string).collect::<Vec<_>>().join(",")
}

/// By name: the crate's numbers are Quartz's.
fn weekday_list(numbers: &BTreeSet<u8>) -> String {
    let names: Vec<&str> = numbers
        .iter()
        .filter_map(|n| WEEKDAYS.get(usize::from(*n)).copied())
        .collect();
    if names.len() == WEEKDAYS.len() {
        "*".into()
    } else {
        names.join(",")
    }
}
