//! The peer: the polling publisher of the outbox pattern, as it is usually written. It selects what is unpublished, publishes
//! it, waits for the acknowledgements, marks it, and looks again 100 ms later; at once where there was a full batch.

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use futures::future::try_join_all;
use punctual_contract::events::{TASK_EVENTS, TASK_UPDATES};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::json;
use tokio::time::sleep;
use tokio_postgres::{NoTls, Row};

const PAUSE: Duration = Duration::from_millis(100);
const BATCH: i64 = 1000;

#[derive(Parser)]
pub struct Publisher {
    #[arg(long, env = "DATABASE_URL")]
    database_url: String,
    #[arg(long)]
    kafka: String,
}

pub async fn run(options: &Publisher) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(&options.database_url, NoTls).await?;
    tokio::spawn(connection);
    let select = client
        .prepare(
            "SELECT seq, row_id, owner, kind, version, actor, via, trace, at FROM changes
             WHERE position IS NULL ORDER BY seq LIMIT $1",
        )
        .await?;
    let mark = client
        .prepare("UPDATE changes SET position = seq WHERE seq = ANY($1)")
        .await?;
    // As the worker's.
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &options.kafka)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "2")
        .set("compression.type", "lz4")
        .set("partitioner", "murmur2_random")
        .create()?;
    loop {
        let rows = client.query(&select, &[&BATCH]).await?;
        let sent = rows.iter().flat_map(|row| {
            let (owner, event): (String, String) = (row.get("owner"), event(row));
            let producer = &producer;
            [TASK_EVENTS, TASK_UPDATES].map(move |topic| {
                let (owner, event) = (owner.clone(), event.clone());
                async move {
                    let record = FutureRecord::to(topic).key(&owner).payload(&event);
                    let sent = producer.send(record, Duration::from_secs(10)).await;
                    sent.map_err(|(error, _)| error)
                }
            })
        });
        try_join_all(sent).await?;
        let published: Vec<i64> = rows.iter().map(|row| row.get("seq")).collect();
        client.execute(&mark, &[&published]).await?;
        if rows.len() < usize::try_from(BATCH)? {
            sleep(PAUSE).await;
        }
    }
}

/// As the worker makes it of a change that changed nothing, which these are.
fn event(row: &Row) -> String {
    let (id, kind, version): (i64, String, i64) =
        (row.get("seq"), row.get("kind"), row.get("version"));
    let (subject, owner): (String, String) = (row.get("row_id"), row.get("owner"));
    let (actor, via): (String, String) = (row.get("actor"), row.get("via"));
    let (trace, at): (Option<String>, i64) = (row.get("trace"), row.get("at"));
    let event = json!({
        "specversion": "1.0", "id": id.to_string(), "source": "/punctual", "type": format!("task.{kind}"),
        "subject": subject, "time": punctual_domain::Instant::from_micros(at).to_string(),
        "datacontenttype": "application/json", "partitionkey": owner, "traceparent": trace,
        "data": { "version": version, "actor": actor, "via": via, "changed": {} },
    });
    event.to_string()
}
