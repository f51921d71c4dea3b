-- The daily digest: a reminder of no task, which tells what the day holds.

ALTER TABLE reminders ALTER COLUMN task_id DROP NOT NULL;
ALTER TABLE reminders DROP CONSTRAINT reminders_kind_check;
ALTER TABLE reminders ADD COLUMN digest TEXT COLLATE "C";           -- JSON: what a digest told
ALTER TABLE reminders ADD CONSTRAINT reminders_kind_check CHECK (kind IN ('definition', 'snooze', 'digest'));
ALTER TABLE reminders ADD CONSTRAINT reminders_of_task CHECK ((kind = 'digest') = (task_id IS NULL));
-- One digest a day, whatever comes twice.
CREATE UNIQUE INDEX reminders_digests ON reminders (owner, occurrence) WHERE kind = 'digest';

ALTER TABLE settings ADD COLUMN digest TEXT COLLATE "C";            -- HH:MM in the account's zone; NULL: none

-- Who gets a digest. What came due after `since` is still to be told.
CREATE TABLE digests (
    user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id),
    since   BIGINT NOT NULL,
    next_at BIGINT NOT NULL                              -- when to look; 0: at once, because it has to be worked out anew
);
CREATE INDEX digests_next ON digests (next_at);

-- ---------------------------------------------------------------- images

CREATE OR REPLACE VIEW settings_image AS SELECT user_id AS id, concat(
    '{"timezone":', json_text(timezone), ',"morning":', json_text(morning), ',"quiet_from":', json_text(quiet_from),
    ',"quiet_until":', json_text(quiet_until), ',"language":', json_text(language),
    ',"digest":', json_text(digest), '}') AS image FROM settings;

-- ---------------------------------------------------------------- triggers

-- A digest is not planned before: its row comes when it is told.
CREATE FUNCTION reminders_digest_deliveries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    INSERT INTO deliveries (id, reminder_id, channel_id, state, next_try, created_at)
    SELECT NEW.id || '.' || channels.id, NEW.id, channels.id, 'pending', NEW.fired_at, NEW.fired_at
    FROM channels WHERE channels.user_id = NEW.owner AND channels.deleted_at IS NULL
        AND (channels.kind <> 'email' OR channels.confirmed_at IS NOT NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER reminders_digest_deliveries AFTER INSERT ON reminders FOR EACH ROW
    WHEN (NEW.kind = 'digest') EXECUTE FUNCTION reminders_digest_deliveries();

-- Another time or zone counts from now on: what it would have been this morning is not told now.
CREATE FUNCTION settings_digest() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    DELETE FROM digests WHERE user_id = NEW.user_id;
    INSERT INTO digests (user_id, since, next_at) SELECT NEW.user_id, NEW.updated_at, 0 WHERE NEW.digest IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER settings_digest AFTER UPDATE ON settings FOR EACH ROW
    WHEN (NEW.digest IS DISTINCT FROM OLD.digest OR NEW.timezone <> OLD.timezone) EXECUTE FUNCTION settings_digest();

REVOKE EXECUTE ON FUNCTION reminders_digest_deliveries(), settings_digest() FROM PUBLIC;
GRANT SELECT, UPDATE ON digests TO punctual_functions;
GRANT SELECT, UPDATE ON digests TO punctual_worker;

-- ---------------------------------------------------------------- views

CREATE OR REPLACE VIEW settings_json AS SELECT
    s.user_id, s.version,
    concat('{"timezone":', json_text(s.timezone), ',"morning":', json_text(s.morning),
        ',"quiet_from":', json_text(s.quiet_from), ',"quiet_until":', json_text(s.quiet_until),
        ',"language":', json_text(s.language), ',"digest":', json_text(s.digest),
        ',"channels":[', (SELECT string_agg(c.json, ',' ORDER BY c.id) FROM channel_json c WHERE c.user_id = s.user_id),
        '],"updated_at":', json_instant(s.updated_at), ',"version":', s.version, '}') AS json
FROM settings s;

CREATE OR REPLACE VIEW notification_json AS SELECT
    r.id, r.owner, r.fired_at, r.read_at,
    concat('{"id":', json_text(r.id), ',"kind":', json_text(r.kind), ',"task_id":', json_text(r.task_id), ',"title":', json_text(t.title),
        ',"due":', json_text(t.due), ',"timezone":', json_text(t.timezone), ',"due_at":', json_instant(t.due_at),
        ',"occurrence":', json_text(NULLIF(r.occurrence, '')), ',"due_for":', json_instant(r.fire_at),
        ',"fired_at":', json_instant(r.fired_at), ',"read_at":', json_instant(r.read_at),
        ',"task_status":', json_text(t.status), ',"digest":', coalesce(r.digest, 'null'), '}') AS json
FROM reminders r LEFT JOIN tasks t ON t.id = r.task_id WHERE r.state = 'fired';

CREATE OR REPLACE VIEW reminder_json AS SELECT
    r.id, r.owner, r.task_id, r.state, r.fire_at,
    concat('{"id":', json_text(r.id), ',"task_id":', json_text(r.task_id), ',"kind":', json_text(r.kind),
        ',"definition_id":', json_text(r.definition_id), ',"occurrence":', json_text(NULLIF(r.occurrence, '')),
        ',"repetition":', r.repetition, ',"again_left":', r.again_left,
        ',"state":', json_text(r.state), ',"digest":', coalesce(r.digest, 'null'), ',"planned_at":', json_instant(r.created_at),
        ',"due_for":', json_instant(r.fire_at), ',"fired_at":', json_instant(r.fired_at),
        ',"lateness_ms":', json_number((r.fired_at - r.fire_at) / 1000), ',"read_at":', json_instant(r.read_at),
        ',"deliveries":[', (
            SELECT string_agg(concat('{"id":', json_text(d.id), ',"channel":', json_text(c.kind),
                ',"target":', json_text(c.target), ',"state":', json_text(d.state), ',"tries":', d.log,
                ',"next_try":', json_instant(d.next_try), ',"sent_at":', json_instant(d.sent_at), '}'), ',' ORDER BY d.id)
            FROM deliveries d JOIN channels c ON c.id = d.channel_id WHERE d.reminder_id = r.id),
        '],"version":', r.version, '}') AS json
FROM reminders r;
