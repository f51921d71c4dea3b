//! The network policies, read as Kubernetes reads them: what may reach what. That a network obeys them is Calico's, and not
//! shown here.

use std::collections::{BTreeMap, BTreeSet};

use k8s::chart::{RELEASE, SETS, rendered};
use k8s::objects::{list, name, of_kind, text, texts};
use serde_json::{Value, json};

struct Pod {
    name: &'static str,
    namespace: &'static str,
    labels: Value,
}

fn pod(name: &'static str, namespace: &'static str, labels: Value) -> Pod {
    Pod {
        name,
        namespace,
        labels,
    }
}

/// Every pod of the namespace, and those outside that have to do with it.
fn pods() -> Vec<Pod> {
    let ours = |component: &'static str| {
        let labels = json!({"app.kubernetes.io/part-of": "punctual", "app.kubernetes.io/component": component});
        pod(component, RELEASE, labels)
    };
    let dapr = |app: &'static str| pod(app, "dapr-system", json!({"app": app}));
    let mut all =
        Vec::from(["api", "events", "live", "web", "worker", "migrate", "test"].map(ours));
    all.extend([
        pod("broker", RELEASE, json!({"strimzi.io/cluster": "punctual", "strimzi.io/name": "punctual-kafka"})),
        pod("entity-operator", RELEASE, json!({"strimzi.io/cluster": "punctual", "strimzi.io/name": "punctual-entity-operator"})),
        pod("solver", RELEASE, json!({"acme.cert-manager.io/http01-solver": "true"})),
        pod("postgres", RELEASE, json!({"app.kubernetes.io/name": "postgres"})),
        pod("stranger", RELEASE, json!({"app": "stranger"})),
        pod("gateway", "envoy-gateway-system", json!({})),
        pod("prometheus", "monitoring", json!({})),
        pod("keda", "keda", json!({})),
        pod("strimzi", "strimzi", json!({})),
        pod("dns", "kube-system", json!({})),
        pod("elsewhere", "default", json!({})),
        dapr("dapr-sentry"),
        dapr("dapr-operator"),
        dapr("dapr-scheduler-server"),
        dapr("dapr-placement-server"),
    ]);
    all
}

/// Every port that any policy names, and one that none does.
fn ports(policies: &[&Value]) -> BTreeSet<(String, i64)> {
    let mut all = BTreeSet::from([("TCP".to_owned(), 12345)]);
    for policy in policies {
        for side in ["ingress", "egress"] {
            for rule in list(&policy["spec"][side]) {
                for port in list(&rule["ports"]) {
                    all.insert((
                        text(&port["protocol"]).to_owned(),
                        port["port"].as_i64().unwrap(),
                    ));
                }
            }
        }
    }
    all
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let exact = selector["matchLabels"].as_object();
    let exact = exact
        .into_iter()
        .flatten()
        .all(|(key, value)| &labels[key] == value);
    exact
        && list(&selector["matchExpressions"]).iter().all(|one| {
            assert_eq!(one["operator"], "In", "another operator");
            labels[text(&one["key"])]
                .as_str()
                .is_some_and(|value| texts(&one["values"]).contains(&value))
        })
}

fn is_peer(peer: &Value, pod: &Pod) -> bool {
    if !peer["ipBlock"].is_null() {
        return false;
    }
    let namespace = match &peer["namespaceSelector"] {
        Value::Null => pod.namespace == RELEASE,
        selector => selects(
            selector,
            &json!({"kubernetes.io/metadata.name": pod.namespace}),
        ),
    };
    namespace && (peer["podSelector"].is_null() || selects(&peer["podSelector"], &pod.labels))
}

/// Whether a pod of the namespace may be reached from (`ingress`) or reach (`egress`) another on a port.
fn allowed(policies: &[&Value], pod: &Pod, side: &str, other: &Pod, port: &(String, i64)) -> bool {
    let (kind, peers) = if side == "ingress" {
        ("Ingress", "from")
    } else {
        ("Egress", "to")
    };
    let of_this = policies.iter().filter(|policy| {
        texts(&policy["spec"]["policyTypes"]).contains(&kind)
            && selects(&policy["spec"]["podSelector"], &pod.labels)
    });
    let mut isolated = false;
    for policy in of_this {
        isolated = true;
        for rule in list(&policy["spec"][side]) {
            let ports = list(&rule["ports"]);
            let port_fits = ports.is_empty()
                || ports.iter().any(|one| {
                    text(&one["protocol"]) == port.0 && one["port"].as_i64() == Some(port.1)
                });
            if port_fits && list(&rule[peers]).iter().any(|peer| is_peer(peer, other)) {
                return true;
            }
        }
    }
    !isolated
}

