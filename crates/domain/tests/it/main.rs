//! The rules of the domain, each test named after the sentence it proves.

mod activity;
mod properties;
mod quick_add;
mod quiet;
mod recurrence;
mod reminders;
mod series;
mod task;
mod time;
mod whole;
mod words;

use punctual_domain::time::{resolve, zone};
use punctual_domain::{Basis, Instant, Local, OccurrenceRef, Recurrence, Rule, Series};

/// A local date or date-time.
fn local(text: &str) -> Local {
    text.parse().unwrap()
}

/// An RFC 3339 instant.
fn utc(text: &str) -> Instant {
    text.parse().unwrap()
}

/// The instant at which the clocks of a zone show a time.
fn at(text: &str, zone_name: &str) -> Instant {
    let Local::DateTime(at) = local(text) else {
        panic!("{text} has no time")
    };
    resolve(at, zone(zone_name).unwrap())
}

fn recurrence(rule: &str, start: &str, zone_name: &str) -> Recurrence {
    let rule: Rule = rule.parse().unwrap();
    Recurrence::new(rule, local(start), zone(zone_name).unwrap()).unwrap()
}

fn series(rule: &str, start: &str, zone_name: &str, basis: Basis) -> Series {
    Series {
        recurrence: recurrence(rule, start, zone_name),
        basis,
    }
}

/// A reference to the n-th occurrence, as the database would hold it.
fn nth(series: &Series, n: usize) -> OccurrenceRef {
    OccurrenceRef::from(&series.recurrence.occurrences().nth(n - 1).unwrap())
}

/// The first `n` occurrences as text.
fn first(recurrence: &Recurrence, n: usize) -> Vec<String> {
    recurrence
        .occurrences()
        .take(n)
        .map(|o| o.at.to_string())
        .collect()
}
