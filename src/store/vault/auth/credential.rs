//! A file with one secret in it: read whole, trimmed, and known again if it is still the same.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use reqwest::header::HeaderValue;
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use crate::port::Fault;
use crate::secret::Secret;

/// A batch token or a JWT may have a few thousand characters.
const LARGEST: u64 = 64 * 1024;

/// What a file looks like from outside. Another inode, time or length means another content; the same does not mean
/// the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store::vault) struct Stamp([i64; 4]);

impl Stamp {
    /// Of the file that `path` leads to; `None` where there is none.
    pub(in crate::store::vault) async fn of(path: &Path) -> Option<Stamp> {
        let found = tokio::fs::metadata(path).await.ok()?;
        Some(Stamp([
            found.ino().cast_signed(),
            found.mtime(),
            found.mtime_nsec(),
            found.len().cast_signed(),
        ]))
    }
}

/// The text in the file `what` (`token`), without the white space around it.
pub(super) async fn read(what: &str, path: &Path) -> Result<Secret, Fault> {
    let bytes = bytes(what, path).await?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| unusable(what, path, "holds what is no text"))?
        .trim();
    if text.is_empty() {
        return Err(unusable(what, path, "is empty"));
    }
    Ok(Secret::new(text.to_owned()))
}

/// What is in the file `what`, as it is.
pub(in crate::store::vault) async fn bytes(what: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let failed = |fault: std::io::Error| unusable(what, path, &format!("cannot be read: {}", fault.kind()));
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(8192));
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(failed)?;
    match u64::try_from(bytes.len()).is_ok_and(|length| length <= LARGEST) {
        true => Ok(bytes),
        false => Err(unusable(what, path, &format!("is longer than {LARGEST} bytes"))),
    }
}

/// Says what is wrong with the file `what`, and nothing of what is in it.
pub(in crate::store::vault) fn unusable(what: &str, path: &Path, wrong: &str) -> Fault {
    Fault::Unusable(format!("the {what} file {} {wrong}", path.display()))
}

/// A token as a header that is never shown.
pub(super) fn header(token: &Secret, what: &str) -> Result<HeaderValue, Fault> {
    let mut header = HeaderValue::from_str(token.expose())
        .ok()
        .filter(|header| !header.is_empty())
        .ok_or_else(|| Fault::Unusable(format!("{what} is empty, or holds what no token holds")))?;
    header.set_sensitive(true);
    Ok(header)
}
