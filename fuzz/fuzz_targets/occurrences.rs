//! The occurrences of any rule, start and zone come in order, with keys that are unique and lead back to them, in a moment.
#![no_main]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Timelike};
use libfuzzer_sys::fuzz_target;
use punctual_domain::{Local, OccurrenceRef, Recurrence, Rule, Zone};

/// A rule that never fits gives up after years that are counted; with libFuzzer's marks in it, on a busy machine, that takes
/// as long.
const MOMENT: Duration = Duration::from_secs(3);

fuzz_target!(|data: (u32, u16, &str)| {
    let (seconds, choice, text) = data;
    let Ok(rule) = text.parse::<Rule>() else {
        return;
    };
    let zones: Vec<Zone> = Zone::all().collect();
    let zone = zones[usize::from(choice >> 1) % zones.len()];
    let at = DateTime::from_timestamp(seconds.into(), 0)
        .unwrap()
        .naive_utc();
    let at = at.with_second(0).unwrap();
    let start = match choice & 1 {
        0 => Local::Date(at.date()),
        _ => Local::DateTime(at),
    };
    let Ok(recurrence) = Recurrence::new(rule.clone(), start, zone) else {
        return;
    };
    let begun = Instant::now();
    let list: Vec<_> = recurrence.occurrences().take(20).collect();
    let keys: BTreeSet<_> = list.iter().map(|one| &one.key).collect();
    assert_eq!(keys.len(), list.len(), "{rule}");
    for pair in list.windows(2) {
        assert!(
            pair[0].number <= pair[1].number && pair[0].due_at <= pair[1].due_at,
            "{rule}"
        );
    }
    for (place, one) in list.iter().enumerate() {
        let known = OccurrenceRef::from(one);
        assert_eq!(recurrence.occurrence(&known).as_ref(), Some(one), "{rule}");
        let after = recurrence.occurrences_after_ref(&known).next();
        if let Some(next) = list.get(place + 1) {
            assert_eq!(after.as_ref(), Some(next), "{rule} after {}", one.key);
        }
    }
    assert!(
        begun.elapsed() < MOMENT,
        "{rule} from {start} took {:?}",
        begun.elapsed()
    );
});
