-- A start; what is for one occurrence alone; reminders that ring until they are acknowledged; a project's own reminders.

ALTER TABLE tasks ADD COLUMN start TEXT COLLATE "C";                -- local date or date-time: when it can be begun
ALTER TABLE tasks ADD COLUMN later TEXT COLLATE "C";                -- JSON: what later occurrences have in place of this one's own
ALTER TABLE reminders ADD COLUMN repetition BIGINT NOT NULL DEFAULT 0; -- how often it rang before, unacknowledged
ALTER TABLE reminders ADD COLUMN again_every BIGINT;                -- microseconds from one ring to the next
ALTER TABLE reminders ADD COLUMN again_left BIGINT NOT NULL DEFAULT 0; -- how often it rings again at most
ALTER TABLE projects ADD COLUMN reminders TEXT COLLATE "C" NOT NULL DEFAULT '[]'; -- JSON array of definitions, for new tasks

-- ---------------------------------------------------------------- images

CREATE OR REPLACE VIEW task_image AS SELECT id, concat(
    '{"title":', json_text(title), ',"notes":', json_text(notes), ',"project_id":', json_text(project_id),
    ',"priority":', json_text(priority), ',"tags":', tags, ',"status":', json_text(status), ',"start":', json_text(start),
    ',"due":', json_text(due), ',"timezone":', json_text(timezone), ',"due_at":', json_instant(due_at),
    ',"repeat":', coalesce(repeat, 'null'), ',"reminders":', reminders, ',"later":', coalesce(later, 'null'),
    ',"series_id":', json_text(series_id), ',"series_start":', json_text(series_start),
    ',"occurrence":', json_text(occurrence), ',"number":', json_number(number), ',"next":', coalesce(next, 'null'),
    ',"rank":', json_text(rank), ',"completed_at":', json_instant(completed_at), ',"deleted_at":', json_instant(deleted_at),
    '}') AS image FROM tasks;

CREATE OR REPLACE VIEW reminder_image AS SELECT id, concat(
    '{"task_id":', json_text(task_id), ',"kind":', json_text(kind), ',"definition_id":', json_text(definition_id),
    ',"occurrence":', json_text(occurrence), ',"repetition":', repetition, ',"state":', json_text(state),
    ',"title":', json_text((SELECT title FROM tasks WHERE tasks.id = task_id)), ',"due_for":', json_instant(fire_at),
    ',"fired_at":', json_instant(fired_at), ',"read_at":', json_instant(read_at), '}') AS image FROM reminders;

CREATE OR REPLACE VIEW project_image AS SELECT id, concat(
    '{"name":', json_text(name), ',"kind":', json_text(kind), ',"reminders":', reminders,
    ',"archived_at":', json_instant(archived_at), ',"deleted_at":', json_instant(deleted_at), '}') AS image FROM projects;

-- ---------------------------------------------------------------- triggers

CREATE OR REPLACE FUNCTION reminders_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'reminders', NEW.id, NEW.owner, CASE WHEN NEW.kind = 'snooze' AND NEW.repetition = 0 THEN 'snoozed' ELSE NEW.state END,
        NEW.version, NULL, image, NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM reminder_image WHERE id = NEW.id;
    RETURN NULL;
END $$;

DROP TRIGGER reminders_end_snoozed ON reminders;
CREATE TRIGGER reminders_end_snoozed AFTER INSERT ON reminders FOR EACH ROW
    WHEN (NEW.kind = 'snooze' AND NEW.repetition = 0) EXECUTE FUNCTION reminders_snoozed();

-- What nobody has acknowledged rings again, counted from when it rang.
CREATE FUNCTION reminders_want_again() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    INSERT INTO reminders (id, owner, task_id, kind, definition_id, occurrence, due, fire_at, generation, state, repetition,
        again_every, again_left, version, op, body_hash, actor, via, trace, created_at, updated_at)
    SELECT left(later.id, 36) || '-' || (later.repetition + 1), later.owner, later.task_id, later.kind, later.definition_id,
        later.occurrence, later.due, later.fired_at + later.again_every, later.generation, 'planned', later.repetition + 1,
        later.again_every, later.again_left - 1, 1, later.op, NULL, later.actor, later.via, later.trace, later.fired_at, later.fired_at
    FROM later JOIN earlier ON earlier.id = later.id
    WHERE earlier.state = 'planned' AND later.state = 'fired' AND later.again_left > 0
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER reminders_want_again AFTER UPDATE ON reminders REFERENCING OLD TABLE AS earlier NEW TABLE AS later
    FOR EACH STATEMENT EXECUTE FUNCTION reminders_want_again();

