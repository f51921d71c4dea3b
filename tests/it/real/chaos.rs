use it::process::prove;

#[tokio::test]
async fn people_at_work_lose_nothing_whatever_fails() {
    prove(&["chaos", "--minutes", "0.5", "--accounts", "4"]).await;
}
