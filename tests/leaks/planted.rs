//! The search finds what is planted, in encodings made by somebody else, whole and cut short.

use std::process::Command;

use super::search::{Needle, Searcher, files_below};

/// Holds what every escape escapes, with letters by chance in between.
pub const AWKWARD: &str = "Kq7&Zt<9w>R\"x4'Hb+6/V=m%Éc2\\Jy8;P~d5:L!o3,G{f}N$s^T";

/// Each encoding by Python's standard library: a name, a tab, the bytes in hex.
const ENCODERS: &str = r#"
import base64, gzip, html, io, json, sys, urllib.parse, zipfile, zlib
from xml.sax import saxutils
secret = sys.argv[1]
raw = secret.encode()
def zipped(method):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr("unpackaged/package.xml", "x" * 100)
        archive.writestr("unpackaged/app.xml", b"<secret>" + raw + b"</secret>")
    return target.getvalue()
all = {
    "plain": raw,
    "utf-16": secret.encode("utf-16"),
    "json": json.dumps(secret, ensure_ascii=False).encode(),
    "json ascii": json.dumps(secret).encode(),
    "json twice": json.dumps(json.dumps(secret, ensure_ascii=False), ensure_ascii=False).encode(),
    "repr": repr(secret).encode(),
    "repr of bytes": repr(raw).encode(),
    "list": repr(list(raw)).encode(),
    "xml text": saxutils.escape(secret).encode(),
    "xml attribute": saxutils.quoteattr(secret).encode(),
    "html": html.escape(secret).encode(),
    "xml ascii": html.escape(secret).encode("ascii", "xmlcharrefreplace"),
    "quote": urllib.parse.quote(secret, safe="").encode(),
    "quote path": urllib.parse.quote(secret).encode(),
    "quote_plus": urllib.parse.quote_plus(secret).encode(),
    "form": urllib.parse.urlencode({"client_secret": secret, "x": "y"}).encode(),
    "hex": raw.hex().encode(),
    "HEX": raw.hex().upper().encode(),
    "basic": base64.b64encode(b"an-id-of-some-length:" + raw),
    "gzip": gzip.compress(b"before " + raw + b" after"),
    "zlib": zlib.compress(b"before " + raw + b" after"),
    "zip deflated": zipped(zipfile.ZIP_DEFLATED),
    "zip stored": zipped(zipfile.ZIP_STORED),
    "base64 of a zip": base64.b64encode(zipped(zipfile.ZIP_DEFLATED)),
    "base64 of gzip in json": json.dumps({"zip": base64.b64encode(gzip.compress(raw)).decode()}).encode(),
    "gzip of base64 of zip": gzip.compress(base64.b64encode(zipped(zipfile.ZIP_DEFLATED))),
}
for shift in range(3):
    for tail in range(3):
        text = b"x" * shift + raw + b"y" * tail
        all[f"base64 {shift} {tail}"] = base64.b64encode(text)
        all[f"base64url {shift} {tail}"] = base64.urlsafe_b64encode(text)
for name, form in all.items():
    print(name, form.hex(), sep="\t")
"#;

fn planted(secret: &str) -> Vec<(String, Vec<u8>)> {
    let out = Command::new("python3")
        .args(["-c", ENCODERS, secret])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    let line = |line: &str| {
        let (name, hex) = line.split_once('\t').unwrap();
        let digits: Vec<u8> = hex
            .chars()
            .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
            .collect();
        let bytes = digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect();
        (name.to_owned(), bytes)
    };
    text.lines().map(line).collect()
}

fn is_packed(name: &str) -> bool {
    ["zip", "zlib"].iter().any(|one| name.contains(one))
}

#[test]
fn every_form_is_found_and_also_a_third_of_it() {
    let alphanumeric = "a8Kd02mVq5ZtRw7LxN3bYc9HfPj6Ss1GnQe4UuDrTiBoXkAhCyEgMvFpWzIlOJ0q";
    let noise: Vec<u8> = (0..4000_u32).map(|at| (at * 7919 % 251) as u8).collect();
    let mut count = 0;
    for secret in [AWKWARD, alphanumeric] {
        let searcher = Searcher::new(vec![Needle::new("the canary", secret)]);
        assert!(searcher.search("noise", &noise).is_empty());
        let directory = tempfile::tempdir().unwrap();
        let mut plants = Vec::new();
        for (at, (name, form)) in planted(secret).into_iter().enumerate() {
            // Cut short, a packed one may not even hold a letter of it; a third of the others is enough.
            let third = match is_packed(&name) {
                true => form.as_slice(),
                false => &form[form.len() / 3..form.len() * 2 / 3],
            };
            for (cut, bytes) in [("whole", form.as_slice()), ("third", third)] {
                let file = format!("{cut}-{at}-planted");
                std::fs::write(directory.path().join(&file), [&noise, bytes, &noise].concat()).unwrap();
                plants.push((file, name.clone()));
            }
        }
        let found = searcher.files(&files_below(directory.path()));
        for (file, name) in &plants {
            assert!(
                found.iter().any(|finding| finding.contains(file)),
                "{name} was not found, {file}"
            );
        }
        count += plants.len();
    }
    println!("{count} plants, each found");
}

#[test]
fn what_must_be_whole_is_found_whole_only() {
    let needle = Needle {
        whole: true,
        ..Needle::new("a token's beginning", "00D5g000004abcd!")
    };
    let searcher = Searcher::new(vec![needle]);
    let org = b"the org 00D5g000004abcd is one, and here is 00D5g000004abcdEAA".to_vec();
    assert!(searcher.search("a log", &org).is_empty());
    for (name, form) in planted("Bearer 00D5g000004abcd!AQEAQNoneKnows") {
        let found = searcher.search("a log", &form);
        assert!(is_packed(&name) || !found.is_empty(), "{name} was not found");
    }
}
