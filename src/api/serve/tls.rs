//! TLS by files, read again when they change, so that a renewed certificate needs no restart.
//!
//! Each new connection looks whether the files are others than before. Certificate and key are taken together or not
//! at all: while one of them is new and the other is not, or if they cannot be used, those in force stay, and the log
//! says why. Connections that are open go on with what they began with.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::policy::ApiTls;

/// Why the files cannot be used. Holds nothing of their content.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// It cannot be read as PEM.
    #[error("{} holds no {what} in PEM that can be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was looked for in it.
        what: &'static str,
    },
    /// They do not fit together, or are of a kind that is not supported.
    #[error("the certificate in {} cannot be served with the key in {}: {why}", certificate.display(), key.display())]
    Unfit {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        why: String,
    },
}

/// Which file stands at a path: device, inode, time of the last change, size.
type Stamp = Option<(u64, u64, i64, i64, u64)>;

/// Certificate and key, as they are now.
pub(super) struct Tls {
    files: ApiTls,
    in_force: ArcSwap<ServerConfig>,
    seen: Mutex<[Stamp; 3]>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsFault`] if they cannot be used.
    pub fn load(files: ApiTls) -> Result<Tls, TlsFault> {
        let seen = Mutex::new(stamps(&files));
        let in_force = ArcSwap::from_pointee(read(&files)?);
        Ok(Tls {
            files,
            in_force,
            seen,
        })
    }

    /// For the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.refresh();
        TlsAcceptor::from(self.in_force.load_full())
    }

    fn refresh(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Before they are read: a change in between shows at the next connection.
        let now = stamps(&self.files);
        if *seen == now {
            return;
        }
        *seen = now;
        match read(&self.files) {
            Ok(config) => {
                self.in_force.store(Arc::new(config));
                tracing::info!("[api.tls]: the new certificate is in force");
            }
            Err(fault) => tracing::error!("[api.tls]: {fault}; the certificate before stays in force"),
        }
    }
}

fn stamps(files: &ApiTls) -> [Stamp; 3] {
    let stamp = |path: &Path| {
        let found = fs::metadata(path).ok()?;
        let changed = (found.mtime(), found.mtime_nsec());
        Some((found.dev(), found.ino(), changed.0, changed.1, found.size()))
    };
    let roots = files.client_ca_file.as_deref().and_then(stamp);
    [stamp(&files.certificate_file), stamp(&files.key_file), roots]
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let unreadable = || TlsFault::Unreadable {
        path: path.to_owned(),
        what: "certificate",
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|_| unreadable())?
        .collect();
    found.ok().filter(|all| !all.is_empty()).ok_or_else(unreadable)
}

fn read(files: &ApiTls) -> Result<ServerConfig, TlsFault> {
    let unfit = |why: String| TlsFault::Unfit {
        certificate: files.certificate_file.clone(),
        key: files.key_file.clone(),
        why,
    };
    let chain = certificates(&files.certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file).map_err(|_| TlsFault::Unreadable {
        path: files.key_file.clone(),
        what: "private key",
    })?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|fault| unfit(fault.to_string()))?;
    let builder = match &files.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(path)? {
                roots.add(root).map_err(|fault| unfit(fault.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|fault| unfit(fault.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|fault| unfit(fault.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
