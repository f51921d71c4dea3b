//! A loaded application: its routes, and the services behind them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::{HeaderValue, Request, Response, Uri};
use tokio::sync::Semaphore;
use tracing::Instrument as _;
use wasmtime_wasi_http::WasiBody;

use crate::body::{self, Body};
use crate::manifest::StaticResponse;
use crate::problem::Problem;
use crate::request;
use crate::routes::{Match, RouteInfo, Router, WELL_KNOWN};
use crate::service::Service;
use crate::telemetry::Observed;

/// The address of a caller that is not a client on the network.
pub(crate) const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

pub(crate) struct App {
    pub router: Router,
    /// By the trigger's place in the manifest.
    pub answers: Vec<Answer>,
    /// By component.
    pub services: HashMap<String, Arc<Service>>,
    pub routes: Vec<RouteInfo>,
    /// Room for instances of all components; closed at the end.
    pub room: Arc<Semaphore>,
}

pub(crate) enum Answer {
    Component(Arc<Service>),
    Static(StaticResponse),
}

impl App {
    pub(crate) async fn handle(
        &self,
        request: Request<WasiBody>,
        client: SocketAddr,
    ) -> Response<Body> {
        let path = request.uri().path();
        if let Some(name) = path.strip_prefix(WELL_KNOWN) {
            return match name {
                "health" => Response::new(body::full("OK")),
                _ => Problem::NoRoute.response(),
            };
        }
        let Some(found) = self.router.find(path) else {
            return Problem::NoRoute.response();
        };
        match self.answers.get(found.trigger) {
            Some(Answer::Static(response)) => {
                let observed =
                    Observed::begin(request.method(), &found.raw_route, request.headers());
                observed.end(response.status);
                static_response(response)
            }
            Some(Answer::Component(service)) => call(service, request, &found, client).await,
            None => Problem::NoRoute.response(),
        }
    }

    /// A component's request to the application itself, through its routes.
    pub(crate) async fn own(&self, mut request: Request<WasiBody>) -> Response<Body> {
        // What a client of this machine would send.
        request
            .headers_mut()
            .insert(http::header::HOST, HeaderValue::from_static("localhost"));
        match request.uri().path_and_query().cloned().map(Uri::from) {
            Some(uri) => *request.uri_mut() = uri,
            None => return Problem::BadRequest.response(),
        }
        self.handle(request, NOBODY).await
    }

    /// A component's request to another one by name, past the routes; private ones too.
    pub(crate) async fn chain(&self, id: &str, request: Request<WasiBody>) -> Response<Body> {
        let Some(service) = self.services.get(id) else {
            return Problem::NoRoute.response();
        };
        let found = Match::chained(0, request.uri().path());
        call(service, request, &found, NOBODY).await
    }
}

async fn call(
    service: &Service,
    mut request: Request<WasiBody>,
    found: &Match,
    client: SocketAddr,
) -> Response<Body> {
    let observed = Observed::begin(request.method(), &found.raw_route, request.headers());
    // The route and not the path: a path may hold a secret.
    let log = tracing::debug_span!("request", method = %request.method(), route = found.raw_route);
    let answer = async {
        request::prepare(&mut request, found, client)?;
        let span = observed.component(service.id(), request.headers_mut());
        let response = span.run(service.call(request)).await?;
        tracing::debug!(status = response.status().as_u16(), "answered");
        Ok::<_, Problem>(response)
    }
    .instrument(log)
    .await;
    let response = answer.unwrap_or_else(Problem::response);
    observed.end(response.status());
    response
}

fn static_response(fixed: &StaticResponse) -> Response<Body> {
    let mut response = Response::new(body::full(fixed.body.clone()));
    *response.status_mut() = fixed.status;
    for (name, value) in &fixed.headers {
        response.headers_mut().append(name.clone(), value.clone());
    }
    response
}
