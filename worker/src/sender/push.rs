//! Web push: RFC 8030 (delivery), 8291 (encryption for one browser), 8292 (VAPID: who sends).
//!
//! The cryptography is aws-lc's, which the tree has for TLS anyway; what is written here is only the order in which the
//! RFCs put its pieces together.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::links::{TODAY, task_path};
use super::messages::{Messages, line};
use super::outside::{Outcome, Outside, said};
use crate::clock::{SECOND, rfc3339};
use crate::error::Error;
use crate::store::{About, Pending, Pushed};

/// How long the push service keeps a reminder for a browser that is not there, in seconds.
const TTL: u32 = 4 * 3600;
/// The same for the word that it was read elsewhere.
const CLOSE_TTL: u32 = 600;
/// How long a VAPID token holds, in seconds; the RFC allows a day.
const TOKEN_SECONDS: i64 = 12 * 3600;
/// A push service takes bodies of 4096 bytes; 500 characters of four bytes each leave room for all the rest.
const TITLE: usize = 500;
/// Tasks that a digest names: a notification shows a few lines.
const NAMED: usize = 4;

/// The key pair by which push services know this installation (RFC 8292).
pub struct Vapid {
    pair: EcdsaKeyPair,
    public_key: String,
}

impl std::fmt::Debug for Vapid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vapid")
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}

impl Vapid {
    /// From the secret `vapid_key`: 32 bytes in base64, the private key.
    pub fn new(secret: &str) -> Result<Self, Error> {
        Self::read(secret).ok_or_else(|| {
            Error::Usage(
                "the secret vapid_key is no P-256 key. Remove its file to have a new one made; browsers \
                 then have to turn notifications on again."
                    .to_owned(),
            )
        })
    }

    fn read(secret: &str) -> Option<Self> {
        let bytes = STANDARD.decode(secret).ok()?;
        let private = PrivateKey::from_private_key(&ECDH_P256, &bytes).ok()?;
        let public = private.compute_public_key().ok()?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &bytes,
            public.as_ref(),
        );
        Some(Self {
            pair: pair.ok()?,
            public_key: URL_SAFE_NO_PAD.encode(public.as_ref()),
        })
    }

    /// What a browser needs to subscribe: the uncompressed point, base64url without padding.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The `Authorization` of a push to `endpoint`.
    fn authorization(&self, endpoint: &Url, subject: &str, now: i64) -> Option<String> {
        let json = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json(json!({ "typ": "JWT", "alg": "ES256" }));
        let claims = json(json!({
            "aud": endpoint.origin().ascii_serialization(),
            "exp": now / SECOND + TOKEN_SECONDS,
            "sub": subject,
        }));
        let text = format!("{header}.{claims}");
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).ok()?;
        let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
        Some(format!("vapid t={text}.{signature}, k={}", self.public_key))
    }
}

/// A browser's keys: the secret of a push channel.
#[derive(Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// A reminder, for a browser to show.
pub(super) async fn send(outside: &Outside, delivery: &Pending, now: i64) -> Outcome {
    let messages = Messages::of(delivery.language.as_deref());
    let mut payload = json!({
        "kind": "fired",
        "id": delivery.reminder_id,
        "due_for": rfc3339(delivery.due_for),
        "lang": messages.code,
    });
    let more = match &delivery.about {
        About::Task(task) => json!({
            "task_id": task.id,
            "title": line(&task.title, TITLE),
            "body": messages.due(task, delivery, now),
            "url": task_path(&task.id),
            "actions": { "done": messages.done, "snooze": messages.snooze_minutes },
        }),
        About::Day(day) => json!({
            "title": messages.holds(&day.holds),
            "body": messages.lines(&day.holds, delivery, NAMED),
            "url": TODAY,
        }),
    };
    if let (Value::Object(payload), Value::Object(more)) = (&mut payload, more) {
        payload.extend(more);
    }
    let push = Push {
        endpoint: &delivery.target,
        keys: &delivery.secret,
        payload,
        ttl: TTL,
        topic: topic(&delivery.reminder_id),
    };
    push.send(outside, now).await
}

/// The word that a reminder was read elsewhere, so that the browser takes it down. Under the reminder's own topic: where
/// the push service still holds the reminder, this comes in its place.
pub(super) async fn close(outside: &Outside, pushed: &Pushed, now: i64) -> Outcome {
    let push = Push {
        endpoint: &pushed.target,
        keys: &pushed.secret,
        payload: json!({ "kind": "close", "id": pushed.reminder_id }),
        ttl: CLOSE_TTL,
        topic: topic(&pushed.reminder_id),
    };
    push.send(outside, now).await
}

struct Push<'a> {
    endpoint: &'a str,
    keys: &'a str,
    payload: Value,
    ttl: u32,
    topic: String,
}

