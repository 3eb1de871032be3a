//! TLS by files: a renewed certificate is taken without a restart, a broken one is not.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rekeyd::api::{BindFault, Bound};
use rekeyd::policy::ApiTls;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::house::{Answer, House, Plan, with_tls};

const GET: &[u8] = b"GET /v1/apps HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret-of-all\r\n\r\n";

/// An authority, and files that it vouches for.
struct Office {
    home: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Office {
    fn new() -> Office {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let home = TempDir::new().unwrap();
        fs::write(home.path().join("ca.pem"), issuer.pem()).unwrap();
        Office { home, issuer }
    }

    /// A new pair, and the certificate's bytes.
    fn pair(&self) -> (String, String, CertificateDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["rekeyd.test".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem(), certificate.der().clone())
    }

    fn files(&self) -> ApiTls {
        ApiTls {
            certificate_file: self.home.path().join("tls.crt"),
            key_file: self.home.path().join("tls.key"),
            client_ca_file: None,
        }
    }

    /// As a renewal does: written beside, then renamed.
    fn put(&self, file: &Path, text: &str) {
        let beside = self.home.path().join("beside");
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, file).unwrap();
    }

    fn client(&self, own: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        TlsConnector::from(Arc::new(config))
    }
}

async fn connect(house: &House, client: &TlsConnector) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(house.address).await.unwrap();
    let name = ServerName::try_from("rekeyd.test").unwrap();
    client.connect(name, stream).await.unwrap()
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0]
        .clone()
        .into_owned()
}

async fn works(stream: &mut TlsStream<TcpStream>) -> bool {
    stream.write_all(GET).await.unwrap();
    let mut start = [0; 15];
    stream.read_exact(&mut start).await.unwrap();
    &start == b"HTTP/1.1 200 OK"
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
    let office = Office::new();
    let files = office.files();
    let (certificate, key, first) = office.pair();
    office.put(&files.certificate_file, &certificate);
    office.put(&files.key_file, &key);
    let house = House::planned(Plan {
        policy: with_tls(files.clone()),
        ..Plan::default()
    })
    .await;
    let client = office.client(None);
    let mut open = connect(&house, &client).await;
    assert_eq!(shown(&open), first);

    // The certificate comes before its key: until both are there, the old pair serves.
    let (certificate, key, second) = office.pair();
    office.put(&files.certificate_file, &certificate);
    assert_eq!(shown(&connect(&house, &client).await), first);
    office.put(&files.key_file, &key);
    let mut renewed = connect(&house, &client).await;
    assert_eq!(shown(&renewed), second);
    assert!(works(&mut renewed).await);
    assert!(works(&mut open).await, "a connection of before was dropped");

    for (file, text) in [
        (&files.certificate_file, "no certificate"),
        (&files.certificate_file, ""),
        (
            &files.key_file,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ),
    ] {
        office.put(file, text);
        assert_eq!(shown(&connect(&house, &client).await), second, "{text}");
    }
    fs::remove_file(&files.key_file).unwrap();
    assert_eq!(shown(&connect(&house, &client).await), second);
    let (certificate, key, third) = office.pair();
    office.put(&files.key_file, &key);
    office.put(&files.certificate_file, &certificate);
    assert_eq!(shown(&connect(&house, &client).await), third);
    // Whoever speaks plain HTTP there is not served.
    assert_eq!(house.send(GET).await.status, 0);
}

#[tokio::test]
async fn a_client_shows_a_certificate_where_one_is_wanted() {
    let office = Office::new();
    let stranger = Office::new();
    let mut files = office.files();
    let (certificate, key, _) = office.pair();
    office.put(&files.certificate_file, &certificate);
    office.put(&files.key_file, &key);
    files.client_ca_file = Some(office.home.path().join("ca.pem"));
    let house = House::planned(Plan {
        policy: with_tls(files),
        ..Plan::default()
    })
    .await;
    let of = |office: &Office| {
        let (_, key, certificate) = office.pair();
        let key = PrivateKeyDer::try_from(pem_body(&key)).unwrap();
        (certificate, key)
    };
    let mut known = connect(&house, &office.client(Some(of(&office)))).await;
    assert!(works(&mut known).await);
    for own in [None, Some(of(&stranger))] {
        let client = office.client(own);
        let stream = TcpStream::connect(house.address).await.unwrap();
        let name = ServerName::try_from("rekeyd.test").unwrap();
        // In TLS 1.3 a client learns of it only when it reads.
        let answered = match client.connect(name, stream).await {
            Ok(mut stream) => {
                let _closed = stream.write_all(GET).await;
                Answer::read(&mut stream).await.status
            }
            Err(_) => 0,
        };
        assert_eq!(answered, 0);
    }
}

fn pem_body(pem: &str) -> Vec<u8> {
    use base64::Engine;
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(lines).unwrap()
}

#[tokio::test]
async fn nothing_is_served_without_a_pair_that_fits() {
    let office = Office::new();
    let files = office.files();
    let start = async || match Bound::bind(&with_tls(files.clone())).await {
        Err(fault @ BindFault::Tls(_)) => fault.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it serves"),
    };
    assert!(start().await.contains("tls.crt"));
    office.put(&files.certificate_file, &office.pair().0);
    assert!(start().await.contains("tls.key"));
    office.put(&files.key_file, &office.pair().1);
    let fault = start().await;
    assert!(fault.contains("cannot be served with the key"), "{fault}");
}
