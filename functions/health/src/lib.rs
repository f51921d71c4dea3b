//! `GET /healthz`: 200 where the database has this version's schema, 503 where it has not or can't be reached.

use punctual_function::{Answer, Call, Problem, Reply, serve};
use punctual_store::db;
use spin_sdk::http::Request;
use spin_sdk::http_service;

/// The newest migration that these functions know.
const SCHEMA: i64 = 9;

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, async |call: &Call| {
        if call.method != "GET" && call.method != "HEAD" {
            return Err(call.not_allowed("GET"));
        }
        // A newer schema says which older programs it still serves: those that a new release is taking the place of.
        let found: Option<(i64, i64)> = db::read(
            "SELECT '[' || COALESCE(max(version), 0) || ',' || COALESCE(
                 (SELECT value FROM facts WHERE name = 'schema_serves'), '0') || ']' FROM migrations",
            &[],
        )
        .await?;
        let (version, serves) = found.unwrap_or_default();
        let served = (1..=SCHEMA).contains(&serves);
        if version < SCHEMA || (version > SCHEMA && !served) {
            let text = format!(
                "The database has schema {version}, this version needs {SCHEMA}. Run the migrations, or a newer version."
            );
            return Err(Problem::new(503, text));
        }
        Ok(Answer::json(format!(
            r#"{{"status":"ok","schema":{SCHEMA}}}"#
        )))
    })
    .await
}
