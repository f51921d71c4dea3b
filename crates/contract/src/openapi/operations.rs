//! Every route there is, once. The OpenAPI document, the client's tests and the table of authorisation are made from it.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::api::{
    Activity, ApiToken, Change, Channel, DeliveryOptions, Invite, Login, NewApiToken, NewChannel,
    NewProject, NewTask, Notification, OccurrencePatch, Occurrences, OpenSession, Page, Project,
    ProjectPatch, QuickAdd, QuickAddText, Receipt, RecurrencePreview, Refresh, Register,
    RegistrationState, Session, Settings, SettingsPatch, Snooze, Task, TaskPatch, Undo, User,
};
use crate::batch::{self, Outcomes};
use crate::events::CloudEvent;
use crate::openapi::schemas::{Access, Health};

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Anyone, without a token.
    None,
    /// A token with the scope `read`; `write` includes it.
    Read,
    /// A token with the scope `write`.
    Write,
    /// The worker alone, by its signature.
    Worker,
}

/// A parameter of the query.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    pub name: &'static str,
    pub description: &'static str,
    /// Its JSON Schema, as JSON.
    pub schema: &'static str,
}

/// A header that a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestHeader {
    /// `Idempotency-Key`
    IdempotencyKey,
    /// `If-Match`
    IfMatch,
    /// `Last-Event-ID`
    LastEventId,
}

/// A header that an answer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerHeader {
    /// Where the new resource is.
    Location,
    /// The row's version, in quotes.
    ETag,
    /// The refresh token of a browser, or its end.
    SetCookie,
}

/// A body: its media type and the wire type behind it.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    pub media: &'static str,
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// One body, as JSON.
    pub example: Option<&'static str>,
    /// `false`: it may be left out.
    pub required: bool,
}

/// One method of one path.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// `operationId`
    pub id: &'static str,
    pub method: &'static str,
    /// `{id}` stands for a segment.
    pub path: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    pub scope: Scope,
    /// An API token is refused with 403, whatever its scopes: only a session's access token may.
    pub session_only: bool,
    /// The refresh token in a browser's cookie is enough.
    pub by_cookie: bool,
    pub queries: &'static [Query],
    pub headers: &'static [RequestHeader],
    pub request: Option<Body>,
    /// The status of success.
    pub status: u16,
    /// The answer's body; `None` with 204.
    pub answer: Option<Body>,
    pub answer_headers: &'static [AnswerHeader],
    /// Problems beyond those that follow from the rest; see [`Operation::problems`].
    pub more_problems: &'static [u16],
    /// `false`: not for clients, and left out of the document.
    pub public: bool,
}

impl Operation {
    /// The statuses of the problems it may answer, in order.
    pub fn problems(&self) -> Vec<u16> {
        let body = self.request.is_some();
        let takes_input = body || !self.queries.is_empty() || !self.headers.is_empty();
        let all = [
            (401, self.scope != Scope::None),
            (
                403,
                self.scope == Scope::Write || self.session_only || self.by_cookie,
            ),
            (404, self.path.contains('{')),
            (412, self.headers.contains(&RequestHeader::IfMatch)),
            (413, body),
            (415, body),
            (422, takes_input),
            (503, self.tag != "about"),
        ];
        let mut problems: Vec<u16> = all
            .into_iter()
            .filter_map(|(status, possible)| possible.then_some(status))
            .chain(self.more_problems.iter().copied())
            .collect();
        problems.sort_unstable();
        problems.dedup();
        problems
    }
}

const fn json<T: JsonSchema>() -> Option<Body> {
    Some(Body {
        media: "application/json",
        schema: SchemaGenerator::subschema_for::<T>,
        example: None,
        required: true,
    })
}

const fn example<T: JsonSchema>(example: &'static str) -> Option<Body> {
    Some(Body {
        media: "application/json",
        schema: SchemaGenerator::subschema_for::<T>,
        example: Some(example),
        required: true,
    })
}

const fn optional<T: JsonSchema>(example: &'static str) -> Option<Body> {
    Some(Body {
        media: "application/json",
        schema: SchemaGenerator::subschema_for::<T>,
        example: Some(example),
        required: false,
    })
}

