//! Every reader of an answer, fed with anything: none panics, and nothing of the answer is in what it says.
//! The same over real HTTP, with fewer cases, is in `tests/wire/property.rs`; with no shape to begin with, in `tests/fuzz.rs`.

use proptest::prelude::*;

use super::heard;

/// Looks like a secret: no code of Salesforce's has small letters or digits.
const CANARY: &str = "CANARYc4n4ry0123456789";

/// Where a value could be repeated: as a code, a text, a key, a type that does not fit.
const SHAPES: [&str; 21] = [
    r#""@""#,
    r#"[{"errorCode":"@","message":"@"}]"#,
    r#"[{"errorCode":"@","message":"This feature is not enabled for this user @"}]"#,
    r#"[{"errorCode":"INVALID_FIELD","message":"@"}]"#,
    r#"{"errorCode":["@"],"message":{"@":1}}"#,
    r#"{"error":"@","error_description":"@"}"#,
    r#"{"error":"invalid_grant","error_description":"@ token @"}"#,
    r#"{"id":"@","key":"3MVG9 @","secret":["@"]}"#,
    r#"{"stagedCredentials":[{"id":"@","key":7,"secret":"@"}]}"#,
    r#"{"consumers":"@"}"#,
    r#"{"access_token":"@","instance_url":"https://@.example"}"#,
    r#"{"access_token":["@"],"instance_url":"https://@.example"}"#,
    r#"{"active":"@"}"#,
    "@",
    "<html>@</html>",
    "<@>@",
    r#"<!DOCTYPE x [<!ENTITY e "@">]><x>&e;</x>"#,
    r#"<s:Envelope xmlns:s="urn:s"><s:Body><s:Fault><faultcode>sf:@</faultcode><faultstring>@: @</faultstring></s:Fault></s:Body></s:Envelope>"#,
    r#"<Envelope><Body><r><result><errors><message>@</message><statusCode>@</statusCode></errors><success>false</success></result></r></Body></Envelope>"#,
    r#"<Envelope><Body><r><result><errors><message>Consumer Secret @ cannot be changed</message><statusCode>@</statusCode></errors><success>false</success></result></r></Body></Envelope>"#,
    r#"<Envelope><Body><r><result><fullName>@</fullName><success>@</success></result></r></Body></Envelope>"#,
];

fn body() -> impl Strategy<Value = String> {
    let shape = || prop::sample::select(SHAPES.as_slice()).prop_map(|shape| shape.replace('@', CANARY));
    let mixed = (shape(), any::<prop::sample::Index>(), ".{0,6}").prop_map(|(text, at, noise)| {
        let at = at.index(text.chars().count() + 1);
        let (left, right): (String, String) =
            (text.chars().take(at).collect(), text.chars().skip(at).collect());
        left + &noise + &right
    });
    let cut = (shape(), any::<prop::sample::Index>())
        .prop_map(|(text, at)| text.chars().take(at.index(text.chars().count() + 1)).collect());
    prop_oneof![4 => shape(), 2 => mixed, 1 => cut, 1 => ".{0,80}"]
}

fn status() -> impl Strategy<Value = u16> {
    prop::sample::select([200_u16, 204, 302, 400, 401, 403, 404, 409, 429, 500, 503].as_slice())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_an_answer_is_in_what_is_said_of_it(body in body(), status in status()) {
        for said in heard(status, body.as_bytes()) {
            prop_assert!(!said.to_lowercase().contains(&CANARY.to_lowercase()), "{said}");
        }
    }
}
