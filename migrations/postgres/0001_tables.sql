-- Punctual's tables, Postgres dialect: what `migrations/sqlite/` has after its third file, with the same names. No
-- Postgres database is older than that, so that its files are divided by what they are for: tables, triggers, then
-- views and roles. From schema 4 on there is one file in each folder per change.
--
-- Columns are TEXT and BIGINT alone (Spin reads neither TIMESTAMPTZ nor JSON): instants are Unix microseconds, flags
-- 0 or 1, JSON is compact text. Text is compared as bytes, COLLATE "C", whatever the database's locale: ids, cursors
-- and `rank` have one order everywhere, and all columns one collation, or no index would serve a join.
--
-- The schema is `public`: what a SECURITY DEFINER function means must not depend on its caller's search_path.

-- What SQL calls upper and lower case depends on a collation: this one knows every letter. Where Postgres was built
-- without ICU, the C library's.
DO $$ BEGIN
    CREATE COLLATION any_case (provider = icu, locale = 'und');
EXCEPTION WHEN feature_not_supported THEN
    CREATE COLLATION any_case (provider = libc, locale = 'C.UTF-8');
END $$;

-- ---------------------------------------------------------------- bookkeeping (no events)

CREATE TABLE users (
    id            TEXT COLLATE "C" PRIMARY KEY,
    email         TEXT COLLATE "C" NOT NULL UNIQUE,                 -- trimmed, lower case
    password_hash TEXT COLLATE "C" NOT NULL,                        -- argon2id, PHC string
    role          TEXT COLLATE "C" NOT NULL CHECK (role IN ('admin', 'member')),
    inbox_id      TEXT COLLATE "C" NOT NULL,
    timezone      TEXT COLLATE "C" NOT NULL,
    invite_id     TEXT COLLATE "C",
    op            TEXT COLLATE "C" NOT NULL UNIQUE,
    body_hash     TEXT COLLATE "C",
    trace         TEXT COLLATE "C",
    created_at    BIGINT NOT NULL
);

CREATE TABLE invites (
    id         TEXT COLLATE "C" PRIMARY KEY,
    created_by TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_by    TEXT COLLATE "C"
);

CREATE TABLE sessions (
    id         TEXT COLLATE "C" PRIMARY KEY,
    user_id    TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    counter    BIGINT NOT NULL DEFAULT 0,                           -- which refresh token of this session is the current one
    rotated_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    client     TEXT COLLATE "C" NOT NULL                            -- User-Agent, cut to 200 characters
);
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE api_tokens (
    id         TEXT COLLATE "C" PRIMARY KEY,
    user_id    TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    name       TEXT COLLATE "C" NOT NULL,
    scopes     TEXT COLLATE "C" NOT NULL,                           -- 'read' or 'read write'
    body_hash  TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_tokens_by_user ON api_tokens (user_id);

CREATE TABLE channels (
    id           TEXT COLLATE "C" PRIMARY KEY,
    user_id      TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    kind         TEXT COLLATE "C" NOT NULL CHECK (kind IN ('in-app', 'webhook', 'email', 'ntfy', 'push')),
    target       TEXT COLLATE "C" NOT NULL,                         -- '' for in-app; an address for email; else a URL
    secret       TEXT COLLATE "C" NOT NULL,                         -- webhook: whsec_…; ntfy: '' or its access token; push: JSON {p256dh, auth}
    name         TEXT COLLATE "C" NOT NULL DEFAULT '',              -- what a person calls it: the browser of a push subscription
    confirmed_at BIGINT,                                            -- email: when the address's owner said yes
    body_hash    TEXT COLLATE "C",
    created_at   BIGINT NOT NULL,
    deleted_at   BIGINT
);
CREATE INDEX channels_by_user ON channels (user_id) WHERE deleted_at IS NULL;
CREATE INDEX channels_by_subscription ON channels (target) WHERE kind = 'push' AND deleted_at IS NULL;

-- The mail that asks the owner of an address whether reminders may come there. The worker sends it.
CREATE TABLE confirmations (
    channel_id TEXT COLLATE "C" PRIMARY KEY REFERENCES channels (id),
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'sent', 'failed')),
    tries      BIGINT NOT NULL DEFAULT 0,
    last_error TEXT COLLATE "C",
    next_try   BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX confirmations_pending ON confirmations (next_try) WHERE state = 'pending';

-- Which request an Idempotency-Key belongs to, where no change says so: what was made has no events (an API token, a
-- channel, an invitation), or nothing had to change.
CREATE TABLE operations (
    op        TEXT COLLATE "C" PRIMARY KEY,                         -- '<user>:<Idempotency-Key>'
    body_hash TEXT COLLATE "C" NOT NULL,                            -- of method, path and body
    tbl       TEXT COLLATE "C" NOT NULL,
    row_id    TEXT COLLATE "C" NOT NULL,
    at        BIGINT NOT NULL
);

-- ---------------------------------------------------------------- evented tables

