//! The rendered objects, shown to a real API server with strict validation.

use std::collections::BTreeSet;

use k8s::api::Api;
use k8s::chart::{RELEASE, SETS, lint, rendered, rendered_from_package};
use k8s::objects::{find, kind, list, of_kind, text, title};
use k8s::{repository, yaml};
use punctual_servers::kubernetes::published;
use serde_json::{Value, json};

/// A namespace to show objects in; nothing stays there.
async fn somewhere(api: &Api, called: &str) -> String {
    let labels = json!({
        "pod-security.kubernetes.io/enforce": "restricted",
        // Of what makes pods it is said here already.
        "pod-security.kubernetes.io/warn": "restricted",
    });
    api.namespace(called, labels).await.unwrap()
}

#[tokio::test]
async fn both_value_sets_are_accepted_without_a_warning() {
    let api = Api::new().await.unwrap();
    let namespace = somewhere(&api, RELEASE).await;
    for set in SETS {
        let objects = rendered(set, &[]).await.unwrap();
        assert!(objects.len() > 60, "{set}: only {} objects", objects.len());
        let mut complaints = Vec::new();
        for object in &objects {
            let answer = api.apply(object, &namespace, true).await.unwrap();
            if !answer.status.is_success() || !answer.warnings.is_empty() {
                complaints.push(format!(
                    "{}: {} {:?}",
                    title(object),
                    answer.message(),
                    answer.warnings
                ));
            }
        }
        assert!(complaints.is_empty(), "{set}: {complaints:#?}");
        println!("values-{set}.yaml: {} objects accepted", objects.len());
    }
}

/// One switch at a time, thrown the other way than both value sets have it.
const SWITCHES: [&[&str]; 10] = [
    &["--set", "executor.mode=runtimeClass"],
    &["--set", "autoscaling.enabled=false"],
    &["--set", "functions.podPolicy=false"],
    &["--set", "quota.enabled=false"],
    &["--set", "gateway.tls.issuer=selfSigned"],
    &["--set", "gateway.tls.issuer=none"],
    &["--set", "secrets.mode=existing"],
    &["--set", "kafka.brokers.replicas=5"],
    &["--set", "monitoring.operator=false"],
    &[
        "--set",
        "monitoring.otlpEndpoint=https://otel.example.org:4318",
    ],
];

#[tokio::test]
async fn with_every_switch_thrown_it_is_accepted_too() {
    let api = Api::new().await.unwrap();
    let namespace = somewhere(&api, "switches").await;
    let usual = rendered("oke", &[]).await.unwrap();
    for switch in SWITCHES {
        let objects = rendered("oke", switch).await.unwrap();
        assert_ne!(objects, usual, "{switch:?} changes nothing");
        for object in &objects {
            let answer = api.apply(object, &namespace, true).await.unwrap();
            assert!(
                answer.status.is_success() && answer.warnings.is_empty(),
                "{switch:?}: {}: {} {:?}",
                title(object),
                answer.message(),
                answer.warnings
            );
        }
    }
}

#[tokio::test]
async fn packed_it_renders_the_same() {
    for set in SETS {
        // What is linked into the chart is in the package.
        let packed = rendered_from_package(set).await.unwrap();
        assert_eq!(packed, rendered(set, &[]).await.unwrap(), "{set}");
    }
}

#[tokio::test]
async fn helm_finds_nothing_to_complain_about() {
    for set in SETS {
        let said = lint(set).await.unwrap();
        assert!(
            said.contains("1 chart(s) linted, 0 chart(s) failed"),
            "{set}: {said}"
        );
        assert!(
            !said.contains("[WARNING]") && !said.contains("[ERROR]"),
            "{set}: {said}"
        );
    }
}

#[tokio::test]
async fn every_misspelt_field_of_every_kind_is_refused() {
    let api = Api::new().await.unwrap();
    let namespace = somewhere(&api, "misspelt").await;
    let mut seen = BTreeSet::new();
    let mut accepted = Vec::new();
    let mut refused = BTreeSet::new();
    for set in SETS {
        for object in rendered(set, &[]).await.unwrap() {
            for path in field_paths(&object, kind(&object), "") {
                // One of its kind is enough.
                let generic = generic(&path);
                if !seen.insert((kind(&object).to_owned(), generic.clone())) {
                    continue;
                }
                let answer = api
                    .apply(&misspelt(&object, &path), &namespace, true)
                    .await
                    .unwrap();
                if answer.status.is_success() {
                    accepted.push(format!("{}{generic}", kind(&object)));
                } else {
                    refused.insert(kind(&object).to_owned());
                }
            }
        }
    }
    assert!(
        accepted.is_empty(),
        "{} of {}: {accepted:#?}",
        accepted.len(),
        seen.len()
    );
    println!(
        "{} fields of {} kinds, misspelt: all refused",
        seen.len(),
        refused.len()
    );
}

