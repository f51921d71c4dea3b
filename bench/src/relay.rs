//! The relay on Postgres and Kafka. Changes are committed as the triggers write them, by a client of its own; another one
//! reads the topic. So the times hold everything between commit and a consumer, Kafka's acknowledgement and the way back
//! included.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use futures::future::try_join;
use punctual_contract::events::TASK_UPDATES;
use punctual_servers::{Kafka, Postgres};
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::Message as _;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::timeout;

use crate::processes::Times;

/// Nothing that is waited for here takes longer.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two commits of a paced run.
const TURN: Duration = Duration::from_millis(5);

#[derive(Parser)]
pub struct Relay {
    /// Changes that wait when the relay starts: how many a second it can do
    #[arg(long, default_value_t = 200_000)]
    backlog: u32,
    /// Changes a second, one run each: how late they come
    #[arg(long, default_values_t = [100, 1000, 3000, 6000])]
    rates: Vec<u32>,
    /// How long each of these runs takes
    #[arg(long, default_value_t = 15)]
    seconds: u64,
}

/// The servers, and a database with the schema.
struct Parts {
    url: String,
    data: TempDir,
    kafka: Kafka,
    _postgres: Postgres,
}

pub async fn run(options: &Relay) -> Result<()> {
    println!("Postgres, Kafka and one worker on this machine; a change goes to two topics");
    let parts = Parts::start().await?;
    let mut database = Database::connect(&parts.url).await?;
    let mut reader = Reader::new(&parts.kafka, options.backlog as usize).await?;

    database.commit(0, options.backlog).await?;
    let (before, begun) = (Times::now(), Instant::now());
    let mut worker = parts.worker().await?;
    let first = reader.wait_for(1).await?;
    reader.wait_for(options.backlog as usize).await?;
    let seconds = first.elapsed().as_secs_f64();
    println!(
        "{} that waited: {:.0} changes/s, {:.0} records/s (the first after {} ms)",
        options.backlog,
        f64::from(options.backlog) / seconds,
        f64::from(options.backlog) * 2.0 / seconds,
        (first - begun).as_millis(),
    );
    println!(
        "  cores: {}",
        Times::now().shares_since(&before, begun.elapsed().as_secs_f64())
    );

    let mut from = options.backlog;
    for rate in &options.rates {
        let count = rate * u32::try_from(options.seconds)?;
        reader.clear(from as usize, count as usize);
        let (before, begun) = (Times::now(), Instant::now());
        let (committed, ()) = try_join(
            database.pace(from, count, *rate),
            reader.read(count as usize),
        )
        .await?;
        let took = begun.elapsed().as_secs_f64();
        let mut late: Vec<Duration> = committed
            .iter()
            .zip(&reader.arrived)
            .map(|(committed, arrived)| {
                arrived.map_or(Duration::MAX, |at| at.saturating_duration_since(*committed))
            })
            .collect();
        late.sort_unstable();
        let at = |thousandth: usize| {
            late[(late.len() * thousandth / 1000).min(late.len() - 1)].as_secs_f64() * 1e3
        };
        println!(
            "{rate} a second for {} s: commit to consumer p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, most {:.1} ms",
            options.seconds,
            at(500),
            at(990),
            at(999),
            at(1000)
        );
        println!("  cores: {}", Times::now().shares_since(&before, took));
        from += count;
    }
    worker.kill().await?;
    Ok(())
}

impl Parts {
    async fn start() -> Result<Self> {
        let (postgres, kafka) = try_join(Postgres::start(), Kafka::start()).await?;
        postgres.create_database("punctual").await?;
        let parts = Self {
            url: postgres.url("punctual"),
            data: TempDir::new()?,
            kafka,
            _postgres: postgres,
        };
        parts.finish(parts.command("migrate")).await?;
        let mut topics = parts.command("topics");
        topics
            .arg("--apply")
            .args(["--kafka", &parts.kafka.bootstrap()]);
        parts.finish(topics).await?;
        Ok(parts)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(programs().join("punctual-worker"));
        command
            .arg("--data")
            .arg(self.data.path())
            .arg(name)
            .env("DATABASE_URL", &self.url)
            .env("PUNCTUAL_METRICS_LISTEN", "127.0.0.1:0")
            .env("PUNCTUAL_LOG", "error");
        command
    }

