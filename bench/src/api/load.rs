//! An open loop: requests begin at their instants, whatever the answers do. One that finds no free connection waits for it,
//! and its time counts from its instant, so that a queue is seen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};

/// Requests under way at once.
pub const CONNECTIONS: usize = 64;
/// An answer later than this is a failure.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked, by its number: the same for every server.
pub trait Requests: Send + Sync + 'static {
    fn request(&self, number: u64) -> Ask;
}

pub struct Ask {
    pub method: Method,
    pub path: String,
    pub body: Option<String>,
}

/// What came of one run at one rate.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Microseconds, ascending, of what was answered well.
    pub times: Vec<u32>,
    pub errors: u64,
    /// The first of them.
    pub first_error: Option<String>,
    /// Answers a second, from the first instant to the last answer.
    pub achieved: f64,
}

impl Outcome {
    /// Milliseconds.
    pub fn quantile(&self, q: f64) -> f64 {
        let last = self.times.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = (last as f64 * q).round() as usize;
        self.times
            .get(index)
            .map_or(f64::INFINITY, |micros| f64::from(*micros) / 1000.0)
    }
}

pub struct Load {
    pub address: SocketAddr,
    pub token: String,
    pub requests: Arc<dyn Requests>,
    /// Goes on from run to run, so that nothing is asked twice.
    pub next: AtomicU64,
}

impl Load {
    /// So many requests a second for so long.
    pub async fn run(self: &Arc<Self>, rate: f64, length: Duration) -> Result<Outcome> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        let count = (rate * length.as_secs_f64()) as u64;
        let taken = Arc::new(AtomicU64::new(0));
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(connect(self.address).await?);
        }
        let begin = Instant::now() + Duration::from_millis(20);
        let runs = connections.into_iter().map(|mut connection| {
            let (load, taken) = (Arc::clone(self), Arc::clone(&taken));
            tokio::spawn(async move {
                let mut outcome = Outcome::default();
                loop {
                    let number = taken.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return outcome;
                    }
                    #[expect(clippy::cast_precision_loss, reason = "some millions")]
                    let instant = begin + Duration::from_secs_f64(number as f64 / rate);
                    sleep_until(instant.into()).await;
                    match load.ask(&mut connection, first + number).await {
                        Ok(()) => outcome.times.push(micros(instant.elapsed())),
                        Err(error) => {
                            outcome.errors += 1;
                            outcome.first_error.get_or_insert(format!("{error:#}"));
                            // It may be of no more use.
                            if let Ok(new) = connect(load.address).await {
                                connection = new;
                            }
                        }
                    }
                }
            })
        });
        let mut all = Outcome::default();
        for run in join_all(runs).await {
            let run = run?;
            all.times.extend(run.times);
            all.errors += run.errors;
            all.first_error = all.first_error.or(run.first_error);
        }
        all.times.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "some millions")]
        let answered = all.times.len() as f64;
        all.achieved = answered / begin.elapsed().as_secs_f64();
        Ok(all)
    }

    async fn ask(&self, connection: &mut SendRequest<Full<Bytes>>, number: u64) -> Result<()> {
        let ask = self.requests.request(number);
        timeout(PATIENCE, send(connection, &self.token, ask))
            .await
            .context("no answer in time")??;
        Ok(())
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

pub async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// The body of a 2xx answer; anything else is an error.
pub async fn send(
    connection: &mut SendRequest<Full<Bytes>>,
    token: &str,
    ask: Ask,
) -> Result<Bytes> {
    connection.ready().await?;
    let mut request = Request::builder()
        .method(ask.method)
        .uri(&ask.path)
        .header(header::HOST, "127.0.0.1")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    if ask.body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(Full::from(ask.body.unwrap_or_default()))?;
    let answer = connection.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if !status.is_success() || body.is_empty() {
        bail!(
            "{} answered {status}: {}",
            ask.path,
            String::from_utf8_lossy(&body)
        );
    }
    Ok(body)
}
