//! `punctual-worker doctor`: looks at a deployment from where a worker stands, part by part, and says what to do.

use std::fmt::Display;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use crate::bus::kafka::topics;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::Common;
use crate::dapr::Dapr;
use crate::error::Error;
use crate::functions::{Functions, ON_TASK_EVENTS};
use crate::migrations;
use crate::store::Db;

const PATIENCE: Duration = Duration::from_secs(5);
/// Signatures hold for five minutes, and the worker follows the database's clock; this much is a clock that nobody sets.
const SKEW: i64 = 2_000_000;
/// A reminder that is overdue for longer waits for something.
const LATE: i64 = 30_000_000;

/// What is looked at.
pub struct Deployment<'a> {
    pub common: &'a Common,
    pub cluster: &'a Cluster,
    pub functions_url: &'a str,
    /// The database, or why it can't be opened.
    pub db: Result<Db, Error>,
    /// What functions and workers sign with, where there is one, or why it can't be read.
    pub events_secret: Result<Option<String>, Error>,
    /// Addresses that network policies forbid.
    pub must_not_reach: &'a [String],
}

#[derive(Default)]
struct Findings {
    bad: usize,
}

impl Findings {
    fn fine(&mut self, part: &str, found: impl Display) {
        println!("ok       {part:<14} {found}");
    }

    fn bad(&mut self, part: &str, found: impl Display, way_out: &str) {
        self.bad += 1;
        println!(
            "WRONG    {part:<14} {found}\n         {:<14} → {way_out}",
            ""
        );
    }

    fn skipped(&mut self, part: &str, why: &str) {
        println!("skipped  {part:<14} {why}");
    }
}

/// Prints a line for each part; whether all is well.
pub async fn examine(deployment: Deployment<'_>) -> bool {
    let mut findings = Findings::default();
    match &deployment.db {
        Ok(db) => database(db, &mut findings).await,
        Err(error) => findings.bad(
            "database",
            error,
            "DATABASE_URL names it; is it up, and does a network policy let the worker there?",
        ),
    }
    functions(&deployment, &mut findings).await;
    kafka(&deployment, &mut findings).await;
    dapr(&deployment, &mut findings).await;
    network(&deployment, &mut findings).await;
    match findings.bad {
        0 => println!("All is well."),
        1 => println!("1 part is not as it should be."),
        bad => println!("{bad} parts are not as they should be."),
    }
    findings.bad == 0
}

async fn database(db: &Db, findings: &mut Findings) {
    let asked = std::time::Instant::now();
    let clock = match timeout(PATIENCE, db.clock()).await {
        Ok(Ok(clock)) => clock,
        Ok(Err(error)) => {
            return findings.bad(
                "database",
                error,
                "is it up, and is the password the one that it knows?",
            );
        }
        Err(_) => {
            return findings.bad(
                "database",
                "it does not answer within 5 s",
                "is it up, and does a network policy let the worker there?",
            );
        }
    };
    findings.fine(
        "database",
        format!("answers in {} ms", asked.elapsed().as_millis()),
    );
    let skew = clock.now() - Clock::system().now();
    if skew.abs() > SKEW {
        findings.bad(
            "clock",
            format!("the database's is {} ms from this machine's", skew / 1000),
            "let both follow NTP; reminders go by the database's",
        );
    } else {
        findings.fine(
            "clock",
            format!("{} ms from the database's", (skew / 1000).abs()),
        );
    }

    let (newest, now) = (migrations::newest(), clock.now());
    match integer(db, "SELECT COALESCE(max(version), 0) FROM migrations", &[]).await {
        Ok(found) if found == newest => findings.fine("schema", found),
        Ok(found) if found > newest => findings.fine(
            "schema",
            format!("{found}, of a newer release than this program's {newest}"),
        ),
        Ok(found) => findings.bad(
            "schema",
            format!("{found}, this program needs {newest}"),
            "punctual-worker migrate, as the database's owner",
        ),
        Err(error) => {
            return findings.bad("schema", error, "punctual-worker migrate, as its owner");
        }
    }
    match integer(db, "SELECT count(*) FROM leases WHERE until > ?1", &[now]).await {
        Ok(0) => findings.bad(
            "leader",
            "nobody holds the lease: nothing is published, planned or sent",
            "is a worker running? Its log says why it does not lead",
        ),
        Ok(_) => findings.fine("leader", "a worker holds the lease"),
        Err(error) => findings.bad("leader", error, "punctual-worker migrate, as its owner"),
    }
    let late = "SELECT count(*) FROM reminders WHERE state = 'planned' AND fire_at < ?1";
    let plans = "SELECT count(*) FROM plans WHERE planned < wanted AND since < ?1";
    let outbox = "SELECT count(*) FROM changes WHERE position IS NULL AND at < ?1";
    for (part, sql, what, way_out) in [
        (
            "reminders",
            late,
            "overdue for more than 30 s",
            "the worker's log names the function that refuses them",
        ),
        (
            "plans",
            plans,
            "tasks whose change was not planned within 30 s",
            "the functions' log names what fails under the event's id",
        ),
        (
            "outbox",
            outbox,
            "changes not published within 30 s",
            "is a worker leading, and do the brokers answer?",
        ),
    ] {
        match integer(db, sql, &[now - LATE]).await {
            Ok(0) => findings.fine(part, format!("no {what}")),
            Ok(count) => findings.bad(part, format!("{count} {what}"), way_out),
            Err(error) => findings.bad(part, error, way_out),
        }
    }
}

async fn integer(db: &Db, sql: &str, params: &[i64]) -> Result<i64, Error> {
    let params = params.iter().map(|value| (*value).into()).collect();
    timeout(PATIENCE, db.value(sql, params))
        .await
        .map_err(|_| Error::Usage("it does not answer within 5 s".to_owned()))??
        .ok_or_else(|| Error::Corrupt("no row".to_owned()))
}

