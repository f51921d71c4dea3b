//! A token says what it was made with, under its own secret and in its own role alone; no other text is one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use punctual_function::token::{
    Claims, access, api, invite, read_access, read_api, read_invite, read_refresh, refresh,
};

const SECRET: &str = "7b1f0c9e5a3d48c6 of-before";

/// No text that was not made with the secret is a token.
fn forged(text: &str) {
    assert_eq!(read_access(SECRET, text), None);
    assert_eq!(read_refresh(SECRET, text), None);
    assert_eq!(read_api(SECRET, text), None);
    assert_eq!(read_invite(SECRET, text), None);
}

fuzz_target!(|data: (&str, &str, i64, u64, usize, u8)| {
    let (text, scope, number, id, at, bit) = data;
    forged(text);
    for kind in ["at", "rt", "pt", "in"] {
        forged(&format!("{kind}.{text}"));
    }
    let id = format!("{id:x}");
    let claims = Claims {
        sub: text.to_owned(),
        sid: id.clone(),
        scope: scope.to_owned(),
        exp: number,
    };
    let made = [
        access(SECRET, &claims),
        refresh(SECRET, &id, number),
        api(SECRET, &id),
        invite(SECRET, &id),
    ];
    for (kind, token) in made.iter().enumerate() {
        let read = [
            read_access(SECRET, token) == Some(claims.clone()),
            read_refresh(SECRET, token) == Some((id.as_str(), number)),
            read_api(SECRET, token) == Some(id.as_str()),
            read_invite(SECRET, token) == Some(id.as_str()),
        ];
        for (other, read) in read.into_iter().enumerate() {
            assert_eq!(read, other == kind, "{token}");
        }
        assert_eq!(read_access("another", token), None);
        let mut changed = token.clone().into_bytes();
        let at = at % changed.len();
        changed[at] ^= 1 << (bit % 7);
        forged(std::str::from_utf8(&changed).unwrap());
        forged(&token[..at]);
    }
});
