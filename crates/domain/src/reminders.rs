//! When reminders ring.
//!
//! A task holds definitions ([`Definition`]); [`plan`] derives from them, the due and the series every ring that has to
//! be on record now, and says when it wants to be asked again. The same input gives the same plan, so a plan that is
//! made twice changes nothing.

use std::collections::VecDeque;

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};

use crate::recurrence::Occurrence;
use crate::series::{Basis, OccurrenceRef, Series, missed};
use crate::time::{Duration8601, Instant, Local, Zone, resolve};

/// The hour reminders of date-only tasks count from, when a person has not said another.
pub const DEFAULT_MORNING: NaiveTime = match NaiveTime::from_hms_opt(9, 0, 0) {
    Some(nine) => nine,
    None => NaiveTime::MIN,
};

/// One reminder of a task, as a client writes it: `{"before": "PT30M"}`, `{"before": "PT30M", "of": "start"}` or
/// `{"at": "2026-11-30T18:00:00Z"}`, each also with `"again": "PT5M", "times": 3`, and with its `id` when it has one
/// already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Wire", try_from = "Wire")]
pub struct Definition {
    /// Stays with the reminder for ever; empty until it is given one.
    pub id: String,
    /// When it rings.
    pub when: When,
    /// Whether it rings again until it is acknowledged.
    pub again: Option<Again>,
}

/// When a reminder rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So long before the due; on a date, before the person's morning.
    BeforeDue(Duration8601),
    /// So long before the start, likewise.
    BeforeStart(Duration8601),
    /// At an instant, whatever due and start are.
    At(Instant),
}

/// A reminder that nobody acknowledges rings again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// So long after it rang last.
    pub every: Duration8601,
    /// At most so many times more.
    pub times: u32,
}

impl Again {
    /// The shortest pause between two rings, in seconds.
    pub const SHORTEST: u32 = 60;
    /// The longest: a day.
    pub const LONGEST: u32 = 86_400;
    /// The most rings after the first.
    pub const MOST: u32 = 50;
    /// How often where it isn't said.
    pub const DEFAULT: u32 = 5;

    /// Refuses a pause and a number out of bounds. Nominal days are none here: it is elapsed time.
    pub fn new(every: Duration8601, times: Option<u32>) -> Result<Self, &'static str> {
        let times = times.unwrap_or(Self::DEFAULT);
        if every.days() > 0 || !(Self::SHORTEST..=Self::LONGEST).contains(&every.seconds()) {
            return Err("\"again\" takes from PT1M to PT24H");
        }
        if !(1..=Self::MOST).contains(&times) {
            return Err("\"times\" takes 1 to 50");
        }
        Ok(Again { every, times })
    }

    /// Microseconds between two rings.
    pub fn micros(self) -> i64 {
        i64::from(self.every.seconds()) * 1_000_000
    }
}

impl Definition {
    /// Before the due, once.
    pub fn before(id: impl Into<String>, before: Duration8601) -> Self {
        Self {
            id: id.into(),
            when: When::BeforeDue(before),
            again: None,
        }
    }

    /// At an instant, once.
    pub fn at(id: impl Into<String>, at: Instant) -> Self {
        Self {
            id: id.into(),
            when: When::At(at),
            again: None,
        }
    }
}

/// The forms on the wire.
#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Duration8601>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<Anchor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Instant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    again: Option<Duration8601>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Anchor {
    Due,
    Start,
}

impl From<Definition> for Wire {
    fn from(definition: Definition) -> Self {
        let (before, of, at) = match definition.when {
            When::BeforeDue(before) => (Some(before), None, None),
            When::BeforeStart(before) => (Some(before), Some(Anchor::Start), None),
            When::At(at) => (None, None, Some(at)),
        };
        Wire {
            id: Some(definition.id).filter(|id| !id.is_empty()),
            before,
            of,
            at,
            again: definition.again.map(|again| again.every),
            times: definition.again.map(|again| again.times),
        }
    }
}

impl TryFrom<Wire> for Definition {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let when = match (wire.before, wire.of, wire.at) {
            (Some(before), None | Some(Anchor::Due), None) => When::BeforeDue(before),
            (Some(before), Some(Anchor::Start), None) => When::BeforeStart(before),
            (None, None, Some(at)) => When::At(at),
            (None, Some(_), Some(_)) => return Err("\"of\" goes with \"before\""),
            _ => {
                return Err("a reminder has either \"before\" (a duration) or \"at\" (an instant)");
            }
        };
        let again = match (wire.again, wire.times) {
            (Some(every), times) => Some(Again::new(every, times)?),
            (None, None) => None,
            (None, Some(_)) => return Err("\"times\" goes with \"again\""),
        };
        Ok(Definition {
            id: wire.id.unwrap_or_default(),
            when,
            again,
        })
    }
}

/// When a reminder rings; `None` for one relative to a due or a start that isn't there.
///
/// Before a date-time: first the days on the calendar at the same wall time, then the exact part as elapsed time.
/// Before a date the same, counted from `morning` of that date.
pub fn fire_at(
    when: When,
    due: Option<Local>,
    start: Option<Local>,
    zone: Zone,
    morning: NaiveTime,
) -> Option<Instant> {
    let (before, of) = match when {
        When::At(at) => return Some(at),
        When::BeforeDue(before) => (before, due),
        When::BeforeStart(before) => (before, start),
    };
    Some(before.before(reference(of?, morning), zone))
}

