use crate::both::{Fresh, connect, try_all};

const FORBIDDEN: &str = "42501";

/// Logs in as a member that has nothing else than the role's rights.
async fn session(fresh: &Fresh, role: &str) -> tokio_postgres::Client {
    let owner = fresh.connect().await;
    let login = format!("{role}_{}", fresh.name);
    owner
        .batch_execute(&format!(
            "CREATE ROLE {login} LOGIN PASSWORD 'secret' IN ROLE {role}"
        ))
        .await
        .expect("a login");
    connect(&fresh.server.url_as(&login, "secret", &fresh.name)).await
}

async fn seeded() -> Fresh {
    let fresh = Fresh::migrated().await;
    let owner = fresh.connect().await;
    for statement in &crate::seed::statements(5)[..60] {
        owner.simple_query(statement).await.expect("seeded");
    }
    fresh
}

#[track_caller]
fn forbidden(sql: &str, answer: Result<crate::both::Table, tokio_postgres::Error>) {
    let error = answer.err().unwrap_or_else(|| panic!("{sql} is allowed"));
    let code = error.code().map(tokio_postgres::error::SqlState::code);
    assert_eq!(code, Some(FORBIDDEN), "{sql}: {error:?}");
}

#[tokio::test]
async fn functions_write_changes_through_the_trigger_alone() {
    let fresh = seeded().await;
    let functions = session(&fresh, "punctual_functions").await;
    let rename = "UPDATE projects SET name = 'mine', version = version + 1, op = 'f1' WHERE id = 'p0-u0' RETURNING id";
    assert_eq!(try_all(&functions, rename).await.expect("allowed").len(), 1);
    let written = "SELECT kind FROM changes WHERE op = 'f1'";
    assert_eq!(
        try_all(&functions, written).await.expect("allowed").len(),
        1
    );
    for sql in [
        "INSERT INTO changes (tbl, row_id, owner, kind, version, after, op, actor, via, at)
         VALUES ('tasks', 'x', 'u0', 'created', 1, '{}', 'forged', 'u1', 'web', 0)",
        "UPDATE changes SET actor = 'u1' WHERE op = 'f1'",
        "DELETE FROM changes",
        "DELETE FROM tasks",
        "TRUNCATE tasks",
        "SELECT * FROM leases",
        "SELECT * FROM claims",
        "SELECT * FROM watermarks",
        "SELECT * FROM dead_letters",
        "UPDATE deliveries SET state = 'sent'",
        "UPDATE users SET role = 'admin'",
        "UPDATE migrations SET version = 9",
        "CREATE TABLE public.mine (x bigint)",
        "ALTER TABLE tasks DISABLE TRIGGER ALL",
        "CREATE TEMPORARY TABLE t (id text); CREATE TRIGGER forge AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION tasks_change()",
    ] {
        forbidden(sql, try_all(&functions, sql).await);
    }
}

#[tokio::test]
async fn a_table_of_ones_own_does_not_catch_what_the_trigger_writes() {
    let fresh = seeded().await;
    let functions = session(&fresh, "punctual_functions").await;
    let sql = "CREATE TEMPORARY TABLE changes (LIKE public.changes);
        UPDATE projects SET name = 'mine', version = version + 1, op = 'f2' WHERE id = 'p0-u0'";
    try_all(&functions, sql).await.expect("allowed");
    let caught = try_all(&functions, "SELECT 1 FROM pg_temp.changes")
        .await
        .expect("read");
    let written = "SELECT 1 FROM public.changes WHERE op = 'f2'";
    let written = try_all(&functions, written).await.expect("read");
    assert_eq!((caught.len(), written.len()), (0, 1));
}

