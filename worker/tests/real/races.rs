//! Several workers at once, which SQLite's one writer never sees.

use std::collections::HashSet;

use punctual_worker::lease::{LEADER, Lease};
use punctual_worker::store::{Db, Postgres, Store};
use sqlx::PgConnection;

use crate::harness::{Fixture, NOW, SECOND};

const MINUTE: i64 = 60 * SECOND;

/// A second worker's own connections.
fn another(fixture: &Fixture) -> Store {
    Store::new(Postgres::open(postgres(fixture).address()).expect("a pool"))
}

fn postgres(fixture: &Fixture) -> &Postgres {
    match &fixture.db {
        Db::Postgres(db) => db,
        Db::Sqlite(_) => panic!("these tests are for Postgres"),
    }
}

async fn take(store: &Store, holder: &str) -> Option<i64> {
    let taken = store.take_lease(LEADER, holder, NOW, NOW + MINUTE, true);
    taken.await.expect("asked")
}

/// Every change has its position, from 1 on, each once, and the watermark is the last one.
async fn assert_gap_free(fixture: &Fixture) {
    let count = fixture.integer("SELECT count(*) FROM changes").await;
    for sql in [
        "SELECT count(DISTINCT position) FROM changes",
        "SELECT max(position) FROM changes",
        "SELECT position FROM watermarks WHERE name = 'positions'",
    ] {
        assert_eq!(fixture.integer(sql).await, count, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_take_the_lease_from_each_other_leave_no_gap_and_give_nothing_twice() {
    let fixture = Fixture::new().await;
    for owner in ["ann", "bob", "eve"] {
        fixture.user(owner).await;
    }
    let fixture = std::sync::Arc::new(fixture);
    let writers: Vec<_> = ["ann", "bob", "eve"]
        .into_iter()
        .map(|owner| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                for n in 0..150 {
                    fixture.task(owner, &format!("{owner}-{n}")).await;
                }
            })
        })
        .collect();
    let stop = tokio_util::sync::CancellationToken::new();
    let relays: Vec<_> = ["one", "two"]
        .into_iter()
        .map(|holder| {
            let (store, stop) = (another(&fixture), stop.clone());
            tokio::spawn(async move {
                let mut rounds = 0;
                while !stop.is_cancelled() {
                    let Some(fence) = take(&store, holder).await else {
                        continue;
                    };
                    // Until the other one takes it.
                    for _ in 0..5 {
                        let given = store.give_positions(LEADER, fence, 7, 0).await;
                        if given.expect("answered").is_none() {
                            break;
                        }
                        rounds += 1;
                    }
                }
                rounds
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("written");
    }
    stop.cancel();
    for relay in relays {
        assert!(relay.await.expect("no panic") > 0, "both had their turns");
    }
    let fence = take(&fixture.store, "last").await.expect("taken");
    let given = fixture.store.give_positions(LEADER, fence, 10_000, 0).await;
    given.expect("given").expect("led");
    assert_gap_free(&fixture).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_of_one_leader_that_overlap_after_a_lost_answer_give_nothing_twice() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    for n in 0..300 {
        fixture.task("ann", &format!("t{n}")).await;
    }
    let fence = take(&fixture.store, "leader").await.expect("taken");
    let rounds: Vec<_> = (0..20)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move { store.give_positions(LEADER, fence, 20, 0).await })
        })
        .collect();
    for round in rounds {
        let given = round.await.expect("no panic").expect("given");
        assert!(given.is_some(), "led");
    }
    assert_gap_free(&fixture).await;
}

