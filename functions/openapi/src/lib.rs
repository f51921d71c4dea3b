//! `GET /api/openapi.json`, and the page at `/` that says what this is and where to go.

use punctual_function::{Answer, Call, Reply, serve};
use spin_sdk::http::Request;
use spin_sdk::http_service;

const OPENAPI: &str = include_str!("../../../specs/005-cloud-deployment/contracts/openapi.json");
const PAGE: &str = include_str!("page.html");

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, async |call: &Call| {
        if call.method != "GET" && call.method != "HEAD" {
            return Err(call.not_allowed("GET"));
        }
        Ok(match call.path.as_str() {
            "/" => Answer::raw(200, "text/html; charset=utf-8", PAGE).header(
                "content-security-policy",
                "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
            _ => Answer::json(OPENAPI),
        })
    })
    .await
}
