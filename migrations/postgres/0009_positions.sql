-- On SQLite, changes have their positions from the statement that makes them. Here transactions commit in another order
-- than their rows come in, so the relay gives positions afterwards, as before.

INSERT INTO facts (name, value) VALUES ('schema_serves', '6')
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
