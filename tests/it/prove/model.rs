//! Lives much longer than the tests', one after the other, each on a server of its own.

use std::time::Instant;

use clap::Parser;
use it::model::{Life, Lived};

#[derive(Parser, Clone)]
pub struct Model {
    /// How many lives
    #[arg(long, default_value_t = 20)]
    lives: u64,
    /// How many steps each has
    #[arg(long, default_value_t = 1000)]
    steps: usize,
    /// Of the first life; each next one has the next number
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub async fn run(options: &Model) -> bool {
    let Model { lives, steps, seed } = options;
    println!(
        "{lives} random lives of {steps} steps from seed {seed}, each step compared with the model"
    );
    let begun = Instant::now();
    let (mut broken, mut all) = (0, Lived::default());
    for seed in *seed..seed + lives {
        let Some(mut life) = Life::begin(seed).await else {
            println!("  the clock can't be set here");
            return false;
        };
        match life.live(*steps).await {
            Ok(lived) => {
                println!(
                    "  seed {seed}: {} steps over {} days, {} rings; {:.0} s so far",
                    lived.steps,
                    lived.days,
                    lived.rings,
                    begun.elapsed().as_secs_f64()
                );
                all.steps += lived.steps;
                all.days += lived.days;
                all.rings += lived.rings;
            }
            Err(differs) => {
                println!("  seed {seed}: DIFFERS {differs}");
                broken += 1;
            }
        }
    }
    println!(
        "  {} steps over {} days, {} rings, {broken} lives that differ, {:.0} s",
        all.steps,
        all.days,
        all.rings,
        begun.elapsed().as_secs_f64()
    );
    println!("  {}", if broken == 0 { "held" } else { "BROKEN" });
    broken == 0
}
