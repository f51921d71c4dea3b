//! How fast rows get their positions and are read. `cargo test --release --test real -- --ignored --nocapture speed`

use std::time::{Duration, Instant};

use punctual_worker::lease::LEADER;
use punctual_worker::store::Db;

use crate::harness::{Fixture, NOW, SECOND};

const ROWS: i64 = 40_000;

/// Changes as the triggers write them, a kilobyte each, of a thousand owners.
async fn fill(fixture: &Fixture) {
    let sql = "INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, actor, via, trace, at)
        SELECT 'tasks', 'task-' || n, 'owner-' || n % 1000, 'updated', 2, image, image, 'op-' || n, 'owner-' || n % 1000, 'web',
            '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 1793599200000000 + n
        FROM generate_series(1, ?1) AS n, LATERAL (SELECT concat('{\"title\":\"', repeat(md5(n::text), 14), '\"}') AS image) AS made";
    fixture
        .db
        .execute(sql, vec![ROWS.into()])
        .await
        .expect("filled");
}

fn report(what: &str, rows: i64, took: Duration, mut rounds: Vec<Duration>) {
    rounds.sort_unstable();
    let at = |part: usize| rounds[(rounds.len() * part / 100).min(rounds.len() - 1)];
    #[allow(clippy::cast_precision_loss)]
    let speed = rows as f64 / took.as_secs_f64();
    println!(
        "{what}: {speed:.0} rows/s, a round p50 {:?}, p99 {:?}",
        at(50),
        at(99)
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn rows_a_second() {
    for most in [500_u32, 2000] {
        let fixture = Fixture::new().await;
        fill(&fixture).await;
        let store = &fixture.store;
        let take = store.take_lease(LEADER, "leader", NOW, NOW + SECOND, true);
        let fence = take.await.expect("asked").expect("taken");
        let (begun, mut after, mut rounds) = (Instant::now(), 0, Vec::new());
        let [mut giving, mut reading, mut moving] = [Duration::ZERO; 3];
        while after < ROWS {
            let round = Instant::now();
            assert!(store.has_unpositioned().await.expect("asked"));
            let given = store.give_positions(LEADER, fence, most).await;
            given.expect("given").expect("led");
            giving += round.elapsed();
            let read = Instant::now();
            let rows = store.changes_after(after, most).await.expect("read");
            reading += read.elapsed();
            after = rows.last().expect("rows").position;
            let moved = Instant::now();
            let set = store.set_published_through(LEADER, fence, after).await;
            assert!(set.expect("set"));
            moving += moved.elapsed();
            rounds.push(round.elapsed());
        }
        report(&format!("rounds of {most}"), ROWS, begun.elapsed(), rounds);
        println!("  giving {giving:?}, reading {reading:?}, the watermark {moving:?}");
    }
    explain().await;
}

/// Where the time goes, as the server sees it.
async fn explain() {
    let fixture = Fixture::new().await;
    fill(&fixture).await;
    let Db::Postgres(db) = &fixture.db else {
        panic!("this is Postgres");
    };
    let mut transaction = db.pool().begin().await.expect("begun");
    let by_index = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
        SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off";
    sqlx::raw_sql(by_index)
        .execute(&mut *transaction)
        .await
        .expect("set");
    let sql = "EXPLAIN (ANALYZE, BUFFERS, WAL, COSTS OFF) UPDATE changes SET position = next.position FROM
        (SELECT seq, row_number() OVER (ORDER BY seq) AS position FROM
            (SELECT seq FROM changes WHERE position IS NULL ORDER BY seq LIMIT 2000) AS waiting) AS next
        WHERE changes.seq = next.seq";
    let lines: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&mut *transaction)
        .await
        .expect("explained");
    for line in lines {
        println!("  {line}");
    }
}
