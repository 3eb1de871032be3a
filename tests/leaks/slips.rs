//! What people send and write that they should not, with a canary in it.

use serde_json::json;

use super::install::Install;
use super::trouble::canary;

/// What a stranger to the interface, or one with a wrong file, sends.
pub async fn socket(house: &Install) {
    let said = canary("a request to the socket");
    let quoted = json!(said);
    let json_type = "content-type: application/json\r\n";
    let submit = "/v1/apps/c-plain/submit";
    for (label, path, head, body) in [
        (
            "JSON cut short",
            submit,
            json_type,
            format!("{{\"client_id\": \"x\", \"client_secret\": {quoted}"),
        ),
        (
            "a wrong field",
            submit,
            json_type,
            format!("{{\"client_id\": \"x\", \"client_secrte\": {quoted}}}"),
        ),
        (
            "a wrong type",
            submit,
            json_type,
            format!("{{\"client_id\": {quoted}, \"client_secret\": [{quoted}]}}"),
        ),
        ("no JSON", submit, json_type, said.clone()),
        (
            "no type",
            submit,
            "",
            format!("{{\"client_id\": \"x\", \"client_secret\": {quoted}}}"),
        ),
        (
            "a control character",
            submit,
            json_type,
            format!(
                "{{\"client_id\": \"x\", \"client_secret\": {}}}",
                json!(format!("{said}\n"))
            ),
        ),
        (
            "one in the id",
            submit,
            json_type,
            format!(
                "{{\"client_id\": {}, \"client_secret\": {quoted}}}",
                json!(format!("{said}\u{7}"))
            ),
        ),
        (
            "a pair that is refused",
            submit,
            json_type,
            format!("{{\"client_id\": \"x\", \"client_secret\": {quoted}}}"),
        ),
        (
            "no such app",
            "/v1/apps/none/submit",
            json_type,
            format!("{{\"client_id\": \"x\", \"client_secret\": {quoted}}}"),
        ),
        (
            "too long",
            submit,
            json_type,
            format!("{{\"client_secret\": {}}}", json!(said.repeat(4000))),
        ),
        (
            "a wrong body",
            "/v1/apps/c-plain/rotate",
            json_type,
            format!("{{\"reason\": 5, \"secret\": {quoted}}}"),
        ),
        (
            "a wrong body",
            "/v1/apps/c-plain/hold",
            json_type,
            format!("{{\"why\": [{quoted}]}}"),
        ),
        (
            "a wrong body",
            "/v1/apps/c-plain/abandon",
            json_type,
            format!("{{\"secret\": {quoted}}}"),
        ),
        (
            "nothing there",
            "/v1/none",
            json_type,
            format!("{{\"secret\": {quoted}}}"),
        ),
        (
            "a token",
            "/v1/status",
            &format!(
                "authorization: Bearer {}\r\ncookie: s={}\r\n",
                said.replace('é', "e"),
                said.replace('é', "e")
            ),
            String::new(),
        ),
    ] {
        let answer = house.post(label, path, head, &body).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{label}: {answer}");
        assert!(
            label == "a token" || !answer.starts_with("HTTP/1.1 2"),
            "{label}: {answer}"
        );
    }
    house.send("no HTTP", format!("{said}\r\n\r\n").as_bytes()).await;
    house
        .send(
            "a bad head",
            format!("POST {submit} HTTP/1.1\r\n{said}\r\n\r\n").as_bytes(),
        )
        .await;
}

/// What else a person runs meanwhile, with canaries where secrets do not belong.
pub async fn commands(house: &Install) {
    let said = canary("a policy");
    let quoted = json!(said);
    let whole = std::fs::read_to_string(house.given().join("rekeyd.toml")).unwrap();
    let literal =
        whole.clone() + &format!("[store.x.vault]\naddress = \"https://x.example\"\ntoken = {quoted}\n");
    let password =
        whole.clone() + &format!("[org.y.login.password]\npassword = {quoted}\nsecret = {quoted}\n");
    let unclosed = whole.clone() + &format!("[app.z]\nclient_secret = '{said}\n");
    let key = whole.clone()
        + &format!("[app.z]\n{quoted} = 5\norg = {quoted}\nstores = [{{ store = {quoted} }}]\n");
    let file = whole.clone() + &format!("[store.f.file]\ndirectory = {quoted}\nidentity_file = {quoted}\n");
    let duration = whole.clone()
        + &format!("[app.z]\ngrace = {quoted}\nschedule = {{ cron = {quoted} }}\nfirst = {quoted}\n");
    for (at, policy) in [literal, password, unclosed, key, file, duration]
        .iter()
        .enumerate()
    {
        let path = house.give(&format!("policy-{at}.toml"), policy.as_bytes());
        let path = path.to_str().unwrap();
        for arguments in [
            &["--config", path, "check"] as &[&str],
            &["--json", "--config", path, "check"],
            &["--config", path, "run"],
        ] {
            let done = house.ask(arguments, b"").await;
            assert_eq!(done.status.code(), Some(78), "{arguments:?}: {}", done.err);
        }
        std::fs::remove_file(path).unwrap();
    }
    house.ask(&["check"], b"").await;
    // Its journal is in use.
    assert!(!house.ask(&["run"], b"").await.status.success());
    house
        .ask(&["hold", "e-patch-far", "--reason", "a rehearsal"], b"")
        .await;
    house
        .ask(&["resume", "e-patch-far", "--take-over", "nothing"], b"")
        .await;
    house.ask(&["abandon", "e-not-json"], b"").await;
}