/// Where the start of an occurrence lies that is due at `to`, when one that is due at `due` starts at `start`: as far
/// before it on the wall. A time stays that time of its day where one of the two dues is a date.
pub fn start_for(start: Local, due: Local, to: Local) -> Local {
    let shifted = match (start, due, to) {
        (Local::DateTime(start), Local::DateTime(due), Local::DateTime(to)) => to
            .checked_sub_signed(due.signed_duration_since(start))
            .map(Local::DateTime),
        _ => {
            let days = due.date().signed_duration_since(start.date());
            let date = to.date().checked_sub_signed(days);
            date.map(|date| match start {
                Local::Date(_) => Local::Date(date),
                Local::DateTime(at) => Local::DateTime(date.and_time(at.time())),
            })
        }
    };
    shifted.unwrap_or(to)
}

fn reference(due: Local, morning: NaiveTime) -> chrono::NaiveDateTime {
    match due {
        Local::DateTime(at) => at,
        Local::Date(date) => date.and_time(morning),
    }
}

/// What a plan is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanInput {
    /// The due of the open occurrence, as it stands (it may have been moved).
    pub due: Option<Local>,
    /// When it can be begun, if that was said.
    pub start: Option<Local>,
    /// The zone the due is meant in: the task's own; for a floating due the owner's, for a date the recipient's.
    pub zone: Zone,
    /// The recipient's morning ([`DEFAULT_MORNING`]).
    pub morning: NaiveTime,
    /// The reminders.
    pub definitions: Vec<Definition>,
    /// The series and which of its occurrences is the open one.
    pub series: Option<(Series, OccurrenceRef)>,
    /// When a person last changed what this plan is made from (`tasks.generation`). What was past by then is skipped.
    pub generation_at: Instant,
    /// Now.
    pub now: Instant,
    /// Neither completed nor deleted.
    pub open: bool,
}

/// Whether a ring is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RingState {
    /// It rings at its time, or at once when that has passed meanwhile.
    Planned,
    /// It was past already when it was set. The answer to the person names it.
    Skipped,
}

/// One reminder for one occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// [`Definition::id`].
    pub definition_id: String,
    /// [`Occurrence::key`]; empty for a task that doesn't recur.
    pub occurrence_key: String,
    /// When it rings.
    pub fire_at: Instant,
    /// Whether it does.
    pub state: RingState,
    /// Whether it rings again.
    pub again: Option<Again>,
}

/// Every ring that has to be on record, in order of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The rings, sorted by time, then definition.
    pub rings: Vec<Ring>,
    /// When to plan again: before then the rings on record are all that can ring. `None`: never, unless something
    /// changes.
    pub next_at: Option<Instant>,
    /// [`missed`].
    pub missed: u32,
}

/// Of what is past, so many rings of one reminder are planned at most.
pub const MAX_OPEN: usize = 64;

/// Plans a task's reminders.
///
/// The open occurrence's rings are all there; those that were past at `generation_at` are marked skipped, the others
/// stay planned even when `now` has passed them: they were accepted, so they ring.
///
/// A neglected series still rings: of each relative reminder the rings of the later occurrences follow, as far as the
/// first that lies after `now`, and one more, so that planning late by a whole occurrence delays nothing. Those that
/// were past at `generation_at` are left out (nobody was ever promised them). Moved occurrences ring out of the rule's
/// order: theirs are there as far as the others are. Of what is past there are at most [`MAX_OPEN`] rings per reminder:
/// the open occurrence's and the latest. Absolute reminders belong to the open occurrence alone.
pub fn plan(input: &PlanInput) -> Plan {
    let mut plan = Plan::default();
    if !input.open {
        return plan;
    }
    let current = input
        .series
        .as_ref()
        .and_then(|(series, current)| series.recurrence.occurrence(current));
    let current_key = input
        .series
        .as_ref()
        .map_or(String::new(), |(_, current)| current.key.clone());
    // One that was moved may ring after others that follow it.
    let in_order = input.series.as_ref().is_some_and(|(series, current)| {
        let due = input.due.map(|due| series.recurrence.key_of(due));
        due.as_ref() == Some(&current.key)
    });
    let mut later: Vec<Later> = Vec::new();
    for definition in &input.definitions {
        let Some(at) = current_fire_at(definition, input, current.as_ref()) else {
            continue;
        };
        let state = if at <= input.generation_at {
            RingState::Skipped
        } else {
            RingState::Planned
        };
        plan.rings.push(Ring {
            definition_id: definition.id.clone(),
            occurrence_key: current_key.clone(),
            fire_at: at,
            state,
            again: definition.again,
        });
        if !matches!(definition.when, When::At(_)) {
            later.push(Later {
                definition,
                first_after_now: (in_order && at > input.now).then_some(at),
                done: false,
                rings: Vec::new(),
            });
        }
    }
    if let Some((series, current)) = &input.series {
        let (missed, comes_due) = missed(series, current, input.now);
        plan.missed = missed;
        plan.next_at = comes_due;
        if series.basis == Basis::Due && !later.is_empty() {
            plan_later(input, series, current, &mut later);
            let done = later.iter().filter(|one| one.done);
            plan.next_at = done
                .filter_map(|one| one.first_after_now)
                .chain(comes_due)
                .min();
            plan.rings.extend(later.into_iter().flat_map(|l| l.rings));
        }
    }
    plan.rings
        .sort_by(|a, b| (a.fire_at, &a.definition_id).cmp(&(b.fire_at, &b.definition_id)));
    plan
}

