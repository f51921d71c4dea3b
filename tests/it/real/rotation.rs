use it::process::prove;

#[tokio::test]
async fn secrets_and_logins_are_replaced_under_load_and_nobody_is_refused_and_no_reminder_is_lost()
{
    prove(&["rotation", "--rate", "15", "--accounts", "4"]).await;
}
