//! What every reader of text from outside must keep, whatever the text: it ends, it does not panic, what it takes it can
//! write and take again, and a refusal repeats no secret. One function per fuzz target; the test suite drives the same
//! functions over the same seeds (`tests/fuzz.rs`).

use rekeyd::clock::Timestamp;
use rekeyd::document::{Document, FieldNames, Stamp};
use rekeyd::engine::ledger::Ledgers;
use rekeyd::engine::note::Note;
use rekeyd::engine::tell;
use rekeyd::policy::{AppPolicy, SourceFile, compile, outline, to_json, to_text};
use rekeyd::port::journal::{Entry, Head, Record};
use rekeyd::salesforce::{heard, rewritten};
use rekeyd::schedule::{Cron, CronFault, duration};
use rekeyd::secret::{Credential, Secret};

/// Stands in the seeds where a secret could, and never in anything that is said.
pub const CANARY: &str = "5FD42A6B1F03E9C8D77Bc4n4ry5FD42A6B1F03E9C8D77B";

/// A target.
pub type Entrance = fn(&[u8]);

/// Every target, under the name of its folder of seeds.
pub const ALL: [(&str, Entrance); 6] = [
    ("policy", policy),
    ("soap", soap),
    ("rest", rest),
    ("journal", journal),
    ("document", document),
    ("cron", cron),
];

fn silent(said: &str) {
    let said = said.to_lowercase();
    assert!(!said.contains(&CANARY.to_lowercase()), "a secret is told: {said}");
}

/// A policy: a sound one survives the journal, a faulty one is refused in words.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let files = [SourceFile {
        name: "rekeyd.toml".to_owned(),
        text: text.to_owned(),
    }];
    match compile(&files) {
        Ok(policy) => {
            for app in policy.apps.values() {
                let kept = serde_json::to_value(app).unwrap();
                let again: AppPolicy = serde_json::from_value(kept).unwrap();
                assert_eq!(again, *app, "a rotation runs under the policy that it began with");
            }
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            silent(&format!("{}{}{faults:?}", to_text(&faults), to_json(&faults)));
        }
    }
    drop(outline(&files));
}

/// Status and body: three digits in the first line, where there are any.
fn answer(data: &[u8]) -> (u16, &[u8]) {
    let status = data
        .get(..3)
        .filter(|_| data.get(3) == Some(&b'\n'))
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    match (status, data.get(4..)) {
        (Some(status), Some(body)) => (status, body),
        (_, _) => (200, data),
    }
}

/// An answer over SOAP: nothing of it is told; a Connected App in it is sent back whole, twice the same.
pub fn soap(data: &[u8]) {
    let (status, body) = answer(data);
    for said in heard(status, body) {
        silent(&said);
    }
    let secret = Secret::new("New0secret0of0the0fuzz0target".to_owned());
    if let Some(once) = rewritten(body, &secret) {
        let twice = rewritten(once.expose().as_bytes(), &secret).map(|twice| twice.expose().to_owned());
        assert_eq!(twice.as_deref(), Some(once.expose()));
        let told = once.expose().matches(secret.expose()).count();
        let before = String::from_utf8_lossy(body).matches(secret.expose()).count();
        assert!(told > before || before > 0, "the secret is in its request");
    }
}

/// An answer over REST, and one of the OAuth endpoints.
pub fn rest(data: &[u8]) {
    let (status, body) = answer(data);
    for said in heard(status, body) {
        silent(&said);
    }
}

/// Records of a journal, one a line: milliseconds, app, rotation, kind, body, with tabs between; an empty app or
/// rotation is none.
pub fn journal(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let records: Vec<Record> = text.lines().zip(1..).filter_map(record).collect();
    let mut ledgers = Ledgers::default();
    for record in &records {
        if let Ok(note) = Note::read(record) {
            let app = record.entry.app.as_deref().unwrap_or_default();
            let entry = note.entry(app, record.entry.rotation).unwrap();
            assert_eq!(entry.kind, note.kind());
            let again = Record {
                entry,
                ..record.clone()
            };
            assert_eq!(Note::read(&again), Ok(note.clone()));
            let _sentence = tell::note_sentence(&note, &[]);
        }
        let before = ledgers.apps.len();
        match ledgers.add(record) {
            Ok(()) => {}
            Err(unreadable) => {
                assert_eq!((unreadable.seq, ledgers.apps.len()), (record.seq, before));
                silent(&unreadable.to_string());
            }
        }
        let now = record.at;
        for (name, ledger) in &ledgers.apps {
            let _due = ledger.for_schedule();
            let _words = (
                tell::status_words(ledger, name, now),
                tell::wants_a_person(ledger),
            );
            let _stopped = (ledger.stopped_by(), tell::stopped_remedy(ledger, name));
            if let Some(run) = ledger.running() {
                let _state = tell::state_words(&run.state, &run.stores, now);
            }
        }
    }
}

