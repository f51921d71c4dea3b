//! Random lives of repeating tasks, against a small model of what "Time, exactly" says: after each step, what the API shows
//! and what has rung must be what the model has. The model shares no code with the product.

pub mod calendar;
mod world;
pub mod year;

use std::fmt::Write as _;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::client::{items, text};
use crate::{App, User};
use calendar::{Due, End, Kind, Rule};
use world::{Bell, Person, Repeat, Status, Task, World, stamp};

/// Zones whose clocks move at different times, one at midnight, one by half an hour, and one that never moves.
const ZONES: [Tz; 8] = [
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::Asia__Beirut,
    Tz::Africa__Cairo,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Tokyo,
    Tz::America__Sao_Paulo,
    Tz::Pacific__Apia,
];

const BEGIN: &str = "2026-03-05T10:00:00Z";

/// Series that live at once.
const SERIES: usize = 3;

/// What a run did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Lived {
    pub steps: usize,
    pub rings: usize,
    pub days: i64,
}

/// One life.
pub struct Life {
    app: App,
    ann: User,
    random: StdRng,
    now: DateTime<Utc>,
    world: World,
    created: usize,
    done: Vec<String>,
    rings: usize,
}

impl Life {
    /// `None` where the edition can't set the clock.
    pub async fn begin(seed: u64) -> Option<Self> {
        let app = App::start().clock(BEGIN).run().await?;
        let ann = app.register("ann@example.com").await;
        Some(Self {
            app,
            ann,
            random: StdRng::seed_from_u64(seed),
            now: BEGIN.parse().expect("an instant"),
            world: World::new(Person {
                zone: Tz::Europe__Berlin,
                morning: NaiveTime::from_hms_opt(9, 0, 0).expect("a time"),
            }),
            created: 0,
            done: Vec::new(),
            rings: 0,
        })
    }

    /// Lives on for so many steps, each compared. The error says what differs and how it came to that.
    pub async fn live(&mut self, steps: usize) -> Result<Lived, String> {
        for _ in 0..steps {
            self.step().await;
            self.app.caught_up().await;
            self.rings += self.world.ring(self.now);
            if let Err(differs) = self.compare().await {
                let mut told = format!("after step {}: {differs}\n", self.done.len());
                for id in self.world.watched() {
                    let path = format!("/api/tasks/{id}/history?limit=8");
                    let _ = writeln!(told, "{}", self.ann.get(&path).await.text);
                }
                for (n, done) in self.done.iter().enumerate().rev().take(60).rev() {
                    let _ = writeln!(told, "{:>5}  {done}", n + 1);
                }
                return Err(told);
            }
        }
        let begin: DateTime<Utc> = BEGIN.parse().expect("an instant");
        Ok(Lived {
            steps: self.done.len(),
            rings: self.rings,
            days: (self.now - begin).num_days(),
        })
    }

    fn tell(&mut self, what: String) {
        self.done.push(format!("{} {what}", stamp(self.now)));
    }

    async fn step(&mut self) {
        if self.world.open().count() < SERIES && self.random.random_bool(0.7) {
            return self.create().await;
        }
        match self.random.random_range(0..100) {
            0..32 => self.pass().await,
            32..46 => self.finish().await,
            46..54 => self.reopen().await,
            54..60 => self.title().await,
            60..68 => self.move_one().await,
            68..74 => self.move_all().await,
            74..84 => self.exception().await,
            84..88 => self.bells().await,
            88..93 => self.snooze().await,
            93..96 => self.undo().await,
            96..99 => self.settings().await,
            _ => self.delete().await,
        }
    }

    fn some_open(&mut self) -> Option<String> {
        let open: Vec<String> = self.world.open().map(|task| task.id.clone()).collect();
        open.choose(&mut self.random).cloned()
    }

    fn some_bells(&mut self) -> Vec<Value> {
        const BEFORE: [&str; 7] = ["PT0S", "PT10M", "PT24H", "P1D", "PT90M", "P2D", "P1DT1H"];
        let count = self.random.random_range(0..3);
        let mut chosen: Vec<&str> = BEFORE.sample(&mut self.random, count).copied().collect();
        chosen.sort_unstable();
        chosen
            .iter()
            .map(|before| json!({ "before": before }))
            .collect()
    }

