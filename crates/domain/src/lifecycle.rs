//! What happens to a task: made, edited, completed, skipped, reopened, deleted, undone. Pure: a state goes in, the next
//! one comes out, and the store writes it in one statement.

use std::collections::BTreeMap;

use chrono::{NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::error::{Error, quoted};
use crate::recurrence::{End, Occurrence, Recurrence, Rule, first_match};
use crate::reminders::{Definition, Plan, PlanInput, When, plan, start_for};
use crate::series::{Basis, OccurrenceRef, Series, next};
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
    /// Occurrences that are left out (`EXDATE`), by key or by date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exdates: Vec<String>,
    /// Occurrences besides the rule's (`RDATE`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rdates: Vec<Local>,
    /// Occurrences that are due at another time: key and due.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub moved: BTreeMap<String, Local>,
}

/// The most exceptions of one kind that a series holds. Those that lie behind the open occurrence are dropped.
pub const MAX_EXCEPTIONS: usize = 200;

impl Repeat {
    /// A rule without exceptions.
    pub fn new(rrule: impl Into<String>, from: Basis) -> Self {
        Self {
            rrule: rrule.into(),
            from,
            exdates: Vec::new(),
            rdates: Vec::new(),
            moved: BTreeMap::new(),
        }
    }

    /// Whether the other one says the same but for the exceptions.
    fn same_rule(&self, other: &Self) -> bool {
        (&self.rrule, self.from) == (&other.rrule, other.from)
    }

    fn recurrence(&self, start: Local, zone: Zone) -> Result<Recurrence, Error> {
        let mut recurrence = Recurrence::new(self.rrule.parse::<Rule>()?, start, zone)?;
        for text in &self.exdates {
            match text.parse() {
                Ok(local) => recurrence.exdates.push(local),
                Err(_) => recurrence.exkeys.push(text.clone()),
            }
        }
        recurrence.rdates.clone_from(&self.rdates);
        recurrence.moved.clone_from(&self.moved);
        Ok(recurrence)
    }

    /// Exceptions that can be read, sorted, each once, within bounds.
    fn check_exceptions(&mut self, recurrence: &Recurrence) -> Result<(), Invalid> {
        for (n, text) in self.exdates.iter().enumerate() {
            if text.parse::<Local>().is_err() && text.parse::<Instant>().is_err() {
                return Err(Invalid::new(
                    format!("repeat.exdates[{n}]"),
                    format!("{} is no local date or time and no instant", quoted(text)),
                ));
            }
        }
        for key in self.moved.keys() {
            if !recurrence.is_key(key) {
                return Err(Invalid::new(
                    "repeat.moved",
                    format!("{} names no occurrence", quoted(key)),
                ));
            }
        }
        self.exdates.sort_unstable();
        self.exdates.dedup();
        self.rdates.sort_unstable();
        self.rdates.dedup();
        for (field, len) in [
            ("exdates", self.exdates.len()),
            ("rdates", self.rdates.len()),
            ("moved", self.moved.len()),
        ] {
            if len > MAX_EXCEPTIONS {
                return Err(Invalid::new(
                    format!("repeat.{field}"),
                    format!("must be at most {MAX_EXCEPTIONS}"),
                ));
            }
        }
        Ok(())
    }

    /// Drops the exceptions that lie before an occurrence: nothing comes there any more.
    fn forget_before(&mut self, recurrence: &Recurrence, key: &str) {
        let later = |local: Local| {
            recurrence.is_later(&local.to_string(), key)
                || key
                    .parse::<Local>()
                    .is_ok_and(|at| local.date() >= at.date())
        };
        self.exdates.retain(|text| match text.parse() {
            Ok(local) => later(local),
            Err(_) => recurrence.is_later(text, key),
        });
        self.rdates.retain(|local| later(*local));
        self.moved
            .retain(|moved, _| moved == key || recurrence.is_later(moved, key));
    }
}

/// Which occurrences an edit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Apply {
    /// This one alone.
    This,
    /// This one and all later ones.
    Later,
}

/// What later occurrences have in place of this one's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the fields of a task")]
pub struct Later {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminders: Option<Vec<Definition>>,
}

