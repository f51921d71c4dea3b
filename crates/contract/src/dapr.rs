//! The call of a Dapr sidecar: one CloudEvent, answered with a status in Dapr's words.
//! <https://docs.dapr.io/reference/api/pubsub_api/#expected-http-response>

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// `application/cloudevents+json`
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// The header by which sidecar and application prove themselves to each other.
pub const TOKEN: &str = "dapr-api-token";

/// What became of the event. Any other answer of 2xx counts as success, 404 as dropped, the rest as to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub struct Delivered {
    /// `SUCCESS`, `RETRY`, `DROP`
    pub status: String,
}

impl Delivered {
    /// Done, or nothing was to do.
    pub fn success() -> Self {
        Self::of("SUCCESS")
    }

    /// Send it again.
    pub fn retry() -> Self {
        Self::of("RETRY")
    }

    /// It can't be understood: to the dead letters.
    pub fn drop() -> Self {
        Self::of("DROP")
    }

    fn of(status: &str) -> Self {
        Self {
            status: status.to_owned(),
        }
    }
}

/// Whether the token that was shown is the expected one; an empty one is nobody's. Takes the same time however much of it
/// is right.
pub fn is_token(expected: &str, shown: Option<&str>) -> bool {
    let (false, Some(shown)) = (expected.is_empty(), shown) else {
        return false;
    };
    // The marks of both under one key are equal only where the tokens are; they are compared in constant time.
    let mark = |text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(expected.as_bytes()).ok()?;
        mac.update(text.as_bytes());
        Some(mac)
    };
    match (mark(expected), mark(shown)) {
        (Some(ours), Some(theirs)) => theirs
            .verify_slice(ours.finalize().into_bytes().as_slice())
            .is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_is_taken_and_an_empty_one_never() {
        assert!(is_token("secret", Some("secret")));
        assert!(!is_token("secret", Some("secre")));
        assert!(!is_token("secret", None));
        assert!(!is_token("", Some("")));
        assert!(!is_token("", None));
    }
}
