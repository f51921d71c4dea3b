-- Punctual's first schema, SQLite dialect. `ARCHITECTURE.md` and `specs/005-cloud-deployment/data-model.md` explain it.
--
-- Evented tables (projects, tasks, reminders, settings) carry version, op, body_hash, actor, via, trace. A trigger
-- writes their before and after image into `changes` in the very statement that changes them. Instants are Unix
-- microseconds in the columns and RFC 3339 UTC (milliseconds) in every JSON.

-- ---------------------------------------------------------------- bookkeeping (no trigger)

CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    email         TEXT NOT NULL UNIQUE,                  -- trimmed, lower case
    password_hash TEXT NOT NULL,                         -- argon2id, PHC string
    role          TEXT NOT NULL CHECK (role IN ('admin', 'member')),
    inbox_id      TEXT NOT NULL,
    timezone      TEXT NOT NULL,
    invite_id     TEXT,
    op            TEXT NOT NULL UNIQUE,
    body_hash     TEXT,
    trace         TEXT,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE invites (
    id         TEXT PRIMARY KEY,
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_by    TEXT
) STRICT;

CREATE TABLE sessions (
    id         TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id),
    counter    INTEGER NOT NULL DEFAULT 0,               -- which refresh token of this session is the current one
    rotated_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    client     TEXT NOT NULL                             -- User-Agent, cut to 200 characters
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE api_tokens (
    id         TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id),
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL,                            -- 'read' or 'read write'
    body_hash  TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_tokens_by_user ON api_tokens (user_id);

CREATE TABLE channels (
    id         TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id),
    kind       TEXT NOT NULL CHECK (kind IN ('in-app', 'webhook')),
    target     TEXT NOT NULL,                            -- '' for in-app, a URL for webhook
    secret     TEXT NOT NULL,                            -- '' or whsec_… (Standard Webhooks)
    body_hash  TEXT,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE INDEX channels_by_user ON channels (user_id) WHERE deleted_at IS NULL;

-- ---------------------------------------------------------------- evented tables

CREATE TABLE settings (
    user_id    TEXT PRIMARY KEY REFERENCES users (id),
    timezone   TEXT NOT NULL,                            -- IANA name
    morning    TEXT NOT NULL DEFAULT '09:00',
    generation INTEGER NOT NULL DEFAULT 1,               -- steps when timezone or morning changes
    version    INTEGER NOT NULL,
    op TEXT NOT NULL, body_hash TEXT, actor TEXT NOT NULL, via TEXT NOT NULL, trace TEXT,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE projects (
    id          TEXT PRIMARY KEY,
    owner       TEXT NOT NULL REFERENCES users (id),
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('inbox', 'project')),
    archived_at INTEGER,
    version     INTEGER NOT NULL,
    op TEXT NOT NULL, body_hash TEXT, actor TEXT NOT NULL, via TEXT NOT NULL, trace TEXT,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, deleted_at INTEGER
) STRICT;
CREATE INDEX projects_by_owner ON projects (owner, id);