const fn media<T: JsonSchema>(media: &'static str, example: Option<&'static str>) -> Option<Body> {
    Some(Body {
        media,
        schema: SchemaGenerator::subschema_for::<T>,
        example,
        required: true,
    })
}

/// What is left out stays, so without a body everything does.
const fn patch<T: JsonSchema>(example: &'static str) -> Option<Body> {
    Some(Body {
        media: "application/merge-patch+json",
        schema: SchemaGenerator::subschema_for::<T>,
        example: Some(example),
        required: false,
    })
}

pub(super) const LIMIT: Query = Query {
    name: "limit",
    description: "The most items of the page.",
    schema: r#"{"type":"integer","minimum":1,"maximum":200,"default":50}"#,
};
pub(super) const CURSOR: Query = Query {
    name: "cursor",
    description: "`next` of an earlier page.",
    schema: r#"{"type":"string"}"#,
};

use AnswerHeader::{ETag, Location, SetCookie};
use RequestHeader::{IdempotencyKey, IfMatch, LastEventId};

const READ: Operation = Operation {
    id: "",
    method: "GET",
    path: "",
    tag: "",
    summary: "",
    description: "",
    scope: Scope::Read,
    session_only: false,
    by_cookie: false,
    queries: &[],
    headers: &[],
    request: None,
    status: 200,
    answer: None,
    answer_headers: &[],
    more_problems: &[],
    public: true,
};
const WRITE: Operation = Operation {
    method: "POST",
    scope: Scope::Write,
    headers: &[IdempotencyKey],
    ..READ
};
/// A change of a task: it answers the task as it is now.
const TASK: Operation = Operation {
    tag: "tasks",
    headers: &[IdempotencyKey, IfMatch],
    answer: json::<Task>(),
    answer_headers: &[ETag],
    more_problems: &[409],
    ..WRITE
};
const WORKER: Operation = Operation {
    method: "POST",
    tag: "events",
    scope: Scope::Worker,
    request: media::<Vec<CloudEvent>>(batch::CONTENT_TYPE, None),
    answer: json::<Outcomes>(),
    public: false,
    ..READ
};

