use it::process::program;

/// The small one; the long one is `cargo xtask prove rotation`, whose judge is a program of its own.
#[tokio::test]
async fn secrets_and_logins_are_replaced_under_load_and_nobody_is_refused_and_no_reminder_is_lost()
{
    let output = tokio::process::Command::new(program("prove"))
        .args(["rotation", "--rate", "15", "--accounts", "4"])
        .kill_on_drop(true)
        .output()
        .await
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}");
}
