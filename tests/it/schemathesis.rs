//! The API as its contract describes it, judged by a stranger: schemathesis makes requests of the document that the server
//! serves, right ones and wrong ones, and compares the answers with it.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::client::{PASSWORD, User};

/// Every check there is, but for these, each for its reason.
const LEFT_OUT: &str = r#"
# What a schema can't say (a calendar, a cursor, a version that has passed) is refused rightly.
[checks]
positive_data_acceptance.enabled = false
# A request may be refused for another reason first: its version has passed (412).
negative_data_rejection.expected-statuses = ["4xx"]

# It would end the session that all others need.
[[operations]]
include-operation-id = "logout"
enabled = false

# A stream is described as OpenAPI 3.1 can, as one text; schemathesis takes that for each of its events.
[[operations]]
include-operation-id = "live"
checks.response_schema_conformance.enabled = false
"#;

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Requests for each operation in each phase, at most.
    pub examples: u32,
    pub seed: u64,
    /// `coverage`, `fuzzing`, `stateful`, `examples`: some of them.
    pub phases: &'static str,
}

/// What came of it.
#[derive(Debug)]
pub struct Judged {
    pub held: bool,
    /// All that schemathesis said.
    pub said: String,
}

/// Asks the server as two people, neither of whom may see what is the other's.
pub async fn judge(ann: &User, bob: &User, extent: &Extent) -> Judged {
    let base = &ann.client.base;
    let folder = tempfile::tempdir().expect("a folder");
    let login = |user: &User| {
        let who = json!({ "email": user.email, "password": PASSWORD });
        json!({ "name": user.email, "loginEndpointAuth": {
            "verb": "POST", "endpoint": "/api/auth/login", "contentType": "application/json",
            "payloadRaw": who.to_string(),
            // Its own address behind a proxy, so that other tries to sign in don't count against it.
            "headers": [{ "name": "x-forwarded-for", "value": "192.0.2.1" }],
            "token": { "extractFrom": "body", "extractSelector": "/access_token", "sendIn": "header",
                       "sendName": "Authorization", "sendTemplate": "Bearer {token}" },
        }})
    };
    let people: Value = json!({ "auth": [login(ann), login(bob)] });
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    write("people.json", &people.to_string());
    let peers = json!([ann.email, bob.email]);
    write(
        "schemathesis.toml",
        &format!(
            "max-stream-events = 1\nrequest-timeout = 10\nwarnings = false\n
            [auth.wfc]\npath = \"people.json\"\nrefresh_interval = 600\npeers = {peers}\n{LEFT_OUT}"
        ),
    );
    let python = punctual_servers::schemathesis()
        .await
        .expect("Python 3.11 or later, and PyPI once");
    let output = Command::new(python)
        .args(["-m", "schemathesis.cli", "--no-color", "run"])
        .arg(format!("{base}/api/openapi.json"))
        .args(["--url", base])
        .args(["--phases", extent.phases])
        .args(["--max-examples", &extent.examples.to_string()])
        .args(["--seed", &extent.seed.to_string()])
        .args(["--generation-database", "none"])
        .current_dir(folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    Judged {
        held: output.status.success(),
        said: String::from_utf8_lossy(&said).into_owned(),
    }
}
