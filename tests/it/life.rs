//! Random lives of repeating tasks agree with the model, whatever order things happen in. The long ones are
//! `cargo xtask prove model`.

use it::model::Life;

async fn agrees(seed: u64) {
    const STEPS: usize = 120;
    let Some(mut life) = Life::begin(seed).await else {
        return;
    };
    match life.live(STEPS).await {
        Ok(lived) => assert!(lived.rings > STEPS / 20, "{lived:?}"),
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
