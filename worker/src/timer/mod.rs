//! The timer port: [`Timer::wake_at`] a second, and [`Timer::woken`] a moment before it comes. In process, or Dapr Jobs.
//!
//! A wake-up may come twice, late or not at all: what it is for is read from the database and compared with the clock, and
//! the sweep finds what no wake-up has brought.

pub mod dapr;
mod in_process;

pub use dapr::Jobs;
pub use in_process::InProcess;

/// Clones are handles on the same timer.
#[derive(Clone, Debug)]
pub enum Timer {
    InProcess(InProcess),
    Dapr(Jobs),
}

impl Timer {
    /// Asks for a wake-up at a second (Unix). Asking twice is asking once.
    pub fn wake_at(&self, second: i64) {
        match self {
            Self::InProcess(timer) => timer.wake_at(second),
            Self::Dapr(jobs) => jobs.wake_at(second),
        }
    }

    /// Waits for the next wake-up.
    pub async fn woken(&self) -> i64 {
        match self {
            Self::InProcess(timer) => timer.woken().await,
            Self::Dapr(jobs) => jobs.woken().await,
        }
    }

    /// Some wake-up did not come: nothing that was asked for before counts any more.
    pub fn distrust(&self) {
        match self {
            Self::InProcess(timer) => timer.clear(),
            Self::Dapr(jobs) => jobs.distrust(),
        }
    }
}
