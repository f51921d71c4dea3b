//! A link of an e-mail says what it was made for until it ends; no other text is one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use punctual_contract::action::{Action, Deed, Refused};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: i64 = 1_800_000_000;

fuzz_target!(|data: (&str, &str, &str, u32, i64, usize, u8)| {
    let (text, row, title, minutes, expires, at, bit) = data;
    assert_eq!(Action::read(SECRET, text, NOW), Err(Refused::Unknown));
    let deeds = [
        Deed::Done {
            task: row.to_owned(),
        },
        Deed::Snooze {
            reminder: row.to_owned(),
            minutes,
        },
        Deed::Confirm {
            channel: row.to_owned(),
        },
    ];
    let action = Action {
        deed: deeds[at % 3].clone(),
        user: text.to_owned(),
        language: "de".to_owned(),
        title: title.to_owned(),
        expires,
    };
    let token = action.token(SECRET);
    match Action::read(SECRET, &token, NOW) {
        Ok(read) => {
            assert!(expires > NOW);
            assert_eq!((read.deed, read.user), (action.deed, action.user));
            assert!(read.title == title || title.starts_with(read.title.trim_end_matches('…')));
        }
        Err(refused) => assert!(expires <= NOW && matches!(refused, Refused::Expired { .. })),
    }
    let mut changed = token.clone().into_bytes();
    let at = at % changed.len();
    changed[at] ^= 1 << (bit % 7);
    for text in [std::str::from_utf8(&changed).unwrap(), &token[..at]] {
        assert_eq!(
            Action::read(SECRET, text, NOW),
            Err(Refused::Unknown),
            "{text}"
        );
    }
});
