//! The chart installed, upgraded and disturbed on the real control plane. Its pods are KWOK's: records that become ready,
//! in which nothing runs. So nothing here says that a program works, only what Kubernetes makes of the objects.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use k8s::api::{Api, cluster};
use k8s::chart::{self, RELEASE, SETS, rendered, values};
use k8s::objects::{find, list, name, of_kind, text, texts};
use k8s::operator::deployment_of;
use punctual_servers::dapr::with_sidecar;
use reqwest::Method;
use serde_json::{Value, json};

/// A namespace as operators should make it.
async fn restricted(api: &Api, called: &str) -> String {
    let labels = json!({
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    });
    api.namespace(called, labels).await.unwrap()
}

/// Runs Helm to its end: whether it succeeded, and what it printed.
async fn helm(namespace: &str, args: &[&str], set: Option<&str>) -> (bool, String) {
    helm_with(namespace, args, set.map(|set| (chart::present(), set))).await
}

async fn helm_with(
    namespace: &str,
    args: &[&str],
    chart: Option<(PathBuf, &str)>,
) -> (bool, String) {
    let mut command = cluster().await.unwrap().helm();
    command.args(args).args(["--namespace", namespace]);
    if let Some((chart, set)) = chart {
        values(command.arg(&chart), &chart, set);
    }
    run(command).await
}

async fn run(mut command: Command) -> (bool, String) {
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn object(version: &str, kind: &str, called: &str) -> Value {
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": called}})
}

fn worker() -> Value {
    object("apps/v1", "Deployment", "punctual-worker")
}

/// Pods of the worker that are ready and are to stay.
async fn ready_workers(api: &Api, namespace: &str) -> Result<Vec<Value>> {
    let path = format!(
        "/api/v1/namespaces/{namespace}/pods?labelSelector=app.kubernetes.io/component%3Dworker"
    );
    let pods = api.list(&path).await?;
    Ok(pods
        .into_iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null() && is_ready(pod))
        .collect())
}

fn is_ready(pod: &Value) -> bool {
    list(&pod["status"]["conditions"])
        .iter()
        .any(|one| one["type"] == "Ready" && one["status"] == "True")
}

async fn scale(api: &Api, namespace: &str, replicas: u32) {
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/punctual-worker/scale");
    let body = json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale",
        "metadata": {"name": "punctual-worker", "namespace": namespace}, "spec": {"replicas": replicas},
    });
    let answer = api.send(Method::PUT, &path, &body).await.unwrap();
    assert!(answer.status.is_success(), "{}", answer.message());
}

