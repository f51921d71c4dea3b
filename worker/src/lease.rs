//! Who leads: one worker holds a row for five seconds at a time. Relay, firing, sweep and sender run only there.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::error::Error;
use crate::store::Store;

/// The one lease there is.
pub const LEADER: &str = "leader";

const TTL: Duration = Duration::from_secs(5);
/// Real time between renewals; also how often somebody else tries to get it.
const PACE: Duration = Duration::from_millis(1500);

/// The lease, held. The fence goes into every statement that only the leader may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    pub fence: i64,
}

#[derive(Clone, Debug)]
pub struct Lease {
    store: Store,
    clock: Clock,
    holder: String,
    /// Somebody else's unexpired lease is taken too, once: the data folder's lock says that its holder is dead.
    alone: bool,
}

impl Lease {
    pub fn new(store: Store, clock: Clock, holder: String, alone: bool) -> Self {
        Self {
            store,
            clock,
            holder,
            alone,
        }
    }

    fn until(&self) -> i64 {
        self.clock.now() + i64::try_from(TTL.as_micros()).unwrap_or(0)
    }

    /// One attempt.
    pub async fn acquire(&self) -> Result<Option<Lead>, Error> {
        let fence = self
            .store
            .take_lease(
                LEADER,
                &self.holder,
                self.clock.now(),
                self.until(),
                self.alone,
            )
            .await?;
        Ok(fence.map(|fence| Lead { fence }))
    }

    /// False once somebody else has it.
    pub async fn renew(&self, lead: Lead) -> Result<bool, Error> {
        self.store
            .renew_lease(LEADER, lead.fence, self.until())
            .await
    }

    pub async fn release(&self, lead: Lead) -> Result<(), Error> {
        self.store.release_lease(LEADER, lead.fence).await
    }

    /// Tries until it leads. `None` when stopped before.
    pub async fn wait(&self, stop: &CancellationToken) -> Option<Lead> {
        while !stop.is_cancelled() {
            match self.acquire().await {
                Ok(Some(lead)) => return Some(lead),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "cannot ask for the lease"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(PACE) => {}
            }
        }
        None
    }

    /// Renews until stopped or until the lease is lost: to somebody else, or because the database did not answer for as
    /// long as it lasts.
    pub async fn keep(&self, lead: Lead, stop: &CancellationToken) {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PACE) => {}
            }
            let asked = Instant::now();
            // A database that says nothing is no better than one that refuses: whoever can't renew stops leading.
            match tokio::time::timeout_at(renewed + TTL, self.renew(lead)).await {
                Ok(Ok(true)) => renewed = asked,
                Ok(Ok(false)) => {
                    tracing::warn!("another worker leads now");
                    return;
                }
                Ok(Err(error)) if renewed.elapsed() < TTL => {
                    tracing::warn!(%error, "cannot renew the lease");
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "the lease could not be renewed in time");
                    return;
                }
                Err(_) => {
                    tracing::error!("the lease could not be renewed in time: no answer");
                    return;
                }
            }
        }
    }
}
