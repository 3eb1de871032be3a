//! The age identity (X25519) that opens the store, and the only code that encrypts or decrypts.
//!
//! Errors say which file and what to do, never what was inside. The first identity of the file encrypts; all of
//! them decrypt, so that a key is replaced by putting a new one in front.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use age::secrecy::ExposeSecret;
use age::x25519;
use zeroize::Zeroizing;

use crate::document::Document;
use crate::port::Fault;
use crate::secret;
use crate::secret::file::FileFault;

/// An identity file holds a few lines of 74 characters.
const LARGEST_IDENTITY_FILE: u64 = 64 * 1024;

/// Opens and seals values.
pub(super) struct StoreKey {
    recipient: x25519::Recipient,
    identities: Vec<x25519::Identity>,
}

/// Makes a new identity file at `path`, which must not exist, readable by its owner only. Says nothing else about
/// the key; the file holds its public half as a comment.
///
/// # Errors
/// [`Fault::Unusable`] if the file exists or cannot be written.
pub fn generate(path: &Path) -> Result<(), Fault> {
    let identity = x25519::Identity::generate();
    let secret = identity.to_string();
    let text = Zeroizing::new(format!(
        "# opens a rekeyd file store; keep a copy elsewhere\n# public key: {}\n{}\n",
        identity.to_public(),
        secret.expose_secret()
    ));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|fault| {
            Fault::Unusable(format!(
                "the identity file {} cannot be made: {fault}",
                path.display()
            ))
        })
}

impl StoreKey {
    /// Reads an identity file: lines starting `AGE-SECRET-KEY-1`, comments and empty lines.
    pub(super) fn load(path: &Path) -> Result<Self, Fault> {
        let shown = path.display();
        let file = secret::file::open(path).map_err(|fault| {
            Fault::Unusable(match fault {
                FileFault::Unreadable(fault) => {
                    format!("the identity file {shown} cannot be read ({})", fault.kind())
                }
                FileFault::NotAFile => format!("the identity file {shown} is {fault}"),
                FileFault::Open { mode: _ } => {
                    format!("the identity file {shown} is {fault}: run `chmod go= '{shown}'`")
                }
            })
        })?;
        let mut text = Zeroizing::new(String::with_capacity(4096));
        file.take(LARGEST_IDENTITY_FILE)
            .read_to_string(&mut text)
            .map_err(|fault| {
                Fault::Unusable(format!(
                    "the identity file {shown} cannot be read ({})",
                    fault.kind()
                ))
            })?;
        let lines = text.lines().map(str::trim);
        let identities: Vec<x25519::Identity> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| {
                Fault::Unusable(format!(
                    "the identity file {shown} holds a line that is no AGE-SECRET-KEY-1…"
                ))
            })?;
        let recipient = identities.first().map(x25519::Identity::to_public);
        let recipient = recipient.ok_or_else(|| {
            Fault::Unusable(format!("the identity file {shown} holds no AGE-SECRET-KEY-1…"))
        })?;
        Ok(StoreKey {
            recipient,
            identities,
        })
    }

    /// Encrypts one value.
    pub(super) fn seal(&self, value: &Document) -> Result<Vec<u8>, Fault> {
        age::encrypt(&self.recipient, value.text().as_bytes())
            .map_err(|_| Fault::Unusable("the value cannot be encrypted to the store's identity".into()))
    }

    /// Decrypts and reads one value. `name` is the file's, for the message.
    pub(super) fn open(&self, sealed: &[u8], name: &Path) -> Result<Document, Fault> {
        let unusable = |why: &str| Fault::Unusable(format!("{} {why}", name.display()));
        let identities = self
            .identities
            .iter()
            .map(|identity| identity as &dyn age::Identity);
        let decryptor = age::Decryptor::new_buffered(sealed)
            .map_err(|_| unusable("is not an age file: it is damaged, or somebody replaced it"))?;
        let mut reader = decryptor.decrypt(identities).map_err(|fault| {
            unusable(if matches!(fault, age::DecryptError::NoMatchingKeys) {
                "was encrypted to another identity file"
            } else {
                "is damaged"
            })
        })?;
        // As large as the plain text can be: a vector that grows would leave copies that nobody wipes.
        let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len().saturating_add(64)));
        reader
            .read_to_end(&mut plain)
            .map_err(|_| unusable("is damaged"))?;
        let text = std::str::from_utf8(&plain).map_err(|_| unusable("does not hold a JSON object"))?;
        Document::parse(text).map_err(|_| unusable("does not hold a JSON object"))
    }
}