/// One relative reminder's rings for the occurrences after the open one.
struct Later<'a> {
    definition: &'a Definition,
    /// When it rings first after now, moved occurrences aside.
    first_after_now: Option<Instant>,
    /// That ring and one more are there.
    done: bool,
    rings: Vec<Ring>,
}

impl Later<'_> {
    fn at(&self, occurrence: &Occurrence, input: &PlanInput) -> Option<Instant> {
        occurrence_fire_at(self.definition.when, occurrence, input)
    }

    fn push(&mut self, occurrence: &Occurrence, at: Instant, input: &PlanInput) {
        if at > input.generation_at {
            self.rings.push(Ring {
                definition_id: self.definition.id.clone(),
                occurrence_key: occurrence.key.clone(),
                fire_at: at,
                state: RingState::Planned,
                again: self.definition.again,
            });
        }
    }
}

fn plan_later(
    input: &PlanInput,
    series: &Series,
    current: &OccurrenceRef,
    later: &mut [Later<'_>],
) {
    plan_in_order(input, series, current, later);
    let moved = series.recurrence.moved_after(current);
    for one in later {
        // Where the series ends before that, there is no planning again.
        let last = one.rings.last().filter(|_| one.done);
        let until = last.map_or(Instant::MAX, |last| last.fire_at);
        for occurrence in &moved {
            if let Some(at) = one.at(occurrence, input).filter(|at| *at <= until) {
                one.push(occurrence, at, input);
            }
        }
        one.rings.sort_by_key(|ring| ring.fire_at);
        let past = one.rings.partition_point(|ring| ring.fire_at <= input.now);
        let most = (MAX_OPEN - 1).saturating_sub(one.rings.len() - past);
        one.rings.drain(..past.saturating_sub(most));
    }
}

/// The rings of those occurrences that are where the rule has them.
fn plan_in_order(
    input: &PlanInput,
    series: &Series,
    current: &OccurrenceRef,
    later: &mut [Later<'_>],
) {
    const MAX_STEPS: usize = 500_000;
    let mut occurrences = series.recurrence.occurrences_after_ref(current);
    // Nothing rings after its occurrence; of those that are surely past only the latest are looked at.
    let past = occurrences.place_at(input.now).saturating_sub(2 * 86_400);
    let mut places = VecDeque::new();
    for _ in 0..MAX_STEPS {
        let Some(place) = occurrences.next_place() else {
            break;
        };
        if places.len() == MAX_OPEN {
            places.pop_front();
        }
        places.push_back(place);
        if place.1 >= past {
            break;
        }
    }
    for _ in 0..MAX_STEPS {
        let Some(place) = places.pop_front().or_else(|| occurrences.next_place()) else {
            return;
        };
        if occurrences.is_moved(place.1) {
            continue;
        }
        let occurrence = occurrences.at(place);
        for one in later.iter_mut().filter(|one| !one.done) {
            let Some(at) = one.at(&occurrence, input) else {
                continue;
            };
            one.push(&occurrence, at, input);
            if at > input.now {
                one.done = one.first_after_now.is_some();
                one.first_after_now.get_or_insert(at);
            }
        }
        if later.iter().all(|one| one.done) {
            return;
        }
    }
}

fn current_fire_at(
    definition: &Definition,
    input: &PlanInput,
    current: Option<&Occurrence>,
) -> Option<Instant> {
    match current {
        Some(current) if input.due == Some(current.at) => {
            occurrence_fire_at(definition.when, current, input)
        }
        _ => fire_at(
            definition.when,
            input.due,
            input.start,
            input.zone,
            input.morning,
        ),
    }
}

/// As [`fire_at`], exact in a fold too: only the occurrence knows which of two equal local times it is.
fn occurrence_fire_at(when: When, occurrence: &Occurrence, input: &PlanInput) -> Option<Instant> {
    let local = reference(occurrence.at, input.morning);
    match when {
        When::BeforeDue(before)
            if before.days() == 0
                && !occurrence.at.is_date()
                && crate::time::to_local(occurrence.due_at, input.zone) == local
                && occurrence.due_at != resolve(local, input.zone) =>
        {
            Some(occurrence.due_at.plus_secs(-i64::from(before.seconds())))
        }
        _ => {
            let start = input
                .start
                .zip(input.due)
                .map(|(start, due)| start_for(start, due, occurrence.at));
            fire_at(when, Some(occurrence.at), start, input.zone, input.morning)
        }
    }
}
