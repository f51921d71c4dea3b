//! Where reminders may be sent: what is accepted is one line, and leads where another reader of URLs sees no trick.
#![no_main]

use libfuzzer_sys::fuzz_target;
use punctual_domain::channel::{email, name, ntfy, ntfy_token, push_endpoint};
use url::{Host, Url};

fn harmless(text: &str) {
    let url = Url::parse(text).expect(text);
    assert_eq!(url.scheme(), "https");
    assert!(
        url.username().is_empty() && url.password().is_none(),
        "{text}"
    );
    match url.host().expect(text) {
        Host::Domain(host) => assert!(host != "localhost", "{text}"),
        Host::Ipv4(ip) => assert!(
            !ip.is_loopback() && !ip.is_private() && !ip.is_link_local(),
            "{text}"
        ),
        Host::Ipv6(ip) => assert!(!ip.is_loopback() && !ip.is_unique_local(), "{text}"),
    }
}

fuzz_target!(|text: &str| {
    for url in [ntfy(text, false), push_endpoint(text, false)]
        .into_iter()
        .flatten()
    {
        assert!(url.bytes().all(|byte| byte.is_ascii_graphic()));
        harmless(&url);
    }
    if let Ok(address) = email(text) {
        assert!(
            address.bytes().all(|byte| byte.is_ascii_graphic()),
            "{address}"
        );
        assert!(
            !address.contains([',', ';', '<', '>', '"', '(', ')', ':', '\\']),
            "{address}"
        );
        assert_eq!(address.matches('@').count(), 1);
    }
    if let Ok(token) = ntfy_token(text) {
        assert!(token.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    if let Ok(name) = name(text) {
        assert!(!name.chars().any(char::is_control));
    }
});