#[tokio::test]
async fn it_is_installed_upgraded_and_a_failed_upgrade_is_rolled_back() {
    let api = Api::new().await.unwrap();
    let namespace = restricted(&api, "life").await;
    let (done, said) = helm(
        &namespace,
        &["install", RELEASE, "--wait", "--set", "quota.enabled=false"],
        Some("minikube"),
    )
    .await;
    assert!(done, "{said}");
    // The hook came first, and ended well.
    let job = api
        .get(&object("batch/v1", "Job", "punctual-migrate"), &namespace)
        .await
        .unwrap();
    assert_eq!(job["status"]["succeeded"], 1, "{}", job["status"]);
    let before = api.get(&worker(), &namespace).await.unwrap();
    assert!(
        text(&job["metadata"]["creationTimestamp"])
            <= text(&before["metadata"]["creationTimestamp"])
    );
    assert!(!ready_workers(&api, &namespace).await.unwrap().is_empty());
    let executor = object("core.spinkube.dev/v1alpha1", "SpinAppExecutor", RELEASE);
    let first = api.get(&executor, &namespace).await.unwrap();

    // What is scaled meanwhile stays scaled.
    scale(&api, &namespace, 3).await;
    api.until("three workers are ready", async || {
        Ok(ready_workers(&api, &namespace).await?.len() == 3)
    })
    .await
    .unwrap();
    let nodes: BTreeSet<_> = ready_workers(&api, &namespace)
        .await
        .unwrap()
        .iter()
        .map(|pod| text(&pod["spec"]["nodeName"]).to_owned())
        .collect();
    assert!(nodes.len() >= 2, "they are not spread: {nodes:?}");
    // An upgrade in which only a secret changed rolls everything out, and never are there fewer that are ready.
    let upgrade = [
        "upgrade",
        RELEASE,
        "--wait",
        "--set-string",
        "secrets.revision=2,images.executor.tag=second",
        "--set",
        "quota.enabled=false",
    ];
    let upgrade = helm(&namespace, &upgrade, Some("minikube"));
    let mut upgrade = std::pin::pin!(upgrade);
    let mut fewest = usize::MAX;
    let (done, said) = loop {
        tokio::select! {
            ended = &mut upgrade => break ended,
            ready = ready_workers(&api, &namespace) => fewest = fewest.min(ready.unwrap().len()),
        }
    };
    assert!(done, "{said}");
    assert_eq!(fewest, 3);
    // The executor is a hook, and still is the same object: SpinKube lets none go that an app uses.
    let second = api.get(&executor, &namespace).await.unwrap();
    assert_eq!(second["metadata"]["uid"], first["metadata"]["uid"]);
    assert_ne!(second["spec"], first["spec"]);
    let after = api.get(&worker(), &namespace).await.unwrap();
    assert_eq!(after["spec"]["replicas"], 3);
    let checksum = |object: &Value| {
        text(&object["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]).to_owned()
    };
    assert_ne!(checksum(&before), checksum(&after));
    let pods = ready_workers(&api, &namespace).await.unwrap();
    assert_eq!(pods.len(), 3);
    for pod in &pods {
        assert_eq!(
            text(&pod["metadata"]["annotations"]["checksum/settings"]),
            checksum(&after)
        );
    }

    // A worker that no node has room for never gets ready: Helm gives up, and takes everything back.
    let (done, said) = helm(
        &namespace,
        &[
            "upgrade",
            RELEASE,
            "--rollback-on-failure",
            "--wait",
            "--timeout",
            "20s",
            "--set-string",
            "worker.resources.requests.cpu=100,worker.resources.limits.cpu=100,images.executor.tag=third",
            "--set",
            "quota.enabled=false",
        ],
        Some("minikube"),
    )
    .await;
    assert!(!done, "{said}");
    let (_, history) = helm(&namespace, &["history", RELEASE, "--output", "json"], None).await;
    let history: Value =
        serde_json::from_str(history.trim()).unwrap_or_else(|error| panic!("{error}: {history}"));
    let states: Vec<_> = list(&history)
        .iter()
        .map(|one| text(&one["status"]))
        .collect();
    assert_eq!(
        states,
        ["superseded", "superseded", "failed", "deployed"],
        "{history}"
    );
    let back = api.get(&worker(), &namespace).await.unwrap();
    assert_eq!(back["spec"]["template"], after["spec"]["template"]);
    assert_eq!(back["spec"]["replicas"], 3);
    let third = api.get(&executor, &namespace).await.unwrap();
    assert_eq!(third["metadata"]["uid"], first["metadata"]["uid"]);
    assert_eq!(third["spec"], second["spec"]);
    // The old ones were there all the time.
    let survivors = ready_workers(&api, &namespace).await.unwrap();
    for pod in &pods {
        assert!(
            survivors
                .iter()
                .any(|one| one["metadata"]["uid"] == pod["metadata"]["uid"]),
            "{} was replaced",
            name(pod)
        );
    }

    let (done, said) = helm(&namespace, &["uninstall", RELEASE, "--wait"], None).await;
    assert!(done, "{said}");
    assert!(api.get(&worker(), &namespace).await.is_err());
}

async fn cordon(api: &Api, node: &str, cordoned: bool) {
    let request = api
        .request(Method::PATCH, &format!("/api/v1/nodes/{node}"))
        .header("content-type", "application/merge-patch+json")
        .body(json!({"spec": {"unschedulable": cordoned}}).to_string());
    request.send().await.unwrap().error_for_status().unwrap();
}

#[tokio::test]
async fn a_migration_that_fails_stops_the_upgrade_before_anything_has_changed() {
    let api = Api::new().await.unwrap();
    let namespace = restricted(&api, "migrations").await;
    let (done, said) = helm(
        &namespace,
        &["install", RELEASE, "--wait"],
        Some("minikube"),
    )
    .await;
    assert!(done, "{said}");
    let before = api.get(&worker(), &namespace).await.unwrap();
    let pods = ready_workers(&api, &namespace).await.unwrap();
    let fails = [
        "upgrade",
        RELEASE,
        "--wait",
        "--timeout",
        "20s",
        "--set",
        "images.worker.tag=fails",
    ];
    let (done, said) = helm(&namespace, &fails, Some("minikube")).await;
    assert!(!done && said.contains("pre-upgrade hooks failed"), "{said}");
    let job = api
        .get(&object("batch/v1", "Job", "punctual-migrate"), &namespace)
        .await
        .unwrap();
    assert!(
        job["status"]["failed"].as_i64() >= Some(1),
        "{}",
        job["status"]
    );
    let after = api.get(&worker(), &namespace).await.unwrap();
    assert_eq!(
        after["metadata"]["generation"],
        before["metadata"]["generation"]
    );
    let same = ready_workers(&api, &namespace).await.unwrap();
    assert_eq!(name(&same[0]), name(&pods[0]));
    // The next one goes through.
    let (done, said) = helm(
        &namespace,
        &["upgrade", RELEASE, "--wait"],
        Some("minikube"),
    )
    .await;
    assert!(done, "{said}");
}

#[tokio::test]
async fn the_budgets_refuse_an_eviction_that_would_leave_too_few() {
    let api = Api::new().await.unwrap();
    let namespace = restricted(&api, "evictions").await;
    cluster()
        .await
        .unwrap()
        .add_node("evictions", "c")
        .await
        .unwrap();
    let objects = rendered("oke", &[]).await.unwrap();
    for (kind, called) in [
        ("ServiceAccount", "punctual-worker"),
        ("PodDisruptionBudget", "punctual-worker"),
    ] {
        api.create(find(&objects, kind, called), &namespace)
            .await
            .unwrap();
    }
    let mut deployment = find(&objects, "Deployment", "punctual-worker").clone();
    deployment["spec"]["replicas"] = json!(2);
    deployment["spec"]["template"]["spec"]["nodeSelector"] =
        json!({"kubernetes.io/hostname": "evictions"});
    api.create(&deployment, &namespace).await.unwrap();
    let budget = object("policy/v1", "PodDisruptionBudget", "punctual-worker");
    api.until("the budget allows one disruption", async || {
        Ok(api.get(&budget, &namespace).await?["status"]["disruptionsAllowed"] == 1)
    })
    .await
    .unwrap();
    // What takes an evicted one's place finds no room.
    cordon(&api, "evictions", true).await;
    let pods = ready_workers(&api, &namespace).await.unwrap();
    let evict = async |pod: &Value| {
        let body = json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name(pod), "namespace": namespace},
        });
        let path = format!("/api/v1/namespaces/{namespace}/pods/{}/eviction", name(pod));
        api.send(Method::POST, &path, &body).await.unwrap()
    };
    let first = evict(&pods[0]).await;
    assert_eq!(first.status, 201, "{}", first.message());
    let second = evict(&pods[1]).await;
    assert_eq!(second.status, 429, "{}", second.message());
    assert!(
        second.message().contains("disruption budget"),
        "{}",
        second.message()
    );
    // As soon as the place is taken, it may go.
    cordon(&api, "evictions", false).await;
    api.until("the second may be evicted", async || {
        Ok(evict(&pods[1]).await.status == 201)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_quota_refuses_what_goes_beyond_it_and_the_defaults_fill_in_what_is_left_out() {
    let api = Api::new().await.unwrap();
    let namespace = restricted(&api, "quota").await;
    let objects = rendered("oke", &[]).await.unwrap();
    for kind in ["ResourceQuota", "LimitRange"] {
        api.create(find(&objects, kind, RELEASE), &namespace)
            .await
            .unwrap();
    }
    let quota = object("v1", "ResourceQuota", RELEASE);
    api.until("the quota is reckoned", async || {
        Ok(api.get(&quota, &namespace).await?["status"]["used"]["pods"] == "0")
    })
    .await
    .unwrap();
    let pod = |called: &str, resources: Value| {
        let mut pod = find(&objects, "Pod", "punctual-test").clone();
        pod["metadata"] = json!({"name": called});
        pod["spec"]["containers"][0]["resources"] = resources;
        pod
    };
    let defaults = api
        .create(&pod("modest", json!({})), &namespace)
        .await
        .unwrap();
    let given = &defaults["spec"]["containers"][0]["resources"];
    assert_eq!(given["limits"]["memory"], "256Mi");
    assert_eq!(given["requests"]["cpu"], "20m");
    let greedy = api
        .create(&pod("greedy", json!({"requests": {"cpu": "8", "memory": "1Gi"}, "limits": {"cpu": "8", "memory": "1Gi"}})), &namespace)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        greedy.contains("maximum cpu usage per Container is 4"),
        "{greedy}"
    );
    let share =
        json!({"requests": {"cpu": "4", "memory": "1Gi"}, "limits": {"cpu": "4", "memory": "1Gi"}});
    for number in 0..3 {
        api.create(&pod(&format!("share-{number}"), share.clone()), &namespace)
            .await
            .unwrap();
    }
    // The controller that reckons anew writes what it has seen, which may be less than admission has counted.
    api.until("the quota has counted them", async || {
        Ok(api.get(&quota, &namespace).await?["status"]["used"]["pods"] == "4")
    })
    .await
    .unwrap();
    let refused = api
        .create(&pod("one-too-many", share), &namespace)
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("exceeded quota: punctual"), "{refused}");
}

