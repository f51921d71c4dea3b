use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Path as Segment, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use punctual_servers::{Daprd, DaprdOptions, Kafka, Postgres, Scheduler};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

const APP_TOKEN: &str = "from the sidecar";
const DAPR_TOKEN: &str = "to-the-sidecar";

/// What an app heard: the path's last word and the body.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(String, String)>>>);

impl Heard {
    async fn wait_for(&self, name: &str) -> String {
        let found = || {
            let heard = self.0.lock().unwrap();
            heard
                .iter()
                .find(|(word, _)| word == name)
                .map(|(_, body)| body.clone())
        };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(body) = found() {
                return body;
            }
            assert!(tokio::time::Instant::now() < deadline, "{name} never came");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn hear(
    State(heard): State<Heard>,
    Segment(name): Segment<String>,
    headers: HeaderMap,
    body: String,
) -> &'static str {
    assert_eq!(headers["dapr-api-token"], APP_TOKEN);
    heard.0.lock().unwrap().push((name, body));
    ""
}

/// An app that Dapr can call.
async fn app() -> (u16, Heard) {
    let heard = Heard::default();
    let router = Router::new()
        .route("/health", get(|| async {}))
        .route("/job/{name}", post(hear))
        .route("/events/{name}", post(hear))
        .with_state(heard.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (port, heard)
}

/// The sidecar's HTTP API, with the token it asks for.
struct Sidecar {
    daprd: Daprd,
    client: Client,
}

impl Sidecar {
    async fn start(resources: &Path, app_port: Option<u16>, scheduler: Option<&Scheduler>) -> Self {
        let daprd = Daprd::start(DaprdOptions {
            app_id: "app".into(),
            app_port,
            resources: resources.to_owned(),
            scheduler_port: scheduler.map(Scheduler::port),
            app_api_token: Some(APP_TOKEN.into()),
            dapr_api_token: Some(DAPR_TOKEN.into()),
            app_health_path: app_port.map(|_| "/health".into()),
            ..Default::default()
        });
        let daprd = daprd.await.unwrap();
        let client = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self { daprd, client }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.daprd.http_port())
    }

    async fn post(&self, path: &str, body: Value) -> StatusCode {
        let answer = self
            .client
            .post(self.url(path))
            .header("dapr-api-token", DAPR_TOKEN)
            .json(&body)
            .send();
        answer.await.unwrap().status()
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let answer = self
            .client
            .get(self.url(path))
            .header("dapr-api-token", DAPR_TOKEN)
            .send();
        answer.await.unwrap()
    }

    async fn schedule(&self, name: &str, after: Duration) {
        let job = json!({
            "dueTime": format!("{}s", after.as_secs()),
            "data": { "name": name },
            "failurePolicy": { "constant": { "interval": "1s" } },
        });
        assert_eq!(
            self.post(&format!("v1.0/jobs/{name}"), job).await,
            StatusCode::NO_CONTENT
        );
    }
}

fn resources(files: &[(&str, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn component(name: &str, kind: &str, version: &str, metadata: &[(&str, &str)]) -> (String, String) {
    let metadata: String = metadata
        .iter()
        .map(|(name, value)| format!("    - {{ name: {name}, value: \"{value}\" }}\n"))
        .collect();
    let text = format!(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: {name} }}\nspec:\n  type: {kind}\n  \
         version: {version}\n  metadata:\n{metadata}"
    );
    (format!("{name}.yaml"), text)
}

#[tokio::test]
async fn jobs_are_called_although_scheduler_and_sidecar_were_killed_meanwhile() {
    let (port, heard) = app().await;
    let mut scheduler = Scheduler::start().await.unwrap();
    let folder = resources(&[]);
    let mut sidecar = Sidecar::start(folder.path(), Some(port), Some(&scheduler)).await;

    let start = SystemTime::now();
    sidecar.schedule("soon", Duration::from_secs(1)).await;
    let body = heard.wait_for("soon").await;
    assert!(start.elapsed().unwrap() >= Duration::from_millis(900));
    assert!(body.contains(r#""name":"soon""#), "{body}");

    sidecar.schedule("later", Duration::from_secs(3)).await;
    scheduler.kill().await.unwrap();
    sidecar.daprd.kill().await.unwrap();
    scheduler.restart().await.unwrap();
    sidecar.daprd.restart().await.unwrap();
    heard.wait_for("later").await;
}

#[tokio::test]
async fn a_scheduler_whose_data_is_deleted_knows_no_job() {
    let (port, heard) = app().await;
    let mut scheduler = Scheduler::start().await.unwrap();
    let folder = resources(&[]);
    let sidecar = Sidecar::start(folder.path(), Some(port), Some(&scheduler)).await;
    sidecar.schedule("lost", Duration::from_secs(3600)).await;
    assert_eq!(sidecar.get("v1.0/jobs/lost").await.status(), StatusCode::OK);
    assert!(scheduler.wipe_data().is_err(), "it is running");
    scheduler.stop().await.unwrap();
    scheduler.wipe_data().unwrap();
    scheduler.restart().await.unwrap();
    assert_ne!(sidecar.get("v1.0/jobs/lost").await.status(), StatusCode::OK);
    // The sidecar finds the new one by itself.
    sidecar.schedule("again", Duration::from_secs(1)).await;
    heard.wait_for("again").await;
}

#[tokio::test]
async fn state_is_kept_in_postgres_and_guarded_by_its_etag() {
    let postgres = Postgres::shared().await.unwrap();
    postgres.create_database("dapr_state").await.unwrap();
    let url = postgres.url("dapr_state");
    let (name, text) = component(
        "state",
        "state.postgresql",
        "v2",
        &[("connectionString", &url), ("keyPrefix", "name")],
    );
    let folder = resources(&[(&name, text)]);
    let mut sidecar = Sidecar::start(folder.path(), None, None).await;

    let set = |value: &str, etag: Option<&str>| {
        let mut item =
            json!({ "key": "k", "value": value, "options": { "concurrency": "first-write" } });
        if let Some(etag) = etag {
            item["etag"] = json!(etag);
        }
        json!([item])
    };
    assert_eq!(
        sidecar.post("v1.0/state/state", set("one", None)).await,
        StatusCode::NO_CONTENT
    );
    let answer = sidecar.get("v1.0/state/state/k").await;
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(answer.text().await.unwrap(), r#""one""#);
    assert_eq!(
        sidecar
            .post("v1.0/state/state", set("two", Some(&etag)))
            .await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        sidecar
            .post("v1.0/state/state", set("three", Some(&etag)))
            .await,
        StatusCode::CONFLICT
    );

    sidecar.daprd.kill().await.unwrap();
    sidecar.daprd.restart().await.unwrap();
    assert_eq!(
        sidecar
            .get("v1.0/state/state/k")
            .await
            .text()
            .await
            .unwrap(),
        r#""two""#
    );
}

#[tokio::test]
async fn a_secret_is_read_from_a_file_and_only_with_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets.json");
    std::fs::write(&secrets, r#"{"smtp": {"password": "s3cret"}}"#).unwrap();
    let secrets = secrets.display().to_string();
    let (name, text) = component(
        "secrets",
        "secretstores.local.file",
        "v1",
        &[("secretsFile", &secrets), ("multiValued", "true")],
    );
    let folder = resources(&[(&name, text)]);
    let sidecar = Sidecar::start(folder.path(), None, None).await;
    let secret: Value = sidecar
        .get("v1.0/secrets/secrets/smtp")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(secret, json!({ "password": "s3cret" }));
    let refused = sidecar
        .client
        .get(sidecar.url("v1.0/secrets/secrets/smtp"))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_message_on_kafka_is_delivered_to_the_app() {
    let kafka = Kafka::shared().await.unwrap();
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .create()
        .unwrap();
    let topic = NewTopic::new("updates", 1, TopicReplication::Fixed(1));
    admin
        .create_topics(&[topic], &AdminOptions::new())
        .await
        .unwrap();

    let (port, heard) = app().await;
    let (name, text) = component(
        "pubsub",
        "pubsub.kafka",
        "v1",
        &[
            ("brokers", &kafka.bootstrap()),
            ("authType", "none"),
            ("version", "2.8.0"),
            ("consumerGroup", "app"),
            ("initialOffset", "oldest"),
        ],
    );
    let subscription = "apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: { name: updates }\nscopes: [app]\n\
                        spec:\n  pubsubname: pubsub\n  topic: updates\n  routes: { default: /events/updates }\n";
    let folder = resources(&[(&name, text), ("updates.yaml", subscription.into())]);
    let sidecar = Sidecar::start(folder.path(), Some(port), None).await;
    let status = sidecar
        .post("v1.0/publish/pubsub/updates", json!({ "hello": "world" }))
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let event: Value = serde_json::from_str(&heard.wait_for("updates").await).unwrap();
    assert_eq!(event["data"], json!({ "hello": "world" }));
    assert_eq!(event["specversion"], "1.0");
}
