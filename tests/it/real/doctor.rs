use punctual_servers::Cluster;

use crate::shared;

/// What `punctual-worker doctor` says, and whether all was well.
async fn doctor(
    cluster: &Cluster,
    change: impl FnOnce(&mut std::process::Command),
) -> (bool, String) {
    let mut command = cluster.operator().expect("a worker");
    change(&mut command);
    let mut command: tokio::process::Command = command.into();
    let output = command.output().await.expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), said)
}

fn wrong(said: &str) -> Vec<&str> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("WRONG"));
    lines
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[tokio::test]
async fn the_doctor_finds_all_well_and_names_what_is_not() {
    let cluster = shared::to_use().await;
    let (well, said) = doctor(&cluster, |command| {
        command.arg("doctor");
    })
    .await;
    assert!(well, "{said}");
    for part in [
        "database",
        "clock",
        "schema",
        "leader",
        "reminders",
        "plans",
        "outbox",
        "functions",
        "signatures",
        "Kafka",
        "topics",
        "jobs",
    ] {
        assert!(
            said.contains(&format!("ok       {part} ")),
            "{part}: {said}"
        );
    }

    // What a policy would forbid, a token of another sidecar, functions that are not there, and what the gateway lets through.
    let (well, said) = doctor(&cluster, |command| {
        command
            .args(["doctor", "--must-not-reach", &cluster.kafka.bootstrap()])
            .env("PUBLIC_URL", cluster.url());
    })
    .await;
    assert_eq!(
        (well, wrong(&said)),
        (false, vec!["gateway", "network"]),
        "{said}"
    );
    let (well, said) = doctor(&cluster, |command| {
        command
            .arg("doctor")
            .env("PUNCTUAL_FUNCTIONS_URL", "http://127.0.0.1:9")
            .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9");
    })
    .await;
    assert!(!well, "{said}");
    assert_eq!(wrong(&said), ["functions", "Kafka"], "{said}");
}