impl Push<'_> {
    async fn send(&self, outside: &Outside, now: i64) -> Outcome {
        let Some(body) = self.encrypted() else {
            return Outcome::Never("the browser's keys are not usable".to_owned());
        };
        let Some(authorization) = Url::parse(self.endpoint)
            .ok()
            .and_then(|url| outside.vapid.authorization(&url, &outside.contact(), now))
        else {
            return Outcome::Never("the address is not a URL".to_owned());
        };
        let request = |client: &reqwest::Client, url| {
            client
                .post(url)
                .header("ttl", self.ttl)
                .header("urgency", "high")
                .header("topic", &self.topic)
                .header("content-type", "application/octet-stream")
                .header("content-encoding", "aes128gcm")
                .header("authorization", authorization)
                .body(body)
        };
        match outside.call(self.endpoint, request).await {
            Ok(answer) if [StatusCode::NOT_FOUND, StatusCode::GONE].contains(&answer.status()) => {
                let said = said(answer.status());
                Outcome::Gone(format!(
                    "the browser's subscription has ended ({said}); its channel was removed"
                ))
            }
            Ok(answer) => Outcome::of_strict(&answer, now),
            Err(outcome) => outcome,
        }
    }

    fn encrypted(&self) -> Option<Vec<u8>> {
        let keys: Keys = serde_json::from_str(self.keys).ok()?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let mut salt = [0_u8; 16];
        getrandom::fill(&mut salt).ok()?;
        encrypt(
            &PrivateKey::generate(&ECDH_P256).ok()?,
            salt,
            &decode(&keys.p256dh)?,
            &decode(&keys.auth)?,
            self.payload.to_string().as_bytes(),
        )
    }
}

impl Outside {
    /// Whom a push service's operator can turn to (RFC 8292, section 2.1): an https address or a mail address.
    fn contact(&self) -> String {
        let public_url = self.links.public_url();
        match &self.mail {
            Some(mail) if !public_url.starts_with("https:") => format!("mailto:{}", mail.sender()),
            _ => public_url.to_owned(),
        }
    }
}

/// 32 characters of base64url: what a push service takes as a topic, whatever the id looks like.
fn topic(reminder: &str) -> String {
    let mut topic = URL_SAFE_NO_PAD.encode(Sha256::digest(reminder));
    topic.truncate(32);
    topic
}

/// RFC 8291: one record of RFC 8188 (aes128gcm) with its header. `own` and `salt` are fresh for every message.
fn encrypt(
    own: &PrivateKey,
    salt: [u8; 16],
    browser: &[u8],
    auth: &[u8],
    text: &[u8],
) -> Option<Vec<u8>> {
    let public = own.compute_public_key().ok()?;
    let public = public.as_ref();
    // Section 3.4: the shared secret, bound to both keys and to the browser's secret.
    let info = [b"WebPush: info\0", browser, public];
    let key = agree(
        own,
        UnparsedPublicKey::new(&ECDH_P256, browser),
        None,
        |secret| derive::<32>(auth, secret, &info).ok_or(None::<()>),
    )
    .ok()?;
    let content: [u8; 16] = derive(&salt, &key, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = derive(&salt, &key, &[b"Content-Encoding: nonce\0"])?;

    // RFC 8188, section 2: the only record, which its delimiter 2 says is the last.
    let mut record = [text, &[2]].concat();
    LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content).ok()?)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut record,
        )
        .ok()?;
    let size: u32 = 4096;
    let length = u8::try_from(public.len()).ok()?;
    Some([&salt[..], &size.to_be_bytes(), &[length], public, &record].concat())
}

/// HKDF-SHA-256 (RFC 5869) for `N` bytes.
fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Option<[u8; N]> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut bytes = [0; N];
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, Length(N))
        .ok()?
        .fill(&mut bytes)
        .ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).expect(text)
    }

    #[test]
    fn the_example_of_rfc_8291_is_encrypted_as_its_appendix_says() {
        let own = PrivateKey::from_private_key(
            &ECDH_P256,
            &bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
        );
        let browser = bytes(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        );
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw")
            .try_into()
            .expect("16 bytes");
        let message = encrypt(
            &own.expect("a key"),
            salt,
            &browser,
            &bytes("BTBZMqHH6r4Tts7J_aSIgg"),
            b"When I grow up, I want to be a watermelon",
        );
        assert_eq!(
            message
                .map(|message| URL_SAFE_NO_PAD.encode(message))
                .as_deref(),
            Some(
                "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
                 AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
            )
        );
    }

    #[test]
    fn a_key_pair_stays_the_same_and_a_broken_one_is_refused() {
        let secret = STANDARD.encode([7; 32]);
        let first = Vapid::new(&secret).expect("a pair");
        assert_eq!(first.public_key().len(), 87);
        assert_eq!(
            first.public_key(),
            Vapid::new(&secret).expect("a pair").public_key()
        );
        assert!(!format!("{first:?}").contains(&secret));
        for broken in [
            "",
            "x",
            &STANDARD.encode([0; 32]),
            &STANDARD.encode([7; 31]),
        ] {
            assert!(Vapid::new(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_topic_is_what_a_push_service_takes_whatever_the_id() {
        let id = "0190f5fe-7c00-7a00-8000-000000000001";
        assert_eq!(topic(id).len(), 32);
        assert_eq!(topic(id), topic(id));
        assert_ne!(topic(id), topic("r"));
    }
}
