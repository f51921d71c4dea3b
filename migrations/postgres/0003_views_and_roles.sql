-- Views: a read is one row, the JSON of the answer. Then who may do what.

CREATE VIEW task_json AS SELECT
    t.id, t.owner, t.project_id, t.status, t.due_at, t.due, t.completed_at, t.series_id, t.deleted_at, t.version, t.tags,
    concat('{"id":', json_text(t.id), ',"title":', json_text(t.title), ',"notes":', json_text(t.notes),
        ',"project_id":', json_text(t.project_id), ',"priority":', json_text(t.priority), ',"tags":', t.tags,
        ',"status":', json_text(t.status), ',"due":', json_text(t.due), ',"timezone":', json_text(t.timezone),
        ',"due_at":', json_instant(t.due_at), ',"repeat":', coalesce(t.repeat, 'null'), ',"reminders":', t.reminders,
        ',"series_id":', json_text(t.series_id), ',"series_start":', json_text(t.series_start),
        ',"occurrence":', json_text(t.occurrence), ',"number":', json_number(t.number),
        ',"missed":', coalesce(p.missed, 0), ',"next":', coalesce(t.next, 'null'), ',"rank":', json_text(t.rank),
        ',"completed_at":', json_instant(t.completed_at), ',"created_at":', json_instant(t.created_at),
        ',"updated_at":', json_instant(t.updated_at), ',"deleted_at":', json_instant(t.deleted_at),
        ',"version":', t.version, '}') AS json
FROM tasks t LEFT JOIN plans p ON p.task_id = t.id;

CREATE VIEW project_json AS SELECT
    id, owner, kind, archived_at, deleted_at, version,
    concat('{"id":', json_text(id), ',"name":', json_text(name), ',"kind":', json_text(kind),
        ',"archived_at":', json_instant(archived_at), ',"created_at":', json_instant(created_at),
        ',"updated_at":', json_instant(updated_at), ',"version":', version, '}') AS json
FROM projects;

CREATE VIEW channel_json AS SELECT
    id, user_id,
    concat('{"id":', json_text(id), ',"kind":', json_text(kind), ',"target":', json_text(target),
        ',"name":', json_text(NULLIF(name, '')),
        ',"state":', CASE WHEN kind = 'email' AND confirmed_at IS NULL THEN '"unconfirmed"' ELSE '"active"' END,
        ',"created_at":', json_instant(created_at), '}') AS json
FROM channels WHERE deleted_at IS NULL;

CREATE VIEW settings_json AS SELECT
    s.user_id, s.version,
    concat('{"timezone":', json_text(s.timezone), ',"morning":', json_text(s.morning),
        ',"quiet_from":', json_text(s.quiet_from), ',"quiet_until":', json_text(s.quiet_until),
        ',"language":', json_text(s.language),
        ',"channels":[', (SELECT string_agg(c.json, ',' ORDER BY c.id) FROM channel_json c WHERE c.user_id = s.user_id),
        '],"updated_at":', json_instant(s.updated_at), ',"version":', s.version, '}') AS json
FROM settings s;

-- What fired: a notification is a fired reminder.
CREATE VIEW notification_json AS SELECT
    r.id, r.owner, r.fired_at, r.read_at,
    concat('{"id":', json_text(r.id), ',"task_id":', json_text(r.task_id), ',"title":', json_text(t.title),
        ',"due":', json_text(t.due), ',"timezone":', json_text(t.timezone), ',"due_at":', json_instant(t.due_at),
        ',"occurrence":', json_text(NULLIF(r.occurrence, '')), ',"due_for":', json_instant(r.fire_at),
        ',"fired_at":', json_instant(r.fired_at), ',"read_at":', json_instant(r.read_at),
        ',"task_status":', json_text(t.status), '}') AS json
FROM reminders r JOIN tasks t ON t.id = r.task_id WHERE r.state = 'fired';

