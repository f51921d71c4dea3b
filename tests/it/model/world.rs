//! What there should be.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use indexmap::{IndexMap, IndexSet};
use serde_json::{Value, json};

use super::calendar::{Due, End, Rule};

/// As the API writes instants.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[derive(Debug, Clone, Copy)]
pub struct Person {
    pub zone: Tz,
    pub morning: NaiveTime,
}

/// A reminder: so many days and seconds before the due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bell {
    pub id: String,
    days: u32,
    seconds: i64,
}

impl Bell {
    /// From a task as the API shows it: the ids are the server's.
    pub fn of(task: &Value) -> Vec<Self> {
        let read = |bell: &Value| {
            let before = bell["before"].as_str().expect("before");
            let (days, seconds) = match before {
                "PT0S" => (0, 0),
                "PT10M" => (0, 600),
                "PT24H" => (0, 86_400),
                "P1D" => (1, 0),
                "PT1H30M" => (0, 5_400),
                "P2D" => (2, 0),
                "P1DT1H" => (1, 3_600),
                other => panic!("{other}"),
            };
            Self {
                id: bell["id"].as_str().expect("an id").to_owned(),
                days,
                seconds,
            }
        };
        task["reminders"]
            .as_array()
            .expect("reminders")
            .iter()
            .map(read)
            .collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    pub rule: Rule,
    pub start: NaiveDate,
    /// Counted from the completion.
    pub completion: bool,
    pub out: BTreeSet<NaiveDate>,
    pub moved: BTreeMap<NaiveDate, Due>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Open,
    Completed,
    Skipped,
}

#[derive(Debug, Clone)]
pub struct Next {
    day: NaiveDate,
    due: Due,
    number: u32,
    passed_over: u32,
}

/// One occurrence that has become a task.
#[derive(Debug, Clone)]
pub struct Task {
    pub id: String,
    pub series: String,
    pub title: String,
    /// What later ones are called.
    pub later_title: Option<String>,
    pub zone: Option<Tz>,
    /// The series' time of day.
    pub time: Option<NaiveTime>,
    /// Where the rule has it.
    pub day: NaiveDate,
    pub due: Due,
    pub number: u32,
    pub repeat: Repeat,
    pub bells: Vec<Bell>,
    pub status: Status,
    pub previous: Option<String>,
    pub touched: bool,
    pub next: Option<Next>,
    pub deleted: bool,
    /// What rings by then is nobody's wish.
    pub since: DateTime<Utc>,
    /// As it was before the last change, where that can be undone.
    pub before: Option<Box<Task>>,
    pub snoozes: Vec<Snooze>,
}

#[derive(Debug, Clone)]
pub struct Snooze {
    /// The ring that it follows.
    source: String,
    at: DateTime<Utc>,
    due: Due,
    key: String,
}

/// The farthest that is looked at.
const FAR: Days = Days::new(1500);

impl Task {
    pub fn nominal(&self) -> Due {
        Due::new(self.day, self.time)
    }

    fn key(&self) -> String {
        self.nominal().text()
    }

    pub fn said(&self) -> String {
        format!("{} {}", self.id, self.status_text())
    }

    fn status_text(&self) -> &'static str {
        match self.status {
            Status::Open => "open",
            Status::Completed => "completed",
            Status::Skipped => "skipped",
        }
    }

    pub fn fields(&self) -> [Value; 5] {
        [
            json!(self.title),
            json!(self.due.text()),
            json!(self.status_text()),
            json!(self.number),
            json!(self.key()),
        ]
    }

    pub fn said_next(&self) -> Value {
        match &self.next {
            None => Value::Null,
            Some(next) => json!({
                "occurrence": Due::new(next.day, self.time).text(),
                "due": next.due.text(),
                "number": next.number,
                "passed_over": next.passed_over,
            }),
        }
    }

    fn is_open(&self) -> bool {
        self.status == Status::Open && !self.deleted
    }

    fn zone(&self, person: &Person) -> Tz {
        self.zone.unwrap_or(person.zone)
    }

    /// The numbers and days of the rule after this one, also those that are left out.
    pub fn to_come(&self) -> impl Iterator<Item = (u32, NaiveDate)> {
        let days = self.repeat.rule.days(self.repeat.start, self.day + FAR);
        days.filter(|(_, day)| *day > self.day)
    }

    fn due_of(&self, day: NaiveDate) -> Due {
        let moved = self.repeat.moved.get(&day).copied();
        moved.unwrap_or_else(|| Due::new(day, self.time))
    }

    /// Those that come: numbers, days and dues.
    fn coming(&self) -> impl Iterator<Item = (u32, NaiveDate, Due)> {
        self.to_come()
            .filter(|(_, day)| !self.repeat.out.contains(day))
            .map(|(number, day)| (number, day, self.due_of(day)))
    }

