use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;

#[test]
fn a_server_is_an_http_address() {
    assert!(parse_server("http://127.0.0.1:3000").is_ok());
    assert!(parse_server("https://todo.example.org").is_ok());
    for text in [
        "127.0.0.1:3000",
        "localhost",
        "ftp://example.org",
        "http://",
        "http://user:secret@example.org",
        "http://a?b",
    ] {
        assert!(parse_server(text).is_err(), "{text}");
    }
}

#[test]
fn only_this_computer_is_loopback() {
    for (text, here) in [
        ("http://127.0.0.1:3000", true),
        ("http://localhost:3000", true),
        ("http://[::1]:3000", true),
        ("http://192.168.0.2", false),
        ("https://localhost.example.org", false),
    ] {
        assert_eq!(is_loopback(&text.parse().unwrap()), here, "{text}");
    }
}

#[test]
fn a_query_is_escaped_and_leaves_out_what_is_not_there() {
    let query = [
        ("q", Some("a b&c=ä".to_owned())),
        ("tag", None),
        ("limit", Some("5".to_owned())),
    ];
    assert_eq!(
        with_query("/api/tasks", &query),
        "/api/tasks?q=a%20b%26c%3D%C3%A4&limit=5"
    );
    assert_eq!(with_query("/api/tasks", &[("q", None)]), "/api/tasks");
}

#[derive(Debug, Clone)]
struct Seen {
    /// `POST /api/tasks`
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the scripted server does with a request.
enum Reply {
    Answer(u16, String),
    /// The connection ends before an answer.
    Break,
}

type Script = dyn Fn(&Seen) -> Reply + Send + Sync;

/// A server on a free port that keeps what it saw.
struct Server {
    url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, keep): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, keep) = (Arc::clone(&script), Arc::clone(&keep));
                tokio::spawn(async move { serve(stream, &*script, &keep).await });
            }
        });
        Self { url, seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    fn api(&self, config: &std::path::Path) -> Api {
        Api::new(self.url.clone(), Profile::of(Some(config), &self.url), None).unwrap()
    }
}

/// One request, one connection.
async fn serve(stream: tokio::net::TcpStream, script: &Script, keep: &Mutex<Vec<Seen>>) {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let Some((line, headers)) = head.split_first() else {
        return;
    };
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|header| header.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let seen = Seen {
        line: line.trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::from_utf8(body).unwrap(),
    };
    let reply = script(&seen);
    keep.lock().unwrap().push(seen);
    if let Reply::Answer(status, body) = reply {
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    }
}

fn answer(status: u16, body: &str) -> Reply {
    Reply::Answer(status, body.to_owned())
}

fn problem(status: u16, detail: &str) -> Reply {
    Reply::Answer(
        status,
        serde_json::to_string(&Problem::new(status, detail)).unwrap(),
    )
}

fn session(access: &str, refresh: &str) -> String {
    format!(
        r#"{{"user":{{"id":"u","email":"ada@example.org","role":"admin","inbox_id":"i"}},"access_token":"{access}","expires_in":900,"refresh_token":"{refresh}"}}"#
    )
}

fn tokens(access: &str, refresh: &str, lasts: i64) -> Tokens {
    Tokens {
        email: "ada@example.org".to_owned(),
        access_token: access.to_owned(),
        access_until: Utc::now().timestamp() + lasts,
        refresh_token: refresh.to_owned(),
    }
}

