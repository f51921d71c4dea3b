//! What one component or client can take from the others.

use std::time::{Duration, Instant};

use crate::support::{Application, EVERYTHING, loaded, logged, piece, until};

fn short(limits: &mut punctual_host::Limits) {
    limits.response_head = Duration::from_millis(300);
    limits.cpu = Duration::from_millis(150);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_answers_500_and_harms_no_other_instance() {
    let app = Application::new(EVERYTHING)
        .limits(|limits| limits.requests_per_instance_at_once = 1)
        .load()
        .await;
    let (slow, trap, fail) =
        tokio::join!(app.get("/slow?ms=300"), app.get("/trap"), app.get("/fail"));
    assert_eq!(slow.text(), "at last");
    trap.is_problem(500);
    fail.is_problem(500);
    assert_eq!(app.get("/hello").await.text(), "hello");
}

#[tokio::test]
async fn a_trap_after_the_head_breaks_the_body_off() {
    let server = Application::new(EVERYTHING).serve().await;
    let response = server.open("/trap-later?ms=50").await;
    assert_eq!(response.status(), 200);
    let body = http_body_util::BodyExt::collect(response.into_body()).await;
    assert!(
        body.is_err(),
        "a client must not take it for the whole answer"
    );
}

// One thread, so that the loop has nowhere to go where it would not be in the way.
#[tokio::test(flavor = "current_thread")]
async fn an_endless_computation_ends_and_does_not_stop_others() {
    let app = Application::new(EVERYTHING).limits(short).load().await;
    let start = Instant::now();
    let (spin, hello) = tokio::join!(app.get("/spin"), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let answer = app.get("/hello").await;
        (answer, start.elapsed())
    });
    assert!(matches!(spin.status.as_u16(), 500 | 504), "{spin:?}");
    assert_eq!(hello.0.text(), "hello");
    assert!(hello.1 < Duration::from_millis(290), "waited {:?}", hello.1);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_endless_computation_after_the_head_ends_too() {
    let server = Application::new(EVERYTHING).limits(short).serve().await;
    let response = server.open("/spin-later").await;
    assert_eq!(response.status(), 200);
    let start = Instant::now();
    let body = http_body_util::BodyExt::collect(response.into_body()).await;
    assert!(body.is_err());
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(logged(&["the guest computed for more than"]));
}

#[tokio::test]
async fn no_head_in_time_is_504() {
    let app = Application::new(EVERYTHING).limits(short).load().await;
    app.get("/hang").await.is_problem(504);
    assert_eq!(app.get("/hello").await.text(), "hello");
}

#[tokio::test]
async fn a_stream_outlives_the_limit_for_the_head() {
    let server = Application::new(EVERYTHING).limits(short).serve().await;
    let mut body = server.open("/sse?ms=20").await.into_body();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        assert!(
            piece(&mut body).await.is_some(),
            "ended after {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test]
async fn memory_is_capped() {
    let app = Application::new(EVERYTHING)
        .limits(|limits| limits.memory = 64 << 20)
        .load()
        .await;
    assert!(app.get("/memory?mib=32").await.text().starts_with("32 MiB"));
    app.get("/memory?mib=100").await.is_problem(500);
    assert_eq!(app.get("/hello").await.text(), "hello");
}

#[tokio::test]
async fn too_many_at_once_are_503_and_told_when_to_come_back() {
    let app = Application::new(EVERYTHING)
        .limits(|limits| {
            limits.concurrent_requests = 1;
            limits.waiting_requests = 1;
        })
        .load()
        .await;
    let (first, second, third) = tokio::join!(
        app.get("/slow?ms=100"),
        app.get("/slow?ms=100"),
        app.get("/slow?ms=100")
    );
    assert_eq!(first.status, 200);
    assert_eq!(second.status, 200);
    third.is_problem(503);
    assert_eq!(third.headers["retry-after"], "1");
    assert_eq!(app.get("/hello").await.status, 200);
}

#[tokio::test]
async fn waiting_has_an_end() {
    let app = Application::new(EVERYTHING)
        .limits(|limits| {
            limits.concurrent_requests = 1;
            limits.waiting_time = Duration::from_millis(50);
        })
        .load()
        .await;
    let (first, second) = tokio::join!(app.get("/slow?ms=300"), app.get("/hello"));
    assert_eq!(first.status, 200);
    second.is_problem(503);
}

#[tokio::test]
async fn open_streams_are_counted() {
    let server = Application::new(EVERYTHING)
        .limits(|limits| limits.open_responses = 2)
        .serve()
        .await;
    let first = server.open("/sse?ms=20").await;
    let _second = server.open("/sse?ms=20").await;
    assert_eq!(server.open("/hello").await.status(), 503);
    drop(first);
    until("the place is free again", || async {
        server.open("/hello").await.status() == 200
    })
    .await;
}

#[tokio::test]
async fn requests_wait_until_there_is_room_for_an_instance_but_not_for_ever() {
    let crowd = async |waiting_time| {
        let app = Application::new(EVERYTHING)
            .limits(|limits| {
                limits.instances = 2;
                limits.requests_per_instance_at_once = 1;
                limits.requests_per_instance = 1;
                limits.waiting_time = waiting_time;
            })
            .load()
            .await;
        let answers = futures::future::join_all((0..4).map(|_| app.get("/slow?ms=200"))).await;
        let count = |status: u16| {
            answers
                .iter()
                .filter(|answer| answer.status == status)
                .count()
        };
        (count(200), count(503))
    };
    assert_eq!(crowd(Duration::from_secs(10)).await, (4, 0));
    assert_eq!(crowd(Duration::from_millis(50)).await, (2, 2));
}

#[tokio::test]
async fn an_instance_serves_so_many_requests_and_then_a_fresh_one_comes() {
    let app = Application::new(EVERYTHING)
        .limits(|limits| limits.requests_per_instance = 3)
        .load()
        .await;
    let mut served = Vec::new();
    for _ in 0..7 {
        served.push(app.get("/served").await.text().to_owned());
    }
    assert_eq!(served, ["1", "2", "3", "1", "2", "3", "1"]);
}

#[tokio::test]
async fn an_idle_instance_goes() {
    let app = Application::new(EVERYTHING)
        .limits(|limits| limits.instance_idle = Duration::from_millis(50))
        .load()
        .await;
    assert_eq!(app.get("/served").await.text(), "1");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(app.get("/served").await.text(), "1");
}

#[tokio::test]
async fn requests_share_an_instance() {
    let app = loaded().await;
    let slow = app.get("/slow?ms=200");
    let after = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        app.get("/served").await
    };
    let (_, after) = tokio::join!(slow, after);
    assert_eq!(after.text(), "2");
}
