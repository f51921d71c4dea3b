//! What stands before several processes of one kind, as a gateway does: each request goes to one of them, in turn. One that
//! is taken out gets no more requests, and finishes those that it has.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::dapr::loopback;

const CONNECT: Duration = Duration::from_secs(2);

/// Listens on a port of loopback, on a thread of its own, and is gone when this is dropped.
pub struct Balancer {
    port: u16,
    targets: Targets,
    _end: oneshot::Sender<()>,
}

/// A process, and the connections to it: they are given up with it.
#[derive(Clone)]
struct Target {
    url: Arc<str>,
    client: reqwest::Client,
}

#[derive(Clone, Default)]
struct Targets {
    all: Arc<Mutex<Vec<Target>>>,
    turn: Arc<AtomicUsize>,
}

impl Targets {
    fn lock(&self) -> MutexGuard<'_, Vec<Target>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Target> {
        let all = self.lock();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        all.get(turn.checked_rem(all.len())?).cloned()
    }
}

impl Balancer {
    /// On this port. Nobody is behind it yet.
    pub async fn start(port: u16) -> Result<Self> {
        let targets = Targets::default();
        let router = Router::new().fallback(pass).with_state(targets.clone());
        let (send, receive) = oneshot::channel();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("balancer".into())
            .spawn(move || {
                let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
                    return;
                };
                runtime.block_on(async {
                    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
                    let listener = match listener {
                        Ok(listener) => listener,
                        Err(error) => {
                            let _ = send.send(Err(error));
                            return;
                        }
                    };
                    let _ = send.send(Ok(()));
                    tokio::select! {
                        _ = ended => {}
                        _ = std::future::IntoFuture::into_future(axum::serve(listener, router)) => {}
                    }
                });
            })?;
        receive.await.context("the balancer has ended")??;
        Ok(Self {
            port,
            targets,
            _end: end,
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", loopback(self.port))
    }

    /// Requests go to this process, too: `http://127.0.0.1:3001`.
    pub fn add(&self, url: &str) -> Result<()> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let url = url.into();
        self.targets.lock().push(Target { url, client });
        Ok(())
    }

    /// No more requests go there.
    pub fn remove(&self, url: &str) {
        self.targets.lock().retain(|target| *target.url != *url);
    }
}

async fn pass(State(targets): State<Targets>, request: Request) -> Response<Body> {
    let Some(target) = targets.next() else {
        return failed("nobody is there to answer");
    };
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    end_to_end(&mut parts.headers);
    let forwarded = target
        .client
        .request(parts.method, format!("{}{path}", target.url))
        .headers(parts.headers)
        .body(reqwest::Body::wrap_stream(body.into_data_stream()));
    match forwarded.send().await {
        Err(error) => failed(&format!("{} does not answer: {error:?}", target.url)),
        Ok(answer) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            end_to_end(response.headers_mut());
            *response.body_mut() = Body::from_stream(answer.bytes_stream());
            response
        }
    }
}

/// Without what is about one connection alone (RFC 9110 §7.6.1).
fn end_to_end(headers: &mut HeaderMap) {
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
    ] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

fn failed(why: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(why.to_owned()));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
