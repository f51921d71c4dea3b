-- What was completed on each local day of its owner: counted again from `tasks` by `on-task-updates`, whenever an event
-- says that a completion came or went. So it may be emptied at any time, and filled by publishing the events again.

CREATE TABLE activity (
    owner     TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    day       TEXT COLLATE "C" NOT NULL,                            -- local date, in the zone that the account had at that time
    completed BIGINT NOT NULL,
    with_due  BIGINT NOT NULL,                                      -- of these: those with a due
    on_time   BIGINT NOT NULL,                                      -- of those: those completed at their due or before
    PRIMARY KEY (owner, day)
);

-- Counts a day again. `spans` is what belongs to it: a JSON array of [from, until) in microseconds. Of two at once the
-- second waits, and its second statement sees what has been committed meanwhile: the last one to write counted last.
CREATE FUNCTION activity_count(of_owner TEXT, of_day TEXT, spans JSON) RETURNS TEXT LANGUAGE plpgsql VOLATILE
SET search_path = public, pg_temp AS $$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('activity ' || of_owner || ' ' || of_day, 0));
    INSERT INTO activity (owner, day, completed, with_due, on_time)
    SELECT of_owner, of_day, count(t.id), count(t.due_at), count(CASE WHEN t.completed_at <= t.due_at THEN 1 END)
    FROM json_array_elements(spans) AS span (value)
        JOIN tasks t ON t.owner = of_owner AND t.deleted_at IS NULL AND t.status = 'completed'
            AND t.completed_at >= (span.value ->> 0)::bigint AND t.completed_at < (span.value ->> 1)::bigint
    ON CONFLICT (owner, day) DO UPDATE SET
        completed = excluded.completed, with_due = excluded.with_due, on_time = excluded.on_time
    WHERE (activity.completed, activity.with_due, activity.on_time)
        IS DISTINCT FROM (excluded.completed, excluded.with_due, excluded.on_time);
    RETURN of_day;
END $$;

GRANT SELECT, INSERT, UPDATE ON activity TO punctual_functions;
