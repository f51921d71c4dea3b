//! The bus on brokers that want TLS and a login (SCRAM), with no more rights than `k8s/kafka/consumers/worker.yaml` gives.

use std::time::Duration;

use punctual_contract::events::{TASK_EVENTS, TASK_UPDATES};
use punctual_servers::{AclRule, Kafka as Broker};
use punctual_worker::bus::kafka::{KafkaOptions, Login, Security, topics};
use punctual_worker::bus::{Bus, Kafka, Outgoing};
use punctual_worker::replay;
use saphyr::{LoadableYamlNode, Yaml};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::event;
use crate::harness::eventually;

const MANIFEST: &str = include_str!("../../../k8s/kafka/consumers/worker.yaml");
const USER: &str = "punctual-kafka-worker";
const PASSWORD: &str = "for-the-worker-alone";

/// The manifest's rules, those of the same operations together.
fn rules() -> Vec<AclRule> {
    let documents = Yaml::load_from_str(MANIFEST).expect("YAML");
    let document = documents.first().expect("a document");
    let get = |yaml: &Yaml<'_>, name: &str| {
        let value = yaml.as_mapping_get(name).and_then(Yaml::as_str);
        value.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    let name = get(
        document.as_mapping_get("metadata").expect("metadata"),
        "name",
    );
    assert_eq!(name, USER);
    let acls = document
        .as_mapping_get("spec")
        .and_then(|spec| spec.as_mapping_get("authorization"))
        .and_then(|authorization| authorization.as_mapping_get("acls"))
        .and_then(Yaml::as_sequence)
        .expect("rules");
    let mut rules: Vec<AclRule> = Vec::new();
    for acl in acls {
        let resource = acl.as_mapping_get("resource").expect("a resource");
        let operations = acl.as_mapping_get("operations").and_then(Yaml::as_sequence);
        let rule = AclRule {
            resource: get(resource, "type"),
            names: vec![get(resource, "name")],
            prefixed: get(resource, "patternType") == "prefix",
            operations: operations
                .expect("operations")
                .iter()
                .map(|operation| operation.as_str().expect("a name").to_owned())
                .collect(),
        };
        let same = rules.iter_mut().find(|one| {
            (&one.resource, one.prefixed, &one.operations)
                == (&rule.resource, rule.prefixed, &rule.operations)
        });
        match same {
            Some(one) => one.names.extend(rule.names),
            None => rules.push(rule),
        }
    }
    rules
}

fn options_of(broker: &Broker, password: &str) -> KafkaOptions {
    KafkaOptions {
        bootstrap: broker.secure_bootstrap().expect("a port with TLS"),
        prefix: String::new(),
        security: Security {
            tls: true,
            ca: Some(broker.certificate()),
            login: Some(Login {
                mechanism: "SCRAM-SHA-512".to_owned(),
                user: USER.to_owned(),
                password: password.to_owned().into(),
            }),
        },
    }
}

fn outgoing(topic: &'static str, position: i64) -> Outgoing {
    Outgoing {
        topic,
        key: "ann".to_owned(),
        position,
        event: event(position, "ann", &format!("t{position}")),
        trace: None,
    }
}

/// One broker for all of it: it takes as long to start as the rest to run.
#[tokio::test]
async fn a_worker_with_a_login_and_its_manifests_rights_does_all_its_work_and_nobody_else_does() {
    let broker = Broker::start_secure(&[(USER, PASSWORD)])
        .await
        .expect("a broker");
    let open = KafkaOptions {
        bootstrap: broker.bootstrap(),
        prefix: String::new(),
        security: Security::default(),
    };
    let steps = topics::steps(&open).await.expect("compared");
    topics::apply(&open, &steps).await.expect("made");

    // With a login and no rights.
    let options = options_of(&broker, PASSWORD);
    let stop = CancellationToken::new();
    let bus =
        |options: &KafkaOptions| Kafka::new(options.clone(), TaskTracker::new(), stop.clone());
    let publish = async |options: &KafkaOptions, events: &[Outgoing]| {
        let bus = bus(options);
        tokio::time::timeout(Duration::from_secs(60), bus.publish(events))
            .await
            .expect("an answer")
    };
    let first = [outgoing(TASK_EVENTS, 1), outgoing(TASK_UPDATES, 1)];
    let refused = publish(&options, &first).await;
    assert!(refused.is_err(), "published without rights");

    for rule in rules() {
        broker.allow(USER, &rule).await.expect("allowed");
    }
    // As somebody else, and with a certificate that leads nowhere.
    let wrong = options_of(&broker, "guessed");
    assert!(publish(&wrong, &first).await.is_err(), "a wrong password");
    let untrusted = KafkaOptions {
        security: Security {
            ca: None,
            ..options.security.clone()
        },
        ..options.clone()
    };
    assert!(
        publish(&untrusted, &first).await.is_err(),
        "a certificate of nobody's"
    );

    // All that the worker does.
    let again = topics::steps(&options).await.expect("compared");
    assert!(
        again
            .iter()
            .all(|step| matches!(step, topics::Step::Fine(_))),
        "{again:?}"
    );
    let running = bus(&options);
    let port = Bus::Kafka(running.clone());
    let mut tail = running.tail(TASK_UPDATES);
    let mut subscription = port
        .subscribe("on-task-events", TASK_EVENTS, &stop)
        .await
        .expect("joined");
    let events: Vec<Outgoing> = (1..=50)
        .flat_map(|position| {
            [
                outgoing(TASK_EVENTS, position),
                outgoing(TASK_UPDATES, position),
            ]
        })
        .collect();
    running.publish(&events).await.expect("published");
    let (sender, mut messages) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(mut consumer) = subscription.next().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                loop {
                    let batch = consumer.next_batch(100).await;
                    if batch.is_empty() {
                        return;
                    }
                    for message in batch {
                        consumer.finish(&message);
                        let _ = sender.send(message);
                    }
                }
            });
        }
    });
    for position in 1..=50 {
        let message = messages.recv().await.expect("a message");
        assert_eq!(message.position, position);
        if position == 50 {
            running
                .set_apart(&message, "a test")
                .await
                .expect("set apart");
        }
    }
    eventually("the live hub's reading", async || {
        tail.recv().await.ok().filter(|one| {
            matches!(one, punctual_worker::bus::Tail::Message(message) if message.position == 50)
        })
    })
    .await;
    let replayed = replay::dead_letters(options.clone(), &running, TASK_EVENTS).await;
    assert_eq!(replayed.expect("replayed"), (1, 0));
    stop.cancel();
}