CREATE TABLE settings (
    user_id     TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id),
    timezone    TEXT COLLATE "C" NOT NULL,                          -- IANA name
    morning     TEXT COLLATE "C" NOT NULL DEFAULT '09:00',
    generation  BIGINT NOT NULL DEFAULT 1,                          -- steps when timezone or morning changes
    version     BIGINT NOT NULL,
    op TEXT COLLATE "C" NOT NULL, body_hash TEXT COLLATE "C", actor TEXT COLLATE "C" NOT NULL, via TEXT COLLATE "C" NOT NULL, trace TEXT COLLATE "C",
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    quiet_from  TEXT COLLATE "C",                                   -- HH:MM in the account's zone; both or neither
    quiet_until TEXT COLLATE "C",
    language    TEXT COLLATE "C"                                    -- 'en', 'de'; NULL: what the browser says, English in mails
);

CREATE TABLE projects (
    id          TEXT COLLATE "C" PRIMARY KEY,
    owner       TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    name        TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind IN ('inbox', 'project')),
    archived_at BIGINT,
    version     BIGINT NOT NULL,
    op TEXT COLLATE "C" NOT NULL, body_hash TEXT COLLATE "C", actor TEXT COLLATE "C" NOT NULL, via TEXT COLLATE "C" NOT NULL, trace TEXT COLLATE "C",
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, deleted_at BIGINT
);
CREATE INDEX projects_by_owner ON projects (owner, id);

CREATE TABLE tasks (
    id            TEXT COLLATE "C" PRIMARY KEY,
    owner         TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    project_id    TEXT COLLATE "C" NOT NULL REFERENCES projects (id),
    title         TEXT COLLATE "C" NOT NULL,
    notes         TEXT COLLATE "C" NOT NULL,
    priority      TEXT COLLATE "C" NOT NULL CHECK (priority IN ('none', 'low', 'medium', 'high')),
    tags          TEXT COLLATE "C" NOT NULL,                        -- JSON array of text
    status        TEXT COLLATE "C" NOT NULL CHECK (status IN ('open', 'completed', 'skipped')),
    due           TEXT COLLATE "C",                                 -- local date, or local date-time
    timezone      TEXT COLLATE "C",                                 -- IANA name; NULL floats in the owner's zone
    due_at        BIGINT,                                           -- the instant of `due` (a date: the end of that local day)
    repeat        TEXT COLLATE "C",                                 -- JSON {rrule, from}
    reminders     TEXT COLLATE "C" NOT NULL,                        -- JSON array of definitions
    series_id     TEXT COLLATE "C",
    series_start  TEXT COLLATE "C",                                 -- occurrence 1 of the present rule
    occurrence    TEXT COLLATE "C",                                 -- unique key of the nominal occurrence
    number        BIGINT,                                           -- 1-based, as COUNT counts
    previous_id   TEXT COLLATE "C",                                 -- the occurrence that this one followed
    touched       BIGINT NOT NULL,                                  -- 1 once a person has changed this row
    next          TEXT COLLATE "C",                                 -- JSON {occurrence, due, number, passed_over}, set with status
    completed_at  BIGINT,
    generation    BIGINT NOT NULL,                                  -- steps with due, timezone, repeat, reminders, status, deletion
    generation_at BIGINT NOT NULL,
    version       BIGINT NOT NULL,
    op TEXT COLLATE "C" NOT NULL, body_hash TEXT COLLATE "C", actor TEXT COLLATE "C" NOT NULL, via TEXT COLLATE "C" NOT NULL, trace TEXT COLLATE "C",
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, deleted_at BIGINT,
    rank          TEXT COLLATE "C" NOT NULL DEFAULT '',             -- order by hand: text of [0-9a-z], compared as bytes; '' comes last
    UNIQUE (series_id, occurrence)
);
CREATE INDEX tasks_listed ON tasks (owner, COALESCE(due_at, 9223372036854775807), created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_owner ON tasks (owner, id);
CREATE INDEX tasks_by_previous ON tasks (previous_id) WHERE previous_id IS NOT NULL;
CREATE INDEX tasks_completed ON tasks (owner, completed_at, id) WHERE deleted_at IS NULL AND completed_at IS NOT NULL;

CREATE TABLE reminders (
    id            TEXT COLLATE "C" PRIMARY KEY,
    owner         TEXT COLLATE "C" NOT NULL REFERENCES users (id),  -- the recipient
    task_id       TEXT COLLATE "C" NOT NULL REFERENCES tasks (id),
    kind          TEXT COLLATE "C" NOT NULL CHECK (kind IN ('definition', 'snooze')),
    definition_id TEXT COLLATE "C" NOT NULL,                        -- a snooze: the id of the reminder that it follows
    occurrence    TEXT COLLATE "C" NOT NULL,                        -- '' where the task does not recur
    due           TEXT COLLATE "C",                                 -- the task's due that this was planned from
    fire_at       BIGINT NOT NULL,
    generation    BIGINT NOT NULL,                                  -- the task's, when planned
    state         TEXT COLLATE "C" NOT NULL CHECK (state IN ('planned', 'fired', 'cancelled', 'skipped')),
    fired_at      BIGINT,
    read_at       BIGINT,
    version       BIGINT NOT NULL,
    op TEXT COLLATE "C" NOT NULL, body_hash TEXT COLLATE "C", actor TEXT COLLATE "C" NOT NULL, via TEXT COLLATE "C" NOT NULL, trace TEXT COLLATE "C",
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    UNIQUE (task_id, definition_id, occurrence, fire_at)
);
CREATE INDEX reminders_planned ON reminders (fire_at) WHERE state = 'planned';
CREATE INDEX reminders_fired ON reminders (owner, fired_at, id) WHERE state = 'fired';

-- ---------------------------------------------------------------- derived and operational state (no events)

-- One row per task: what is wanted (a counter that triggers step) and what has been planned. The sweep plans every row
-- that lags, so that a lost event is a delay and nothing else.
CREATE TABLE plans (
    task_id TEXT COLLATE "C" PRIMARY KEY REFERENCES tasks (id),
    wanted  BIGINT NOT NULL,
    planned BIGINT NOT NULL DEFAULT 0,
    since   BIGINT NOT NULL,                                        -- when `wanted` last stepped
    next_at BIGINT,                                                 -- when it has to be planned again, without any change
    missed  BIGINT NOT NULL DEFAULT 0                               -- occurrences that came due while this one stayed open
);
CREATE INDEX plans_lagging ON plans (since) WHERE planned < wanted;
CREATE INDEX plans_next ON plans (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE deliveries (
    id          TEXT COLLATE "C" PRIMARY KEY,                       -- the stable id outside: webhook-id
    reminder_id TEXT COLLATE "C" NOT NULL REFERENCES reminders (id),
    channel_id  TEXT COLLATE "C" NOT NULL REFERENCES channels (id),
    state       TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'sent', 'failed')),
    tries       BIGINT NOT NULL DEFAULT 0,
    log         TEXT COLLATE "C" NOT NULL DEFAULT '[]',             -- JSON, one object a try: {at, outcome, ms}
    next_try    BIGINT,
    sent_at     BIGINT,
    created_at  BIGINT NOT NULL,
    UNIQUE (reminder_id, channel_id)
);
CREATE INDEX deliveries_pending ON deliveries (next_try) WHERE state = 'pending';

