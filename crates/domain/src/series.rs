//! What a recurring task asks of its rule: what comes after this occurrence, and how many were missed.

use serde::{Deserialize, Serialize};

pub use crate::recurrence::OccurrenceRef;
use crate::recurrence::{End, Occurrence, Occurrences, Recurrence};
use crate::time::{Instant, Local, day_start, to_local, today};

/// From what the next occurrence is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// From the rule's own dates, however late the task was done.
    #[default]
    Due,
    /// From the day it was done.
    Completion,
}

impl Basis {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Due => "due",
            Basis::Completion => "completion",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Basis> {
        [Basis::Due, Basis::Completion]
            .into_iter()
            .find(|basis| basis.as_str() == word)
    }
}

/// A recurring task's rule and basis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The occurrences.
    pub recurrence: Recurrence,
    /// From what the next one is counted.
    pub basis: Basis,
}

/// What follows a completed (or skipped) occurrence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Next {
    /// [`Occurrence::key`].
    pub key: String,
    /// When it is due.
    pub at: Local,
    /// [`Occurrence::number`].
    pub number: u32,
    /// [`Occurrence::due_at`].
    pub due_at: Instant,
    /// How many occurrences between lie in the past and were passed over.
    pub passed_over: u32,
}

/// So many occurrences are looked at in one call; see [`next`] and [`missed`].
const MAX_STEPS: u32 = 500_000;

/// The occurrence that follows `completed`, done at `completed_at`. `None` when the series ends with it.
///
/// Basis *due*: the first that is later than the completed one and not in the past: not before that instant, or not
/// before that local day for a date. Basis *completion*: the first the rule gives when it starts on the local day of the
/// completion at the due's time of day (hourly rules: at the minute of the completion), and later than the completed
/// one, so that a key never comes twice. `COUNT` counts skipped and passed-over ones; `UNTIL` holds for both.
pub fn next(series: &Series, completed: &OccurrenceRef, completed_at: Instant) -> Option<Next> {
    match series.basis {
        Basis::Due => next_by_due(&series.recurrence, completed, completed_at),
        Basis::Completion => next_by_completion(&series.recurrence, completed, completed_at),
    }
}

fn next_by_due(recurrence: &Recurrence, completed: &OccurrenceRef, now: Instant) -> Option<Next> {
    let mut occurrences = recurrence.occurrences_after_ref(completed);
    let clearly_past = clearly_before(&occurrences, now);
    let mut passed_over = 0;
    while passed_over < MAX_STEPS {
        let place = occurrences.next_place()?;
        if place.1 >= clearly_past || occurrences.is_moved(place.1) {
            let found = occurrences.at(place);
            if !is_past(recurrence, &found, now) {
                return Some(Next {
                    key: found.key,
                    at: found.at,
                    number: found.number,
                    due_at: found.due_at,
                    passed_over,
                });
            }
        }
        passed_over += 1;
    }
    None
}

/// What lies before this place is in the past whatever the clocks did: no zone ever jumped by more than a day.
fn clearly_before(occurrences: &Occurrences<'_>, now: Instant) -> i64 {
    occurrences.place_at(now).saturating_sub(2 * 86_400)
}

fn is_past(recurrence: &Recurrence, occurrence: &Occurrence, now: Instant) -> bool {
    match occurrence.at {
        Local::Date(date) => date < today(now, recurrence.zone),
        Local::DateTime(_) => occurrence.due_at < now,
    }
}

fn next_by_completion(
    recurrence: &Recurrence,
    completed: &OccurrenceRef,
    now: Instant,
) -> Option<Next> {
    let number = completed.number.checked_add(1)?;
    if matches!(recurrence.rule.end, End::Count(count) if number > count) {
        return None;
    }
    let end = match recurrence.rule.end {
        End::Count(_) => End::Never, // counted above, over the whole series
        end => end,
    };
    // As if the series began with the completion.
    let minute = Instant::from_secs(now.secs().div_euclid(60) * 60);
    let local = to_local(minute, recurrence.zone);
    let fresh = Recurrence {
        rule: recurrence.rule.clone().with_end(end),
        start: match recurrence.start {
            Local::Date(_) => Local::Date(local.date()),
            Local::DateTime(_) if recurrence.rule.is_sub_daily() => Local::DateTime(local),
            Local::DateTime(start) => Local::DateTime(local.date().and_time(start.time())),
        },
        ..recurrence.clone()
    };
    let mut occurrences = fresh.occurrences_from(minute);
    let last = occurrences.place_of_key(&completed.key).unwrap_or(i64::MIN);
    let last = last.max(occurrences.origin());
    for _ in 0..MAX_STEPS {
        let place = occurrences.next_place()?;
        if place.1 > last {
            let found = occurrences.at(place);
            return Some(Next {
                key: found.key,
                at: found.at,
                number,
                due_at: found.due_at,
                passed_over: 0,
            });
        }
    }
    None
}

/// When the first `count` occurrences are due, as far as the series has so many. With basis *completion* as if each were
/// done at its due time, or on its day.
pub fn preview(series: &Series, count: usize) -> Vec<Local> {
    let mut occurrences = series.recurrence.occurrences();
    if series.basis == Basis::Due {
        return occurrences
            .take(count)
            .map(|occurrence| occurrence.at)
            .collect();
    }
    let Some(first) = occurrences.next() else {
        return Vec::new();
    };
    let mut due = vec![first.at];
    let (mut current, mut due_at) = (OccurrenceRef::from(&first), first.due_at);
    while due.len() < count {
        let done_at = match series.recurrence.start {
            // A date is due at the end of its day, which is the next one's beginning.
            Local::Date(_) => due_at.plus_secs(-1),
            Local::DateTime(_) => due_at,
        };
        let Some(following) = next(series, &current, done_at) else {
            break;
        };
        due.push(following.at);
        due_at = following.due_at;
        current = OccurrenceRef::new(following.key, following.number);
    }
    due
}

/// How many later occurrences have come due while `current` is still open, and when the next one does: a time comes due
/// when it is reached, a date when its local day begins. None with basis *completion*, where nothing later exists yet.
/// Counts to 500,000.
pub fn missed(series: &Series, current: &OccurrenceRef, now: Instant) -> (u32, Option<Instant>) {
    if series.basis == Basis::Completion {
        return (0, None);
    }
    let recurrence = &series.recurrence;
    let mut occurrences = recurrence.occurrences_after_ref(current);
    let clearly_past = clearly_before(&occurrences, now);
    let (mut count, mut next) = (0, None);
    while count < MAX_STEPS {
        let Some(place) = occurrences.next_place() else {
            break;
        };
        if occurrences.is_moved(place.1) {
            continue;
        }
        if place.1 >= clearly_past {
            let comes = comes_at(recurrence, &occurrences.at(place));
            if comes > now {
                next = Some(comes);
                break;
            }
        }
        count += 1;
    }
    // A moved one may come before others that it follows, and after others that follow it.
    for one in recurrence.moved_after(current) {
        let comes = comes_at(recurrence, &one);
        if comes > now {
            next = next.into_iter().chain([comes]).min();
        } else {
            count += 1;
        }
    }
    (count, next)
}

fn comes_at(recurrence: &Recurrence, occurrence: &Occurrence) -> Instant {
    match occurrence.at {
        Local::Date(date) => day_start(date, recurrence.zone),
        Local::DateTime(_) => occurrence.due_at,
    }
}