#[tokio::test]
async fn a_post_is_sent_again_under_the_same_key_after_a_break_or_a_5xx() {
    let tries = Mutex::new(0);
    let server = Server::start(move |_| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        match *tries {
            1 => Reply::Break,
            2 => problem(503, "The database is away."),
            _ => answer(201, "{}"),
        }
    })
    .await;
    let config = tempfile::tempdir().unwrap();
    let api = server.api(config.path());
    api.profile
        .keep_tokens(&tokens("access", "refresh", 900))
        .unwrap();
    api.post("/api/tasks", &serde_json::json!({"title": "x"}))
        .await
        .unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(
        seen[0]
            .header("idempotency-key")
            .is_some_and(|key| key.len() == 36)
    );
    for again in &seen[1..] {
        assert_eq!(
            again.header("idempotency-key"),
            seen[0].header("idempotency-key")
        );
        assert_eq!(again.body, seen[0].body);
    }
    assert_eq!(seen[0].header("authorization"), Some("Bearer access"));
    assert_eq!(seen[0].header("punctual-client"), Some("cli"));
}

#[tokio::test]
async fn two_requests_have_two_keys() {
    let server = Server::start(|_| answer(200, "{}")).await;
    let config = tempfile::tempdir().unwrap();
    let api = server.api(config.path());
    api.profile
        .keep_tokens(&tokens("access", "refresh", 900))
        .unwrap();
    api.act("/api/tasks/1/complete").await.unwrap();
    api.act("/api/tasks/1/complete").await.unwrap();
    let seen = server.seen();
    assert_ne!(
        seen[0].header("idempotency-key"),
        seen[1].header("idempotency-key")
    );
}

#[tokio::test]
async fn a_refusal_and_a_patch_are_not_repeated() {
    let server = Server::start(|seen| match seen.line.as_str() {
        "PATCH /api/tasks/1" => problem(500, "It broke."),
        _ => problem(422, "title: takes 1 to 500 characters"),
    })
    .await;
    let config = tempfile::tempdir().unwrap();
    let api = server.api(config.path());
    api.profile
        .keep_tokens(&tokens("access", "refresh", 900))
        .unwrap();
    let refused = api
        .post("/api/tasks", &serde_json::json!({}))
        .await
        .unwrap_err();
    assert_eq!((refused.status(), refused.exit_code()), (Some(422), 1));
    assert!(
        api.patch("/api/tasks/1", &serde_json::json!({}), None)
            .await
            .is_err()
    );
    assert_eq!(server.lines(), ["POST /api/tasks", "PATCH /api/tasks/1"]);
}

/// A server that takes each refresh token once, as rotation without any grace would.
async fn rotating() -> Server {
    let current = Mutex::new(0);
    Server::start(move |seen| {
        let mut current = current.lock().unwrap();
        if seen.line == "POST /api/auth/refresh" {
            if seen.body != format!(r#"{{"refresh_token":"r{current}"}}"#) {
                return problem(401, "The session has ended. Sign in again.");
            }
            *current += 1;
            return Reply::Answer(200, session(&format!("a{current}"), &format!("r{current}")));
        }
        match seen.header("authorization") == Some(&format!("Bearer a{current}")) {
            true => answer(200, "{}"),
            false => problem(401, "The access token has ended."),
        }
    })
    .await
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_refreshed_first_and_kept() {
    let server = rotating().await;
    let config = tempfile::tempdir().unwrap();
    let api = server.api(config.path());
    api.profile.keep_tokens(&tokens("a0", "r0", 10)).unwrap();
    api.get("/api/tasks").await.unwrap();
    assert_eq!(server.lines(), ["POST /api/auth/refresh", "GET /api/tasks"]);
    assert_eq!(api.profile.tokens().unwrap().unwrap().refresh_token, "r1");
}

#[tokio::test]
async fn a_token_that_the_server_no_longer_takes_is_refreshed_once() {
    let server = rotating().await;
    let config = tempfile::tempdir().unwrap();
    let api = server.api(config.path());
    api.profile
        .keep_tokens(&tokens("other", "r0", 900))
        .unwrap();
    api.get("/api/tasks").await.unwrap();
    assert_eq!(
        server.lines(),
        ["GET /api/tasks", "POST /api/auth/refresh", "GET /api/tasks"]
    );
}

#[tokio::test]
async fn of_many_at_once_one_refreshes_and_the_others_take_its_tokens() {
    let server = rotating().await;
    let config = tempfile::tempdir().unwrap();
    let apis: Vec<Api> = (0..8).map(|_| server.api(config.path())).collect();
    apis[0].profile.keep_tokens(&tokens("a0", "r0", 0)).unwrap();
    let mut waiting = Vec::new();
    for api in &apis {
        waiting.push(api.get("/api/tasks"));
    }
    for result in join_all(waiting).await {
        result.unwrap();
    }
    let refreshes = server
        .lines()
        .iter()
        .filter(|line| line.contains("refresh"))
        .count();
    assert_eq!(refreshes, 1);
}

/// Polls all of them in turn, as several processes would run.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *done = Some(output);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_session_that_has_ended_is_forgotten_and_says_how_to_log_in() {
    let server = Server::start(|_| problem(401, "The session has ended. Sign in again.")).await;
    let config = tempfile::tempdir().unwrap();
    let api = server.api(config.path());
    api.profile.keep_tokens(&tokens("a0", "r0", 900)).unwrap();
    let error = api.get("/api/tasks").await.unwrap_err().to_string();
    assert!(error.contains("punctual login"), "{error}");
    assert_eq!(api.profile.tokens().unwrap(), None);
}

