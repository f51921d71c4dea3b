//! Where reminders may be sent: e-mail addresses, ntfy topics, push subscriptions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::task::Invalid;

/// The longest e-mail address (RFC 5321 §4.5.3.1.3 less the angle brackets).
pub const MAX_EMAIL: usize = 254;
/// The longest URL, in bytes.
pub const MAX_URL: usize = 2000;
/// The longest name that a person gives a channel, in characters.
pub const MAX_NAME: usize = 60;
/// The longest access token of an ntfy server, in bytes.
pub const MAX_TOKEN: usize = 200;

/// An address as SMTP takes it without extensions (RFC 5321 §4.1.2): a dot-string, `@`, and a name in the DNS.
pub fn email(text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    let wrong = |reason: &str| Invalid::new("target", reason);
    let (local, domain) = text
        .rsplit_once('@')
        .ok_or_else(|| wrong("is not an e-mail address"))?;
    if !text.is_ascii() {
        return Err(wrong(
            "must be an e-mail address in ASCII: write the domain as xn--…",
        ));
    }
    let atom = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    let fits = text.len() <= MAX_EMAIL && local.len() <= 64;
    if fits && local.split('.').all(atom) && domain.contains('.') && host_name(domain) {
        Ok(text.to_owned())
    } else {
        Err(wrong("is not an e-mail address"))
    }
}

/// Labels of letters, digits and inner hyphens; the last one is no number, which would be an address.
fn host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

/// The path (with its slash) of an https URL, and what follows it.
///
/// `relaxed`: http and private addresses are fine, as home networks and tests need.
///
/// The address behind a name is checked where it is called; this spares people a slow surprise.
fn url(text: &str, relaxed: bool) -> Result<(&str, &str), Invalid> {
    let wrong = |reason: &str| Invalid::new("target", reason);
    if text.len() > MAX_URL {
        return Err(wrong("must have at most 2000 bytes"));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(wrong("is not a URL"));
    }
    let (secure, rest) = match text.split_once("://") {
        Some(("https", rest)) => (true, rest),
        Some(("http", rest)) => (false, rest),
        _ => return Err(wrong("must be an https URL")),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.contains('@') {
        return Err(wrong("must not carry a name or password"));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, after)) => (host, after.strip_prefix(':').unwrap_or(after)),
            None => return Err(wrong("is not a URL")),
        },
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let has_port = authority.len() > host.len() && !port.is_empty();
    if has_port && port.parse::<u16>().is_err() {
        return Err(wrong("is not a URL"));
    }
    let address: Option<IpAddr> = host.parse().ok();
    let bracketed = authority.starts_with('[');
    let known = match address {
        Some(IpAddr::V6(_)) => bracketed,
        Some(IpAddr::V4(_)) => !bracketed,
        None => !bracketed && host_name(host),
    };
    if !known {
        return Err(wrong("must name a host"));
    }
    if !secure && !relaxed {
        return Err(wrong("must be an https URL"));
    }
    let local = host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || address.is_some_and(|address| !is_public(address));
    if local && !relaxed {
        return Err(wrong("must not be an address of a private network"));
    }
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    Ok(rest.split_at(end))
}

fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
                || a == 0
                || shared
                || v4 == Ipv4Addr::UNSPECIFIED)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                || v6 == Ipv6Addr::UNSPECIFIED)
        }
    }
}

/// `https://server/topic`, as ntfy publishes to; `relaxed` as for webhooks.
pub fn ntfy(text: &str, relaxed: bool) -> Result<String, Invalid> {
    let (path, more) = url(text, relaxed)?;
    let topic = path.strip_prefix('/').unwrap_or_default();
    let named = (1..=64).contains(&topic.len())
        && topic
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !named || !more.is_empty() {
        return Err(Invalid::new(
            "target",
            "must be a server and a topic, such as https://ntfy.sh/my-topic",
        ));
    }
    Ok(text.to_owned())
}

/// What an ntfy server takes as `Authorization: Bearer …`.
pub fn ntfy_token(text: &str) -> Result<String, Invalid> {
    let fits = (1..=MAX_TOKEN).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new("token", "is not an access token"))
    }
}

/// The endpoint of a push subscription; `relaxed` as for webhooks.
pub fn push_endpoint(text: &str, relaxed: bool) -> Result<String, Invalid> {
    let (path, _) = url(text, relaxed)?;
    if path.len() < 2 {
        return Err(Invalid::new(
            "target",
            "must be the endpoint of a push subscription",
        ));
    }
    Ok(text.to_owned())
}

/// base64url, with or without its padding: browsers give it without, some libraries with.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys of a push subscription (RFC 8291 §2): an uncompressed point of P-256 and 16 bytes, as they are kept: without
/// padding.
pub fn push_keys(p256dh: &str, auth: &str) -> Result<(String, String), Invalid> {
    let key = BASE64URL
        .decode(p256dh)
        .ok()
        .filter(|key| key.len() == 65 && key.first() == Some(&4));
    if key.is_none() {
        return Err(Invalid::new(
            "keys.p256dh",
            "must be an uncompressed point of P-256 (65 bytes) in base64url",
        ));
    }
    if BASE64URL.decode(auth).ok().map(|secret| secret.len()) != Some(16) {
        return Err(Invalid::new("keys.auth", "must be 16 bytes in base64url"));
    }
    let bare = |text: &str| text.trim_end_matches('=').to_owned();
    Ok((bare(p256dh), bare(auth)))
}

