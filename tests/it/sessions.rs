use it::App;
use it::client::{Client, PASSWORD, Reply, items, text};
use punctual_contract::api::{OpenSession, Page, RegistrationState};
use punctual_server::Registration;
use serde_json::{Value, json};

/// What a browser does: keeps the cookie, and says where its page comes from.
struct Browser {
    client: Client,
    cookie: Option<String>,
}

impl Browser {
    fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            cookie: None,
        }
    }

    async fn post(&mut self, path: &str, body: Value) -> Reply {
        let origin = self.client.base.clone();
        let cookie = self.cookie.clone().unwrap_or_default();
        let mut headers = vec![("origin", origin.as_str())];
        if !cookie.is_empty() {
            headers.push(("cookie", cookie.as_str()));
        }
        let reply = self
            .client
            .send("POST", path, &headers, Some(body.to_string()))
            .await;
        if let Some(set) = reply.header("set-cookie") {
            let (pair, rest) = set.split_once(';').expect("a value and attributes");
            self.cookie = (!rest.contains("Max-Age=0")).then(|| pair.to_owned());
        }
        reply
    }

    async fn sign_in(client: &Client, email: &str) -> (Self, Reply) {
        let mut browser = Self::new(client);
        let body = json!({ "email": email, "password": PASSWORD, "cookie": true });
        let reply = browser.post("/api/auth/login", body).await;
        (browser, reply)
    }
}

#[tokio::test]
async fn a_browser_gets_its_refresh_token_only_in_a_cookie_that_no_script_reads() {
    let app = App::shared().await;
    let ann = app.user().await;
    let (mut browser, reply) = Browser::sign_in(app.client(), &ann.email).await;
    let set = reply.header("set-cookie").expect("a cookie").to_owned();
    let session = reply.expect(200);
    assert!(session.get("refresh_token").is_none(), "{session}");
    let (value, attributes) = set.split_once("; ").expect("attributes");
    assert!(value.starts_with("punctual_refresh=rt."), "{set}");
    assert_eq!(
        attributes,
        format!(
            "HttpOnly; SameSite=Strict; Path=/api/auth; Max-Age={}",
            60 * 24 * 3600
        )
    );

    let mut registering = Browser::new(app.client());
    let body = json!({ "email": app.new_email(), "password": PASSWORD, "timezone": "UTC", "cookie": true });
    let registered = registering
        .post("/api/auth/register", body)
        .await
        .expect(201);
    assert!(registered.get("refresh_token").is_none());
    assert!(registering.cookie.is_some());

    let refreshed = browser.post("/api/auth/refresh", json!({})).await;
    assert!(refreshed.header("set-cookie").is_some());
    let refreshed = refreshed.expect(200);
    assert!(refreshed.get("refresh_token").is_none());
    assert_eq!(refreshed["user"]["id"], json!(ann.id));
    assert_ne!(browser.cookie.as_deref(), Some(value), "it was rotated");
    app.client()
        .with_token(text(&refreshed, "/access_token"))
        .get("/api/tasks")
        .await
        .expect(200);

    // Without a body too.
    let cookie = browser.cookie.clone().expect("a cookie");
    let bare = app
        .client()
        .send("POST", "/api/auth/refresh", &[("cookie", &cookie)], None)
        .await;
    assert_eq!(bare.status, 200, "{}", bare.text);
}

#[tokio::test]
async fn a_program_that_asks_for_no_cookie_gets_none() {
    let app = App::shared().await;
    let ann = app.user().await;
    let body = json!({ "email": ann.email, "password": PASSWORD });
    let reply = app.client().post("/api/auth/login", body).await;
    assert_eq!(reply.header("set-cookie"), None);
    let body = json!({ "refresh_token": text(&reply.expect(200), "/refresh_token") });
    let reply = app.client().post("/api/auth/refresh", body).await;
    assert_eq!(reply.header("set-cookie"), None);
    assert!(text(&reply.expect(200), "/refresh_token").starts_with("rt."));
}

