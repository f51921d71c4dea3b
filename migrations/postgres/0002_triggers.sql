-- What must be in the statement that changes a row: its event, and the rows that come along.
--
-- SQLite has one writer; here statements run side by side, READ COMMITTED. A trigger function is VOLATILE, so that each
-- of its statements sees what has been committed when it begins, also after having waited for a lock. What protects what:
--   a row against two writers       its row lock: the second one waits, and its WHERE is judged again on the new row
--   an op against its repetition    UNIQUE (op, tbl, row_id), and the guards
--   a key against another request   an advisory lock per key, in changes_keys and operations_keys
--   the first account               an advisory lock, in users_first: the loser's statement runs again
--   an invitation against two       the statement's own FOR UPDATE (crates/store/src/users.rs)
--   a browser's subscription        an advisory lock per endpoint, in channels_push
--   plans against their task        the statement's own FOR NO KEY UPDATE of the task (crates/store/src/reminders.rs)
--   plans against other settings    tasks_want_plan: a task's change and a change of its owner's settings exclude each other
-- Locks are taken in this order: task, settings, plan, reminder. Where two statements still lock each other out (both
-- touch many rows), Postgres ends one with 40P01, and the store repeats it.
--
-- Functions are SECURITY DEFINER: whoever may change a row need not be allowed to write what follows from it.

-- ---------------------------------------------------------------- JSON, byte for byte as SQLite writes it

-- Small enough for the planner to inline. json_build_object would put blanks after its colons.

CREATE FUNCTION json_text(value TEXT) RETURNS TEXT LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(to_json(value)::text, 'null');