    /// This and all later ones move along with this one.
    pub fn move_series(&mut self, day: NaiveDate, time: Option<NaiveTime>) {
        let by = day - self.day;
        let repeat = &mut self.repeat;
        if let End::Count(count) = &mut repeat.rule.end {
            *count = (*count - (self.number - 1).min(*count)).max(1);
        }
        repeat.out = repeat.out.iter().map(|out| *out + by).collect();
        repeat.moved = repeat
            .moved
            .iter()
            .map(|(moved, due)| (*moved + by, *due))
            .collect();
        repeat.start = day;
        (self.day, self.time, self.number) = (day, time, 1);
    }

    fn planned_by(&self) -> impl PartialEq + use<> {
        (
            self.due,
            self.time,
            self.day,
            self.repeat.clone(),
            self.bells.clone(),
        )
    }
}

/// A ring: task, bell (or what was put off), key, instant.
type Ring = (String, String, String, DateTime<Utc>);

pub struct World {
    pub person: Person,
    /// In the order of their making, so that a seed gives the same life each time: their ids are the server's.
    pub tasks: IndexMap<String, Task>,
    rung: IndexSet<Ring>,
    /// When what has rung was last reckoned.
    seen: DateTime<Utc>,
}

impl World {
    pub fn new(person: Person) -> Self {
        Self {
            person,
            tasks: IndexMap::new(),
            rung: IndexSet::new(),
            seen: DateTime::UNIX_EPOCH,
        }
    }

    /// A name for a story: the title, the key, and which task it is.
    pub fn name(&self, id: &str) -> String {
        let task = &self.tasks[id];
        format!("“{}” {} ({})", task.title, task.key(), &id[..8])
    }

    pub fn open(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().filter(|task| task.is_open())
    }

    /// Those whose successor is still open, or that ended their series.
    pub fn lately_done(&self) -> impl Iterator<Item = &Task> {
        self.tasks
            .values()
            .filter(|task| !task.deleted && task.status != Status::Open)
    }

    pub fn undoable(&self) -> impl Iterator<Item = &Task> {
        self.tasks
            .values()
            .filter(|task| !task.deleted && task.before.is_some())
    }

    pub fn series(&self) -> BTreeSet<String> {
        self.tasks
            .values()
            .map(|task| task.series.clone())
            .collect()
    }

    pub fn alive(&self, series: &str) -> impl Iterator<Item = &Task> {
        self.tasks
            .values()
            .filter(move |task| task.series == series && !task.deleted)
    }

    /// Those that are compared.
    pub fn watched(&self) -> Vec<String> {
        self.tasks.keys().cloned().collect()
    }

    /// Ended series are no longer looked at, save those that were split off one that goes on: whether an occurrence has a
    /// successor depends on them.
    pub fn forget(&mut self) {
        let mut live: BTreeSet<String> = self.open().map(|task| task.series.clone()).collect();
        loop {
            let split_off = |task: &&Task| {
                let previous = task.previous.as_ref().and_then(|id| self.tasks.get(id));
                previous.is_some_and(|previous| live.contains(&previous.series))
            };
            let with = self.tasks.values().filter(split_off);
            let more: Vec<String> = with.map(|task| task.series.clone()).collect();
            let before = live.len();
            live.extend(more);
            if live.len() == before {
                break;
            }
        }
        self.tasks.retain(|_, task| live.contains(&task.series));
    }

    /// Whether a series has had an occurrence of that key.
    pub fn has(&self, series: &str, key: &str) -> bool {
        self.tasks
            .values()
            .any(|task| task.series == series && task.key() == key)
    }

    // ------------------------------------------------------------------------------------------- changes

    /// A person's change: it can be undone, and where it is one of time, what is past by now does not ring.
    pub fn edit(&mut self, id: &str, now: DateTime<Utc>, change: impl FnOnce(&mut Task)) {
        let task = self.tasks.get_mut(id).expect("a task");
        let before = task.clone();
        change(task);
        if task.later_title.as_ref() == Some(&task.title) {
            task.later_title = None;
        }
        task.touched = true;
        if task.planned_by() != before.planned_by() {
            task.since = now;
        }
        let due = task.due;
        task.snoozes.retain(|snooze| snooze.due == due);
        task.before = Some(Box::new(Task {
            before: None,
            ..before
        }));
    }

    pub fn undo(&mut self, id: &str, now: DateTime<Utc>) {
        let before = self.tasks[id].before.clone().expect("something to undo");
        if self.tasks[id].status != Status::Open && before.status == Status::Open {
            return self.reopen(id, now);
        }
        self.edit(id, now, |task| {
            *task = Task {
                since: task.since,
                snoozes: std::mem::take(&mut task.snoozes),
                ..*before
            };
        });
    }

