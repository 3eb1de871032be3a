//! The schema of a component, as far as the org is strict about it (M §1.1, §3): which elements there are, which
//! must be there, which repeat, and that they come in code-point order after `fullName`.

use crate::sandbox::app::Kind;
use crate::sandbox::switches::OutOfOrder;
use crate::sandbox::xml::Element;
use std::collections::BTreeSet;

/// One element of a type.
struct Field {
    name: &'static str,
    /// It may come more than once.
    many: bool,
    required: bool,
    /// The oldest API version that knows it.
    since: u16,
    inner: Inner,
}

/// What is inside an element.
#[derive(Clone, Copy)]
enum Inner {
    Text,
    Scope,
    Type(&'static str, &'static [Field]),
    /// Not looked into.
    Open,
}

const fn text(name: &'static str, since: u16) -> Field {
    Field {
        name,
        many: false,
        required: false,
        since,
        inner: Inner::Text,
    }
}

const fn required(name: &'static str) -> Field {
    Field {
        name,
        many: false,
        required: true,
        since: 47,
        inner: Inner::Text,
    }
}

const fn inside(name: &'static str, many: bool, inner: Inner) -> Field {
    Field {
        name,
        many,
        required: false,
        since: 47,
        inner,
    }
}

const CONNECTED_APP: &[Field] = &[
    inside("attributes", true, Inner::Open),
    inside("canvas", false, Inner::Open),
    inside("canvasConfig", false, Inner::Open),
    required("contactEmail"),
    text("contactPhone", 47),
    text("description", 47),
    text("iconUrl", 47),
    text("infoUrl", 47),
    inside("ipRanges", true, Inner::Type("ConnectedAppIpRange", IP_RANGE)),
    required("label"),
    text("logoUrl", 47),
    inside("mobileAppConfig", false, Inner::Open),
    text("mobileStartUrl", 47),
    inside(
        "oauthConfig",
        false,
        Inner::Type("ConnectedAppOauthConfig", OAUTH_CONFIG),
    ),
    inside(
        "oauthPolicy",
        false,
        Inner::Type("ConnectedAppOauthPolicy", OAUTH_POLICY),
    ),
    inside("permissionSetName", true, Inner::Text),
    text("plugin", 47),
    text("pluginExecutionUser", 47),
    inside("profileName", true, Inner::Text),
    inside("samlConfig", false, Inner::Open),
    inside(
        "sessionPolicy",
        false,
        Inner::Type("ConnectedAppSessionPolicy", SESSION_POLICY),
    ),
    text("startUrl", 47),
];

const IP_RANGE: &[Field] = &[text("description", 47), required("end"), required("start")];

const OAUTH_CONFIG: &[Field] = &[
    inside("assetTokenConfig", false, Inner::Open),
    required("callbackUrl"),
    text("certificate", 47),
    text("consumerKey", 47),
    text("consumerSecret", 47),
    inside("idTokenConfig", false, Inner::Open),
    text("isAdminApproved", 47),
    text("isClientCredentialEnabled", 56),
    text("isCodeCredentialEnabled", 57),
    text("isCodeCredentialPostOnly", 57),
    text("isConsumerSecretOptional", 49),
    text("isDPopEnabled", 68),
    text("isDeviceFlowEnabled", 68),
    text("isEnforceRefreshTokenTTL", 68),
    text("isIntrospectAllTokens", 49),
    text("isIpBindingEnabled", 68),
    text("isNamedUserJwtEnabled", 58),
    text("isPKImTLSEnabled", 68),
    text("isPkceRequired", 59),
    text("isRefreshTokenRotationEnabled", 60),
    text("isSecretRequiredForRefreshToken", 51),
    text("isSecretRequiredForTokenExchange", 60),
    text("isTokenExchangeEnabled", 60),
    text("oauthClientCredentialUser", 56),
    inside("scopes", true, Inner::Scope),
    text("singleLogoutUrl", 47),
];

const OAUTH_POLICY: &[Field] = &[
    required("ipRelaxation"),
    text("isTokenExchangeFlowEnabled", 60),
    required("refreshTokenPolicy"),
    text("singleLogoutUrl", 49),
];

const SESSION_POLICY: &[Field] = &[
    text("policyAction", 49),
    text("sessionLevel", 49),
    text("sessionTimeout", 49),
];

const SCOPES: &str = "Basic Api Web Full Chatter CustomApplications RefreshToken OpenID Profile Email Address Phone \
    OfflineAccess CustomPermissions Wave Eclair Pardot Lightning Content CDPIngest CDPProfile CDPQuery Chatbot \
    CDPSegment CDPIdentityResolution CDPCalculatedInsight ForgotPassword UserRegistration SFAP Interaction CDP \
    EinsteinGPT PwdlessLogin MCP SCRT DataCloudUserClaims A2A CmdbDiscovery SemanticLayer";

