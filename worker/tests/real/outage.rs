//! A database that goes away and comes back: nothing crashes, nothing is lost, nothing happens twice.

use std::time::{Duration, Instant};

use punctual_servers::Postgres as Server;
use punctual_worker::clock::Clock;
use punctual_worker::lease::Lease;
use punctual_worker::migrations::migrate;
use punctual_worker::store::Db;
use tokio_util::sync::CancellationToken;

use crate::database::open;
use crate::harness::{Fixture, NOW, SECOND, eventually};

/// A server of the test's own, to be treated badly, and a fixture on it.
async fn world() -> (Server, Fixture) {
    let server = Server::start().await.expect("a server");
    server.create_database("punctual").await.expect("created");
    let db = Db::from(open(&server.url("punctual")));
    migrate(&db, &Clock::system()).await.expect("migrated");
    let folder = tempfile::tempdir().expect("a folder");
    (server, Fixture::of(db, Clock::manual(NOW), folder))
}

/// A hundred reminders, one due every second.
async fn plan(fixture: &Fixture) {
    fixture.user("ann").await;
    fixture.task("ann", "t").await;
    for n in 0..100 {
        fixture
            .reminder("t", &format!("r{n}"), NOW + n * SECOND)
            .await;
    }
}

async fn count(fixture: &Fixture, sql: &str) -> Option<i64> {
    let rows = fixture.db.query(sql, Vec::new()).await.ok()?;
    rows.into_iter().next()?.get(0).ok()
}

/// Everything fired, each once, with one event each, and all of it was published.
async fn assert_all_once(fixture: &Fixture) {
    eventually("all to fire", async || {
        // Claims of calls that nobody answered end by the clock.
        fixture.clock.advance(Duration::from_secs(1));
        let sql = "SELECT count(*) FROM reminders WHERE state = 'fired'";
        (count(fixture, sql).await == Some(100)).then_some(())
    })
    .await;
    eventually("all to be published", async || {
        let sql = "SELECT (SELECT count(*) FROM changes) -
            (SELECT position FROM watermarks WHERE name = 'published_through')";
        (count(fixture, sql).await == Some(0)).then_some(())
    })
    .await;
    let fired = "SELECT count(*) FROM changes WHERE kind = 'fired'";
    assert_eq!(count(fixture, fired).await, Some(100));
    let positions = "SELECT max(position) - count(DISTINCT position) FROM changes";
    assert_eq!(count(fixture, positions).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_twice_loses_nothing() {
    let (mut server, fixture) = world().await;
    plan(&fixture).await;
    let functions = fixture.functions().await;
    let worker = fixture.worker(&functions).await;
    for part in 0..4 {
        fixture.clock.set(NOW + 25 * (part + 1) * SECOND);
        match part {
            1 => server.restart().await.expect("restarted"),
            2 => {
                server.kill().await.expect("killed");
                server.restart().await.expect("started");
            }
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    assert_all_once(&fixture).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_sessions_lose_nothing() {
    let (server, fixture) = world().await;
    plan(&fixture).await;
    let functions = fixture.functions().await;
    let worker = fixture.worker(&functions).await;
    let admin = open(&server.url("postgres"));
    let kill =
        "SELECT pg_terminate_backend(pid)::int FROM pg_stat_activity WHERE datname = 'punctual'";
    for part in 0..20 {
        fixture.clock.set(NOW + 5 * (part + 1) * SECOND);
        tokio::time::sleep(Duration::from_millis(20)).await;
        admin.query(kill, Vec::new()).await.expect("killed");
    }
    assert_all_once(&fixture).await;
    worker.stop().await;
}

#[tokio::test]
async fn the_first_statement_after_a_rest_works_although_every_connection_was_cut_meanwhile() {
    let (mut server, fixture) = world().await;
    let asked = futures::future::join_all((0..10).map(|_| fixture.store.last_position())).await;
    assert!(asked.into_iter().all(|answer| answer.is_ok()));
    server.restart().await.expect("restarted");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let asked = futures::future::join_all((0..10).map(|_| fixture.store.last_position())).await;
    assert!(asked.into_iter().all(|answer| answer.is_ok()));
}

#[tokio::test]
async fn a_pool_that_is_in_use_makes_others_wait_and_refuses_in_the_end() {
    let (_server, fixture) = world().await;
    let Db::Postgres(db) = &fixture.db else {
        panic!("this is Postgres");
    };
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(db.pool().acquire().await.expect("a connection"));
    }
    let store = fixture.store.clone();
    let waiting = tokio::spawn(async move { store.last_position().await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    drop(held.pop());
    assert!(waiting.await.expect("no panic").is_ok(), "one was free");

    held.push(db.pool().acquire().await.expect("a connection"));
    let begun = Instant::now();
    let refused = fixture.store.last_position().await;
    assert!(refused.is_err());
    assert!((9..15).contains(&begun.elapsed().as_secs()));
    drop(held);
    assert!(fixture.store.last_position().await.is_ok());
}

#[tokio::test]
async fn a_leader_whose_database_says_nothing_stops_leading_before_its_lease_ends() {
    let (mut server, fixture) = world().await;
    let holder = "leader".to_owned();
    let lease = Lease::new(fixture.store.clone(), fixture.clock.clone(), holder, false);
    let lead = lease.acquire().await.expect("asked").expect("free");
    server.pause().expect("paused");
    let begun = Instant::now();
    lease.keep(lead, &CancellationToken::new()).await;
    assert!(
        (4..6).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
    server.resume().expect("resumed");
    eventually("it to lead again", async || {
        lease.acquire().await.ok().flatten()
    })
    .await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_the_server() {
    let fixture = Fixture::new().await;
    let begun = Instant::now();
    let ended = fixture.db.query("SELECT pg_sleep(30)", Vec::new()).await;
    let line = ended.expect_err("ended").to_string();
    assert!(line.contains("statement timeout"), "{line}");
    assert!((9..12).contains(&begun.elapsed().as_secs()));
}

#[tokio::test]
async fn the_worker_s_clock_is_the_database_s() {
    let fixture = Fixture::new().await;
    let clock = fixture.db.clock().await.expect("asked");
    let theirs = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let theirs = fixture.integer(theirs).await;
    assert!((clock.now() - theirs).abs() < SECOND);
}
