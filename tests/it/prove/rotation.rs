//! Every secret and every login is replaced under load, process by process, as k8s/README.md says: nobody is refused who was
//! let in before, and every reminder rings.

use std::collections::HashMap;

use clap::Parser;
use it::client::{Client, text};
use it::process::root;
use it::{Receiver, User, eventually};
use punctual_domain::Instant as At;
use punctual_servers::{Cluster, ClusterOptions};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::load::{Load, Patience};
use crate::pods::roll;
use crate::{judge, now, until_told};

const SECOND: i64 = 1_000_000;
const FIRST: [&str; 2] = ["punctual_functions", "punctual_worker"];

#[derive(Parser, Clone)]
pub struct Rotation {
    /// Requests a second, whatever became of those before
    #[arg(long, default_value_t = 40)]
    rate: u32,
    /// Whose the tasks are, in turn; each has a live stream
    #[arg(long, default_value_t = 10)]
    accounts: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub async fn run(options: &Rotation) -> bool {
    let Rotation {
        rate,
        accounts,
        seed,
    } = options.clone();
    let mut random = StdRng::seed_from_u64(seed);
    println!("every secret and login is replaced, at {rate} requests a second, under our own host");
    let receiver = Receiver::start().await;
    let mut cluster = Cluster::start(
        ClusterOptions {
            workers: 2,
            functions: 2,
            ..it::cluster::options()
        },
        |line| println!("  {line}"),
    )
    .await
    .expect("the cluster starts");
    let mut users = it::cluster::people(cluster.url(), accounts, &receiver).await;
    let anonymous = Client::new(cluster.url());
    let mut kept = users[0].session().await;
    let idle = users[0].session().await;

    let mut held = true;
    let mut intents = HashMap::new();
    for step in [Step::Accepted, Step::First, Step::Alone] {
        if step == Step::Alone {
            // What the old secret has signed is to end: who is to be let in still gets something new.
            for user in &mut users {
                sign_anew(user).await;
            }
        }
        let load = Load::begin(&users, rate, random.random(), Patience::None).await;
        step.prepare(&mut cluster, &mut random).await;
        roll(&mut cluster, &mut random).await;
        step.finish(&cluster).await;
        println!("  {}:", step.name());
        let ended = load.end().await;
        held &= ended.held && !ended.intents.is_empty();
        intents.extend(ended.intents);

        if step == Step::First {
            let last = intents.values().max().copied().unwrap_or_default();
            until_told(&receiver, &intents, last + 60 * SECOND).await;
            let (task, at) = dapr_calls(&cluster, &users[0]).await;
            intents.insert(task, at);
        }

        let refresh = async |session: &Value| {
            let body = json!({ "refresh_token": text(session, "/refresh_token") });
            anonymous.post("/api/auth/refresh", body).await
        };
        let me = async |session: &Value| {
            let signed_in = anonymous.with_token(text(session, "/access_token"));
            signed_in.get("/api/auth/me").await.status
        };
        let refreshed = refresh(&kept).await;
        held &= check(
            "a session that goes on",
            (refreshed.status, me(&kept).await),
            200,
        );
        kept = refreshed.json();
        match step {
            Step::Alone => {
                let refused = (refresh(&idle).await.status, me(&idle).await);
                held &= check("a session of the old secret", refused, 401);
            }
            _ => {
                let status = me(&idle).await;
                held &= check("a session of the old secret", (status, status), 200);
            }
        }
    }
    let last = intents.values().max().copied().unwrap_or_default();
    until_told(&receiver, &intents, last + 60 * SECOND).await;
    held &= judge(&users, &receiver, &intents).await.held;
    held &= cluster.stop().await.is_ok();
    println!("  {}", if held { "held" } else { "BROKEN" });
    held
}

/// Which values `token_secret` and `events_secret` have, and what else is replaced in the same upgrade.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// `old new`. The database's logins, too.
    Accepted,
    /// `new old`. Dapr's tokens, too.
    First,
    /// `new`
    Alone,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "the new secrets are accepted, the logins are the second ones",
            Self::First => "the new secrets sign, Dapr's tokens are new",
            Self::Alone => "the new secrets are alone",
        }
    }

    /// What the Secrets hold from now on.
    async fn prepare(self, cluster: &mut Cluster, random: &mut StdRng) {
        for name in ["token_secret", "events_secret"] {
            let old = cluster.secret(name).expect("a secret");
            let new = format!("the-new-{name}");
            let value = match self {
                Self::Accepted => format!("{old} {new}"),
                Self::First => format!("{new} {old}"),
                Self::Alone => new,
            };
            for functions in &mut cluster.functions {
                functions.set(name, &value);
            }
            if name == "events_secret" {
                cluster.keep_secret(name, &value).expect("kept");
            }
        }
        match self {
            Self::Accepted => second_logins(cluster, random).await,
            Self::First => dapr_tokens(cluster, random),
            Self::Alone => {}
        }
    }

    /// What nobody uses any more goes.
    async fn finish(self, cluster: &Cluster) {
        if self == Self::Accepted {
            let sql = "SELECT DISTINCT usename FROM pg_stat_activity
                WHERE usename LIKE 'punctual%' ORDER BY usename";
            let sessions = ask(cluster, sql).await;
            let names: Vec<&str> = sessions.iter().map(|row| &*row[0]).collect();
            assert_eq!(
                names,
                FIRST.map(|first| format!("{first}_2")),
                "everybody has come with the second login"
            );
            for first in FIRST {
                ask(
                    cluster,
                    &format!("ALTER ROLE {first} NOLOGIN PASSWORD NULL"),
                )
                .await;
            }
        }
    }
}

