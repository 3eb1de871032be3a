//! Which hosts may be given a token or a secret.

use url::{Host, Url};

use super::settings::SetupError;

/// Where Salesforce serves an org's own domain (salesforce-oauth-rest.md §5).
const SALESFORCE: [&str; 4] = [
    ".my.salesforce.com",
    ".my.salesforce.mil",
    ".my-salesforce.com",
    ".my.sfcrmproducts.cn",
];

/// The org's `url` as an origin: https, or http for a loopback address, and nothing but scheme, host and port.
///
/// # Errors
/// [`SetupError::Url`]
pub(crate) fn origin(text: &str) -> Result<Url, SetupError> {
    let fault = |what: &str| Err(SetupError::Url(what.to_owned()));
    let Ok(url) = Url::parse(text) else {
        return fault("is not a url");
    };
    if !bare(&url) || !matches!(url.path(), "" | "/") {
        return fault("has more than scheme, host and port");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback(&url) => Ok(url),
        "http" => fault("is http: only a loopback address may be"),
        _ => fault("is neither https nor http"),
    }
}

/// Whether tokens may go to `instance`, the `instance_url` of a login at `home`: one of Salesforce's hosts over
/// https, or, where `home` is loopback, the same origin.
pub(crate) fn instance(home: &Url, instance: &str) -> Option<Url> {
    let url = Url::parse(instance).ok()?;
    if !bare(&url) || !matches!(url.path(), "" | "/") {
        return None;
    }
    let trusted = if loopback(home) {
        url.origin() == home.origin()
    } else {
        url.scheme() == "https" && url.port().is_none() && url.host_str().is_some_and(salesforce)
    };
    trusted.then_some(url)
}

fn bare(url: &Url) -> bool {
    url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

fn salesforce(host: &str) -> bool {
    SALESFORCE
        .iter()
        .any(|suffix| host.strip_suffix(suffix).is_some_and(|name| !name.is_empty()))
}

/// Whether the url's host is this machine.
pub(crate) fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_one_of_salesforces_hosts() {
        let home = Url::parse("https://acme.my.salesforce.com").unwrap();
        for good in [
            "https://acme.my.salesforce.com",
            "https://acme--uat.sandbox.my.salesforce.com/",
            "https://acme.my.salesforce.mil",
            "https://acme.my.sfcrmproducts.cn",
        ] {
            assert!(instance(&home, good).is_some(), "{good}");
        }
        for bad in [
            "http://acme.my.salesforce.com",
            "https://acme.my.salesforce.com:8443",
            "https://acme.my.salesforce.com.evil.example",
            "https://my.salesforce.com",
            "https://.my.salesforce.com",
            "https://evilmy.salesforce.com",
            "https://user@acme.my.salesforce.com",
            "https://acme.my.salesforce.com/path",
            "https://127.0.0.1",
            "",
        ] {
            assert!(instance(&home, bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_loopback_org_stays_at_its_origin() {
        let home = Url::parse("http://127.0.0.1:4000").unwrap();
        assert!(instance(&home, "http://127.0.0.1:4000").is_some());
        for bad in [
            "http://127.0.0.1:4001",
            "https://127.0.0.1:4000",
            "http://localhost:4000",
            "https://acme.my.salesforce.com",
        ] {
            assert!(instance(&home, bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_loopback_may_be_http() {
        assert!(origin("http://[::1]:80").is_ok());
        assert!(origin("https://acme.my.salesforce.com/").is_ok());
        for bad in [
            "http://acme.my.salesforce.com",
            "ftp://acme",
            "https://acme/services",
            "https://a:b@acme",
            "acme",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