#[tokio::test]
async fn every_flow_is_named_at_both_of_its_ends_and_nothing_else_gets_through() {
    for set in SETS {
        let objects = rendered(set, &[]).await.unwrap();
        let policies = of_kind(&objects, "NetworkPolicy");
        let (pods, ports) = (pods(), ports(&policies));
        let mut flows: BTreeMap<(&str, &str), BTreeSet<i64>> = BTreeMap::new();
        for from in &pods {
            for to in &pods {
                for port in &ports {
                    let leaves =
                        from.namespace != RELEASE || allowed(&policies, from, "egress", to, port);
                    let enters =
                        to.namespace != RELEASE || allowed(&policies, to, "ingress", from, port);
                    if from.namespace == RELEASE && to.namespace == RELEASE {
                        assert_eq!(
                            leaves, enters,
                            "{set}: {} → {} on {port:?}",
                            from.name, to.name
                        );
                    }
                    // Only what begins or ends in the namespace is the chart's.
                    if leaves && enters && (from.namespace == RELEASE || to.namespace == RELEASE) {
                        flows
                            .entry((from.name, to.name))
                            .or_default()
                            .insert(port.1);
                    }
                }
            }
        }
        let mut expected: BTreeMap<(&str, &str), BTreeSet<i64>> = BTreeMap::new();
        let mut flow = |from: &'static str, to: &'static str, port: i64| {
            expected.entry((from, to)).or_default().insert(port);
        };
        for pod in pods.iter().filter(|pod| pod.namespace == RELEASE) {
            flow(pod.name, "dns", 53);
        }
        for group in ["api", "live", "web"] {
            flow("gateway", group, 80);
        }
        for (from, to, port) in [
            ("worker", "events", 80),
            ("live", "worker", 3001),
            ("live", "api", 80),
            ("api", "api", 80),
            ("test", "api", 80),
            ("test", "web", 80),
            ("worker", "broker", 9093),
            ("events", "broker", 9093),
            ("keda", "broker", 9093),
        ] {
            flow(from, to, port);
        }
        for app in ["api", "events", "worker"] {
            for (part, port) in [
                ("dapr-sentry", 50001),
                ("dapr-operator", 6500),
                ("dapr-scheduler-server", 50006),
                ("dapr-placement-server", 50005),
            ] {
                flow(app, part, port);
            }
            flow("prometheus", app, 9090);
            flow("prometheus", app, 9464);
        }
        for to in ["broker", "entity-operator"] {
            for port in [9090, 9091, 8443] {
                flow("strimzi", to, port);
            }
            for from in ["broker", "entity-operator"] {
                for (_, port) in &ports {
                    flow(from, to, *port);
                }
            }
        }
        if set == "minikube" {
            for from in ["api", "events", "worker", "migrate"] {
                flow(from, "postgres", 5432);
            }
        } else {
            flow("gateway", "solver", 8089);
            for from in ["api", "events", "live", "web", "worker", "migrate", "test"] {
                for port in [4317, 4318] {
                    flow(from, "prometheus", port);
                }
            }
        }
        assert_eq!(flows, expected, "{set}");
    }
}

#[tokio::test]
async fn the_worker_sends_to_the_world_and_not_into_the_clusters_networks() {
    for set in SETS {
        let objects = rendered(set, &[]).await.unwrap();
        let policies = of_kind(&objects, "NetworkPolicy");
        let policy = policies
            .iter()
            .find(|policy| name(policy) == "worker-to-internet")
            .unwrap();
        let peers = list(&policy["spec"]["egress"][0]["to"]);
        let except = texts(&peers[0]["ipBlock"]["except"]);
        for private in [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
        ] {
            assert!(except.contains(&private), "{set}: {private}");
        }
        let ports: Vec<_> = list(&policy["spec"]["egress"][0]["ports"])
            .iter()
            .map(|one| one["port"].as_i64())
            .collect();
        let expected: &[Option<i64>] = if set == "oke" {
            &[Some(443), Some(465), Some(587)]
        } else {
            &[Some(443)]
        };
        assert_eq!(ports, expected, "{set}");
        // Who else is let out by address: to the database, and the sidecars to the API server.
        let by_address: BTreeSet<_> = policies
            .iter()
            .filter(|policy| {
                list(&policy["spec"]["egress"]).iter().any(|rule| {
                    list(&rule["to"])
                        .iter()
                        .any(|peer| !peer["ipBlock"].is_null())
                })
            })
            .map(|policy| name(policy))
            .collect();
        let mut expected = BTreeSet::from([
            "worker-to-internet",
            "sidecars-to-api-server",
            "inside-kafka",
        ]);
        if set == "oke" {
            expected.insert("to-database");
        }
        assert_eq!(by_address, expected, "{set}");
    }
}
