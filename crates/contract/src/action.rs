//! The signed links in e-mails: `<public_url>/act/<token>`. The worker makes the tokens, the function `actions` reads them.
//!
//! A token is `<payload>.<mac>`, both base64url without padding. The payload is a JSON array whose first item is the
//! format's version; the mark is HMAC-SHA-256 over the payload's text, cut to 16 bytes, under a key that is derived from
//! `events_secret` for this use alone. Nothing is stored: what makes a link single-use is the `Idempotency-Key` that
//! derives from it ([`key_of`]).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::signature::{current, key, values};

/// Where the links lead: `/act/<token>` under the server's public address.
pub const PATH: &str = "/act/";

/// How long a link holds, in seconds: 14 days.
pub const LINK_SECONDS: i64 = 14 * 24 * 3600;

/// The most characters of a title that a link carries.
pub const TITLE_CHARACTERS: usize = 60;

const LABEL: &str = "action-link";
const VERSION: u8 = 1;
const MARK_BYTES: usize = 16;

/// What the link does once its page's button is pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Completes the task.
    Done { task: String },
    /// Rings again so many minutes after the button was pressed.
    Snooze { reminder: String, minutes: u32 },
    /// Says that the address of this channel may get reminders.
    Confirm { channel: String },
}

/// What a token says. All of it can be trusted: it was signed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub deed: Deed,
    /// Whose task, reminder or channel it is.
    pub user: String,
    /// `en` or `de`: in what the page is written.
    pub language: String,
    /// The task's title, or the address to be confirmed. [`Action::token`] cuts it to [`TITLE_CHARACTERS`].
    pub title: String,
    /// Unix seconds: from then on it does nothing.
    pub expires: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Changed, cut off by a mail program, or signed by another installation.
    #[error("the link is not one of ours")]
    Unknown,
    /// It was ours; its page can still say so in the reader's language.
    #[error("the link has expired")]
    Expired { language: String },
}

/// version, deed, user, the deed's row, minutes (0 where none), language, title, expiry
#[derive(Serialize, Deserialize)]
struct Payload(u8, char, String, String, u32, String, String, i64);

impl Action {
    /// The token of this action: what follows [`PATH`].
    pub fn token(&self, events_secret: &str) -> String {
        let (deed, row, minutes) = match &self.deed {
            Deed::Done { task } => ('d', task, 0),
            Deed::Snooze { reminder, minutes } => ('s', reminder, *minutes),
            Deed::Confirm { channel } => ('c', channel, 0),
        };
        let payload = Payload(
            VERSION,
            deed,
            self.user.clone(),
            row.clone(),
            minutes,
            self.language.clone(),
            cut(&self.title),
            self.expires,
        );
        // Text and numbers: it can't fail.
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&payload).unwrap_or_default());
        let mark = mac(current(events_secret), LABEL, &payload)
            .finalize()
            .into_bytes();
        let mark: Vec<u8> = mark.iter().copied().take(MARK_BYTES).collect();
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode(mark))
    }

    /// What the token says, where it is ours and has not expired.
    pub fn read(events_secret: &str, token: &str, now_seconds: i64) -> Result<Self, Refused> {
        let (payload, mark) = token.split_once('.').ok_or(Refused::Unknown)?;
        let mark = URL_SAFE_NO_PAD.decode(mark).map_err(|_| Refused::Unknown)?;
        // A shorter mark would be easier to guess.
        if mark.len() != MARK_BYTES {
            return Err(Refused::Unknown);
        }
        let ours = values(events_secret).any(|secret| {
            mac(secret, LABEL, payload)
                .verify_truncated_left(&mark)
                .is_ok()
        });
        if !ours {
            return Err(Refused::Unknown);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(payload)
            .map_err(|_| Refused::Unknown)?;
        let Payload(version, deed, user, row, minutes, language, title, expires) =
            serde_json::from_slice(&bytes).map_err(|_| Refused::Unknown)?;
        let deed = match (version, deed) {
            (VERSION, 'd') => Deed::Done { task: row },
            (VERSION, 's') => Deed::Snooze {
                reminder: row,
                minutes,
            },
            (VERSION, 'c') => Deed::Confirm { channel: row },
            _ => return Err(Refused::Unknown),
        };
        if expires <= now_seconds {
            return Err(Refused::Expired { language });
        }
        Ok(Self {
            deed,
            user,
            language,
            title,
            expires,
        })
    }
}

/// The `Idempotency-Key` under which a link's deed is done: one per token, so it is done once.
pub fn key_of(token: &str) -> String {
    let hash = Sha256::digest(token.as_bytes());
    format!("link-{}", URL_SAFE_NO_PAD.encode(hash))
}

/// With an ellipsis where it was cut.
fn cut(title: &str) -> String {
    if title.chars().count() <= TITLE_CHARACTERS {
        return title.to_owned();
    }
    let kept: String = title.chars().take(TITLE_CHARACTERS - 1).collect();
    format!("{}…", kept.trim_end())
}

