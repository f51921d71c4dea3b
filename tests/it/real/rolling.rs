use it::process::prove;

#[tokio::test]
async fn every_process_is_replaced_under_load_and_no_request_fails_and_no_reminder_is_lost() {
    prove(&["rolling", "--rolls", "1", "--rate", "15", "--accounts", "4"]).await;
}
