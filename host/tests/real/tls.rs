//! TLS, by `sslmode`.

use punctual_servers::Postgres;
use serde_json::json;

use crate::database::Database;

const AUTHORITY: &str = include_str!("tls/authority.pem");
const CERTIFICATE: &str = include_str!("tls/server.pem");
const KEY: &str = include_str!("tls/server.key");

const USES_TLS: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required_and_used_where_it_is_preferred() {
    let database = Database::new().await;
    let app = database.application().load().await;
    let run = |mode: &str| {
        let address = database
            .url
            .replace("sslmode=disable", &format!("sslmode={mode}"));
        app.pg_job(json!({ "address": address, "statements": [[USES_TLS]] }))
    };
    assert_eq!(
        run("require").await["error"],
        json!({ "connection": "error performing TLS handshake: server does not support TLS" })
    );
    assert_eq!(
        run("prefer").await[0]["rows"],
        json!([[{ "boolean": false }]])
    );
    assert_eq!(
        run("verify-full").await["error"],
        json!({ "connection": "invalid connection string: invalid value for option `sslmode`" })
    );
}

#[tokio::test]
async fn tls_is_used_with_an_authority_that_signed_the_certificate_and_refused_without() {
    let server = Postgres::start().await.expect("Postgres starts");
    let database = Database::on(&server).await;
    for (file, text) in [("server.crt", CERTIFICATE), ("server.key", KEY)] {
        let lines: Vec<String> = text.lines().map(|line| format!("('{line}')")).collect();
        let sql = format!(
            "COPY (VALUES {}) TO PROGRAM 'umask 077; cat > {file}'",
            lines.join(", ")
        );
        database.client.batch_execute(&sql).await.expect("written");
    }
    for sql in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        database.client.batch_execute(sql).await.expect(sql);
    }
    let app = database.application().load().await;
    let run = |query: &str, authority: bool| {
        let address = database
            .url
            .replace("127.0.0.1", "localhost")
            .replace("sslmode=disable", query);
        let mut job = json!({ "address": address, "statements": [[USES_TLS]] });
        if authority {
            job["authority"] = AUTHORITY.into();
        }
        app.pg_job(job)
    };
    crate::support::until("TLS is on", || async {
        run("sslmode=require", true).await[0]["rows"] == json!([[{ "boolean": true }]])
    })
    .await;
    // As Neon's URLs have it: the login is bound to the certificate.
    let answer = run("sslmode=require&channel_binding=require", true).await;
    assert_eq!(
        answer[0]["rows"],
        json!([[{ "boolean": true }]]),
        "{answer}"
    );
    let answer = run("sslmode=prefer", true).await;
    assert_eq!(
        answer[0]["rows"],
        json!([[{ "boolean": true }]]),
        "{answer}"
    );
    let answer = run("sslmode=disable", true).await;
    assert_eq!(
        answer[0]["rows"],
        json!([[{ "boolean": false }]]),
        "{answer}"
    );
    let answer = run("sslmode=require", false).await;
    let text = answer["error"]["connection"].as_str().unwrap_or_default();
    assert!(text.contains("UnknownIssuer"), "{answer}");
}
