//! The whole run: adoption, trouble, rotation, every command, and then the search through everything.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rekeyd::sandbox::{Action, Rule};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::hands::{person, revoke_both};
use super::install::Install;
use super::search::{Needle, Searcher, files_below};
use super::slips::{commands, socket};
use super::trouble::{App, CANARIES, apps, canary, refused_login, rules, soap_fault};
use crate::support::proxy::{Fate, Seen};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaks_with_a_log_of_text() {
    whole_run(&["run"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaks_with_a_log_of_json() {
    whole_run(&["--json", "run"]).await;
}

async fn whole_run(arguments: &[&str]) {
    let apps = Arc::new(apps());
    let house = Arc::new(Install::new(&apps).await);
    let mut daemon = house.start(arguments);
    until("the socket", || async { house.written().join("sock").exists() }).await;
    adopt(&house, &apps).await;
    break_values(&house, &apps).await;
    let given = contents(&house.given());
    house.give("vault.token", canary("a wrong token").as_bytes());
    for rule in rules(&apps) {
        house.org.fault(rule).unwrap();
    }
    let rotating = rotate_all(&house, &apps);
    let echo = tokio::spawn(echo_the_new_secret(house.clone()));
    let by_hand = tokio::spawn(person(house.clone(), "a-plain"));
    socket(&house).await;
    commands(&house).await;
    house.give("vault.token", house.token.as_bytes());
    hostile_store(&house);
    let said = rotating.await;
    echo.await.unwrap();
    by_hand.await.unwrap();
    // A rotation that was held for a while may go on by itself after the command has said so.
    for app in apps.iter().filter(|app| app.rotates) {
        until(&format!("{}; {:?}", app.name, said[app.name]), || async {
            status(&house).await["apps"][app.name]["last_rotated"].is_string()
        })
        .await;
    }
    for app in apps.iter().filter(|app| !app.rotates) {
        assert!(!said[app.name].is_empty(), "{} ended rotated", app.name);
    }
    revoke_both(&house, "g-leaked").await;
    for rule in refused_login() {
        house.org.fault(rule).unwrap();
    }
    let refused = house.ask(&["rotate", "e-plain"], b"").await;
    assert_eq!(refused.status.code(), Some(3), "{}", refused.err);
    readers(&house, &apps).await;

    // While the write-ahead log is there, and once more when all is closed.
    let searcher = Searcher::new(needles(&house));
    let mut found = everything(&house, &searcher);
    let pid = rustix::process::Pid::from_raw(daemon.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), daemon.wait()).await;
    assert!(ended.unwrap().unwrap().success(), "the service did not drain");
    found.extend(everything(&house, &Searcher::new(needles(&house))));
    assert!(
        found.is_empty(),
        "{} findings:\n{}",
        found.len(),
        found.join("\n")
    );
    assert!(
        contents(&house.given()) == given,
        "rekeyd changed what it was given"
    );
    assert_trouble_was_had(&house);
}

/// Waits for something that another process does.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !holds().await {
            tick.tick().await;
        }
    });
    waited
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

/// The pair that Salesforce holds of an app now.
fn live(house: &Install, app: &App) -> (String, String) {
    let state = house.org.state();
    let consumer = &state.app(&app.name.replace('-', "_")).unwrap().consumers[0];
    let pair = consumer
        .pairs
        .iter()
        .find(|pair| pair.generation == consumer.primary)
        .unwrap();
    (pair.client_id.clone(), pair.client_secret.clone())
}

async fn adopted(house: &Install, app: &str) -> bool {
    status(house).await["apps"][app]["current"].is_string()
}

pub async fn status(house: &Install) -> Value {
    let answer = house.post("status", "/v1/status", "", "").await;
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str(body).unwrap()
}