#[tokio::test]
async fn what_is_committed_late_gets_a_later_position_and_is_not_skipped() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    let fence = take(&fixture.store, "leader").await.expect("taken");
    let store = &fixture.store;
    let read = async |after: i64| {
        if let Some(above) = store.wants_positions().await.expect("asked") {
            let given = store.give_positions(LEADER, fence, 100, above).await;
            given.expect("given").expect("led");
        }
        store.changes_after(after, 100).await.expect("read")
    };
    let cursor = read(0).await.last().expect("the registration").position;

    let mut late = postgres(&fixture).pool().begin().await.expect("begun");
    let rename =
        "UPDATE projects SET name = 'Late', version = 2, op = 'late' WHERE id = 'inbox-ann'";
    sqlx::query(rename)
        .execute(&mut *late)
        .await
        .expect("written");
    let mut cursor = cursor;
    for n in 0..5 {
        fixture.task("ann", &format!("early-{n}")).await;
        let early = read(cursor).await;
        assert_eq!(early.len(), 1, "the open transaction holds nobody up");
        assert_eq!(early[0].row_id, format!("early-{n}"));
        cursor = early[0].position;
        assert!(read(cursor).await.is_empty());
    }

    late.commit().await.expect("committed");
    let rows = read(cursor).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].row_id.as_str(), rows[0].position),
        ("inbox-ann", cursor + 1)
    );
    let order = "SELECT count(*) FROM changes a JOIN changes b ON a.seq < b.seq
        WHERE a.position > b.position AND a.row_id = 'inbox-ann'";
    assert_eq!(
        fixture.integer(order).await,
        5,
        "its number is lower, its position is higher"
    );
    assert_gap_free(&fixture).await;

    // The next looks go by what was given already, and find what comes; once nothing on this server is open any more, of
    // other tests neither.
    let mut cursor = rows[0].position;
    let mut first = None;
    crate::harness::eventually("the bound to rise", async || {
        fixture.task("ann", &format!("later-{cursor}")).await;
        let from = store.wants_positions().await.expect("asked");
        let later = read(cursor).await;
        assert_eq!(later.len(), 1);
        cursor = later[0].position;
        (from > *first.get_or_insert(from)).then_some(())
    })
    .await;
}

/// Rows of `changes` that were read so far. A session tells it at its end, so all others must have ended.
async fn read_so_far(reader: &mut PgConnection) -> i64 {
    let others = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    crate::harness::eventually("the sessions' end", async || {
        let others = sqlx::query_scalar(others).fetch_one(&mut *reader).await;
        (others.unwrap_or(1_i64) == 0).then_some(())
    })
    .await;
    let read =
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'changes'";
    let read = sqlx::query_scalar(read).fetch_one(reader).await;
    read.expect("counted")
}

/// Postgres has no statistics yet of a table that has just grown: then it would rather read much than little.
#[tokio::test]
async fn of_a_long_history_the_worker_reads_each_change_once() {
    reads_each_change_once("", 0).await;
}

/// Nor does it, when its statistics are of the time when nothing could be published, and all changes waited. It may take the
/// primary key then, which it reads from the worker's bound on: one that has just started has none yet.
#[tokio::test]
async fn of_a_long_history_that_waited_a_worker_that_starts_reads_each_change_once_a_look_at_most()
{
    reads_each_change_once("ANALYZE changes", 1).await;
}

async fn reads_each_change_once(while_all_waits: &str, each_look: i64) {
    const LONG: i64 = 50_000;
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    let fence = take(&fixture.store, "leader").await.expect("taken");
    let image = r#"concat('{"title":"', repeat(md5(n::text), 30), '"}')"#;
    let written = format!(
        "INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, actor, via, at)
        SELECT 'tasks', n::text, 'ann', 'updated', 2, {image}, {image}, 'op-' || n, 'ann', 'web', {NOW}
        FROM generate_series(1, {LONG}) AS n"
    );
    fixture.run(&written, Vec::new()).await;
    fixture.run(while_all_waits, Vec::new()).await;
    let all = fixture.integer("SELECT count(*) FROM changes").await;
    let store = &fixture.store;
    while let Some(above) = store.wants_positions().await.expect("asked") {
        let given = store.give_positions(LEADER, fence, 2000, above).await;
        given.expect("given").expect("led");
    }
    let backlog = store.backlog(NOW).await.expect("counted");
    assert_eq!(backlog.unpublished, all);
    let published = store.set_published_through(LEADER, fence, all - 10);
    assert!(published.await.expect("published"));
    let address = postgres(&fixture).address();
    let reader = address.connect(std::time::Duration::from_secs(10)).await;
    let mut reader = reader.expect("connected");
    postgres(&fixture).pool().close().await;
    let before = read_so_far(&mut reader).await;

    let pool = Postgres::open(address).expect("a pool");
    let store = Store::new(pool.clone());
    let (mut through, mut looks) = (0, 0);
    while through < all - 10 {
        assert_eq!(store.wants_positions().await.expect("asked"), None);
        let looked = store.settle_in_app(through, NOW).await.expect("settled");
        let backlog = store.backlog(NOW).await.expect("counted");
        assert_eq!(backlog.unpublished, 10);
        assert!(looked.through > through, "it goes on");
        (through, looks) = (looked.through, looks + 1);
    }
    pool.pool().close().await;
    let read = read_so_far(&mut reader).await - before;
    // To know how far a look goes, and to go so far.
    assert!(
        read <= (2 + each_look * looks) * all + 100 * looks,
        "{read} in {looks} looks at {all}"
    );
}

