-- Which request an Idempotency-Key belongs to, where no change says so: what was made has no events (an API token, a
-- channel, an invitation), or nothing had to change.

CREATE TABLE operations (
    op        TEXT PRIMARY KEY,                          -- '<user>:<Idempotency-Key>'
    body_hash TEXT NOT NULL,                             -- of method, path and body
    tbl       TEXT NOT NULL,
    row_id    TEXT NOT NULL,
    at        INTEGER NOT NULL
) STRICT;

-- A key belongs to one request, even where two with the same key come at once.
CREATE TRIGGER changes_keys BEFORE INSERT ON changes WHEN NEW.body_hash IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'punctual: key of another request') WHERE
        EXISTS (SELECT 1 FROM operations WHERE op = NEW.op AND body_hash <> NEW.body_hash)
        OR EXISTS (SELECT 1 FROM changes WHERE op = NEW.op AND body_hash <> NEW.body_hash);
END;