#[tokio::test]
async fn the_worker_reads_no_credentials() {
    let fresh = seeded().await;
    let worker = session(&fresh, "punctual_worker").await;
    for sql in [
        "SELECT password_hash FROM users",
        "SELECT * FROM users",
        "SELECT id FROM sessions",
        "SELECT * FROM api_tokens",
        "SELECT * FROM invites",
        "UPDATE users SET password_hash = 'x'",
        "UPDATE tasks SET title = 'x'",
        "UPDATE reminders SET state = 'fired'",
        "INSERT INTO changes (tbl, row_id, owner, kind, version, after, op, actor, via, at)
         VALUES ('tasks', 'x', 'u0', 'created', 1, '{}', 'forged', 'u1', 'web', 0)",
        "UPDATE changes SET after = '{}'",
    ] {
        forbidden(sql, try_all(&worker, sql).await);
    }
    for sql in [
        "SELECT id, email, timezone FROM users",
        "UPDATE changes SET position = seq WHERE position IS NULL",
        "SELECT * FROM changes WHERE position IS NULL FOR UPDATE",
        "DELETE FROM sessions WHERE expires_at < 0",
        "INSERT INTO leases (name, holder, fence, until) VALUES ('relay', 'w', 1, 1)",
        "INSERT INTO claims (reminder_id, worker, until) SELECT id, 'w', 1 FROM reminders",
        "UPDATE deliveries SET state = 'sent'",
        "SELECT secret FROM channels",
    ] {
        try_all(&worker, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

#[tokio::test]
async fn a_second_login_has_the_rights_and_the_limits_of_the_first() {
    let fresh = seeded().await;
    let owner = fresh.connect().await;
    let script = std::fs::read_to_string(it::process::root().join("scripts/second-logins.sql"));
    let script = script.expect("the script");
    for _ in 0..2 {
        owner.batch_execute(&script).await.expect("made, or there");
    }
    let kept = "SELECT rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolconnlimit, rolconfig
        FROM pg_roles WHERE rolname = ";
    for role in ["punctual_functions", "punctual_worker"] {
        let of = async |role: &str| try_all(&owner, &format!("{kept}'{role}'")).await;
        let (first, second) = (of(role).await, of(&format!("{role}_2")).await);
        assert_eq!(first.expect("read"), second.expect("read"), "{role}");
        let login = format!("ALTER ROLE {role}_2 LOGIN PASSWORD 'secret'");
        owner.batch_execute(&login).await.expect("a login");
    }

    let url = |role: &str| fresh.server.url_as(role, "secret", &fresh.name);
    let functions = connect(&url("punctual_functions_2")).await;
    let limit = try_all(&functions, "SHOW statement_timeout").await;
    assert_eq!(limit.expect("shown")[0][0].as_deref(), Some("5s"));
    let rename =
        "UPDATE projects SET name = 'mine', version = version + 1, op = 'f9' WHERE id = 'p0-u0'";
    try_all(&functions, rename).await.expect("allowed");
    let worker = connect(&url("punctual_worker_2")).await;
    let limit = try_all(&worker, "SHOW lock_timeout").await;
    assert_eq!(limit.expect("shown")[0][0].as_deref(), Some("5s"));
    try_all(
        &worker,
        "UPDATE changes SET position = seq WHERE position IS NULL",
    )
    .await
    .expect("allowed");
    for (client, sql) in [
        (&functions, "DELETE FROM tasks"),
        (&functions, "SELECT * FROM leases"),
        (&worker, "SELECT password_hash FROM users"),
        (&worker, "UPDATE tasks SET title = 'x'"),
    ] {
        forbidden(sql, try_all(client, sql).await);
    }
}

#[tokio::test]
async fn databases_that_are_migrated_at_once_share_the_roles() {
    let all = futures::future::join_all((0..6).map(|_| Fresh::migrated())).await;
    let owner = all[0].connect().await;
    let limits = "SELECT rolname, rolcanlogin, array_length(rolconfig, 1) FROM pg_roles
        WHERE rolname IN ('punctual_functions', 'punctual_worker') ORDER BY 1";
    let limits = format!("{:?}", try_all(&owner, limits).await.expect("read"));
    assert_eq!(
        limits.matches("Some(\"f\"), Some(\"3\")").count(),
        2,
        "{limits}"
    );
}

#[tokio::test]
async fn who_may_not_make_roles_can_migrate_where_they_exist() {
    let first = Fresh::migrated().await;
    let fresh = Fresh::empty().await;
    let owner = first.connect().await;
    let login = format!("plain_{}", fresh.name);
    owner
        .batch_execute(&format!(
            "CREATE ROLE {login} LOGIN PASSWORD 'secret'; ALTER DATABASE {} OWNER TO {login}",
            fresh.name
        ))
        .await
        .expect("an owner");
    let plain = connect(&fresh.server.url_as(&login, "secret", &fresh.name)).await;
    crate::both::migrate(&plain).await;
    assert_eq!(
        try_all(&plain, "SELECT 1 FROM tasks")
            .await
            .expect("read")
            .len(),
        0
    );
}
