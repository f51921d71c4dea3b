//! A signature holds for what was signed, and for no other id, time or body, however the parts are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use punctual_contract::dapr::is_token;
use punctual_contract::signature::{TOLERANCE_SECONDS, sign, verify};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fuzz_target!(|data: (u64, u32, &[u8], &str, &str, &str, &[u8], u32)| {
    let (id, time, body, other_id, other_time, other_signature, other_body, now) = data;
    let (id, time) = (format!("{id:x}"), i64::from(time));
    let signature = sign(SECRET, &id, time, body);
    let check = |id: &str, time: &str, signature: &str, body: &[u8], now: i64| {
        verify(SECRET, Some(id), Some(time), Some(signature), body, now).is_ok()
    };
    assert!(check(
        &id,
        &time.to_string(),
        &signature,
        body,
        time + TOLERANCE_SECONDS
    ));
    assert!(!check(
        &id,
        &time.to_string(),
        &signature,
        body,
        time + TOLERANCE_SECONDS + 1
    ));
    // Something else under the same signature, and the same under another one.
    let same = other_id == id && other_time.parse() == Ok(time) && other_body == body;
    assert!(same || !check(other_id, other_time, &signature, other_body, now.into()));
    assert!(!check(&id, &time.to_string(), other_signature, body, time));
    // The same text under the mark, cut at other dots.
    let text = [format!("{id}.{time}.").as_bytes(), body].concat();
    if let Ok(text) = std::str::from_utf8(&text) {
        let dots: Vec<usize> = text.match_indices('.').map(|(at, _)| at).take(12).collect();
        for (place, first) in dots.iter().enumerate() {
            for second in &dots[place + 1..] {
                let (id2, time2) = (&text[..*first], &text[first + 1..*second]);
                let body2 = &text.as_bytes()[second + 1..];
                let now = time2.parse().unwrap_or(time);
                let whole = id2 == id && body2 == body;
                assert!(
                    whole || !check(id2, time2, &signature, body2, now),
                    "{text}"
                );
            }
        }
    }
    assert_eq!(
        is_token(other_id, Some(other_time)),
        !other_id.is_empty() && other_id == other_time
    );
});
