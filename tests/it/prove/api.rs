//! The API against its contract.

use clap::Parser;
use it::User;
use it::client::Client;
use it::process::{Process, free_port};
use it::schemathesis::{Extent, judge};

#[derive(Parser, Clone)]
pub struct Api {
    /// Requests for each operation, at most, in each phase
    #[arg(long, default_value_t = 100)]
    examples: u32,
    /// Of the requests
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub async fn run(options: &Api) -> bool {
    const SETTINGS: &[(&str, &str)] = &[
        ("PUNCTUAL_REGISTRATION", "open"),
        ("PUNCTUAL_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("PUNCTUAL_LOG", "error"),
    ];
    let data = tempfile::tempdir().expect("a folder");
    let server = Process::start(data.path(), free_port(), SETTINGS).await;
    let anonymous = Client::new(&server.url);
    let ann = User::register(&anonymous, "ann@example.com", "Europe/Berlin").await;
    let bob = User::register(&anonymous, "bob@example.com", "UTC").await;
    let extent = Extent {
        examples: options.examples,
        seed: options.seed,
        phases: "examples,coverage,fuzzing,stateful",
    };
    let judged = judge(&ann, &bob, &extent).await;
    println!("{}", judged.said);
    let stopped = server.terminate().await.success();
    let held = judged.held && stopped;
    println!("  {}", if held { "held" } else { "BROKEN" });
    held
}