    fn some_time(&mut self) -> NaiveTime {
        // Also where clocks are put forward and back.
        let hour = *[0, 1, 2, 2, 3, 9, 18, 23]
            .choose(&mut self.random)
            .expect("one");
        NaiveTime::from_hms_opt(hour, 15 * self.random.random_range(0..4), 0).expect("a time")
    }

    fn today(&self, zone: Tz) -> NaiveDate {
        self.now.with_timezone(&zone).date_naive()
    }

    async fn create(&mut self) {
        self.created += 1;
        let title = format!("Series {}", self.created);
        let kind = Kind::random(&mut self.random);
        let zone = self
            .random
            .random_bool(0.3)
            .then(|| *ZONES.choose(&mut self.random).expect("one"));
        let time = self.random.random_bool(0.7).then(|| self.some_time());
        let from = self.today(zone.unwrap_or(self.world.person.zone))
            + Days::new(self.random.random_range(0..4));
        let start = Rule::first(&kind, from);
        let end = match self.random.random_range(0..5) {
            0 => End::Count(self.random.random_range(1..12)),
            1 => End::Until(start + Days::new(self.random.random_range(0..60))),
            _ => End::Never,
        };
        let rule = Rule { kind, end };
        let completion = self.random.random_bool(0.2);
        let body = json!({
            "title": title,
            "due": Due::new(start, time).text(),
            "timezone": zone.map(|zone| zone.name()),
            "repeat": { "rrule": rule.text(time.is_some()), "from": if completion { "completion" } else { "due" } },
            "reminders": self.some_bells(),
        });
        self.tell(format!("create {body}"));
        let made = self.ann.add(body).await;
        let task = Task {
            id: text(&made, "/id"),
            series: text(&made, "/series_id"),
            title,
            later_title: None,
            zone,
            time,
            day: start,
            due: Due::new(start, time),
            number: 1,
            repeat: Repeat {
                rule,
                start,
                completion,
                out: [].into(),
                moved: [].into(),
            },
            bells: Bell::of(&made),
            status: Status::Open,
            previous: None,
            touched: true,
            next: None,
            deleted: false,
            since: self.now,
            before: None,
            snoozes: Vec::new(),
        };
        self.world.tasks.insert(task.id.clone(), task);
    }

    /// Time passes: to the next ring, exactly, or by some minutes, hours or days.
    async fn pass(&mut self) {
        let next = self.world.next_ring(self.now);
        let by = match self.random.random_range(0..10) {
            0..5 => next
                .map(|at| at - self.now)
                .filter(|by| *by < TimeDelta::days(20)),
            5..7 => None,
            7 => Some(TimeDelta::minutes(self.random.random_range(1..600))),
            8 => Some(TimeDelta::days(1)),
            _ => Some(TimeDelta::hours(self.random.random_range(1..24 * 9))),
        };
        self.now += by.unwrap_or(TimeDelta::hours(self.random.random_range(1..30)));
        self.tell("time has passed".to_owned());
        self.app.set(&stamp(self.now)).await;
    }

    async fn finish(&mut self) {
        let Some(id) = self.some_open() else {
            return self.pass().await;
        };
        let status = *[Status::Completed, Status::Completed, Status::Skipped]
            .choose(&mut self.random)
            .expect("one");
        let deed = if status == Status::Skipped {
            "skip"
        } else {
            "complete"
        };
        self.tell(format!("{deed} {}", self.world.name(&id)));
        let path = format!("/api/tasks/{id}/{deed}");
        let key = format!("{deed}-{}", self.done.len());
        let answer = self
            .ann
            .post_keyed(&path, &key, json!({}))
            .await
            .expect(200);
        if self.random.random_bool(0.3) {
            // A request that is retried.
            self.ann
                .post_keyed(&path, &key, json!({}))
                .await
                .expect(200);
        }
        self.app.caught_up().await;
        self.world.finish(&id, status, self.now);
        self.adopt(&id, &answer).await;
    }