#[tokio::test]
async fn each_account_reads_its_own_secrets_and_nothing_else() {
    let api = Api::new().await.unwrap();
    let namespace = restricted(&api, "accounts").await;
    let objects = rendered("oke", &[]).await.unwrap();
    for kind in ["ServiceAccount", "Role", "RoleBinding"] {
        for one in of_kind(&objects, kind) {
            let mut one = one.clone();
            if kind == "RoleBinding" {
                one["subjects"][0]["namespace"] = json!(namespace);
            }
            api.create(&one, &namespace).await.unwrap();
        }
    }
    let secrets = [
        "punctual",
        "punctual-functions",
        "punctual-state",
        "punctual-migrate",
        "punctual-dapr-api-token",
        "punctual-kafka-worker",
        "punctual-kafka-functions",
        "punctual-cluster-ca-cert",
    ];
    for secret in secrets {
        let mut made = object("v1", "Secret", secret);
        made["stringData"] = json!({"key": "value"});
        api.create(&made, &namespace).await.unwrap();
    }
    for (account, own) in [
        ("punctual-worker", vec!["punctual"]),
        ("punctual-api", vec!["punctual-state"]),
        (
            "punctual-events",
            vec!["punctual-kafka-functions", "punctual-cluster-ca-cert"],
        ),
        ("punctual-live", vec![]),
        ("punctual-web", vec![]),
    ] {
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}});
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let answer = api.send(Method::POST, &path, &request).await.unwrap();
        let token = text(&answer.body["status"]["token"]);
        assert!(!token.is_empty(), "{account}: {}", answer.message());
        let cluster = cluster().await.unwrap();
        let client = cluster.client_of(token).unwrap();
        let get = async |path: &str| {
            let url = format!("{}{path}", cluster.url());
            client.get(url).send().await.unwrap().status().as_u16()
        };
        for secret in secrets {
            let expected = if own.contains(&secret) { 200 } else { 403 };
            let path = format!("/api/v1/namespaces/{namespace}/secrets/{secret}");
            assert_eq!(get(&path).await, expected, "{account}, {secret}");
        }
        for path in [
            format!("/api/v1/namespaces/{namespace}/secrets"),
            format!("/api/v1/namespaces/{namespace}/pods"),
            format!("/api/v1/namespaces/{namespace}/configmaps"),
            "/api/v1/namespaces/kube-system/secrets".to_owned(),
            "/api/v1/nodes".to_owned(),
        ] {
            assert_eq!(get(&path).await, 403, "{account}, {path}");
        }
    }
}

