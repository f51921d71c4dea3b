//! The pattern of a search finds exactly the titles that hold its words, whatever signs are in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use punctual_store::tasks::holding;

/// `LIKE … ESCAPE '\'`, as SQL has it.
fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| like(rest, &text[skip..])),
        ['_', rest @ ..] => !text.is_empty() && like(rest, &text[1..]),
        ['\\', sign, rest @ ..] => text.first() == Some(sign) && like(rest, &text[1..]),
        ['\\'] => panic!("an escape without its sign"),
        [sign, rest @ ..] => text.first() == Some(sign) && like(rest, &text[1..]),
    }
}

fuzz_target!(|data: (&str, &str, &str)| {
    let (words, before, after) = data;
    let chars = |text: &str| text.chars().take(60).collect::<Vec<char>>();
    let words: String = words.chars().take(20).collect();
    let pattern: Vec<char> = holding(&words).chars().collect();
    for title in [
        format!("{before}{words}{after}"),
        format!("{before}{after}"),
    ] {
        let title = chars(&title);
        let holds = title.iter().collect::<String>().contains(&words);
        assert_eq!(like(&pattern, &title), holds, "{words:?} in {title:?}");
    }
});
