//! `GET /healthz`: 200 where the database has this version's schema, 503 where it has not or can't be reached.

use punctual_function::{Answer, Call, Problem, Reply, serve};
use punctual_store::db;
use spin_sdk::http::Request;
use spin_sdk::http_service;

/// The newest migration that these functions know.
const SCHEMA: i64 = 6;

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, async |call: &Call| {
        if call.method != "GET" && call.method != "HEAD" {
            return Err(call.not_allowed("GET"));
        }
        let version: Option<i64> =
            db::read("SELECT CAST(max(version) AS TEXT) FROM migrations", &[]).await?;
        if version != Some(SCHEMA) {
            let found = version.map_or("none".to_owned(), |version| version.to_string());
            let text = format!(
                "The database has schema {found}, this version needs {SCHEMA}. Run the migrations."
            );
            return Err(Problem::new(503, text));
        }
        Ok(Answer::json(format!(
            r#"{{"status":"ok","schema":{SCHEMA}}}"#
        )))
    })
    .await
}
