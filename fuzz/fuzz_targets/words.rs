//! A typed line is title and spans, whatever it is, within a bounded number of steps; what was understood can be said.
#![no_main]

#[path = "../../crates/domain/tests/it/whole.rs"]
mod whole;

use libfuzzer_sys::fuzz_target;
use punctual_domain::reminders::DEFAULT_MORNING;
use punctual_domain::words::{
    Context, Language, MAX_TEXT, counted, describe, read_due, read_reminder, read_repeat,
};
use punctual_domain::{Instant, time};

fuzz_target!(|data: (u8, u32, &str)| {
    let (which, seconds, text) = data;
    let zones = ["Europe/Berlin", "America/New_York", "Pacific/Apia", "UTC"];
    let projects = ["home".to_owned(), "Home Office".to_owned()];
    let context = Context {
        now: Instant::from_secs(seconds.into()),
        zone: time::zone(zones[usize::from(which >> 1) % zones.len()]).unwrap(),
        language: [Language::English, Language::German][usize::from(which & 1)],
        morning: DEFAULT_MORNING,
        projects: &projects,
    };
    whole::holds_together(text, &context);
    let (read, steps) = counted(text, &context);
    assert!(
        steps <= 1_000 + 400 * text.len().min(4 * MAX_TEXT),
        "{steps} steps"
    );
    if let Some(repeat) = &read.repeat {
        describe(&repeat.rule, read.due, context.language);
    }
    let _ = read_due(text, &context);
    let _ = read_repeat(text, read.due, &context);
    let _ = read_reminder(text, &context);
});
