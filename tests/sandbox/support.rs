//! An org with a login and two apps, and the few calls that tests make of it by hand.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use rekeyd::sandbox::{
    ConnectedAppSeed, ConsumerSeed, ExternalClientAppSeed, LoginSeed, RunningSandbox, Sandbox, Seed,
};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

pub const LOGIN_ID: &str = "3MVG9login";
pub const USER: &str = "rekeyd@acme.example";
pub const RUN_AS: &str = "robot@acme.example";
pub const LEGACY_KEY: &str = "3MVG9legacy";
pub const LEGACY_SECRET: &str = "legacysecret0000000000000000000000000000000000000000000000000001";
pub const BILLING_KEY: &str = "3MVG9billing";
pub const BILLING_SECRET: &str = "billingsecret000000000000000000000000000000000000000000000000001";

/// One RSA key for all tests: making it is slow.
pub fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap())
}

/// The standard seed: a login, a Connected App `Legacy`, External Client Apps `Billing` and (never used) `Idle`.
pub fn seed() -> Seed {
    let user = |name: &str| rekeyd::sandbox::UserSeed {
        username: name.to_owned(),
        permissions: None,
    };
    Seed {
        random: Some("test".to_owned()),
        users: vec![user(USER), user(RUN_AS)],
        login: Some(LoginSeed {
            client_id: LOGIN_ID.to_owned(),
            username: USER.to_owned(),
            public_key: Some(key().public_key_pem()),
            ..LoginSeed::default()
        }),
        connected_apps: vec![ConnectedAppSeed {
            name: "Legacy".to_owned(),
            consumer_key: Some(LEGACY_KEY.to_owned()),
            consumer_secret: Some(LEGACY_SECRET.to_owned()),
            description: Some("loads <things> & more".to_owned()),
            certificate: Some(key().public_key_pem()),
            client_credentials_user: Some(RUN_AS.to_owned()),
            scopes: vec!["Api".to_owned(), "OfflineAccess".to_owned()],
            permission_sets: vec!["Loader".to_owned()],
            ..ConnectedAppSeed::default()
        }],
        external_client_apps: vec![
            ExternalClientAppSeed {
                name: "Billing".to_owned(),
                client_credentials_user: Some(RUN_AS.to_owned()),
                consumers: vec![ConsumerSeed {
                    name: None,
                    key: Some(BILLING_KEY.to_owned()),
                    secret: Some(BILLING_SECRET.to_owned()),
                }],
                ..ExternalClientAppSeed::default()
            },
            ExternalClientAppSeed {
                name: "Idle".to_owned(),
                used: false,
                ..ExternalClientAppSeed::default()
            },
        ],
        ..Seed::default()
    }
}

