//! What clients send and get. Answers are built by the database's views; the types here that describe them are for
//! clients and for the OpenAPI document, and a test compares them with the running app.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

#[cfg(feature = "documents")]
use schemars::JsonSchema;

/// The largest request body: 1 MiB.
pub const MAX_BODY: usize = 1 << 20;

/// The cookie that carries a browser's refresh token.
pub const COOKIE: &str = "punctual_refresh";

/// The header of an answer that an earlier request with the same `Idempotency-Key` has earned: nothing was done now.
pub const REPLAYED: &str = "idempotent-replayed";

/// For what `null` can't clear: it is refused instead of being taken for "not there".
fn present_and_set<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

macro_rules! wire {
    ($($item:item)*) => { $(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "documents", derive(JsonSchema))]
        $item
    )* };
}

/// Keeps `null` apart from "not there", as RFC 7396 needs.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

wire! {
    /// `POST /api/auth/register`
    #[serde(deny_unknown_fields)]
    pub struct Register {
        pub email: String,
        /// 10 to 256 characters.
        pub password: String,
        /// IANA name, `Europe/Berlin`.
        pub timezone: String,
        /// Where registration is by invitation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub invite: Option<String>,
        /// For browsers: the refresh token comes as a cookie that no script can read, and not in the answer's body.
        #[serde(default, skip_serializing_if = "no")]
        pub cookie: bool,
    }

    /// `POST /api/auth/login`
    #[serde(deny_unknown_fields)]
    pub struct Login {
        pub email: String,
        pub password: String,
        /// For browsers: the refresh token comes as a cookie that no script can read, and not in the answer's body.
        #[serde(default, skip_serializing_if = "no")]
        pub cookie: bool,
    }

    /// `POST /api/auth/refresh`: the answer holds a new refresh token; the given one ends.
    #[serde(deny_unknown_fields)]
    #[derive(Default)]
    pub struct Refresh {
        /// Left out: the one in the cookie counts, and the new one comes as a cookie again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub refresh_token: Option<String>,
    }

    /// What register, login and refresh answer.
    pub struct Session {
        pub user: User,
        /// `Authorization: Bearer …`
        pub access_token: String,
        /// Seconds until the access token ends.
        pub expires_in: i64,
        /// Where it does not come as a cookie.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub refresh_token: Option<String>,
    }

    /// `GET /api/auth/registration`: what a sign-up page has to know.
    pub struct RegistrationState {
        /// `open`, `invite`, `closed`
        pub registration: String,
        /// There is no account yet: the first can be made whatever `registration` says, and becomes the admin.
        pub first: bool,
    }

    /// A session that has neither ended nor been signed out of.
    pub struct OpenSession {
        pub id: String,
        /// The browser and its system where they are known, `Chrome · Linux`; else how the program names itself.
        pub client: String,
        pub created_at: String,
        /// When its tokens were refreshed last.
        pub used_at: String,
        /// Whether it is the one that asks.
        pub current: bool,
    }

    pub struct User {
        pub id: String,
        pub email: String,
        /// `admin` or `member`
        pub role: String,
        pub inbox_id: String,
    }

    /// `POST /api/auth/tokens`
    #[serde(deny_unknown_fields)]
    pub struct NewApiToken {
        pub name: String,
        /// `read`, `write`; `write` includes `read`.
        pub scopes: Vec<String>,
        /// Days until it ends, 1 to 3650; left out: never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub expires_in_days: Option<i64>,
    }

    pub struct ApiToken {
        pub id: String,
        pub name: String,
        pub scopes: Vec<String>,
        pub created_at: String,
        pub expires_at: Option<String>,
        /// Only in the answer that created it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub token: Option<String>,
    }

    /// `POST /api/auth/invites` (admin): one account can be made with it, within seven days.
    pub struct Invite {
        pub invite: String,
        pub expires_at: String,
    }

    /// How a task repeats.
    #[serde(deny_unknown_fields)]
    pub struct Repeat {
        /// RFC 5545 RRULE, with RFC 7529's SKIP: `FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=BACKWARD`.
        pub rrule: String,
        /// `due` (default): the next is counted from the rule; `completion`: from when it was done.
        #[serde(default = "from_due")]
        pub from: String,
        /// Occurrences that are left out (RFC 5545 EXDATE): local dates (all of that day), local date-times, or keys.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub exdates: Vec<String>,
        /// Occurrences besides the rule's (RFC 5545 RDATE): local dates or date-times.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub rdates: Vec<String>,
        /// Occurrences that are due at another time: their keys, and when (RFC 5545 RECURRENCE-ID).
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub moved: BTreeMap<String, String>,
    }

    /// A part of [`Repeat`], RFC 7396: what is left out stays. A task that does not repeat yet needs `rrule`.
    #[serde(deny_unknown_fields)]
    #[derive(Default)]
    pub struct RepeatPatch {
        #[serde(default, deserialize_with = "present_and_set", skip_serializing_if = "Option::is_none")]
        pub rrule: Option<String>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub from: Option<Option<String>>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub exdates: Option<Option<Vec<String>>>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub rdates: Option<Option<Vec<String>>>,
        /// Merged as well: null moves an occurrence back to where the rule has it.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub moved: Option<Option<BTreeMap<String, Option<String>>>>,
    }

    /// One occurrence of a series.
    pub struct Occurrence {
        /// What names it in its series for ever: where the rule has it, as a local date or date-time, in hourly rules an
        /// instant.
        pub occurrence: String,
        /// As COUNT counts, from 1.
        pub number: i64,
        pub due: String,
        /// From when on it is overdue.
        pub due_at: String,
        /// `completed`, `skipped`, `open`, or `planned`: it comes after the open one.
        pub state: String,
        /// Its task, once there is one.
        pub task_id: Option<String>,
        pub completed_at: Option<String>,
    }

    /// `GET /api/tasks/{id}/occurrences`
    pub struct Occurrences {
        /// In the order of their dues.
        pub items: Vec<Occurrence>,
        /// Where there are more: what goes into `?from=` to get them.
        pub next: Option<String>,
    }

    /// `PATCH /api/tasks/{id}/occurrences/{occurrence}`: exactly one of the two.
    #[serde(deny_unknown_fields)]
    #[derive(Default)]
    pub struct OccurrencePatch {
        /// A local date or date-time; null: where the rule has it.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub due: Option<Option<String>>,
        /// Whether it is left out.
        #[serde(default, deserialize_with = "present_and_set", skip_serializing_if = "Option::is_none")]
        pub skipped: Option<bool>,
    }

    /// `GET /api/recurrence`
    pub struct RecurrencePreview {
        /// What the rule says: `every Monday, 09:00`
        pub words: String,
        /// The rule in the form in which a task keeps it.
        pub rrule: String,
        /// When the first ones are due: local dates, or local date-times.
        pub occurrences: Vec<String>,
    }

    /// `POST /api/quick-add`
    #[serde(deny_unknown_fields)]
    pub struct QuickAddText {
        /// One line, 1 to 2000 characters.
        pub text: String,
        /// IANA name in which the words are meant; left out, the account's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub timezone: Option<String>,
        /// `en`, `de`; left out, the account's, else English.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub language: Option<String>,
    }

    /// What a line says; nothing is added by it.
    pub struct QuickAdd {
        pub task: QuickAddTask,
        /// What was understood, in the order of the text. What is in none of them is the title.
        pub spans: Vec<QuickAddSpan>,
        pub words: QuickAddWords,
    }

    /// Its members are those of `POST /api/tasks`.
    pub struct QuickAddTask {
        /// What is left of the text; it may be too long for a task.
        pub title: String,
        /// Where a project was named that the caller has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub project_id: Option<String>,
        /// `none`, `low`, `medium`, `high`
        pub priority: String,
        pub tags: Vec<String>,
        /// Local date or local date-time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub due: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub repeat: Option<Repeat>,
        pub reminders: Vec<Reminder>,
    }

    /// Words that were understood.
    pub struct QuickAddSpan {
        /// In UTF-16 code units, as browsers count.
        pub start: u32,
        /// The first code unit after it.
        pub end: u32,
        /// `due`, `repeat`, `reminder`, `priority`, `project`, `tag`
        pub field: String,
        /// What they were understood as: `tomorrow 09:00`
        pub words: String,
        /// Whether they stay in the title, because they say more than a task holds (`14:00-15:30`).
        pub stays: bool,
    }

    /// The task in words.
    pub struct QuickAddWords {
        /// `tomorrow 09:00`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub due: Option<String>,
        /// `every month on the last workday, 09:00`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub repeat: Option<String>,
        /// `1 day before`
        pub reminders: Vec<String>,
    }

    /// When to remind: exactly one of `before` and `at`.
    #[serde(deny_unknown_fields)]
    #[derive(Default)]
    pub struct Reminder {
        /// Stable within the task. Given when left out; send it again to keep the reminder's state.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<String>,
        /// ISO 8601 duration before the due time (before the person's morning where due is a date): `PT30M`, `P1D`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub before: Option<String>,
        /// `due` (default), or `start`: what `before` counts from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub of: Option<String>,
        /// RFC 3339 instant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub at: Option<String>,
        /// ISO 8601 duration, `PT1M` to `PT24H`: rings again so long after it rang, until it is acknowledged, put off, or the
        /// task is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub again: Option<String>,
        /// How often at most, 1 to 50; with `again`, 5 where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub times: Option<u32>,
    }

    /// `POST /api/tasks`
    #[serde(deny_unknown_fields)]
    pub struct NewTask {
        /// 1 to 500 characters.
        pub title: String,
        #[serde(default)]
        pub notes: String,
        /// The Inbox where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub project_id: Option<String>,
        /// `none`, `low`, `medium`, `high`
        #[serde(default = "none")]
        pub priority: String,
        #[serde(default)]
        pub tags: Vec<String>,
        /// When it can be begun: a local date or date-time, not later than `due`. Of a repeating task it moves along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub start: Option<String>,
        /// Local date `2026-12-01` or local date-time `2026-12-01T09:00`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub due: Option<String>,
        /// IANA name; left out, the due time floats with the account's zone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub timezone: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub repeat: Option<Repeat>,
        /// Left out: the project's, as far as the task has a due or a start for them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reminders: Option<Vec<Reminder>>,
        /// A place in an order by hand: digits and small letters, compared as bytes, not ending in 0. Empty comes last.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub rank: String,
    }

    /// `PATCH /api/tasks/{id}`, RFC 7396: what is left out stays, `null` clears.
    #[serde(deny_unknown_fields)]
    #[derive(Default)]
    pub struct TaskPatch {
        /// It can't be cleared.
        #[serde(default, deserialize_with = "present_and_set", skip_serializing_if = "Option::is_none")]
        pub title: Option<String>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub notes: Option<Option<String>>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub project_id: Option<Option<String>>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub priority: Option<Option<String>>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub tags: Option<Option<Vec<String>>>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub start: Option<Option<String>>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub due: Option<Option<String>>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub timezone: Option<Option<String>>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub repeat: Option<Option<RepeatPatch>>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub reminders: Option<Option<Vec<Reminder>>>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub rank: Option<Option<String>>,
        /// Of a repeating task: `this` occurrence alone, or this and all `later` ones. Left out, `title` and `due` are for
        /// this one, the rest for all later ones too. `repeat`, `timezone` and `start` are never for one alone. A `due` for
        /// all later ones moves the series: its rule begins anew here.
        #[serde(default, deserialize_with = "present_and_set", skip_serializing_if = "Option::is_none")]
        pub apply: Option<String>,
    }

    pub struct Task {
        pub id: String,
        pub title: String,
        pub notes: String,
        pub project_id: String,
        pub priority: String,
        pub tags: Vec<String>,
        /// `open`, `completed`, `skipped`
        pub status: String,
        /// When it can be begun.
        pub start: Option<String>,
        pub due: Option<String>,
        pub timezone: Option<String>,
        /// The instant of `due`; of a date, the end of that local day: overdue from then on.
        pub due_at: Option<String>,
        pub repeat: Option<Repeat>,
        pub reminders: Vec<Reminder>,
        /// The fields that later occurrences have another value of, because they were changed for this one alone.
        pub later: Option<Value>,
        pub series_id: Option<String>,
        /// The first occurrence under the present rule.
        pub series_start: Option<String>,
        /// The nominal occurrence in its series, whatever `due` was moved to.
        pub occurrence: Option<String>,
        /// The occurrence's number, from 1, as COUNT counts.
        pub number: Option<i64>,
        /// Later occurrences that have come due while this one stayed open.
        pub missed: i64,
        /// Where completing or skipping made another occurrence.
        pub next: Option<NextOccurrence>,
        /// A place in an order by hand; lists don't follow it. Empty comes last.
        pub rank: String,
        pub completed_at: Option<String>,
        pub created_at: String,
        pub updated_at: String,
        pub deleted_at: Option<String>,
        /// The ETag is this number in quotes.
        pub version: i64,
        /// Reminders that were already past when they were set, and so will not fire. Only in answers to a change.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub skipped_reminders: Vec<String>,
    }

    pub struct NextOccurrence {
        pub occurrence: String,
        pub due: String,
        pub number: i64,
        /// Occurrences between the completed one and this, which were already past.
        pub passed_over: i64,
    }

    /// `POST /api/tasks/{id}/undo`
    #[serde(deny_unknown_fields)]
    #[derive(Default)]
    pub struct Undo {
        /// A change's id from the history; the newest one that a person made where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub change: Option<String>,
    }

    /// One line of a history.
    pub struct Change {
        pub id: String,
        /// `created`, `updated`, `completed`, `skipped`, `reopened`, `deleted`, `restored`
        pub kind: String,
        pub version: i64,
        pub actor: String,
        pub via: String,
        pub at: String,
        /// The touched fields: `{"title": {"before": "a", "after": "b"}}`
        pub fields: Value,
    }

    /// `POST /api/projects`
    #[serde(deny_unknown_fields)]
    pub struct NewProject {
        /// 1 to 120 characters.
        pub name: String,
        /// What a new task in it is reminded by where it says nothing: each with `before`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub reminders: Vec<Reminder>,
    }

    /// `PATCH /api/projects/{id}`, RFC 7396.
    #[serde(deny_unknown_fields)]
    #[derive(Default)]
    pub struct ProjectPatch {
        #[serde(default, deserialize_with = "present_and_set", skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub reminders: Option<Option<Vec<Reminder>>>,
    }

    pub struct Project {
        pub id: String,
        pub name: String,
        /// `inbox` (each account has one, which stays) or `project`
        pub kind: String,
        /// What a new task in it is reminded by where it says nothing.
        pub reminders: Vec<Reminder>,
        pub archived_at: Option<String>,
        pub created_at: String,
        pub updated_at: String,
        pub version: i64,
    }

    /// `PATCH /api/settings`
    #[serde(deny_unknown_fields)]
    #[derive(Default)]
    pub struct SettingsPatch {
        #[serde(default, deserialize_with = "present_and_set", skip_serializing_if = "Option::is_none")]
        pub timezone: Option<String>,
        /// `HH:MM`: when reminders of all-day tasks ring.
        #[serde(default, deserialize_with = "present_and_set", skip_serializing_if = "Option::is_none")]
        pub morning: Option<String>,
        /// `HH:MM` in the account's zone: from then on, reminders fire and nothing is sent to the channels outside.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub quiet_from: Option<Option<String>>,
        /// `HH:MM`: until then. With `quiet_from`, or neither.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub quiet_until: Option<Option<String>>,
        /// `en`, `de`
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub language: Option<Option<String>>,
        /// `HH:MM` in the account's zone: when the daily digest comes; `null`: none does.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        pub digest: Option<Option<String>>,
    }

    pub struct Settings {
        pub timezone: String,
        pub morning: String,
        /// `HH:MM` in the account's zone: what fires between the two is sent to the channels outside afterwards.
        pub quiet_from: Option<String>,
        pub quiet_until: Option<String>,
        /// `en` or `de`; null: what the browser says, English in e-mails.
        pub language: Option<String>,
        /// `HH:MM` in the account's zone: when the daily digest comes, on days that have something to tell.
        pub digest: Option<String>,
        pub channels: Vec<Channel>,
        pub updated_at: String,
        pub version: i64,
    }

    /// `POST /api/settings/channels`
    #[serde(deny_unknown_fields)]
    pub struct NewChannel {
        /// `webhook`, `email`, `ntfy`, `push`
        pub kind: String,
        /// webhook: `https://…`; email: an address; ntfy: `https://server/topic`; push: the subscription's endpoint. `http`
        /// and private addresses only where the operator allows them.
        pub target: String,
        /// What a person calls it, 60 characters at most. A push subscription without one is called as its browser is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
        /// ntfy: an access token, where the topic needs one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub token: Option<String>,
        /// push: the subscription's keys.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub keys: Option<PushKeys>,
    }

    /// A push subscription's keys (RFC 8291), base64url.
    #[serde(deny_unknown_fields)]
    pub struct PushKeys {
        /// An uncompressed point of P-256: 65 bytes.
        pub p256dh: String,
        /// 16 bytes.
        pub auth: String,
    }

    /// `GET /api/settings/delivery`: which channels this server can serve.
    pub struct DeliveryOptions {
        /// The key that a browser subscribes with (VAPID, RFC 8292): base64url. Null: there is no web push here.
        pub push_public_key: Option<String>,
        /// Whether there is e-mail.
        pub email: bool,
    }

    pub struct Channel {
        pub id: String,
        /// `in-app`, `webhook`, `email`, `ntfy`, `push`
        pub kind: String,
        pub target: String,
        /// What a person calls it.
        pub name: Option<String>,
        /// `active`; `unconfirmed`: the owner of the e-mail address has not said yes yet, so nothing is sent there.
        pub state: String,
        pub created_at: String,
        /// `whsec_…`, only in the answer that created it: it signs each call (Standard Webhooks).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub secret: Option<String>,
    }

    /// `POST /api/reminders/{id}/snooze`: exactly one of the two.
    #[serde(deny_unknown_fields)]
    #[derive(Default)]
    pub struct Snooze {
        /// ISO 8601 duration from now, `PT10M`.
        #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
        pub duration: Option<String>,
        /// RFC 3339 instant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub until: Option<String>,
    }

    /// The receipt of one reminder.
    pub struct Receipt {
        pub id: String,
        /// Null for a digest alone.
        pub task_id: Option<String>,
        /// `definition`, `snooze` or `digest`
        pub kind: String,
        pub definition_id: String,
        /// 0, or how often it had rung before without being acknowledged.
        pub repetition: i64,
        /// How often it rings again at most.
        pub again_left: i64,
        /// Of a digest its local day.
        pub occurrence: Option<String>,
        /// `planned`, `fired`, `cancelled`, `skipped`
        pub state: String,
        pub digest: Option<Digest>,
        pub planned_at: String,
        /// The instant it is meant for.
        pub due_for: String,
        pub fired_at: Option<String>,
        pub lateness_ms: Option<i64>,
        pub read_at: Option<String>,
        pub deliveries: Vec<Delivery>,
        pub version: i64,
    }

    pub struct Delivery {
        /// Stable: a webhook carries it as `webhook-id`.
        pub id: String,
        pub channel: String,
        pub target: String,
        /// `pending`, `sent`, `failed`
        pub state: String,
        pub tries: Vec<Try>,
        pub next_try: Option<String>,
        pub sent_at: Option<String>,
    }

    pub struct Try {
        pub at: String,
        /// `sent`, or what went wrong.
        pub outcome: String,
        pub ms: i64,
    }

    /// What fired.
    pub struct Notification {
        /// The reminder's id.
        pub id: String,
        /// `definition`, `snooze` or `digest`; the last is of no task.
        pub kind: String,
        pub task_id: Option<String>,
        pub title: Option<String>,
        pub due: Option<String>,
        pub timezone: Option<String>,
        pub due_at: Option<String>,
        pub occurrence: Option<String>,
        /// The instant it was meant for.
        pub due_for: String,
        pub fired_at: String,
        pub read_at: Option<String>,
        pub task_status: Option<String>,
        pub digest: Option<Digest>,
    }

    /// What a digest told, as it was then.
    pub struct Digest {
        /// Open tasks that were overdue.
        pub overdue: i64,
        /// Open tasks that came due later on that day.
        pub due: i64,
        /// The first of them, by due.
        pub tasks: Vec<DigestTask>,
    }

    pub struct DigestTask {
        pub id: String,
        pub title: String,
        /// `none`, `low`, `medium`, `high`
        pub priority: String,
        /// A local date or date-time.
        pub due: String,
        /// The zone of `due` where it is not the account's.
        pub timezone: Option<String>,
    }

    /// `GET /api/activity`
    pub struct Activity {
        /// Every day from `from` to `to`, in order; also those without a completion.
        pub days: Vec<ActivityDay>,
        pub streak: ActivityStreak,
        /// The share of what had a due that was completed in time, 0 to 1, over these days; null where nothing had a due.
        pub on_time_rate: Option<f64>,
        /// The account's zone: today is today there.
        pub timezone: String,
    }

    pub struct ActivityDay {
        /// A local day, in the zone that the account had at that time.
        pub date: String,
        /// Tasks that were completed on it, and are neither open again nor deleted.
        pub completed: u32,
        /// How many of them had a due.
        pub with_due: u32,
        /// How many of those were completed at their due or before.
        pub on_time: u32,
    }

    /// Consecutive days with at least one completion.
    pub struct ActivityStreak {
        /// Up to today; as long as nothing has been completed today, up to yesterday.
        pub current: u32,
        /// The longest there ever was.
        pub longest: u32,
    }

    /// A cursor page: `next` goes into `?cursor=`, and is null at the end.
    #[cfg_attr(feature = "documents", schemars(rename = "{T}Page"))]
    pub struct Page<T> {
        pub items: Vec<T>,
        pub next: Option<String>,
    }
}

impl Repeat {
    /// A rule without exceptions.
    pub fn new(rrule: impl Into<String>, from: impl Into<String>) -> Self {
        Self {
            rrule: rrule.into(),
            from: from.into(),
            exdates: Vec::new(),
            rdates: Vec::new(),
            moved: BTreeMap::new(),
        }
    }
}

fn no(flag: &bool) -> bool {
    !flag
}

fn from_due() -> String {
    "due".to_owned()
}

fn none() -> String {
    "none".to_owned()
}
