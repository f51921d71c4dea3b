-- A second login beside each of the two that the migrations make, for changing a login's password while both work:
-- k8s/README.md, Rotation. As the database's owner, any number of times:
--
--   psql "$OWNER_URL" --file scripts/second-logins.sql
--
-- A member has the rights of its role, those that later migrations give too, but not its limits: they are copied. Like the
-- first ones they are made without a login.
DO $$ DECLARE
    first   RECORD;
    second  TEXT;
    setting TEXT;
BEGIN
    FOR first IN SELECT * FROM pg_roles WHERE rolname IN ('punctual_functions', 'punctual_worker') LOOP
        second := first.rolname || '_2';
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = second) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN IN ROLE %I', second, first.rolname);
        END IF;
        EXECUTE format('ALTER ROLE %I CONNECTION LIMIT %s', second, first.rolconnlimit);
        EXECUTE format('ALTER ROLE %I RESET ALL', second);
        FOREACH setting IN ARRAY coalesce(first.rolconfig, '{}') LOOP
            EXECUTE format('ALTER ROLE %I SET %I TO %L', second, split_part(setting, '=', 1), split_part(setting, '=', 2));
        END LOOP;
    END LOOP;
END $$;
