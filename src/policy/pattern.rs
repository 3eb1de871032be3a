//! Which apps somebody means who names them by pattern.

use serde::{Deserialize, Serialize};

/// The names of some apps: `*` stands for any run of characters, also none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppPattern(pub String);

impl AppPattern {
    /// Every app.
    pub fn all() -> AppPattern {
        AppPattern("*".into())
    }

    /// Whether `app` is one of them.
    pub fn matches(&self, app: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else {
            return self.0 == app;
        };
        let Some(mut app) = app.strip_prefix(start) else {
            return false;
        };
        let mut parts: Vec<&str> = rest.split('*').collect();
        let end = parts.pop().unwrap_or_default();
        for part in parts {
            // The first place that fits leaves the most for the parts behind it.
            match app.split_once(part) {
                Some((_, after)) => app = after,
                None => return false,
            }
        }
        app.ends_with(end)
    }
}

#[cfg(test)]
mod tests {
    use super::AppPattern;

    #[test]
    fn a_pattern_matches_whole_names_only() {
        let matches = |pattern: &str, app: &str| AppPattern(pattern.into()).matches(app);
        for (pattern, app) in [
            ("*", "billing"),
            ("billing", "billing"),
            ("billing-*", "billing-"),
            ("billing-*", "billing-eu-1"),
            ("*-eu", "billing-eu"),
            ("a*b*c", "abc"),
            ("a*b*c", "axxbbyc-c"),
            ("*a*a*", "aa"),
        ] {
            assert!(matches(pattern, app), "{pattern} {app}");
        }
        for (pattern, app) in [
            ("billing", "billing-eu"),
            ("billing-*", "billing"),
            ("billing-*", "my-billing-eu"),
            ("*-eu", "billing-eu-1"),
            ("ab*ba", "aba"),
            ("a*b*c", "acb"),
            ("*a*a*", "a"),
        ] {
            assert!(!matches(pattern, app), "{pattern} {app}");
        }
    }
}
