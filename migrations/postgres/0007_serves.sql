-- Programs of two releases work side by side while a new one is rolled out. From here on every migration says the oldest
-- schema whose programs still work with what it leaves: what they read and write is taken away one release later.

GRANT SELECT ON facts TO punctual_functions;

INSERT INTO facts (name, value) VALUES ('schema_serves', '6')
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
