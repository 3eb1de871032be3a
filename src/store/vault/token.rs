//! The token, read again when its file changes.

use std::path::Path;
use std::time::SystemTime;

use reqwest::header::HeaderValue;
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::settings::TokenSource;
use crate::port::Fault;
use crate::secret::Secret;

/// A batch token may have a few thousand characters.
const LARGEST: u64 = 64 * 1024;

/// The token in force.
pub(super) struct Token {
    source: TokenSource,
    cached: Mutex<Option<Cached>>,
}

struct Cached {
    modified: Option<SystemTime>,
    length: u64,
    header: HeaderValue,
}

impl Token {
    pub(super) fn new(source: TokenSource) -> Self {
        Token {
            source,
            cached: Mutex::new(None),
        }
    }

    /// The token as a header that is never shown.
    pub(super) async fn header(&self) -> Result<HeaderValue, Fault> {
        match &self.source {
            TokenSource::Value(token) => header(token, "the token given"),
            TokenSource::File(path) => self.of_file(path).await,
        }
    }

    /// Forgets what was read. Called when the token was refused: a file can change twice within the same tick.
    pub(super) async fn forget(&self) {
        *self.cached.lock().await = None;
    }

    async fn of_file(&self, path: &Path) -> Result<HeaderValue, Fault> {
        let unusable = |fault: std::io::Error| {
            Fault::Unusable(format!(
                "the token file {} cannot be read: {}",
                path.display(),
                fault.kind()
            ))
        };
        let mut cached = self.cached.lock().await;
        let metadata = tokio::fs::metadata(path).await.map_err(unusable)?;
        let (modified, length) = (metadata.modified().ok(), metadata.len());
        if let Some(known) = cached.as_ref()
            && (known.modified, known.length) == (modified, length)
        {
            return Ok(known.header.clone());
        }
        let mut text = Zeroizing::new(String::with_capacity(4096));
        let file = tokio::fs::File::open(path).await.map_err(unusable)?;
        file.take(LARGEST)
            .read_to_string(&mut text)
            .await
            .map_err(unusable)?;
        let token = Secret::new(text.trim().to_owned());
        let header = header(&token, &format!("the token in {}", path.display()))?;
        *cached = Some(Cached {
            modified,
            length,
            header: header.clone(),
        });
        Ok(header)
    }
}

fn header(token: &Secret, what: &str) -> Result<HeaderValue, Fault> {
    let mut header = HeaderValue::from_str(token.expose())
        .ok()
        .filter(|header| !header.is_empty())
        .ok_or_else(|| Fault::Unusable(format!("{what} is empty, or holds what no token holds")))?;
    header.set_sensitive(true);
    Ok(header)
}
