//! What components reach, and what they don't.

use std::net::SocketAddr;
use std::time::Duration;

use punctual_host::Variables;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Application, EVERYTHING, Loaded, logged, piece};

/// A server that says the same to everybody, in pieces.
async fn outside(pieces: &'static [&'static str], pause: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer).await;
                for piece in pieces {
                    tokio::time::sleep(pause).await;
                    if stream.write_all(piece.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

const HELLO: &[&str] = &["HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", "outside"];

async fn allowing(hosts: &str) -> Loaded {
    let manifest = format!("{EVERYTHING}allowed_outbound_hosts = {hosts}\n");
    Application::new(&manifest).load().await
}

#[tokio::test]
async fn an_allowed_host_is_reached_and_others_are_not() {
    let there = outside(HELLO, Duration::ZERO).await;
    let fetch = format!("/fetch?url=http://{there}/x");
    let app = allowing("[\"http://127.0.0.1:*\"]").await;
    let answer = app.get(&fetch).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "outside"));
    for hosts in [
        "[]",
        "[\"http://127.0.0.2:*\", \"https://127.0.0.1:*\", \"http://127.0.0.1:1\"]",
    ] {
        let answer = allowing(hosts).await.get(&fetch).await;
        assert_eq!(answer.status, 502);
        assert!(answer.text().contains("HttpRequestDenied"), "{answer:?}");
    }
    assert!(logged(&["allowed_outbound_hosts", &there.to_string()]));
}

#[tokio::test]
async fn allowed_hosts_may_name_variables() {
    let there = outside(HELLO, Duration::ZERO).await;
    let manifest = format!(
        "{EVERYTHING}allowed_outbound_hosts = [\"http://{{{{ api }}}}\"]\nvariables = {{ where = \"http://{{{{ api }}}}/x\" }}\n[variables]\napi = {{ required = true }}\n"
    );
    let app = Application::new(&manifest)
        .options(|options| options.variables = Variables::new().set("api", there.to_string()))
        .load()
        .await;
    let url = app.get("/variable?name=where").await.text().to_owned();
    assert_eq!(url, format!("http://{there}/x"));
    assert_eq!(
        app.get(&format!("/fetch?url={url}")).await.text(),
        "outside"
    );
    assert_eq!(
        app.get("/variable?name=api").await.status,
        400,
        "only its own variables"
    );
    assert!(
        app.get("/variable?name=NO")
            .await
            .text()
            .contains("InvalidName")
    );
}

#[tokio::test]
async fn failures_have_names_and_time_outs() {
    let app = Application::new(&format!(
        "{EVERYTHING}allowed_outbound_hosts = [\"http://127.0.0.1:*\", \"http://*.invalid:*\"]\n"
    ))
    .limits(|limits| {
        limits.outbound_first_byte = Duration::from_millis(100);
        limits.outbound_between_bytes = Duration::from_millis(100);
    })
    .load()
    .await;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("an address")
    };
    let answer = app.get(&format!("/fetch?url=http://{closed}/")).await;
    assert!(answer.text().contains("ConnectionRefused"), "{answer:?}");
    let silent = outside(&["", "", ""], Duration::from_secs(60)).await;
    let answer = app.get(&format!("/fetch?url=http://{silent}/")).await;
    assert!(
        answer.text().contains("ConnectionReadTimeout"),
        "{answer:?}"
    );
    let answer = app.get("/fetch?url=http://nobody.invalid/").await;
    assert!(answer.text().contains("Dns"), "{answer:?}");
    let stalls = outside(
        &[
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nout",
            "",
            "",
            "",
            "side",
        ],
        Duration::from_millis(60),
    )
    .await;
    let answer = app.get(&format!("/fetch?url=http://{stalls}/")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.broken, "nothing came for too long: {answer:?}");
}

#[tokio::test]
async fn a_stream_from_outside_passes_through_as_it_comes() {
    let there = outside(
        &[
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "1\r\na\r\n",
            "1\r\nb\r\n",
            "0\r\n\r\n",
        ],
        Duration::from_millis(50),
    )
    .await;
    let manifest = format!("{EVERYTHING}allowed_outbound_hosts = [\"http://127.0.0.1:*\"]\n");
    let server = Application::new(&manifest).serve().await;
    let mut body = server
        .open(&format!("/fetch?url=http://{there}/"))
        .await
        .into_body();
    assert_eq!(piece(&mut body).await.as_deref(), Some(b"a".as_slice()));
    assert_eq!(piece(&mut body).await.as_deref(), Some(b"b".as_slice()));
    assert_eq!(piece(&mut body).await, None);
}

#[tokio::test]
async fn the_application_reaches_itself_where_that_is_allowed() {
    let app = allowing("[\"http://self\"]").await;
    assert_eq!(
        app.get("/fetch?url=http://self.alt/hello").await.text(),
        "hello"
    );
    let answer = app.get("/fetch?url=http://guest.spin.internal/hello").await;
    assert!(answer.text().contains("HttpRequestDenied"));
    let answer = allowing("[]")
        .await
        .get("/fetch?url=http://self.alt/hello")
        .await;
    assert!(answer.text().contains("HttpRequestDenied"));
}

#[tokio::test]
async fn a_private_component_is_reached_by_name_and_not_from_outside() {
    let app = Application::new(
        r#"
[[trigger.http]]
route = "/public/..."
component = "front"
[[trigger.http]]
route = "/fetch"
component = "front"
[[trigger.http]]
route = { private = true }
component = "back"
[component.front]
source = "GUEST"
allowed_outbound_hosts = ["http://*.spin.internal"]
[component.back]
source = "GUEST"
environment = { NAME = "back" }
"#,
    )
    .load()
    .await;
    let name = app
        .get("/fetch?url=http://back.spin.internal/environment%3Fname=NAME")
        .await;
    assert_eq!(name.text(), "back");
    let headers = app
        .get("/fetch?url=http://back.spin.internal/headers")
        .await
        .json();
    assert_eq!(headers["headers"]["spin-path-info"][0], "/headers");
    assert_eq!(headers["headers"]["spin-matched-route"][0], "/...");
    assert_eq!(
        app.get("/fetch?url=http://nobody.spin.internal/x")
            .await
            .status,
        404
    );
    app.get("/headers").await.is_problem(404);
}
