use it::App;
use it::edition::Edition;
use it::schemathesis::{Extent, judge};
use punctual_contract::api::{
    Activity, Notification, Page, Project, Receipt, Session, Settings, Task,
};
use punctual_contract::openapi::openapi;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[tokio::test]
async fn the_running_app_serves_the_contract() {
    let app = App::shared().await;
    assert_eq!(
        app.client().get("/api/openapi.json").await.expect(200),
        openapi()
    );
}

/// The long one is `cargo xtask prove api`.
#[tokio::test]
async fn a_stranger_who_knows_the_contract_alone_gets_what_it_says() {
    let app = App::start().run().await.expect("every edition can");
    let (ann, bob) = (app.user().await, app.user().await);
    let extent = Extent {
        examples: 4,
        seed: 1,
        phases: match Edition::of_this_run() {
            // The first phase sends headers whose bytes are not UTF-8. To these Spin itself answers 500, before any function.
            Edition::Spin => "fuzzing,stateful",
            Edition::Embedded | Edition::Cluster => "coverage,fuzzing,stateful",
        },
    };
    let judged = judge(&ann, &bob, &extent).await;
    assert!(judged.held, "{}", judged.said);
}

/// The answer read into its wire type and written again is the same: no field is missing, none unknown.
fn same<T: DeserializeOwned + serde::Serialize>(answer: &Value) {
    let read: T =
        serde_json::from_value(answer.clone()).unwrap_or_else(|error| panic!("{error}: {answer}"));
    assert_eq!(&serde_json::to_value(read).expect("JSON"), answer);
}

#[tokio::test]
async fn answers_have_exactly_the_fields_of_their_wire_types() {
    let Some(app) = App::start().clock("2026-11-02T06:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    same::<Session>(&ann.session().await);
    let task = ann
        .add(
            json!({ "title": "x", "due": "2026-11-02T12:00", "repeat": { "rrule": "FREQ=DAILY" },
                     "reminders": [{ "before": "PT4H30M" }, { "at": "2026-11-09T06:00:00Z" }] }),
        )
        .await;
    same::<Task>(&task);
    app.settled().await;
    app.set("2026-11-02T06:30:00Z").await;
    let fired = it::eventually("the ring", || async { ann.notifications().await.pop() }).await;
    same::<Notification>(&fired);
    let done = ann
        .post(
            &format!("/api/tasks/{}/complete", it::client::text(&task, "/id")),
            json!({}),
        )
        .await
        .expect(200);
    same::<Task>(&done);
    app.settled().await;
    same::<Activity>(&ann.get("/api/activity").await.expect(200));
    same::<Settings>(&ann.get("/api/settings").await.expect(200));
    same::<Page<Project>>(&ann.get("/api/projects").await.expect(200));
    same::<Receipt>(
        &ann.get(&format!(
            "/api/reminders/{}",
            it::client::text(&fired, "/id")
        ))
        .await
        .expect(200),
    );
    same::<Page<punctual_contract::api::Change>>(
        &ann.get(&format!(
            "/api/tasks/{}/history",
            it::client::text(&task, "/id")
        ))
        .await
        .expect(200),
    );
}

#[tokio::test]
async fn the_table_of_settings_is_what_the_program_says() {
    let output = tokio::process::Command::new(it::process::program("punctual-server"))
        .arg("settings")
        .output()
        .await
        .expect("it runs");
    let written = std::fs::read_to_string(it::process::root().join("docs/settings.md"))
        .expect("docs/settings.md");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        written, said,
        "write it anew: target/release/punctual-server settings > docs/settings.md"
    );
}
