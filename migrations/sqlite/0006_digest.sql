-- The daily digest: a reminder of no task, which tells what the day holds.
--
-- SQLite can't change a CHECK or take a NOT NULL away: `reminders` is made anew, and with it the views and triggers that
-- read it.

DROP VIEW reminder_image;
DROP VIEW notification_json;
DROP VIEW reminder_json;
DROP TRIGGER settings_quiet_changed;

-- ---------------------------------------------------------------- tables

CREATE TABLE reminders_new (
    id            TEXT PRIMARY KEY,
    owner         TEXT NOT NULL REFERENCES users (id),   -- the recipient
    task_id       TEXT REFERENCES tasks (id),            -- NULL for a digest alone
    kind          TEXT NOT NULL CHECK (kind IN ('definition', 'snooze', 'digest')),
    definition_id TEXT NOT NULL,                         -- a snooze: the id of the reminder that it follows
    occurrence    TEXT NOT NULL,                         -- '' where the task does not recur; of a digest its local day
    due           TEXT,                                  -- the task's due that this was planned from
    fire_at       INTEGER NOT NULL,
    generation    INTEGER NOT NULL,                      -- the task's, when planned
    state         TEXT NOT NULL CHECK (state IN ('planned', 'fired', 'cancelled', 'skipped')),
    fired_at      INTEGER,
    read_at       INTEGER,
    version       INTEGER NOT NULL,
    op TEXT NOT NULL, body_hash TEXT, actor TEXT NOT NULL, via TEXT NOT NULL, trace TEXT,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    repetition    INTEGER NOT NULL DEFAULT 0,            -- how often it rang before, unacknowledged
    again_every   INTEGER,                               -- microseconds from one ring to the next
    again_left    INTEGER NOT NULL DEFAULT 0,            -- how often it rings again at most
    digest        TEXT,                                  -- JSON: what a digest told
    CHECK ((kind = 'digest') = (task_id IS NULL)),
    UNIQUE (task_id, definition_id, occurrence, fire_at)
) STRICT;
INSERT INTO reminders_new SELECT id, owner, task_id, kind, definition_id, occurrence, due, fire_at, generation, state, fired_at,
    read_at, version, op, body_hash, actor, via, trace, created_at, updated_at, repetition, again_every, again_left, NULL
FROM reminders;
DROP TABLE reminders;
ALTER TABLE reminders_new RENAME TO reminders;
CREATE INDEX reminders_planned ON reminders (fire_at) WHERE state = 'planned';
CREATE INDEX reminders_fired ON reminders (owner, fired_at, id) WHERE state = 'fired';
-- One digest a day, whatever comes twice.
CREATE UNIQUE INDEX reminders_digests ON reminders (owner, occurrence) WHERE kind = 'digest';

ALTER TABLE settings ADD COLUMN digest TEXT;             -- HH:MM in the account's zone; NULL: none

-- Who gets a digest. What came due after `since` is still to be told.
CREATE TABLE digests (
    user_id TEXT PRIMARY KEY REFERENCES users (id),
    since   INTEGER NOT NULL,
    next_at INTEGER NOT NULL                             -- when to look; 0: at once, because it has to be worked out anew
) STRICT;
CREATE INDEX digests_next ON digests (next_at);

-- ---------------------------------------------------------------- images

CREATE VIEW reminder_image AS SELECT id, json_object(
    'task_id', task_id, 'kind', kind, 'definition_id', definition_id, 'occurrence', occurrence, 'repetition', repetition,
    'state', state, 'title', (SELECT title FROM tasks WHERE tasks.id = task_id),
    'due_for', strftime('%Y-%m-%dT%H:%M:%S', fire_at / 1000000, 'unixepoch') || printf('.%03dZ', fire_at / 1000 % 1000),
    'fired_at', strftime('%Y-%m-%dT%H:%M:%S', fired_at / 1000000, 'unixepoch') || printf('.%03dZ', fired_at / 1000 % 1000),
    'read_at', strftime('%Y-%m-%dT%H:%M:%S', read_at / 1000000, 'unixepoch') || printf('.%03dZ', read_at / 1000 % 1000)
) AS image FROM reminders;

