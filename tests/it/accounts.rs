use it::App;
use it::client::{PASSWORD, items, text};
use punctual_server::Registration;
use serde_json::json;

#[tokio::test]
async fn the_first_account_is_the_admin_and_registration_then_closes() {
    let Some(app) = App::start().registration(Registration::Closed).run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    assert_eq!(ann.get("/api/auth/me").await.expect(200)["role"], "admin");
    let body = json!({ "email": "bob@example.com", "password": PASSWORD, "timezone": "UTC" });
    assert_eq!(
        app.client().post("/api/auth/register", body).await.status,
        403
    );
    // Nor does a closed door tell who lives behind it.
    let body = json!({ "email": "ann@example.com", "password": PASSWORD, "timezone": "UTC" });
    assert_eq!(
        app.client().post("/api/auth/register", body).await.status,
        403
    );
}

#[tokio::test]
async fn an_invitation_makes_one_account() {
    let Some(app) = App::start().registration(Registration::Invite).run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let session = ann.session().await;
    let invite = ann
        .with_token(text(&session, "/access_token"))
        .post("/api/auth/invites", json!({}))
        .await
        .expect(201);
    let register = |email: &str, invite: &str| {
        let body =
            json!({ "email": email, "password": PASSWORD, "timezone": "UTC", "invite": invite });
        let client = app.client();
        async move { client.post("/api/auth/register", body).await }
    };
    let code = text(&invite, "/invite");
    assert_eq!(register("eve@example.com", "in.made.up").await.status, 422);
    let bob = register("bob@example.com", &code).await.expect(201);
    assert_eq!(bob["user"]["role"], "member");
    assert_eq!(register("eve@example.com", &code).await.status, 403);
    let bob = app.client().with_token(text(&bob, "/access_token"));
    assert_eq!(bob.post("/api/auth/invites", json!({})).await.status, 403);
}

#[tokio::test]
async fn signing_in_needs_the_password_and_too_many_tries_are_slowed_down() {
    let Some(app) = App::start().run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let login = |password: &str| {
        let body = json!({ "email": " ANN@example.com ", "password": password });
        let client = app.client();
        async move { client.post("/api/auth/login", body).await }
    };
    assert_eq!(
        login(PASSWORD).await.expect(200)["user"]["id"],
        json!(ann.id)
    );
    for _ in 0..10 {
        assert_eq!(login("wrong password").await.status, 401);
    }
    let slowed = login(PASSWORD).await;
    assert_eq!(slowed.status, 429);
    assert!(slowed.header("retry-after").is_some());
}

/// The quickest of a few tries in turn: load makes each longer, and none shorter.
#[tokio::test]
async fn whether_there_is_an_account_can_not_be_told_by_a_refused_sign_in() {
    let app = App::shared().await;
    let emails = [app.user().await.email, app.new_email()];
    let mut quickest = [std::time::Duration::MAX; 2];
    let mut refusals = Vec::new();
    for _ in 0..8 {
        for (email, quickest) in emails.iter().zip(&mut quickest) {
            let body = json!({ "email": email, "password": "wrong horse battery" });
            let begun = std::time::Instant::now();
            let reply = app.client().post("/api/auth/login", body).await;
            *quickest = begun.elapsed().min(*quickest);
            refusals.push((reply.status, reply.json()["detail"].clone()));
        }
    }
    assert!(
        refusals.iter().all(|one| *one == refusals[0]),
        "{refusals:?}"
    );
    assert!(quickest[1] * 2 > quickest[0], "{quickest:?}");
}

