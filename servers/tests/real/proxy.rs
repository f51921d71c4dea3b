use std::time::{Duration, Instant};

use punctual_servers::{Postgres, Proxy};

use crate::{connect, text, try_connect};

#[tokio::test]
async fn a_proxy_cuts_refuses_delays_and_lets_through_again() {
    let postgres = Postgres::shared().await.unwrap();
    let proxy = Proxy::start(format!("127.0.0.1:{}", postgres.port()))
        .await
        .unwrap();
    let url = proxy.url(&postgres.url("postgres"));
    assert!(
        url.ends_with(&format!(
            "@127.0.0.1:{}/postgres?sslmode=disable",
            proxy.port()
        )),
        "{url}"
    );

    let client = connect(&url).await;
    assert_eq!(text(&client, "SELECT 'through'").await, "through");
    proxy.cut();
    assert!(client.query_one("SELECT 'cut'", &[]).await.is_err());

    proxy.refuse(true);
    assert!(try_connect(&url).await.is_err());
    proxy.refuse(false);

    proxy.delay(Duration::from_millis(500));
    let start = Instant::now();
    let client = connect(&url).await;
    assert!(start.elapsed() >= Duration::from_millis(500));
    // Only the first bytes are late.
    let start = Instant::now();
    assert_eq!(text(&client, "SELECT 'awake'").await, "awake");
    assert!(start.elapsed() < Duration::from_millis(400));

    proxy.delay(Duration::ZERO);
    assert_eq!(
        text(&connect(&url).await, "SELECT 'through'").await,
        "through"
    );
}
