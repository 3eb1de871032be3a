//! `/v1/status`, which only the socket has: the apps in words, and each org's switch for consumer secrets over REST.

use rekeyd::clock::Timestamp;
use rekeyd::engine::service::ServiceNote;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::house::{Answer, House, Plan};

#[tokio::test]
async fn it_says_for_each_org_whether_and_since_when_the_switch_is_on_by_our_hand() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("rekeyd.sock");
    let mut plan = Plan::default();
    plan.policy.socket = Some(socket.clone());
    let house = House::planned(plan).await;
    let status = async || {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        let request = "GET /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = Answer::read(&mut stream).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["orgs"].clone()
    };
    let say = |seconds: i64, note: ServiceNote| {
        let mut ledgers = house.service.ledgers.lock().unwrap();
        ledgers.service.add(Timestamp(seconds * 1000), &note);
    };
    let org = |name: &str| name.to_owned();
    assert_eq!(
        status().await,
        serde_json::json!({ "prod": { "secrets_switch_open": false } })
    );
    // It may be on from the intent on.
    say(
        1,
        ServiceNote::SwitchIntended {
            org: org("prod"),
            on: true,
        },
    );
    let open = |since: &str| serde_json::json!({ "secrets_switch_open": true, "since": since });
    assert_eq!(status().await["prod"], open("1970-01-01T00:00:01Z"));
    say(
        2,
        ServiceNote::SwitchSet {
            org: org("prod"),
            on: true,
        },
    );
    assert_eq!(status().await["prod"], open("1970-01-01T00:00:02Z"));
    // What cannot be turned off is told with why, also in an org that no app is in.
    say(
        3,
        ServiceNote::SwitchSet {
            org: org("gone"),
            on: true,
        },
    );
    let why = "no right to".to_owned();
    say(
        4,
        ServiceNote::SwitchStuck {
            org: org("gone"),
            why,
        },
    );
    assert_eq!(status().await["gone"]["stuck"], "no right to");
    say(
        5,
        ServiceNote::SwitchSet {
            org: org("prod"),
            on: false,
        },
    );
    assert_eq!(
        status().await["prod"],
        serde_json::json!({ "secrets_switch_open": false })
    );
}