CREATE FUNCTION json_number(value BIGINT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(value::text, 'null');

-- RFC 3339 UTC with milliseconds, of Unix microseconds, years 1 to 9999 (others: null). Before 1970 whole seconds only.
CREATE FUNCTION json_instant(at BIGINT) RETURNS TEXT LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN at BETWEEN -62135596800000000 AND 253402300799999999
    THEN left(to_json(to_timestamp(at / 1000000) AT TIME ZONE 'UTC')::text, 20) || '.' || right((1000 + at / 1000 % 1000)::text, 3) || 'Z"'
    ELSE 'null' END;

-- The elements of a JSON array as rows, as SQLite's json_each gives them: texts and numbers as text, of a JSON value as
-- JSON.
CREATE FUNCTION json_elements(list TEXT) RETURNS TABLE (value TEXT) LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT value FROM json_array_elements_text(list::json) AS element (value) $$;
CREATE FUNCTION json_elements(list JSON) RETURNS TABLE (value JSON) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT value FROM json_array_elements(list) AS element (value) $$;

-- ---------------------------------------------------------------- images: what events and history carry

CREATE VIEW task_image AS SELECT id, concat(
    '{"title":', json_text(title), ',"notes":', json_text(notes), ',"project_id":', json_text(project_id),
    ',"priority":', json_text(priority), ',"tags":', tags, ',"status":', json_text(status), ',"due":', json_text(due),
    ',"timezone":', json_text(timezone), ',"due_at":', json_instant(due_at), ',"repeat":', coalesce(repeat, 'null'),
    ',"reminders":', reminders, ',"series_id":', json_text(series_id), ',"series_start":', json_text(series_start),
    ',"occurrence":', json_text(occurrence), ',"number":', json_number(number), ',"next":', coalesce(next, 'null'),
    ',"rank":', json_text(rank), ',"completed_at":', json_instant(completed_at), ',"deleted_at":', json_instant(deleted_at),
    '}') AS image FROM tasks;

CREATE VIEW reminder_image AS SELECT id, concat(
    '{"task_id":', json_text(task_id), ',"kind":', json_text(kind), ',"definition_id":', json_text(definition_id),
    ',"occurrence":', json_text(occurrence), ',"state":', json_text(state),
    ',"title":', json_text((SELECT title FROM tasks WHERE tasks.id = task_id)), ',"due_for":', json_instant(fire_at),
    ',"fired_at":', json_instant(fired_at), ',"read_at":', json_instant(read_at), '}') AS image FROM reminders;

CREATE VIEW project_image AS SELECT id, concat(
    '{"name":', json_text(name), ',"kind":', json_text(kind), ',"archived_at":', json_instant(archived_at),
    ',"deleted_at":', json_instant(deleted_at), '}') AS image FROM projects;

CREATE VIEW settings_image AS SELECT user_id AS id, concat(
    '{"timezone":', json_text(timezone), ',"morning":', json_text(morning), ',"quiet_from":', json_text(quiet_from),
    ',"quiet_until":', json_text(quiet_until), ',"language":', json_text(language), '}') AS image FROM settings;

-- ---------------------------------------------------------------- the triggers that write `changes`

-- A statement that forgets `op` or `version` is refused: without them its event could not be told from another's.
CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    IF NEW.op = OLD.op THEN
        RAISE EXCEPTION 'punctual: op must change';
    END IF;
    RAISE EXCEPTION 'punctual: version must step';
END $$;

CREATE TRIGGER settings_guard BEFORE UPDATE ON settings FOR EACH ROW
    WHEN (NEW.op = OLD.op OR NEW.version <> OLD.version + 1) EXECUTE FUNCTION guard();
CREATE TRIGGER projects_guard BEFORE UPDATE ON projects FOR EACH ROW
    WHEN (NEW.op = OLD.op OR NEW.version <> OLD.version + 1) EXECUTE FUNCTION guard();
CREATE TRIGGER tasks_guard BEFORE UPDATE ON tasks FOR EACH ROW
    WHEN (NEW.op = OLD.op OR NEW.version <> OLD.version + 1) EXECUTE FUNCTION guard();
CREATE TRIGGER reminders_guard BEFORE UPDATE ON reminders FOR EACH ROW
    WHEN (NEW.op = OLD.op OR NEW.version <> OLD.version + 1) EXECUTE FUNCTION guard();

-- The before image is the row's last after image: every change is here, so the newest one is what was there before.
CREATE FUNCTION last_image(of_table TEXT, of_row TEXT) RETURNS TEXT LANGUAGE sql VOLATILE AS
$$ SELECT after FROM changes WHERE tbl = of_table AND row_id = of_row ORDER BY seq DESC LIMIT 1 $$;

CREATE FUNCTION settings_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'settings', NEW.user_id, NEW.user_id, CASE TG_OP WHEN 'INSERT' THEN 'created' ELSE 'updated' END, NEW.version,
        CASE TG_OP WHEN 'UPDATE' THEN last_image('settings', NEW.user_id) END, image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM settings_image WHERE id = NEW.user_id;
    RETURN NULL;
END $$;
CREATE TRIGGER settings_inserted AFTER INSERT ON settings FOR EACH ROW EXECUTE FUNCTION settings_change();
CREATE TRIGGER settings_updated AFTER UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION settings_change();

CREATE FUNCTION projects_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'projects', NEW.id, NEW.owner, CASE
            WHEN TG_OP = 'INSERT' THEN 'created'
            WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN 'deleted'
            WHEN OLD.archived_at IS NULL AND NEW.archived_at IS NOT NULL THEN 'archived'
            WHEN OLD.archived_at IS NOT NULL AND NEW.archived_at IS NULL THEN 'restored'
            ELSE 'updated' END,
        NEW.version, CASE TG_OP WHEN 'UPDATE' THEN last_image('projects', NEW.id) END, image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM project_image WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER projects_inserted AFTER INSERT ON projects FOR EACH ROW EXECUTE FUNCTION projects_change();
CREATE TRIGGER projects_updated AFTER UPDATE ON projects FOR EACH ROW EXECUTE FUNCTION projects_change();

CREATE FUNCTION tasks_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'tasks', NEW.id, NEW.owner, CASE
            WHEN TG_OP = 'INSERT' THEN 'created'
            WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN 'deleted'
            WHEN OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN 'restored'
            WHEN OLD.status = 'open' AND NEW.status <> 'open' THEN NEW.status
            WHEN OLD.status <> 'open' AND NEW.status = 'open' THEN 'reopened'
            ELSE 'updated' END,
        NEW.version, CASE TG_OP WHEN 'UPDATE' THEN last_image('tasks', NEW.id) END, image,
        NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM task_image WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER tasks_inserted AFTER INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION tasks_change();
CREATE TRIGGER tasks_updated AFTER UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION tasks_change();

CREATE FUNCTION reminders_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'reminders', NEW.id, NEW.owner, CASE NEW.kind WHEN 'snooze' THEN 'snoozed' ELSE NEW.state END,
        NEW.version, NULL, image, NEW.op, NEW.body_hash, NEW.actor, NEW.via, NEW.trace, NEW.updated_at
    FROM reminder_image WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER reminders_inserted AFTER INSERT ON reminders FOR EACH ROW EXECUTE FUNCTION reminders_change();

-- Many reminders fire at the same instant: once for all rows of a statement.
CREATE FUNCTION reminders_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, body_hash, actor, via, trace, at)
    SELECT 'reminders', later.id, later.owner, CASE
            WHEN earlier.state <> later.state THEN later.state
            WHEN earlier.read_at IS NULL AND later.read_at IS NOT NULL THEN 'read'
            WHEN later.state = 'planned' THEN 'planned'
            ELSE 'updated' END,
        later.version, last_image('reminders', later.id), (SELECT image FROM reminder_image WHERE id = later.id),
        later.op, later.body_hash, later.actor, later.via, later.trace, later.updated_at
    FROM later JOIN earlier ON earlier.id = later.id;
    RETURN NULL;
