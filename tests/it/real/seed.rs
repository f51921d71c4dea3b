//! Rows with everything that a text, a number or a JSON can hold here, as statements that both databases take.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const PIECES: &[&str] = &[
    "\"",
    "\\",
    "/",
    "\n",
    "\r",
    "\t",
    "\u{8}",
    "\u{c}",
    "\u{1}",
    "\u{b}",
    "\u{1f}",
    "\u{7f}",
    "\u{80}",
    "é",
    "ß",
    "İ",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "😀",
    "\u{10ffff}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{ffff}",
    "\u{fffd}",
    "e\u{301}",
    "<",
    "&",
    "'",
    "$1",
    "%",
    "_",
    "?1",
    "\\u0041",
    "null",
    "{}",
    "a",
    "B",
    " ",
];

const SECOND: i64 = 1_000_000;
const INSTANTS: &[i64] = &[
    0,
    1,
    999,
    1000,
    999_999,
    SECOND,
    -SECOND,
    -62_135_596_800 * SECOND,
    253_402_300_800 * SECOND - 1,
    1_764_000_000 * SECOND + 123_456,
    1_764_000_000 * SECOND + 999_999,
];

struct Seed {
    random: StdRng,
    ops: u32,
    statements: Vec<String>,
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Seed {
    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[self.random.random_range(0..of.len())]
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn raw(&mut self) -> String {
        let length = self.random.random_range(0..20);
        (0..length).map(|_| self.one(PIECES)).collect()
    }

    fn text(&mut self) -> String {
        quoted(&self.raw())
    }

    fn instant(&mut self) -> String {
        if self.chance(40) {
            return INSTANTS[self.random.random_range(0..INSTANTS.len())].to_string();
        }
        self.random
            .random_range(0..4_102_444_800 * SECOND)
            .to_string()
    }

    fn json(&mut self) -> serde_json::Value {
        serde_json::Value::String(self.raw())
    }

    fn maybe(&mut self, value: impl FnOnce(&mut Self) -> String) -> String {
        if self.chance(40) {
            "NULL".to_owned()
        } else {
            value(self)
        }
    }

    fn op(&mut self) -> String {
        self.ops += 1;
        format!("'op{}'", self.ops)
    }

    fn insert(&mut self, table: &str, row: &[(&str, String)]) {
        let columns: Vec<_> = row.iter().map(|(column, _)| *column).collect();
        let values: Vec<_> = row.iter().map(|(_, value)| value.as_str()).collect();
        self.statements.push(format!(
            "INSERT INTO {table} ({}) VALUES ({})",
            columns.join(", "),
            values.join(", ")
        ));
    }

    fn update(&mut self, table: &str, id: &str, row: &[(&str, String)]) {
        let set: Vec<_> = row
            .iter()
            .map(|(column, value)| format!("{column} = {value}"))
            .collect();
        let op = self.op();
        self.statements.push(format!(
            "UPDATE {table} SET {}, version = version + 1, op = {op} WHERE {id}",
            set.join(", ")
        ));
    }

    fn user(&mut self, number: usize) {
        let user = format!("u{number}");
        let row = [
            ("id", quoted(&user)),
            ("email", quoted(&format!("{number}@{}", self.raw()))),
            ("password_hash", "'x'".to_owned()),
            ("role", quoted(if number == 0 { "admin" } else { "member" })),
            ("inbox_id", quoted(&format!("inbox-{user}"))),
            ("timezone", "'Europe/Berlin'".to_owned()),
            ("op", self.op()),
            ("body_hash", self.maybe(|_| "'h'".to_owned())),
            ("trace", self.maybe(Self::text)),
            ("created_at", self.instant()),
        ];
        self.insert("users", &row);
        for (channel, kind) in ["webhook", "email", "ntfy", "push", "email"]
            .iter()
            .enumerate()
        {
            let row = [
                (
                    "id",
                    quoted(&format!("{}{user}{channel}", self.one(&["a", "B", "0"]))),
                ),
                ("user_id", quoted(&user)),
                ("kind", quoted(kind)),
                ("target", self.text()),
                ("secret", self.text()),
                ("name", self.text()),
                ("confirmed_at", self.maybe(Self::instant)),
                ("created_at", self.instant()),
                (
                    "deleted_at",
                    if self.chance(80) {
                        "NULL".to_owned()
                    } else {
                        "5".to_owned()
                    },
                ),
            ];
            self.insert("channels", &row);
        }
        for project in 0..4 {
            let id = format!("p{project}-{user}");
            let row = [
                ("id", quoted(&id)),
                ("owner", quoted(&user)),
                ("name", self.text()),
                ("kind", "'project'".to_owned()),
                ("archived_at", self.maybe(Self::instant)),
                ("version", "1".to_owned()),
                ("op", self.op()),
                ("actor", quoted(&user)),
                ("via", "'web'".to_owned()),
                ("created_at", self.instant()),
                ("updated_at", self.instant()),
            ];
            self.insert("projects", &row);
            let change = [
                ("name", self.text()),
                ("archived_at", self.maybe(Self::instant)),
                ("deleted_at", self.maybe(Self::instant)),
            ];
            self.update("projects", &format!("id = {}", quoted(&id)), &change);
        }
    }

    fn task_fields(&mut self) -> Vec<(&'static str, String)> {
        let tags: Vec<_> = (0..self.random.random_range(0..4))
            .map(|_| self.json())
            .collect();
        let reminders: Vec<_> = (0..self.random.random_range(0..3))
            .map(|_| serde_json::json!({ "id": self.raw(), "before": "PT30M" }))
            .collect();
        let repeat = serde_json::json!({ "rrule": self.raw(), "from": "due" });
        let next = serde_json::json!({ "occurrence": self.raw(), "due": null, "number": 3, "passed_over": 0 });
        vec![
            ("title", self.text()),
            ("notes", self.text()),
            (
                "priority",
                quoted(self.one(&["none", "low", "medium", "high"])),
            ),
            ("tags", quoted(&serde_json::Value::Array(tags).to_string())),
            (
                "status",
                quoted(self.one(&["open", "completed", "skipped"])),
            ),
            (
                "due",
                self.maybe(|seed| quoted(seed.one(&["2026-02-01", "2026-02-01T09:00"]))),
            ),
            ("timezone", self.maybe(|_| "'Asia/Tokyo'".to_owned())),
            ("due_at", self.maybe(Self::instant)),
            ("repeat", self.maybe(|_| quoted(&repeat.to_string()))),
            (
                "reminders",
                quoted(&serde_json::Value::Array(reminders).to_string()),
            ),
            ("series_start", self.maybe(Self::text)),
            ("occurrence", self.maybe(Self::text)),
            (
                "number",
                self.maybe(|seed| seed.random.random_range(0..9).to_string()),
            ),
            ("next", self.maybe(|_| quoted(&next.to_string()))),
            ("completed_at", self.maybe(Self::instant)),
            ("deleted_at", self.maybe(Self::instant)),
            ("rank", quoted(self.one(&["", "a", "0z", "zz"]))),
            ("updated_at", self.instant()),
        ]
    }

    fn task(&mut self, number: usize, users: usize) {
        let (id, user) = (
            format!("t{number}"),
            format!("u{}", self.random.random_range(0..users)),
        );
        let mut row = vec![
            ("id", quoted(&id)),
            ("owner", quoted(&user)),
            ("project_id", quoted(&format!("inbox-{user}"))),
            ("touched", "0".to_owned()),
            ("generation", "1".to_owned()),
            ("generation_at", "0".to_owned()),
            ("version", "1".to_owned()),
            ("op", self.op()),
            ("actor", quoted(&user)),
            ("via", self.text()),
            ("created_at", self.instant()),
        ];
        row.extend(self.task_fields());
        self.insert("tasks", &row);
        for _ in 0..self.random.random_range(0..3) {
            let mut change = self.task_fields();
            change.retain(|(column, _)| {
                *column == "updated_at" || self.random.random_range(0..2) == 0
            });
            change.push((
                "generation",
                format!("generation + {}", self.random.random_range(0..2)),
            ));
            self.update("tasks", &format!("id = {}", quoted(&id)), &change);
        }
        for reminder in 0..self.random.random_range(0..3) {
            self.reminder(&format!("{id}-r{reminder}"), &id, &user);
        }
    }

    fn digest(&mut self, user: &str) {
        let title = self.raw();
        let tasks =
            serde_json::json!({ "overdue": 1, "due": 0, "tasks": [{ "id": "x", "title": title }] });
        let row = [
            ("id", quoted(&format!("digest-{user}"))),
            ("owner", quoted(user)),
            ("kind", "'digest'".to_owned()),
            ("definition_id", "'digest'".to_owned()),
            ("occurrence", "'2026-02-01'".to_owned()),
            ("fire_at", self.instant()),
            ("generation", "0".to_owned()),
            ("state", "'fired'".to_owned()),
            ("fired_at", self.instant()),
            ("digest", quoted(&tasks.to_string())),
            ("version", "1".to_owned()),
            ("op", self.op()),
            ("actor", "'punctual'".to_owned()),
            ("via", "'timer'".to_owned()),
            ("created_at", self.instant()),
            ("updated_at", self.instant()),
        ];
        self.insert("reminders", &row);
    }

    fn reminder(&mut self, id: &str, task: &str, user: &str) {
        let row = |seed: &mut Self, id: &str, kind: &str, definition: String, state: &str| {
            [
                ("id", quoted(id)),
                ("owner", quoted(user)),
                ("task_id", quoted(task)),
                ("kind", quoted(kind)),
                ("definition_id", definition),
                ("occurrence", quoted(seed.one(&["", "2026-02-01"]))),
                ("due", seed.maybe(Self::text)),
                ("fire_at", seed.instant()),
                ("generation", "1".to_owned()),
                ("state", quoted(state)),
                ("version", "1".to_owned()),
                ("op", seed.op()),
                ("actor", "'punctual'".to_owned()),
                ("via", "'planner'".to_owned()),
                ("created_at", seed.instant()),
                ("updated_at", seed.instant()),
            ]
        };
        let definition = quoted(&format!("{id}{}", self.raw()));
        let state = self.one(&["planned", "planned", "skipped", "cancelled"]);
        let first = row(self, id, "definition", definition, state);
        self.insert("reminders", &first);
        if self.chance(50) {
            let fired = [
                ("state", "'fired'".to_owned()),
                ("fired_at", self.instant()),
                ("updated_at", self.instant()),
            ];
            self.update("reminders", &format!("id = {}", quoted(id)), &fired);
        }
        if self.chance(30) {
            let snooze = row(self, &format!("{id}-s"), "snooze", quoted(id), "planned");
            self.insert("reminders", &snooze);
        }
    }
}

/// The same statements for the same number.
pub fn statements(seed: u64) -> Vec<String> {
    const USERS: usize = 5;
    let mut seed = Seed {
        random: StdRng::seed_from_u64(seed),
        ops: 0,
        statements: Vec::new(),
    };
    for user in 0..USERS {
        seed.user(user);
    }
    for task in 0..300 {
        seed.task(task, USERS);
    }
    for user in 0..USERS {
        let change = [
            ("quiet_from", "'22:00'".to_owned()),
            ("quiet_until", "'07:00'".to_owned()),
            ("language", seed.maybe(|_| "'de'".to_owned())),
            ("digest", seed.maybe(|_| "'08:00'".to_owned())),
            ("generation", "generation + 1".to_owned()),
            ("updated_at", seed.instant()),
        ];
        seed.update("settings", &format!("user_id = 'u{user}'"), &change);
        seed.digest(&format!("u{user}"));
    }
    let log = r#"[{"at":"2026-02-01T08:00:00.000Z","outcome":"503 \"no\"","ms":12}]"#;
    seed.statements.push(format!(
        "UPDATE deliveries SET log = {}, tries = 1, sent_at = 123456789, next_try = NULL WHERE id LIKE '%1%'",
        quoted(log)
    ));
    seed.statements
}
