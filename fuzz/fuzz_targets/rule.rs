//! A rule that is read is printed so that it is read again as the same, and can be said in both languages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use punctual_domain::Rule;
use punctual_domain::words::{Language, describe};

fuzz_target!(|text: &str| {
    let Ok(rule) = text.parse::<Rule>() else {
        return;
    };
    let printed = rule.to_string();
    assert_eq!(printed.parse::<Rule>().as_ref(), Ok(&rule), "{printed}");
    for language in [Language::English, Language::German] {
        assert!(!describe(&rule, None, language).is_empty(), "{printed}");
    }
});
