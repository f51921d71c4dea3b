//! What was done.

use chrono::NaiveDate;
use punctual_contract::api::{Activity, ActivityDay};

use crate::api::Api;
use crate::error::Result;
use crate::screen::{Cell, Screen, Style, clean, day};

/// Days that are shown.
const SHOWN: usize = 7;
/// The longest bar.
const WIDTH: u32 = 20;

pub async fn stats(api: &Api, screen: &Screen) -> Result<()> {
    let answer = api.get("/api/activity").await?;
    if screen.json {
        screen.document(&answer.text);
        return Ok(());
    }
    let activity: Activity = answer.json()?;
    let week = &activity.days[activity.days.len().saturating_sub(SHOWN)..];
    let most = week.iter().map(|day| day.completed).max().unwrap_or(0);
    // The answer ends with today, as the server's clock and the account's zone have it.
    let today = week.last().and_then(|day| day.date.parse().ok());
    let rows: Vec<_> = week.iter().map(|day| row(day, today, most)).collect();
    screen.table(&["DAY", "DONE", "", "IN TIME"], &rows);
    let streak = &activity.streak;
    screen.line(format!(
        "Streak: {}, the longest: {}.",
        days(streak.current),
        days(streak.longest)
    ));
    if let Some(rate) = activity.on_time_rate {
        screen.line(format!(
            "In time, of what had a due in the last {} days: {:.0} %.",
            activity.days.len(),
            rate * 100.0
        ));
    }
    Ok(())
}

fn days(count: u32) -> String {
    match count {
        1 => "1 day".to_owned(),
        count => format!("{count} days"),
    }
}

fn row(of: &ActivityDay, today: Option<NaiveDate>, most: u32) -> Vec<Cell> {
    let name = match (of.date.parse(), today) {
        (Ok(date), Some(today)) => day(date, today),
        _ => clean(&of.date),
    };
    let in_time = match of.with_due {
        0 => String::new(),
        due => format!("{} of {due}", of.on_time),
    };
    vec![
        Cell::plain(name),
        Cell::styled(Style::Bold, format!("{:>4}", of.completed)),
        Cell::styled(Style::Green, bar(of.completed, most)),
        Cell::styled(Style::Dim, in_time),
    ]
}

/// One block for each completion; where a day has more than fit, all are shortened alike. What is done shows.
fn bar(completed: u32, most: u32) -> String {
    let length = match completed {
        0 => 0,
        some if most <= WIDTH => some,
        some => (u64::from(some) * u64::from(WIDTH))
            .div_ceil(u64::from(most))
            .try_into()
            .unwrap_or(WIDTH),
    };
    "█".repeat(length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_a_block_for_each_completion_as_long_as_all_fit() {
        let lengths = |most: u32| [0, 1, most].map(|count| bar(count, most).chars().count());
        assert_eq!(lengths(5), [0, 1, 5]);
        assert_eq!(lengths(20), [0, 1, 20]);
        assert_eq!(lengths(4000), [0, 1, 20]);
    }
}