    /// The successor's id is the server's to give: it is looked up under its series and key.
    async fn adopt(&mut self, id: &str, answer: &Value) {
        let Some(key) = self.world.wanted(id) else {
            return;
        };
        let series = self.world.tasks[id].series.clone();
        let all = self
            .ann
            .tasks(&format!("series_id={series}&status=all&limit=200"))
            .await;
        let found = all.iter().find(|task| task["occurrence"] == key.as_str());
        let Some(found) = found else {
            let shown: Vec<String> = all
                .iter()
                .map(|task| format!("{} {} {}", task["occurrence"], task["status"], task["id"]))
                .collect();
            let told = self.done.split_off(self.done.len().saturating_sub(60));
            panic!("{key} does not come after {answer}\n{shown:#?}\n{told:#?}");
        };
        self.world.adopt(id, &text(found, "/id"), self.now);
    }

    async fn reopen(&mut self) {
        let done: Vec<String> = self
            .world
            .lately_done()
            .map(|task| task.id.clone())
            .collect();
        let Some(id) = done.choose(&mut self.random).cloned() else {
            return self.pass().await;
        };
        self.tell(format!("reopen {}", self.world.name(&id)));
        self.ann
            .post(&format!("/api/tasks/{id}/reopen"), json!({}))
            .await
            .expect(200);
        self.world.reopen(&id, self.now);
    }

    async fn patch(&mut self, id: &str, body: Value) -> Value {
        self.tell(format!("patch {} {body}", self.world.name(id)));
        self.ann
            .patch(&format!("/api/tasks/{id}"), body)
            .await
            .expect(200)
    }

    async fn title(&mut self) {
        let Some(id) = self.some_open() else { return };
        let title = format!("Title {}", self.done.len());
        let later = self.random.random_bool(0.5);
        let mut body = json!({ "title": title });
        if later {
            body["apply"] = "later".into();
        }
        self.patch(&id, body).await;
        self.world.edit(&id, self.now, |task| {
            let old = std::mem::replace(&mut task.title, title);
            if later {
                task.later_title = None;
            } else {
                task.later_title.get_or_insert(old);
            }
        });
    }

    /// The due of one occurrence alone.
    async fn move_one(&mut self) {
        let Some(id) = self.some_open() else { return };
        let task = &self.world.tasks[&id];
        let (day, timed) = (task.day, task.time.is_some());
        let day = day + Days::new(self.random.random_range(0..5));
        let due = Due::new(day, timed.then(|| self.some_time()));
        self.patch(&id, json!({ "due": due.text() })).await;
        self.world.edit(&id, self.now, |task| task.due = due);
    }

    /// The due of this and all later ones: another time, and another day where the rule names none.
    async fn move_all(&mut self) {
        let Some(id) = self.some_open() else { return };
        let task = self.world.tasks[&id].clone();
        let by = match task.repeat.rule.kind {
            Kind::Days(_) => self.random.random_range(0..3),
            _ => 0,
        };
        let time = task.time.map(|_| self.some_time());
        let day = task.day + Days::new(by);
        let due = Due::new(day, time);
        if matches!(task.repeat.rule.end, End::Until(until) if day > until) {
            return self.pass().await;
        }
        let body = json!({ "due": due.text(), "apply": "later" });
        let answer = self.patch(&id, body).await;
        // On a day that the series has had already it begins another one, whose id is the server's to give.
        let taken = due != task.nominal() && self.world.has(&task.series, &due.text());
        assert_eq!(
            text(&answer, "/series_id") != task.series,
            taken,
            "{answer}"
        );
        self.world.edit(&id, self.now, |task| {
            task.due = due;
            task.series = text(&answer, "/series_id");
            if due != task.nominal() {
                task.move_series(day, time);
            }
        });
    }