END $$;
CREATE TRIGGER reminders_updated AFTER UPDATE ON reminders REFERENCING OLD TABLE AS earlier NEW TABLE AS later
    FOR EACH STATEMENT EXECUTE FUNCTION reminders_changes();

-- A key belongs to one request, even where two with the same key come at once. The lock is per key and lasts until the
-- commit; who waited for it sees the other's row.
CREATE FUNCTION changes_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('key ' || NEW.op, 0));
    IF EXISTS (SELECT 1 FROM operations WHERE op = NEW.op AND body_hash <> NEW.body_hash)
        OR EXISTS (SELECT 1 FROM changes WHERE op = NEW.op AND body_hash <> NEW.body_hash) THEN
        RAISE EXCEPTION 'punctual: key of another request';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER changes_keys BEFORE INSERT ON changes FOR EACH ROW
    WHEN (NEW.body_hash IS NOT NULL) EXECUTE FUNCTION changes_key();

-- The statement has looked into `changes` already; here it looks again, when nobody else can write under this key. The
-- row is left out then, as for a key that stands already.
CREATE FUNCTION operations_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('key ' || NEW.op, 0));
    IF EXISTS (SELECT 1 FROM changes WHERE op = NEW.op AND body_hash IS DISTINCT FROM NEW.body_hash) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER operations_keys BEFORE INSERT ON operations FOR EACH ROW EXECUTE FUNCTION operations_key();

-- ---------------------------------------------------------------- what must come along

-- The first account is the administrator's, and may always be made. Of two that both found no account one comes second:
-- its statement is told to run again (40001), and decides anew. Another administrator is made by an UPDATE of `role`.
CREATE FUNCTION users_first() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('first account', 0));
    IF EXISTS (SELECT 1 FROM users) THEN
        RAISE EXCEPTION 'punctual: there is a first account meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER users_first BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.role = 'admin') EXECUTE FUNCTION users_first();

CREATE FUNCTION users_inserted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    INSERT INTO settings (user_id, timezone, version, op, body_hash, actor, via, trace, created_at, updated_at)
    VALUES (NEW.id, NEW.timezone, 1, NEW.op, NEW.body_hash, NEW.id, 'register', NEW.trace, NEW.created_at, NEW.created_at);
    INSERT INTO projects (id, owner, name, kind, version, op, body_hash, actor, via, trace, created_at, updated_at)
    VALUES (NEW.inbox_id, NEW.id, 'Inbox', 'inbox', 1, NEW.op, NEW.body_hash, NEW.id, 'register', NEW.trace, NEW.created_at, NEW.created_at);
    INSERT INTO channels (id, user_id, kind, target, secret, created_at)
    VALUES (NEW.inbox_id || ':in-app', NEW.id, 'in-app', '', '', NEW.created_at);
    UPDATE invites SET used_by = NEW.id WHERE id = NEW.invite_id;
    RETURN NULL;
END $$;
CREATE TRIGGER users_inserted AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION users_inserted();

-- Whoever plans a task reads its owner's settings. The lock makes a change of them wait for this change of the task, or
-- this one for that: then the plan finds the new settings, or the new settings find the task and step its `wanted`.
CREATE FUNCTION tasks_want_plan() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    PERFORM 1 FROM settings WHERE user_id = NEW.owner FOR SHARE;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO plans (task_id, wanted, since) VALUES (NEW.id, 1, NEW.updated_at);
    ELSE
        UPDATE plans SET wanted = wanted + 1, since = NEW.updated_at WHERE task_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tasks_want_plan_inserted AFTER INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION tasks_want_plan();
