//! What stands in for a Kubernetes API server: answers TokenReview over TLS, for OpenBao to ask.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::KeyPair;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::pki::Pki;

/// Takes one token for that of the service account `rekeyd` in `ops`. Ends when dropped.
pub struct TokenReview {
    pub address: SocketAddr,
    pub accepts: Arc<Mutex<String>>,
    pub reviews: Arc<Mutex<Vec<Value>>>,
    _accepting: JoinSet<()>,
}

impl TokenReview {
    pub async fn start(pki: &Pki) -> TokenReview {
        let pair = pki.server(&["localhost", "127.0.0.1"]);
        let chain = CertificateDer::from_pem_file(&pair.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepts, reviews) = (
            Arc::<Mutex<String>>::default(),
            Arc::<Mutex<Vec<Value>>>::default(),
        );
        let (taken, seen) = (accepts.clone(), reviews.clone());
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            while let Ok((outside, _)) = listener.accept().await {
                let mut stream = acceptor.accept(outside).await.unwrap();
                let Some(review) = request(&mut stream).await else {
                    continue;
                };
                let audiences = review["spec"]["audiences"].clone();
                let good = review["spec"]["token"].as_str() == Some(taken.lock().unwrap().as_str());
                seen.lock().unwrap().push(review);
                let status = match good {
                    true => json!({ "authenticated": true, "audiences": audiences, "user": {
                        "username": "system:serviceaccount:ops:rekeyd",
                        "uid": "2a5d3b9e-6f0c-4f5a-8c57-6f3f8f4b2c11",
                        "groups": ["system:serviceaccounts", "system:serviceaccounts:ops", "system:authenticated"],
                    } }),
                    false => json!({ "authenticated": false, "error": "invalid bearer token" }),
                };
                let body = json!({
                    "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status
                });
                let body = body.to_string();
                let answer = format!(
                    "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: \
                     close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        TokenReview {
            address,
            accepts,
            reviews,
            _accepting: accepting,
        }
    }
}

async fn request(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<Value> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        assert!(
            head.starts_with("POST /apis/authentication.k8s.io/v1/tokenreviews "),
            "{head}"
        );
        if let Ok(review) = serde_json::from_str(body) {
            return Some(review);
        }
    }
}

/// A JWT as a cluster signs it for a service account, told apart by `number`.
pub fn service_account_token(key: &KeyPair, number: u64) -> String {
    signed(
        key,
        json!({
            "iss": "https://kubernetes.default.svc.cluster.local",
            "sub": "system:serviceaccount:ops:rekeyd",
            "aud": ["https://kubernetes.default.svc.cluster.local"],
            "exp": 4_000_000_000_u64, "nbf": 1_600_000_000, "iat": 1_600_000_000, "jti": number.to_string(),
            "kubernetes.io": { "namespace": "ops", "serviceaccount": {
                "name": "rekeyd", "uid": "2a5d3b9e-6f0c-4f5a-8c57-6f3f8f4b2c11"
            } },
        }),
    )
}

/// A JWT over these claims, ES256.
pub fn signed(key: &KeyPair, claims: Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
    jsonwebtoken::encode(
        &jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256),
        &claims,
        &key,
    )
    .unwrap()
}