/// All of them, in the document's order.
pub const OPERATIONS: &[Operation] = &[
    // ------------------------------------------------------------------------------------------------ auth
    Operation {
        id: "register",
        path: "/api/auth/register",
        tag: "auth",
        summary: "Make an account",
        description: "The first account becomes the admin. After that the setting `registration` decides: `open`, \
                      `invite` or `closed`. With the account come its settings, its Inbox and the in-app channel. With \
                      `cookie` the refresh token comes in the cookie `punctual_refresh` alone.",
        scope: Scope::None,
        request: example::<Register>(
            r#"{"email":"ada@example.com","password":"correct horse battery","timezone":"Europe/Berlin"}"#,
        ),
        status: 201,
        answer: json::<Session>(),
        answer_headers: &[SetCookie],
        more_problems: &[403, 409, 429],
        ..WRITE
    },
    Operation {
        id: "login",
        path: "/api/auth/login",
        tag: "auth",
        summary: "Open a session",
        description: "Ten tries with one e-mail address in 15 minutes, then 429. With `cookie` the refresh token comes in \
                      the cookie `punctual_refresh` alone.",
        scope: Scope::None,
        request: example::<Login>(
            r#"{"email":"ada@example.com","password":"correct horse battery"}"#,
        ),
        answer: json::<Session>(),
        answer_headers: &[SetCookie],
        more_problems: &[401, 403, 429],
        ..WRITE
    },
    Operation {
        id: "refresh",
        path: "/api/auth/refresh",
        tag: "auth",
        summary: "Get fresh tokens",
        description: "The given refresh token ends with this. Within a minute it still answers with the present tokens, \
                      so that an answer that was lost can be asked for again; after that it counts as stolen, and the \
                      session ends. A session rotates once a minute at most: asked sooner, the present refresh token \
                      stays. Without a refresh token in the body the cookie counts; then a request of another site's \
                      page is refused with 403.",
        scope: Scope::None,
        by_cookie: true,
        headers: &[],
        request: optional::<Refresh>("{}"),
        answer: json::<Session>(),
        answer_headers: &[SetCookie],
        more_problems: &[401],
        ..WRITE
    },
    Operation {
        id: "logout",
        method: "POST",
        path: "/api/auth/logout",
        tag: "auth",
        summary: "End the session",
        description: "Its refresh token is refused from now on. An access token that was given out before holds until it \
                      ends by itself, 15 minutes at most. The cookie of a browser is enough for it, and is cleared.",
        session_only: true,
        by_cookie: true,
        status: 204,
        answer_headers: &[SetCookie],
        ..READ
    },
    Operation {
        id: "registration",
        path: "/api/auth/registration",
        tag: "auth",
        summary: "Who may make an account?",
        description: "As the setting `registration` says, and whether there is an account yet.",
        scope: Scope::None,
        answer: json::<RegistrationState>(),
        ..READ
    },
    Operation {
        id: "listSessions",
        path: "/api/auth/sessions",
        tag: "auth",
        summary: "List sessions",
        description: "Those that have neither ended nor been signed out of, the latest first; 200 at most, on one page.",
        session_only: true,
        answer: json::<Page<OpenSession>>(),
        ..READ
    },
    Operation {
        id: "endSession",
        method: "DELETE",
        path: "/api/auth/sessions/{id}",
        tag: "auth",
        summary: "End a session",
        description: "Another one or this one, as signing out there does.",
        session_only: true,
        headers: &[],
        status: 204,
        ..WRITE
    },
    Operation {
        id: "me",
        path: "/api/auth/me",
        tag: "auth",
        summary: "Who am I?",
        answer: json::<User>(),
        ..READ
    },
    Operation {
        id: "access",
        method: "POST",
        path: "/api/auth/access",
        tag: "auth",
        summary: "Change a token for a short access token",
        description: "For what is checked without a database, such as the live stream. The new token ends with the given \
                      one, after 15 minutes at most, and has its scopes.",
        answer: json::<Access>(),
        ..READ
    },
    Operation {
        id: "listApiTokens",
        path: "/api/auth/tokens",
        tag: "auth",
        summary: "List API tokens",
        description: "All that are not revoked. The tokens themselves are never shown again.",
        session_only: true,
        answer: json::<Page<ApiToken>>(),
        ..READ
    },
    Operation {
        id: "createApiToken",
        path: "/api/auth/tokens",
        tag: "auth",
        summary: "Make an API token",
        description: "For scripts and integrations. The answer holds the token, this once.",
        session_only: true,
        request: example::<NewApiToken>(
            r#"{"name":"backup script","scopes":["read"],"expires_in_days":90}"#,
        ),
        status: 201,
        answer: json::<ApiToken>(),
        answer_headers: &[Location],
        ..WRITE
    },
    Operation {
        id: "getApiToken",
        path: "/api/auth/tokens/{id}",
        tag: "auth",
        summary: "Show an API token, without its text",
        session_only: true,
        answer: json::<ApiToken>(),
        ..READ
    },
    Operation {
        id: "revokeApiToken",
        method: "DELETE",
        path: "/api/auth/tokens/{id}",
        tag: "auth",
        summary: "Revoke an API token",
        description: "It is refused from the next request on.",
        session_only: true,
        headers: &[],
        status: 204,
        ..WRITE
    },
    Operation {
        id: "createInvite",
        path: "/api/auth/invites",
        tag: "auth",
        summary: "Make an invitation (admin)",
        description: "One account can be made with it, within seven days, where `registration` is `invite`. 403 for \
                      everybody but the admin.",
        session_only: true,
        status: 201,
        answer: json::<Invite>(),
        ..WRITE
    },
    // ------------------------------------------------------------------------------------------------ tasks
    Operation {
        id: "listTasks",
        path: "/api/tasks",
        tag: "tasks",
        summary: "List tasks",
        description: "By due time, then id; tasks without a due time come last. Deleted tasks are left out. Several \
                      filters narrow each other; one that is not known is refused with 422.",
        queries: &[
            Query {
                name: "status",
                description: "Which tasks. Left out: the open ones; by completion, all that are done.",
                schema: r#"{"enum":["open","completed","skipped","all"],"type":"string"}"#,
            },
            Query {
                name: "sort",
                description: "`due`: by due time. `completed`: those that were completed or skipped, the latest first.",
                schema: r#"{"enum":["due","completed"],"type":"string","default":"due"}"#,
            },
            Query {
                name: "project_id",
                description: "Those of this project.",
                schema: r#"{"type":"string"}"#,
            },
            Query {
                name: "series_id",
                description: "The occurrences of this series; `status=all` shows its history too.",
                schema: r#"{"type":"string"}"#,
            },
            Query {
                name: "tag",
                description: "Those with this tag.",
                schema: r#"{"type":"string"}"#,
            },
            Query {
                name: "q",
                description: "Those whose title holds this text; the case of A to Z does not count.",
                schema: r#"{"type":"string"}"#,
            },
            Query {
                name: "due_before",
                description: "Those due before this: an RFC 3339 instant, or a local date or time in the account's zone. What is due on a whole day is due before the next midnight.",
                schema: r#"{"type":"string","examples":["2026-12-01","2026-12-01T09:00","2026-12-01T08:00:00Z"]}"#,
            },
            Query {
                name: "due_after",
                description: "Those due at this or later, in the same forms.",
                schema: r#"{"type":"string","examples":["2026-12-01"]}"#,
            },
            LIMIT,
            CURSOR,
        ],
        answer: json::<Page<Task>>(),
        ..READ
    },
    Operation {
        id: "createTask",
        path: "/api/tasks",
        summary: "Add a task",
        description: "With `repeat` and without `due`, the first match from today counts. Reminders that are already past \
                      are named in `skipped_reminders`.",
        headers: &[IdempotencyKey],
        request: example::<NewTask>(
            r#"{"title":"Pay rent","due":"2026-12-01T09:00","timezone":"Europe/Berlin","priority":"high","tags":["home"],"repeat":{"rrule":"FREQ=MONTHLY;BYMONTHDAY=1","from":"due"},"reminders":[{"before":"PT30M"},{"at":"2026-11-30T18:00:00Z"}]}"#,
        ),
        status: 201,
        answer_headers: &[Location, ETag],
        more_problems: &[],
        ..TASK
    },
    Operation {
        id: "getTask",
        path: "/api/tasks/{id}",
        tag: "tasks",
        summary: "Show a task",
        description: "Deleted tasks are shown too, with `deleted_at`.",
        answer: json::<Task>(),
        answer_headers: &[ETag],
        ..READ
    },
    Operation {
        id: "updateTask",
        method: "PATCH",
        path: "/api/tasks/{id}",
        summary: "Change a task",
        description: "RFC 7396: what is left out stays, `null` clears. Of a repeating task `title` and `due` \
                      change this occurrence, all else this and all later ones; `apply` says otherwise. `reminders` \
                      takes the place of all there were; one sent again with its `id` keeps its state.",
        headers: &[IfMatch],
        request: patch::<TaskPatch>(r#"{"due":"2026-12-02T09:00","priority":null}"#),
        ..TASK
    },
    Operation {
        id: "deleteTask",
        method: "DELETE",
        path: "/api/tasks/{id}",
        summary: "Delete a task",
        description: "Ends its series; the history stays. It can be restored.",
        headers: &[IfMatch],
        status: 204,
        answer: None,
        answer_headers: &[],
        ..TASK
    },
    Operation {
        id: "completeTask",
        path: "/api/tasks/{id}/complete",
        summary: "Complete a task",
        description: "Answers the completed task. Where it repeats, `next` says which occurrence follows and how many were \
                      passed over; that one appears a moment later as a task with the same `series_id`. Completing again \
                      changes nothing.",
        ..TASK
    },
    Operation {
        id: "skipTask",
        path: "/api/tasks/{id}/skip",
        summary: "Skip an occurrence",
        description: "As completing does, with the status `skipped`. 409 for a task that does not repeat.",
        ..TASK
    },
    Operation {
        id: "reopenTask",
        path: "/api/tasks/{id}/reopen",
        summary: "Reopen a task",
        description: "Withdraws the occurrence that followed, unless a person has changed it. Reminders still to come are \
                      planned again.",
        ..TASK
    },
    Operation {
        id: "restoreTask",
        path: "/api/tasks/{id}/restore",
        summary: "Bring a deleted task back",
        ..TASK
    },
    Operation {
        id: "undoTask",
        path: "/api/tasks/{id}/undo",
        summary: "Undo a change",
        description: "A new change of only the fields that the old one touched; 409 where one of them has changed since. \
                      Undoing a completion is a reopening.",
        request: optional::<Undo>(r#"{"change":"41"}"#),
        ..TASK
    },
    Operation {
        id: "getTaskHistory",
        path: "/api/tasks/{id}/history",
        tag: "tasks",
        summary: "Show who changed what",
        description: "Newest first.",
        queries: &[LIMIT, CURSOR],
        answer: json::<Page<Change>>(),
        ..READ
    },
    Operation {
        id: "listTaskReminders",
        path: "/api/tasks/{id}/reminders",
        tag: "tasks",
        summary: "Show a task's reminders and their receipts",
        description: "The last to ring first.",
        queries: &[LIMIT, CURSOR],
        answer: json::<Page<Receipt>>(),
        ..READ
    },
    Operation {
        id: "listOccurrences",
        path: "/api/tasks/{id}/occurrences",
        tag: "tasks",
        summary: "Show what a series was and will be",
        description: "In the order of their dues: those that have a task (completed, skipped, open), then those that come \
                      after the open one, also those that are left out. Counted from completion, nothing comes after \
                      the open one until that is done.",
        queries: &[
            Query {
                name: "from",
                description: "Those that are due at this or later: an RFC 3339 instant, or a local date or time in the account's zone. Left out: now.",
                schema: r#"{"type":"string","examples":["2026-12-01"]}"#,
            },
            Query {
                name: "to",
                description: "Those due before this, in the same forms. At most ten years after `from`.",
                schema: r#"{"type":"string","examples":["2027-12-01"]}"#,
            },
            LIMIT,
        ],
        answer: json::<Occurrences>(),
        ..READ
    },
    Operation {
        id: "updateOccurrence",
        method: "PATCH",
        path: "/api/tasks/{id}/occurrences/{occurrence}",
        summary: "Move one occurrence, or leave it out",
        description: "Of the open task of a series: itself, or an occurrence that comes after it. `{\"skipped\":false}` takes \
                      one in again, `{\"due\":null}` moves it back. 409 where the series has no such occurrence to come.",
        headers: &[IfMatch],
        request: media::<OccurrencePatch>(
            "application/merge-patch+json",
            Some(r#"{"due":"2026-12-08T09:00"}"#),
        ),
        ..TASK
    },
    Operation {
        id: "previewRecurrence",
        path: "/api/recurrence",
        tag: "tasks",
        summary: "Say what a rule means and which dates it gives",
        description: "For a rule before a task is made with it: the words, and the first occurrences from `due` on, which \
                      is the first one itself. Counted from completion, as if each were done when it is due.",
        queries: &[
            Query {
                name: "rrule",
                description: "RFC 5545 RRULE, with RFC 7529's SKIP. It is needed.",
                schema: r#"{"type":"string","examples":["FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD"]}"#,
            },
            Query {
                name: "due",
                description: "The first occurrence: a local date or date-time. Left out: the first match from today.",
                schema: r#"{"type":"string","examples":["2026-12-01","2026-12-01T09:00"]}"#,
            },
            Query {
                name: "timezone",
                description: "IANA name; left out, the account's.",
                schema: r#"{"type":"string","examples":["Europe/Berlin"]}"#,
            },
            Query {
                name: "from",
                description: "From what the next one is counted.",
                schema: r#"{"enum":["due","completion"],"type":"string","default":"due"}"#,
            },
            Query {
                name: "count",
                description: "The most occurrences of the answer.",
                schema: r#"{"type":"integer","minimum":1,"maximum":50,"default":5}"#,
            },
            Query {
                name: "language",
                description: "In which the words are.",
                schema: r#"{"enum":["en","de"],"type":"string","default":"en"}"#,
            },
        ],
        answer: json::<RecurrencePreview>(),
        ..READ
    },
    Operation {
        id: "quickAdd",
        method: "POST",
        path: "/api/quick-add",
        tag: "tasks",
        summary: "Read a line as a task",
        description: "What a person typed, in English or German: day, time, rule, reminders, `!1`, `#project`, `@tag`. What is \
                      not understood stays in the title, and so does a `#name` that is no project of the caller. Nothing is \
                      added: send `task` to `POST /api/tasks`.",
        request: example::<QuickAddText>(
            r#"{"text":"Pay rent every month on the last workday at 9am remind me 1 day before #home !1 @errands"}"#,
        ),
        answer: json::<QuickAdd>(),
        ..READ
    },
    // ------------------------------------------------------------------------------------------------ projects
    Operation {
        id: "listProjects",
        path: "/api/projects",
        tag: "projects",
        summary: "List projects",
        description: "The Inbox first, then by age.",
        queries: &[
            Query {
                name: "archived",
                description: "Those that are archived, instead of those that are not.",
                schema: r#"{"type":"boolean","default":false}"#,
            },
            LIMIT,
            CURSOR,
        ],
        answer: json::<Page<Project>>(),
        ..READ
    },
    Operation {
        id: "createProject",
        path: "/api/projects",
        tag: "projects",
        summary: "Add a project",
        request: example::<NewProject>(r#"{"name":"Garden","reminders":[{"before":"PT30M"}]}"#),
        status: 201,
        answer: json::<Project>(),
        answer_headers: &[Location, ETag],
        ..WRITE
    },
    Operation {
        id: "getProject",
        path: "/api/projects/{id}",
        tag: "projects",
        summary: "Show a project",
        answer: json::<Project>(),
        answer_headers: &[ETag],
        ..READ
    },
    Operation {
        id: "updateProject",
        method: "PATCH",
        path: "/api/projects/{id}",
        tag: "projects",
        summary: "Rename a project, or change what its new tasks are reminded by",
        headers: &[IfMatch],
        request: patch::<ProjectPatch>(r#"{"name":"Allotment"}"#),
        answer: json::<Project>(),
        answer_headers: &[ETag],
        ..WRITE
    },
    Operation {
        id: "archiveProject",
        path: "/api/projects/{id}/archive",
        tag: "projects",
        summary: "Archive a project",
        description: "It takes no new tasks and leaves the list. 409 for the Inbox.",
        headers: &[IdempotencyKey, IfMatch],
        answer: json::<Project>(),
        answer_headers: &[ETag],
        more_problems: &[409],
        ..WRITE
    },
    Operation {
        id: "restoreProject",
        path: "/api/projects/{id}/restore",
        tag: "projects",
        summary: "Bring a project back from the archive",
        headers: &[IdempotencyKey, IfMatch],
        answer: json::<Project>(),
        answer_headers: &[ETag],
        more_problems: &[409],
        ..WRITE
    },
    // ------------------------------------------------------------------------------------------------ reminders
    Operation {
        id: "getReminder",
        path: "/api/reminders/{id}",
        tag: "reminders",
        summary: "Show a reminder and its receipt",
        description: "When it was meant to fire, when it did, and what each channel did with it.",
        answer: json::<Receipt>(),
        ..READ
    },
    Operation {
        id: "acknowledgeReminder",
        path: "/api/reminders/{id}/acknowledge",
        tag: "reminders",
        summary: "Acknowledge a reminder",
        description: "It is read, with all that it rang before, and does not ring again. 409 where it has not rung.",
        answer: json::<Receipt>(),
        more_problems: &[409],
        ..WRITE
    },
    Operation {
        id: "snoozeReminder",
        path: "/api/reminders/{id}/snooze",
        tag: "reminders",
        summary: "Put a reminder off",
        description: "Makes a new reminder in its place and leaves the due time alone. The old one is read where it had \
                      fired, cancelled where it had not. Moving the due time cancels the new one. 409 where the reminder \
                      was cancelled or its task is not open.",
        request: example::<Snooze>(r#"{"for":"PT10M"}"#),
        status: 201,
        answer: json::<Receipt>(),
        answer_headers: &[Location, ETag],
        more_problems: &[409],
        ..WRITE
    },
    // ------------------------------------------------------------------------------------------------ notifications
    Operation {
        id: "listNotifications",
        path: "/api/notifications",
        tag: "notifications",
        summary: "List what fired",
        description: "Newest first: reminders of tasks, and the daily digests.",
        queries: &[
            Query {
                name: "unread",
                description: "Only those that nobody has read.",
                schema: r#"{"type":"boolean","default":false}"#,
            },
            LIMIT,
            CURSOR,
        ],
        answer: json::<Page<Notification>>(),
        ..READ
    },
    Operation {
        id: "readAllNotifications",
        path: "/api/notifications/read",
        tag: "notifications",
        summary: "Mark all as read",
        status: 204,
        ..WRITE
    },
    Operation {
        id: "getNotification",
        path: "/api/notifications/{id}",
        tag: "notifications",
        summary: "Show what fired",
        description: "A notification has its reminder's id.",
        answer: json::<Notification>(),
        ..READ
    },
    Operation {
        id: "readNotification",
        path: "/api/notifications/{id}/read",
        tag: "notifications",
        summary: "Mark one as read",
        answer: json::<Notification>(),
        ..WRITE
    },
    // ------------------------------------------------------------------------------------------------ settings
    Operation {
        id: "getSettings",
        path: "/api/settings",
        tag: "settings",
        summary: "Show the settings",
        answer: json::<Settings>(),
        answer_headers: &[ETag],
        ..READ
    },
    Operation {
        id: "updateSettings",
        method: "PATCH",
        path: "/api/settings",
        tag: "settings",
        summary: "Change the settings",
        description: "RFC 7396: what is left out stays, `null` clears quiet hours, language and digest. Another zone or morning \
                      plans the reminders of all open tasks again. Quiet hours need both ends, which must differ; they \
                      may lie over midnight.",
        headers: &[IfMatch],
        request: patch::<SettingsPatch>(
            r#"{"timezone":"Europe/Lisbon","morning":"08:30","quiet_from":"22:00","quiet_until":"07:00","language":"de","digest":"08:00"}"#,
        ),
        answer: json::<Settings>(),
        answer_headers: &[ETag],
        ..WRITE
    },
    Operation {
        id: "getDeliveryOptions",
        path: "/api/settings/delivery",
        tag: "settings",
        summary: "Which channels can this server serve?",
        answer: json::<DeliveryOptions>(),
        ..READ
    },
    Operation {
        id: "createChannel",
        path: "/api/settings/channels",
        tag: "settings",
        summary: "Add a webhook, an e-mail address, an ntfy topic or a browser",
        description: "Each reminder that fires from now on is sent there as well. webhook: see `webhooks` in this \
                      document; the answer holds the secret that signs the calls, this once. email: a mail asks the \
                      owner of the address first; until then the channel is `unconfirmed`. push: the subscription that \
                      the browser's `PushManager` gave; one that is there already is answered with 200, and one of \
                      another account moves here. 409 beyond 20 channels, and for e-mail where this server sends none; \
                      429 beyond ten mails of that kind in an hour.",
        request: example::<NewChannel>(
            r#"{"kind":"webhook","target":"https://example.com/hooks/punctual"}"#,
        ),
        status: 201,
        answer: json::<Channel>(),
        answer_headers: &[Location],
        more_problems: &[409, 429],
        ..WRITE
    },
    Operation {
        id: "getChannel",
        path: "/api/settings/channels/{id}",
        tag: "settings",
        summary: "Show a channel, without its secret",
        answer: json::<Channel>(),
        ..READ
    },
    Operation {
        id: "deleteChannel",
        method: "DELETE",
        path: "/api/settings/channels/{id}",
        tag: "settings",
        summary: "Remove a channel",
        description: "The in-app channel stays.",
        headers: &[],
        status: 204,
        ..WRITE
    },
    Operation {
        id: "resendConfirmation",
        path: "/api/settings/channels/{id}/confirmation",
        tag: "settings",
        summary: "Ask the owner of an e-mail address again",
        description: "Once a minute at most. 409 where the channel is confirmed or needs no confirmation.",
        headers: &[],
        status: 202,
        answer: json::<Channel>(),
        more_problems: &[409, 429],
        ..WRITE
    },
    // ------------------------------------------------------------------------------------------------ activity
    Operation {
        id: "activity",
        path: "/api/activity",
        tag: "activity",
        summary: "What did I get done?",
        description: "Completions a day, the streak, and the share that was in time. A day is one of the person's own: a \
                      later change of the zone moves none of them. A completion shows here a moment after it was made.",
        queries: &[
            Query {
                name: "from",
                description: "The first local day; where left out, 29 days before `to`.",
                schema: r#"{"type":"string","format":"date"}"#,
            },
            Query {
                name: "to",
                description: "The last local day, 365 days after `from` at most; where left out, today.",
                schema: r#"{"type":"string","format":"date"}"#,
            },
        ],
        answer: json::<Activity>(),
        ..READ
    },
    // ------------------------------------------------------------------------------------------------ live
    Operation {
        id: "live",
        path: "/api/live",
        tag: "live",
        summary: "Watch changes as they happen",
        description: "Server-sent events of everything that the caller may see, in the order in which it happened. `id` is \
                      the change's position, `event` its CloudEvents type, `data` the CloudEvent as JSON (the AsyncAPI \
                      document lists them under `task-updates`). With a position, everything after it comes first, \
                      without gaps. Without one, or with one that the server no longer knows because it was restored from a \
                      backup, the first event is `ready` with `{\"position\": \"…\"}`: what is there has to be read anew, and \
                      the stream goes on from that position. A comment every 20 seconds keeps the connection open. The stream ends with the \
                      access token: come back with a fresh one and the last `id`.",
        queries: &[Query {
            name: "after",
            description: "The position after which to begin; `Last-Event-ID` goes before it.",
            schema: r#"{"type":"string","pattern":"^[0-9]+$"}"#,
        }],
        headers: &[LastEventId],
        answer: media::<String>(
            "text/event-stream",
            Some(
                r#""id: 812\nevent: punctual.reminder.fired.v1\ndata: {\"specversion\":\"1.0\",\"id\":\"812\",\"type\":\"punctual.reminder.fired.v1\"}\n\n""#,
            ),
        ),
        ..READ
    },
    // ------------------------------------------------------------------------------------------------ about
    Operation {
        id: "health",
        path: "/healthz",
        tag: "health",
        summary: "Is it up?",
        description: "503 while the database can't be reached or has another version's schema.",
        scope: Scope::None,
        answer: json::<Health>(),
        ..READ
    },
    Operation {
        id: "openapi",
        path: "/api/openapi.json",
        tag: "about",
        summary: "This document",
        scope: Scope::None,
        answer: json::<serde_json::Map<String, serde_json::Value>>(),
        ..READ
    },
    Operation {
        id: "web",
        path: "/",
        tag: "about",
        summary: "The web app, at every path that is no other route's",
        scope: Scope::None,
        answer: media::<String>("text/html", None),
        public: false,
        ..READ
    },
    // ------------------------------------------------------------------------------------------------ links
    Operation {
        id: "showAction",
        path: "/act/{id}",
        tag: "links",
        summary: "The page of a signed link in an e-mail: says what pressing its button will do",
        scope: Scope::None,
        answer: media::<String>("text/html", None),
        public: false,
        ..READ
    },
    Operation {
        id: "doAction",
        method: "POST",
        path: "/act/{id}",
        tag: "links",
        summary: "Do what the link says, once",
        scope: Scope::None,
        answer: media::<String>("text/html", None),
        public: false,
        ..READ
    },
    // ------------------------------------------------------------------------------------------------ events
    Operation {
        id: "onTaskEvents",
        path: "/events/on-task-events",
        summary: "Settle what follows from these events",
        ..WORKER
    },
    Operation {
        id: "onReminders",
        path: "/events/on-reminders",
        summary: "Fire what is due",
        ..WORKER
    },
    Operation {
        id: "onTaskUpdates",
        path: "/events/on-task-updates",
        summary: "Count again the days that completions came to, or went from",
        ..WORKER
    },
];