    pub fn finish(&mut self, id: &str, status: Status, now: DateTime<Utc>) {
        let person = self.person;
        let task = self.tasks.get_mut(id).expect("a task");
        task.before = Some(Box::new(Task {
            before: None,
            ..task.clone()
        }));
        let zone = task.zone(&person);
        let today = now.with_timezone(&zone).date_naive();
        task.next = if task.repeat.completion {
            let (rule, number) = (&task.repeat.rule, task.number + 1);
            let ended = matches!(rule.end, End::Count(count) if number > count);
            let end = match rule.end {
                End::Count(_) => End::Never,
                end => end,
            };
            let fresh = Rule {
                end,
                ..rule.clone()
            };
            let after = today.max(task.day);
            let found = fresh
                .days(today, after + FAR)
                .find(|(_, day)| *day > after && !task.repeat.out.contains(day));
            found.filter(|_| !ended).map(|(_, day)| Next {
                day,
                due: task.due_of(day),
                number,
                passed_over: 0,
            })
        } else {
            let mut passed_over = 0;
            let mut coming = task.coming();
            loop {
                let Some((number, day, due)) = coming.next() else {
                    break None;
                };
                let past = match due {
                    Due::Day(day) => day < today,
                    Due::Time(_) => due.instant(zone) < now,
                };
                if !past {
                    break Some(Next {
                        day,
                        due,
                        number,
                        passed_over,
                    });
                }
                passed_over += 1;
            }
        };
        task.status = status;
        task.touched = true;
        task.since = now;
        task.snoozes.clear();
    }

    /// The key of the successor that must be there now; `None` where none follows, or one is there that was kept.
    pub fn wanted(&self, id: &str) -> Option<String> {
        let task = &self.tasks[id];
        let next = task.next.as_ref()?;
        let key = Due::new(next.day, task.time).text();
        let kept = self
            .tasks
            .values()
            .any(|other| !other.deleted && other.previous.as_deref() == Some(id));
        // One of that key that was there before and that a person has deleted, or that follows another one, stays so.
        let same = self
            .tasks
            .values()
            .find(|other| other.series == task.series && other.key() == key);
        let blocked = same.is_some_and(|other| {
            !other.deleted || other.touched || other.previous.as_deref() != Some(id)
        });
        (!kept && !blocked).then_some(key)
    }

    pub fn adopt(&mut self, id: &str, successor: &str, now: DateTime<Utc>) {
        let task = &self.tasks[id];
        let next = task.next.clone().expect("a next one");
        let new = Task {
            id: successor.to_owned(),
            title: task
                .later_title
                .clone()
                .unwrap_or_else(|| task.title.clone()),
            later_title: None,
            day: next.day,
            due: next.due,
            number: next.number,
            status: Status::Open,
            previous: Some(id.to_owned()),
            touched: false,
            next: None,
            since: now,
            before: None,
            snoozes: Vec::new(),
            ..task.clone()
        };
        self.tasks.insert(successor.to_owned(), new);
    }

    pub fn reopen(&mut self, id: &str, now: DateTime<Utc>) {
        let task = self.tasks.get_mut(id).expect("a task");
        task.status = Status::Open;
        task.next = None;
        task.touched = true;
        task.since = now;
        task.before = None;
        for other in self.tasks.values_mut() {
            if other.previous.as_deref() == Some(id) && !other.touched && other.is_open() {
                other.deleted = true;
                other.since = now;
                other.snoozes.clear();
            }
        }
    }

    pub fn delete(&mut self, id: &str, now: DateTime<Utc>) {
        let task = self.tasks.get_mut(id).expect("a task");
        task.deleted = true;
        task.touched = true;
        task.since = now;
        task.before = None;
        task.snoozes.clear();
    }

    pub fn snooze(&mut self, id: &str, at: DateTime<Utc>, receipt: &Value) {
        let task = self.tasks.get_mut(id).expect("a task");
        task.snoozes.push(Snooze {
            source: receipt["definition_id"].as_str().expect("an id").to_owned(),
            at,
            due: task.due,
            key: receipt["occurrence"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        });
    }

    // ------------------------------------------------------------------------------------------- what follows

    /// When the bells of a task ring, the open occurrence's and those of the later ones, without bound in time.
    fn rings<'a>(
        &'a self,
        task: &'a Task,
    ) -> impl Iterator<Item = (&'a Bell, String, DateTime<Utc>)> {
        let zone = task.zone(&self.person);
        let morning = self.person.morning;
        let open = task.is_open();
        let own = std::iter::once((task.key(), task.due));
        let later = task
            .coming()
            .take_while(|_| !task.repeat.completion)
            .map(move |(_, day, due)| (Due::new(day, task.time).text(), due));
        own.chain(later)
            .take_while(move |_| open)
            .flat_map(move |(key, due)| {
                task.bells.iter().map(move |bell| {
                    (
                        bell,
                        key.clone(),
                        due.before(bell.days, bell.seconds, morning, zone),
                    )
                })
            })
    }