#[tokio::test]
async fn a_public_https_address_makes_the_cookie_secure_and_its_page_our_own() {
    let Some(app) = App::start()
        .public_url("https://todo.example.org")
        .run()
        .await
    else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let body = json!({ "email": ann.email, "password": PASSWORD, "cookie": true }).to_string();
    let login = |origin: &'static str| {
        let (client, body) = (app.client().clone(), body.clone());
        async move {
            let headers = [("origin", origin)];
            client
                .send("POST", "/api/auth/login", &headers, Some(body))
                .await
        }
    };
    let reply = login("https://todo.example.org").await;
    let set = reply.header("set-cookie").expect("a cookie");
    assert!(set.ends_with("; Secure"), "{set}");
    assert_eq!(login("https://other.example.org").await.status, 403);
}

#[tokio::test]
async fn the_cookie_does_not_count_for_a_page_of_another_site() {
    let app = App::shared().await;
    let ann = app.user().await;
    let (browser, _) = Browser::sign_in(app.client(), &ann.email).await;
    let cookie = browser.cookie.clone().expect("a cookie");
    let port = app.client().base.rsplit(':').next().expect("a port");
    for origin in [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        format!("http://evil.example:{port}"),
        "http://127.0.0.1:1".to_owned(),
        "http://127.0.0.1".to_owned(),
    ] {
        for path in ["/api/auth/refresh", "/api/auth/logout"] {
            let headers = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
            let reply = app.client().send("POST", path, &headers, None).await;
            assert_eq!(reply.status, 403, "{path} from {origin}: {}", reply.text);
            assert_eq!(reply.header("set-cookie"), None);
        }
    }
    let headers = [("origin", "https://evil.example")];
    let body = json!({ "email": ann.email, "password": PASSWORD, "cookie": true }).to_string();
    let reply = app
        .client()
        .send("POST", "/api/auth/login", &headers, Some(body))
        .await;
    assert_eq!(reply.status, 403);
    // The session has gone on undisturbed.
    let headers = [("cookie", cookie.as_str())];
    let reply = app
        .client()
        .send("POST", "/api/auth/refresh", &headers, None)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test]