#[tokio::test]
async fn without_a_session_nothing_is_sent() {
    let server = Server::start(|_| answer(200, "{}")).await;
    let config = tempfile::tempdir().unwrap();
    let error = server
        .api(config.path())
        .get("/api/tasks")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("punctual login"), "{error}");
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn an_api_token_goes_as_it_is_and_is_never_refreshed() {
    let server = Server::start(|_| {
        problem(
            401,
            "The API token is not known, has ended, or was revoked.",
        )
    })
    .await;
    let config = tempfile::tempdir().unwrap();
    let profile = Profile::of(Some(config.path()), &server.url);
    let api = Api::new(server.url.clone(), profile, Some("pt.x".to_owned())).unwrap();
    let error = api.get("/api/tasks").await.unwrap_err().to_string();
    assert!(error.contains("PUNCTUAL_TOKEN"), "{error}");
    assert_eq!(
        server.seen()[0].header("authorization"),
        Some("Bearer pt.x")
    );
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn where_no_server_runs_the_error_says_how_to_start_one() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}", free.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(free);
    let config = tempfile::tempdir().unwrap();
    let api = Api::new(
        url.clone(),
        Profile::of(Some(config.path()), &url),
        Some("pt.x".to_owned()),
    )
    .unwrap();
    let error = api.get("/api/tasks").await.unwrap_err().to_string();
    assert!(error.contains("cargo xtask up"), "{error}");
}

#[tokio::test]
async fn another_web_server_is_told_apart() {
    let server = Server::start(|_| answer(404, "<html>Not found</html>")).await;
    let config = tempfile::tempdir().unwrap();
    let api = server.api(config.path());
    api.profile.keep_tokens(&tokens("a0", "r0", 900)).unwrap();
    let error = api.get("/api/tasks").await.unwrap_err().to_string();
    assert!(error.contains("Is the address right?"), "{error}");
}

#[tokio::test]
async fn a_live_stream_is_taken_up_after_the_last_position() {
    let server = Server::start(|_| answer(200, "id: 8\ndata: {}\n\n")).await;
    let config = tempfile::tempdir().unwrap();
    let api = server.api(config.path());
    api.profile.keep_tokens(&tokens("a0", "r0", 900)).unwrap();
    let mut stream = api.live(Some("7")).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await.unwrap() {
        bytes.extend_from_slice(piece.as_ref());
    }
    assert_eq!(bytes, b"id: 8\ndata: {}\n\n");
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.line.as_str(), seen.header("last-event-id")),
        ("GET /api/live", Some("7"))
    );
    assert_eq!(seen.header("accept"), Some("text/event-stream"));
}