DROP VIEW settings_image;
CREATE VIEW settings_image AS
SELECT user_id AS id, json_object(
    'timezone', timezone, 'morning', morning, 'quiet_from', quiet_from, 'quiet_until', quiet_until, 'language', language, 'digest', digest
) AS image FROM settings;

-- ---------------------------------------------------------------- triggers

CREATE TRIGGER reminders_guard BEFORE UPDATE ON reminders BEGIN
    SELECT RAISE(ABORT, 'punctual: op must change') WHERE NEW.op = OLD.op;
    SELECT RAISE(ABORT, 'punctual: version must step') WHERE NEW.version <> OLD.version + 1;
END;

CREATE TRIGGER reminders_inserted AFTER INSERT ON reminders BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'reminders', NEW.id, NEW.owner, CASE WHEN NEW.kind = 'snooze' AND NEW.repetition = 0 THEN 'snoozed' ELSE NEW.state END,
        NEW.version, NULL, image, NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
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

CREATE TRIGGER reminders_fired_deliveries AFTER UPDATE OF state ON reminders
WHEN OLD.state = 'planned' AND NEW.state = 'fired' BEGIN
    INSERT INTO deliveries (id, reminder_id, channel_id, state, next_try, created_at)
    SELECT NEW.id || '.' || channels.id, NEW.id, channels.id, 'pending', NEW.fired_at, NEW.fired_at
    FROM channels WHERE channels.user_id = NEW.owner AND channels.deleted_at IS NULL
        AND (channels.kind <> 'email' OR channels.confirmed_at IS NOT NULL);
END;

-- A digest is not planned before: its row comes when it is told.
CREATE TRIGGER reminders_digest_deliveries AFTER INSERT ON reminders
WHEN NEW.kind = 'digest' BEGIN
    INSERT INTO deliveries (id, reminder_id, channel_id, state, next_try, created_at)
    SELECT NEW.id || '.' || channels.id, NEW.id, channels.id, 'pending', NEW.fired_at, NEW.fired_at
    FROM channels WHERE channels.user_id = NEW.owner AND channels.deleted_at IS NULL
        AND (channels.kind <> 'email' OR channels.confirmed_at IS NOT NULL);
END;

CREATE TRIGGER reminders_snoozed AFTER INSERT ON reminders WHEN NEW.kind = 'snooze' AND NEW.repetition = 0 BEGIN
    UPDATE reminders SET
        state = CASE state WHEN 'planned' THEN 'cancelled' ELSE state END,
        read_at = COALESCE(read_at, NEW.updated_at),
        version = version + 1, op = NEW.op, body_hash = NEW.body_hash, actor = NEW.actor, via = NEW.via,
        trace = NEW.trace, updated_at = NEW.updated_at
    WHERE id = NEW.definition_id AND state IN ('planned', 'fired');
END;

-- What nobody has acknowledged rings again, counted from when it rang.
CREATE TRIGGER reminders_want_again AFTER UPDATE OF state ON reminders
WHEN OLD.state = 'planned' AND NEW.state = 'fired' AND NEW.again_left > 0 BEGIN
    INSERT INTO reminders (id, owner, task_id, kind, definition_id, occurrence, due, fire_at, generation, state, repetition,
        again_every, again_left, version, op, body_hash, actor, via, trace, created_at, updated_at)
    SELECT substr(NEW.id, 1, 36) || '-' || (NEW.repetition + 1), NEW.owner, NEW.task_id, NEW.kind, NEW.definition_id,
        NEW.occurrence, NEW.due, NEW.fired_at + NEW.again_every, NEW.generation, 'planned', NEW.repetition + 1,
        NEW.again_every, NEW.again_left - 1, 1, NEW.op, NULL, NEW.actor, NEW.via, NEW.trace, NEW.fired_at, NEW.fired_at
    WHERE 1 ON CONFLICT DO NOTHING;
END;