CREATE TRIGGER tasks_want_plan_updated AFTER UPDATE OF generation ON tasks FOR EACH ROW
    WHEN (NEW.generation <> OLD.generation) EXECUTE FUNCTION tasks_want_plan();

CREATE FUNCTION settings_want_plans() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    UPDATE plans SET wanted = wanted + 1, since = NEW.updated_at WHERE task_id IN (
        SELECT id FROM tasks WHERE owner = NEW.user_id AND status = 'open' AND deleted_at IS NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER settings_want_plans AFTER UPDATE OF generation ON settings FOR EACH ROW
    WHEN (NEW.generation <> OLD.generation) EXECUTE FUNCTION settings_want_plans();

-- A reminder that fires creates its deliveries.
CREATE FUNCTION reminders_fired_deliveries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    INSERT INTO deliveries (id, reminder_id, channel_id, state, next_try, created_at)
    SELECT later.id || '.' || channels.id, later.id, channels.id, 'pending', later.fired_at, later.fired_at
    FROM later JOIN earlier ON earlier.id = later.id JOIN channels ON channels.user_id = later.owner
    WHERE earlier.state = 'planned' AND later.state = 'fired' AND channels.deleted_at IS NULL
        AND (channels.kind <> 'email' OR channels.confirmed_at IS NOT NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER reminders_fired_deliveries AFTER UPDATE ON reminders REFERENCING OLD TABLE AS earlier NEW TABLE AS later
    FOR EACH STATEMENT EXECUTE FUNCTION reminders_fired_deliveries();

-- A snooze takes the place of the reminder that it follows: a fired one is read, a planned one is cancelled. (Triggers
-- fire in the order of their names: the end of the old one is an event before the new one is.)
CREATE FUNCTION reminders_snoozed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    UPDATE reminders SET
        state = CASE state WHEN 'planned' THEN 'cancelled' ELSE state END,
        read_at = COALESCE(read_at, NEW.updated_at),
        version = version + 1, op = NEW.op, body_hash = NEW.body_hash, actor = NEW.actor, via = NEW.via,
        trace = NEW.trace, updated_at = NEW.updated_at
    WHERE id = NEW.definition_id AND state IN ('planned', 'fired');
    RETURN NULL;
END $$;
CREATE TRIGGER reminders_end_snoozed AFTER INSERT ON reminders FOR EACH ROW
    WHEN (NEW.kind = 'snooze') EXECUTE FUNCTION reminders_snoozed();

CREATE FUNCTION channels_inserted_email() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    INSERT INTO confirmations (channel_id, state, next_try, created_at) VALUES (NEW.id, 'pending', NEW.created_at, NEW.created_at);
    RETURN NULL;
END $$;
CREATE TRIGGER channels_inserted_email AFTER INSERT ON channels FOR EACH ROW
    WHEN (NEW.kind = 'email') EXECUTE FUNCTION channels_inserted_email();

-- A browser's subscription belongs to the account that made it last: nobody else's reminders may appear there. Of two
-- that come at once the second waits before it is there, and then ends the first.
CREATE FUNCTION channels_push() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('push ' || NEW.target, 0));
    RETURN NEW;
END $$;
CREATE TRIGGER channels_push BEFORE INSERT ON channels FOR EACH ROW
    WHEN (NEW.kind = 'push') EXECUTE FUNCTION channels_push();

CREATE FUNCTION channels_inserted_push() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    UPDATE channels SET deleted_at = NEW.created_at
    WHERE kind = 'push' AND target = NEW.target AND deleted_at IS NULL AND id <> NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER channels_inserted_push AFTER INSERT ON channels FOR EACH ROW
    WHEN (NEW.kind = 'push') EXECUTE FUNCTION channels_inserted_push();

-- Other quiet hours: what the old ones hold is looked at again. A delivery that was not tried yet waits for nothing else.
CREATE FUNCTION settings_quiet_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    UPDATE deliveries SET next_try = NEW.updated_at
    WHERE state = 'pending' AND tries = 0 AND next_try > NEW.updated_at
        AND reminder_id IN (SELECT id FROM reminders WHERE owner = NEW.user_id AND state = 'fired');
    RETURN NULL;
END $$;
CREATE TRIGGER settings_quiet_changed AFTER UPDATE ON settings FOR EACH ROW
    WHEN (NEW.quiet_from IS DISTINCT FROM OLD.quiet_from OR NEW.quiet_until IS DISTINCT FROM OLD.quiet_until
        OR NEW.timezone <> OLD.timezone) EXECUTE FUNCTION settings_quiet_changed();