-- Who is firing which reminder just now. Committed before the function is called; nothing stays open across the call.
CREATE TABLE claims (
    reminder_id TEXT COLLATE "C" PRIMARY KEY,
    worker      TEXT COLLATE "C" NOT NULL,
    until       BIGINT NOT NULL
);

-- `seq` steps under the lock of the row that changes, and no number is handed out ahead (CACHE 1): the changes of one
-- row have the order in which they were made. Between rows it is `position` that counts.
CREATE TABLE changes (
    seq       BIGINT GENERATED BY DEFAULT AS IDENTITY (CACHE 1) PRIMARY KEY,
    position  BIGINT UNIQUE,                                        -- gap-free, given by the relay after the commit
    tbl       TEXT COLLATE "C" NOT NULL,
    row_id    TEXT COLLATE "C" NOT NULL,
    owner     TEXT COLLATE "C" NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,                            -- created, updated, completed, …, planned, fired, …
    version   BIGINT NOT NULL,
    before    TEXT COLLATE "C",                                     -- JSON image, NULL for an insert
    after     TEXT COLLATE "C" NOT NULL,
    op        TEXT COLLATE "C" NOT NULL,
    body_hash TEXT COLLATE "C",
    actor     TEXT COLLATE "C" NOT NULL,
    via       TEXT COLLATE "C" NOT NULL,
    trace     TEXT COLLATE "C",
    at        BIGINT NOT NULL,
    UNIQUE (op, tbl, row_id)
);
CREATE INDEX changes_unpositioned ON changes (seq) WHERE position IS NULL;
CREATE INDEX changes_by_owner ON changes (owner, position);
CREATE INDEX changes_by_row ON changes (tbl, row_id, seq);

CREATE TABLE leases (
    name   TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT COLLATE "C" NOT NULL,
    fence  BIGINT NOT NULL,
    until  BIGINT NOT NULL
);

-- What the relay and the consumer groups remember: 'positions' (last one given), 'published_through', 'group:<name>'.
CREATE TABLE watermarks (
    name     TEXT COLLATE "C" PRIMARY KEY,
    position BIGINT NOT NULL
);

CREATE TABLE dead_letters (
    topic    TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    event    TEXT COLLATE "C" NOT NULL,
    error    TEXT COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (topic, position)
);

CREATE TABLE facts (
    name  TEXT COLLATE "C" PRIMARY KEY,                             -- 'tzdata': the version that plans were made with
    value TEXT COLLATE "C" NOT NULL
);