/// Whether they answer, take this worker's signature, and nobody else's.
async fn functions(deployment: &Deployment<'_>, findings: &mut Findings) {
    let url = deployment.functions_url.trim_end_matches('/');
    let client = match client() {
        Ok(client) => client,
        Err(error) => return findings.bad("functions", error, "this program can make no calls"),
    };
    match client.get(format!("{url}/healthz")).send().await {
        Ok(answer) if answer.status().is_success() => findings.fine("functions", url),
        Ok(answer) => {
            let status = answer.status();
            let text = answer.text().await.unwrap_or_default();
            return findings.bad(
                "functions",
                format!("{url} answers {status}: {}", text.trim()),
                "their own answer says what they miss",
            );
        }
        Err(error) => {
            return findings.bad(
                "functions",
                crate::functions::chain(&error),
                "PUNCTUAL_FUNCTIONS_URL names them; are they up, and does a network policy let the worker there?",
            );
        }
    }
    let secret = match &deployment.events_secret {
        Ok(Some(secret)) => secret,
        Ok(None) => return findings.skipped("signatures", "there is no events_secret here"),
        Err(error) => {
            return findings.bad(
                "secrets",
                error,
                "is the sidecar up, and may it read the secret `punctual` (its scopes, and the Role of its account)?",
            );
        }
    };
    let ask = async |secret: &str| match Functions::new(url, secret, Clock::system()) {
        Ok(functions) => functions.ask(ON_TASK_EVENTS).await,
        Err(error) => Err(error.to_string()),
    };
    match (ask(secret).await, ask(&Uuid::new_v4().to_string()).await) {
        (Ok(()), Err(_)) => findings.fine("signatures", "ours is taken, another one is refused"),
        (Ok(()), Ok(())) => findings.bad(
            "signatures",
            "the functions take calls that anybody signs",
            "what answers there is not Punctual, or not as it was released",
        ),
        (Err(error), _) => findings.bad(
            "signatures",
            error,
            "functions and worker need the same events_secret, and clocks within five minutes",
        ),
    }
    // From outside nobody may even try.
    let Some(public) = &deployment.common.public_url else {
        return findings.skipped("gateway", "PUBLIC_URL is not set");
    };
    let outside = format!("{}{ON_TASK_EVENTS}", public.trim_end_matches('/'));
    match client.post(&outside).send().await {
        Ok(answer) if answer.status() == reqwest::StatusCode::NOT_FOUND => {
            findings.fine(
                "gateway",
                "/events is not to be reached by the public address",
            );
        }
        Ok(answer) => findings.bad(
            "gateway",
            format!("{outside} answers {}", answer.status()),
            "route /api, /mcp, /healthz and / alone, and never /events",
        ),
        Err(error) => findings.skipped("gateway", &crate::functions::chain(&error)),
    }
}

async fn kafka(deployment: &Deployment<'_>, findings: &mut Findings) {
    let options = match deployment.cluster.kafka() {
        Ok(Some(options)) => options,
        Ok(None) => return findings.skipped("Kafka", "none is named: the bus is in process"),
        Err(error) => return findings.bad("Kafka", error, "its settings contradict each other"),
    };
    match topics::steps(&options).await {
        Err(error) => findings.bad(
            "Kafka",
            error,
            "are the brokers up, are protocol, login and certificate theirs, does a network policy let the worker there?",
        ),
        Ok(steps) => {
            findings.fine("Kafka", &options.bootstrap);
            let wrong: Vec<String> = steps
                .iter()
                .filter(|step| !matches!(step, topics::Step::Fine(_)))
                .map(ToString::to_string)
                .collect();
            match wrong.as_slice() {
                [] => findings.fine("topics", format!("{} as they should be", steps.len())),
                wrong => findings.bad(
                    "topics",
                    wrong.join("; "),
                    "apply k8s/kafka/topics, or punctual-worker topics --apply",
                ),
            }
        }
    }
}

async fn dapr(deployment: &Deployment<'_>, findings: &mut Findings) {
    let Some(options) = deployment.cluster.dapr() else {
        return findings.skipped("Dapr", "no sidecar is named: the timer is in process");
    };
    let dapr = match Dapr::new(&options) {
        Ok(dapr) => dapr,
        Err(error) => return findings.bad("Dapr", error, "DAPR_HTTP_ENDPOINT names the sidecar"),
    };
    let name = format!("doctor-{}", Uuid::new_v4());
    let job = json!({ "dueTime": "1h", "data": {} });
    match dapr.schedule(&name, &job).await {
        Err(error) => findings.bad(
            "jobs",
            error,
            "is Dapr's scheduler up, is DAPR_API_TOKEN the sidecar's, does its configuration allow jobs (dapr/components/jobs.yaml)?",
        ),
        Ok(()) => match dapr.cancel(&name).await {
            Ok(()) => findings.fine("jobs", "one was registered and taken back"),
            Err(error) => findings.bad("jobs", error, "is Dapr's scheduler up?"),
        },
    }
}

async fn network(deployment: &Deployment<'_>, findings: &mut Findings) {
    if deployment.must_not_reach.is_empty() {
        findings.skipped(
            "network",
            "name what is forbidden: --must-not-reach HOST:PORT",
        );
    }
    for address in deployment.must_not_reach {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => findings.bad(
                "network",
                format!("{address} can be reached"),
                "network policies are not in force: their CNI must enforce them (on OKE that is Calico)",
            ),
            Ok(Err(_)) | Err(_) => findings.fine("network", format!("{address} can't be reached")),
        }
    }
}

fn client() -> Result<reqwest::Client, Error> {
    Ok(reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}
