//! How a secret can look once something has quoted, escaped or encoded it.
//!
//! Who escapes what differs without end, so what was written is also unescaped before it is searched.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Every form of `secret`: its name and its bytes.
pub fn forms(secret: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("plain".to_owned(), secret.to_vec())];
    if let Ok(text) = std::str::from_utf8(secret) {
        for (name, form) in text_forms(text) {
            all.push((name.to_owned(), form.into_bytes()));
        }
        let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        all.push(("UTF-16".to_owned(), wide));
    }
    let bytes = secret.escape_ascii().to_string();
    let unquoted = bytes.replace("\\\"", "\"");
    let list: Vec<String> = secret.iter().map(ToString::to_string).collect();
    let joined = |format: fn(&u8) -> String| secret.iter().map(format).collect::<String>();
    for (name, form) in [
        ("Debug of bytes, one quote", unquoted.clone()),
        ("Debug of bytes, the other quote", bytes.replace("\\'", "'")),
        ("Debug of bytes, no quote", unquoted.replace("\\'", "'")),
        ("Debug of bytes", bytes),
        ("hex", joined(|byte| format!("{byte:02x}"))),
        ("HEX", joined(|byte| format!("{byte:02X}"))),
        ("\\x", joined(|byte| format!("\\x{byte:02x}"))),
        ("percent, every byte", joined(|byte| format!("%{byte:02X}"))),
        ("list of bytes", list.join(", ")),
        ("list of bytes, close", list.join(",")),
    ] {
        all.push((name.to_owned(), form.into_bytes()));
    }
    for shift in 0..3 {
        for (name, url) in [("base64", false), ("base64url", true)] {
            let form = shifted(secret, shift, url).into_bytes();
            all.push((format!("{name} at {shift}"), form));
        }
    }
    all
}

fn text_forms(text: &str) -> Vec<(&'static str, String)> {
    let json = inner(serde_json::to_string(text).unwrap());
    let debug = inner(format!("{text:?}"));
    vec![
        ("JSON in JSON", inner(serde_json::to_string(&json).unwrap())),
        ("JSON, ASCII", json_ascii(text, false, false)),
        ("JSON, ASCII, upper case", json_ascii(text, false, true)),
        ("JSON, safe in HTML", json_ascii(text, true, false)),
        ("JSON, safe in HTML, upper case", json_ascii(text, true, true)),
        ("JSON, slashes too", json.replace('/', "\\/")),
        ("JSON in Debug", inner(format!("{json:?}"))),
        ("Debug in Debug", inner(format!("{debug:?}"))),
        ("Debug in JSON", inner(serde_json::to_string(&debug).unwrap())),
        ("Debug", debug),
        ("Debug, ASCII", text.escape_default().to_string()),
        ("JSON", json),
        ("XML, least", xml(text, |c| named(c).filter(|_| "&<".contains(c)))),
        ("XML", xml(text, named)),
        ("XML, ASCII", xml(text, |c| named(c).or_else(|| numbered(c)))),
        ("XML, decimal", xml(text, numbered)),
        ("XML, hex", xml(text, |c| hexed(c, false))),
        ("XML, HEX", xml(text, |c| hexed(c, true))),
        ("percent", percent(text, true, "-._~")),
        ("percent, lower case", percent(text, false, "-._~")),
        ("percent, form", percent(text, true, "-._*")),
        ("percent, path", percent(text, true, "-._~!$&'()*+,;=:@")),
        ("percent, query", percent(text, true, "-._~!$'()*+,;=:@/?&")),
        ("SQL", text.replace('\'', "''")),
        ("shell", text.replace('\'', "'\\''")),
    ]
}

/// Without the quotes around it.
fn inner(quoted: String) -> String {
    quoted[1..quoted.len() - 1].to_owned()
}

fn json_ascii(text: &str, html: bool, upper: bool) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() && !(html && "&<>'\"/=+".contains(c)) {
            out.push_str(&inner(serde_json::to_string(&c).unwrap()));
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&match upper {
                true => format!("\\u{unit:04X}"),
                false => format!("\\u{unit:04x}"),
            });
        }
    }
    out
}

fn xml(text: &str, escape: impl Fn(char) -> Option<String>) -> String {
    text.chars()
        .map(|c| escape(c).unwrap_or_else(|| c.to_string()))
        .collect()
}

fn named(c: char) -> Option<String> {
    let name = match c {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&apos;",
        _ => return None,
    };
    Some(name.to_owned())
}

fn numbered(c: char) -> Option<String> {
    (!c.is_ascii_alphanumeric()).then(|| format!("&#{};", u32::from(c)))
}

fn hexed(c: char, upper: bool) -> Option<String> {
    let number = u32::from(c);
    (!c.is_ascii_alphanumeric()).then(|| match upper {
        true => format!("&#x{number:X};"),
        false => format!("&#x{number:x};"),
    })
}

fn percent(text: &str, upper: bool, kept: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let c = char::from(byte);
        out.push_str(&match (c.is_ascii_alphanumeric() || kept.contains(c), upper) {
            (true, _) => c.to_string(),
            (false, true) => format!("%{byte:02X}"),
            (false, false) => format!("%{byte:02x}"),
        });
    }
    out
}

/// The part of the base64 text that the secret alone decides when `shift` bytes stand before it and any after it.
fn shifted(secret: &[u8], shift: usize, url: bool) -> String {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(secret);
    let text = match url {
        true => URL_SAFE_NO_PAD.encode(&bytes),
        false => STANDARD_NO_PAD.encode(&bytes),
    };
    text[(shift * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned()
}

/// `text` with every escape of JSON, Rust, XML and URLs undone, whichever they are mixed with.
pub fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        match escape(rest) {
            Some((bytes, length)) => {
                out.extend_from_slice(&bytes);
                at += length;
            }
            None => {
                out.push(rest[0]);
                at += 1;
            }
        }
    }
    out
}

/// The escape that `text` begins with: what it stands for, and how long it is.
fn escape(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    match text {
        [b'%', digits @ ..] => Some((vec![hex(digits, 2)?.try_into().ok()?], 3)),
        [b'\\', b'x', digits @ ..] => Some((vec![hex(digits, 2)?.try_into().ok()?], 4)),
        [b'\\', b'u', b'{', digits @ ..] => {
            let length = digits.iter().take(7).position(|byte| *byte == b'}')?;
            Some((utf8(hex(digits, length)?)?, length + 4))
        }
        [b'\\', b'u', digits @ ..] => Some((utf8(hex(digits, 4)?)?, 6)),
        [b'\\', c @ (b'"' | b'\'' | b'\\' | b'/'), ..] => Some((vec![*c], 2)),
        [b'&', b'#', rest @ ..] => {
            let length = rest.iter().take(8).position(|byte| *byte == b';')?;
            let digits = std::str::from_utf8(&rest[..length]).ok()?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => digits.parse().ok()?,
            };
            Some((utf8(number)?, length + 3))
        }
        [b'&', ..] => "&<>\"'".chars().find_map(|c| {
            let name = named(c)?;
            let begins = text.starts_with(name.as_bytes());
            begins.then(|| (vec![c as u8], name.len()))
        }),
        _ => None,
    }
}

fn hex(digits: &[u8], length: usize) -> Option<u32> {
    let digits = std::str::from_utf8(digits.get(..length)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

fn utf8(number: u32) -> Option<Vec<u8>> {
    Some(char::from_u32(number)?.to_string().into_bytes())
}
