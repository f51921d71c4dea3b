//! The relay on Postgres and Kafka. Changes are committed as the triggers write them, by a client of its own; another one
//! reads the topic. So the times hold everything between commit and a consumer, Kafka's acknowledgement and the way back
//! included.

pub mod publisher;

use std::path::PathBuf;
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
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::timeout;

use crate::figures::{Plot, Report, Sample, Shape};
use crate::processes::Times;
use crate::server::programs;

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
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1000, 2500, 5000])]
    rates: Vec<u32>,
    /// How long each of these runs takes
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often each
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Where the figures go, too
    #[arg(long, default_value = "target/bench/relay.json")]
    json: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Punctual,
    /// `publisher`
    Polling,
}

const ALL: [Who; 2] = [Who::Punctual, Who::Polling];

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Punctual => "punctual",
            Self::Polling => "polling publisher",
        }
    }

    /// Its own one, on the same server.
    fn database(self) -> &'static str {
        match self {
            Self::Punctual => "punctual",
            Self::Polling => "polling",
        }
    }
}

/// The servers, and a database with the schema for each.
struct Parts {
    data: TempDir,
    kafka: Kafka,
    postgres: Postgres,
}

struct Found {
    who: Who,
    /// Changes a second, of those that waited.
    waited: f64,
    /// Milliseconds from commit to consumer, by rate.
    late: Vec<(u32, Sample)>,
}

pub async fn run(options: &Relay) -> Result<()> {
    println!("Postgres, Kafka and one worker on this machine; a change goes to two topics");
    let mut columns = vec![
        String::new(),
        "that waited, changes/s".to_owned(),
        "from … to".to_owned(),
    ];
    for rate in &options.rates {
        columns.extend([format!("p50 ms at {rate}/s"), format!("p99 ms at {rate}/s")]);
    }
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut report = Report::new("relay", "", None, &names);
    let parts = Parts::start().await?;
    let mut reader = Reader::new(&parts.kafka)?;
    let mut results = Vec::new();
    let mut from = 0;
    let warm = Relay {
        backlog: options.backlog.min(5000),
        rates: options.rates.first().copied().into_iter().collect(),
        seconds: 1,
        rounds: 1,
        json: PathBuf::new(),
    };
    for who in ALL {
        println!("  warming up, {}:", who.name());
        measure(who, &parts, &mut reader, &warm, &mut from).await?;
    }
    for round in 1..=options.rounds {
        for who in ALL {
            println!("  round {round}, {}:", who.name());
            let found = measure(who, &parts, &mut reader, options, &mut from).await?;
            results.push(found);
        }
    }
    fill_in(&mut report, options, &results);
    report.finish(&options.json)
}

/// `from` is the number of the next change, over all runs.
async fn measure(
    who: Who,
    parts: &Parts,
    reader: &mut Reader,
    options: &Relay,
    from: &mut u32,
) -> Result<Found> {
    let mut database = Database::connect(&parts.postgres.url(who.database())).await?;
    reader.clear(*from as usize, options.backlog as usize);
    database.commit(*from, options.backlog).await?;
    *from += options.backlog;
    let (before, begun) = (Times::now(), Instant::now());
    let mut publisher = parts.publisher(who)?;
    let first = reader.wait_for(1).await?;
    reader.wait_for(options.backlog as usize).await?;
    let waited = f64::from(options.backlog) / first.elapsed().as_secs_f64();
    println!(
        "    {} that waited: {waited:.0} changes/s, {:.0} records/s (the first after {} ms)",
        options.backlog,
        waited * 2.0,
        (first - begun).as_millis(),
    );
    println!(
        "      cores: {}",
        Times::now().shares_since(&before, begun.elapsed().as_secs_f64())
    );

    let mut late = Vec::new();
    for rate in &options.rates {
        let count = rate * u32::try_from(options.seconds)?;
        reader.clear(*from as usize, count as usize);
        let (before, begun) = (Times::now(), Instant::now());
        let (committed, ()) = try_join(
            database.pace(*from, count, *rate),
            reader.read(count as usize),
        )
        .await?;
        let took = begun.elapsed().as_secs_f64();
        let times: Sample = committed
            .iter()
            .zip(&reader.arrived)
            .map(|(committed, arrived)| {
                arrived.map_or(f64::INFINITY, |at| {
                    at.saturating_duration_since(*committed).as_secs_f64() * 1e3
                })
            })
            .collect();
        println!(
            "    {rate} a second for {} s: commit to consumer p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, most {:.1} ms",
            options.seconds,
            times.quantile(0.50),
            times.quantile(0.99),
            times.quantile(0.999),
            times.quantile(1.0)
        );
        println!("      cores: {}", Times::now().shares_since(&before, took));
        *from += count;
        late.push((*rate, times));
    }
    stop(&mut publisher).await?;
    Ok(Found { who, waited, late })
}

