//! The wall clock that components see.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of day as components are told it. Timers and time-outs go by the machine's monotonic clock
/// whatever this says.
#[derive(Clone)]
pub struct WallClock(pub Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(SystemTime::now))
    }

    /// A clock that stands still until somebody moves it: microseconds since 1970.
    pub fn manual(micros: Arc<AtomicI64>) -> Self {
        Self(Arc::new(move || {
            let micros = u64::try_from(micros.load(Ordering::Acquire)).unwrap_or(0);
            UNIX_EPOCH + Duration::from_micros(micros)
        }))
    }

    /// Microseconds since 1970.
    pub fn now_micros(&self) -> i64 {
        i64::try_from(self.since_epoch().as_micros()).unwrap_or(i64::MAX)
    }

    fn since_epoch(&self) -> Duration {
        (self.0)().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::system()
    }
}

impl std::fmt::Debug for WallClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WallClock({})", self.now_micros())
    }
}

/// The same clock for WASI's wall clock (p2) and system clock (p3).
impl wasmtime_wasi::HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        self.since_epoch()
    }
}
