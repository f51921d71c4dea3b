//! Outbound HTTP: the check against `allowed_outbound_hosts`, requests into the application itself, time-outs.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::allowed_hosts::{AllowedHosts, Target};
use crate::app::App;
use crate::{Limits, body};

/// The client all components share; connections are kept and reused.
pub(crate) struct Network {
    client: Client<HttpsConnector<HttpConnector>, WasiBody>,
    app: OnceLock<Weak<App>>,
    first_byte: Duration,
    between_bytes: Duration,
}

impl Network {
    pub(crate) fn new(limits: &Limits) -> Result<Self, crate::Error> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits.outbound_connect));
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .map_err(|error| crate::Error::Engine(format!("TLS: {error}")))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(32)
            .build(connector);
        Ok(Self {
            client,
            app: OnceLock::new(),
            first_byte: limits.outbound_first_byte,
            between_bytes: limits.outbound_between_bytes,
        })
    }

    /// Tells where requests go that mean the application itself.
    pub(crate) fn attach(&self, app: Weak<App>) {
        let _ = self.app.set(app);
    }

    async fn send(
        &self,
        target: Target,
        mut request: Request<WasiBody>,
        first_byte: Duration,
    ) -> Result<Response<WasiBody>, Error> {
        // The client sets it from the URL; an own one could name another host than was allowed.
        request.headers_mut().remove(HOST);
        let answer = async {
            match target {
                Target::Network => self
                    .client
                    .request(request)
                    .await
                    .map(|response| response.map(|body| body.map_err(Error::from).boxed_unsync()))
                    .map_err(|error| failure(&error)),
                Target::Own | Target::Component(_) => {
                    let app = self
                        .app
                        .get()
                        .and_then(Weak::upgrade)
                        .ok_or(Error::DestinationUnavailable)?;
                    let response = match target {
                        Target::Component(id) => app.chain(&id, request).await,
                        _ => app.own(request).await,
                    };
                    Ok(response.map(|body| body.map_err(body::to_wasi).boxed_unsync()))
                }
            }
        };
        tokio::time::timeout(first_byte, answer)
            .await
            .map_err(|_| Error::ConnectionReadTimeout)?
    }
}

/// One instance's way out.
pub(crate) struct Outbound {
    pub component: Arc<str>,
    pub allowed: Arc<AllowedHosts>,
    pub network: Arc<Network>,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_result: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        let network = self.network.clone();
        let options = options.unwrap_or_default();
        let first_byte = options.first_byte_timeout.unwrap_or(network.first_byte);
        let between_bytes = options
            .between_bytes_timeout
            .unwrap_or(network.between_bytes);
        let allowed = self.allowed.allow(request.uri());
        if !allowed {
            tracing::warn!(
                component = &*self.component,
                scheme = request.uri().scheme_str(),
                authority = request.uri().authority().map(http::uri::Authority::as_str),
                "an outbound request is not among the component's `allowed_outbound_hosts`"
            );
        }
        Box::new(async move {
            if !allowed {
                return Err(Error::HttpRequestDenied);
            }
            let target = Target::of(request.uri());
            let response = network.send(target, request, first_byte).await?;
            let response = response.map(|body| Patient::new(body, between_bytes).boxed_unsync());
            Ok((response, Box::new(async { Ok(()) }) as Io))
        })
    }
}

/// What WASI calls a failed request.
fn failure(error: &hyper_util::client::legacy::Error) -> Error {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::TimedOut => return Error::ConnectionTimeout,
                io::ErrorKind::ConnectionRefused => return Error::ConnectionRefused,
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof => return Error::ConnectionTerminated,
                io::ErrorKind::InvalidData => return Error::TlsProtocolError,
                _ => {}
            }
        }
        if cause.to_string().starts_with("dns error") {
            return Error::DnsError {
                rcode: None,
                info_code: None,
            };
        }
        source = cause.source();
    }
    if error.is_connect() {
        Error::DestinationUnavailable
    } else {
        Error::HttpProtocolError
    }
}

/// A body that fails when nothing comes for too long.
struct Patient {
    body: WasiBody,
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Patient {
    fn new(body: WasiBody, limit: Duration) -> Self {
        Self {
            body,
            limit,
            sleep: Box::pin(tokio::time::sleep(limit)),
        }
    }
}

impl http_body::Body for Patient {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let next = Instant::now() + self.limit;
            self.sleep.as_mut().reset(next);
            return Poll::Ready(frame);
        }
        ready!(self.sleep.as_mut().poll(cx));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
