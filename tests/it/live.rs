use it::App;
use it::client::text;
use it::stream::Events;
use serde_json::json;

#[tokio::test]
async fn a_change_reaches_whoever_watches_and_nobody_else() {
    let app = App::shared().await;
    let (ann, bob) = (app.user().await, app.user().await);
    let mut of_ann = Events::open(&ann, "/api/live", &[]).await;
    let mut of_bob = Events::open(&bob, "/api/live", &[]).await;
    assert_eq!(
        (of_ann.next().await.kind, of_bob.next().await.kind),
        ("ready".into(), "ready".into())
    );
    let task = ann.add(json!({ "title": "Seen" })).await;
    let event = of_ann.next_of("punctual.task.created.v1").await;
    assert_eq!(
        (
            event.data["subject"].as_str(),
            event.data["data"]["changed"]["title"].as_str()
        ),
        (task["id"].as_str(), Some("Seen"))
    );
    let own = bob.add(json!({ "title": "Bob's" })).await;
    assert_eq!(
        of_bob.next_of("punctual.task.created.v1").await.data["subject"],
        own["id"],
        "Ann's came not before"
    );
}

#[tokio::test]
async fn a_client_that_comes_back_gets_everything_after_its_cursor_once_and_in_order() {
    let app = App::shared().await;
    let ann = app.user().await;
    let mut events = Events::open(&ann, "/api/live", &[]).await;
    let ready = events.next().await;
    let mut titles = Vec::new();
    for n in 0..5 {
        ann.add(json!({ "title": format!("{n}") })).await;
        titles.push(format!("{n}"));
    }
    let first = events.next_of("punctual.task.created.v1").await;
    drop(events);
    for n in 5..8 {
        ann.add(json!({ "title": format!("{n}") })).await;
        titles.push(format!("{n}"));
    }
    let read = |cursor: String, by_header: bool| {
        let ann = ann.clone();
        async move {
            let headers = [("last-event-id", cursor.as_str())];
            let path = if by_header {
                "/api/live?after=0".to_owned()
            } else {
                format!("/api/live?after={cursor}")
            };
            let mut events =
                Events::open(&ann, &path, if by_header { &headers } else { &[] }).await;
            let (mut seen, mut last) = (Vec::new(), 0);
            while seen.last().map(String::as_str) != Some("7") {
                let event = events.next().await;
                let position: u64 = event.id.parse().expect("a position");
                assert!(position > last, "in order, none twice");
                last = position;
                if event.kind == "punctual.task.created.v1" {
                    seen.push(text(&event.data, "/data/changed/title"));
                }
            }
            seen
        }
    };
    assert_eq!(read(ready.id, false).await, titles);
    assert_eq!(read(first.id, true).await, titles[1..]);
}

#[tokio::test]
async fn a_fired_reminder_is_seen_live_within_a_second_of_its_instant() {
    let app = App::shared().await;
    let ann = app.user().await;
    let mut events = Events::open(&ann, "/api/live", &[]).await;
    let at = app.in_seconds(2);
    ann.add(json!({ "title": "Tea", "reminders": [{ "at": at }] }))
        .await;
    let fired = events.next_of("punctual.reminder.fired.v1").await;
    let late = app.micros_since(&at);
    assert!((0..1_000_000).contains(&late), "{late} µs late: {fired:?}");
}

#[tokio::test]
async fn live_wants_a_token_and_a_cursor_that_is_one() {
    let app = App::shared().await;
    assert_eq!(app.client().get("/api/live").await.status, 401);
    assert_eq!(
        app.client()
            .with_token("at.x.y")
            .get("/api/live")
            .await
            .status,
        401
    );
    let ann = app.user().await;
    assert_eq!(ann.get("/api/live?after=yesterday").await.status, 422);
}

#[tokio::test]
async fn a_cursor_from_before_a_restore_begins_anew() {
    let Some(app) = App::start().run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    app.settled().await;
    let mut events = Events::open(&ann, "/api/live?after=1000000", &[]).await;
    assert_eq!(events.next().await.kind, "ready");
    ann.add(json!({ "title": "Seen" })).await;
    assert_eq!(events.next().await.kind, "punctual.task.created.v1");
}
