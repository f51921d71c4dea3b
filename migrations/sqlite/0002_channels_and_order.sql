-- Order by hand, quiet hours, a language; e-mail, ntfy and web push as channels.
--
-- SQLite can't change a CHECK: `channels` is made anew, and with it the views and triggers that read it.

DROP VIEW settings_json;
DROP VIEW reminder_json;
DROP VIEW channel_json;
DROP TRIGGER users_inserted;
DROP TRIGGER reminders_fired_deliveries;

-- ---------------------------------------------------------------- tables

CREATE TABLE channels_new (
    id           TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id),
    kind         TEXT NOT NULL CHECK (kind IN ('in-app', 'webhook', 'email', 'ntfy', 'push')),
    target       TEXT NOT NULL,                          -- '' for in-app; an address for email; else a URL
    secret       TEXT NOT NULL,                          -- webhook: whsec_…; ntfy: '' or its access token; push: JSON {p256dh, auth}
    name         TEXT NOT NULL DEFAULT '',               -- what a person calls it: the browser of a push subscription
    confirmed_at INTEGER,                                -- email: when the address's owner said yes
    body_hash    TEXT,
    created_at   INTEGER NOT NULL,
    deleted_at   INTEGER
) STRICT;
INSERT INTO channels_new (id, user_id, kind, target, secret, body_hash, created_at, deleted_at)
SELECT id, user_id, kind, target, secret, body_hash, created_at, deleted_at FROM channels;
DROP TABLE channels;
ALTER TABLE channels_new RENAME TO channels;
CREATE INDEX channels_by_user ON channels (user_id) WHERE deleted_at IS NULL;
CREATE INDEX channels_by_subscription ON channels (target) WHERE kind = 'push' AND deleted_at IS NULL;

-- The mail that asks the owner of an address whether reminders may come there. The worker sends it.
CREATE TABLE confirmations (
    channel_id TEXT PRIMARY KEY REFERENCES channels (id),
    state      TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'failed')),
    tries      INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    next_try   INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX confirmations_pending ON confirmations (next_try) WHERE state = 'pending';

ALTER TABLE settings ADD COLUMN quiet_from TEXT;         -- HH:MM in the account's zone; both or neither
ALTER TABLE settings ADD COLUMN quiet_until TEXT;
ALTER TABLE settings ADD COLUMN language TEXT;           -- 'en', 'de'; NULL: what the browser says, English in mails
ALTER TABLE tasks ADD COLUMN rank TEXT NOT NULL DEFAULT ''; -- order by hand: text of [0-9a-z], compared as bytes; '' comes last
CREATE INDEX tasks_completed ON tasks (owner, completed_at, id) WHERE deleted_at IS NULL AND completed_at IS NOT NULL;

-- ---------------------------------------------------------------- images

DROP VIEW task_image;
CREATE VIEW task_image AS SELECT id, json_object(
    'title', title, 'notes', notes, 'project_id', project_id, 'priority', priority, 'tags', json(tags),
    'status', status, 'due', due, 'timezone', timezone,
    'due_at', strftime('%Y-%m-%dT%H:%M:%S', due_at / 1000000, 'unixepoch') || printf('.%03dZ', due_at / 1000 % 1000),
    'repeat', json(repeat), 'reminders', json(reminders), 'series_id', series_id, 'series_start', series_start,
    'occurrence', occurrence, 'number', number, 'next', json(next), 'rank', rank,
    'completed_at', strftime('%Y-%m-%dT%H:%M:%S', completed_at / 1000000, 'unixepoch') || printf('.%03dZ', completed_at / 1000 % 1000),
    'deleted_at', strftime('%Y-%m-%dT%H:%M:%S', deleted_at / 1000000, 'unixepoch') || printf('.%03dZ', deleted_at / 1000 % 1000)
) AS image FROM tasks;

DROP VIEW settings_image;
CREATE VIEW settings_image AS
SELECT user_id AS id, json_object(
    'timezone', timezone, 'morning', morning, 'quiet_from', quiet_from, 'quiet_until', quiet_until, 'language', language
) AS image FROM settings;

-- ---------------------------------------------------------------- triggers

CREATE TRIGGER users_inserted AFTER INSERT ON users BEGIN
    INSERT INTO settings (user_id, timezone, version, op, body_hash, actor, via, trace, created_at, updated_at)
    VALUES (NEW.id, NEW.timezone, 1, NEW.op, NEW.body_hash, NEW.id, 'register', NEW.trace, NEW.created_at, NEW.created_at);
    INSERT INTO projects (id, owner, name, kind, version, op, body_hash, actor, via, trace, created_at, updated_at)
    VALUES (NEW.inbox_id, NEW.id, 'Inbox', 'inbox', 1, NEW.op, NEW.body_hash, NEW.id, 'register', NEW.trace, NEW.created_at, NEW.created_at);
    INSERT INTO channels (id, user_id, kind, target, secret, created_at)
    VALUES (NEW.inbox_id || ':in-app', NEW.id, 'in-app', '', '', NEW.created_at);
    UPDATE invites SET used_by = NEW.id WHERE id = NEW.invite_id;
