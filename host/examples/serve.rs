//! Serves a `spin.toml`: `cargo run --release -p punctual-host --example serve -- spin.toml 127.0.0.1:3000 data`

use std::path::PathBuf;

use punctual_host::{Host, HostOptions, Variables};
use punctual_sqlite::{Database, Options};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .init();
    let mut arguments = std::env::args().skip(1);
    let manifest = arguments.next().ok_or("which spin.toml?")?;
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let data = PathBuf::from(arguments.next().unwrap_or_else(|| ".host".to_owned()));
    std::fs::create_dir_all(&data)?;
    let started = std::time::Instant::now();
    let mut options = HostOptions::new(manifest, data.join("cache"));
    let database = Database::open(&data.join("default.db"), Options::default())?;
    options.databases.insert("default".to_owned(), database);
    options.key_value = Some(Database::open(
        &data.join("key-value.db"),
        Options::default(),
    )?);
    options.variables = Variables::new().environment();
    let host = Host::load(options).await?;
    println!("loaded in {:?}", started.elapsed());
    for route in host.routes() {
        println!(
            "{} -> {}",
            route.pattern.unwrap_or_default(),
            route.component.unwrap_or_default()
        );
    }
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    host.serve(listener, stop).await?;
    Ok(())
}