    /// An occurrence that is still to come: left out, taken in again, moved, moved back.
    async fn exception(&mut self) {
        let Some(id) = self.some_open() else { return };
        let task = self.world.tasks[&id].clone();
        let to_come: Vec<NaiveDate> = task.to_come().take(4).map(|(_, day)| day).collect();
        let Some(day) = to_come
            .choose(&mut self.random)
            .copied()
            .filter(|_| !task.repeat.completion)
        else {
            return self.pass().await;
        };
        let mut repeat = task.repeat.clone();
        let nominal = Due::new(day, task.time);
        let body = match self.random.random_range(0..4) {
            0 => {
                repeat.out.insert(day);
                json!({ "skipped": true })
            }
            1 => {
                repeat.out.remove(&day);
                json!({ "skipped": false })
            }
            2 => {
                let to = day + TimeDelta::days(self.random.random_range(-6..9));
                let to = Due::new(to, task.time.map(|_| self.some_time()));
                if to == nominal {
                    repeat.moved.remove(&day);
                } else {
                    repeat.moved.insert(day, to);
                }
                json!({ "due": to.text() })
            }
            _ => {
                repeat.moved.remove(&day);
                json!({ "due": null })
            }
        };
        self.tell(format!(
            "occurrence {} of {} {body}",
            nominal.text(),
            self.world.name(&id)
        ));
        let path = format!("/api/tasks/{id}/occurrences/{}", nominal.text());
        self.ann.patch(&path, body).await.expect(200);
        if repeat != task.repeat {
            self.world.edit(&id, self.now, |task| task.repeat = repeat);
        }
    }

    async fn bells(&mut self) {
        let Some(id) = self.some_open() else { return };
        let bells = self.some_bells();
        let body = json!({ "reminders": bells });
        let answer = self.patch(&id, body).await;
        let bells = Bell::of(&answer);
        self.world.edit(&id, self.now, |task| task.bells = bells);
    }

    async fn snooze(&mut self) {
        let rung: Vec<(String, String)> = self.world.rung().collect();
        let Some((id, source)) = rung.choose(&mut self.random).cloned() else {
            return self.pass().await;
        };
        // The receipt of that ring, as the API has it.
        let receipts = self.receipts(&id).await;
        let Some(receipt) = receipts.iter().find(|receipt| {
            receipt["state"] == "fired" && text(receipt, "/definition_id") == source
        }) else {
            panic!("nothing rang for {source}: {receipts:?}");
        };
        let seconds = 60 * self.random.random_range(1..3000_i64);
        self.tell(format!("snooze {} by {seconds} s", self.world.name(&id)));
        let path = format!("/api/reminders/{}/snooze", text(receipt, "/id"));
        let answer = self
            .ann
            .post(&path, json!({ "for": format!("PT{seconds}S") }))
            .await
            .expect(201);
        self.world
            .snooze(&id, self.now + TimeDelta::seconds(seconds), &answer);
    }

    async fn undo(&mut self) {
        let undoable: Vec<String> = self.world.undoable().map(|task| task.id.clone()).collect();
        let Some(id) = undoable.choose(&mut self.random).cloned() else {
            return self.pass().await;
        };
        self.tell(format!("undo {}", self.world.name(&id)));
        self.ann
            .post(&format!("/api/tasks/{id}/undo"), json!({}))
            .await
            .expect(200);
        self.world.undo(&id, self.now);
    }

    async fn settings(&mut self) {
        let zone = *ZONES.choose(&mut self.random).expect("one");
        let hour = self.random.random_range(6..11);
        self.world.person = Person {
            zone,
            morning: NaiveTime::from_hms_opt(hour, 30, 0).expect("a time"),
        };
        let body = json!({ "timezone": zone.name(), "morning": format!("{hour}:30") });
        self.tell(format!("settings {body}"));
        self.ann.patch("/api/settings", body).await.expect(200);
        // The sweep plans anew what has lagged for a second.
        self.now += TimeDelta::seconds(2);
        self.app.set(&stamp(self.now)).await;
    }

