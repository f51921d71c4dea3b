//! Random lives of repeating tasks agree with the model, whatever order things happen in, and every reminder rings at its
//! instant. The long ones are `cargo xtask prove model` and `cargo xtask prove year`.

use chrono::NaiveDate;
use it::model::Life;
use it::model::year::{Year, pass};

async fn agrees(seed: u64) {
    const STEPS: usize = 60;
    let Some(mut life) = Life::begin(seed).await else {
        return;
    };
    match life.live(STEPS).await {
        Ok(lived) => assert!(lived.steps > STEPS / 2 && lived.rings > 0, "{lived:?}"),
        Err(differs) => panic!("seed {seed}, {differs}"),
    }
}

#[tokio::test]
async fn occurrences_and_reminders_agree_with_the_model_in_a_random_life() {
    agrees(1).await;
}

#[tokio::test]
async fn occurrences_and_reminders_agree_with_the_model_in_another_random_life() {
    agrees(2).await;
}

#[tokio::test]
async fn every_reminder_of_a_spring_rings_at_its_instant_in_every_zone() {
    let year = Year {
        begin: NaiveDate::from_ymd_opt(2026, 3, 20).expect("a day"),
        days: 24,
        series: 24,
        zones: 8,
        seed: 1,
    };
    let Some(passed) = pass(&year, |_| {}).await else {
        return;
    };
    assert!(passed.rings > 100 && passed.completed > 20, "{passed:?}");
    assert!(passed.wrong.is_empty(), "{:#?}", passed.wrong);
}
