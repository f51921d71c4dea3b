//! Standard Webhooks signatures (standardwebhooks.com): on the worker's calls to the functions, on the `live` function's
//! call to the hub, and on the webhooks that reminders send.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub const ID: &str = "webhook-id";
pub const TIMESTAMP: &str = "webhook-timestamp";
pub const SIGNATURE: &str = "webhook-signature";

/// How far a timestamp may lie from the receiver's clock, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the headers webhook-id, webhook-timestamp and webhook-signature are needed")]
    Missing,
    #[error("the timestamp is more than five minutes away from now")]
    Stale,
    #[error("the signature does not match")]
    Mismatch,
}

/// The values of a secret that may hold several, separated by white space: the first is the one to sign with, each is
/// accepted. So a secret is rotated without a moment in which what was signed before is refused: `old new` (wherever it is
/// read), `new old`, `new`.
pub fn values(secret: &str) -> impl Iterator<Item = &str> {
    secret.split_whitespace()
}

/// The one to sign with.
pub fn current(secret: &str) -> &str {
    values(secret).next().unwrap_or_default()
}

/// The bytes of a secret: `whsec_` and base64 as the standard writes it, or any other text as it stands.
pub(crate) fn key(secret: &str) -> Vec<u8> {
    secret
        .strip_prefix("whsec_")
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .unwrap_or_else(|| secret.as_bytes().to_vec())
}

fn mac(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Hmac<Sha256> {
    // HMAC takes a key of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(&key(secret)).unwrap_or_else(|_| unreachable!());
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

/// The value of `webhook-signature`: `v1,<base64>` over `id.timestamp.body`, timestamp in Unix seconds.
pub fn sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    format!(
        "v1,{}",
        STANDARD.encode(
            mac(current(secret), id, timestamp, body)
                .finalize()
                .into_bytes()
        )
    )
}

/// Checks the three headers of a call among our own programs against the body. `signatures` may hold several, separated by
/// spaces (key rotation). An id with a dot, which webhooks have and these calls have not, is refused: with it, the same mark
/// would hold for the three parts cut elsewhere.
pub fn verify(
    secret: &str,
    id: Option<&str>,
    timestamp: Option<&str>,
    signatures: Option<&str>,
    body: &[u8],
    now_seconds: i64,
) -> Result<(), Refused> {
    let (Some(id), Some(timestamp), Some(signatures)) = (id, timestamp, signatures) else {
        return Err(Refused::Missing);
    };
    if id.contains('.') {
        return Err(Refused::Mismatch);
    }
    let timestamp: i64 = timestamp.parse().map_err(|_| Refused::Missing)?;
    if now_seconds.saturating_sub(timestamp).saturating_abs() > TOLERANCE_SECONDS {
        return Err(Refused::Stale);
    }
    let matches = signatures
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .any(|encoded| {
            STANDARD.decode(encoded).is_ok_and(|given| {
                values(secret).any(|secret| {
                    mac(secret, id, timestamp, body)
                        .verify_slice(&given)
                        .is_ok()
                })
            })
        });
    if matches {
        Ok(())
    } else {
        Err(Refused::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_example_has_its_signature() {
        // The example of the Standard Webhooks specification.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_rotated_secret_is_accepted_at_every_step() {
        // What a signer and a receiver may hold at the same time, in the course of a rotation.
        for (signer, receiver) in [
            ("old", "old new"),
            ("old new", "old"),
            ("old new", "new old"),
            ("new old", "old new"),
            ("new old", "new"),
            ("new", "new old"),
        ] {
            let signature = sign(signer, "1", 1000, b"body");
            let check = |secret| {
                verify(
                    secret,
                    Some("1"),
                    Some("1000"),
                    Some(&signature),
                    b"body",
                    1000,
                )
            };
            assert_eq!(check(receiver), Ok(()), "{signer} → {receiver}");
            assert_eq!(check("other third"), Err(Refused::Mismatch));
            assert_eq!(check(""), Err(Refused::Mismatch));
        }
        let old = sign("old", "1", 1000, b"body");
        let check = |secret| verify(secret, Some("1"), Some("1000"), Some(&old), b"body", 1000);
        assert_eq!(check("new"), Err(Refused::Mismatch), "the end of it");
    }

    #[test]
    fn what_was_signed_can_not_be_cut_into_other_parts() {
        let signature = sign("secret", "1", 1000, b"1001.[2]");
        let cut = verify(
            "secret",
            Some("1.1000"),
            Some("1001"),
            Some(&signature),
            b"[2]",
            1000,
        );
        assert_eq!(cut, Err(Refused::Mismatch));
    }

    #[test]
    fn a_changed_body_a_wrong_secret_and_an_old_timestamp_are_refused() {
        let signature = sign("secret", "1", 1000, b"body");
        let check = |secret: &str, body: &[u8], now| {
            verify(secret, Some("1"), Some("1000"), Some(&signature), body, now)
        };
        assert_eq!(check("secret", b"body", 1100), Ok(()));
        assert_eq!(check("secret", b"Body", 1100), Err(Refused::Mismatch));
        assert_eq!(check("other", b"body", 1100), Err(Refused::Mismatch));
        assert_eq!(check("secret", b"body", 1301), Err(Refused::Stale));
        assert_eq!(
            verify(
                "secret",
                None,
                Some("1000"),
                Some(&signature),
                b"body",
                1000
            ),
            Err(Refused::Missing)
        );
    }
}
