//! `GET /api/openapi.json`

use punctual_function::{Answer, Call, Reply, serve};
use spin_sdk::http::Request;
use spin_sdk::http_service;

const OPENAPI: &str = include_str!("../../../specs/005-cloud-deployment/contracts/openapi.json");

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, async |call: &Call| {
        if call.method != "GET" && call.method != "HEAD" {
            return Err(call.not_allowed("GET"));
        }
        Ok(Answer::json(OPENAPI))
    })
    .await
}
