use punctual_servers::Postgres;

use crate::{connect, text, try_connect};

#[tokio::test]
async fn postgres_answers_with_the_settings_it_is_meant_to_have() {
    let postgres = Postgres::start().await.unwrap();
    postgres.create_database("app").await.unwrap();
    let client = connect(&postgres.url("app")).await;
    assert!(
        text(&client, "SHOW server_version")
            .await
            .starts_with("16.4")
    );
    assert_eq!(text(&client, "SHOW fsync").await, "on");
    assert_eq!(text(&client, "SHOW max_connections").await, "200");
    assert_eq!(
        text(
            &client,
            "SELECT string_agg(c, '' ORDER BY c) FROM unnest(array['ä','b','B','a']) c"
        )
        .await,
        "Babä"
    );
    let again = postgres.create_database("app").await.unwrap_err();
    assert!(format!("{again:#}").contains("already exists"), "{again:#}");
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let postgres = Postgres::start().await.unwrap();
    let client = connect(&postgres.url("postgres")).await;
    client
        .batch_execute("CREATE ROLE worker LOGIN PASSWORD 'right'")
        .await
        .unwrap();
    connect(&postgres.url_as("worker", "right", "postgres")).await;
    assert!(
        try_connect(&postgres.url_as("worker", "wrong", "postgres"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn postgres_keeps_what_it_has_committed_when_it_is_killed() {
    let mut postgres = Postgres::start().await.unwrap();
    let url = postgres.url("postgres");
    let client = connect(&url).await;
    client
        .batch_execute("CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 1000)")
        .await
        .unwrap();
    // Back-ends in the middle of something don't hold the restart up.
    for _ in 0..5 {
        let busy = connect(&url).await;
        tokio::spawn(async move {
            busy.batch_execute("SELECT count(*) FROM generate_series(1, 1000000000)")
                .await
        });
    }
    for _ in 0..3 {
        postgres.kill().await.unwrap();
        postgres.restart().await.unwrap();
        assert_eq!(
            text(&connect(&url).await, "SELECT count(*)::text FROM t").await,
            "1000"
        );
    }
    postgres.stop().await.unwrap();
    postgres.restart().await.unwrap();
    assert_eq!(
        text(&connect(&url).await, "SELECT count(*)::text FROM t").await,
        "1000"
    );
}

#[tokio::test]
async fn a_restored_postgres_has_what_was_committed_by_the_instant_and_nothing_later() {
    let mut postgres = Postgres::start().await.unwrap();
    postgres.archive().await.unwrap();
    let url = postgres.url("postgres");
    let client = connect(&url).await;
    let add = async |n: u32| {
        let sql = format!("INSERT INTO t VALUES ({n})");
        client.batch_execute(&sql).await.unwrap();
    };
    client
        .batch_execute("CREATE TABLE t (n int)")
        .await
        .unwrap();
    add(1).await;
    postgres.base_backup().await.unwrap();
    add(2).await;
    let instant = text(&client, "SELECT clock_timestamp()::text").await;
    add(3).await;
    assert!(postgres.restore(&instant).await.is_err(), "it runs");
    postgres.stop().await.unwrap();
    postgres.restore(&instant).await.unwrap();
    let all = "SELECT string_agg(n::text, ' ' ORDER BY n) FROM t";
    assert_eq!(text(&connect(&url).await, all).await, "1 2");
    // It is a server like any other.
    let client = connect(&url).await;
    client
        .batch_execute("INSERT INTO t VALUES (4)")
        .await
        .unwrap();
    postgres.kill().await.unwrap();
    postgres.restart().await.unwrap();
    assert_eq!(text(&connect(&url).await, all).await, "1 2 4");
}

#[tokio::test]
async fn a_paused_postgres_answers_once_it_is_resumed() {
    let mut postgres = Postgres::start().await.unwrap();
    let client = connect(&postgres.url("postgres")).await;
    postgres.pause().unwrap();
    let asked = text(&client, "SELECT 'hello'");
    tokio::pin!(asked);
    assert!(
        tokio::time::timeout(std::time::Duration::from_secs(1), &mut asked)
            .await
            .is_err()
    );
    postgres.resume().unwrap();
    assert_eq!(asked.await, "hello");
}

#[tokio::test]
async fn the_shared_postgres_is_the_same_for_every_test() {
    let first = Postgres::shared().await.unwrap();
    // Another test's runtime, which ends before this one.
    let other = std::thread::spawn(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { Postgres::shared().await.unwrap().port() })
    });
    assert_eq!(other.join().unwrap(), first.port());
    assert_eq!(
        text(&connect(&first.url("postgres")).await, "SELECT 'up'").await,
        "up"
    );
}