#[tokio::test]
async fn the_functions_pods_are_given_what_spinapp_cannot_say_and_a_restricted_namespace_takes_them()
 {
    let api = Api::new().await.unwrap();
    let namespace = restricted(&api, "functions").await;
    let objects = rendered("oke", &["--namespace", &namespace]).await.unwrap();
    let executor = find(&objects, "SpinAppExecutor", RELEASE);
    for account in of_kind(&objects, "ServiceAccount") {
        api.create(account, &namespace).await.unwrap();
    }
    // As a pod, SpinKube's Deployment is refused here.
    let app = find(&objects, "SpinApp", "punctual-api");
    let bare = |app: &Value| {
        let deployment = deployment_of(app, executor);
        let template = &deployment["spec"]["template"];
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare", "labels": template["metadata"]["labels"]}, "spec": template["spec"]})
    };
    let refused = api
        .create(&bare(app), &namespace)
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("violates PodSecurity"), "{refused}");

    for kind in ["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"] {
        for policy in of_kind(&objects, kind) {
            api.create(policy, "").await.unwrap();
        }
    }
    api.until("the policy is in force", async || {
        Ok(api
            .apply(&bare(app), &namespace, true)
            .await?
            .status
            .is_success())
    })
    .await
    .unwrap();
    for app in of_kind(&objects, "SpinApp") {
        // Its template alone would not be allowed, and the server says so: hence not `create`.
        let deployment = deployment_of(app, executor);
        let path =
            format!("/apis/apps/v1/namespaces/{namespace}/deployments?fieldValidation=Strict");
        let answer = api.send(Method::POST, &path, &deployment).await.unwrap();
        assert!(
            answer.status.is_success(),
            "{}: {}",
            name(app),
            answer.message()
        );
        let pods = format!(
            "/api/v1/namespaces/{namespace}/pods?labelSelector=core.spinkube.dev/app-name%3D{}",
            name(app)
        );
        api.until("its pod is ready", async || {
            Ok(api.list(&pods).await?.iter().any(is_ready))
        })
        .await
        .unwrap();
        let pod = &api.list(&pods).await.unwrap()[0];
        let spec = &pod["spec"];
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
        assert_eq!(spec["securityContext"]["sysctls"][0]["value"], "0");
        assert_eq!(
            spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"],
            true
        );
        // Longer than the init's drain.
        assert_eq!(spec["terminationGracePeriodSeconds"], 30);
        let drain = list(&spec["containers"][0]["env"])
            .iter()
            .find(|one| one["name"] == "DRAIN_SECONDS");
        assert_eq!(text(&drain.unwrap()["value"]), "15");
        let spread = &spec["topologySpreadConstraints"][0];
        assert_eq!(
            spread["labelSelector"]["matchLabels"]["core.spinkube.dev/app-name"],
            name(app)
        );
        // The Secrets and the annotations came through.
        assert_eq!(
            pod["metadata"]["annotations"]["checksum/settings"],
            app["spec"]["podAnnotations"]["checksum/settings"]
        );
    }
    // Another namespace's pods are left alone.
    let other = api
        .namespace("functions-elsewhere", json!({}))
        .await
        .unwrap();
    let mut pod = bare(app);
    pod["spec"]["serviceAccountName"] = json!("default");
    let untouched = api.apply(&pod, &other, true).await.unwrap();
    assert!(untouched.status.is_success(), "{}", untouched.message());
    assert!(untouched.body["spec"]["securityContext"]["runAsNonRoot"].is_null());
}