    /// Reckons what has rung by now; how much that is.
    pub fn ring(&mut self, now: DateTime<Utc>) -> usize {
        let mut new: Vec<Ring> = Vec::new();
        for task in self.tasks.values() {
            // A moved occurrence may ring much earlier than its place says: some more are looked at.
            let far = now + Days::new(60);
            for (bell, key, at) in self.rings(task).take_while(|(.., at)| *at <= far) {
                if at <= task.since || at > now {
                    continue;
                }
                let rang = |ring: &Ring| (&ring.0, &ring.1, &ring.2) == (&task.id, &bell.id, &key);
                // What another zone or morning has moved into the past rings at once, if it has not rung yet.
                if at <= self.seen && self.rung.iter().any(rang) {
                    continue;
                }
                new.push((task.id.clone(), bell.id.clone(), key, at));
            }
            for snooze in task.snoozes.iter().filter(|snooze| snooze.at <= now) {
                new.push((
                    task.id.clone(),
                    snooze.source.clone(),
                    snooze.key.clone(),
                    snooze.at,
                ));
            }
        }
        for task in self.tasks.values_mut() {
            task.snoozes.retain(|snooze| snooze.at > now);
        }
        let before = self.rung.len();
        self.rung.extend(new);
        self.seen = now;
        self.rung.len() - before
    }

    pub fn next_ring(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = |task: &Task| {
            let bells = self
                .rings(task)
                .map(|(.., at)| at)
                .take(400)
                .filter(|at| *at > now)
                .min();
            bells
                .into_iter()
                .chain(task.snoozes.iter().map(|snooze| snooze.at))
                .min()
        };
        self.open().filter_map(next).min()
    }

    fn said(ring: (&str, &str, DateTime<Utc>)) -> String {
        let (source, key, at) = ring;
        format!("{} {key} {source}", stamp(at))
    }

    pub fn has_rung(&self, id: &str) -> Vec<String> {
        let of = self.rung.iter().filter(|ring| ring.0 == id);
        let mut said: Vec<String> = of
            .map(|ring| Self::said((&ring.1, &ring.2, ring.3)))
            .collect();
        said.sort();
        said
    }

    /// What may be planned, the next one first, for half a year or so.
    pub fn to_ring(&self, task: &Task, now: DateTime<Utc>) -> Vec<String> {
        let bells = self
            .rings(task)
            .take(600)
            .filter(|(.., at)| *at > now && *at > task.since);
        let mut said: Vec<String> = bells
            .map(|(bell, key, at)| Self::said((&bell.id, &key, at)))
            .collect();
        said.extend(
            task.snoozes
                .iter()
                .map(|one| Self::said((&one.source, &one.key, one.at))),
        );
        said.sort();
        said
    }

    /// Rings of open tasks: the task, and what rang.
    pub fn rung(&self) -> impl Iterator<Item = (String, String)> {
        let open = |id: &str| self.tasks.get(id).is_some_and(Task::is_open);
        self.rung
            .iter()
            .filter(move |ring| open(&ring.0))
            .map(|ring| (ring.0.clone(), ring.1.clone()))
    }

    pub fn missed(&self, task: &Task, now: DateTime<Utc>) -> usize {
        let zone = task.zone(&self.person);
        let today = now.with_timezone(&zone).date_naive();
        let has_come = |due: Due| match due {
            Due::Day(day) => day <= today,
            Due::Time(_) => due.instant(zone) <= now,
        };
        let coming = task.coming().take_while(|_| !task.repeat.completion);
        coming.filter(|(_, _, due)| has_come(*due)).count()
    }

    /// The occurrences to come as the API lists them.
    pub fn shown(&self, task: &Task, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<String> {
        let zone = task.zone(&self.person);
        let to_come = task.to_come().take_while(|_| !task.repeat.completion);
        let mut shown: Vec<_> = to_come
            .map(|(number, day)| {
                let out = task.repeat.out.contains(&day);
                (task.due_of(day), number, day, out)
            })
            .map(|(due, number, day, out)| {
                let state = if out { "skipped" } else { "planned" };
                let key = Due::new(day, task.time).text();
                (
                    due.instant(zone),
                    key.clone(),
                    format!("{number} {key} {} {state}", due.text()),
                )
            })
            .filter(|(at, ..)| *at >= from && *at < until)
            .collect();
        shown.sort();
        shown.into_iter().map(|(.., said)| said).collect()
    }
}
