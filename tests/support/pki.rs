//! An authority for one test, and what it signs, as files.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

use super::openbao::fresh;

/// An authority with a directory of its own.
pub struct Pki {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    home: TempDir,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Pki {
    pub fn new(name: &str) -> Pki {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("ca.pem"), &certificate).unwrap();
        Pki {
            issuer: Issuer::new(params, key),
            certificate,
            home,
        }
    }

    /// The authority's own certificate in PEM.
    pub fn ca(&self) -> &str {
        &self.certificate
    }

    /// The same as a file.
    pub fn ca_file(&self) -> PathBuf {
        self.home.path().join("ca.pem")
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// For a server of these names.
    pub fn server(&self, names: &[&str]) -> Pair {
        self.sign("server", names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// For a client of this common name.
    pub fn client(&self, name: &str) -> Pair {
        self.sign(name, &[], ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, name: &str, names: &[&str], usage: ExtendedKeyUsagePurpose) -> Pair {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pair = Pair {
            certificate: self.home.path().join(format!("{name}-{}.pem", fresh())),
            key: self.home.path().join(format!("{name}-{}.key", fresh())),
        };
        std::fs::write(&pair.certificate, certificate.pem()).unwrap();
        secret(&pair.key, key.serialize_pem().as_bytes());
        pair
    }
}

/// Writes a file that only its owner reads.
pub fn secret(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file = std::fs::File::options();
    let mut file = file
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(bytes).unwrap();
}
