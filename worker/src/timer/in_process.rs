//! Wake-ups in process.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::clock::Clock;

/// How long before its second a wake-up comes, so that the second's rows are loaded when it begins. Microseconds.
const LEAD: i64 = 250_000;

/// Clones are handles on the same seconds.
#[derive(Clone, Debug)]
pub struct InProcess {
    clock: Clock,
    seconds: Arc<Mutex<BTreeSet<i64>>>,
    earlier: Arc<Notify>,
}

impl InProcess {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            seconds: Arc::default(),
            earlier: Arc::default(),
        }
    }

    fn seconds(&self) -> MutexGuard<'_, BTreeSet<i64>> {
        self.seconds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a wake-up at a second (Unix). Asking twice is asking once.
    pub fn wake_at(&self, second: i64) {
        let mut seconds = self.seconds();
        if seconds.insert(second) && seconds.first() == Some(&second) {
            self.earlier.notify_one();
        }
    }

    /// Waits for the next wake-up. It comes a little early, or late where nobody waited; what it is for is compared with
    /// the clock afterwards.
    pub async fn woken(&self) -> i64 {
        loop {
            let next = self.seconds().first().copied();
            let wait = async {
                match next {
                    Some(second) => self.clock.sleep_until(second * 1_000_000 - LEAD).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.earlier.notified() => {}
                () = wait => {
                    if let Some(second) = next {
                        self.seconds().remove(&second);
                        return second;
                    }
                }
            }
        }
    }

    /// Forgets every second.
    pub fn clear(&self) {
        self.seconds().clear();
    }
}
