//! The time, passed in. Tests set it; everybody else reads the system's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// In microseconds, as instants are.
pub const SECOND: i64 = 1_000_000;

/// Unix microseconds from the system, or as the database's clock goes, or as a test set them.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Shifted(Offset),
    Manual(Arc<watch::Sender<i64>>),
}

/// By how much another clock is ahead of the system's, in microseconds, as far as that is known.
#[derive(Clone, Debug, Default)]
pub struct Offset(Arc<AtomicI64>);

impl Offset {
    /// Learns from one question to the other clock: it said `theirs`, somewhere between `before` and `after` of ours. An
    /// answer that what is known already explains changes nothing, so that the clock does not jitter with the network.
    pub fn measured(&self, before: i64, theirs: i64, after: i64) {
        let known = self.0.load(Ordering::Relaxed);
        let (most, least) = (theirs - before, theirs - after);
        if !(least..=most).contains(&known) {
            self.0.store(i64::midpoint(least, most), Ordering::Relaxed);
        }
    }

    /// Whether no clock uses it any more, but for the caller's own handle.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The system's clock, shifted.
    pub fn shifted(by: Offset) -> Self {
        Self(Source::Shifted(by))
    }

    /// A clock that stands at `micros` until it is moved.
    pub fn manual(micros: i64) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(micros))))
    }

    pub fn now(&self) -> i64 {
        match &self.0 {
            Source::System => system(),
            Source::Shifted(Offset(by)) => system() + by.load(Ordering::Relaxed),
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
            Source::System | Source::Shifted(_) => loop {
                let left = micros - self.now();
                let Ok(left @ 1..) = u64::try_from(left) else {
                    return;
                };
                // The clock may be set meanwhile, so look at it every second.
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
            Source::System | Source::Shifted(_) => tokio::time::sleep(duration).await,
            Source::Manual(time) => {
                let mut moved = time.subscribe();
                let _ = tokio::time::timeout(duration, moved.changed()).await;
            }
        }
    }
}

fn system() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
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
    fn a_shifted_clock_follows_the_other_one_and_not_the_networks_delays() {
        let offset = Offset::default();
        let known = |offset: &Offset| offset.0.load(Ordering::Relaxed);
        offset.measured(1_000, 1_500, 2_000);
        assert_eq!(known(&offset), 0, "they may agree");
        offset.measured(1_000, 61_500, 2_000);
        assert_eq!(known(&offset), 60_000);
        offset.measured(10_000, 70_100, 10_900);
        assert_eq!(known(&offset), 60_000, "explained");
        offset.measured(10_000, 60_100, 10_100);
        assert_eq!(known(&offset), 50_050, "it was set back");
        let clock = Clock::shifted(offset);
        let ahead = clock.now() - Clock::system().now();
        assert!((0..=50_050).contains(&ahead), "{ahead}");
    }

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds() {
        assert_eq!(rfc3339(1_764_547_200_123_456), "2025-12-01T00:00:00.123Z");
    }
}