-- Read, acknowledged, put off: it does not ring again.
-- (Only where there is such a one: a statement's trigger runs for no row too, and this one changes the same table.)
CREATE FUNCTION reminders_want_no_more() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    IF EXISTS (SELECT 1 FROM later JOIN earlier ON earlier.id = later.id
        WHERE earlier.read_at IS NULL AND later.read_at IS NOT NULL AND later.again_left > 0) THEN
        UPDATE reminders AS next SET state = 'cancelled', version = next.version + 1, op = later.op, body_hash = later.body_hash,
            actor = later.actor, via = later.via, trace = later.trace, updated_at = later.updated_at
        FROM later JOIN earlier ON earlier.id = later.id
        WHERE earlier.read_at IS NULL AND later.read_at IS NOT NULL AND later.again_left > 0
            AND next.task_id = later.task_id AND next.definition_id = later.definition_id AND next.occurrence = later.occurrence
            AND next.repetition > later.repetition AND next.state = 'planned';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER reminders_want_no_more AFTER UPDATE ON reminders REFERENCING OLD TABLE AS earlier NEW TABLE AS later
    FOR EACH STATEMENT EXECUTE FUNCTION reminders_want_no_more();

REVOKE EXECUTE ON FUNCTION reminders_want_again(), reminders_want_no_more() FROM PUBLIC;

-- ---------------------------------------------------------------- views

CREATE OR REPLACE VIEW task_json AS SELECT
    t.id, t.owner, t.project_id, t.status, t.due_at, t.due, t.completed_at, t.series_id, t.deleted_at, t.version, t.tags,
    concat('{"id":', json_text(t.id), ',"title":', json_text(t.title), ',"notes":', json_text(t.notes),
        ',"project_id":', json_text(t.project_id), ',"priority":', json_text(t.priority), ',"tags":', t.tags,
        ',"status":', json_text(t.status), ',"start":', json_text(t.start), ',"due":', json_text(t.due),
        ',"timezone":', json_text(t.timezone),
        ',"due_at":', json_instant(t.due_at), ',"repeat":', coalesce(t.repeat, 'null'), ',"reminders":', t.reminders,
        ',"later":', coalesce(t.later, 'null'),
        ',"series_id":', json_text(t.series_id), ',"series_start":', json_text(t.series_start),
        ',"occurrence":', json_text(t.occurrence), ',"number":', json_number(t.number),
        ',"missed":', coalesce(p.missed, 0), ',"next":', coalesce(t.next, 'null'), ',"rank":', json_text(t.rank),
        ',"completed_at":', json_instant(t.completed_at), ',"created_at":', json_instant(t.created_at),
        ',"updated_at":', json_instant(t.updated_at), ',"deleted_at":', json_instant(t.deleted_at),
        ',"version":', t.version, '}') AS json
FROM tasks t LEFT JOIN plans p ON p.task_id = t.id;

CREATE OR REPLACE VIEW project_json AS SELECT
    id, owner, kind, archived_at, deleted_at, version,
    concat('{"id":', json_text(id), ',"name":', json_text(name), ',"kind":', json_text(kind), ',"reminders":', reminders,
        ',"archived_at":', json_instant(archived_at), ',"created_at":', json_instant(created_at),
        ',"updated_at":', json_instant(updated_at), ',"version":', version, '}') AS json
FROM projects;

CREATE OR REPLACE VIEW reminder_json AS SELECT
    r.id, r.owner, r.task_id, r.state, r.fire_at,
    concat('{"id":', json_text(r.id), ',"task_id":', json_text(r.task_id), ',"kind":', json_text(r.kind),
        ',"definition_id":', json_text(r.definition_id), ',"occurrence":', json_text(NULLIF(r.occurrence, '')),
        ',"repetition":', r.repetition, ',"again_left":', r.again_left,
        ',"state":', json_text(r.state), ',"planned_at":', json_instant(r.created_at),
        ',"due_for":', json_instant(r.fire_at), ',"fired_at":', json_instant(r.fired_at),
        ',"lateness_ms":', json_number((r.fired_at - r.fire_at) / 1000), ',"read_at":', json_instant(r.read_at),
        ',"deliveries":[', (
            SELECT string_agg(concat('{"id":', json_text(d.id), ',"channel":', json_text(c.kind),
                ',"target":', json_text(c.target), ',"state":', json_text(d.state), ',"tries":', d.log,
                ',"next_try":', json_instant(d.next_try), ',"sent_at":', json_instant(d.sent_at), '}'), ',' ORDER BY d.id)
            FROM deliveries d JOIN channels c ON c.id = d.channel_id WHERE d.reminder_id = r.id),
        '],"version":', r.version, '}') AS json
FROM reminders r;
