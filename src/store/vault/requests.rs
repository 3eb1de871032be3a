//! What is asked of the server. Paths, methods and bodies of KV version 2 are those of `vaultrs`; the questions that
//! it does not know, or puts under a path with an empty segment, are spelled out.

use reqwest::{Method, Request};
use serde_json::{Value, json};
use url::Url;
use vaultrs::api::ResponseWrapper;
use vaultrs::api::kv2::requests::{
    DestroySecretVersionsRequest, ReadConfigurationRequest, ReadSecretMetadataRequest, ReadSecretRequest,
    SetSecretRequest, SetSecretRequestOptions,
};

use crate::document::Document;
use crate::port::Fault;

/// Makes requests for one mount. None carries a token yet.
pub(super) struct Requests {
    base: Url,
    mount: String,
}

impl Requests {
    pub(super) fn new(address: &Url, mount: &str) -> Result<Self, Fault> {
        let base = address.join("/v1").map_err(|_| unbuildable())?;
        if base.cannot_be_a_base() {
            return Err(unbuildable());
        }
        Ok(Requests {
            base,
            mount: mount.to_owned(),
        })
    }

    /// One version of a value; the latest if none is named.
    pub(super) fn read(&self, path: &str, version: Option<u64>) -> Result<Request, Fault> {
        let mut endpoint = ReadSecretRequest::builder();
        endpoint.mount(self.mount.as_str()).path(path).version(version);
        self.of(endpoint.build())
    }

    /// Writes over exactly `cas`.
    pub(super) fn write(&self, path: &str, value: &Document, cas: u32) -> Result<Request, Fault> {
        let mut endpoint = SetSecretRequest::builder();
        endpoint
            .mount(self.mount.as_str())
            .path(path)
            .data(Value::Object(value.object().clone()))
            .options(SetSecretRequestOptions { cas });
        self.of(endpoint.build())
    }

    /// Ends one version for good.
    pub(super) fn destroy(&self, path: &str, version: u64) -> Result<Request, Fault> {
        let mut endpoint = DestroySecretVersionsRequest::builder();
        endpoint
            .mount(self.mount.as_str())
            .path(path)
            .versions(vec![version]);
        self.of(endpoint.build())
    }

    /// What is known of a path without its values.
    pub(super) fn metadata(&self, path: &str) -> Result<Request, Fault> {
        let mut endpoint = ReadSecretMetadataRequest::builder();
        endpoint.mount(self.mount.as_str()).path(path);
        self.of(endpoint.build())
    }

    /// The mount's own retention.
    pub(super) fn config(&self) -> Result<Request, Fault> {
        let mut endpoint = ReadConfigurationRequest::builder();
        endpoint.mount(self.mount.as_str());
        self.of(endpoint.build())
    }

    /// Which engine is mounted there. Any token with a right below the mount may ask.
    pub(super) fn engine(&self) -> Result<Request, Fault> {
        self.plain(Method::GET, &format!("sys/internal/ui/mounts/{}", self.mount))
    }

    /// What our token may do. A POST that changes nothing.
    pub(super) fn capabilities(&self, paths: &[String]) -> Result<Request, Fault> {
        self.post("sys/capabilities-self", &json!({ "paths": paths }))
    }

    /// Is our token one at all?
    pub(super) fn own_token(&self) -> Result<Request, Fault> {
        self.plain(Method::GET, "auth/token/lookup-self")
    }

    /// How the server is. Asked without token or namespace.
    pub(super) fn health(&self) -> Result<Request, Fault> {
        self.plain(Method::GET, "sys/health")
    }

    /// About tokens: to log in, to unwrap, to renew.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Request, Fault> {
        let mut request = self.plain(Method::POST, path)?;
        *request.body_mut() = Some(body.to_string().into());
        Ok(request)
    }

    fn plain(&self, method: Method, path: &str) -> Result<Request, Fault> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| unbuildable())?
            .extend(path.split('/'));
        Ok(Request::new(method, url))
    }

    /// `ResponseWrapper` is the name under which `vaultrs` lets others call the endpoints' own `request`.
    fn of<E: ResponseWrapper, F>(&self, endpoint: Result<E, F>) -> Result<Request, Fault> {
        let endpoint = endpoint.map_err(|_| unbuildable())?;
        let request = endpoint.request(self.base.as_str()).map_err(|_| unbuildable())?;
        Request::try_from(request).map_err(|_| unbuildable())
    }
}

fn unbuildable() -> Fault {
    Fault::Unusable("the store's address, mount or path makes no URL".into())
}
