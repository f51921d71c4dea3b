//! What happens to a task: made, edited, completed, skipped, reopened, deleted, undone. Pure: a state goes in, the next
//! one comes out, and the store writes it in one statement.

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::recurrence::{Recurrence, Rule, first_match};
use crate::reminders::{Definition, Plan, PlanInput, plan};
use crate::series::{Basis, OccurrenceRef, Series, next, open_occurrences};
use crate::task::{Invalid, Priority};
use crate::time::{Instant, Local, Zone, due_instant, today, zone};

/// Where and when a person lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// What floating times mean.
    pub zone: Zone,
    /// When reminders of all-day tasks ring.
    pub morning: NaiveTime,
}

impl Account {
    /// From an IANA name and `HH:MM`.
    pub fn read(timezone: &str, morning: &str) -> Result<Self, Error> {
        let morning = NaiveTime::parse_from_str(morning, "%H:%M")
            .map_err(|_| Error::Recurrence(format!("not a time of day: {morning}")))?;
        Ok(Self {
            zone: zone(timezone)?,
            morning,
        })
    }
}

/// Whether a task is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// To be done.
    Open,
    /// Done.
    Completed,
    /// This occurrence was left out.
    Skipped,
}

/// How a task repeats, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// The rule in its canonical form.
    pub rrule: String,
    /// From what the next one is counted.
    #[serde(default)]
    pub from: Basis,
}

/// What completing or skipping decided about the next occurrence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextOccurrence {
    /// Its key.
    pub occurrence: String,
    /// When it is due.
    pub due: Local,
    /// Its number.
    pub number: u32,
    /// Occurrences between, already past.
    pub passed_over: u32,
}

/// A task's row, as far as rules look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the columns of `tasks`, explained in the data model"
)]
pub struct TaskState {
    pub id: String,
    pub owner: String,
    pub project_id: String,
    pub title: String,
    pub notes: String,
    pub priority: Priority,
    pub tags: Vec<String>,
    pub status: Status,
    pub due: Option<Local>,
    pub timezone: Option<String>,
    pub due_at: Option<i64>,
    pub repeat: Option<Repeat>,
    pub reminders: Vec<Definition>,
    pub series_id: Option<String>,
    pub series_start: Option<Local>,
    pub occurrence: Option<String>,
    pub number: Option<u32>,
    pub previous_id: Option<String>,
    pub touched: i64,
    pub next: Option<NextOccurrence>,
    pub completed_at: Option<i64>,
    pub generation: i64,
    pub generation_at: i64,
    pub deleted_at: Option<i64>,
    pub rank: String,
    pub version: i64,
}

/// What a person changes; `None` stays as it is. The inner `None` clears.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the fields of a task")]
pub struct Edit {
    pub title: Option<String>,
    pub notes: Option<String>,
    pub project_id: Option<String>,
    pub priority: Option<Priority>,
    pub tags: Option<Vec<String>>,
    pub due: Option<Option<Local>>,
    pub timezone: Option<Option<String>>,
    pub repeat: Option<Option<Repeat>>,
    /// Each with its id.
    pub reminders: Option<Vec<Definition>>,
    pub rank: Option<String>,
}