const GLOBAL_SETTINGS: &[Field] = &[
    text("callbackUrl", 59),
    text("certificate", 60),
    text("consumerKey", 59),
    text("consumerSecret", 59),
    required("externalClientApplication"),
    inside("idTokenConfig", false, Inner::Open),
    text("isClientCredentialsFlowEnabled", 60),
    text("isCodeCredFlowEnabled", 61),
    text("isCodeCredPostOnly", 61),
    text("isConsumerSecretOptional", 59),
    text("isDPopEnabled", 68),
    text("isDeviceFlowEnabled", 60),
    text("isEnforceRefreshTokenTTL", 67),
    text("isIntrospectAllTokens", 59),
    text("isMtlsEnabled", 68),
    text("isNamedUserJwtEnabled", 61),
    text("isPkceRequired", 59),
    text("isRefreshTokenRotationEnabled", 60),
    text("isSecretRequiredForRefreshToken", 59),
    text("isSecretRequiredForTokenExchange", 60),
    text("isTokenExchangeEnabled", 60),
    text("label", 59),
    text("shouldRotateConsumerKey", 59),
    text("shouldRotateConsumerSecret", 59),
];

/// Why a component does not fit.
pub(super) enum Misfit {
    /// It is no such type at all: a fault.
    Shape(String),
    /// It lacks an element that must be there: an error of its result. The path of the element.
    Missing(String),
}

/// Checks a component against the schema of `version`, and drops what is out of order where the org does so.
/// `extras` are names that this org knows beyond the schema.
pub(super) fn check(
    kind: Kind,
    component: &Element,
    version: u16,
    extras: &BTreeSet<String>,
    out_of_order: OutOfOrder,
) -> Result<Element, Misfit> {
    let rules = Rules {
        version,
        extras,
        out_of_order,
    };
    match kind {
        Kind::ConnectedApp => rules.walk("ConnectedApp", CONNECTED_APP, component),
        Kind::ExternalClientApp => rules.walk(super::settings::SETTINGS, GLOBAL_SETTINGS, component),
    }
}

/// True when every level of a component is in schema order.
pub(in crate::sandbox) fn in_order(component: &Element) -> bool {
    component
        .children
        .is_sorted_by(|left, right| rank(&left.name) <= rank(&right.name))
        && component.children.iter().all(in_order)
}

/// `fullName` first, then code-point order.
fn rank(name: &str) -> (bool, &str) {
    (name != "fullName", name)
}

struct Rules<'a> {
    version: u16,
    extras: &'a BTreeSet<String>,
    out_of_order: OutOfOrder,
}

impl Rules<'_> {
    fn walk(&self, kind: &str, fields: &[Field], element: &Element) -> Result<Element, Misfit> {
        let invalid = |child: &Element| {
            Misfit::Shape(format!(
                "Element {{{}}}{} invalid at this location in type {kind}",
                child.namespace, child.name
            ))
        };
        let mut kept: Vec<Element> = Vec::new();
        for child in &element.children {
            let field = fields
                .iter()
                .find(|field| field.name == child.name && field.since <= self.version);
            let known = field.is_some() || self.extras.contains(&child.name) || child.name == "fullName";
            if !known {
                return Err(invalid(child));
            }
            if kept
                .last()
                .is_some_and(|last| rank(&last.name) > rank(&child.name))
            {
                match self.out_of_order {
                    OutOfOrder::Dropped => continue,
                    OutOfOrder::Refused => return Err(invalid(child)),
                }
            }
            let many = field.is_some_and(|field| field.many);
            if !many && kept.last().is_some_and(|last| last.name == child.name) {
                return Err(invalid(child));
            }
            kept.push(self.inner(field, child)?);
        }
        if let Some(absent) = fields.iter().filter(|field| field.required).find(|field| {
            !kept
                .iter()
                .any(|child| child.name == field.name && !child.text.trim().is_empty())
        }) {
            return Err(Misfit::Missing(format!("{kind}.{}", absent.name)));
        }
        Ok(Element {
            children: kept,
            ..element.clone()
        })
    }

    fn inner(&self, field: Option<&Field>, child: &Element) -> Result<Element, Misfit> {
        match field.map(|field| field.inner) {
            Some(Inner::Type(kind, fields)) if !child.nil => self.walk(kind, fields, child),
            Some(Inner::Scope) if !SCOPES.split_whitespace().any(|scope| scope == child.text) => {
                Err(Misfit::Shape(format!(
                    "'{}' is not a valid value for the enum 'ConnectedAppOauthAccessScope'",
                    child.text
                )))
            }
            Some(Inner::Text | Inner::Scope) if !child.children.is_empty() => {
                Err(Misfit::Shape(format!("Element {} has children", child.name)))
            }
            Some(Inner::Text | Inner::Scope | Inner::Open | Inner::Type(..)) | None => Ok(child.clone()),
        }
    }
}
