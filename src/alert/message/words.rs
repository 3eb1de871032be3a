//! Sentences out of words that were made for the middle of one.

use crate::clock::Timestamp;

/// To the second: nobody plans by milliseconds.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// With a full stop. What comes from elsewhere may begin with a name, which keeps its letters.
pub(super) fn full(words: impl ToString) -> String {
    let words = words.to_string();
    match words.is_empty() || words.ends_with(['.', '!', '?']) {
        true => words,
        false => format!("{words}."),
    }
}

/// Words of our own that can stand in the middle of a sentence, as one.
pub(super) fn sentence(words: impl ToString) -> String {
    let words = full(words);
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::End;

    #[test]
    fn words_become_a_sentence_once() {
        for (words, wanted) in [
            ("held by me", "Held by me."),
            ("Held.", "Held."),
            ("`rekeyd status` shows it", "`rekeyd status` shows it."),
            ("", ""),
        ] {
            assert_eq!(sentence(words), wanted);
        }
        assert!(sentence(End::Ignored).ends_with("untouched."));
    }
}
