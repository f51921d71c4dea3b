//! The real servers start, answer, keep their data when they are killed, and leave nothing behind.

mod dapr;
mod ends;
mod kafka;
mod postgres;
mod proxy;

use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    try_connect(url).await.unwrap()
}

async fn try_connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The one text that a query gives.
async fn text(client: &Client, query: &str) -> String {
    client.query_one(query, &[]).await.unwrap().get(0)
}
