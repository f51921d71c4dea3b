//! One trace over all processes, as a real OpenTelemetry Collector got it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use it::client::text;
use it::{User, eventually};
use punctual_servers::{Cluster, CollectedSpan};
use serde_json::json;

use crate::shared::{SECOND, instant, now, number, person, settled, sleep_until, to_break, watch};

/// What follows from one request: a task with a reminder is made, planned, fired and told by webhook. The `pubsub` spans are
/// those of Dapr, which has the functions' name; it takes an event's own `traceparent`, and so stands beside its publication.
const TREE: &str = "\
browser: POST /api/tasks
  punctual-functions: POST /api/tasks/... (server) 201
    punctual-functions: execute_wasm_component tasks (internal)
      punctual-worker: publish task-events (producer) punctual.task.created.v1
        punctual-worker: process task-events (consumer) punctual.task.created.v1
          punctual-worker: POST /events/on-task-events (client)
            punctual-functions: POST /events/on-task-events (server) 200
              punctual-functions: execute_wasm_component on-task-events (internal)
          punctual-worker: fire (internal)
            punctual-worker: POST /events/on-reminders (client)
              punctual-functions: POST /events/on-reminders (server) 200
                punctual-functions: execute_wasm_component on-reminders (internal)
                  punctual-worker: deliver webhook (client)
                  punctual-worker: publish reminders (producer) punctual.reminder.fired.v1
                  punctual-worker: publish task-updates (producer) punctual.reminder.fired.v1
                  punctual-functions: pubsub/task-updates (client)
                    punctual-functions: POST /events/on-task-updates (server) 200
                      punctual-functions: execute_wasm_component on-task-updates (internal)
          punctual-worker: publish reminders (producer) punctual.reminder.planned.v1
            punctual-worker: process reminders (consumer) punctual.reminder.planned.v1
          punctual-worker: publish task-updates (producer) punctual.reminder.planned.v1
          punctual-functions: pubsub/task-updates (client)
            punctual-functions: POST /events/on-task-updates (server) 200
              punctual-functions: execute_wasm_component on-task-updates (internal)
      punctual-worker: publish task-updates (producer) punctual.task.created.v1
      punctual-functions: pubsub/task-updates (client)
        punctual-functions: POST /events/on-task-updates (server) 200
          punctual-functions: execute_wasm_component on-task-updates (internal)
";

/// The browser's own span: the first of the trace.
const BROWSER: &str = "00f067aa0ba902b7";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_leads_from_the_browser_through_kafka_and_the_workers_to_the_functions_and_the_receiver()
 {
    // Alone: what several people want at the same moment is called in one batch, which has a trace of its own.
    let cluster = to_break().await;
    let (ann, receiver) = person(&cluster, "traced").await;
    let spans = &watch().await.collector;
    let mut last = String::new();
    // A machine that stands still for more than a second has the sweep plan the task, and nobody asked the sweep.
    for attempt in 0..3 {
        settled(&cluster, &ann).await;
        let trace = format!("{:032x}", rand::random::<u128>());
        let task = make(&ann, &trace).await;
        settled(&cluster, &ann).await;
        eventually("the webhook", || async {
            let told = receiver.received();
            told.iter()
                .any(|call| text(&call.body, "/data/task_id") == task)
                .then_some(())
        })
        .await;
        last = whole(|| of(&spans.spans().expect("the collector's file"), &trace)).await;
        println!("{last}");
        if last == TREE {
            // Whose it is and what it is about is in neither.
            let lines = log_lines(&cluster, &trace);
            let spans = format!("{:?}", spans.spans().expect("the collector's file"));
            for text in lines.iter().chain([&spans]) {
                assert!(!text.contains("@example.com") && !text.contains("dentist"));
            }
            return;
        }
        let sql =
            format!("SELECT count(*) FROM reminders WHERE task_id = '{task}' AND trace IS NULL");
        let swept = number(&cluster, &sql).await;
        println!("attempt {attempt}: {swept} reminders were planned by the sweep");
    }
    assert_eq!(last, TREE);
}

/// A task with a reminder in two seconds, as a browser with a trace of its own makes it; its id.
async fn make(user: &User, trace: &str) -> String {
    let at = now() + 2 * SECOND;
    let task = json!({ "title": "Call the dentist", "reminders": [{ "at": instant(at) }] });
    let traceparent = format!("00-{trace}-{BROWSER}-01");
    let headers = [
        ("traceparent", traceparent.as_str()),
        ("content-type", "application/json"),
    ];
    let made = user
        .send("POST", "/api/tasks", &headers, Some(task.to_string()))
        .await;
    let id = text(&made.expect(201), "/id");
    sleep_until(at).await;
    id
}

/// The tree once it has stopped growing: every process sends its spans a moment after they have ended.
async fn whole(mut tree: impl FnMut() -> String) -> String {
    let mut last = (tree(), std::time::Instant::now());
    let begun = std::time::Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let next = tree();
        if next == TREE || begun.elapsed() > it::wait::DEADLINE {
            return next;
        }
        if next != last.0 {
            last = (next, std::time::Instant::now());
        } else if last.1.elapsed() > Duration::from_secs(8) {
            return next;
        }
    }
}

/// The spans of a trace as a tree, children in the order of their names.
fn of(all: &[CollectedSpan], trace: &str) -> String {
    let spans: Vec<_> = all.iter().filter(|span| span.trace == trace).collect();
    let mut children: BTreeMap<&str, Vec<&CollectedSpan>> = BTreeMap::new();
    for span in &spans {
        children.entry(&span.parent).or_default().push(span);
    }
    let known = |id: &str| id == BROWSER || spans.iter().any(|span| span.id == id);
    let mut text = "browser: POST /api/tasks\n".to_owned();
    draw(&mut text, &children, BROWSER, 1);
    for (parent, lost) in &children {
        for span in lost.iter().filter(|_| !known(parent)) {
            let _ = writeln!(text, "without a parent: {}", line(span));
            draw(&mut text, &children, &span.id, 1);
        }
    }
    text
}

fn draw(
    text: &mut String,
    children: &BTreeMap<&str, Vec<&CollectedSpan>>,
    parent: &str,
    depth: usize,
) {
    let mut below: Vec<(String, String)> = children
        .get(parent)
        .into_iter()
        .flatten()
        .map(|span| {
            let mut branch = format!("{:indent$}{}\n", "", line(span), indent = depth * 2);
            draw(&mut branch, children, &span.id, depth + 1);
            (span.name.clone(), branch)
        })
        .collect();
    below.sort();
    text.extend(below.into_iter().map(|(_, branch)| branch));
}

fn line(span: &CollectedSpan) -> String {
    let mut line = format!("{}: {} ({})", span.service, span.name, span.kind);
    for name in ["http.response.status_code", "cloudevents.event_type"] {
        if let Some(known) = span.attributes.get(name) {
            let _ = write!(line, " {known}");
        }
    }
    if span.failed {
        line += " FAILED";
    }
    for (trace, _) in &span.links {
        let _ = write!(line, " linked to {trace}");
    }
    line
}

/// What functions and workers logged within the trace.
fn log_lines(cluster: &Cluster, trace: &str) -> Vec<String> {
    let programs = cluster.workers.iter().map(|worker| &worker.program);
    let functions = cluster.functions.iter().map(|one| &one.program);
    functions
        .chain(programs)
        .flat_map(|program| {
            let log = std::fs::read_to_string(program.log()).unwrap_or_default();
            log.lines()
                .filter(|line| line.contains(trace))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}