/// First contact: by itself, or by hand, after everything that a hand can do wrong.
async fn adopt(house: &Arc<Install>, apps: &[App]) {
    for app in apps.iter().filter(|app| !app.kind.is_external()) {
        let (id, secret) = live(house, app);
        for wrong in [
            format!("{id}\n{secret}\nand more\n"),
            secret.clone(),
            format!("{{\"client_id\": \"{id}\", \"client_secret\": {}", json!(secret)),
            json!({ "client_id": id, "client_secret": [secret] }).to_string(),
            json!({ "client_id": id, "client_secret": secret, secret.as_str(): 1 }).to_string(),
            json!({ "client_id": id, "client_secret": format!("{secret}x") }).to_string(),
        ] {
            let done = house.ask(&["submit", app.name], wrong.as_bytes()).await;
            assert!(!done.status.success(), "{} took {wrong}", app.name);
            // One app shows it; the others need not take the time.
            if app.name != "c-plain" {
                break;
            }
        }
        let right = json!({ "client_id": id, "client_secret": secret }).to_string();
        until("a pair that was handed over", || async {
            house
                .ask(&["submit", app.name], right.as_bytes())
                .await
                .status
                .success()
        })
        .await;
    }
    for app in apps {
        until(app.name, || adopted(house, app.name)).await;
    }
}

/// Puts canaries where a value should be.
async fn break_values(house: &Install, apps: &[App]) {
    let said = canary("a stored value");
    let garbled = format!("this is no JSON {{ \"client_secret\": {}", json!(said));
    let wrong = json!({ "client_id": 7, "client_secret": [said], "password": said, said.as_str(): said });
    for (app, text) in [("e-not-json", garbled), ("e-wrong-json", wrong.to_string())] {
        let current = std::fs::canonicalize(house.stored(app).join("current")).unwrap();
        std::fs::write(current, house.encrypt(&text)).unwrap();
    }
    let app = apps.iter().find(|app| app.name == "v-wrong-json").unwrap();
    let path = format!("secret/data/{}", house.path(app));
    let (status, _) = house
        .bao
        .root(Method::POST, &path, Some(json!({ "data": wrong })))
        .await;
    assert_eq!(status, 200);
}

/// The store answers with what it must not say, once for each kind of request.
fn hostile_store(house: &Install) {
    let said = canary("an answer of the store");
    let answer = |status: &str, body: Value| {
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
        Fate::Instead(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes())
    };
    let errors =
        json!({ "errors": [said, format!("1 error occurred: client_secret={said}")], "warnings": [said] });
    let odd = json!({ "data": { "data": { "client_id": [said], "client_secret": said }, "metadata": said } });
    let of = |app: &'static str, method: &'static str, part: &'static str| {
        move |seen: &Seen| seen.method == method && seen.path.contains(app) && seen.path.contains(part)
    };
    let data = "/data/";
    house
        .proxy
        .once(answer("500 Oh", errors.clone()), of("v-token", "GET", data));
    house
        .proxy
        .once(answer("503 Oh", errors.clone()), of("v-token", "POST", data));
    house
        .proxy
        .once(answer("200 OK", odd.clone()), of("v-token", "POST", data));
    // After these a person is wanted.
    house
        .proxy
        .once(answer("400 No", errors), of("v-refused", "GET", data));
    house.proxy.once(answer("200 OK", odd), of("v-odd", "GET", data));
}

/// Rotates every app by the command, half of them followed as JSON. Returns what each command complained of.
fn rotate_all(
    house: &Arc<Install>,
    apps: &Arc<Vec<App>>,
) -> impl Future<Output = BTreeMap<&'static str, String>> + use<> {
    let mut following = JoinSet::new();
    for (at, app) in apps.iter().enumerate() {
        let (house, name) = (house.clone(), app.name);
        // What is not to end is not waited for to the end.
        let patience = Duration::from_secs(if app.rotates { 90 } else { 30 });
        following.spawn(async move {
            let arguments: &[&str] = match at % 2 {
                0 => &["rotate", name, "--reason", "a rehearsal"],
                _ => &["--json", "rotate", name],
            };
            let ended = match house.run(arguments, b"", patience).await {
                Some(done) if done.status.success() => String::new(),
                Some(done) => done.err,
                None => "it did not end".to_owned(),
            };
            (name, ended)
        });
    }
    async move { following.join_all().await.into_iter().collect() }
}