/// A worker gives its lease back.
async fn stop(publisher: &mut Child) -> Result<()> {
    if let Some(id) = publisher.id() {
        Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()?;
    }
    if timeout(Duration::from_secs(20), publisher.wait())
        .await
        .is_err()
    {
        publisher.kill().await?;
    }
    Ok(())
}

fn fill_in(report: &mut Report, options: &Relay, results: &[Found]) {
    let (mut bars, mut series) = (Vec::new(), Vec::new());
    for who in ALL {
        let of = || results.iter().filter(move |found| found.who == who);
        let waited: Sample = of().map(|found| found.waited).collect();
        let mut row = vec![
            who.name().to_owned(),
            format!("{:.0}", waited.median()),
            waited.spread(0),
        ];
        let mut points = Vec::new();
        for (place, rate) in options.rates.iter().enumerate() {
            let at = |q: f64| {
                of().filter_map(|found| Some(found.late.get(place)?.1.quantile(q)))
                    .collect::<Sample>()
                    .median()
            };
            row.extend([format!("{:.1}", at(0.50)), format!("{:.1}", at(0.99))]);
            points.push((f64::from(*rate), at(0.99)));
        }
        report.rows.push(row);
        bars.push((who.name().to_owned(), waited.median()));
        series.push((who.name().to_owned(), points));
    }
    report.plots.push(Plot {
        name: "relay-backlog".to_owned(),
        title: "Changes that waited, to two topics".to_owned(),
        unit: "changes/s".to_owned(),
        shape: Shape::Bars(bars),
    });
    report.plots.push(Plot {
        name: "relay-lateness".to_owned(),
        title: "p99 from commit to consumer".to_owned(),
        unit: "ms".to_owned(),
        shape: Shape::Lines {
            across: "changes/s".to_owned(),
            series,
        },
    });
    let runs: Vec<Value> = results
        .iter()
        .map(|found| {
            let late: Vec<Value> = found
                .late
                .iter()
                .map(|(rate, times)| {
                    json!({
                        "rate": rate, "p50_ms": times.quantile(0.50), "p99_ms": times.quantile(0.99),
                        "p999_ms": times.quantile(0.999), "most_ms": times.quantile(1.0),
                    })
                })
                .collect();
            json!({ "who": found.who.name(), "waited_per_second": found.waited, "late": late })
        })
        .collect();
    report.detail("backlog", options.backlog);
    report.detail("seconds", options.seconds);
    report.detail("results", runs);
}

impl Parts {
    async fn start() -> Result<Self> {
        let (postgres, kafka) = try_join(Postgres::start(), Kafka::start()).await?;
        let parts = Self {
            data: TempDir::new()?,
            kafka,
            postgres,
        };
        for who in ALL {
            parts.postgres.create_database(who.database()).await?;
            parts.finish(parts.worker(who, "migrate")?).await?;
        }
        let mut topics = parts.worker(Who::Punctual, "topics")?;
        topics
            .arg("--apply")
            .args(["--kafka", &parts.kafka.bootstrap()]);
        parts.finish(topics).await?;
        Ok(parts)
    }

    fn worker(&self, who: Who, name: &str) -> Result<Command> {
        let mut command = Command::new(programs()?.join("punctual-worker"));
        command
            .arg("--data")
            .arg(self.data.path())
            .arg(name)
            .env("DATABASE_URL", self.postgres.url(who.database()))
            .env("PUNCTUAL_METRICS_LISTEN", "127.0.0.1:0")
            .env("PUNCTUAL_LOG", "error");
        Ok(command)
    }

    async fn finish(&self, command: Command) -> Result<()> {
        let status = timeout(PATIENCE, tokio::process::Command::from(command).status()).await??;
        ensure!(status.success(), "punctual-worker failed ({status})");
        Ok(())
    }

    fn publisher(&self, who: Who) -> Result<Child> {
        let mut command = match who {
            // With functions that are away: its consumers wait, and what is measured is the relay.
            Who::Punctual => {
                let mut command = self.worker(who, "run")?;
                command
                    .args(["--functions-url", "http://127.0.0.1:9"])
                    .args(["--listen", "127.0.0.1:0"]);
                command
            }
            Who::Polling => {
                let mut command = Command::new(std::env::current_exe()?);
                command
                    .arg("publisher")
                    .env("DATABASE_URL", self.postgres.url(who.database()));
                command
            }
        };
        command.args(["--kafka", &self.kafka.bootstrap()]);
        Ok(tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()?)
    }
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
    fn new(kafka: &Kafka) -> Result<Self> {
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
            arrived: Vec::new(),
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
