//! `/api/auth/…`: accounts, sessions, API tokens, invitations.

mod accounts;
mod cookie;
mod limit;
mod password;
mod sessions;
mod tokens;

use punctual_function::{Answer, Call, Problem, Reply, serve};
use spin_sdk::http::Request;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, route).await
}

async fn route(call: &Call) -> Result<Answer, Problem> {
    let (method, path) = call.route(2);
    match (method, path.as_slice()) {
        ("POST", ["register"]) => accounts::register(call).await,
        ("POST", ["login"]) => accounts::login(call).await,
        ("POST", ["refresh"]) => accounts::refresh(call).await,
        ("POST", ["logout"]) => accounts::logout(call).await,
        ("GET", ["me"]) => accounts::me(call).await,
        ("GET", ["registration"]) => accounts::registration().await,
        ("GET", ["sessions"]) => sessions::list(call).await,
        ("DELETE", ["sessions", id]) => sessions::end(call, id).await,
        ("POST", ["invites"]) => accounts::invite(call).await,
        ("POST", ["access"]) => tokens::access(call).await,
        ("GET", ["tokens"]) => tokens::list(call).await,
        ("POST", ["tokens"]) => tokens::create(call).await,
        ("GET", ["tokens", id]) => tokens::get(call, id).await,
        ("DELETE", ["tokens", id]) => tokens::revoke(call, id).await,
        (_, ["tokens"]) => Err(call.not_allowed("GET, POST")),
        (_, ["tokens", _]) => Err(call.not_allowed("GET, DELETE")),
        (_, ["me" | "registration" | "sessions"]) => Err(call.not_allowed("GET")),
        (_, ["sessions", _]) => Err(call.not_allowed("DELETE")),
        (_, ["register" | "login" | "refresh" | "logout" | "invites" | "access"]) => {
            Err(call.not_allowed("POST"))
        }
        _ => Err(call.no_route()),
    }
}
