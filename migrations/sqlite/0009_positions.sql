-- A change has its position from the statement that makes it: SQLite has one writer at a time, so the order in which rows
-- come is the order of their commits, and what is rolled back gives its positions back. `positions` is the last one given.

INSERT INTO watermarks (name, position) VALUES ('positions', 0) ON CONFLICT (name) DO NOTHING;
UPDATE changes SET position = next.position
FROM (SELECT seq, row_number() OVER (ORDER BY seq)
          + (SELECT position FROM watermarks WHERE name = 'positions') AS position
      FROM changes WHERE position IS NULL) AS next
WHERE changes.seq = next.seq;
UPDATE watermarks SET position = max(position, COALESCE((SELECT max(position) FROM changes), 0)) WHERE name = 'positions';
DROP INDEX changes_unpositioned;

CREATE TRIGGER changes_positioned AFTER INSERT ON changes BEGIN
    SELECT RAISE(ABORT, 'punctual: a change without a position') WHERE NEW.position IS NULL;
    UPDATE watermarks SET position = NEW.position WHERE name = 'positions';
END;

DROP TRIGGER settings_inserted;
CREATE TRIGGER settings_inserted AFTER INSERT ON settings BEGIN
    INSERT INTO changes (position, tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT (SELECT position + 1 FROM watermarks WHERE name = 'positions'),
        'settings', NEW.user_id, NEW.user_id, 'created', NEW.version, NULL, image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM settings_image WHERE id = NEW.user_id;
END;

DROP TRIGGER settings_updated;
CREATE TRIGGER settings_updated AFTER UPDATE ON settings BEGIN
    INSERT INTO changes (position, tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT (SELECT position + 1 FROM watermarks WHERE name = 'positions'),
        'settings', NEW.user_id, NEW.user_id, 'updated',
        NEW.version, (SELECT after FROM changes WHERE tbl = 'settings' AND row_id = NEW.user_id ORDER BY seq DESC LIMIT 1), image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM settings_image WHERE id = NEW.user_id;
END;

DROP TRIGGER projects_inserted;
CREATE TRIGGER projects_inserted AFTER INSERT ON projects BEGIN
    INSERT INTO changes (position, tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT (SELECT position + 1 FROM watermarks WHERE name = 'positions'),
        'projects', NEW.id, NEW.owner, 'created', NEW.version, NULL, image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM project_image WHERE id = NEW.id;
END;

DROP TRIGGER projects_updated;
CREATE TRIGGER projects_updated AFTER UPDATE ON projects BEGIN
    INSERT INTO changes (position, tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT (SELECT position + 1 FROM watermarks WHERE name = 'positions'),
        'projects', NEW.id, NEW.owner, CASE
            WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN 'deleted'
            WHEN OLD.archived_at IS NULL AND NEW.archived_at IS NOT NULL THEN 'archived'
            WHEN OLD.archived_at IS NOT NULL AND NEW.archived_at IS NULL THEN 'restored'
            ELSE 'updated' END,
        NEW.version, (SELECT after FROM changes WHERE tbl = 'projects' AND row_id = NEW.id ORDER BY seq DESC LIMIT 1), image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM project_image WHERE id = NEW.id;
END;

DROP TRIGGER tasks_inserted;
CREATE TRIGGER tasks_inserted AFTER INSERT ON tasks BEGIN
    INSERT INTO changes (position, tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT (SELECT position + 1 FROM watermarks WHERE name = 'positions'),
        'tasks', NEW.id, NEW.owner, 'created', NEW.version, NULL, image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM task_image WHERE id = NEW.id;
END;

DROP TRIGGER tasks_updated;
CREATE TRIGGER tasks_updated AFTER UPDATE ON tasks BEGIN
    INSERT INTO changes (position, tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT (SELECT position + 1 FROM watermarks WHERE name = 'positions'),
        'tasks', NEW.id, NEW.owner, CASE
            WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN 'deleted'
            WHEN OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN 'restored'
            WHEN OLD.status = 'open' AND NEW.status <> 'open' THEN NEW.status
            WHEN OLD.status <> 'open' AND NEW.status = 'open' THEN 'reopened'
            ELSE 'updated' END,
        NEW.version, (SELECT after FROM changes WHERE tbl = 'tasks' AND row_id = NEW.id ORDER BY seq DESC LIMIT 1), image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM task_image WHERE id = NEW.id;
END;

DROP TRIGGER reminders_inserted;
CREATE TRIGGER reminders_inserted AFTER INSERT ON reminders BEGIN
    INSERT INTO changes (position, tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT (SELECT position + 1 FROM watermarks WHERE name = 'positions'),
        'reminders', NEW.id, NEW.owner, CASE WHEN NEW.kind = 'snooze' AND NEW.repetition = 0 THEN 'snoozed' ELSE NEW.state END,
        NEW.version, NULL, image, NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM reminder_image WHERE id = NEW.id;
END;

DROP TRIGGER reminders_updated;
CREATE TRIGGER reminders_updated AFTER UPDATE ON reminders BEGIN
    INSERT INTO changes (position, tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT (SELECT position + 1 FROM watermarks WHERE name = 'positions'),
        'reminders', NEW.id, NEW.owner, CASE
            WHEN OLD.state <> NEW.state THEN NEW.state
            WHEN OLD.read_at IS NULL AND NEW.read_at IS NOT NULL THEN 'read'
            WHEN NEW.state = 'planned' THEN 'planned'
            ELSE 'updated' END,
        NEW.version, (SELECT after FROM changes WHERE tbl = 'reminders' AND row_id = NEW.id ORDER BY seq DESC LIMIT 1), image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM reminder_image WHERE id = NEW.id;
END;

-- SQLite runs triggers of one event in an order that follows from when they were made, and what these do is a change, too:
-- made anew, as they were, they come in the order that they had.

DROP TRIGGER reminders_snoozed;
CREATE TRIGGER reminders_snoozed AFTER INSERT ON reminders WHEN NEW.kind = 'snooze' AND NEW.repetition = 0 BEGIN
    UPDATE reminders SET
        state = CASE state WHEN 'planned' THEN 'cancelled' ELSE state END,
        read_at = COALESCE(read_at, NEW.updated_at),
        version = version + 1, op = NEW.op, body_hash = NEW.body_hash, actor = NEW.actor, via = NEW.via,
        trace = NEW.trace, updated_at = NEW.updated_at
    WHERE id = NEW.definition_id AND state IN ('planned', 'fired');
END;

DROP TRIGGER reminders_want_again;
CREATE TRIGGER reminders_want_again AFTER UPDATE OF state ON reminders
WHEN OLD.state = 'planned' AND NEW.state = 'fired' AND NEW.again_left > 0 BEGIN
    INSERT INTO reminders (id, owner, task_id, kind, definition_id, occurrence, due, fire_at, generation, state, repetition,
        again_every, again_left, version, op, body_hash, actor, via, trace, created_at, updated_at)
    SELECT substr(NEW.id, 1, 36) || '-' || (NEW.repetition + 1), NEW.owner, NEW.task_id, NEW.kind, NEW.definition_id,
        NEW.occurrence, NEW.due, NEW.fired_at + NEW.again_every, NEW.generation, 'planned', NEW.repetition + 1,
        NEW.again_every, NEW.again_left - 1, 1, NEW.op, NULL, NEW.actor, NEW.via, NEW.trace, NEW.fired_at, NEW.fired_at
    WHERE 1 ON CONFLICT DO NOTHING;
END;

DROP TRIGGER reminders_want_no_more;
CREATE TRIGGER reminders_want_no_more AFTER UPDATE OF read_at ON reminders
WHEN OLD.read_at IS NULL AND NEW.read_at IS NOT NULL AND NEW.again_left > 0 BEGIN
    UPDATE reminders SET state = 'cancelled', version = version + 1, op = NEW.op, body_hash = NEW.body_hash,
        actor = NEW.actor, via = NEW.via, trace = NEW.trace, updated_at = NEW.updated_at
    WHERE task_id = NEW.task_id AND definition_id = NEW.definition_id AND occurrence = NEW.occurrence
        AND repetition > NEW.repetition AND state = 'planned';
END;

INSERT INTO facts (name, value) VALUES ('schema_serves', '6')
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
