//! Requests in, answers out.

use ::http::Request;
use punctual_host::full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Application, EVERYTHING, loaded, logged, request, until};

#[tokio::test]
async fn a_component_answers() {
    let answer = loaded().await.get("/hello").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), "hello");
    assert_eq!(answer.headers["content-length"], "5");
}

#[tokio::test]
async fn the_method_is_never_looked_at() {
    let app = loaded().await;
    for method in ["GET", "POST", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        let answer = app.send(request(method, "/headers", "")).await;
        assert_eq!(answer.json()["method"], method);
    }
}

#[tokio::test]
async fn a_large_body_goes_in_and_comes_out() {
    let app = loaded().await;
    let body = vec![7_u8; 20 << 20];
    assert_eq!(
        app.post("/length", body.clone()).await.text(),
        (20 << 20).to_string()
    );
    assert_eq!(app.post("/echo", body.clone()).await.body, body);
}

#[tokio::test]
async fn bodies_stream_in_both_directions_at_once() {
    let server = Application::new(EVERYTHING).serve().await;
    let mut connection = TcpStream::connect(server.address).await.expect("connected");
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.write_all(head.as_bytes()).await.expect("sent");
    let mut read = Vec::new();
    for word in ["first", "second", "third"] {
        let chunk = format!("{:x}\r\n{word}\r\n", word.len());
        connection.write_all(chunk.as_bytes()).await.expect("sent");
        // Each word comes back before the next is sent.
        while !String::from_utf8_lossy(&read).contains(word) {
            let mut buffer = [0; 1024];
            let length = connection.read(&mut buffer).await.expect("received");
            assert_ne!(length, 0, "closed early");
            read.extend_from_slice(&buffer[..length]);
        }
    }
    connection.write_all(b"0\r\n\r\n").await.expect("sent");
    while !read.ends_with(b"0\r\n\r\n") {
        let mut buffer = [0; 1024];
        let length = connection.read(&mut buffer).await.expect("received");
        assert_ne!(length, 0, "closed early");
        read.extend_from_slice(&buffer[..length]);
    }
}

#[tokio::test]
async fn a_component_sees_the_request_and_what_spin_adds() {
    let app = loaded().await;
    let request = Request::get("/headers?a=b")
        .header("host", "test.example:81")
        .header("x-own", "one")
        .header("x-own", "two")
        .header("spin-client-addr", "1.2.3.4:5")
        .body(full(""))
        .expect("a request");
    let seen = app.send(request).await.json();
    assert_eq!(seen["uri"], "http://test.example:81/headers?a=b");
    let headers = &seen["headers"];
    assert_eq!(headers["x-own"], serde_json::json!(["one", "two"]));
    assert_eq!(
        headers["spin-client-addr"],
        serde_json::json!(["0.0.0.0:0"])
    );
    assert_eq!(
        headers["spin-full-url"][0],
        "http://test.example:81/headers?a=b"
    );
    assert_eq!(headers["spin-path-info"][0], "/headers");
    assert_eq!(headers["spin-matched-route"][0], "/...");
    assert_eq!(headers["spin-component-route"][0], "");
}

#[tokio::test]
async fn the_host_answers_what_no_component_does() {
    let app = Application::new(
        r#"
[[trigger.http]]
route = "/only"
component = "guest"
[[trigger.http]]
route = "/gone"
static_response = { status_code = 410, headers = { x-why = "moved" }, body = "gone" }
[component.guest]
source = "GUEST"
"#,
    )
    .load()
    .await;
    assert_eq!(app.get("/.well-known/spin/health").await.text(), "OK");
    app.get("/.well-known/spin/other").await.is_problem(404);
    app.get("/nothing").await.is_problem(404);
    let gone = app.get("/gone").await;
    assert_eq!((gone.status.as_u16(), gone.text()), (410, "gone"));
    assert_eq!(gone.headers["x-why"], "moved");
    // The route leads to the component, which knows no such path itself.
    assert_eq!(app.get("/only").await.text(), "no /only");
    let without_host = Request::get("/only").body(full("")).expect("a request");
    app.send(without_host).await.is_problem(400);
    assert_eq!(app.host.routes().len(), 2);
}

#[tokio::test]
async fn what_a_guest_prints_is_logged_with_its_name() {
    let app = Application::new(
        &EVERYTHING
            .replace("guest\"", "printer\"")
            .replace(".guest", ".printer"),
    )
    .load()
    .await;
    app.get("/print?text=crocodile").await;
    until("both lines are logged", || async {
        logged(&["INFO", "out crocodile", "printer"])
            && logged(&["WARN", "err crocodile", "printer"])
    })
    .await;
}

#[tokio::test]
async fn a_component_gets_its_environment_and_nothing_of_ours() {
    let manifest = format!("{EVERYTHING}environment = {{ COLOUR = \"blue\" }}\n");
    let app = Application::new(&manifest).load().await;
    assert_eq!(app.get("/environment?name=COLOUR").await.text(), "blue");
    assert_eq!(app.get("/environment?name=PATH").await.text(), "");
}
