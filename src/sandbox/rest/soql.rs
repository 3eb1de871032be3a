//! Reads the little SOQL that is served: `SELECT fields FROM object [WHERE field = 'text'] [LIMIT n]`.

use super::query::Record;

/// A query, read.
pub(super) struct Soql {
    pub fields: Vec<String>,
    pub object: String,
    pub filter: Option<(String, String)>,
    pub limit: usize,
}

impl Soql {
    pub fn read(text: &str) -> Option<Self> {
        let tokens = tokens(text)?;
        let mut rest = tokens.iter();
        let word = |token: Option<&Token>, wanted: &str| matches!(token, Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        if !word(rest.next(), "SELECT") {
            return None;
        }
        let mut fields = Vec::new();
        loop {
            let Some(Token::Word(field)) = rest.next() else {
                return None;
            };
            fields.push(field.clone());
            match rest.next() {
                Some(Token::Comma) => {}
                token if word(token, "FROM") => break,
                _ => return None,
            }
        }
        let Some(Token::Word(object)) = rest.next() else {
            return None;
        };
        let mut soql = Self {
            fields,
            object: object.clone(),
            filter: None,
            limit: 2000,
        };
        let mut next = rest.next();
        if word(next, "WHERE") {
            let (Some(Token::Word(field)), Some(Token::Equals), Some(Token::Text(value))) =
                (rest.next(), rest.next(), rest.next())
            else {
                return None;
            };
            soql.filter = Some((field.clone(), value.clone()));
            next = rest.next();
        }
        if word(next, "LIMIT") {
            let Some(Token::Word(count)) = rest.next() else {
                return None;
            };
            soql.limit = count.parse().ok()?;
            next = rest.next();
        }
        next.is_none().then_some(soql)
    }

    pub fn matches(&self, record: &Record) -> bool {
        self.filter.as_ref().is_none_or(|(field, wanted)| {
            record.iter().any(|(name, value)| {
                // Text compares without regard to case, as SOQL does; ids by their first 15 characters.
                let value = value.as_str().unwrap_or_default();
                name.eq_ignore_ascii_case(field)
                    && (value.eq_ignore_ascii_case(wanted)
                        || (name.ends_with("Id") && value.get(..15) == wanted.get(..15)))
            })
        })
    }
}

enum Token {
    Word(String),
    Text(String),
    Comma,
    Equals,
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' => {}
            ',' => tokens.push(Token::Comma),
            '=' => tokens.push(Token::Equals),
            '\'' => {
                let mut value = String::new();
                loop {
                    match rest.next()? {
                        '\\' => value.push(rest.next()?),
                        '\'' => break,
                        other => value.push(other),
                    }
                }
                tokens.push(Token::Text(value));
            }
            letter if letter.is_ascii_alphanumeric() || letter == '_' => {
                let mut word = String::from(letter);
                while let Some(next) = rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
                    word.push(next);
                }
                if rest.next_if_eq(&'(').is_some() {
                    rest.next_if_eq(&')')?;
                    word.push_str("()");
                }
                tokens.push(Token::Word(word));
            }
            _ => return None,
        }
    }
    Some(tokens)
}
