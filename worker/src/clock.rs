//! The time, passed in. Tests set it; everybody else reads the system's.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// Unix microseconds from the system, or as a test set them.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<watch::Sender<i64>>),
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `micros` until it is moved.
    pub fn manual(micros: i64) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(micros))))
    }

    pub fn now(&self) -> i64 {
        match &self.0 {
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|since| i64::try_from(since.as_micros()).ok())
                .unwrap_or(0),
            Source::Manual(time) => *time.borrow(),
        }
    }

    /// The same instant for those who want a `SystemTime`.
    pub fn system_time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(u64::try_from(self.now()).unwrap_or(0))
    }

    /// Moves a manual clock and wakes who sleeps on it. The system's clock can't be moved.
    pub fn set(&self, micros: i64) {
        if let Source::Manual(time) = &self.0 {
            time.send_replace(micros);
        }
    }

    /// Moves a manual clock forward.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(time) = &self.0 {
            time.send_modify(|now| *now += i64::try_from(by.as_micros()).unwrap_or(i64::MAX));
        }
    }

    /// Returns at `micros` or a little later, never before.
    pub async fn sleep_until(&self, micros: i64) {
        match &self.0 {
            Source::System => loop {
                let left = micros - self.now();
                let Ok(left @ 1..) = u64::try_from(left) else {
                    return;
                };
                // The system's clock may be set meanwhile, so look at it every second.
                tokio::time::sleep(Duration::from_micros(left).min(Duration::from_secs(1))).await;
            },
            Source::Manual(time) => {
                // The sender lives as long as `self`, so this ends only when the time has come.
                let _ = time.subscribe().wait_for(|now| *now >= micros).await;
            }
        }
    }

    /// The pace of a loop that polls: `duration` of real time, cut short where a manual clock is moved.
    pub async fn pause(&self, duration: Duration) {
        match &self.0 {
            Source::System => tokio::time::sleep(duration).await,
            Source::Manual(time) => {
                let mut moved = time.subscribe();
                let _ = tokio::time::timeout(duration, moved.changed()).await;
            }
        }
    }
}

/// RFC 3339, UTC, milliseconds: how every JSON writes an instant.
pub fn rfc3339(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_a_manual_clock_reaches_its_instant_and_not_before() {
        let clock = Clock::manual(1_000);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(5_000).await;
                clock.now()
            }
        });
        clock.set(4_999);
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_micros(1));
        assert_eq!(sleeper.await.ok(), Some(5_000));
    }

    #[tokio::test]
    async fn the_systems_clock_never_wakes_early() {
        let clock = Clock::system();
        let at = clock.now() + 20_500;
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
    }

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds() {
        assert_eq!(rfc3339(1_764_547_200_123_456), "2025-12-01T00:00:00.123Z");
    }
}