/// What a person calls a channel: one line, without the space around it.
pub fn name(text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    if text.chars().count() > MAX_NAME || text.chars().any(char::is_control) {
        return Err(Invalid::new(
            "name",
            format!("must be one line of at most {MAX_NAME} characters"),
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn addresses_of_people_are_accepted_and_what_smtp_would_refuse_is_not() {
        for address in [
            "ada@example.org",
            " ada.lovelace+todo@mail.example.co.uk ",
            "o'brien@example.org",
            "a@xn--mller-kva.example",
        ] {
            assert_eq!(email(address).as_deref(), Ok(address.trim()));
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for address in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "ada@example..org",
            ".ada@example.org",
            "ada.@example.org",
            "a..b@example.org",
            "a@b@example.org",
            "ada@-example.org",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "ada lovelace@example.org",
            "ada@example.org\r\nBcc: eve@example.org",
            "ada@example.org,eve@example.org",
            "<ada@example.org>",
            "\"a\"@example.org",
            "ada@müller.example",
            &long,
        ] {
            let refused = email(address).expect_err(address);
            assert_eq!(refused.field, "target");
        }
    }

    #[test]
    fn a_topic_of_an_ntfy_server_is_accepted() {
        for target in [
            "https://ntfy.sh/my-topic_1",
            "https://ntfy.example.org:8443/t",
            "https://9.9.9.9/t",
        ] {
            assert_eq!(ntfy(target, false).as_deref(), Ok(target));
        }
        for target in [
            "http://ntfy.sh/t",
            "ntfy.sh/t",
            "ftp://ntfy.sh/t",
            "https://ntfy.sh",
            "https://ntfy.sh/",
            "https://ntfy.sh/a/b",
            "https://ntfy.sh/t?x=1",
            "https://ntfy.sh/t#x",
            "https://ntfy.sh/t t",
            "https://u:p@ntfy.sh/t",
            "https:///t",
            "https://ntfy.sh:99999/t",
            "https://[::1]/t",
            "https://[::1/t",
            "https://127.0.0.1/t",
            "https://10.1.2.3/t",
            "https://[fd00::1]/t",
            "https://[::ffff:192.168.1.1]/t",
            "https://169.254.169.254/latest",
            "https://localhost/t",
        ] {
            assert!(ntfy(target, false).is_err(), "{target}");
        }
        for target in [
            "http://127.0.0.1:8080/t",
            "http://localhost/t",
            "http://[::1]:80/t",
        ] {
            assert_eq!(ntfy(target, true).as_deref(), Ok(target));
        }
        assert!(ntfy("http://127.0.0.1/a/b", true).is_err());
    }

    #[test]
    fn an_access_token_can_not_smuggle_a_header() {
        assert!(ntfy_token("tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2").is_ok());
        for token in ["", "a b", "a\r\nX: y", "ä"] {
            assert!(ntfy_token(token).is_err(), "{token:?}");
        }
    }

    #[test]
    fn the_keys_of_a_subscription_have_their_lengths() {
        let point = |first: u8, length: usize| {
            let mut bytes = vec![7; length];
            bytes[0] = first;
            URL_SAFE_NO_PAD.encode(bytes)
        };
        let auth = URL_SAFE_NO_PAD.encode([1; 16]);
        let good = point(4, 65);
        assert_eq!(push_keys(&good, &auth), Ok((good.clone(), auth.clone())));
        assert_eq!(
            push_keys(&format!("{good}="), &format!("{auth}==")),
            Ok((good.clone(), auth.clone())),
            "padding is taken off"
        );
        for wrong in [point(2, 33), point(3, 65), point(4, 64), String::new()] {
            let refused = push_keys(&wrong, &auth).expect_err("not a point");
            assert_eq!(refused.field, "keys.p256dh");
        }
        for wrong in [
            "",
            "AAAA",
            &URL_SAFE_NO_PAD.encode([1; 17]),
            "+///+///+///+///+///+w",
        ] {
            let refused = push_keys(&good, wrong).expect_err("not a secret");
            assert_eq!(refused.field, "keys.auth");
        }
    }

    #[test]
    fn the_endpoint_of_a_subscription_is_an_https_url_with_a_path() {
        assert!(push_endpoint("https://push.example.org/send/abc?x=1", false).is_ok());
        for wrong in [
            "http://push.example.org/send/abc",
            "https://push.example.org/",
            "https://127.0.0.1/x",
        ] {
            assert!(push_endpoint(wrong, false).is_err(), "{wrong}");
        }
        assert!(push_endpoint("http://127.0.0.1:9/push/1", true).is_ok());
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(name(" Phone ").as_deref(), Ok("Phone"));
        assert!(name("a\nb").is_err() && name(&"a".repeat(61)).is_err());
    }
}