#[tokio::test]
async fn the_files_of_dapr_and_kafka_are_accepted_as_they_are() {
    let api = Api::new().await.unwrap();
    let namespace = somewhere(&api, "files").await;
    let mut files = 0;
    for folder in [
        "dapr",
        "dapr/components",
        "dapr/kubernetes",
        "dapr/subscriptions",
        "k8s/kafka/topics",
        "k8s/kafka/consumers",
        "k8s/minikube",
    ] {
        for entry in std::fs::read_dir(repository(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for object in yaml::documents(&text).unwrap() {
                let answer = api.apply(&object, &namespace, true).await.unwrap();
                assert!(
                    answer.status.is_success() && answer.warnings.is_empty(),
                    "{}: {} {:?}",
                    path.display(),
                    answer.message(),
                    answer.warnings
                );
            }
            files += 1;
        }
    }
    assert!(files >= 14, "only {files} files");
}

/// Maps whose keys are anybody's: a misspelt one is just another. What KEDA's and Dapr's kinds leave open, the tests below
/// compare with their sources.
const FREE: [&str; 19] = [
    "labels",
    "annotations",
    "matchLabels",
    "podLabels",
    "podAnnotations",
    "data",
    "stringData",
    "requests",
    "limits",
    "hard",
    "config",
    "selector",
    "default",
    "defaultRequest",
    "max",
    "timeouts",
    "retries",
    "circuitBreakers",
    "components",
];

/// The path of every field that has a fixed name.
fn field_paths(value: &Value, owner: &str, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    match value {
        Value::Object(fields) => {
            let last = path.rsplit('/').next().unwrap_or_default();
            let free = FREE.contains(&last) || (owner == "ScaledObject" && last == "metadata");
            for (field, inner) in fields {
                let inner_path = format!("{path}/{}", field.replace('~', "~0").replace('/', "~1"));
                // The server finds an object by these, before it looks at fields.
                let named =
                    path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&field.as_str());
                if !(free || named || path == "/metadata") {
                    found.push(inner_path.clone());
                }
                found.extend(field_paths(inner, owner, &inner_path));
            }
        }
        Value::Array(all) => {
            for (index, inner) in all.iter().enumerate() {
                found.extend(field_paths(inner, owner, &format!("{path}/{index}")));
            }
        }
        _ => {}
    }
    found
}

/// Without the places in lists.
fn generic(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        if part.parse::<usize>().is_ok() {
            "*"
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The object with an x at the end of that field's name.
fn misspelt(object: &Value, path: &str) -> Value {
    let mut object = object.clone();
    let (parent, field) = path.rsplit_once('/').expect("a path");
    let field = field.replace("~1", "/").replace("~0", "~");
    let parent = object
        .pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .expect("the field's owner");
    let value = parent.remove(&field).expect("the field");
    parent.insert(format!("{field}x"), value);
    object
}

#[tokio::test]
async fn kedas_triggers_have_the_settings_that_its_scalers_read() {
    for set in SETS {
        let objects = rendered(set, &[]).await.unwrap();
        let mut triggers = 0;
        for object in of_kind(&objects, "ScaledObject") {
            for trigger in list(&object["spec"]["triggers"]) {
                let file = format!("pkg/scalers/{}_scaler.go", text(&trigger["type"]));
                let source = published("github.com/kedacore/keda/v2", &file)
                    .await
                    .unwrap();
                let source = std::fs::read_to_string(source).unwrap();
                for (setting, _) in trigger["metadata"].as_object().unwrap() {
                    let known = source.contains(&format!("keda:\"name={setting},"));
                    assert!(known, "{set}: {}: {file} reads no {setting}", title(object));
                }
                triggers += 1;
            }
        }
        assert_eq!(triggers, 5, "{set}");
        let source = published("github.com/kedacore/keda/v2", "pkg/scalers/kafka_scaler.go")
            .await
            .unwrap();
        let source = std::fs::read_to_string(source).unwrap();
        let authentication = find(&objects, "TriggerAuthentication", "punctual-kafka");
        for one in list(&authentication["spec"]["secretTargetRef"]) {
            let parameter = text(&one["parameter"]);
            let line = source
                .lines()
                .find(|line| line.contains(&format!("keda:\"name={parameter},")));
            assert!(
                line.is_some_and(|line| line.contains("authParams")),
                "{set}: {parameter}"
            );
        }
    }
}

#[tokio::test]
async fn daprs_components_have_the_settings_that_they_document() {
    for set in SETS {
        let objects = rendered(set, &[]).await.unwrap();
        for (component, file) in [
            ("pubsub", "pubsub/kafka/metadata.yaml"),
            ("statestore", "state/postgresql/v2/metadata.yaml"),
        ] {
            let documented = published("github.com/dapr/components-contrib", file)
                .await
                .unwrap();
            let documented = std::fs::read_to_string(documented).unwrap();
            let documented = &yaml::documents(&documented).unwrap()[0];
            let profiles = list(&documented["authenticationProfiles"])
                .iter()
                .flat_map(|one| list(&one["metadata"]));
            let mut known: Vec<_> = profiles
                .chain(list(&documented["metadata"]))
                .map(|one| text(&one["name"]))
                .collect();
            // Of every state store.
            known.push("keyPrefix");
            for setting in list(&find(&objects, "Component", component)["spec"]["metadata"]) {
                let setting = text(&setting["name"]);
                assert!(known.contains(&setting), "{set}: {file} has no {setting}");
            }
        }
    }
}

#[test]
fn a_misspelt_field_is_what_it_says() {
    let object = json!({"spec": {"list": [{"a/b": 1}]}});
    assert_eq!(
        field_paths(&object, "", ""),
        ["/spec", "/spec/list", "/spec/list/0/a~1b"]
    );
    assert_eq!(
        misspelt(&object, "/spec/list/0/a~1b"),
        json!({"spec": {"list": [{"a/bx": 1}]}})
    );
    assert_eq!(generic("/spec/list/0/a~1b"), "/spec/list/*/a~1b");
}
