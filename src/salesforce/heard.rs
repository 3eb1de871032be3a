//! What this client makes of an answer, without an org: for those who attack its readers (`tests/fuzz`, and
//! `hostile.rs` beside this file).

use url::Url;
use zeroize::Zeroizing;

use super::fault::{Area, read};
use super::http::{Body, Reply};
use super::{login, metadata, probe, rest};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// Everything that the readers of answers would say of this one, whichever request it answered: REST, SOAP, a login, a
/// probe. All of it may be logged, so nothing of the answer's own text may be in it.
pub fn heard(status: u16, body: &[u8]) -> Vec<String> {
    let reply = Reply {
        status,
        date: None,
        limit: None,
        retry_after: None,
        body: Body::Whole(Zeroizing::new(body.to_vec())),
    };
    let mut said = metadata::said(&reply);
    if let Err(class) = read(&reply) {
        for area in [Area::Credentials, Area::Metadata] {
            said.push(format!("{:?}", class.clone().fault(area)));
            said.push(format!("{:?}", class.clone().outcome::<()>(area)));
        }
    }
    if let Ok(home) = Url::parse("http://127.0.0.1:1") {
        said.push(login::said(&home, &reply, Timestamp(0)));
    }
    said.push(probe::said(status, body));
    said.push(rest::said(body));
    said
}

/// The request that would change the secret of the Connected App that an answer to `readMetadata` shows, or the one that
/// such a request shows: so that it can be held beside what it was made from. `None` if neither is in the text.
pub fn rewritten(soap: &[u8], secret: &Secret) -> Option<Secret> {
    metadata::rewritten(soap, secret)
}