/// As soon as the new secret of `c-echo` is stored, Salesforce's answer to the cutover says it.
async fn echo_the_new_secret(house: Arc<Install>) {
    let pending = house.stored("c-echo").join("pending");
    until("a pending secret", || async {
        house.secret_in(&pending).is_some()
    })
    .await;
    let secret = house.secret_in(&pending).unwrap();
    let rule = json!({ "operation": "soap.updateMetadata", "app": "c_echo", "action": soap_fault(&secret) });
    house
        .org
        .fault(serde_json::from_value::<Rule>(rule).unwrap())
        .unwrap();
}

/// What reads, after everything.
async fn readers(house: &Install, apps: &[App]) {
    for arguments in [
        &["status"] as &[&str],
        &["--json", "status"],
        &["history"],
        &["--json", "history"],
        &["history", "--verify"],
        &["--json", "history", "--verify"],
        &["plan"],
        &["alert", "test"],
        &["--json", "alert", "test"],
        &["--json", "plan"],
        &["doctor"],
        &["--json", "doctor"],
        &["secret", "no-such-app"],
        &["--version"],
    ] {
        house.ask(arguments, b"").await;
    }
    for app in apps {
        house.ask(&["status", app.name], b"").await;
        house.ask(&["history", app.name], b"").await;
    }
    for app in ["e-not-json", "e-wrong-json", "v-wrong-json"] {
        let done = house
            .run_unseen(&["secret", app], b"", Duration::from_secs(30))
            .await
            .unwrap();
        let found = Searcher::new(needles(house)).search("its complaint", done.err.as_bytes());
        assert!(found.is_empty(), "{found:?}");
    }
    // The one place where a secret is shown, on standard output only.
    let done = house
        .run_unseen(&["secret", "c-plain"], b"", Duration::from_secs(30))
        .await
        .unwrap();
    let searcher = Searcher::new(needles(house));
    assert!(
        !searcher.search("its output", done.out.as_bytes()).is_empty(),
        "{}",
        done.err
    );
    assert!(searcher.search("its complaint", done.err.as_bytes()).is_empty());
}

fn needles(house: &Install) -> Vec<Needle> {
    let mut needles = house.needles();
    needles.extend(
        CANARIES
            .iter()
            .map(|name| Needle::new(format!("the canary in {name}"), canary(name))),
    );
    needles
}

/// Searches all that rekeyd has written and printed.
fn everything(house: &Install, searcher: &Searcher) -> Vec<String> {
    let printed = tempfile::tempdir().unwrap();
    let mut files = files_below(&house.written());
    for must in ["journal.db", "run.err", "access.log"] {
        assert!(
            files.iter().any(|file| file.ends_with(must)),
            "there is no {must}"
        );
    }
    files.extend(house.printed(printed.path()));
    let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    println!(
        "{searcher}, looked for in {} files of {} KB",
        files.len(),
        bytes / 1024
    );
    searcher.files(&files)
}

fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |file: &std::path::PathBuf| (file.display().to_string(), std::fs::read(file).unwrap());
    files_below(directory).iter().map(read).collect()
}

/// Every rule met something, and somebody spoke of it; every secret that there was to be was made.
fn assert_trouble_was_had(house: &Install) {
    let state = house.org.state();
    for (app, pairs) in [("a_plain", 2), ("g_leaked", 3), ("r_plain", 2), ("w_plain", 2)] {
        assert_eq!(state.app(app).unwrap().consumers[0].pairs.len(), pairs, "{app}");
    }
    assert!(!house.cloud.changes().is_empty(), "the cloud was not written to");
    let mut left = house.org.state().faults;
    left.retain(|rule| !matches!(rule.action, Action::Delay { .. }));
    assert!(left.is_empty(), "met nothing: {left:?}");
    let log = std::fs::read_to_string(house.written().join("run.err")).unwrap();
    for word in [
        "answered",
        "no answer",
        "nobody knows",
        "held",
        "token",
        "alert not delivered: it answered 503",
        "alert REFUSED and passed over: it answered 400",
        "alert REFUSED and passed over: it answered 535",
    ] {
        assert!(log.contains(word), "the log never says {word}");
    }
}