CREATE TABLE tasks (
    id            TEXT PRIMARY KEY,
    owner         TEXT NOT NULL REFERENCES users (id),
    project_id    TEXT NOT NULL REFERENCES projects (id),
    title         TEXT NOT NULL,
    notes         TEXT NOT NULL,
    priority      TEXT NOT NULL CHECK (priority IN ('none', 'low', 'medium', 'high')),
    tags          TEXT NOT NULL,                         -- JSON array of text
    status        TEXT NOT NULL CHECK (status IN ('open', 'completed', 'skipped')),
    due           TEXT,                                  -- local date, or local date-time
    timezone      TEXT,                                  -- IANA name; NULL floats in the owner's zone
    due_at        INTEGER,                               -- the instant of `due` (a date: the end of that local day)
    repeat        TEXT,                                  -- JSON {rrule, from}
    reminders     TEXT NOT NULL,                         -- JSON array of definitions
    series_id     TEXT,
    series_start  TEXT,                                  -- occurrence 1 of the present rule
    occurrence    TEXT,                                  -- unique key of the nominal occurrence
    number        INTEGER,                               -- 1-based, as COUNT counts
    previous_id   TEXT,                                  -- the occurrence that this one followed
    touched       INTEGER NOT NULL,                      -- 1 once a person has changed this row
    next          TEXT,                                  -- JSON {occurrence, due, number, passed_over}, set with status
    completed_at  INTEGER,
    generation    INTEGER NOT NULL,                      -- steps with due, timezone, repeat, reminders, status, deletion
    generation_at INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    op TEXT NOT NULL, body_hash TEXT, actor TEXT NOT NULL, via TEXT NOT NULL, trace TEXT,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, deleted_at INTEGER,
    UNIQUE (series_id, occurrence)
) STRICT;
CREATE INDEX tasks_listed ON tasks (owner, COALESCE(due_at, 9223372036854775807), created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_owner ON tasks (owner, id);
CREATE INDEX tasks_by_previous ON tasks (previous_id) WHERE previous_id IS NOT NULL;

CREATE TABLE reminders (
    id            TEXT PRIMARY KEY,
    owner         TEXT NOT NULL REFERENCES users (id),   -- the recipient
    task_id       TEXT NOT NULL REFERENCES tasks (id),
    kind          TEXT NOT NULL CHECK (kind IN ('definition', 'snooze')),
    definition_id TEXT NOT NULL,                         -- a snooze: the id of the reminder that it follows
    occurrence    TEXT NOT NULL,                         -- '' where the task does not recur
    due           TEXT,                                  -- the task's due that this was planned from
    fire_at       INTEGER NOT NULL,
    generation    INTEGER NOT NULL,                      -- the task's, when planned
    state         TEXT NOT NULL CHECK (state IN ('planned', 'fired', 'cancelled', 'skipped')),
    fired_at      INTEGER,
    read_at       INTEGER,
    version       INTEGER NOT NULL,
    op TEXT NOT NULL, body_hash TEXT, actor TEXT NOT NULL, via TEXT NOT NULL, trace TEXT,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    UNIQUE (task_id, definition_id, occurrence, fire_at)
) STRICT;
CREATE INDEX reminders_planned ON reminders (fire_at) WHERE state = 'planned';
CREATE INDEX reminders_fired ON reminders (owner, fired_at, id) WHERE state = 'fired';

-- ---------------------------------------------------------------- derived and operational state (no trigger)

-- One row per task: what is wanted (a counter that triggers step) and what has been planned. The sweep plans every row
-- that lags, so that a lost event is a delay and nothing else.
CREATE TABLE plans (
    task_id TEXT PRIMARY KEY REFERENCES tasks (id),
    wanted  INTEGER NOT NULL,
    planned INTEGER NOT NULL DEFAULT 0,
    since   INTEGER NOT NULL,                            -- when `wanted` last stepped
    next_at INTEGER,                                     -- when it has to be planned again, without any change
    missed  INTEGER NOT NULL DEFAULT 0                   -- occurrences that came due while this one stayed open
) STRICT;
CREATE INDEX plans_lagging ON plans (since) WHERE planned < wanted;
CREATE INDEX plans_next ON plans (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE deliveries (
    id          TEXT PRIMARY KEY,                        -- the stable id outside: webhook-id
    reminder_id TEXT NOT NULL REFERENCES reminders (id),
    channel_id  TEXT NOT NULL REFERENCES channels (id),
    state       TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'failed')),
    tries       INTEGER NOT NULL DEFAULT 0,
    log         TEXT NOT NULL DEFAULT '[]',              -- JSON, one object a try: {at, outcome, ms}
    next_try    INTEGER,
    sent_at     INTEGER,
    created_at  INTEGER NOT NULL,
    UNIQUE (reminder_id, channel_id)
) STRICT;
CREATE INDEX deliveries_pending ON deliveries (next_try) WHERE state = 'pending';

