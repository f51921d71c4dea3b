//! A whole year on a clock that is set.

use std::time::Instant;

use chrono::NaiveDate;
use clap::Parser;
use it::model::year::{Year, pass};

#[derive(Parser, Clone)]
pub struct Options {
    /// How many series
    #[arg(long, default_value_t = 200)]
    series: usize,
    /// In how many time zones, 20 at most
    #[arg(long, default_value_t = 20)]
    zones: usize,
    /// How many days
    #[arg(long, default_value_t = 365)]
    days: u64,
    /// The first day
    #[arg(long, default_value = "2026-01-01")]
    begin: NaiveDate,
    /// Of the series
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub async fn run(options: &Options) -> bool {
    let year = Year {
        begin: options.begin,
        days: options.days,
        series: options.series,
        zones: options.zones,
        seed: options.seed,
    };
    println!("{} days from {}, seed {}", year.days, year.begin, year.seed);
    let begun = Instant::now();
    let told = |line: String| println!("  {line} ({:.0} s)", begun.elapsed().as_secs_f64());
    let Some(passed) = pass(&year, told).await else {
        println!("  the clock can't be set here");
        return false;
    };
    println!(
        "  {} rings at {} instants, {} occurrences completed, {} wrong, {:.0} s",
        passed.rings,
        passed.instants,
        passed.completed,
        passed.wrong.len(),
        begun.elapsed().as_secs_f64()
    );
    for wrong in passed.wrong.iter().take(20) {
        println!("    {wrong}");
    }
    let held = passed.wrong.is_empty() && passed.rings > 0;
    println!("  {}", if held { "held" } else { "BROKEN" });
    held
}
