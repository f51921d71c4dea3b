-- From here on every migration says the oldest schema whose programs still work with what it leaves: what they read and
-- write is taken away one release later.

INSERT INTO facts (name, value) VALUES ('schema_serves', '6')
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