    async fn finish(&self, command: Command) -> Result<()> {
        let status = timeout(PATIENCE, tokio::process::Command::from(command).status()).await??;
        ensure!(status.success(), "punctual-worker failed ({status})");
        Ok(())
    }

    /// With functions that are away: its consumers wait, and what is measured is the relay.
    async fn worker(&self) -> Result<Child> {
        let mut command = self.command("run");
        command
            .args(["--functions-url", "http://127.0.0.1:9"])
            .args(["--listen", "127.0.0.1:0"])
            .args(["--kafka", &self.kafka.bootstrap()]);
        let worker = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()?;
        Ok(worker)
    }
}

fn programs() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|path| path.parent().map(Path::to_path_buf))
        .unwrap_or_default()
}

struct Database {
    client: tokio_postgres::Client,
    insert: tokio_postgres::Statement,
}

impl Database {
    async fn connect(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        // A kilobyte each, of a thousand owners.
        let insert = client
            .prepare(
                r#"INSERT INTO changes (tbl, row_id, owner, kind, version, before, after, op, actor, via, trace, at)
                SELECT 'tasks', n::text, 'owner-' || n % 1000, 'updated', 2, image, image, 'op-' || n, 'owner-' || n % 1000,
                    'web', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 1793599200000000 + n
                FROM generate_series($1::bigint, $2::bigint - 1) AS n,
                    LATERAL (SELECT concat('{"title":"', repeat(md5(n::text), 14), '"}') AS image) AS made"#,
            )
            .await?;
        Ok(Self { client, insert })
    }

    async fn commit(&mut self, from: u32, count: u32) -> Result<()> {
        let range = [i64::from(from), i64::from(from + count)];
        self.client
            .execute(&self.insert, &[&range[0], &range[1]])
            .await?;
        Ok(())
    }

    /// When each of so many was committed, at so many a second.
    async fn pace(&mut self, from: u32, count: u32, rate: u32) -> Result<Vec<Instant>> {
        let (begun, mut done) = (Instant::now(), Vec::with_capacity(count as usize));
        let mut turns = tokio::time::interval(TURN);
        while done.len() < count as usize {
            turns.tick().await;
            let wanted = (begun.elapsed().as_secs_f64() * f64::from(rate)) as u32;
            let had = u32::try_from(done.len())?;
            let now = wanted.min(count).saturating_sub(had);
            if now > 0 {
                self.commit(from + had, now).await?;
                done.resize(done.len() + now as usize, Instant::now());
            }
        }
        Ok(done)
    }
}

/// Reads the topic from its beginning on.
struct Reader {
    consumer: StreamConsumer,
    /// By the number of the change, counted from `from`.
    arrived: Vec<Option<Instant>>,
    from: usize,
    seen: usize,
}

impl Reader {
    async fn new(kafka: &Kafka, count: usize) -> Result<Self> {
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", kafka.bootstrap())
            .set("group.id", "bench")
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "100")
            .create()?;
        consumer.subscribe(&[TASK_UPDATES])?;
        Ok(Self {
            consumer,
            arrived: vec![None; count],
            from: 0,
            seen: 0,
        })
    }

    fn clear(&mut self, from: usize, count: usize) {
        (self.from, self.seen) = (from, 0);
        self.arrived = vec![None; count];
    }

    async fn read(&mut self, count: usize) -> Result<()> {
        self.wait_for(count).await.map(drop)
    }

    /// When there were so many, without repetitions.
    async fn wait_for(&mut self, count: usize) -> Result<Instant> {
        let mut now = Instant::now();
        while self.seen < count {
            let Ok(record) = timeout(PATIENCE, self.consumer.recv()).await else {
                bail!("{} of {count} arrived, and no more came", self.seen);
            };
            now = Instant::now();
            let record = record?;
            let number = subject(record.payload().unwrap_or_default())?;
            let place = number
                .checked_sub(self.from)
                .and_then(|place| self.arrived.get_mut(place));
            // Not there: one of an earlier run, again.
            if let Some(place) = place
                && place.replace(now).is_none()
            {
                self.seen += 1;
            }
        }
        Ok(now)
    }
}

/// The number that is the row's id.
fn subject(event: &[u8]) -> Result<usize> {
    let text = std::str::from_utf8(event)?;
    let (_, rest) = text
        .split_once(r#""subject":""#)
        .context("an event with a subject")?;
    let digits = rest.split('"').next().unwrap_or_default();
    Ok(digits.parse()?)
}
