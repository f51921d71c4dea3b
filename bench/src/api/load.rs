//! An open loop: requests begin at their instants, whatever the answers do. One that finds no free connection waits for it,
//! and its time counts from its instant, so that a queue is seen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::join_all;
use tokio::time::{sleep_until, timeout};

use crate::figures::Sample;
use crate::http::{Ask, Connection, connect, send};

/// Requests under way at once.
pub const CONNECTIONS: usize = 64;
/// An answer later than this is a failure.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked, by its number: the same for every server.
pub trait Requests: Send + Sync + 'static {
    fn request(&self, number: u64) -> Ask;
}

/// What came of one run at one rate.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Milliseconds of what was answered well.
    pub times: Sample,
    pub errors: u64,
    /// The first of them.
    pub first_error: Option<String>,
    /// Answers a second, from the first instant to the last answer.
    pub achieved: f64,
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
                let (mut outcome, mut times) = (Outcome::default(), Vec::new());
                loop {
                    let number = taken.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return (outcome, times);
                    }
                    #[expect(clippy::cast_precision_loss, reason = "some millions")]
                    let instant = begin + Duration::from_secs_f64(number as f64 / rate);
                    sleep_until(instant.into()).await;
                    match load.ask(&mut connection, first + number).await {
                        Ok(()) => times.push(instant.elapsed().as_secs_f64() * 1e3),
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
        let (mut all, mut answered) = (Outcome::default(), Vec::new());
        for run in join_all(runs).await {
            let (run, times) = run?;
            answered.extend(times);
            all.errors += run.errors;
            all.first_error = all.first_error.or(run.first_error);
        }
        all.times = answered.into_iter().collect();
        #[expect(clippy::cast_precision_loss, reason = "some millions")]
        let count = all.times.len() as f64;
        all.achieved = count / begin.elapsed().as_secs_f64();
        Ok(all)
    }

    async fn ask(&self, connection: &mut Connection, number: u64) -> Result<()> {
        let ask = self.requests.request(number);
        timeout(PATIENCE, send(connection, &self.token, ask))
            .await
            .context("no answer in time")??;
        Ok(())
    }
}