/// Over `text`, under the key that `secret` has for `label`.
fn mac(secret: &str, label: &str, text: &str) -> Hmac<Sha256> {
    // HMAC takes a key of any length.
    let start = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!());
    let mut derived = start(&key(secret));
    derived.update(label.as_bytes());
    let mut mac = start(&derived.finalize().into_bytes());
    mac.update(text.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn action(deed: Deed) -> Action {
        Action {
            deed,
            user: "0190f5fe-7c00-7a00-8000-000000000001".to_owned(),
            language: "de".to_owned(),
            title: "Miete zahlen – „sofort“".to_owned(),
            expires: NOW + LINK_SECONDS,
        }
    }

    fn done() -> Action {
        action(Deed::Done {
            task: "0190f5fe-7c00-7a00-8000-000000000002".to_owned(),
        })
    }

    #[test]
    fn a_link_outlives_the_rotation_of_its_secret() {
        let token = done().token("old new");
        assert_eq!(Action::read("new old", &token, NOW), Ok(done()));
        assert_eq!(Action::read("old", &token, NOW), Ok(done()));
        assert_eq!(Action::read("new", &token, NOW), Err(Refused::Unknown));
        assert_eq!(Action::read("", &token, NOW), Err(Refused::Unknown));
    }

    #[test]
    fn a_token_says_what_it_was_made_for() {
        for deed in [
            done().deed,
            Deed::Snooze {
                reminder: "r".to_owned(),
                minutes: 60,
            },
            Deed::Confirm {
                channel: "c".to_owned(),
            },
        ] {
            let action = action(deed);
            assert_eq!(
                Action::read("secret", &action.token("secret"), NOW),
                Ok(action)
            );
        }
    }

    #[test]
    fn a_token_is_a_segment_of_a_path_and_shorter_than_a_url_may_be() {
        let longest = Action {
            title: "😀".repeat(500),
            ..done()
        };
        let token = longest.token("secret");
        assert!(
            token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
            "{token}"
        );
        assert!(token.len() < 600, "{}", token.len());
    }

    #[test]
    fn a_long_title_is_cut_and_says_so() {
        let long = Action {
            title: "a".repeat(61),
            ..done()
        };
        let read = Action::read("secret", &long.token("secret"), NOW).expect("ours");
        assert_eq!(read.title, format!("{}…", "a".repeat(59)));
        let fits = Action {
            title: "a".repeat(60),
            ..done()
        };
        let read = Action::read("secret", &fits.token("secret"), NOW).expect("ours");
        assert_eq!(read.title, "a".repeat(60));
    }

    #[test]
    fn any_changed_character_is_refused() {
        let token = done().token("secret");
        for (n, was) in token.char_indices() {
            let other = if was == 'A' { 'B' } else { 'A' };
            let mut changed = token.clone();
            changed.replace_range(n..=n, &other.to_string());
            // The last character of base64 has bits that carry nothing, and those must be zero.
            assert_eq!(
                Action::read("secret", &changed, NOW),
                Err(Refused::Unknown),
                "character {n}"
            );
        }
    }

    #[test]
    fn a_mark_that_is_cut_is_refused() {
        let token = done().token("secret");
        for length in 0..token.len() {
            assert_eq!(
                Action::read("secret", &token[..length], NOW),
                Err(Refused::Unknown),
                "{length} characters"
            );
        }
    }

    #[test]
    fn an_expired_token_is_refused_in_its_language() {
        let token = done().token("secret");
        assert!(Action::read("secret", &token, NOW + LINK_SECONDS - 1).is_ok());
        assert_eq!(
            Action::read("secret", &token, NOW + LINK_SECONDS),
            Err(Refused::Expired {
                language: "de".to_owned()
            })
        );
    }

    #[test]
    fn another_secret_another_label_and_another_version_are_refused() {
        let token = done().token("secret");
        assert_eq!(Action::read("other", &token, NOW), Err(Refused::Unknown));
        let signed = |label: &str, payload: &str| {
            let payload = URL_SAFE_NO_PAD.encode(payload);
            let mark = mac("secret", label, &payload).finalize().into_bytes();
            format!("{payload}.{}", URL_SAFE_NO_PAD.encode(&mark[..MARK_BYTES]))
        };
        let payload = |version: u8| format!(r#"[{version},"d","u","t",0,"en","T",{}]"#, NOW + 1);
        assert!(Action::read("secret", &signed(LABEL, &payload(1)), NOW).is_ok());
        for wrong in [
            signed("another-use", &payload(1)),
            signed("", &payload(1)),
            signed(LABEL, &payload(2)),
            signed(LABEL, "[1]"),
            signed(LABEL, ""),
        ] {
            assert_eq!(Action::read("secret", &wrong, NOW), Err(Refused::Unknown));
        }
    }

    #[test]
    fn a_key_is_the_same_for_a_token_and_differs_for_another() {
        let one = key_of(&done().token("secret"));
        assert_eq!(one, key_of(&done().token("secret")));
        let later = Action {
            expires: NOW + 1,
            ..done()
        };
        assert_ne!(one, key_of(&later.token("secret")));
        assert!((1..=255).contains(&one.len()) && one.bytes().all(|b| b.is_ascii_graphic()));
    }
}