    async fn delete(&mut self) {
        let Some(id) = self.some_open() else { return };
        self.tell(format!("delete {}", self.world.name(&id)));
        self.ann.delete(&format!("/api/tasks/{id}")).await;
        self.world.delete(&id, self.now);
    }

    async fn receipts(&self, id: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/tasks/{id}/reminders?limit=200{cursor}");
            let page = self.ann.get(&path).await.expect(200);
            let next = page["next"].as_str().map(str::to_owned);
            all.extend(items(page));
            match next {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    async fn compare(&mut self) -> Result<(), String> {
        for series in self.world.series() {
            let mut shown: Vec<String> = self
                .ann
                .tasks(&format!("series_id={series}&status=all&limit=200"))
                .await
                .iter()
                .map(|task| format!("{} {}", text(task, "/id"), text(task, "/status")))
                .collect();
            shown.sort();
            let mut wanted: Vec<String> = self.world.alive(&series).map(Task::said).collect();
            wanted.sort();
            same("the tasks of a series", &shown, &wanted)?;
        }
        for id in self.world.watched() {
            let task = self.world.tasks[&id].clone();
            let name = self.world.name(&id);
            if !task.deleted {
                let shown = self.ann.task(&id).await;
                let fields = ["title", "due", "status", "number", "occurrence"]
                    .map(|field| shown[field].clone());
                same(
                    &format!("{name}: title, due, status, number, key"),
                    &fields,
                    &task.fields(),
                )?;
                same(&format!("{name}: next"), &shown["next"], &task.said_next())?;
                if task.status == Status::Open {
                    let missed = self.world.missed(&task, self.now);
                    same(
                        &format!("{name}: missed"),
                        &shown["missed"],
                        &Value::from(missed),
                    )?;
                    self.compare_occurrences(&task, &name).await?;
                }
            }
            self.compare_rings(&task, &name).await?;
        }
        self.world.forget();
        Ok(())
    }

    async fn compare_occurrences(&self, task: &Task, name: &str) -> Result<(), String> {
        let until = self.now + TimeDelta::days(100);
        let path = format!(
            "/api/tasks/{}/occurrences?to={}&limit=200",
            task.id,
            stamp(until)
        );
        let page = self.ann.get(&path).await.expect(200);
        let shown: Vec<String> = items(page)
            .iter()
            .filter(|one| one["task_id"].is_null())
            .map(|one| {
                let (key, due, state) = (
                    text(one, "/occurrence"),
                    text(one, "/due"),
                    text(one, "/state"),
                );
                format!("{} {key} {due} {state}", one["number"])
            })
            .collect();
        same(
            &format!("{name}: occurrences"),
            &shown,
            &self.world.shown(task, self.now, until),
        )
    }

    async fn compare_rings(&self, task: &Task, name: &str) -> Result<(), String> {
        let (mut fired, mut planned) = (Vec::new(), Vec::new());
        for receipt in self.receipts(&task.id).await {
            let ring = format!(
                "{} {} {}",
                text(&receipt, "/due_for"),
                receipt["occurrence"].as_str().unwrap_or_default(),
                text(&receipt, "/definition_id"),
            );
            match text(&receipt, "/state").as_str() {
                "fired" => fired.push(ring),
                "planned" => planned.push(ring),
                _ => {}
            }
        }
        fired.sort();
        planned.sort();
        same(
            &format!("{name}: what has rung"),
            &fired,
            &self.world.has_rung(&task.id),
        )?;
        let wanted = self.world.to_ring(task, self.now);
        if let Some(wrong) = planned.iter().find(|ring| !wanted.contains(ring)) {
            return Err(format!(
                "{name}: {wrong} is planned and should not be\nwanted: {wanted:#?}"
            ));
        }
        same(
            &format!("{name}: what rings next"),
            &planned.first(),
            &wanted.first(),
        )
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, shown: &T, wanted: &T) -> Result<(), String> {
    if shown == wanted {
        return Ok(());
    }
    Err(format!(
        "{what}\n  shown:  {shown:#?}\n  wanted: {wanted:#?}"
    ))
}