-- Read, acknowledged, put off: it does not ring again.
CREATE TRIGGER reminders_want_no_more AFTER UPDATE OF read_at ON reminders
WHEN OLD.read_at IS NULL AND NEW.read_at IS NOT NULL AND NEW.again_left > 0 BEGIN
    UPDATE reminders SET state = 'cancelled', version = version + 1, op = NEW.op, body_hash = NEW.body_hash,
        actor = NEW.actor, via = NEW.via, trace = NEW.trace, updated_at = NEW.updated_at
    WHERE task_id = NEW.task_id AND definition_id = NEW.definition_id AND occurrence = NEW.occurrence
        AND repetition > NEW.repetition AND state = 'planned';
END;

-- Other quiet hours: what the old ones hold is looked at again. A delivery that was not tried yet waits for nothing else.
CREATE TRIGGER settings_quiet_changed AFTER UPDATE ON settings
WHEN NEW.quiet_from IS NOT OLD.quiet_from OR NEW.quiet_until IS NOT OLD.quiet_until OR NEW.timezone <> OLD.timezone BEGIN
    UPDATE deliveries SET next_try = NEW.updated_at
    WHERE state = 'pending' AND tries = 0 AND next_try > NEW.updated_at
        AND reminder_id IN (SELECT id FROM reminders WHERE owner = NEW.user_id AND state = 'fired');
END;

-- Another time or zone counts from now on: what it would have been this morning is not told now.
CREATE TRIGGER settings_digest AFTER UPDATE ON settings WHEN NEW.digest IS NOT OLD.digest OR NEW.timezone <> OLD.timezone BEGIN
    DELETE FROM digests WHERE user_id = NEW.user_id;
    INSERT INTO digests (user_id, since, next_at) SELECT NEW.user_id, NEW.updated_at, 0 WHERE NEW.digest IS NOT NULL;
END;

-- ---------------------------------------------------------------- views

DROP VIEW settings_json;
CREATE VIEW settings_json AS SELECT
    s.user_id, s.version,
    json_object(
        'timezone', s.timezone, 'morning', s.morning, 'quiet_from', s.quiet_from, 'quiet_until', s.quiet_until,
        'language', s.language, 'digest', s.digest,
        'channels', json((SELECT json_group_array(json(c.json)) FROM
            (SELECT json FROM channel_json WHERE user_id = s.user_id ORDER BY id) c)),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%S', s.updated_at / 1000000, 'unixepoch') || printf('.%03dZ', s.updated_at / 1000 % 1000),
        'version', s.version) AS json
FROM settings s;

CREATE VIEW notification_json AS SELECT
    r.id, r.owner, r.fired_at, r.read_at,
    json_object(
        'id', r.id, 'kind', r.kind, 'task_id', r.task_id, 'title', t.title, 'due', t.due, 'timezone', t.timezone,
        'due_at', strftime('%Y-%m-%dT%H:%M:%S', t.due_at / 1000000, 'unixepoch') || printf('.%03dZ', t.due_at / 1000 % 1000),
        'occurrence', NULLIF(r.occurrence, ''),
        'due_for', strftime('%Y-%m-%dT%H:%M:%S', r.fire_at / 1000000, 'unixepoch') || printf('.%03dZ', r.fire_at / 1000 % 1000),
        'fired_at', strftime('%Y-%m-%dT%H:%M:%S', r.fired_at / 1000000, 'unixepoch') || printf('.%03dZ', r.fired_at / 1000 % 1000),
        'read_at', strftime('%Y-%m-%dT%H:%M:%S', r.read_at / 1000000, 'unixepoch') || printf('.%03dZ', r.read_at / 1000 % 1000),
        'task_status', t.status, 'digest', json(r.digest)) AS json
FROM reminders r LEFT JOIN tasks t ON t.id = r.task_id WHERE r.state = 'fired';

CREATE VIEW reminder_json AS SELECT
    r.id, r.owner, r.task_id, r.state, r.fire_at,
    json_object(
        'id', r.id, 'task_id', r.task_id, 'kind', r.kind, 'definition_id', r.definition_id,
        'occurrence', NULLIF(r.occurrence, ''), 'repetition', r.repetition, 'again_left', r.again_left, 'state', r.state, 'digest', json(r.digest),
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