#[tokio::test]
async fn what_an_account_may_not_be_is_named() {
    let app = App::shared().await;
    for (email, password, zone, field) in [
        ("nobody", PASSWORD, "UTC", "email"),
        ("a@b@c", PASSWORD, "UTC", "email"),
        ("a@example.com", "short", "UTC", "password"),
        ("a@example.com", PASSWORD, "Berlin", "timezone"),
    ] {
        let body = json!({ "email": email, "password": password, "timezone": zone });
        let reply = app.client().post("/api/auth/register", body).await;
        assert_eq!(
            (reply.status, reply.json()["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{}",
            reply.text
        );
    }
    let ann = app.user().await;
    let body =
        json!({ "email": ann.email.to_uppercase(), "password": PASSWORD, "timezone": "UTC" });
    assert_eq!(
        app.client().post("/api/auth/register", body).await.status,
        409
    );
}

#[tokio::test]
async fn a_refresh_token_rotates_and_a_stolen_old_one_ends_the_session() {
    let Some(app) = App::start().clock("2026-11-01T00:00:00Z").run().await else {
        return;
    };
    let ann = app.register("ann@example.com").await;
    let refresh = |token: String| {
        let client = app.client();
        async move {
            client
                .post("/api/auth/refresh", json!({ "refresh_token": token }))
                .await
        }
    };
    let first = ann.refresh_token.clone();
    let second = text(&refresh(first.clone()).await.expect(200), "/refresh_token");
    assert_ne!(first, second);
    // The answer was lost, or two tabs asked at once: within the grace the old one leads to the same new one.
    assert_eq!(
        text(&refresh(first.clone()).await.expect(200), "/refresh_token"),
        second
    );
    app.advance("PT2M").await;
    let third = text(&refresh(second.clone()).await.expect(200), "/refresh_token");
    app.advance("PT2M").await;
    assert_eq!(refresh(second).await.status, 401);
    assert_eq!(
        refresh(third).await.status,
        401,
        "the whole session has ended"
    );
    assert_eq!(refresh("rt.made.up.token".into()).await.status, 401);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let app = App::shared().await;
    let ann = app.user().await;
    let session = ann.session().await;
    let browser = app.client().with_token(text(&session, "/access_token"));
    browser
        .post("/api/auth/logout", json!({}))
        .await
        .expect(204);
    let body = json!({ "refresh_token": session["refresh_token"] });
    assert_eq!(
        app.client().post("/api/auth/refresh", body).await.status,
        401
    );
}

#[tokio::test]
async fn api_tokens_are_shown_once_do_what_their_scopes_say_and_end_when_revoked() {
    let app = App::shared().await;
    let ann = app.user().await;
    let browser = app
        .client()
        .with_token(text(&ann.session().await, "/access_token"));
    let made = browser
        .post(
            "/api/auth/tokens",
            json!({ "name": "script", "scopes": ["read"] }),
        )
        .await
        .expect(201);
    let script = app.client().with_token(text(&made, "/token"));
    script.get("/api/tasks").await.expect(200);
    assert_eq!(
        script
            .post("/api/tasks", json!({ "title": "x" }))
            .await
            .status,
        403
    );
    assert_eq!(
        script.get("/api/auth/tokens").await.status,
        403,
        "a token manages no tokens"
    );
    let listed = items(browser.get("/api/auth/tokens").await.expect(200));
    let shown = listed
        .iter()
        .find(|token| token["id"] == made["id"])
        .expect("it is listed");
    assert_eq!(
        (shown["name"].as_str(), shown.get("token")),
        (Some("script"), None)
    );
    browser
        .delete(&format!("/api/auth/tokens/{}", text(&made, "/id")))
        .await
        .expect(204);
    assert_eq!(script.get("/api/tasks").await.status, 401);
}

#[tokio::test]
async fn a_repeated_sign_in_after_signing_out_opens_a_session_that_lives() {
    let Some(app) = App::start().run().await else {
        return;
    };
    app.register("ann@example.com").await;
    let login = || async {
        let body = json!({ "email": "ann@example.com", "password": PASSWORD });
        let session = app.client().post_keyed("/api/auth/login", "k1", body).await;
        session.expect(200)
    };
    let first = login().await;
    let signed_in = app.client().with_token(text(&first, "/access_token"));
    assert_eq!(
        signed_in.post("/api/auth/logout", json!({})).await.status,
        204
    );
    let second = login().await;
    let body = json!({ "refresh_token": second["refresh_token"] });
    app.client()
        .post("/api/auth/refresh", body)
        .await
        .expect(200);
}
