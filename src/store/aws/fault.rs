//! What came of a request that did not succeed. No word of an answer goes on but the name of its error.
//!
//! A write counts as refused only if the service itself says so, by an error of its own: a 4xx page of some proxy in
//! between says nothing about what happened behind it.

use std::error::Error;
use std::time::Duration;

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};

use crate::port::{Fault, Outcome, Refusal};

/// How long to wait when throttled: the service does not say.
const THROTTLED: Duration = Duration::from_secs(2);

/// Why there is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// Certainly not applied, and may work later.
    NotNow(Fault),
    /// The secret, version or label asked for is not there.
    Absent(String),
    /// A version of that id with another value is there, or a secret of that name.
    Exists(String),
    /// The label is held by another version than was said, or a parameter is wrong: AWS has one name for both.
    Parameter(String),
    /// Refused for the state of the secret, or for good.
    Refused(Refusal),
    /// Sent, and nobody knows.
    Unclear(String),
}

impl Failed {
    /// For a read.
    pub(super) fn fault(self) -> Fault {
        match self {
            Failed::NotNow(fault) => fault,
            Failed::Absent(text) => Fault::NotFound(text),
            Failed::Exists(text) | Failed::Parameter(text) => Fault::Unusable(text),
            Failed::Refused(Refusal::Permission(text)) => Fault::Forbidden(text),
            Failed::Refused(
                Refusal::Conflict(text) | Refusal::Unsupported(text) | Refusal::Invalid(text),
            ) => Fault::Unusable(text),
            Failed::Unclear(text) => Fault::Unavailable(text),
        }
    }

    /// For a write that takes it as it is.
    pub(super) fn outcome<T>(self) -> Outcome<T> {
        match self {
            Failed::NotNow(fault) => Outcome::NotNow(fault),
            Failed::Absent(text) | Failed::Exists(text) => Outcome::Refused(Refusal::Conflict(text)),
            Failed::Parameter(text) => Outcome::Refused(Refusal::Invalid(text)),
            Failed::Refused(refusal) => Outcome::Refused(refusal),
            Failed::Unclear(text) => Outcome::Unknown(text),
        }
    }
}

/// What is wrong with `asked` (an action on a secret, in words). `sent`: the request may have left.
pub(super) fn failed<E: ProvideErrorMetadata>(error: &SdkError<E>, asked: &str, sent: bool) -> Failed {
    match error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().meta().code().filter(|code| is_plain(code));
            by_code(code, answer.raw().status().as_u16(), asked)
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            Failed::Unclear(format!(
                "{asked} was answered {status} with what cannot be understood"
            ))
        }
        SdkError::ConstructionFailure(_) => Failed::NotNow(Fault::Unusable(format!(
            "{asked}: the request cannot be made: are region and endpoint right?"
        ))),
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) if !sent => {
            Failed::NotNow(Fault::Unauthorized(
                "no AWS credentials could be had: neither the environment, nor a profile, a web identity, a container \
                 or an instance gave any that are valid"
                    .into(),
            ))
        }
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(fault) if is_refused_connection(fault) => Failed::NotNow(Fault::Unavailable(format!(
                "{asked}: no connection to the endpoint"
            ))),
            Some(_) | None => Failed::Unclear(format!("{asked}: the connection broke")),
        },
        SdkError::TimeoutError(_) => Failed::Unclear(format!("{asked}: no answer in time")),
        // A kind of a later SDK.
        _ => Failed::Unclear(format!("{asked} failed in an unknown way")),
    }
}

fn by_code(code: Option<&str>, status: u16, asked: &str) -> Failed {
    let Some(code) = code else {
        return match status {
            429 => throttled(format!("{asked} was answered 429")),
            _ => Failed::Unclear(format!(
                "{asked} was answered {status}, not by the service itself"
            )),
        };
    };
    let said = format!("{asked} was answered {code}");
    match code {
        "ResourceNotFoundException" => Failed::Absent(said),
        "ResourceExistsException" => Failed::Exists(said),
        "InvalidParameterException" => Failed::Parameter(said),
        "InvalidRequestException" => Failed::Refused(Refusal::Invalid(format!(
            "{said}: it is scheduled for deletion, a replica, or in the care of another service"
        ))),
        "LimitExceededException" => Failed::Refused(Refusal::Invalid(format!(
            "{said}: too many versions or labels; remove labels of versions that nobody needs"
        ))),
        "EncryptionFailure" | "DecryptionFailure" => Failed::Refused(Refusal::Permission(format!(
            "{said}: is its KMS key enabled, and are `kms:Decrypt` and `kms:GenerateDataKey` on it allowed?"
        ))),
        "AccessDeniedException" | "AccessDenied" => Failed::Refused(Refusal::Permission(format!(
            "{said}: allow it (deploy/aws/iam-policy.json), with a KMS key of one's own `kms:Decrypt` and \
             `kms:GenerateDataKey` too"
        ))),
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown" => throttled(said),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "RequestExpired"
        | "NotAuthorized" => Failed::NotNow(Fault::Unauthorized(said)),
        _ if status >= 500 || status == 408 => Failed::Unclear(said),
        _ => Failed::Refused(Refusal::Invalid(said)),
    }
}

fn throttled(text: String) -> Failed {
    Failed::NotNow(Fault::Throttled {
        wait: THROTTLED,
        text,
    })
}

/// The name of an error, and nothing that could be anything else.
fn is_plain(code: &str) -> bool {
    !code.is_empty() && code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_refused_connection(fault: &(dyn Error + 'static)) -> bool {
    let mut next = Some(fault);
    while let Some(fault) = next {
        if let Some(io) = fault.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::ConnectionRefused
        {
            return true;
        }
        next = fault.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(code: Option<&str>, status: u16) -> &'static str {
        match by_code(code.filter(|code| is_plain(code)), status, "x") {
            Failed::NotNow(Fault::Throttled { .. }) => "throttled",
            Failed::NotNow(Fault::Unauthorized(_)) => "unauthorized",
            Failed::NotNow(_) => "not now",
            Failed::Absent(_) => "absent",
            Failed::Exists(_) => "exists",
            Failed::Parameter(_) => "parameter",
            Failed::Refused(Refusal::Permission(_)) => "permission",
            Failed::Refused(_) => "refused",
            Failed::Unclear(_) => "unclear",
        }
    }

    #[test]
    fn each_answer_has_its_class() {
        for (code, status, expected) in [
            (Some("ResourceNotFoundException"), 400, "absent"),
            (Some("ResourceNotFoundException"), 404, "absent"),
            (Some("ResourceExistsException"), 400, "exists"),
            (Some("InvalidParameterException"), 400, "parameter"),
            (Some("InvalidRequestException"), 400, "refused"),
            (Some("LimitExceededException"), 400, "refused"),
            (Some("AccessDeniedException"), 400, "permission"),
            (Some("DecryptionFailure"), 400, "permission"),
            (Some("ThrottlingException"), 400, "throttled"),
            (Some("ExpiredTokenException"), 403, "unauthorized"),
            (Some("InternalServiceError"), 500, "unclear"),
            (Some("ServiceUnavailable"), 503, "unclear"),
            (Some("SomethingNew"), 400, "refused"),
            (Some("not a name: secret-canary"), 400, "unclear"),
            (None, 429, "throttled"),
            (None, 403, "unclear"),
            (None, 502, "unclear"),
        ] {
            assert_eq!(word(code, status), expected, "{code:?} {status}");
        }
    }
}