#[tokio::test]
async fn pods_come_back_from_daprs_injector_with_the_sidecar_that_their_annotations_ask_for() {
    let api = Api::new().await.unwrap();
    let namespace = restricted(&api, "sidecars").await;
    let objects = rendered("oke", &["--namespace", &namespace]).await.unwrap();
    let executor = find(&objects, "SpinAppExecutor", RELEASE);
    for kind in ["ServiceAccount", "ConfigMap"] {
        for one in of_kind(&objects, kind) {
            api.create(one, &namespace).await.unwrap();
        }
    }
    for kind in ["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"] {
        for policy in of_kind(&objects, kind) {
            api.create(policy, "").await.unwrap();
        }
    }
    let mut makers = vec![find(&objects, "Deployment", "punctual-worker").clone()];
    makers.extend(
        of_kind(&objects, "SpinApp")
            .into_iter()
            .map(|app| deployment_of(app, executor)),
    );
    for deployment in &makers {
        let template = &deployment["spec"]["template"];
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name(deployment), "namespace": namespace,
                "labels": template["metadata"]["labels"], "annotations": template["metadata"]["annotations"],
            },
            "spec": template["spec"],
        });
        // What admission makes of it comes first, as in a cluster.
        let mut admitted = None;
        api.until("the policy is in force", async || {
            let answer = api.apply(&pod, &namespace, true).await?;
            admitted = answer.status.is_success().then_some(answer.body);
            Ok(admitted.is_some())
        })
        .await
        .unwrap();
        let mut admitted = admitted.unwrap();
        // As it came in: what the server adds by itself, it adds again.
        admitted["metadata"] = pod["metadata"].clone();
        admitted.as_object_mut().unwrap().remove("status");
        let injected = with_sidecar(&admitted).await.unwrap();
        let wants = text(&pod["metadata"]["annotations"]["dapr.io/enabled"]) == "true";
        assert_eq!(
            wants,
            !["punctual-live", "punctual-web"].contains(&name(deployment))
        );
        if !wants {
            assert_eq!(injected, admitted, "{}", name(deployment));
            continue;
        }
        // A native sidecar: it is there before the app and ends after it.
        let sidecars = list(&injected["spec"]["initContainers"]);
        assert_eq!(sidecars.len(), 1, "{injected}");
        let sidecar = &sidecars[0];
        assert_eq!(
            (text(&sidecar["name"]), text(&sidecar["restartPolicy"])),
            ("daprd", "Always")
        );
        let args = texts(&sidecar["args"]);
        let value = |flag: &str| {
            let at = args.iter().position(|arg| *arg == flag);
            at.and_then(|at| args.get(at + 1))
                .copied()
                .unwrap_or_default()
        };
        let events = name(deployment) != "punctual-worker";
        assert_eq!(value("--app-id"), name(deployment));
        assert_eq!(value("--app-port"), if events { "80" } else { "3001" });
        assert_eq!(
            value("--config"),
            if events {
                "punctual-functions"
            } else {
                "punctual-worker"
            }
        );
        // A sidecar that gives its functions up may never deliver again.
        assert_eq!(
            args.contains(&"--enable-app-health-check"),
            !events,
            "{args:?}"
        );
        assert_eq!(value("--disable-init-endpoints"), "subscribe,config");
        assert!(
            args.contains(&"--disable-builtin-k8s-secret-store"),
            "{args:?}"
        );
        let variable = |called: &str| {
            list(&sidecar["env"])
                .iter()
                .find(|one| one["name"] == called)
        };
        assert_eq!(
            text(&variable("KAFKA_BOOTSTRAP_SERVERS").unwrap()["value"]),
            "punctual-kafka-bootstrap:9093"
        );
        for (token, secret) in [
            ("DAPR_API_TOKEN", "punctual-dapr-api-token"),
            ("APP_API_TOKEN", "punctual-dapr-app-token"),
        ] {
            let from = &variable(token).unwrap()["valueFrom"]["secretKeyRef"];
            assert_eq!((text(&from["name"]), text(&from["key"])), (secret, "token"));
        }
        assert_eq!(sidecar["resources"]["limits"]["memory"], "256Mi");
        // The API server takes it, in a namespace that enforces `restricted`.
        let answer = api.apply(&injected, &namespace, true).await.unwrap();
        assert!(
            answer.status.is_success() && answer.warnings.is_empty(),
            "{}: {} {:?}",
            name(deployment),
            answer.message(),
            answer.warnings
        );
    }
}