-- Who is firing which reminder just now. Committed before the function is called; nothing stays open across the call.
CREATE TABLE claims (
    reminder_id TEXT PRIMARY KEY,
    worker      TEXT NOT NULL,
    until       INTEGER NOT NULL
) STRICT;

CREATE TABLE changes (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    position  INTEGER UNIQUE,                            -- gap-free, given by the relay after the commit
    tbl       TEXT NOT NULL,
    row_id    TEXT NOT NULL,
    owner     TEXT NOT NULL,
    kind      TEXT NOT NULL,                             -- created, updated, completed, …, planned, fired, …
    version   INTEGER NOT NULL,
    before    TEXT,                                      -- JSON image, NULL for an insert
    after     TEXT NOT NULL,
    op        TEXT NOT NULL,
    body_hash TEXT,
    actor     TEXT NOT NULL,
    via       TEXT NOT NULL,
    trace     TEXT,
    at        INTEGER NOT NULL,
    UNIQUE (op, tbl, row_id)
) STRICT;
CREATE INDEX changes_unpositioned ON changes (seq) WHERE position IS NULL;
CREATE INDEX changes_by_owner ON changes (owner, position);
CREATE INDEX changes_by_row ON changes (tbl, row_id, seq);

CREATE TABLE leases (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    fence  INTEGER NOT NULL,
    until  INTEGER NOT NULL
) STRICT;