-- The receipt: when it was meant to fire, when it did, and what each channel did with it.
CREATE VIEW reminder_json AS SELECT
    r.id, r.owner, r.task_id, r.state, r.fire_at,
    concat('{"id":', json_text(r.id), ',"task_id":', json_text(r.task_id), ',"kind":', json_text(r.kind),
        ',"definition_id":', json_text(r.definition_id), ',"occurrence":', json_text(NULLIF(r.occurrence, '')),
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

-- One change with only the fields that it touched, each before and after. Both images were written by the same view, so
-- that equal values have equal text.
CREATE VIEW change_json AS SELECT
    c.seq, c.tbl, c.row_id, c.owner,
    concat('{"id":"', c.seq, '","kind":', json_text(c.kind), ',"version":', c.version, ',"actor":', json_text(c.actor),
        ',"via":', json_text(c.via), ',"at":', json_instant(c.at), ',"fields":{', (
            SELECT string_agg(concat(json_text(a.key), ':{"before":', coalesce(b.value::text, 'null'),
                ',"after":', a.value, '}'), ',' ORDER BY a.place)
            FROM json_each(c.after::json) WITH ORDINALITY AS a (key, value, place)
                LEFT JOIN json_each(c.before::json) AS b ON b.key = a.key
            WHERE NULLIF(a.value::text, 'null') IS DISTINCT FROM NULLIF(b.value::text, 'null')), '}}') AS json
FROM changes c;

-- ---------------------------------------------------------------- roles

-- Roles belong to the whole server. They are made without a login: an administrator gives each what it needs
-- (ALTER ROLE punctual_functions LOGIN PASSWORD '…'), and their time limits hold for whoever logs in as them. (A member of
-- such a role has its rights, and not its limits.) Of two migrations at once, in two databases, the second waits for the
-- first one's role. What exists is left as it is.
DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'punctual_functions') THEN
        CREATE ROLE punctual_functions NOLOGIN;
        ALTER ROLE punctual_functions SET statement_timeout = '5s';
        ALTER ROLE punctual_functions SET lock_timeout = '3s';
        ALTER ROLE punctual_functions SET idle_in_transaction_session_timeout = '5s';
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role punctual_functions is missing, and % may not make it. An administrator can: CREATE ROLE punctual_functions', current_user;
END $$;
DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'punctual_worker') THEN
        CREATE ROLE punctual_worker NOLOGIN;
        ALTER ROLE punctual_worker SET statement_timeout = '30s';
        ALTER ROLE punctual_worker SET lock_timeout = '5s';
        ALTER ROLE punctual_worker SET idle_in_transaction_session_timeout = '10s';
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role punctual_worker is missing, and % may not make it. An administrator can: CREATE ROLE punctual_worker', current_user;
END $$;

-- Who could hang a SECURITY DEFINER function on a table of their own could forge what it writes.
REVOKE EXECUTE ON FUNCTION guard(), settings_change(), projects_change(), tasks_change(), reminders_change(), reminders_changes(), changes_key(),
    operations_key(), users_first(), users_inserted(), tasks_want_plan(), settings_want_plans(), reminders_fired_deliveries(),
    reminders_snoozed(), channels_inserted_email(), channels_push(), channels_inserted_push(), settings_quiet_changed()
FROM PUBLIC;

-- The functions: what requests change. They read `changes` and write it by trigger alone; leases, claims, watermarks and
-- dead letters are none of theirs. Nothing is deleted.
GRANT SELECT, INSERT ON users, operations TO punctual_functions;
GRANT SELECT, INSERT, UPDATE (id) ON invites TO punctual_functions; -- UPDATE: to lock the row
GRANT SELECT, INSERT, UPDATE ON sessions, api_tokens, channels, projects, tasks, reminders TO punctual_functions;
GRANT SELECT, UPDATE ON settings, plans, confirmations TO punctual_functions;
GRANT SELECT ON changes, migrations, task_json, project_json, channel_json, settings_json, notification_json, reminder_json,
    change_json TO punctual_functions;

-- The worker: it carries what was changed, and sends. Passwords, sessions and tokens are none of its business; of a
-- session it sees when it ended, to tidy up. (`punctual-worker admin reset-password` runs as the owner.)
GRANT SELECT ON migrations, settings, tasks, reminders TO punctual_worker;
GRANT SELECT (id, email, role, inbox_id, timezone, created_at) ON users TO punctual_worker;
GRANT SELECT (expires_at), DELETE ON sessions TO punctual_worker;
GRANT SELECT, UPDATE ON plans, deliveries, channels, confirmations TO punctual_worker;
GRANT SELECT, UPDATE (position) ON changes TO punctual_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON claims, leases, watermarks, dead_letters, facts TO punctual_worker;
