//! Slows down guessing: so many tries a window, per address and per e-mail. A window that is lost with the store costs
//! nothing but a few more tries.

use punctual_function::{Call, Problem};
use spin_sdk::key_value::Store;

/// Microseconds of a window: 15 minutes.
const WINDOW: i64 = 15 * 60 * 1_000_000;

/// Counts one try under `name`; 429 when there were more than `most` in this window.
pub async fn count(call: &Call, name: &str, most: u32) -> Result<(), Problem> {
    let Ok(store) = Store::open_default().await else {
        return Ok(());
    };
    let (start, tries) = read(&store, name)
        .await
        .filter(|(start, _)| call.now - start < WINDOW)
        .unwrap_or((call.now, 0));
    if tries >= most {
        let left = start + WINDOW - call.now;
        return Err(Problem::too_many(
            format!(
                "Too many tries. Try again in {} minutes.",
                left / 60_000_000 + 1
            ),
            left / 1_000_000 + 1,
        ));
    }
    let _ = store
        .set(name, format!("{start} {}", tries + 1).as_bytes())
        .await;
    Ok(())
}

/// Forgets the tries under `name`.
pub async fn forget(name: &str) {
    if let Ok(store) = Store::open_default().await {
        let _ = store.delete(name).await;
    }
}

async fn read(store: &Store, name: &str) -> Option<(i64, u32)> {
    let bytes = store.get(name).await.ok()??;
    let (start, tries) = std::str::from_utf8(&bytes).ok()?.split_once(' ')?;
    Some((start.parse().ok()?, tries.parse().ok()?))
}
