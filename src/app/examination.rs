//! What the policy says of an org and an app, as `doctor` wants to know it.

use crate::doctor::observed::{Kind, OrgAsked, Subject};
use crate::policy::app::{AppPolicy, Certificate, Method, Target};
use crate::policy::org::{OrgPolicy, SecretsSwitch};

pub(super) fn org(policy: &OrgPolicy) -> OrgAsked {
    OrgAsked {
        name: policy.name.clone(),
        version: u32::from(policy.api_version.number()),
        budget: policy.api_budget,
        opens_switch: policy.consumer_secrets_switch == SecretsSwitch::OpenForRotation,
        known: words(&Method::ALL),
    }
}

pub(super) fn subject(org: &OrgPolicy, policy: &AppPolicy) -> Subject {
    Subject {
        app: policy.name.clone(),
        org: policy.org.clone(),
        kind: match policy.target {
            Target::ExternalClientApp { .. } => Kind::External,
            Target::ConnectedApp { .. } => Kind::Connected,
        },
        name: policy.target.name().to_owned(),
        consumer: match &policy.target {
            Target::ExternalClientApp { consumer, .. } => consumer.clone(),
            Target::ConnectedApp { .. } => None,
        },
        listed: words(&policy.methods),
        known: words(&Method::ALL),
        opens_switch: org.consumer_secrets_switch == SecretsSwitch::OpenForRotation,
        flow: policy.flow,
        certificate_given: match &policy.certificate {
            Some(Certificate::File(_)) => true,
            Some(Certificate::None) | None => false,
        },
    }
}

fn words(methods: &[Method]) -> Vec<String> {
    methods.iter().map(|method| method.word().to_owned()).collect()
}
