use crate::both::{Table, all, seeded};
use crate::seed;

// That crate itself is for WASM alone.
#[path = "../../../crates/store/src/statements.rs"]
#[expect(
    dead_code,
    reason = "of its statements only the lists' are explained here"
)]
mod statements;

/// Everything that a statement or an event shows, and what the triggers wrote: with an order that is the same in both.
const SHOWN: &[(&str, &str)] = &[
    ("task_json", "id"),
    ("project_json", "id"),
    ("channel_json", "id"),
    ("settings_json", "user_id"),
    ("notification_json", "id"),
    ("reminder_json", "id"),
    ("change_json", "seq"),
    ("task_image", "id"),
    ("reminder_image", "id"),
    ("project_image", "id"),
    ("settings_image", "id"),
    ("changes", "seq"),
    ("plans", "task_id"),
    ("deliveries", "id"),
    ("confirmations", "channel_id"),
    ("channels", "id"),
    ("digests", "user_id"),
];

#[tokio::test]
async fn views_and_triggers_write_the_same_bytes() {
    let (sqlite, postgres) = seeded(&seed::statements(2026)).await;
    // There the relay would.
    let positions = "UPDATE changes SET position = seq";
    postgres.batch_execute(positions).await.expect("given");
    for (name, order) in SHOWN {
        let columns = format!("SELECT name FROM pragma_table_info('{name}') ORDER BY cid");
        let columns: Vec<String> = sqlite
            .all(&columns)
            .await
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        let sql = format!("SELECT {} FROM {name} ORDER BY {order}", columns.join(", "));
        let (ours, theirs) = (sqlite.all(&sql).await, all(&postgres, &sql).await);
        let least = match *name {
            "settings_json" | "settings_image" | "confirmations" => 5,
            "digests" => 1,
            _ => 20,
        };
        assert!(ours.len() >= least, "{name} has {} rows", ours.len());
        assert_eq!(theirs.len(), ours.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(theirs, ours, "{name}");
        }
    }
}

#[tokio::test]
async fn what_sqlite_refuses_postgres_refuses_in_the_same_words() {
    let (sqlite, postgres) = seeded(&seed::statements(1)[..30]).await;
    let refused = [
        (
            "UPDATE projects SET name = 'x', version = version + 1 WHERE id = 'p0-u0'",
            "punctual: op must change",
        ),
        (
            "UPDATE projects SET name = 'x', op = 'new' WHERE id = 'p0-u0'",
            "punctual: version must step",
        ),
        (
            "UPDATE settings SET morning = '08:00', op = 'new' WHERE user_id = 'u0'",
            "punctual: version must step",
        ),
    ];
    for (sql, words) in refused {
        let theirs = postgres.simple_query(sql).await.expect_err(sql);
        assert_eq!(
            theirs
                .as_db_error()
                .expect("an error of the database")
                .message(),
            words
        );
        let ours = sqlite.try_all(sql).await.expect_err(sql);
        assert!(ours.contains(words), "{ours}");
    }
    let mine = "UPDATE projects SET name = 'x', version = version + 1, op = 'mine', body_hash = 'one' WHERE id = 'p0-u0'";
    let other = "UPDATE projects SET name = 'x', version = version + 1, op = 'mine', body_hash = 'two' WHERE id = 'p1-u0'";
    sqlite.all(mine).await;
    all(&postgres, mine).await;
    let theirs = postgres.simple_query(other).await.expect_err(other);
    let words = "punctual: key of another request";
    assert_eq!(
        theirs
            .as_db_error()
            .expect("an error of the database")
            .message(),
        words
    );
    assert!(
        sqlite
            .try_all(other)
            .await
            .expect_err(other)
            .contains(words)
    );
}

#[tokio::test]
async fn a_page_of_tasks_is_found_by_its_index_and_a_word_in_any_case() {
    let (sqlite, postgres) = seeded(&seed::statements(3)).await;
    // Enough rows that an index pays.
    all(&postgres, "INSERT INTO tasks (id, owner, project_id, title, notes, priority, tags, status, due_at, reminders, touched,
            generation, generation_at, version, op, actor, via, created_at, updated_at)
        SELECT 'n' || n, 'u1', 'inbox-u1', 'ÄRGER 😀 ' || n, '', 'none', '[]', 'open', n * 1000000::bigint, '[]', 0, 1, 0, 1, 'n' || n, 'u1',
            'web', n, n FROM generate_series(1, 5000) n").await;
    all(&postgres, "ANALYZE").await;
    for (asked, index) in [
        ("owner = 'u1' AND deleted_at IS NULL", "tasks_listed"),
        (
            "owner = 'u1' AND deleted_at IS NULL AND status = 'open'",
            "tasks_by_status",
        ),
        (
            "owner = 'u1' AND deleted_at IS NULL AND status = 'open' AND project_id = 'other'",
            "tasks_by_project",
        ),
        (
            "owner = 'u1' AND deleted_at IS NULL AND series_id = 'one'",
            "tasks_by_series",
        ),
    ] {
        let after = "(COALESCE(due_at, 9223372036854775807), created_at, id) > (3000000, 3, 'n3')";
        for asked in [
            asked.to_owned(),
            format!("{asked} AND {} >= 3000000 AND {after}", statements::PLACE),
        ] {
            let sql = format!("{} SELECT id FROM page", statements::page(&asked, "51"));
            let plan: Table = all(&postgres, &format!("EXPLAIN {sql}")).await;
            let theirs = format!("{plan:?}");
            assert!(
                theirs.contains(index) && !theirs.contains("Sort"),
                "{sql}: {theirs}"
            );
            let ours = format!(
                "{:?}",
                sqlite.all(&format!("EXPLAIN QUERY PLAN {sql}")).await
            );
            assert!(
                ours.contains(index) && !ours.contains("TEMP B-TREE"),
                "{sql}: {ours}"
            );
        }
    }
    let found = "SELECT count(*) FROM tasks WHERE owner = 'u1' AND title COLLATE any_case ILIKE '%ärger%' ESCAPE '\\'";
    assert_eq!(all(&postgres, found).await, [[Some("5000".to_owned())]]);
}