async fn many_tabs_that_refresh_at_once_and_again_keep_the_session() {
    let Some(app) = App::start().clock("2026-11-01T00:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let (browser, _) = Browser::sign_in(app.client(), &ann.email).await;
    let oldest = browser.cookie.clone().expect("a cookie");
    let refresh = |cookie: String| {
        let client = app.client().clone();
        async move {
            let headers = [("cookie", cookie.as_str())];
            client
                .send("POST", "/api/auth/refresh", &headers, None)
                .await
        }
    };
    let of = |reply: &Reply| {
        let set = reply.header("set-cookie").unwrap_or_default();
        set.split(';').next().unwrap_or_default().to_owned()
    };
    let tabs = futures::future::join_all((0..10).map(|_| refresh(oldest.clone()))).await;
    let fresh = of(&tabs[0]);
    for tab in &tabs {
        assert_eq!(tab.status, 200, "{}", tab.text);
        assert_eq!(of(tab), fresh, "all have the same cookie");
    }
    // A tab that loads again with the fresh one does not outdate a request that is still on its way with the old one.
    app.advance("PT30S").await;
    for cookie in [&fresh, &fresh, &oldest, &fresh, &oldest] {
        let reply = refresh(cookie.clone()).await;
        assert_eq!((reply.status, of(&reply)), (200, fresh.clone()));
    }
    app.advance("PT31S").await;
    let next = refresh(fresh.clone()).await;
    assert_eq!(next.status, 200);
    assert_ne!(of(&next), fresh, "a minute later it rotates again");
    assert_eq!(
        refresh(oldest).await.status,
        401,
        "a token of long ago is a stolen one"
    );
    assert_eq!(refresh(of(&next)).await.status, 401);
}

#[tokio::test]
async fn a_browser_signs_out_by_its_cookie_alone_and_loses_it() {
    let app = App::shared().await;
    let ann = app.user().await;
    let (mut browser, _) = Browser::sign_in(app.client(), &ann.email).await;
    let old = browser.cookie.clone();
    browser
        .post("/api/auth/logout", json!({}))
        .await
        .expect(204);
    assert_eq!(browser.cookie, None, "it was cleared");
    assert_eq!(
        browser.post("/api/auth/refresh", json!({})).await.status,
        401
    );
    browser.cookie = old;
    assert_eq!(
        browser.post("/api/auth/refresh", json!({})).await.status,
        401,
        "the session has ended, not only its cookie"
    );
    // Out is out, however often.
    browser
        .post("/api/auth/logout", json!({}))
        .await
        .expect(204);
    assert_eq!(
        browser.post("/api/auth/logout", json!({})).await.status,
        401,
        "neither token nor cookie"
    );
}

#[tokio::test]
async fn who_may_register_is_told_without_a_token() {
    let Some(app) = App::start().registration(Registration::Invite).run().await else {
        return;
    };
    let asked = || async {
        let reply = app.client().get("/api/auth/registration").await;
        let answer = reply.expect(200);
        let read: RegistrationState = serde_json::from_value(answer).expect("as the contract says");
        (read.registration, read.first)
    };
    assert_eq!(asked().await, ("invite".to_owned(), true));
    app.register("ann@example.com").await;
    assert_eq!(asked().await, ("invite".to_owned(), false));
}

#[tokio::test]
async fn sessions_are_listed_with_what_they_run_in_and_ended_one_by_one() {
    let Some(app) = App::start().clock("2026-11-01T00:00:00Z").run().await else {
        return;
    };
    let (ann, bob) = (
        app.register("ann@example.com").await,
        app.register("bob@example.com").await,
    );
    let login = |agent: &'static str| {
        let (client, email) = (app.client().clone(), ann.email.clone());
        async move {
            let body = json!({ "email": email, "password": PASSWORD }).to_string();
            let headers = [("user-agent", agent)];
            client
                .send("POST", "/api/auth/login", &headers, Some(body))
                .await
                .expect(200)
        }
    };
    app.advance("PT1H").await;
    let laptop = login("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36").await;
    app.advance("PT1H").await;
    let script = login("backup-script/3").await;
    app.advance("PT5M").await;
    let body = json!({ "refresh_token": laptop["refresh_token"] });
    let laptop = app
        .client()
        .post("/api/auth/refresh", body)
        .await
        .expect(200);

    let here = app.client().with_token(text(&laptop, "/access_token"));
    let page = here.get("/api/auth/sessions").await.expect(200);
    let read: Page<OpenSession> = serde_json::from_value(page.clone()).expect("as the contract");
    assert_eq!(serde_json::to_value(&read).expect("JSON"), page);
    let shown: Vec<(&str, bool)> = read
        .items
        .iter()
        .map(|session| (session.client.as_str(), session.current))
        .collect();
    assert_eq!(
        shown[..2],
        [("backup-script/3", false), ("Chrome · Linux", true)]
    );
    assert_eq!(shown.len(), 3, "with the one that registered");
    let chrome = &read.items[1];
    assert_eq!(
        (chrome.created_at.as_str(), chrome.used_at.as_str()),
        ("2026-11-01T01:00:00.000Z", "2026-11-01T02:05:00.000Z")
    );

    // An API token manages no sessions, and nobody another's.
    assert_eq!(ann.get("/api/auth/sessions").await.status, 403);
    let path = format!("/api/auth/sessions/{}", read.items[0].id);
    assert_eq!(ann.delete(&path).await.status, 403);
    let bobs = bob.session().await;
    let bobs = app.client().with_token(text(&bobs, "/access_token"));
    assert_eq!(bobs.delete(&path).await.status, 404);

    here.delete(&path).await.expect(204);
    assert_eq!(here.delete(&path).await.status, 404);
    let body = json!({ "refresh_token": script["refresh_token"] });
    let refresh = app.client().post("/api/auth/refresh", body).await;
    assert_eq!(refresh.status, 401, "the other one has ended");

    here.delete(&format!("/api/auth/sessions/{}", chrome.id))
        .await
        .expect(204);
    let body = json!({ "refresh_token": laptop["refresh_token"] });
    let refresh = app.client().post("/api/auth/refresh", body).await;
    assert_eq!(refresh.status, 401, "and so has this one");
    assert_eq!(
        items(bobs.get("/api/auth/sessions").await.expect(200)).len(),
        2,
        "Bob's go on"
    );
}
