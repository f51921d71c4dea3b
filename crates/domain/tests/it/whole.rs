//! What must hold for any text that quick-add reads; the fuzz target `words` holds it, too.

use punctual_domain::Rule;
use punctual_domain::words::{Context, Field, read};

/// What is left of a text when only its letters and digits count.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Every part of a text that was read is told once: as title or as a span.
pub fn holds_together(text: &str, context: &Context<'_>) {
    let read = read(text, context);
    let mut left = String::new();
    let mut from = 0;
    for span in &read.spans {
        assert!(from <= span.start && span.start < span.end, "{text:?}");
        let units = |end: usize| text[..end].encode_utf16().count();
        assert_eq!(span.utf16, (units(span.start), units(span.end)), "{text:?}");
        assert!(!span.words.is_empty(), "{text:?}");
        left += &text[from..span.start];
        if span.stays {
            left += &text[span.start..span.end];
        }
        from = span.end;
    }
    left += &text[from..];
    assert_eq!(letters(&read.title), letters(&left), "{text:?}");
    let says = |field: Field| read.spans.iter().any(|span| span.field == field);
    assert_eq!(says(Field::Repeat), read.repeat.is_some(), "{text:?}");
    assert_eq!(
        says(Field::Reminder),
        !read.reminders.is_empty(),
        "{text:?}"
    );
    assert_eq!(says(Field::Tag), !read.tags.is_empty(), "{text:?}");
    assert_eq!(says(Field::Project), read.project.is_some(), "{text:?}");
    assert!(read.due.is_some() || !says(Field::Due), "{text:?}");
    if let Some(repeat) = &read.repeat {
        let text = repeat.rule.to_string();
        assert_eq!(text.parse::<Rule>().as_ref(), Ok(&repeat.rule), "{text}");
    }
}
