//! What watches Punctual, on real parts: Prometheus scrapes the running cluster, and every query of the dashboard and of the
//! rules is asked; promtool lets each alert fire; Grafana's schema takes the dashboard.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use it::process::root;
use it::{User, eventually};
use punctual_servers::{Cluster, Prometheus, check_dashboard, promtool};
use serde_json::{Value, json};

use crate::shared::{SECOND, instant, now, person, to_use, watch};

const DASHBOARD: &str = "k8s/monitoring/grafana/dashboards/todo-app.json";
const RUNBOOKS: &str = "specs/005-cloud-deployment/runbooks";
/// What is asked may have to be counted twice before it has a rate.
const PATIENCE: Duration = Duration::from_secs(60);

fn rules() -> PathBuf {
    root().join("k8s/monitoring/prometheus")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_of_the_dashboard_and_the_rules_has_data_from_the_running_cluster() {
    let cluster = to_use().await;
    let mut prometheus = watch().await.prometheus.lock().await;
    prometheus
        .start(&config(&cluster))
        .await
        .expect("Prometheus starts");
    let (ann, _receiver) = person(&cluster, "watched").await;
    let life = tokio::spawn(live(ann));
    let checked = ask_everything(&prometheus).await;
    life.abort();
    let failed = checked.unwrap_err_or_print();
    assert!(failed.is_empty(), "without data:\n{}", failed.join("\n"));
}

/// The file that is shipped, with this cluster's addresses and more haste.
fn config(cluster: &Cluster) -> String {
    let text = std::fs::read_to_string(rules().join("prometheus.yml")).expect("the configuration");
    let workers: Vec<String> = cluster
        .workers
        .iter()
        .map(|worker| format!("{:?}", worker.metrics.trim_start_matches("http://")))
        .collect();
    let mut config = text;
    for (shipped, here) in [
        ("_interval: 15s", "_interval: 1s".to_owned()),
        ("[\"127.0.0.1:9464\"]", format!("[{}]", workers.join(", "))),
        (
            "rules/*.yaml",
            rules().join("rules/*.yaml").display().to_string(),
        ),
    ] {
        assert!(
            config.contains(shipped),
            "{shipped} is not in prometheus.yml"
        );
        config = config.replace(shipped, &here);
    }
    config
}

/// Somebody who makes tasks, is reminded of them, and watches.
async fn live(user: User) {
    let _stream = user.stream("/api/live", &[]).await;
    loop {
        let at = instant(now() + SECOND);
        user.add(json!({ "title": "Breathe", "reminders": [{ "at": at }] }))
            .await;
        user.get("/api/tasks").await.expect(200);
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
}

/// Queries with the series that they have, or why they have none.
struct Asked(Vec<(String, Result<String, String>)>);

impl Asked {
    fn unwrap_err_or_print(self) -> Vec<String> {
        let mut failed = Vec::new();
        for (query, answer) in self.0 {
            match answer {
                Ok(value) => println!("{value:>24}  {query}"),
                Err(error) => failed.push(format!("{query}: {error}")),
            }
        }
        failed
    }
}

async fn ask_everything(prometheus: &Prometheus) -> Asked {
    let mut queries = dashboard();
    let groups = eventually("the rules to be evaluated", || async {
        let rules = prometheus.api("rules", &[]).await.ok()?;
        let groups = rules["groups"].as_array()?.clone();
        let done = groups
            .iter()
            .flat_map(|group| list(&group["rules"]))
            .all(|rule| rule["health"] != "unknown");
        (done && groups.len() >= 6).then_some(groups)
    })
    .await;
    for rule in groups.iter().flat_map(|group| list(&group["rules"])) {
        assert_eq!(rule["health"], "ok", "{rule}");
        let query = rule["query"].as_str().unwrap_or_default();
        if rule["type"] == "recording" {
            queries.insert(rule["name"].as_str().unwrap_or_default().to_owned());
        } else {
            // An alert that is quiet answers nothing; what it looks at is there.
            queries.extend(
                series(query)
                    .into_iter()
                    .map(|name| format!("count({name})")),
            );
        }
    }
    let mut answers = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    for query in queries {
        let answer = loop {
            let answer = value(prometheus, &query).await;
            if answer.is_ok() || Instant::now() > deadline {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        };
        answers.push((query, answer));
    }
    Asked(answers)
}

/// How many series, and the value of one that is a number.
async fn value(prometheus: &Prometheus, query: &str) -> Result<String, String> {
    let found = prometheus
        .query(query)
        .await
        .map_err(|error| error.to_string())?;
    let values: Vec<&str> = found
        .iter()
        .filter_map(|series| series["value"][1].as_str())
        .collect();
    let numbers = values.iter().filter(|value| **value != "NaN");
    match numbers.max_by(|one, other| {
        let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
        number(one).total_cmp(&number(other))
    }) {
        Some(value) => Ok(format!("{} × {:.9}", found.len(), value)),
        None => Err(format!("{} series without a number", found.len())),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The dashboard's queries, as Grafana would send them.
fn dashboard() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(DASHBOARD)).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let queries: BTreeSet<String> = list(&dashboard["panels"])
        .flat_map(|panel| list(&panel["targets"]))
        .map(|target| target["expr"].as_str().expect("a query").to_owned())
        .map(|query| {
            query
                .replace("$__rate_interval", "30s")
                .replace("$route", ".*")
                .replace("$channel", ".*")
        })
        .collect();
    assert!(queries.len() > 40, "{} queries", queries.len());
    for query in &queries {
        assert!(
            !query.contains('$'),
            "a variable that this test does not know: {query}"
        );
    }
    queries
}

/// The names of the series in an expression.
fn series(query: &str) -> BTreeSet<String> {
    query
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| {
            word.starts_with("punctual") || word.starts_with("http_server") || *word == "up"
        })
        // A worker's job is a label's value.
        .filter(|word| !word.ends_with("punctual"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn promtool_lets_each_alert_fire_and_each_has_a_runbook() {
    let folder = rules();
    for arguments in [
        &["check", "config", "prometheus.yml"][..],
        &[
            "check",
            "rules",
            "rules/recording.yaml",
            "rules/alerts.yaml",
        ],
        &["test", "rules", "tests/alerts.yaml"],
    ] {
        let said = promtool(&folder, arguments).await.expect("promtool agrees");
        println!("{said}");
    }
    let read = |path: PathBuf| std::fs::read_to_string(path).expect("a file of ours");
    let alerts = read(folder.join("rules/alerts.yaml"));
    let tests = read(folder.join("tests/alerts.yaml"));
    let mut runbooks = BTreeSet::new();
    for alert in alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        assert!(tests.contains(&format!("- name: {alert} fires")), "{alert}");
        assert!(
            tests.contains(&format!("- name: {alert} is quiet")),
            "{alert}"
        );
        assert!(
            alerts.contains(&format!("/{RUNBOOKS}/{alert}.md\n")),
            "{alert}"
        );
        runbooks.insert(format!("{alert}.md"));
    }
    let there: BTreeSet<String> = std::fs::read_dir(root().join(RUNBOOKS))
        .expect("the runbooks")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        // The others are of no alert.
        .filter(|name| name.starts_with("Punctual"))
        .collect();
    assert_eq!(runbooks, there);
}

#[tokio::test]
async fn grafanas_schema_takes_the_dashboard_and_refuses_a_misspelt_one() {
    let path = root().join(DASHBOARD);
    check_dashboard(&path).await.expect("Grafana takes it");
    let folder = tempfile::tempdir().expect("a folder");
    let misspelt = folder.path().join("misspelt.json");
    let text = std::fs::read_to_string(&path).expect("the dashboard");
    std::fs::write(
        &misspelt,
        text.replace("\"legendFormat\"", "\"legendFromat\""),
    )
    .expect("written");
    let error = check_dashboard(&misspelt).await.expect_err("refused");
    assert!(format!("{error:#}").contains("legendFromat"), "{error:#}");
}
