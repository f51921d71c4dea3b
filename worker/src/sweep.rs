//! The net under everything: looks at the rows every two seconds, whatever became of events and wake-ups.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::firing::Firing;
use crate::store::Store;

pub const PACE: Duration = Duration::from_secs(2);
/// Rounds between two tidyings: about half an hour.
const TIDY: u32 = 900;

/// Runs until stopped, at once at the start. Plans that lag are [`crate::planning`]'s.
pub async fn run(store: Store, clock: Clock, firing: Firing, stop: CancellationToken) {
    for round in 0_u32.. {
        if let Err(error) = firing.catch_up().await {
            tracing::error!(%error, "the sweep failed; it comes again");
        }
        if round.is_multiple_of(TIDY)
            && let Err(error) = store.tidy(clock.now()).await
        {
            tracing::error!(%error, "cannot tidy up");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.pause(PACE) => {}
        }
    }
}