#[tokio::test]
async fn who_takes_the_lease_waits_for_a_round_that_is_under_way() {
    let fixture = Fixture::new().await;
    take(&fixture.store, "one").await.expect("taken");
    let mut round = postgres(&fixture).pool().begin().await.expect("begun");
    sqlx::query("SELECT fence FROM leases FOR UPDATE")
        .execute(&mut *round)
        .await
        .expect("locked");
    let store = fixture.store.clone();
    let next = tokio::spawn(async move { take(&store, "two").await });
    crate::harness::eventually("it to wait", async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        (fixture.integer(waiting).await == 1).then_some(())
    })
    .await;
    assert!(!next.is_finished());
    round.commit().await.expect("committed");
    assert_eq!(next.await.expect("no panic"), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_workers_that_start_at_once_one_leads_and_after_it_one_again() {
    let fixture = Fixture::new().await;
    for (now, fence) in [(NOW, 1), (NOW + MINUTE, 2)] {
        fixture.clock.set(now);
        let race: Vec<_> = (0..16)
            .map(|n| {
                let holder = format!("worker-{now}-{n}");
                let lease = Lease::new(fixture.store.clone(), fixture.clock.clone(), holder, false);
                tokio::spawn(async move { lease.acquire().await.expect("asked") })
            })
            .collect();
        let mut leads = Vec::new();
        for one in race {
            leads.extend(one.await.expect("no panic"));
        }
        assert_eq!(leads.len(), 1);
        assert_eq!(leads[0].fence, fence);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_is_claimed_by_one_worker_however_many_want_it() {
    let fixture = Fixture::new().await;
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    let mut ids: Vec<String> = (0..100).map(|n| format!("r{n}")).collect();
    for id in &ids {
        fixture.reminder("t", id, NOW - SECOND).await;
    }
    for (round, now) in [(1, NOW), (2, NOW + MINUTE)] {
        let race: Vec<_> = (0..8)
            .map(|n| {
                ids.rotate_left(13);
                let (store, ids) = (fixture.store.clone(), ids.clone());
                let worker = format!("w{n}");
                tokio::spawn(async move {
                    let claimed = store.claim(&ids, &worker, now, now + MINUTE).await;
                    claimed.expect("claimed")
                })
            })
            .collect();
        let mut all = Vec::new();
        for one in race {
            let claimed = one.await.expect("no panic");
            assert!(claimed.iter().all(|claimed| claimed.owner == "ann"));
            all.extend(claimed.into_iter().map(|claimed| claimed.id));
        }
        let once: HashSet<&String> = all.iter().collect();
        assert_eq!((all.len(), once.len()), (100, 100), "round {round}");
    }
}

#[tokio::test]
async fn the_published_watermark_never_moves_back_and_only_for_the_leader() {
    let fixture = Fixture::new().await;
    let old = take(&fixture.store, "one").await.expect("taken");
    let set = async |fence, position| {
        let set = fixture
            .store
            .set_published_through(LEADER, fence, position)
            .await;
        (
            set.expect("asked"),
            fixture.store.published_through().await.expect("asked"),
        )
    };
    assert_eq!(set(old, 10).await, (true, 10));
    assert_eq!(set(old, 7).await, (true, 10), "published again");
    let new = take(&fixture.store, "two").await.expect("taken");
    assert_eq!(set(old, 20).await, (false, 10));
    assert_eq!(set(new, 20).await, (true, 20));
}