fn record((line, seq): (&str, i64)) -> Option<Record> {
    let mut parts = line.splitn(5, '\t');
    let at = parts.next()?.parse().ok()?;
    let app = Some(parts.next()?.to_owned()).filter(|app| !app.is_empty());
    let rotation = parts.next()?.parse().ok();
    let kind = parts.next()?.to_owned();
    let body = serde_json::from_str(parts.next()?).ok()?;
    Some(Record {
        seq,
        at: Timestamp(at),
        entry: Entry {
            app,
            rotation,
            kind,
            body,
        },
        prev: Head([0; 32]),
        hash: Head([0; 32]),
    })
}

/// A stored value: what others keep in it stays, what is put in it comes out.
pub fn document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let names = FieldNames::default();
    let read = match Document::parse(text) {
        Ok(read) => read,
        Err(malformed) => return silent(&format!("{malformed} {malformed:?}")),
    };
    let written = read.text();
    let again = Document::parse(&written).unwrap();
    assert_eq!(*again.text(), *written);
    match read.credential(&names) {
        Ok(credential) => silent(&format!("{:?}", credential.client_secret)),
        Err(malformed) => silent(&malformed.to_string()),
    }
    let _told = (read.rotation(&names), read.rotated_at(&names));
    let pair = Credential {
        client_id: "3MVG9new".to_owned(),
        client_secret: Secret::new("New0secret".to_owned()),
    };
    let stamp = Stamp {
        token_url: "https://acme.my.salesforce.com/services/oauth2/token".to_owned(),
        org: "prod".to_owned(),
        base_uri: "https://acme.my.salesforce.com".to_owned(),
        record: None,
        at: Timestamp(1_800_000_000_000),
        rotation: "a7bed9d7-7938-4b75-8fe6-7433a97f60b3".parse().unwrap(),
    };
    let put = read.with(&names, &pair, &stamp);
    let out = put.credential(&names).unwrap();
    assert_eq!(out.client_id, pair.client_id);
    assert_eq!(out.client_secret.expose(), pair.client_secret.expose());
    assert_eq!(put.rotation(&names), Some(stamp.rotation));
    assert_eq!(put.rotated_at(&names), Some(stamp.at));
    let ours = [
        Some(&names.client_id),
        Some(&names.client_secret),
        names.token_url.as_ref(),
        names.org.as_ref(),
        names.base_uri.as_ref(),
        Some(&names.rotated_at),
        Some(&names.rotation_id),
    ];
    for (name, value) in read.object() {
        if !ours.contains(&Some(name)) {
            assert_eq!(put.object().get(name), Some(value), "{name} is somebody else's");
        }
    }
}

/// A cron text, and a duration.
pub fn cron(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(span) = duration::parse(text) {
        assert_eq!(duration::parse(&duration::text(span)), Ok(span));
    }
    match text.parse::<Cron>() {
        Ok(cron) => {
            assert_eq!(cron.as_str().parse(), Ok::<Cron, CronFault>(cron.clone()));
            for year in [1969, 1970, 2024, 2026, 2099, 2100, 9999] {
                let wall = chrono::NaiveDate::from_ymd_opt(year, 2, 28).unwrap();
                let wall = wall.and_hms_opt(23, 59, 0).unwrap();
                let next = cron.next_wall(wall);
                assert!(next.is_none_or(|next| next > wall), "{wall}: {next:?}");
            }
        }
        Err(fault) => {
            assert!(text.get(fault.at.clone()).is_some(), "{:?} of {text:?}", fault.at);
            assert!(!fault.problem.is_empty());
            silent(&fault.problem);
        }
    }
}
