//! HTTP/1.1 connections.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::app::App;
use crate::{Error, Limits};

/// A client has this long for the head of a request, and as long between two requests.
const HEAD: Duration = Duration::from_secs(75);
/// How often it is told that no more connections are accepted.
const TOLD: Duration = Duration::from_secs(10);
/// Pause after a failed accept: what fails is usually the supply of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
    limits: &Limits,
) -> Result<(), Error> {
    let places = Arc::new(Semaphore::new(limits.connections));
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut told: Option<Instant> = None;
    loop {
        if places.available_permits() == 0 && told.is_none_or(|at| at.elapsed() > TOLD) {
            told = Some(Instant::now());
            tracing::warn!(
                connections = limits.connections,
                "as many connections are open as may be, so that new ones wait"
            );
        }
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = places.clone().acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                let (app, stopped) = (app.clone(), stopped.clone());
                connections.spawn(async move {
                    let _place = place;
                    connection(app, stream, client, stopped).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let _ = stop.send(true);
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown_grace, finish)
        .await
        .is_err()
    {
        tracing::info!(
            connections = connections.len(),
            "cutting connections that are still busy"
        );
        connections.shutdown().await;
    }
    app.room.close();
    Ok(())
}

async fn connection(
    app: Arc<App>,
    stream: TcpStream,
    client: SocketAddr,
    mut stopped: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let service = service_fn(move |request: http::Request<Incoming>| {
        let app = app.clone();
        async move {
            let request =
                request.map(|body| body.map_err(wasmtime_wasi_http::Error::from).boxed_unsync());
            Ok::<_, Infallible>(app.handle(request, client).await)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service)
    );
    let stop = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, %client, "a connection ended early");
    }
}
