//! The path of one app inside a store, checked once for all adapters.

use std::fmt;

/// A relative path of one or more segments, none of which can leave the place it is put under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StorePath(String);

/// Why a text is no path. Says how to put it right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It has no first, last or middle segment.
    #[error("a store path has no empty segment: no slash at its ends, no two slashes together")]
    EmptySegment,
    /// It would leave the place it is put under.
    #[error("a store path has no segment `.` or `..`")]
    Dots,
    /// It holds what no file name or URL can hold plainly.
    #[error("a store path has no control character and no backslash")]
    Character,
    /// A segment is longer than a file name may be.
    #[error("a segment of a store path has at most 255 bytes")]
    TooLong,
}

/// The longest file name that Linux file systems take, in bytes.
const LONGEST_SEGMENT: usize = 255;

impl StorePath {
    /// Checks a path as written in the policy.
    ///
    /// # Errors
    /// [`BadPath`].
    pub fn parse(text: &str) -> Result<Self, BadPath> {
        for segment in text.split('/') {
            if segment.is_empty() {
                return Err(BadPath::EmptySegment);
            }
            if segment == "." || segment == ".." {
                return Err(BadPath::Dots);
            }
            if segment.chars().any(|c| c.is_control() || c == '\\') {
                return Err(BadPath::Character);
            }
            if segment.len() > LONGEST_SEGMENT {
                return Err(BadPath::TooLong);
            }
        }
        Ok(StorePath(text.to_owned()))
    }

    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments, in order.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_inside_is_a_path() {
        for good in ["a", "team/app", "a b/ü", "..a/b..", "x.y"] {
            assert_eq!(StorePath::parse(good).unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", BadPath::EmptySegment),
            ("/etc/passwd", BadPath::EmptySegment),
            ("a//b", BadPath::EmptySegment),
            ("a/", BadPath::EmptySegment),
            ("a/../b", BadPath::Dots),
            ("..", BadPath::Dots),
            (".", BadPath::Dots),
            ("a\nb", BadPath::Character),
            ("a\0b", BadPath::Character),
            ("a\\b", BadPath::Character),
        ] {
            assert_eq!(StorePath::parse(bad), Err(why), "{bad:?}");
        }
        assert_eq!(StorePath::parse(&"a".repeat(256)), Err(BadPath::TooLong));
    }
}
