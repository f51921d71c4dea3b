//! The state-store port behind the login limits, over both adapters: Spin's key-value store, and Dapr State with the
//! project's own component files.

use std::time::{Duration, Instant};

use futures::future::join_all;
use it::App;
use it::client::PASSWORD;
use it::process::root;
use punctual_servers::{Daprd, DaprdOptions, Postgres};
use serde_json::json;

const NOW: &str = "2031-03-01T08:00:00Z";
const TOKEN: &str = "to-the-sidecar";
const TRIES: usize = 10;

/// Status of a login with this password.
async fn login(app: &App, email: &str, password: &str) -> u16 {
    let body = json!({ "email": email, "password": password });
    app.client().post("/api/auth/login", body).await.status
}

async fn wrong(app: &App, email: &str) -> u16 {
    login(app, email, "wrong horse battery").await
}

/// How many of so many wrong logins, one after the other, were tried at all.
async fn tried(app: &App, email: &str, times: usize) -> usize {
    let mut tried = 0;
    for _ in 0..times {
        match wrong(app, email).await {
            401 => tried += 1,
            429 => {}
            other => panic!("{other}"),
        }
    }
    tried
}

/// What holds over every adapter.
async fn keeps_the_contract(app: &App) {
    // Counted, whatever the key has in it.
    assert_eq!(tried(app, "a||b/../c?d=%00@example.com", 12).await, TRIES);
    // Forgotten.
    app.register("ann@example.com").await;
    assert_eq!(tried(app, "ann@example.com", 9).await, 9);
    assert_eq!(login(app, "ann@example.com", PASSWORD).await, 200);
    assert_eq!(tried(app, "ann@example.com", 11).await, TRIES);
    assert_eq!(login(app, "ann@example.com", PASSWORD).await, 429);
    // Over.
    app.advance("PT15M").await;
    assert_eq!(login(app, "ann@example.com", PASSWORD).await, 200);
}

struct Sidecar {
    daprd: Daprd,
    _folder: tempfile::TempDir,
}

impl Sidecar {
    /// With the files of `dapr/` that concern the state store.
    async fn start(database: &str) -> Self {
        let postgres = Postgres::shared().await.expect("Postgres");
        postgres
            .create_database(database)
            .await
            .expect("a database");
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = folder.path().join("secrets.json");
        let values = json!({ "punctual": { "state_database_url": postgres.url(database) } });
        std::fs::write(&secrets, values.to_string()).expect("written");
        let resources = folder.path().join("dapr");
        std::fs::create_dir(&resources).expect("a folder");
        for file in [
            "components/statestore.yaml",
            "components/secretstore.yaml",
            "resiliency.yaml",
        ] {
            let name = file.rsplit('/').next().expect("a name");
            std::fs::copy(root().join("dapr").join(file), resources.join(name)).expect("copied");
        }
        let daprd = Daprd::start(DaprdOptions {
            app_id: "punctual-functions".into(),
            resources,
            config: Some(root().join("dapr/config.yaml")),
            dapr_api_token: Some(TOKEN.into()),
            env: vec![(
                "PUNCTUAL_SECRETS_FILE".into(),
                secrets.display().to_string(),
            )],
            ..DaprdOptions::default()
        })
        .await
        .expect("a sidecar");
        Self {
            daprd,
            _folder: folder,
        }
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.daprd.http_port())
    }

    async fn app(&self) -> App {
        app_with(&self.host()).await
    }
}

async fn app_with(sidecar: &str) -> App {
    App::start()
        .clock(NOW)
        .variable("dapr_url", &format!("http://{sidecar}"))
        .variable("dapr_host", sidecar)
        .variable("dapr_api_token", TOKEN)
        .run()
        .await
        .expect("it is embedded")
}

#[tokio::test]
async fn the_key_value_store_keeps_the_contract() {
    keeps_the_contract(&App::start().clock(NOW).run().await.expect("it is embedded")).await;
}

#[tokio::test]
async fn dapr_state_keeps_the_contract_and_whoever_shares_the_store_counts_together() {
    let sidecar = Sidecar::start("state_contract").await;
    let (one, other) = (sidecar.app().await, sidecar.app().await);
    keeps_the_contract(&one).await;
    assert_eq!(tried(&one, "eve@example.com", 6).await, 6);
    assert_eq!(tried(&other, "eve@example.com", 6).await, 4);
}

#[tokio::test]
async fn of_many_tries_at_once_dapr_state_counts_every_one() {
    let sidecar = Sidecar::start("state_races").await;
    let app = sidecar.app().await;
    let statuses = join_all((0..30).map(|_| wrong(&app, "eve@example.com"))).await;
    let at_once = statuses.iter().filter(|status| **status == 401).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(at_once + refused, 30, "{statuses:?}");
    let after = tried(&app, "eve@example.com", 12).await;
    eprintln!("of 30 logins at once {at_once} were tried, and {after} after them");
    assert!(at_once > 0);
    // Not one more than there may be. (One that was counted and then found its address's counter overtaken too often was
    // refused, so that there may be one less.)
    assert!(at_once + after <= TRIES, "{at_once} and {after}");
}

#[tokio::test]
async fn a_store_that_is_away_or_hangs_stops_nobody_and_costs_less_than_a_second() {
    let mut sidecar = Sidecar::start("state_away").await;
    let app = sidecar.app().await;
    app.register("ann@example.com").await;
    assert_eq!(login(&app, "ann@example.com", PASSWORD).await, 200);
    let start = Instant::now();
    assert_eq!(login(&app, "ann@example.com", PASSWORD).await, 200);
    let usual = start.elapsed();

    sidecar.daprd.pause().expect("paused");
    let start = Instant::now();
    assert_eq!(login(&app, "ann@example.com", PASSWORD).await, 200);
    let hanging = start.elapsed();
    sidecar.daprd.resume().expect("resumed");

    sidecar.daprd.kill().await.expect("killed");
    assert_eq!(tried(&app, "ann@example.com", 12).await, 12);
    eprintln!("a login takes {usual:?}, beside a sidecar that hangs {hanging:?}");
    // Three counts and one that is forgotten, 300 ms each.
    assert!(hanging < usual + Duration::from_millis(1900), "{hanging:?}");
}
