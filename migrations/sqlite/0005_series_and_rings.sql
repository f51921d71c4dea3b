-- A start; what is for one occurrence alone; reminders that ring until they are acknowledged; a project's own reminders.

ALTER TABLE tasks ADD COLUMN start TEXT;                                  -- local date or date-time: when it can be begun
ALTER TABLE tasks ADD COLUMN later TEXT;                                  -- JSON: what later occurrences have in place of this one's own
ALTER TABLE reminders ADD COLUMN repetition INTEGER NOT NULL DEFAULT 0;   -- how often it rang before, unacknowledged
ALTER TABLE reminders ADD COLUMN again_every INTEGER;                     -- microseconds from one ring to the next
ALTER TABLE reminders ADD COLUMN again_left INTEGER NOT NULL DEFAULT 0;   -- how often it rings again at most
ALTER TABLE projects ADD COLUMN reminders TEXT NOT NULL DEFAULT '[]';     -- JSON array of definitions, for new tasks

-- ---------------------------------------------------------------- images

DROP VIEW task_image;
CREATE VIEW task_image AS SELECT id, json_object(
    'title', title, 'notes', notes, 'project_id', project_id, 'priority', priority, 'tags', json(tags),
    'status', status, 'start', start, 'due', due, 'timezone', timezone,
    'due_at', strftime('%Y-%m-%dT%H:%M:%S', due_at / 1000000, 'unixepoch') || printf('.%03dZ', due_at / 1000 % 1000),
    'repeat', json(repeat), 'reminders', json(reminders), 'later', json(later), 'series_id', series_id, 'series_start', series_start,
    'occurrence', occurrence, 'number', number, 'next', json(next), 'rank', rank,
    'completed_at', strftime('%Y-%m-%dT%H:%M:%S', completed_at / 1000000, 'unixepoch') || printf('.%03dZ', completed_at / 1000 % 1000),
    'deleted_at', strftime('%Y-%m-%dT%H:%M:%S', deleted_at / 1000000, 'unixepoch') || printf('.%03dZ', deleted_at / 1000 % 1000)
) AS image FROM tasks;

DROP VIEW reminder_image;
CREATE VIEW reminder_image AS SELECT id, json_object(
    'task_id', task_id, 'kind', kind, 'definition_id', definition_id, 'occurrence', occurrence, 'repetition', repetition,
    'state', state, 'title', (SELECT title FROM tasks WHERE tasks.id = task_id),
    'due_for', strftime('%Y-%m-%dT%H:%M:%S', fire_at / 1000000, 'unixepoch') || printf('.%03dZ', fire_at / 1000 % 1000),
    'fired_at', strftime('%Y-%m-%dT%H:%M:%S', fired_at / 1000000, 'unixepoch') || printf('.%03dZ', fired_at / 1000 % 1000),
    'read_at', strftime('%Y-%m-%dT%H:%M:%S', read_at / 1000000, 'unixepoch') || printf('.%03dZ', read_at / 1000 % 1000)
) AS image FROM reminders;

DROP VIEW project_image;
CREATE VIEW project_image AS SELECT id, json_object(
    'name', name, 'kind', kind, 'reminders', json(reminders),
    'archived_at', strftime('%Y-%m-%dT%H:%M:%S', archived_at / 1000000, 'unixepoch') || printf('.%03dZ', archived_at / 1000 % 1000),
    'deleted_at', strftime('%Y-%m-%dT%H:%M:%S', deleted_at / 1000000, 'unixepoch') || printf('.%03dZ', deleted_at / 1000 % 1000)
) AS image FROM projects;

-- ---------------------------------------------------------------- triggers

DROP TRIGGER reminders_inserted;
CREATE TRIGGER reminders_inserted AFTER INSERT ON reminders BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'reminders', NEW.id, NEW.owner, CASE WHEN NEW.kind = 'snooze' AND NEW.repetition = 0 THEN 'snoozed' ELSE NEW.state END,
        NEW.version, NULL, image, NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM reminder_image WHERE id = NEW.id;
END;

DROP TRIGGER reminders_snoozed;
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

-- ---------------------------------------------------------------- views

DROP VIEW task_json;
CREATE VIEW task_json AS SELECT
    t.id, t.owner, t.project_id, t.status, t.due_at, t.due, t.completed_at, t.series_id, t.deleted_at, t.version, t.tags,
    json_object(
        'id', t.id, 'title', t.title, 'notes', t.notes, 'project_id', t.project_id, 'priority', t.priority,
        'tags', json(t.tags), 'status', t.status, 'start', t.start, 'due', t.due, 'timezone', t.timezone,
        'due_at', strftime('%Y-%m-%dT%H:%M:%S', t.due_at / 1000000, 'unixepoch') || printf('.%03dZ', t.due_at / 1000 % 1000),
        'repeat', json(t.repeat), 'reminders', json(t.reminders), 'later', json(t.later), 'series_id', t.series_id,
        'series_start', t.series_start, 'occurrence', t.occurrence, 'number', t.number, 'missed', COALESCE(p.missed, 0), 'next', json(t.next), 'rank', t.rank,
        'completed_at', strftime('%Y-%m-%dT%H:%M:%S', t.completed_at / 1000000, 'unixepoch') || printf('.%03dZ', t.completed_at / 1000 % 1000),
        'created_at', strftime('%Y-%m-%dT%H:%M:%S', t.created_at / 1000000, 'unixepoch') || printf('.%03dZ', t.created_at / 1000 % 1000),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%S', t.updated_at / 1000000, 'unixepoch') || printf('.%03dZ', t.updated_at / 1000 % 1000),
        'deleted_at', strftime('%Y-%m-%dT%H:%M:%S', t.deleted_at / 1000000, 'unixepoch') || printf('.%03dZ', t.deleted_at / 1000 % 1000),
        'version', t.version) AS json
FROM tasks t LEFT JOIN plans p ON p.task_id = t.id;

DROP VIEW project_json;
CREATE VIEW project_json AS SELECT
    id, owner, kind, archived_at, deleted_at, version,
    json_object(
        'id', id, 'name', name, 'kind', kind, 'reminders', json(reminders),
        'archived_at', strftime('%Y-%m-%dT%H:%M:%S', archived_at / 1000000, 'unixepoch') || printf('.%03dZ', archived_at / 1000 % 1000),
        'created_at', strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch') || printf('.%03dZ', created_at / 1000 % 1000),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%S', updated_at / 1000000, 'unixepoch') || printf('.%03dZ', updated_at / 1000 % 1000),
        'version', version) AS json
FROM projects;

DROP VIEW reminder_json;
CREATE VIEW reminder_json AS SELECT
    r.id, r.owner, r.task_id, r.state, r.fire_at,
    json_object(
        'id', r.id, 'task_id', r.task_id, 'kind', r.kind, 'definition_id', r.definition_id,
        'occurrence', NULLIF(r.occurrence, ''), 'repetition', r.repetition, 'again_left', r.again_left, 'state', r.state,
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