/// Why a change can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A field is wrong.
    #[error("{0}")]
    Invalid(Invalid),
    /// The task is not in a state for this.
    #[error("{0}")]
    Conflict(&'static str),
}

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl TaskState {
    /// An empty open task, to which an [`Edit`] is applied.
    pub fn new(id: &str, owner: &str, project_id: &str, now: Instant) -> Self {
        Self {
            id: id.to_owned(),
            owner: owner.to_owned(),
            project_id: project_id.to_owned(),
            title: String::new(),
            notes: String::new(),
            priority: Priority::None,
            tags: Vec::new(),
            status: Status::Open,
            due: None,
            timezone: None,
            due_at: None,
            repeat: None,
            reminders: Vec::new(),
            series_id: None,
            series_start: None,
            occurrence: None,
            number: None,
            previous_id: None,
            touched: 1,
            next: None,
            completed_at: None,
            generation: 1,
            generation_at: now.micros(),
            deleted_at: None,
            rank: String::new(),
            version: 1,
        }
    }

    /// The task's own zone, else the account's.
    pub fn zone(&self, account: &Account) -> Zone {
        self.timezone
            .as_deref()
            .and_then(|name| zone(name).ok())
            .unwrap_or(account.zone)
    }

    /// Not completed, not skipped, not deleted.
    pub fn is_open(&self) -> bool {
        self.status == Status::Open && self.deleted_at.is_none()
    }

    /// The instant of `due` now, which moves with the account's zone where the task floats.
    pub fn due_instant(&self, account: &Account) -> Option<Instant> {
        self.due.map(|due| due_instant(due, self.zone(account)))
    }

    /// The rule with its start, and which occurrence this task is. `None` for a task that does not repeat.
    pub fn series(&self, account: &Account) -> Result<Option<(Series, OccurrenceRef)>, Error> {
        let (Some(repeat), Some(start), Some(key), Some(number)) = (
            &self.repeat,
            self.series_start,
            &self.occurrence,
            self.number,
        ) else {
            return Ok(None);
        };
        let recurrence = Recurrence::new(repeat.rrule.parse::<Rule>()?, start, self.zone(account))?;
        Ok(Some((
            Series {
                recurrence,
                basis: repeat.from,
            },
            OccurrenceRef::new(key.clone(), number),
        )))
    }

    /// When this task's reminders ring, as of now.
    pub fn plan(&self, account: &Account, now: Instant) -> Result<Plan, Error> {
        let series = self.series(account)?;
        let comes_due = series
            .as_ref()
            .and_then(|(series, current)| open_occurrences(series, current, now).1);
        let mut plan = plan(&PlanInput {
            due: self.due,
            zone: self.zone(account),
            morning: account.morning,
            definitions: self.reminders.clone(),
            series,
            generation_at: Instant::from_micros(self.generation_at),
            now,
            open: self.is_open(),
        });
        if self.is_open() {
            // `missed` counts from the moment that the next occurrence comes due, reminders or none.
            plan.next_at = plan.next_at.into_iter().chain(comes_due).min();
        }
        Ok(plan)
    }

    fn step(&mut self, now: Instant) {
        self.generation += 1;
        self.generation_at = now.micros();
    }

    /// Applies an edit. `due` and `title` change this occurrence; `repeat` and `timezone` this and all later ones.
    pub fn edit(&mut self, edit: Edit, account: &Account, now: Instant) -> Result<(), Refused> {
        if self.deleted_at.is_some() {
            return Err(Refused::Conflict("It is deleted. Restore it first."));
        }
        if self.status != Status::Open && edit.repeat.as_ref().is_some_and(|to| *to != self.repeat)
        {
            return Err(Refused::Conflict(
                "It is done, so no more occurrences follow from it. Change the open one, or reopen this one first.",
            ));
        }
        let planned_by = |task: &Self| {
            (
                task.due,
                task.timezone.clone(),
                task.repeat.clone(),
                task.reminders.clone(),
                task.series_start,
            )
        };
        let before = planned_by(self);
        if let Some(title) = edit.title {
            self.title = title;
        }
        if let Some(notes) = edit.notes {
            self.notes = notes;
        }
        if let Some(project_id) = edit.project_id {
            self.project_id = project_id;
        }
        if let Some(priority) = edit.priority {
            self.priority = priority;
        }
        if let Some(tags) = edit.tags {
            self.tags = tags;
        }
        if let Some(rank) = edit.rank {
            self.rank = rank;
        }
        if let Some(timezone) = edit.timezone {
            self.timezone = timezone;
        }
        if let Some(due) = edit.due {
            self.due = due;
        }
        if let Some(reminders) = edit.reminders {
            self.reminders = reminders;
        }
        if let Some(repeat) = edit.repeat
            && (repeat != self.repeat || self.series_start.is_none())
        {
            self.repeat_by(repeat, account, now)?;
        }
        if self.repeat.is_some() && self.due.is_none() {
            return Err(Invalid::new("due", "a repeating task needs a due date").into());
        }
        if let Some(n) = self.reminders.iter().position(|definition| {
            matches!(definition, Definition::Before { .. }) && self.due.is_none()
        }) {
            let field = format!("reminders[{n}].before");
            return Err(Invalid::new(field, "needs a due date to be before of").into());
        }
        self.due_at = self.due_instant(account).map(Instant::micros);
        self.touched = 1;
        if planned_by(self) != before {
            self.step(now);
        }
        Ok(())
    }

    /// A new rule starts with this occurrence.
    fn repeat_by(
        &mut self,
        repeat: Option<Repeat>,
        account: &Account,
        now: Instant,
    ) -> Result<(), Refused> {
        let Some(repeat) = repeat else {
            self.repeat = None;
            return Ok(());
        };
        let rule: Rule = repeat
            .rrule
            .parse()
            .map_err(|error: Error| error.at("repeat.rrule"))?;
        let zone = self.zone(account);
        let start = match self.due {
            Some(due) => due,
            None => first_match(&rule, today(now, zone))
                .ok_or_else(|| Invalid::new("repeat.rrule", "never comes true"))?,
        };
        let recurrence =
            Recurrence::new(rule, start, zone).map_err(|error| error.at("repeat.rrule"))?;
        self.repeat = Some(Repeat {
            rrule: recurrence.rule.to_string(),
            from: repeat.from,
        });
        self.due = Some(start);
        self.series_start = Some(start);
        self.occurrence = Some(recurrence.key_of(start));
        self.number = Some(1);
        self.series_id.get_or_insert_with(|| self.id.clone());
        Ok(())
    }

    /// Completes or skips this occurrence, and decides which comes next. Done again, it changes nothing.
    pub fn finish(
        &mut self,
        status: Status,
        account: &Account,
        now: Instant,
    ) -> Result<bool, Refused> {
        if self.deleted_at.is_some() {
            return Err(Refused::Conflict("It is deleted. Restore it first."));
        }
        if self.status == status {
            return Ok(false);
        }
        if self.status != Status::Open {
            return Err(Refused::Conflict("It is done already. Reopen it first."));
        }
        let series = self
            .series(account)
            .map_err(|error| error.at("repeat.rrule"))?;
        if status == Status::Skipped && series.is_none() {
            return Err(Refused::Conflict(
                "Only an occurrence of a repeating task can be skipped. Delete this one instead.",
            ));
        }
        self.next = series
            .and_then(|(series, current)| next(&series, &current, now))
            .map(|next| NextOccurrence {
                occurrence: next.key,
                due: next.at,
                number: next.number,
                passed_over: next.passed_over,
            });
        self.status = status;
        self.completed_at = Some(now.micros());
        self.touched = 1;
        self.step(now);
        Ok(true)
    }

    /// Opens a completed or skipped occurrence again. The handler withdraws its successor if nobody has touched it.
    pub fn reopen(&mut self, now: Instant) -> Result<bool, Refused> {
        if self.deleted_at.is_some() {
            return Err(Refused::Conflict("It is deleted. Restore it first."));
        }
        if self.status == Status::Open {
            return Ok(false);
        }
        self.status = Status::Open;
        self.next = None;
        self.completed_at = None;
        self.touched = 1;
        self.step(now);
        Ok(true)
    }

    /// Deletes, which ends a series; `false` where it is deleted already.
    pub fn delete(&mut self, now: Instant) -> bool {
        if self.deleted_at.is_some() {
            return false;
        }
        self.deleted_at = Some(now.micros());
        self.touched = 1;
        self.step(now);
        true
    }

    /// Brings a deleted task back; `false` where it is not deleted.
    pub fn restore(&mut self, now: Instant) -> bool {
        if self.deleted_at.is_none() {
            return false;
        }
        self.deleted_at = None;
        self.touched = 1;
        self.step(now);
        true
    }

    /// The occurrence that [`TaskState::finish`] decided on, as a task of its own; `None` where none follows. Absolute
    /// reminders are not copied. Its reminders count as set when this one was finished, so that one whose instant
    /// passes before the successor is made still fires.
    pub fn successor(&self, id: &str, account: &Account) -> Option<Self> {
        let next = self.next.as_ref()?;
        let mut successor = Self {
            id: id.to_owned(),
            status: Status::Open,
            due: Some(next.due),
            due_at: None,
            reminders: self
                .reminders
                .iter()
                .filter(|definition| matches!(definition, Definition::Before { .. }))
                .cloned()
                .collect(),
            occurrence: Some(next.occurrence.clone()),
            number: Some(next.number),
            previous_id: Some(self.id.clone()),
            touched: 0,
            next: None,
            completed_at: None,
            generation: 1,
            generation_at: self.completed_at.unwrap_or(self.generation_at),
            version: 1,
            ..self.clone()
        };
        successor.due_at = successor.due_instant(account).map(Instant::micros);
        Some(successor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account::read("Europe/Berlin", "09:00").expect("a zone and a time")
    }

    fn at(text: &str) -> Instant {
        text.parse().expect("an instant")
    }

    fn local(text: &str) -> Local {
        text.parse().expect("a local time")
    }

    fn rule(rrule: &str, from: Basis) -> Option<Option<Repeat>> {
        Some(Some(Repeat {
            rrule: rrule.to_owned(),
            from,
        }))
    }

    fn task(due: Option<&str>, repeat: Option<Option<Repeat>>, now: Instant) -> TaskState {
        let mut task = TaskState::new("t", "u", "p", now);
        let edit = Edit {
            title: Some("Water the plants".into()),
            due: Some(due.map(local)),
            repeat,
            ..Edit::default()
        };
        task.edit(edit, &account(), now).expect("a valid task");
        task
    }

    #[test]
    fn every_monday_at_nine_stays_at_nine_over_the_clock_change() {
        // Clocks in Berlin go back on 25 October 2026.
        let mut task = task(
            Some("2026-10-19T09:00"),
            rule("FREQ=WEEKLY;BYDAY=MO", Basis::Due),
            at("2026-10-01T00:00:00Z"),
        );
        assert_eq!(task.due_at, Some(at("2026-10-19T07:00:00Z").micros()));
        task.finish(Status::Completed, &account(), at("2026-10-20T12:00:00Z"))
            .expect("open");
        let next = task.successor("n", &account()).expect("a next Monday");
        assert_eq!(next.due, Some(local("2026-10-26T09:00")));
        assert_eq!(next.due_at, Some(at("2026-10-26T08:00:00Z").micros()));
        assert_eq!(
            (next.series_id.as_deref(), next.number, next.touched),
            (Some("t"), Some(2), 0)
        );
    }

    #[test]
    fn completing_twice_decides_once() {
        let mut task = task(
            Some("2026-12-01"),
            rule("FREQ=DAILY", Basis::Due),
            at("2026-12-01T08:00:00Z"),
        );
        assert_eq!(
            task.finish(Status::Completed, &account(), at("2026-12-01T10:00:00Z")),
            Ok(true)
        );
        let decided = task.clone();
        assert_eq!(
            task.finish(Status::Completed, &account(), at("2026-12-05T10:00:00Z")),
            Ok(false)
        );
        assert_eq!(task, decided);
    }

    #[test]
    fn a_late_completion_says_how_many_were_passed_over() {
        let mut task = task(
            Some("2026-12-01"),
            rule("FREQ=DAILY", Basis::Due),
            at("2026-12-01T08:00:00Z"),
        );
        task.finish(Status::Completed, &account(), at("2026-12-04T10:00:00Z"))
            .expect("open");
        let next = task.next.expect("a next day");
        assert_eq!(
            (next.due, next.passed_over, next.number),
            (local("2026-12-04"), 2, 4)
        );
    }

    #[test]
    fn from_completion_the_next_is_counted_from_the_day_it_was_done() {
        let repeat = rule("FREQ=DAILY;INTERVAL=10", Basis::Completion);
        let mut task = task(Some("2026-12-01T18:00"), repeat, at("2026-12-01T08:00:00Z"));
        task.finish(Status::Completed, &account(), at("2026-12-04T10:00:00Z"))
            .expect("open");
        assert_eq!(
            task.next.expect("a next one").due,
            local("2026-12-14T18:00")
        );
    }

    #[test]
    fn a_moved_due_leaves_the_series_where_it_was() {
        let now = at("2026-11-01T00:00:00Z");
        let mut task = task(
            Some("2026-11-02T09:00"),
            rule("FREQ=WEEKLY;BYDAY=MO", Basis::Due),
            now,
        );
        let edit = Edit {
            due: Some(Some(local("2026-11-04T15:00"))),
            ..Edit::default()
        };
        task.edit(edit, &account(), now).expect("a valid edit");
        assert_eq!(
            (task.occurrence.as_deref(), task.generation),
            (Some("2026-11-02T09:00"), 3)
        );
        task.finish(Status::Completed, &account(), at("2026-11-04T16:00:00Z"))
            .expect("open");
        assert_eq!(
            task.next.expect("a next Monday").due,
            local("2026-11-09T09:00")
        );
    }

    #[test]
    fn another_rule_begins_with_this_occurrence() {
        let now = at("2026-11-01T00:00:00Z");
        let mut task = task(Some("2026-11-02"), rule("FREQ=DAILY", Basis::Due), now);
        task.number = Some(7);
        task.edit(
            Edit {
                repeat: rule("FREQ=WEEKLY;COUNT=3", Basis::Due),
                ..Edit::default()
            },
            &account(),
            now,
        )
        .expect("valid");
        assert_eq!(
            (task.number, task.series_start),
            (Some(1), Some(local("2026-11-02")))
        );
    }

    #[test]
    fn a_rule_without_a_due_starts_at_its_first_match_from_today() {
        // 26 November 2026 is a Thursday.
        let task = task(
            None,
            rule("FREQ=WEEKLY;BYDAY=MO", Basis::Due),
            at("2026-11-26T12:00:00Z"),
        );
        assert_eq!(task.due, Some(local("2026-11-30")));
    }

    #[test]
    fn only_what_moves_reminders_steps_the_generation() {
        let now = at("2026-11-01T00:00:00Z");
        let mut task = task(Some("2026-11-02"), None, now);
        let generation = task.generation;
        task.edit(
            Edit {
                title: Some("Another".into()),
                ..Edit::default()
            },
            &account(),
            now,
        )
        .expect("valid");
        assert_eq!(task.generation, generation);
        task.edit(
            Edit {
                timezone: Some(Some("Asia/Tokyo".into())),
                ..Edit::default()
            },
            &account(),
            now,
        )
        .expect("valid");
        assert_eq!(task.generation, generation + 1);
    }

    #[test]
    fn a_place_in_the_order_moves_no_reminder_and_goes_on_to_the_next_occurrence() {
        let now = at("2026-11-01T00:00:00Z");
        let mut task = task(Some("2026-11-02"), rule("FREQ=DAILY", Basis::Due), now);
        let generation = task.generation;
        let edit = Edit {
            rank: Some("a5".into()),
            ..Edit::default()
        };
        task.edit(edit, &account(), now).expect("valid");
        assert_eq!((task.generation, task.rank.as_str()), (generation, "a5"));
        task.finish(Status::Completed, &account(), now)
            .expect("open");
        let next = task.successor("n", &account()).expect("a next day");
        assert_eq!(next.rank, "a5");
    }

    #[test]
    fn a_given_zone_is_fixed_and_none_floats_with_the_account() {
        let now = at("2026-11-01T00:00:00Z");
        let tokyo = Account::read("Asia/Tokyo", "09:00").expect("a zone");
        let mut floating = task(Some("2026-11-02T09:00"), None, now);
        assert_eq!(
            floating.due_instant(&tokyo),
            Some(at("2026-11-02T00:00:00Z"))
        );
        floating
            .edit(
                Edit {
                    timezone: Some(Some("Europe/Berlin".into())),
                    ..Edit::default()
                },
                &account(),
                now,
            )
            .expect("valid");
        assert_eq!(
            floating.due_instant(&tokyo),
            Some(at("2026-11-02T08:00:00Z"))
        );
    }

    #[test]
    fn absolute_reminders_are_not_copied_to_the_next_occurrence() {
        let now = at("2026-11-01T00:00:00Z");
        let mut task = task(
            Some("2026-11-02T09:00"),
            rule("FREQ=DAILY", Basis::Due),
            now,
        );
        let reminders = vec![
            Definition::Before {
                id: "a".into(),
                before: "PT30M".parse().expect("a duration"),
            },
            Definition::At {
                id: "b".into(),
                at: at("2026-11-01T18:00:00Z"),
            },
        ];
        task.edit(
            Edit {
                reminders: Some(reminders),
                ..Edit::default()
            },
            &account(),
            now,
        )
        .expect("valid");
        task.finish(Status::Completed, &account(), at("2026-11-02T09:00:00Z"))
            .expect("open");
        let next = task.successor("n", &account()).expect("a next day");
        assert_eq!(
            next.reminders
                .iter()
                .map(Definition::id)
                .collect::<Vec<_>>(),
            ["a"]
        );
    }

    #[test]
    fn skip_is_for_repeating_tasks_and_reopening_takes_the_next_back() {
        let now = at("2026-11-01T00:00:00Z");
        let mut single = task(Some("2026-11-02"), None, now);
        assert!(matches!(
            single.finish(Status::Skipped, &account(), now),
            Err(Refused::Conflict(_))
        ));
        let mut daily = task(Some("2026-11-02"), rule("FREQ=DAILY", Basis::Due), now);
        assert_eq!(daily.finish(Status::Skipped, &account(), now), Ok(true));
        assert!(daily.next.is_some() && daily.completed_at.is_some());
        assert_eq!(daily.reopen(now), Ok(true));
        assert_eq!(
            (daily.status, daily.next.clone(), daily.completed_at),
            (Status::Open, None, None)
        );
        assert_eq!(daily.reopen(now), Ok(false));
    }

    #[test]
    fn a_repeating_task_keeps_a_due_and_a_relative_reminder_needs_one() {
        let now = at("2026-11-01T00:00:00Z");
        let mut daily = task(Some("2026-11-02"), rule("FREQ=DAILY", Basis::Due), now);
        let refused = daily.edit(
            Edit {
                due: Some(None),
                ..Edit::default()
            },
            &account(),
            now,
        );
        assert!(matches!(refused, Err(Refused::Invalid(Invalid { field, .. })) if field == "due"));
        let mut single = task(None, None, now);
        let reminders = vec![Definition::Before {
            id: "a".into(),
            before: "PT0S".parse().expect("a duration"),
        }];
        let refused = single.edit(
            Edit {
                reminders: Some(reminders),
                ..Edit::default()
            },
            &account(),
            now,
        );
        assert!(
            matches!(refused, Err(Refused::Invalid(Invalid { field, .. })) if field == "reminders[0].before")
        );
    }
}