/// Changes a field, and notes in `later` what the later occurrences keep, if only this one changes.
fn set<T: Clone + PartialEq>(
    field: &mut T,
    later: &mut Option<T>,
    new: Option<T>,
    this_alone: bool,
) {
    if let Some(new) = new {
        let old = std::mem::replace(field, new);
        if this_alone {
            later.get_or_insert(old);
        } else {
            *later = None;
        }
        if later.as_ref() == Some(field) {
            *later = None;
        }
    }
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
    pub start: Option<Local>,
    pub due: Option<Local>,
    pub timezone: Option<String>,
    pub due_at: Option<i64>,
    pub repeat: Option<Repeat>,
    pub reminders: Vec<Definition>,
    pub later: Option<Later>,
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
    pub start: Option<Option<Local>>,
    pub due: Option<Option<Local>>,
    pub timezone: Option<Option<String>>,
    pub repeat: Option<Option<Repeat>>,
    /// Each with its id.
    pub reminders: Option<Vec<Definition>>,
    pub rank: Option<String>,
    /// Of a repeating task: where this is `None`, `title` and `due` are for this occurrence and the rest for all later ones
    /// too. A `start` always is: it lies as far before the due of each.
    pub apply: Option<Apply>,
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

/// Those of a project's reminders that a new task has a due or a start for.
pub fn fitting(mut reminders: Vec<Definition>, edit: &Edit) -> Vec<Definition> {
    let has_due = edit.due.flatten().is_some() || edit.repeat.iter().flatten().next().is_some();
    let has_start = edit.start.flatten().is_some();
    reminders.retain(|definition| match definition.when {
        When::BeforeDue(_) => has_due,
        When::BeforeStart(_) => has_start,
        When::At(_) => false,
    });
    reminders
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
            start: None,
            due: None,
            timezone: None,
            due_at: None,
            repeat: None,
            reminders: Vec::new(),
            later: None,
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
        Ok(Some((
            Series {
                recurrence: repeat.recurrence(start, self.zone(account))?,
                basis: repeat.from,
            },
            OccurrenceRef::new(key.clone(), number),
        )))
    }

    /// When this task's reminders ring, as of now.
    pub fn plan(&self, account: &Account, now: Instant) -> Result<Plan, Error> {
        let series = self.series(account)?;
        Ok(plan(&PlanInput {
            due: self.due,
            start: self.start,
            zone: self.zone(account),
            morning: account.morning,
            definitions: self.reminders.clone(),
            series,
            generation_at: Instant::from_micros(self.generation_at),
            now,
            open: self.is_open(),
        }))
    }

    fn step(&mut self, now: Instant) {
        self.generation += 1;
        self.generation_at = now.micros();
    }

    /// Applies an edit; [`Edit::apply`] says to which occurrences. `repeat`, `timezone` and `start` are always for all later
    /// ones.
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
        let of_series = edit.repeat.is_some() || edit.timezone.is_some() || edit.start.is_some();
        if edit.apply == Some(Apply::This) && of_series {
            return Err(Invalid::new(
                "apply",
                "takes later where repeat, timezone or start change: they are of all occurrences",
            )
            .into());
        }
        let before = self.planned_by();
        let (of_one, of_all) = match edit.apply {
            None => (true, false),
            Some(Apply::This) => (true, true),
            Some(Apply::Later) => (false, false),
        };
        // One that does not repeat yet has no later ones that could keep what it was.
        let repeats = self.repeat.is_some();
        let (of_one, of_all) = (of_one && repeats, of_all && repeats);
        let mut later = self.later.take().unwrap_or_default();
        set(&mut self.title, &mut later.title, edit.title, of_one);
        set(&mut self.notes, &mut later.notes, edit.notes, of_all);
        set(
            &mut self.project_id,
            &mut later.project_id,
            edit.project_id,
            of_all,
        );
        set(
            &mut self.priority,
            &mut later.priority,
            edit.priority,
            of_all,
        );
        set(&mut self.tags, &mut later.tags, edit.tags, of_all);
        set(
            &mut self.reminders,
            &mut later.reminders,
            edit.reminders,
            of_all,
        );
        if let Some(rank) = edit.rank {
            self.rank = rank;
        }
        if let Some(timezone) = edit.timezone {
            self.timezone = timezone;
        }
        if let Some(start) = edit.start {
            self.start = start;
        }
        if let Some(due) = edit.due {
            self.due = due;
            if let (Some(Apply::Later), None, Some(due)) = (edit.apply, &edit.repeat, due) {
                self.move_series(due, account)?;
            }
        }
        if let Some(repeat) = edit.repeat
            && (repeat != self.repeat || self.series_start.is_none())
        {
            self.repeat_by(repeat, account, now)?;
        }
        self.later =
            Some(later).filter(|later| self.repeat.is_some() && *later != Later::default());
        self.check()?;
        self.due_at = self.due_instant(account).map(Instant::micros);
        self.touched = 1;
        if self.planned_by() != before {
            self.step(now);
        }
        Ok(())
    }

    /// What plans are made from.
    fn planned_by(&self) -> impl PartialEq + use<> {
        (
            (self.start, self.due),
            self.timezone.clone(),
            self.repeat.clone(),
            self.reminders.clone(),
            self.series_start,
        )
    }

    /// Whether the fields go together.
    fn check(&self) -> Result<(), Invalid> {
        if self.repeat.is_some() && self.due.is_none() {
            return Err(Invalid::new("due", "a repeating task needs a due date"));
        }
        if let (Some(start), Some(due)) = (self.start, self.due) {
            let on_its_day = due.is_date() && start.date() == due.date();
            if start > due && !on_its_day {
                return Err(Invalid::new("start", "must not be later than the due"));
            }
        }
        for (n, definition) in self.reminders.iter().enumerate() {
            let (missing, what) = match definition.when {
                When::BeforeDue(_) => (self.due.is_none(), "needs a due date to be before of"),
                When::BeforeStart(_) => (self.start.is_none(), "needs a start to be before of"),
                When::At(_) => (false, ""),
            };
            if missing {
                return Err(Invalid::new(format!("reminders[{n}].before"), what));
            }
        }
        Ok(())
    }

    /// What [`TaskState::put_back`] takes.
    pub const PUT_BACK: [&str; 16] = [
        "title",
        "notes",
        "project_id",
        "priority",
        "tags",
        "start",
        "due",
        "timezone",
        "repeat",
        "reminders",
        "rank",
        "later",
        "series_id",
        "series_start",
        "occurrence",
        "number",
    ];

    /// Gives fields the values that they had before a change, as the history has them: what the change did is undone
    /// whole, whichever occurrences it was for.
    pub fn put_back(
        &mut self,
        fields: serde_json::Map<String, serde_json::Value>,
        account: &Account,
        now: Instant,
    ) -> Result<(), Refused> {
        if self.deleted_at.is_some() {
            return Err(Refused::Conflict("It is deleted. Restore it first."));
        }
        let unreadable = |_| Refused::Conflict("The history of this change can't be read.");
        let mut json = serde_json::to_value(&*self).map_err(unreadable)?;
        if let Some(object) = json.as_object_mut() {
            let known = |field: &String| Self::PUT_BACK.contains(&field.as_str());
            object.extend(fields.into_iter().filter(|(field, _)| known(field)));
        }
        let before = self.planned_by();
        let mut task: Self = serde_json::from_value(json).map_err(unreadable)?;
        task.check()?;
        task.due_at = task.due_instant(account).map(Instant::micros);
        task.touched = 1;
        if task.planned_by() != before {
            task.step(now);
        }
        *self = task;
        Ok(())
    }

    /// Where the rule has this occurrence, whatever its due was moved to.
    pub fn nominal_due(&self, account: &Account) -> Result<Option<Local>, Error> {
        let series = self.series(account)?;
        Ok(series.and_then(|(series, current)| series.recurrence.nominal(&current)))
    }

    /// A new rule starts with this occurrence. Other exceptions leave the rule where it was.
    fn repeat_by(
        &mut self,
        repeat: Option<Repeat>,
        account: &Account,
        now: Instant,
    ) -> Result<(), Refused> {
        let Some(mut repeat) = repeat else {
            self.repeat = None;
            return Ok(());
        };
        let in_rule = |error: Error| error.at("repeat.rrule");
        let rule: Rule = repeat.rrule.parse().map_err(in_rule)?;
        let zone = self.zone(account);
        if let (Some(present), Some(start)) = (&self.repeat, self.series_start)
            && present.same_rule(&repeat)
        {
            repeat.check_exceptions(&repeat.recurrence(start, zone).map_err(in_rule)?)?;
            self.repeat = Some(repeat);
            return Ok(());
        }
        let start = match self.due {
            Some(due) => due,
            None => first_match(&rule, today(now, zone))
                .ok_or_else(|| Invalid::new("repeat.rrule", "never comes true"))?,
        };
        let recurrence = Recurrence::new(rule, start, zone).map_err(in_rule)?;
        repeat.rrule = recurrence.rule.to_string();
        repeat.check_exceptions(&recurrence)?;
        self.repeat = Some(repeat);
        self.due = Some(start);
        self.series_start = Some(start);
        self.occurrence = Some(recurrence.key_of(start));
        self.number = Some(1);
        self.series_id.get_or_insert_with(|| self.id.clone());
        Ok(())
    }

    /// This and all later occurrences move as far as `due` is from where the rule has this one: the rule begins anew here,
    /// with what is left of its count, its days and times moved along.
    fn move_series(&mut self, due: Local, account: &Account) -> Result<(), Refused> {
        let Some((series, current)) = self.series(account).map_err(|e| e.at("repeat.rrule"))?
        else {
            return Ok(());
        };
        let Some(repeat) = &mut self.repeat else {
            return Ok(());
        };
        let recurrence = &series.recurrence;
        let nominal = recurrence.nominal(&current).unwrap_or(due);
        if nominal == due {
            return Ok(());
        }
        let mut rule = recurrence
            .rule
            .clone()
            .moved(nominal, due)
            .ok_or_else(|| {
                Invalid::new(
                    "due",
                    "the rule names days or times that can't be moved along: give the new repeat with it",
                )
            })?;
        if let End::Count(count) = rule.end() {
            rule = rule.with_end(End::Count(
                count
                    .saturating_sub(current.number.saturating_sub(1))
                    .max(1),
            ));
        }
        let zone = recurrence.zone;
        let fresh = Recurrence::new(rule, due, zone).map_err(|e| e.at("due"))?;
        let along = Along { nominal, due };
        repeat.forget_before(recurrence, &current.key);
        repeat.exdates = repeat
            .exdates
            .iter()
            .map(|text| match text.parse() {
                Ok(local) => along.moved(local).to_string(),
                Err(_) => text.clone(),
            })
            .collect();
        repeat
            .rdates
            .iter_mut()
            .for_each(|at| *at = along.moved(*at));
        repeat.moved = std::mem::take(&mut repeat.moved)
            .into_iter()
            .filter_map(|(key, to)| {
                let nominal = key.parse::<Local>().ok()?;
                Some((fresh.key_of(along.moved(nominal)), to))
            })
            .collect();
        repeat.rrule = fresh.rule.to_string();
        self.series_start = Some(due);
        self.occurrence = Some(fresh.key_of(due));
        self.number = Some(1);
        Ok(())
    }

    /// Moves a later occurrence of the series to another due, or back to where the rule has it (`None`).
    pub fn move_occurrence(
        &mut self,
        key: &str,
        due: Option<Local>,
        account: &Account,
        now: Instant,
    ) -> Result<(), Refused> {
        self.change_exceptions(key, account, now, |repeat, nominal| match due {
            Some(due) if due != nominal => drop(repeat.moved.insert(key.to_owned(), due)),
            _ => drop(repeat.moved.remove(key)),
        })
    }

    /// Leaves a later occurrence of the series out, or takes it in again.
    pub fn leave_out(
        &mut self,
        key: &str,
        out: bool,
        account: &Account,
        now: Instant,
    ) -> Result<(), Refused> {
        self.change_exceptions(key, account, now, |repeat, nominal| {
            let day = nominal.date().to_string();
            if out {
                repeat.exdates.push(key.to_owned());
            } else {
                repeat.exdates.retain(|text| *text != key && *text != day);
            }
        })
    }

    fn change_exceptions(
        &mut self,
        key: &str,
        account: &Account,
        now: Instant,
        change: impl FnOnce(&mut Repeat, Local),
    ) -> Result<(), Refused> {
        if !self.is_open() {
            return Err(Refused::Conflict(
                "Only the open task of a series can change what is to come.",
            ));
        }
        let found = self
            .later_occurrence(key, account)
            .map_err(|error| error.at("repeat.rrule"))?;
        let (Some((recurrence, nominal)), Some(mut repeat)) = (found, self.repeat.clone()) else {
            return Err(Refused::Conflict(
                "The series has no such occurrence after the open one.",
            ));
        };
        change(&mut repeat, nominal);
        repeat.forget_before(&recurrence, self.occurrence.as_deref().unwrap_or_default());
        repeat.check_exceptions(&recurrence)?;
        if self.repeat.as_ref() != Some(&repeat) {
            self.repeat = Some(repeat);
            self.touched = 1;
            self.step(now);
        }
        Ok(())
    }

    /// The series, and where its rule has the occurrence of that key, if that comes after this one (left out or not).
    fn later_occurrence(
        &self,
        key: &str,
        account: &Account,
    ) -> Result<Option<(Recurrence, Local)>, Error> {
        let Some((series, current)) = self.series(account)? else {
            return Ok(None);
        };
        if series.basis == Basis::Completion {
            return Ok(None);
        }
        let recurrence = series.recurrence;
        let to_come = recurrence.is_key(key)
            && recurrence.is_later(key, &current.key)
            && recurrence.number_of(key).is_some();
        let nominal = recurrence
            .nominal(&OccurrenceRef::new(key, 0))
            .filter(|_| to_come);
        Ok(nominal.map(|nominal| (recurrence, nominal)))
    }

    /// The occurrences after this one that are due from `from` and before `until`, at most `most`, those that were left
    /// out with `true`. With basis *completion* none exists yet.
    pub fn upcoming(
        &self,
        account: &Account,
        from: Instant,
        until: Instant,
        most: usize,
    ) -> Result<Vec<(Occurrence, bool)>, Error> {
        let Some((series, current)) = self.series(account)? else {
            return Ok(Vec::new());
        };
        if series.basis == Basis::Completion || !self.is_open() {
            return Ok(Vec::new());
        }
        Ok(series.recurrence.upcoming(&current, from, until, most))
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
        let later = self.later.clone().unwrap_or_default();
        let mut reminders = later.reminders.unwrap_or_else(|| self.reminders.clone());
        reminders.retain(|definition| !matches!(definition.when, When::At(_)));
        let mut repeat = self.repeat.clone();
        if let (Some(repeat), Ok(Some((series, _)))) = (&mut repeat, self.series(account)) {
            repeat.forget_before(&series.recurrence, &next.occurrence);
        }
        let mut successor = Self {
            id: id.to_owned(),
            status: Status::Open,
            title: later.title.unwrap_or_else(|| self.title.clone()),
            notes: later.notes.unwrap_or_else(|| self.notes.clone()),
            project_id: later.project_id.unwrap_or_else(|| self.project_id.clone()),
            priority: later.priority.unwrap_or(self.priority),
            tags: later.tags.unwrap_or_else(|| self.tags.clone()),
            start: self.start_of(next, account),
            due: Some(next.due),
            due_at: None,
            repeat,
            reminders,
            later: None,
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

    /// As far before its due as this one's start was before where the rule had this one.
    fn start_of(&self, next: &NextOccurrence, account: &Account) -> Option<Local> {
        let (start, due) = (self.start?, self.due?);
        let series = self.series(account).ok().flatten();
        let nominal = series.and_then(|(series, current)| series.recurrence.nominal(&current));
        // A start that was set after the due had been moved counts from the due.
        let due = nominal.filter(|nominal| start <= *nominal).unwrap_or(due);
        Some(start_for(start, due, next.due))
    }
}

/// How far a series moves: its days, and its time where it had the one that was moved.
struct Along {
    nominal: Local,
    due: Local,
}

impl Along {
    fn moved(&self, at: Local) -> Local {
        let days: TimeDelta = self.due.date().signed_duration_since(self.nominal.date());
        let date = at.date().checked_add_signed(days).unwrap_or(at.date());
        match (at.time(), self.nominal.time(), self.due.time()) {
            (Some(time), Some(old), Some(new)) if time == old => {
                Local::DateTime(date.and_time(new))
            }
            (Some(time), _, _) => Local::DateTime(date.and_time(time)),
            (None, _, _) => Local::Date(date),
        }
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
        Some(Some(Repeat::new(rrule, from)))
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
            Definition::before("a", "PT30M".parse().expect("a duration")),
            Definition::at("b", at("2026-11-01T18:00:00Z")),
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
                .map(|definition| definition.id.as_str())
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
        let reminders = vec![Definition::before("a", "PT0S".parse().expect("a duration"))];
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

    fn weekly(now: Instant) -> TaskState {
        task(
            Some("2026-11-02T09:00"),
            rule("FREQ=WEEKLY;BYDAY=MO;COUNT=5", Basis::Due),
            now,
        )
    }

    fn next_of(task: &TaskState, done_at: &str) -> TaskState {
        let mut task = task.clone();
        task.finish(Status::Completed, &account(), at(done_at))
            .expect("open");
        task.successor("n", &account()).expect("a next one")
    }

    #[test]
    fn a_title_for_this_one_alone_is_gone_with_the_next_and_one_for_later_stays() {
        let now = at("2026-11-01T00:00:00Z");
        let mut once = weekly(now);
        let edit = |title: &str, apply| Edit {
            title: Some(title.into()),
            apply,
            ..Edit::default()
        };
        once.edit(edit("With Bob", None), &account(), now)
            .expect("valid");
        assert_eq!(
            next_of(&once, "2026-11-02T09:00:00Z").title,
            "Water the plants"
        );
        once.edit(edit("With Bob and Eve", None), &account(), now)
            .expect("valid");
        assert_eq!(
            next_of(&once, "2026-11-02T09:00:00Z").title,
            "Water the plants",
            "what it was before the first of the two"
        );
        once.edit(edit("With all", Some(Apply::Later)), &account(), now)
            .expect("valid");
        assert_eq!(once.later, None);
        assert_eq!(next_of(&once, "2026-11-02T09:00:00Z").title, "With all");
        // Back to what the later ones have: nothing is noted.
        once.edit(edit("X", None), &account(), now).expect("valid");
        once.edit(edit("With all", None), &account(), now)
            .expect("valid");
        assert_eq!(once.later, None);
    }

    #[test]
    fn all_but_title_start_and_due_is_for_later_ones_too_unless_it_is_said() {
        let now = at("2026-11-01T00:00:00Z");
        let mut both = weekly(now);
        let edit = |notes: &str, apply| Edit {
            notes: Some(notes.into()),
            tags: Some(vec![notes.into()]),
            apply,
            ..Edit::default()
        };
        both.edit(edit("all", None), &account(), now)
            .expect("valid");
        both.edit(edit("one", Some(Apply::This)), &account(), now)
            .expect("valid");
        let next = next_of(&both, "2026-11-02T09:00:00Z");
        assert_eq!(
            (next.notes.as_str(), next.tags),
            ("all", vec!["all".to_owned()])
        );
        let of_all = [
            Edit {
                timezone: Some(None),
                ..Edit::default()
            },
            Edit {
                start: Some(None),
                ..Edit::default()
            },
        ];
        for edit in of_all {
            let apply = Some(Apply::This);
            let refused = both.edit(Edit { apply, ..edit }, &account(), now);
            assert!(
                matches!(refused, Err(Refused::Invalid(Invalid { field, .. })) if field == "apply")
            );
        }
    }

    #[test]
    fn a_due_for_all_later_ones_moves_the_series_with_its_day_its_time_and_its_exceptions() {
        let now = at("2026-11-01T00:00:00Z");
        let mut moved = weekly(now);
        moved
            .leave_out("2026-11-09T09:00", true, &account(), now)
            .expect("to come");
        moved
            .move_occurrence(
                "2026-11-16T09:00",
                Some(local("2026-11-20T12:00")),
                &account(),
                now,
            )
            .expect("to come");
        moved
            .edit(
                Edit {
                    due: Some(Some(local("2026-11-03T10:30"))),
                    apply: Some(Apply::Later),
                    ..Edit::default()
                },
                &account(),
                now,
            )
            .expect("valid");
        let repeat = moved.repeat.clone().expect("it repeats");
        assert_eq!(repeat.rrule, "FREQ=WEEKLY;COUNT=5;BYDAY=TU");
        assert_eq!(repeat.exdates, ["2026-11-10T10:30"]);
        assert_eq!(moved.occurrence.as_deref(), Some("2026-11-03T10:30"));
        let third = next_of(&moved, "2026-11-03T12:00:00Z");
        assert_eq!(
            (third.due, third.occurrence.as_deref(), third.number),
            (
                Some(local("2026-11-20T12:00")),
                Some("2026-11-17T10:30"),
                Some(3)
            ),
            "the second one is left out, the third one stays where it was moved to"
        );
        let mut odd = task(
            Some("2026-11-30"),
            rule("FREQ=MONTHLY;BYDAY=-1MO", Basis::Due),
            now,
        );
        let refused = odd.edit(
            Edit {
                due: Some(Some(local("2026-11-27"))),
                apply: Some(Apply::Later),
                ..Edit::default()
            },
            &account(),
            now,
        );
        assert!(
            matches!(refused, Err(Refused::Invalid(Invalid { field, .. })) if field == "due"),
            "the last Friday, or the Friday before the last Monday?"
        );
    }

    #[test]
    fn a_due_that_was_moved_alone_moves_the_series_when_it_is_said_again_for_later_ones() {
        let now = at("2026-11-01T00:00:00Z");
        let due = |due: &str, apply| Edit {
            due: Some(Some(local(due))),
            apply,
            ..Edit::default()
        };
        let mut series = weekly(now);
        for apply in [None, Some(Apply::Later)] {
            series
                .edit(due("2026-11-03T10:30", apply), &account(), now)
                .expect("valid");
        }
        assert_eq!(
            next_of(&series, "2026-11-03T12:00:00Z").due,
            Some(local("2026-11-10T10:30"))
        );
        let mut back = weekly(now);
        back.edit(due("2026-11-03T10:30", None), &account(), now)
            .expect("valid");
        let moved = back.repeat.clone();
        back.edit(due("2026-11-02T09:00", Some(Apply::Later)), &account(), now)
            .expect("valid");
        assert_eq!(
            (back.due, back.repeat, back.number),
            (Some(local("2026-11-02T09:00")), moved, Some(1)),
            "where the rule has it, nothing is to be moved"
        );
    }

    #[test]
    fn what_is_left_of_a_count_goes_on_when_a_series_is_moved() {
        let now = at("2026-11-01T00:00:00Z");
        let mut third = next_of(&weekly(now), "2026-11-02T09:00:00Z");
        third = next_of(&third, "2026-11-09T09:00:00Z");
        assert_eq!(third.number, Some(3));
        third
            .edit(
                Edit {
                    due: Some(Some(local("2026-11-18T09:00"))),
                    apply: Some(Apply::Later),
                    ..Edit::default()
                },
                &account(),
                now,
            )
            .expect("valid");
        assert_eq!(
            third.repeat.expect("it repeats").rrule,
            "FREQ=WEEKLY;COUNT=3;BYDAY=WE"
        );
    }

    #[test]
    fn an_occurrence_to_come_is_moved_left_out_and_taken_back_and_others_are_refused() {
        let now = at("2026-11-01T00:00:00Z");
        let mut series = weekly(now);
        let generation = series.generation;
        let second = "2026-11-09T09:00";
        series
            .move_occurrence(second, Some(local("2026-11-10T08:00")), &account(), now)
            .expect("to come");
        assert_eq!(series.generation, generation + 1);
        assert_eq!(
            next_of(&series, "2026-11-02T09:00:00Z").due,
            Some(local("2026-11-10T08:00"))
        );
        series
            .move_occurrence(second, None, &account(), now)
            .expect("to come");
        series
            .leave_out(second, true, &account(), now)
            .expect("to come");
        let upcoming = |series: &TaskState| {
            series
                .upcoming(&account(), now, at("2027-01-01T00:00:00Z"), 10)
                .expect("a rule")
                .into_iter()
                .map(|(one, out)| {
                    format!("{} {}{}", one.number, one.at, if out { " out" } else { "" })
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(
            upcoming(&series),
            [
                "2 2026-11-09T09:00 out",
                "3 2026-11-16T09:00",
                "4 2026-11-23T09:00",
                "5 2026-11-30T09:00"
            ]
        );
        series
            .leave_out(second, false, &account(), now)
            .expect("to come");
        assert_eq!(series.repeat.as_ref().map(|r| r.exdates.len()), Some(0));
        for (key, why) in [
            ("2026-11-02T09:00", "the open one"),
            ("2026-11-10T09:00", "no Monday"),
            ("2026-12-07T09:00", "after the last one"),
            ("2026-11-09", "no key"),
            ("soon", "no time"),
        ] {
            assert!(
                matches!(
                    series.leave_out(key, true, &account(), now),
                    Err(Refused::Conflict(_))
                ),
                "{why}"
            );
        }
    }

    #[test]
    fn exceptions_behind_the_open_occurrence_are_forgotten() {
        let now = at("2026-11-01T00:00:00Z");
        let mut series = weekly(now);
        series
            .leave_out("2026-11-09T09:00", true, &account(), now)
            .expect("to come");
        series
            .leave_out("2026-11-23T09:00", true, &account(), now)
            .expect("to come");
        let third = next_of(&series, "2026-11-02T09:00:00Z");
        assert_eq!(third.number, Some(3));
        assert_eq!(
            third.repeat.expect("it repeats").exdates,
            ["2026-11-23T09:00"]
        );
    }

    #[test]
    fn a_start_moves_along_from_one_occurrence_to_the_next() {
        let now = at("2026-11-01T00:00:00Z");
        let mut series = weekly(now);
        let start = |text: &str| Edit {
            start: Some(Some(local(text))),
            ..Edit::default()
        };
        series
            .edit(start("2026-10-31"), &account(), now)
            .expect("before its due");
        // The due of this one alone is moved; the next one's start is where it always is.
        series
            .edit(
                Edit {
                    due: Some(Some(local("2026-11-04T15:00"))),
                    ..Edit::default()
                },
                &account(),
                now,
            )
            .expect("valid");
        assert_eq!(
            next_of(&series, "2026-11-04T16:00:00Z").start,
            Some(local("2026-11-07"))
        );
        let refused = series.edit(start("2026-11-05"), &account(), now);
        assert!(
            matches!(refused, Err(Refused::Invalid(Invalid { field, .. })) if field == "start")
        );
        let mut day = task(Some("2026-11-02"), None, now);
        day.edit(start("2026-11-02T14:00"), &account(), now)
            .expect("on the day that it is due");
    }

    #[test]
    fn a_change_is_put_back_whole_with_what_later_occurrences_had() {
        let now = at("2026-11-01T00:00:00Z");
        let before = weekly(now);
        let mut after = before.clone();
        after
            .edit(
                Edit {
                    title: Some("X".into()),
                    due: Some(Some(local("2026-11-03T10:30"))),
                    apply: Some(Apply::Later),
                    ..Edit::default()
                },
                &account(),
                now,
            )
            .expect("valid");
        let serde_json::Value::Object(fields) = serde_json::to_value(&before).expect("JSON") else {
            panic!("an object");
        };
        after.put_back(fields, &account(), now).expect("valid");
        assert_eq!(after.generation, before.generation + 2);
        assert_eq!(
            TaskState {
                generation: before.generation,
                ..after
            },
            before
        );
    }

    #[test]
    fn a_new_task_takes_those_of_its_projects_reminders_that_it_has_a_time_for() {
        let reminders = vec![
            Definition::before("a", "PT30M".parse().expect("a duration")),
            Definition {
                when: When::BeforeStart("P1D".parse().expect("a duration")),
                ..Definition::before("b", "PT0S".parse().expect("a duration"))
            },
        ];
        let ids = |edit: &Edit| {
            fitting(reminders.clone(), edit)
                .into_iter()
                .map(|one| one.id)
                .collect::<Vec<_>>()
        };
        let due = Some(Some(local("2026-11-02")));
        assert_eq!(ids(&Edit::default()), Vec::<String>::new());
        assert_eq!(
            ids(&Edit {
                due,
                ..Edit::default()
            }),
            ["a"]
        );
        assert_eq!(
            ids(&Edit {
                due,
                start: due,
                ..Edit::default()
            }),
            ["a", "b"]
        );
    }
}