-- What the relay and the consumer groups remember: 'positions' (last one given), 'published_through', 'group:<name>'.
CREATE TABLE watermarks (
    name     TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;

CREATE TABLE dead_letters (
    topic    TEXT NOT NULL,
    position INTEGER NOT NULL,
    event    TEXT NOT NULL,
    error    TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (topic, position)
) STRICT;

CREATE TABLE facts (
    name  TEXT PRIMARY KEY,                              -- 'tzdata': the version that plans were made with
    value TEXT NOT NULL
) STRICT;

-- ---------------------------------------------------------------- images: what events and history carry

CREATE VIEW task_image AS SELECT id, json_object(
    'title', title, 'notes', notes, 'project_id', project_id, 'priority', priority, 'tags', json(tags),
    'status', status, 'due', due, 'timezone', timezone,
    'due_at', strftime('%Y-%m-%dT%H:%M:%S', due_at / 1000000, 'unixepoch') || printf('.%03dZ', due_at / 1000 % 1000),
    'repeat', json(repeat), 'reminders', json(reminders), 'series_id', series_id, 'series_start', series_start,
    'occurrence', occurrence, 'number', number, 'next', json(next),
    'completed_at', strftime('%Y-%m-%dT%H:%M:%S', completed_at / 1000000, 'unixepoch') || printf('.%03dZ', completed_at / 1000 % 1000),
    'deleted_at', strftime('%Y-%m-%dT%H:%M:%S', deleted_at / 1000000, 'unixepoch') || printf('.%03dZ', deleted_at / 1000 % 1000)
) AS image FROM tasks;

CREATE VIEW reminder_image AS SELECT id, json_object(
    'task_id', task_id, 'kind', kind, 'definition_id', definition_id, 'occurrence', occurrence, 'state', state,
    'title', (SELECT title FROM tasks WHERE tasks.id = task_id),
    'due_for', strftime('%Y-%m-%dT%H:%M:%S', fire_at / 1000000, 'unixepoch') || printf('.%03dZ', fire_at / 1000 % 1000),
    'fired_at', strftime('%Y-%m-%dT%H:%M:%S', fired_at / 1000000, 'unixepoch') || printf('.%03dZ', fired_at / 1000 % 1000),
    'read_at', strftime('%Y-%m-%dT%H:%M:%S', read_at / 1000000, 'unixepoch') || printf('.%03dZ', read_at / 1000 % 1000)
) AS image FROM reminders;

CREATE VIEW project_image AS SELECT id, json_object(
    'name', name, 'kind', kind,
    'archived_at', strftime('%Y-%m-%dT%H:%M:%S', archived_at / 1000000, 'unixepoch') || printf('.%03dZ', archived_at / 1000 % 1000),
    'deleted_at', strftime('%Y-%m-%dT%H:%M:%S', deleted_at / 1000000, 'unixepoch') || printf('.%03dZ', deleted_at / 1000 % 1000)
) AS image FROM projects;

CREATE VIEW settings_image AS
SELECT user_id AS id, json_object('timezone', timezone, 'morning', morning) AS image FROM settings;

-- ---------------------------------------------------------------- the triggers that write `changes`

-- The before image is the row's last after image: every change is here, so the newest one is what was there before.
-- A statement that forgets `op` or `version` is refused: without them its event could not be told from another's.

CREATE TRIGGER settings_guard BEFORE UPDATE ON settings BEGIN
    SELECT RAISE(ABORT, 'punctual: op must change') WHERE NEW.op = OLD.op;
    SELECT RAISE(ABORT, 'punctual: version must step') WHERE NEW.version <> OLD.version + 1;
END;

CREATE TRIGGER settings_inserted AFTER INSERT ON settings BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'settings', NEW.user_id, NEW.user_id, 'created', NEW.version, NULL, image, NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM settings_image WHERE id = NEW.user_id;
END;

CREATE TRIGGER settings_updated AFTER UPDATE ON settings BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'settings', NEW.user_id, NEW.user_id, 'updated',
        NEW.version, (SELECT after FROM changes WHERE tbl = 'settings' AND row_id = NEW.user_id ORDER BY seq DESC LIMIT 1), image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM settings_image WHERE id = NEW.user_id;
END;

CREATE TRIGGER projects_guard BEFORE UPDATE ON projects BEGIN
    SELECT RAISE(ABORT, 'punctual: op must change') WHERE NEW.op = OLD.op;
    SELECT RAISE(ABORT, 'punctual: version must step') WHERE NEW.version <> OLD.version + 1;
END;

CREATE TRIGGER projects_inserted AFTER INSERT ON projects BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'projects', NEW.id, NEW.owner, 'created', NEW.version, NULL, image, NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM project_image WHERE id = NEW.id;
END;

CREATE TRIGGER projects_updated AFTER UPDATE ON projects BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'projects', NEW.id, NEW.owner, CASE
            WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN 'deleted'
            WHEN OLD.archived_at IS NULL AND NEW.archived_at IS NOT NULL THEN 'archived'
            WHEN OLD.archived_at IS NOT NULL AND NEW.archived_at IS NULL THEN 'restored'
            ELSE 'updated' END,
        NEW.version, (SELECT after FROM changes WHERE tbl = 'projects' AND row_id = NEW.id ORDER BY seq DESC LIMIT 1), image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM project_image WHERE id = NEW.id;
END;

CREATE TRIGGER tasks_guard BEFORE UPDATE ON tasks BEGIN
    SELECT RAISE(ABORT, 'punctual: op must change') WHERE NEW.op = OLD.op;
    SELECT RAISE(ABORT, 'punctual: version must step') WHERE NEW.version <> OLD.version + 1;
END;

CREATE TRIGGER tasks_inserted AFTER INSERT ON tasks BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'tasks', NEW.id, NEW.owner, 'created', NEW.version, NULL, image, NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM task_image WHERE id = NEW.id;
END;

CREATE TRIGGER tasks_updated AFTER UPDATE ON tasks BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'tasks', NEW.id, NEW.owner, CASE
            WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN 'deleted'
            WHEN OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN 'restored'
            WHEN OLD.status = 'open' AND NEW.status <> 'open' THEN NEW.status
            WHEN OLD.status <> 'open' AND NEW.status = 'open' THEN 'reopened'
            ELSE 'updated' END,
        NEW.version, (SELECT after FROM changes WHERE tbl = 'tasks' AND row_id = NEW.id ORDER BY seq DESC LIMIT 1), image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM task_image WHERE id = NEW.id;
END;

CREATE TRIGGER reminders_guard BEFORE UPDATE ON reminders BEGIN
    SELECT RAISE(ABORT, 'punctual: op must change') WHERE NEW.op = OLD.op;
    SELECT RAISE(ABORT, 'punctual: version must step') WHERE NEW.version <> OLD.version + 1;
END;

CREATE TRIGGER reminders_inserted AFTER INSERT ON reminders BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'reminders', NEW.id, NEW.owner, CASE WHEN NEW.kind = 'snooze' THEN 'snoozed' ELSE NEW.state END, NEW.version, NULL, image, NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM reminder_image WHERE id = NEW.id;
END;

CREATE TRIGGER reminders_updated AFTER UPDATE ON reminders BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'reminders', NEW.id, NEW.owner, CASE
            WHEN OLD.state <> NEW.state THEN NEW.state
            WHEN OLD.read_at IS NULL AND NEW.read_at IS NOT NULL THEN 'read'
            WHEN NEW.state = 'planned' THEN 'planned'
            ELSE 'updated' END,
        NEW.version, (SELECT after FROM changes WHERE tbl = 'reminders' AND row_id = NEW.id ORDER BY seq DESC LIMIT 1), image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM reminder_image WHERE id = NEW.id;
END;

-- ---------------------------------------------------------------- what must come along

CREATE TRIGGER users_inserted AFTER INSERT ON users BEGIN
    INSERT INTO settings (user_id, timezone, version, op, body_hash, actor, via, trace, created_at, updated_at)
    VALUES (NEW.id, NEW.timezone, 1, NEW.op, NEW.body_hash, NEW.id, 'register', NEW.trace, NEW.created_at, NEW.created_at);
    INSERT INTO projects (id, owner, name, kind, version, op, body_hash, actor, via, trace, created_at, updated_at)
    VALUES (NEW.inbox_id, NEW.id, 'Inbox', 'inbox', 1, NEW.op, NEW.body_hash, NEW.id, 'register', NEW.trace, NEW.created_at, NEW.created_at);
    INSERT INTO channels (id, user_id, kind, target, secret, created_at)
    VALUES (NEW.inbox_id || ':in-app', NEW.id, 'in-app', '', '', NEW.created_at);
    UPDATE invites SET used_by = NEW.id WHERE id = NEW.invite_id;
END;

CREATE TRIGGER tasks_want_plan_inserted AFTER INSERT ON tasks BEGIN
    INSERT INTO plans (task_id, wanted, since) VALUES (NEW.id, 1, NEW.updated_at);
END;

CREATE TRIGGER tasks_want_plan_updated AFTER UPDATE OF generation ON tasks WHEN NEW.generation <> OLD.generation BEGIN
    UPDATE plans SET wanted = wanted + 1, since = NEW.updated_at WHERE task_id = NEW.id;
END;

CREATE TRIGGER settings_want_plans AFTER UPDATE OF generation ON settings WHEN NEW.generation <> OLD.generation BEGIN
    UPDATE plans SET wanted = wanted + 1, since = NEW.updated_at WHERE task_id IN (
        SELECT id FROM tasks WHERE owner = NEW.user_id AND status = 'open' AND deleted_at IS NULL);
END;

-- A reminder that fires creates its deliveries, and wants the next one of a neglected series planned.
CREATE TRIGGER reminders_fired_deliveries AFTER UPDATE OF state ON reminders
WHEN OLD.state = 'planned' AND NEW.state = 'fired' BEGIN
    INSERT INTO deliveries (id, reminder_id, channel_id, state, next_try, created_at)
    SELECT NEW.id || '.' || channels.id, NEW.id, channels.id, 'pending', NEW.fired_at, NEW.fired_at
    FROM channels WHERE channels.user_id = NEW.owner AND channels.deleted_at IS NULL;
END;

-- A snooze takes the place of the reminder that it follows: a fired one is read, a planned one is cancelled.
CREATE TRIGGER reminders_snoozed AFTER INSERT ON reminders WHEN NEW.kind = 'snooze' BEGIN
    UPDATE reminders SET
        state = CASE state WHEN 'planned' THEN 'cancelled' ELSE state END,
        read_at = COALESCE(read_at, NEW.updated_at),
        version = version + 1, op = NEW.op, body_hash = NEW.body_hash, actor = NEW.actor, via = NEW.via,
        trace = NEW.trace, updated_at = NEW.updated_at
    WHERE id = NEW.definition_id AND state IN ('planned', 'fired');
END;

-- ---------------------------------------------------------------- views: a read is one row, the JSON of the answer

CREATE VIEW task_json AS SELECT
    t.id, t.owner, t.project_id, t.status, t.due_at, t.due, t.series_id, t.deleted_at, t.version, t.tags,
    json_object(
        'id', t.id, 'title', t.title, 'notes', t.notes, 'project_id', t.project_id, 'priority', t.priority,
        'tags', json(t.tags), 'status', t.status, 'due', t.due, 'timezone', t.timezone,
        'due_at', strftime('%Y-%m-%dT%H:%M:%S', t.due_at / 1000000, 'unixepoch') || printf('.%03dZ', t.due_at / 1000 % 1000),
        'repeat', json(t.repeat), 'reminders', json(t.reminders), 'series_id', t.series_id,
        'series_start', t.series_start, 'occurrence', t.occurrence, 'number', t.number, 'missed', COALESCE(p.missed, 0), 'next', json(t.next),
        'completed_at', strftime('%Y-%m-%dT%H:%M:%S', t.completed_at / 1000000, 'unixepoch') || printf('.%03dZ', t.completed_at / 1000 % 1000),
        'created_at', strftime('%Y-%m-%dT%H:%M:%S', t.created_at / 1000000, 'unixepoch') || printf('.%03dZ', t.created_at / 1000 % 1000),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%S', t.updated_at / 1000000, 'unixepoch') || printf('.%03dZ', t.updated_at / 1000 % 1000),
        'deleted_at', strftime('%Y-%m-%dT%H:%M:%S', t.deleted_at / 1000000, 'unixepoch') || printf('.%03dZ', t.deleted_at / 1000 % 1000),
        'version', t.version) AS json
FROM tasks t LEFT JOIN plans p ON p.task_id = t.id;

CREATE VIEW project_json AS SELECT
    id, owner, kind, archived_at, deleted_at, version,
    json_object(
        'id', id, 'name', name, 'kind', kind,
        'archived_at', strftime('%Y-%m-%dT%H:%M:%S', archived_at / 1000000, 'unixepoch') || printf('.%03dZ', archived_at / 1000 % 1000),
        'created_at', strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch') || printf('.%03dZ', created_at / 1000 % 1000),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%S', updated_at / 1000000, 'unixepoch') || printf('.%03dZ', updated_at / 1000 % 1000),
        'version', version) AS json