/// An answer, read whole.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The status and the error's code, of either error shape.
    pub fn error(&self) -> String {
        let body = self.json();
        let code = body["error"]
            .as_str()
            .or(body[0]["errorCode"].as_str())
            .unwrap_or("none");
        format!("{} {code}", self.status)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A running org, a client, and a session.
pub struct Org {
    pub running: RunningSandbox,
    pub http: reqwest::Client,
    pub token: String,
}

impl Org {
    pub async fn standard() -> Self {
        Self::start(seed()).await
    }

    /// The standard org with one switch set.
    pub async fn with(name: &str, value: Value) -> Self {
        let mut seed = seed();
        seed.switches = seed.switches.with(&switches(&[(name, value)])).unwrap();
        Self::start(seed).await
    }

    pub async fn start(seed: Seed) -> Self {
        let running = Sandbox::start(&seed).await.unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(std::time::Duration::from_secs(20))
            .build()
            .unwrap();
        let mut org = Self {
            running,
            http,
            token: String::new(),
        };
        let login = org
            .login(LOGIN_ID, USER, "https://login.salesforce.com", 120)
            .await;
        if login.status == 200 {
            login.json()["access_token"]
                .as_str()
                .unwrap()
                .clone_into(&mut org.token);
        }
        org
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.base_url())
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    pub async fn try_send(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer {
            status,
            headers,
            text: response.text().await?,
        })
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.http.post(self.url(path)).form(fields)).await
    }

    pub fn assertion(&self, client: &str, user: &str, audience: &str, life: i64) -> String {
        let exp = self.running.now().timestamp() + life;
        let claims = json!({ "iss": client, "sub": user, "aud": audience, "exp": exp });
        let key = EncodingKey::from_rsa_pem(key().serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap()
    }

    pub async fn login(&self, client: &str, user: &str, audience: &str, life: i64) -> Answer {
        let assertion = self.assertion(client, user, audience, life);
        self.assert(&assertion).await
    }

    pub async fn assert(&self, assertion: &str) -> Answer {
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        self.form(
            "/services/oauth2/token",
            &[("grant_type", grant), ("assertion", assertion)],
        )
        .await
    }

    pub async fn client_credentials(&self, id: &str, secret: &str) -> Answer {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
        ];
        self.form("/services/oauth2/token", &fields).await
    }

    pub async fn introspect(&self, id: &str, secret: &str) -> Answer {
        let fields = [("token", "junk"), ("client_id", id), ("client_secret", secret)];
        self.form("/services/oauth2/introspect", &fields).await
    }

    /// `accepted` or `refused`, by introspection.
    pub async fn probe(&self, id: &str, secret: &str) -> &'static str {
        match self.introspect(id, secret).await.status {
            200 => "accepted",
            401 => "refused",
            other => panic!("introspection answered {other}"),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(self.url(path)).bearer_auth(&self.token))
            .await
    }

    pub async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, self.url(path)).bearer_auth(&self.token);
        self.send(request.json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.http.delete(self.url(path)).bearer_auth(&self.token))
            .await
    }

    pub async fn control(&self, path: &str, body: Value) -> Answer {
        self.send(
            self.http
                .post(self.url(&format!("/__sandbox/{path}")))
                .json(&body),
        )
        .await
    }

    /// `/services/data/v66.0/apps/oauth/credentials/APP/CONSUMER` of an app's first consumer.
    pub fn consumer_path(&self, app: &str) -> String {
        let state = self.running.state();
        let app = state.app(app).unwrap();
        format!(
            "/services/data/v66.0/apps/oauth/credentials/{}/{}",
            app.id, app.consumers[0].id
        )
    }

    /// Stages a pair of an app: the entry as `POST` answers it.
    pub async fn stage(&self, app: &str) -> Value {
        let path = format!("{}/staged", self.consumer_path(app));
        let answer = self.call("POST", &path, json!({})).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let body = answer.json();
        if body["stagedCredentials"].is_array() {
            body["stagedCredentials"][0].clone()
        } else {
            body
        }
    }

    pub async fn staged(&self, app: &str) -> Answer {
        self.get(&format!("{}/staged", self.consumer_path(app))).await
    }

    pub async fn rotate(&self, app: &str, id: &str) -> Answer {
        let path = format!("{}/staged/{id}", self.consumer_path(app));
        self.call("PATCH", &path, json!({ "command": "rotate" })).await
    }

    /// Sends the content of a SOAP body, in the Metadata namespace by default, with our session.
    pub async fn soap(&self, body: &str) -> Answer {
        self.send(self.soap_request(66, &self.token, "", body)).await
    }

    pub fn soap_request(
        &self,
        version: u16,
        session: &str,
        headers: &str,
        body: &str,
    ) -> reqwest::RequestBuilder {
        let envelope = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns="http://soap.sforce.com/2006/04/metadata"><e:Header><SessionHeader><sessionId>{session}</sessionId></SessionHeader>{headers}</e:Header>
<e:Body>{body}</e:Body></e:Envelope>"#
        );
        self.http
            .post(self.url(&format!("/services/Soap/m/{version}.0")))
            .header("Content-Type", "text/xml; charset=UTF-8")
            .header("SOAPAction", "\"\"")
            .body(envelope)
    }

    /// Reads `Legacy`.
    pub async fn read_legacy(&self) -> String {
        let body = "<readMetadata><type>ConnectedApp</type><fullNames>Legacy</fullNames></readMetadata>";
        self.soap(body).await.text
    }

    /// Updates `Legacy` with these elements between `fullName` and the end.
    pub async fn update_legacy(&self, elements: &str) -> Answer {
        self.soap(&format!(
            r#"<updateMetadata><metadata xsi:type="ConnectedApp"><fullName>Legacy</fullName>{elements}</metadata></updateMetadata>"#
        ))
        .await
    }

    /// Updates `Legacy` with a whole component and this secret.
    pub async fn set_secret(&self, secret: &str) -> Answer {
        self.update_legacy(&whole(&format!("<consumerSecret>{secret}</consumerSecret>")))
            .await
    }
}

/// A whole `Legacy`, in order, with `secret` where the secret's element goes.
pub fn whole(secret: &str) -> String {
    format!(
        "<contactEmail>owner@app.example</contactEmail><description>loads</description><label>Legacy</label>\
         <oauthConfig><callbackUrl>https://app.example/callback</callbackUrl><consumerKey>{LEGACY_KEY}</consumerKey>{secret}\
         <isAdminApproved>true</isAdminApproved><isClientCredentialEnabled>true</isClientCredentialEnabled>\
         <oauthClientCredentialUser>{RUN_AS}</oauthClientCredentialUser><scopes>Api</scopes></oauthConfig>\
         <permissionSetName>Loader</permissionSetName>"
    )
}

pub fn switches(list: &[(&str, Value)]) -> Map<String, Value> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// The text of the first element of a name.
pub fn element(xml: &str, name: &str) -> Option<String> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let end = xml[start..].find(&format!("</{name}>"))? + start;
    Some(xml[start..end].to_owned())
}
