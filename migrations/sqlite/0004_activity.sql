-- What was completed on each local day of its owner: counted again from `tasks` by `on-task-updates`, whenever an event
-- says that a completion came or went. So it may be emptied at any time, and filled by publishing the events again.

CREATE TABLE activity (
    owner     TEXT NOT NULL REFERENCES users (id),
    day       TEXT NOT NULL,                             -- local date, in the zone that the account had at that time
    completed INTEGER NOT NULL,
    with_due  INTEGER NOT NULL,                          -- of these: those with a due
    on_time   INTEGER NOT NULL,                          -- of those: those completed at their due or before
    PRIMARY KEY (owner, day)
) STRICT;
