//! TLS in front of the org, for clients that insist on https: one certificate of its own, bytes passed through.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A front that runs until it is dropped.
pub struct Front {
    /// `localhost:PORT`.
    pub host: String,
    /// The certificate that clients are to trust.
    pub authority: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Front {
    /// Puts TLS in front of `address`; the certificate is written into `directory`.
    pub async fn start(address: &str, directory: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let authority = directory.join("authority.pem");
        std::fs::write(&authority, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("localhost:{}", listener.local_addr().unwrap().port());
        let address = address.to_owned();
        let task = tokio::spawn(async move {
            while let Ok((outside, _)) = listener.accept().await {
                let (acceptor, address) = (acceptor.clone(), address.clone());
                tokio::spawn(async move {
                    let mut outside = acceptor.accept(outside).await.unwrap();
                    let mut inside = TcpStream::connect(&address).await.unwrap();
                    // A client may close without a word; that is not this test's business.
                    drop(tokio::io::copy_bidirectional(&mut outside, &mut inside).await);
                });
            }
        });
        Self {
            host,
            authority,
            task,
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}
