-- Lists are answered from the index that fits what is asked for: tasks of a state (those that were completed would else
-- stand before the open ones, and more of them each day), of a project, of a series. While an index is built, changes of
-- tasks wait: some seconds for a million.

CREATE INDEX tasks_by_status ON tasks (owner, status, COALESCE(due_at, 9223372036854775807), created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_project ON tasks (owner, project_id, status, COALESCE(due_at, 9223372036854775807), created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_series ON tasks (owner, series_id, COALESCE(due_at, 9223372036854775807), created_at, id)
    WHERE deleted_at IS NULL AND series_id IS NOT NULL;

INSERT INTO facts (name, value) VALUES ('schema_serves', '6')
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