FROM projects;

CREATE VIEW channel_json AS SELECT
    id, user_id,
    json_object('id', id, 'kind', kind, 'target', target,
        'created_at', strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch') || printf('.%03dZ', created_at / 1000 % 1000)) AS json
FROM channels WHERE deleted_at IS NULL;

CREATE VIEW settings_json AS SELECT
    s.user_id, s.version,
    json_object(
        'timezone', s.timezone, 'morning', s.morning,
        'channels', json((SELECT json_group_array(json(c.json)) FROM
            (SELECT json FROM channel_json WHERE user_id = s.user_id ORDER BY id) c)),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%S', s.updated_at / 1000000, 'unixepoch') || printf('.%03dZ', s.updated_at / 1000 % 1000),
        'version', s.version) AS json
FROM settings s;

-- What fired: a notification is a fired reminder.
CREATE VIEW notification_json AS SELECT
    r.id, r.owner, r.fired_at, r.read_at,
    json_object(
        'id', r.id, 'task_id', r.task_id, 'title', t.title, 'due', t.due, 'timezone', t.timezone,
        'due_at', strftime('%Y-%m-%dT%H:%M:%S', t.due_at / 1000000, 'unixepoch') || printf('.%03dZ', t.due_at / 1000 % 1000),
        'occurrence', NULLIF(r.occurrence, ''),
        'due_for', strftime('%Y-%m-%dT%H:%M:%S', r.fire_at / 1000000, 'unixepoch') || printf('.%03dZ', r.fire_at / 1000 % 1000),
        'fired_at', strftime('%Y-%m-%dT%H:%M:%S', r.fired_at / 1000000, 'unixepoch') || printf('.%03dZ', r.fired_at / 1000 % 1000),
        'read_at', strftime('%Y-%m-%dT%H:%M:%S', r.read_at / 1000000, 'unixepoch') || printf('.%03dZ', r.read_at / 1000 % 1000),
        'task_status', t.status) AS json
FROM reminders r JOIN tasks t ON t.id = r.task_id WHERE r.state = 'fired';

-- The receipt: when it was meant to fire, when it did, and what each channel did with it.
CREATE VIEW reminder_json AS SELECT
    r.id, r.owner, r.task_id, r.state, r.fire_at,
    json_object(
        'id', r.id, 'task_id', r.task_id, 'kind', r.kind, 'definition_id', r.definition_id,
        'occurrence', NULLIF(r.occurrence, ''), 'state', r.state,
        'planned_at', strftime('%Y-%m-%dT%H:%M:%S', r.created_at / 1000000, 'unixepoch') || printf('.%03dZ', r.created_at / 1000 % 1000),
        'due_for', strftime('%Y-%m-%dT%H:%M:%S', r.fire_at / 1000000, 'unixepoch') || printf('.%03dZ', r.fire_at / 1000 % 1000),
        'fired_at', strftime('%Y-%m-%dT%H:%M:%S', r.fired_at / 1000000, 'unixepoch') || printf('.%03dZ', r.fired_at / 1000 % 1000),
        'lateness_ms', (r.fired_at - r.fire_at) / 1000,
        'read_at', strftime('%Y-%m-%dT%H:%M:%S', r.read_at / 1000000, 'unixepoch') || printf('.%03dZ', r.read_at / 1000 % 1000),
        'deliveries', json((SELECT json_group_array(json_object(
            'id', d.id, 'channel', d.kind, 'target', d.target, 'state', d.state, 'tries', json(d.log),
            'next_try', strftime('%Y-%m-%dT%H:%M:%S', d.next_try / 1000000, 'unixepoch') || printf('.%03dZ', d.next_try / 1000 % 1000),
            'sent_at', strftime('%Y-%m-%dT%H:%M:%S', d.sent_at / 1000000, 'unixepoch') || printf('.%03dZ', d.sent_at / 1000 % 1000)))
            FROM (SELECT deliveries.*, c.kind, c.target FROM deliveries JOIN channels c ON c.id = deliveries.channel_id
                  WHERE deliveries.reminder_id = r.id ORDER BY deliveries.id) d)),
        'version', r.version) AS json
FROM reminders r;

-- One change with only the fields that it touched, each before and after.
CREATE VIEW change_json AS SELECT
    c.seq, c.tbl, c.row_id, c.owner,
    json_object(
        'id', CAST(c.seq AS TEXT), 'kind', c.kind, 'version', c.version, 'actor', c.actor, 'via', c.via,
        'at', strftime('%Y-%m-%dT%H:%M:%S', c.at / 1000000, 'unixepoch') || printf('.%03dZ', c.at / 1000 % 1000),
        'fields', json(COALESCE((
            SELECT json_group_object(a.key, json_object(
                'before', CASE WHEN b.type IN ('object', 'array') THEN json(b.value) ELSE b.value END,
                'after', CASE WHEN a.type IN ('object', 'array') THEN json(a.value) ELSE a.value END))
            FROM json_each(c.after) a LEFT JOIN json_each(c.before) b ON b.key = a.key
            WHERE a.value IS NOT b.value), '{}'))) AS json
FROM changes c;