END;

CREATE TRIGGER reminders_fired_deliveries AFTER UPDATE OF state ON reminders
WHEN OLD.state = 'planned' AND NEW.state = 'fired' BEGIN
    INSERT INTO deliveries (id, reminder_id, channel_id, state, next_try, created_at)
    SELECT NEW.id || '.' || channels.id, NEW.id, channels.id, 'pending', NEW.fired_at, NEW.fired_at
    FROM channels WHERE channels.user_id = NEW.owner AND channels.deleted_at IS NULL
        AND (channels.kind <> 'email' OR channels.confirmed_at IS NOT NULL);
END;

CREATE TRIGGER channels_inserted_email AFTER INSERT ON channels WHEN NEW.kind = 'email' BEGIN
    INSERT INTO confirmations (channel_id, state, next_try, created_at) VALUES (NEW.id, 'pending', NEW.created_at, NEW.created_at);
END;

-- A browser's subscription belongs to the account that made it last: nobody else's reminders may appear there.
CREATE TRIGGER channels_inserted_push AFTER INSERT ON channels WHEN NEW.kind = 'push' BEGIN
    UPDATE channels SET deleted_at = NEW.created_at
    WHERE kind = 'push' AND target = NEW.target AND deleted_at IS NULL AND id <> NEW.id;
END;

-- Other quiet hours: what the old ones hold is looked at again. A delivery that was not tried yet waits for nothing else.
CREATE TRIGGER settings_quiet_changed AFTER UPDATE ON settings
WHEN NEW.quiet_from IS NOT OLD.quiet_from OR NEW.quiet_until IS NOT OLD.quiet_until OR NEW.timezone <> OLD.timezone BEGIN
    UPDATE deliveries SET next_try = NEW.updated_at
    WHERE state = 'pending' AND tries = 0 AND next_try > NEW.updated_at
        AND reminder_id IN (SELECT id FROM reminders WHERE owner = NEW.user_id AND state = 'fired');
END;

-- ---------------------------------------------------------------- views

DROP VIEW task_json;
CREATE VIEW task_json AS SELECT
    t.id, t.owner, t.project_id, t.status, t.due_at, t.due, t.completed_at, t.series_id, t.deleted_at, t.version, t.tags,
    json_object(
        'id', t.id, 'title', t.title, 'notes', t.notes, 'project_id', t.project_id, 'priority', t.priority,
        'tags', json(t.tags), 'status', t.status, 'due', t.due, 'timezone', t.timezone,
        'due_at', strftime('%Y-%m-%dT%H:%M:%S', t.due_at / 1000000, 'unixepoch') || printf('.%03dZ', t.due_at / 1000 % 1000),
        'repeat', json(t.repeat), 'reminders', json(t.reminders), 'series_id', t.series_id,
        'series_start', t.series_start, 'occurrence', t.occurrence, 'number', t.number, 'missed', COALESCE(p.missed, 0), 'next', json(t.next), 'rank', t.rank,
        'completed_at', strftime('%Y-%m-%dT%H:%M:%S', t.completed_at / 1000000, 'unixepoch') || printf('.%03dZ', t.completed_at / 1000 % 1000),
        'created_at', strftime('%Y-%m-%dT%H:%M:%S', t.created_at / 1000000, 'unixepoch') || printf('.%03dZ', t.created_at / 1000 % 1000),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%S', t.updated_at / 1000000, 'unixepoch') || printf('.%03dZ', t.updated_at / 1000 % 1000),
        'deleted_at', strftime('%Y-%m-%dT%H:%M:%S', t.deleted_at / 1000000, 'unixepoch') || printf('.%03dZ', t.deleted_at / 1000 % 1000),
        'version', t.version) AS json
FROM tasks t LEFT JOIN plans p ON p.task_id = t.id;

CREATE VIEW channel_json AS SELECT
    id, user_id,
    json_object('id', id, 'kind', kind, 'target', target, 'name', NULLIF(name, ''),
        'state', CASE WHEN kind = 'email' AND confirmed_at IS NULL THEN 'unconfirmed' ELSE 'active' END,
        'created_at', strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch') || printf('.%03dZ', created_at / 1000 % 1000)) AS json
FROM channels WHERE deleted_at IS NULL;

CREATE VIEW settings_json AS SELECT
    s.user_id, s.version,
    json_object(
        'timezone', s.timezone, 'morning', s.morning, 'quiet_from', s.quiet_from, 'quiet_until', s.quiet_until,
        'language', s.language,
        'channels', json((SELECT json_group_array(json(c.json)) FROM
            (SELECT json FROM channel_json WHERE user_id = s.user_id ORDER BY id) c)),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%S', s.updated_at / 1000000, 'unixepoch') || printf('.%03dZ', s.updated_at / 1000 % 1000),
        'version', s.version) AS json
FROM settings s;

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