/// When Helm ends, its own watches break off, and client-go's reflector calls that a warning now and then. The API server's
/// come by another way.
fn warned(said: &str) -> bool {
    said.lines()
        .filter(|line| !line.contains("watch ended with error"))
        .any(|line| line.to_lowercase().contains("warning"))
}

#[tokio::test]
async fn a_running_release_takes_both_value_sets_again_and_again() {
    let api = Api::new().await.unwrap();
    let namespace = restricted(&api, "again").await;
    for (verb, set) in [
        ("install", "oke"),
        ("upgrade", "oke"),
        ("upgrade", "minikube"),
    ] {
        let (done, said) = helm(&namespace, &[verb, RELEASE], Some(set)).await;
        assert!(done && !warned(&said), "{verb} {set}: {said}");
    }
    assert_eq!(apps(&api, &namespace).await, 4);
}

async fn apps(api: &Api, namespace: &str) -> usize {
    let path = format!("/apis/core.spinkube.dev/v1alpha1/namespaces/{namespace}/spinapps");
    api.list(&path).await.unwrap().len()
}

#[tokio::test]
async fn a_release_of_the_previous_chart_takes_this_one() {
    let api = Api::new().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let previous = chart::previous(folder.path()).unwrap();
    let present = chart::present();
    assert_ne!(
        chart::version(&previous).unwrap(),
        chart::version(&present).unwrap(),
        "Chart.yaml's version goes up with each change"
    );
    for set in SETS {
        let namespace = restricted(&api, &format!("previous-{set}")).await;
        for (verb, chart) in [("install", &previous), ("upgrade", &present)] {
            let (done, said) =
                helm_with(&namespace, &[verb, RELEASE], Some((chart.clone(), set))).await;
            assert!(done && !warned(&said), "{verb} {set}: {said}");
        }
        assert_eq!(apps(&api, &namespace).await, 4);
        // Whatever the previous chart called a part of the release and this one does not is taken away.
        let executor = object("core.spinkube.dev/v1alpha1", "SpinAppExecutor", RELEASE);
        api.get(&executor, &namespace).await.unwrap();
    }
}
