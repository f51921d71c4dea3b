//! Slows down guessing: so many tries a window, per address and per e-mail. A window that is lost with the store costs
//! nothing but a few more tries, and a store that is away stops nobody.

use std::time::Duration;

use punctual_function::state::{Away, State};
use punctual_function::{Call, Problem};
use spin_sdk::time::sleep;

/// Microseconds of a window: 15 minutes.
const WINDOW: i64 = 15 * 60 * 1_000_000;
/// How often a try is counted anew, where others under the same name are counted at the same moment.
const ATTEMPTS: u64 = 8;

/// What came of counting once.
enum Counted {
    Yes,
    /// Others were counted meanwhile.
    Not,
    /// There were enough before; so many microseconds of the window are left.
    Full(i64),
}

/// Counts one try under `name`; 429 when there were more than `most` in this window.
pub async fn count(call: &Call, name: &str, most: u32) -> Result<(), Problem> {
    let let_through = |Away(reason): Away| eprintln!("a try was not counted: {reason}");
    let state = match State::open(call).await {
        Ok(state) => state,
        Err(away) => {
            let_through(away);
            return Ok(());
        }
    };
    for attempt in 0..ATTEMPTS {
        match once(&state, call, name, most).await {
            Ok(Counted::Yes) => return Ok(()),
            Ok(Counted::Not) => sleep(pause(call, attempt)).await,
            Ok(Counted::Full(left)) => {
                let minutes = left / 60_000_000 + 1;
                return Err(Problem::too_many(
                    format!("Too many tries. Try again in {minutes} minutes."),
                    left / 1_000_000 + 1,
                ));
            }
            Err(away) if attempt == 0 => {
                let_through(away);
                return Ok(());
            }
            Err(_) => break,
        }
    }
    // So many at once that this one could not be counted: those who guess must not gain by that.
    Err(Problem::too_many(
        "Too many tries at once. Try again in a second.",
        1,
    ))
}

async fn once(state: &State, call: &Call, name: &str, most: u32) -> Result<Counted, Away> {
    let entry = state.get(name).await?;
    let (start, tries) = entry
        .as_ref()
        .and_then(|entry| read(&entry.value))
        .filter(|(start, _)| call.now - start < WINDOW)
        .unwrap_or((call.now, 0));
    let left = start + WINDOW - call.now;
    if tries >= most {
        return Ok(Counted::Full(left));
    }
    let value = format!("{start} {}", tries + 1);
    let etag = entry.as_ref().map(|entry| entry.etag.as_str());
    let ttl = Duration::from_micros(u64::try_from(left).unwrap_or(0));
    Ok(if state.set(name, &value, etag, ttl).await? {
        Counted::Yes
    } else {
        Counted::Not
    })
}

/// A few milliseconds that differ between requests, and grow.
fn pause(call: &Call, attempt: u64) -> Duration {
    let own = call.request_id.bytes().rev().take(4).map(u64::from);
    Duration::from_millis(1 + own.sum::<u64>() % (4 << attempt.min(3)))
}

/// Forgets the tries under `name`.
pub async fn forget(call: &Call, name: &str) {
    if let Ok(state) = State::open(call).await {
        let _ = state.delete(name).await;
    }
}

fn read(value: &str) -> Option<(i64, u32)> {
    let (start, tries) = value.split_once(' ')?;
    Some((start.parse().ok()?, tries.parse().ok()?))
}