async fn second_logins(cluster: &mut Cluster, random: &mut StdRng) {
    let sql = std::fs::read_to_string(root().join("scripts/second-logins.sql"));
    ask(cluster, &sql.expect("the script")).await;
    let [functions, worker] = FIRST.map(|first| {
        let password = format!("{:032x}", random.random::<u128>());
        (format!("{first}_2"), password)
    });
    for (login, password) in [&functions, &worker] {
        let sql = format!("ALTER ROLE {login} LOGIN PASSWORD '{password}'");
        ask(cluster, &sql).await;
    }
    let url = cluster.database_url_of(&functions.0, &functions.1);
    for functions in &mut cluster.functions {
        functions.set("database_url", &url);
    }
    let url = cluster.database_url_of(&worker.0, &worker.1);
    cluster.keep_secret("database_url", &url).expect("kept");
}

fn dapr_tokens(cluster: &mut Cluster, random: &mut StdRng) {
    let mut token = || format!("{:032x}", random.random::<u128>());
    for (name, token) in [("DAPR_API_TOKEN", token()), ("APP_API_TOKEN", token())] {
        for functions in &mut cluster.functions {
            functions.set(name, &token);
            functions.daprd.set(name, &token);
        }
        for worker in &mut cluster.workers {
            worker.program.set(name, &token);
            worker.daprd.set(name, &token);
        }
    }
}

/// Sidecars show their tokens to apps that ask for them: an event is handled, and a job is taken. The task that rings, and
/// when.
async fn dapr_calls(cluster: &Cluster, user: &User) -> (String, i64) {
    let completed = async || {
        let activity = user.get("/api/activity").await.expect(200);
        let days = activity["days"].as_array();
        let counted = days.and_then(|days| days.last()?["completed"].as_u64());
        counted.unwrap_or(0)
    };
    let before = completed().await;
    user.complete(&user.add(json!({ "title": "done" })).await)
        .await;
    eventually("the sidecar's event", || async {
        (completed().await > before).then_some(())
    })
    .await;

    let before = wake_ups(cluster).await;
    // Far enough for a job, and nothing else is due.
    let at = now() / SECOND * SECOND + 8 * SECOND;
    let reminders = json!([{ "at": At::from_micros(at).to_string() }]);
    let task = json!({ "title": "by a job", "reminders": reminders });
    let task = text(&user.add(task).await, "/id");
    eventually("the sidecar's job", || async {
        (wake_ups(cluster).await > before).then_some(())
    })
    .await;
    (task, at)
}

/// How many have come to the workers.
async fn wake_ups(cluster: &Cluster) -> u64 {
    let mut all = 0;
    for worker in &cluster.workers {
        let answer = reqwest::get(format!("{}/metrics", worker.metrics)).await;
        let text = answer.expect("an answer").text().await.expect("metrics");
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("punctual_timer_wake_ups_total "));
        all += count
            .and_then(|count| count.parse::<u64>().ok())
            .expect("a count");
    }
    all
}

/// An API token has no end: its owner makes another one.
async fn sign_anew(user: &mut User) {
    let session = user.session().await;
    user.client.token = Some(text(&session, "/access_token"));
    user.client.token = Some(user.api_token(&["read", "write"]).await);
}

fn check(what: &str, found: (u16, u16), wanted: u16) -> bool {
    let well = found == (wanted, wanted);
    if !well {
        println!("    {what}: {found:?}, not {wanted}");
    }
    well
}

/// As the database's owner.
async fn ask(cluster: &Cluster, sql: &str) -> Vec<Vec<String>> {
    let connected = tokio_postgres::connect(&cluster.database_url(), NoTls).await;
    let (client, connection) = connected.expect("a connection");
    tokio::spawn(connection);
    let messages = client.simple_query(sql).await.expect("an answer");
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| {
        (0..row.len())
            .map(|column| row.get(column).unwrap_or_default().to_owned())
            .collect()
    })
    .collect()
}
