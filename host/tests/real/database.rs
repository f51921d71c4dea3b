//! A database of a test's own, and an application that may reach it.

use std::sync::atomic::{AtomicU32, Ordering};

use punctual_servers::Postgres;
use serde_json::{Value as Json, json};
use tokio_postgres::NoTls;

use crate::support::{Application, Loaded};

pub struct Database {
    pub url: String,
    /// A connection past the host, to look and to disturb.
    pub client: tokio_postgres::Client,
}

impl Database {
    /// On the server that the tests of this process share.
    pub async fn new() -> Self {
        let server = Postgres::shared().await.expect("Postgres starts");
        Self::on(server).await
    }

    pub async fn on(server: &Postgres) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name).await.expect("a database");
        let url = server.url(&name);
        let client = connect(&url).await;
        Self { url, client }
    }

    /// Its guest may reach this server and nothing else.
    pub fn application(&self) -> Application {
        let server: tokio_postgres::Config = self.url.parse().expect("an address");
        let port = server.get_ports()[0];
        Application::new(&format!(
            r#"
[variables]
address = {{ default = "{url}" }}

[[trigger.http]]
route = "/..."
component = "guest"

[component.guest]
source = "GUEST"
allowed_outbound_hosts = ["postgres://127.0.0.1:{port}", "postgres://localhost:{port}"]

[component.guest.variables]
address = "{{{{ address }}}}"
"#,
            url = self.url
        ))
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let row = self.client.query_one(sql, &[]).await;
        row.expect("a row").get(0)
    }
}

/// The guest's connections as the server sees them; they are named after their component.
pub const GUESTS: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND application_name = 'guest'";

pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("connected");
    tokio::spawn(connection);
    client
}

impl Loaded {
    /// Runs statements on one connection of the guest.
    pub async fn pg(&self, statements: Json) -> Json {
        self.pg_job(json!({ "statements": statements })).await
    }

    pub async fn pg_job(&self, job: Json) -> Json {
        self.post("/postgres", job.to_string()).await.json()
    }
}

/// The path of a route that takes a statement.
pub fn path(route: &str, sql: &str) -> String {
    format!(
        "/postgres/{route}?sql={}",
        sql.replace('%', "%25")
            .replace('&', "%26")
            .replace('+', "%2B")
            .replace(' ', "+")
            .replace('=', "%3D")
    )
}
