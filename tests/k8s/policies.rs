//! What must hold of every rendered object, of both value sets.

use std::collections::{BTreeMap, BTreeSet};

use k8s::chart::{RELEASE, SETS, rendered, try_rendered};
use k8s::objects::{
    containers, each_text, find, kind, list, name, of_kind, pod, text, texts, title,
};
use k8s::{repository, yaml};
use serde_json::Value;

async fn sets() -> Vec<(&'static str, Vec<Value>)> {
    let mut all = Vec::new();
    for set in SETS {
        all.push((set, rendered(set, &[]).await.unwrap()));
    }
    all
}

fn spin_toml() -> toml::Table {
    let text = std::fs::read_to_string(repository("spin.toml")).unwrap();
    text.parse().unwrap()
}

/// The names in `{{ … }}` of what a component is given and may reach.
fn variables_of(component: &toml::Value) -> BTreeSet<String> {
    let mut texts = Vec::new();
    if let Some(variables) = component.get("variables").and_then(toml::Value::as_table) {
        texts.extend(variables.values().filter_map(toml::Value::as_str));
    }
    if let Some(hosts) = component
        .get("allowed_outbound_hosts")
        .and_then(toml::Value::as_array)
    {
        texts.extend(hosts.iter().filter_map(toml::Value::as_str));
    }
    let names = texts.iter().flat_map(|text| text.split("{{").skip(1));
    names
        .filter_map(|part| Some(part.split_once("}}")?.0.trim().to_owned()))
        .collect()
}

/// A pod of nobody, on a file system that is read-only, whose containers add at most these capabilities.
pub fn runs_as_nobody(here: &str, spec: &Value, added: &[&str]) {
    assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{here}");
    assert_eq!(
        spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
        "{here}"
    );
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(spec[field].is_null(), "{here}: {field}");
    }
    for volume in list(&spec["volumes"]) {
        assert!(volume["hostPath"].is_null(), "{here}: hostPath");
    }
    for container in containers(spec) {
        let security = &container["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false, "{here}");
        assert_eq!(security["readOnlyRootFilesystem"], true, "{here}");
        assert_eq!(texts(&security["capabilities"]["drop"]), ["ALL"], "{here}");
        assert_ne!(security["privileged"], true, "{here}");
        for capability in texts(&security["capabilities"]["add"]) {
            assert!(added.contains(&capability), "{here}: {capability}");
        }
    }
}

pub fn has_requests_and_limits(resources: &Value) -> bool {
    ["requests", "limits"].iter().all(|side| {
        ["cpu", "memory"]
            .iter()
            .all(|what| !resources[side][what].is_null())
    })
}

/// By a digest, or by a tag that says which.
pub fn is_pinned(image: &str) -> bool {
    let tag = image.rsplit_once(':').map(|(_, tag)| tag);
    tag.is_some_and(|tag| !tag.is_empty() && !tag.contains('/') && tag != "latest")
}

#[tokio::test]
async fn nothing_of_ours_may_run_as_root() {
    for (set, objects) in sets().await {
        let mut pods = 0;
        for object in &objects {
            let Some((_, spec)) = pod(object) else {
                continue;
            };
            pods += 1;
            runs_as_nobody(&format!("{set}: {}", title(object)), spec, &[]);
        }
        assert_eq!(pods, 3, "{set}: the worker, the migration, the test");
        let kafka = find(&objects, "Kafka", "punctual");
        for template in [
            &kafka["spec"]["kafka"]["template"],
            &kafka["spec"]["entityOperator"]["template"],
        ] {
            assert_eq!(
                template["pod"]["securityContext"]["runAsNonRoot"], true,
                "{set}: Kafka"
            );
        }
        // What the functions' pods are given is shown on real pods: see `controllers`.
        assert_eq!(
            of_kind(&objects, "MutatingAdmissionPolicy").len(),
            1,
            "{set}"
        );
    }
}

#[tokio::test]
async fn everything_that_runs_has_requests_and_limits() {
    for (set, objects) in sets().await {
        for object in &objects {
            let here = format!("{set}: {}", title(object));
            if let Some((_, spec)) = pod(object) {
                for container in list(&spec["containers"]) {
                    assert!(
                        has_requests_and_limits(&container["resources"]),
                        "{here}: {}",
                        container["name"]
                    );
                }
            }
            if ["SpinApp", "KafkaNodePool"].contains(&kind(object)) {
                assert!(
                    has_requests_and_limits(&object["spec"]["resources"]),
                    "{here}"
                );
            }
            if kind(object) == "Kafka" {
                for operator in ["topicOperator", "userOperator"] {
                    assert!(
                        has_requests_and_limits(
                            &object["spec"]["entityOperator"][operator]["resources"]
                        ),
                        "{here}: {operator}"
                    );
                }
            }
            if let Some(annotations) = annotations_of_pod(object)
                && annotations["dapr.io/enabled"] == "true"
            {
                for what in ["cpu-request", "cpu-limit", "memory-request", "memory-limit"] {
                    assert!(
                        annotations[format!("dapr.io/sidecar-{what}")].is_string(),
                        "{here}: the sidecar's {what}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn the_prometheus_operator_is_told_of_every_pod_and_every_rule() {
    for (set, objects) in sets().await {
        let selects = |monitor: &str, labels: &Value| {
            let monitor = find(&objects, "PodMonitor", monitor);
            let wanted = monitor["spec"]["selector"]["matchLabels"].as_object();
            wanted
                .unwrap()
                .iter()
                .all(|(key, value)| labels[key] == *value)
        };
        let (worker, spec) = pod(find(&objects, "Deployment", "punctual-worker")).unwrap();
        assert!(selects("punctual-worker", &worker["labels"]), "{set}");
        let port = &find(&objects, "PodMonitor", "punctual-worker")["spec"]["podMetricsEndpoints"]
            [0]["port"];
        assert!(
            texts_of(list(&spec["containers"][0]["ports"]), "name").contains(&text(port)),
            "{set}"
        );
        assert!(selects("punctual-dapr", &worker["labels"]), "{set}");
        for app in of_kind(&objects, "SpinApp") {
            assert!(
                selects("punctual-dapr", &app["spec"]["podLabels"]),
                "{set}: {}",
                name(app)
            );
        }
        let mut rules = 0;
        for file in ["alerts", "recording"] {
            let rule = find(&objects, "PrometheusRule", &format!("punctual-{file}"));
            let path = repository(&format!("k8s/monitoring/prometheus/rules/{file}.yaml"));
            let said = yaml::documents(&std::fs::read_to_string(path).unwrap()).unwrap();
            assert_eq!(rule["spec"], said[0], "{set}: {file}");
            rules += list(&rule["spec"]["groups"]).len();
        }
        let files = std::fs::read_dir(repository("k8s/monitoring/prometheus/rules")).unwrap();
        assert_eq!(
            files.count(),
            of_kind(&objects, "PrometheusRule").len(),
            "{set}"
        );
        assert!(rules > 2, "{set}: {rules} groups");
        let dashboards = find(&objects, "ConfigMap", "punctual-dashboards");
        let dashboard: Value =
            serde_json::from_str(text(&dashboards["data"]["todo-app.json"])).unwrap();
        assert!(!list(&dashboard["panels"]).is_empty(), "{set}");
    }
}

fn annotations_of_pod(object: &Value) -> Option<&Value> {
    match kind(object) {
        "SpinApp" => Some(&object["spec"]["podAnnotations"]),
        _ => pod(object).map(|(metadata, _)| &metadata["annotations"]),
    }
}

#[tokio::test]
async fn no_secret_is_in_what_the_chart_renders() {
    for (set, objects) in sets().await {
        for object in &objects {
            let here = format!("{set}: {}", title(object));
            if kind(object) == "ConfigMap" {
                for (key, _) in object["data"].as_object().unwrap() {
                    let key = key.to_lowercase();
                    let secret = ["password", "database_url", "smtp_url"]
                        .iter()
                        .any(|word| key.contains(word));
                    let secret = secret
                        || ["_token", "_secret", "_key"]
                            .iter()
                            .any(|end| key.ends_with(end));
                    assert!(!secret, "{here}: {key}");
                }
            }
            each_text(object, "", &mut |path, text| {
                let credentials = text.split("://").skip(1).any(|rest| {
                    let authority = rest.split(['/', ' ', '"']).next().unwrap_or_default();
                    authority
                        .split_once('@')
                        .is_some_and(|(user, _)| user.contains(':'))
                });
                assert!(!credentials, "{here}{path}: a URL with a password");
                assert!(!text.contains("PRIVATE KEY"), "{here}{path}");
            });
        }
        // The Secrets that the chart makes hold what SpinKube and KEDA take from Secrets only, and nothing secret.
        let made: Vec<_> = of_kind(&objects, "Secret").into_iter().map(name).collect();
        assert_eq!(
            made,
            ["punctual-runtime-config", "punctual-keda"].map(|name| name),
            "{set}"
        );
    }
}

#[tokio::test]
async fn whatever_is_secret_comes_from_a_secret_that_somebody_makes() {
    let setup = std::fs::read_to_string(repository("scripts/setup-local.sh")).unwrap();
    for (set, objects) in sets().await {
        let mut made: BTreeSet<String> = BTreeSet::new();
        for object in &objects {
            made.insert(match kind(object) {
                // Strimzi makes a Secret of a user's name.
                "Secret" | "KafkaUser" => name(object).to_owned(),
                "ExternalSecret" => text(&object["spec"]["target"]["name"]).to_owned(),
                "Kafka" => format!("{}-cluster-ca-cert", name(object)),
                _ => continue,
            });
        }
        for object in &objects {
            for (secret, key) in secrets_of(object) {
                // For minikube a script makes them, one after the other.
                let by_script = setup.split_once(&format!("\nsecret {secret} <<"));
                let by_script = by_script.is_some_and(|(_, rest)| {
                    rest.split("\nsecret ")
                        .next()
                        .unwrap()
                        .contains(&format!("{key}="))
                });
                assert!(
                    made.contains(&secret) || (set == "minikube" && by_script),
                    "{set}: {} wants {key} of {secret}, which nobody makes",
                    title(object)
                );
            }
        }
    }
}

/// The Secrets that an object names, and the keys.
fn secrets_of(object: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(object, &mut found);
    if let Some(annotations) = annotations_of_pod(object) {
        for token in ["dapr.io/api-token-secret", "dapr.io/app-token-secret"] {
            if let Some(secret) = annotations[token].as_str() {
                found.push((secret.to_owned(), "token".to_owned()));
            }
        }
    }
    return found;

    fn collect(value: &Value, found: &mut Vec<(String, String)>) {
        if let Some(all) = value.as_array() {
            all.iter().for_each(|one| collect(one, found));
        }
        for (field, inner) in value.as_object().into_iter().flatten() {
            match field.as_str() {
                "secretKeyRef" => found.push((
                    text(&inner["name"]).to_owned(),
                    text(&inner["key"]).to_owned(),
                )),
                "secretTargetRef" => {
                    for one in list(inner) {
                        found.push((text(&one["name"]).to_owned(), text(&one["key"]).to_owned()));
                    }
                }
                "loadFromSecret" => {
                    found.push((text(inner).to_owned(), "runtime-config.toml".to_owned()))
                }
                "secretName" => found.push((text(inner).to_owned(), String::new())),
                _ => collect(inner, found),
            }
        }
    }
}

#[tokio::test]
async fn every_image_is_pinned() {
    for (set, objects) in sets().await {
        let mut images = BTreeSet::new();
        for object in &objects {
            if let Some((_, spec)) = pod(object) {
                images.extend(
                    list(&spec["containers"])
                        .iter()
                        .map(|one| text(&one["image"])),
                );
            }
            if let Some(image) = object["spec"]["deploymentConfig"]["spinImage"].as_str() {
                images.insert(image);
            }
        }
        assert!(images.len() >= 3, "{set}: {images:?}");
        for image in images {
            assert!(is_pinned(image), "{set}: {image}");
        }
    }
    let digest = format!("sha256:{}", "a".repeat(64));
    for value in [
        format!("images.worker.digest={digest}"),
        format!("images.worker.tag=@{digest}"),
    ] {
        let objects = rendered("oke", &["--set-string", &value]).await.unwrap();
        let worker = find(&objects, "Deployment", "punctual-worker");
        let image = text(&worker["spec"]["template"]["spec"]["containers"][0]["image"]);
        assert!(
            image.ends_with(&format!("punctual-worker@{digest}")),
            "{value}: {image}"
        );
    }
}

/// SpinKube's webhook refuses an app whose executor isn't there, and Helm applies what is no hook by kind: the apps first.
#[tokio::test]
async fn the_executor_is_there_before_its_apps_and_after_the_migration() {
    for (set, objects) in sets().await {
        let weight = |kind: &str, called: &str, events: &str| {
            let annotations = &find(&objects, kind, called)["metadata"]["annotations"];
            assert_eq!(text(&annotations["helm.sh/hook"]), events, "{set}");
            text(&annotations["helm.sh/hook-weight"])
                .parse::<i32>()
                .unwrap()
        };
        let migration = weight("Job", "punctual-migrate", "pre-install,pre-upgrade");
        let events = "pre-install,pre-upgrade,pre-rollback";
        let executor = weight("SpinAppExecutor", RELEASE, events);
        assert!(migration < executor, "{set}");
    }
}

/// SpinKube's operator does not look at an executor that changes: what changes there has to change the apps, too.
#[tokio::test]
async fn whatever_changes_in_the_executor_rolls_the_functions_out_and_nothing_else_does() {
    let checksums = async |value: &str| {
        let objects = rendered("minikube", &["--set", value]).await.unwrap();
        let executor = find(&objects, "SpinAppExecutor", RELEASE)["spec"].to_string();
        let apps = of_kind(&objects, "SpinApp");
        let checksums = apps
            .iter()
            .map(|app| app["spec"]["podAnnotations"]["checksum/settings"].to_string());
        (executor, checksums.collect::<BTreeSet<_>>())
    };
    let (executor, before) = checksums("worker.log=info").await;
    assert_eq!(before.len(), 1);
    assert_eq!(
        (executor.clone(), before.clone()),
        checksums("worker.log=warn").await
    );
    for value in [
        "images.executor.tag=other",
        "monitoring.otlpEndpoint=http://collector:4318",
        "executor.mode=runtimeClass",
    ] {
        let (other, after) = checksums(value).await;
        assert_ne!(other, executor, "{value}");
        assert!(after.is_disjoint(&before), "{value}");
    }
}

#[tokio::test]
async fn each_component_is_in_exactly_one_group_with_the_variables_that_it_uses() {
    let application = spin_toml();
    let components = application["component"].as_table().unwrap();
    for (set, objects) in sets().await {
        let mut grouped = Vec::new();
        for app in of_kind(&objects, "SpinApp") {
            let mut wanted = BTreeSet::new();
            for component in texts(&app["spec"]["components"]) {
                grouped.push(component.to_owned());
                wanted.extend(variables_of(&components[component]));
            }
            let given: BTreeSet<_> = list(&app["spec"]["variables"])
                .iter()
                .map(|one| text(&one["name"]).to_owned())
                .collect();
            assert_eq!(given, wanted, "{set}: {}", name(app));
            for variable in list(&app["spec"]["variables"]) {
                let secret = application["variables"][text(&variable["name"])].get("secret");
                let secret = secret.and_then(toml::Value::as_bool).unwrap_or_default();
                assert_eq!(
                    !variable["valueFrom"]["secretKeyRef"].is_null(),
                    secret,
                    "{set}: {variable}"
                );
            }
        }
        grouped.sort();
        let mut known: Vec<_> = components.keys().cloned().collect();
        known.sort();
        assert_eq!(grouped, known, "{set}");
    }
    let complaint = try_rendered("oke", &["--set", "groups.web.components={web,live}"])
        .await
        .unwrap();
    let complaint = complaint.expect_err("a component in two groups");
    assert!(complaint.contains("exactly one"), "{complaint}");
}

/// The rule that takes a path: an exact match, else the longest prefix.
fn rule_for<'a>(route: &'a Value, path: &str) -> Option<&'a Value> {
    let mut best: Option<(usize, &Value)> = None;
    for rule in list(&route["spec"]["rules"]) {
        for one in list(&rule["matches"]) {
            let value = text(&one["path"]["value"]);
            let length = match text(&one["path"]["type"]) {
                "Exact" if path == value => usize::MAX,
                "PathPrefix"
                    if value == "/" || path == value || path.starts_with(&format!("{value}/")) =>
                {
                    value.len()
                }
                _ => continue,
            };
            if best.is_none_or(|(longest, _)| length > longest) {
                best = Some((length, rule));
            }
        }
    }
    best.map(|(_, rule)| rule)
}

#[tokio::test]
async fn every_route_leads_to_the_group_of_its_component_and_events_nowhere() {
    let application = spin_toml();
    let triggers = application["trigger"]["http"].as_array().unwrap();
    for (set, objects) in sets().await {
        let route = find(&objects, "HTTPRoute", "punctual");
        let mut group = BTreeMap::new();
        for app in of_kind(&objects, "SpinApp") {
            for component in texts(&app["spec"]["components"]) {
                group.insert(component.to_owned(), name(app).to_owned());
            }
        }
        for trigger in triggers {
            let path = trigger["route"].as_str().unwrap();
            let component = trigger["component"].as_str().unwrap();
            let tries = match path.strip_suffix("/...") {
                Some(prefix) => vec![
                    format!("{prefix}/"),
                    format!("{prefix}/x"),
                    format!("{prefix}/x/y"),
                ],
                None => vec![path.to_owned()],
            };
            for path in tries {
                let backends = list(&rule_for(route, &path).unwrap()["backendRefs"]);
                if path.starts_with("/events") {
                    assert!(backends.is_empty(), "{set}: {path} is routed");
                } else {
                    assert_eq!(
                        texts_of(backends, "name"),
                        [&group[component]],
                        "{set}: {path}"
                    );
                }
            }
        }
        assert_eq!(
            texts_of(
                list(&rule_for(route, "/mcp").unwrap()["backendRefs"]),
                "name"
            ),
            ["punctual-api"]
        );
        for route in of_kind(&objects, "HTTPRoute") {
            for rule in list(&route["spec"]["rules"]) {
                assert!(
                    !texts_of(list(&rule["backendRefs"]), "name").contains(&"punctual-events"),
                    "{set}"
                );
            }
        }
    }
}

fn texts_of<'a>(all: &'a [Value], field: &str) -> Vec<&'a str> {
    all.iter().map(|one| text(&one[field])).collect()
}

#[tokio::test]
async fn the_functions_pools_together_stay_within_their_connections() {
    let application = spin_toml();
    for (set, objects) in sets().await {
        let config = text(
            &find(&objects, "Secret", "punctual-runtime-config")["stringData"]["runtime-config.toml"],
        );
        let config: toml::Table = config.parse().unwrap();
        let size = config["outbound_pg"]["max_connections"]
            .as_integer()
            .unwrap();
        let mut pools = 0;
        for app in of_kind(&objects, "SpinApp") {
            let uses = texts(&app["spec"]["components"])
                .into_iter()
                .filter(|component| {
                    variables_of(&application["component"][*component]).contains("database_url")
                });
            pools += i64::try_from(uses.count()).unwrap() * most_replicas(&objects, name(app));
        }
        let budget = if set == "oke" { 2000 } else { 60 };
        assert!(
            size >= 1 && pools * size <= budget,
            "{set}: {pools} pools of {size}"
        );
        assert!(
            size == 64 || pools * (size + 1) > budget,
            "{set}: {pools} pools could have more than {size}"
        );
    }
    let complaint = try_rendered("oke", &["--set", "database.functionConnections=10"])
        .await
        .unwrap();
    assert!(
        complaint
            .expect_err("too few")
            .contains("less than one for each")
    );
}

/// What the autoscaler of an app may go to.
fn most_replicas(objects: &[Value], app: &str) -> i64 {
    for object in objects {
        let target = text(&object["spec"]["scaleTargetRef"]["name"]);
        let most = match kind(object) {
            "HorizontalPodAutoscaler" => &object["spec"]["maxReplicas"],
            "ScaledObject" => &object["spec"]["maxReplicaCount"],
            _ => continue,
        };
        if target == app {
            return most.as_i64().unwrap();
        }
    }
    panic!("nobody scales {app}");
}

#[tokio::test]
async fn what_is_scaled_leaves_its_replicas_to_the_one_autoscaler_that_it_has() {
    for (set, objects) in sets().await {
        let mut targets = Vec::new();
        for object in &objects {
            if ["HorizontalPodAutoscaler", "ScaledObject"].contains(&kind(object)) {
                targets.push(text(&object["spec"]["scaleTargetRef"]["name"]));
            }
            if kind(object) == "HorizontalPodAutoscaler" {
                for metric in list(&object["spec"]["metrics"]) {
                    // The operator calls the container as the app; a sidecar's load doesn't count.
                    assert_eq!(
                        metric["containerResource"]["container"],
                        object["spec"]["scaleTargetRef"]["name"],
                        "{set}"
                    );
                }
            }
        }
        targets.sort_unstable();
        assert_eq!(
            targets,
            [
                "punctual-api",
                "punctual-events",
                "punctual-live",
                "punctual-web",
                "punctual-worker"
            ],
            "{set}"
        );
        for app in of_kind(&objects, "SpinApp") {
            assert_eq!(app["spec"]["enableAutoscaling"], true, "{set}");
            assert!(app["spec"]["replicas"].is_null(), "{set}");
        }
        assert!(
            find(&objects, "Deployment", "punctual-worker")["spec"]["replicas"].is_null(),
            "{set}"
        );
        let worker = find(&objects, "ScaledObject", "punctual-worker");
        assert!(
            worker["spec"]["minReplicaCount"].as_i64() >= Some(2),
            "{set}"
        );
        for topic in ["task-events", "reminders"] {
            let partitions = find(&objects, "KafkaTopic", topic)["spec"]["partitions"].as_i64();
            assert!(
                worker["spec"]["maxReplicaCount"].as_i64() <= partitions,
                "{set}: {topic}"
            );
        }
        let budgets: Vec<_> = of_kind(&objects, "PodDisruptionBudget")
            .into_iter()
            .map(name)
            .collect();
        assert_eq!(budgets.len(), 5, "{set}: {budgets:?}");
    }
}

/// In thousandths of a core, or bytes.
fn quantity(text: &str, what: &str) -> f64 {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: f64 = digits
        .parse()
        .unwrap_or_else(|_| panic!("{text} is no quantity"));
    let factor = match (&text[digits.len()..], what) {
        ("m", _) => 1.0,
        ("", "cpu") => 1000.0,
        ("", _) => 1.0,
        ("Ki", _) => 1024.0,
        ("Mi", _) => 1024.0 * 1024.0,
        ("Gi", _) => 1024.0 * 1024.0 * 1024.0,
        (unit, _) => panic!("{unit} is no unit here"),
    };
    number * factor
}

#[tokio::test]
async fn the_quota_has_room_for_everything_at_its_most_and_for_a_roll_out_on_top() {
    for (set, objects) in sets().await {
        let hard = &find(&objects, "ResourceQuota", "punctual")["spec"]["hard"];
        for side in ["requests", "limits"] {
            for what in ["cpu", "memory"] {
                let of = |resources: &Value| quantity(text(&resources[side][what]), what);
                let mut most = 0.0;
                for object in &objects {
                    let replicas = |app: &str| most_replicas(&objects, app) as f64;
                    let own = match kind(object) {
                        // A quarter more, and one at least, while they are rolled out.
                        "SpinApp" => {
                            of(&object["spec"]["resources"])
                                * (replicas(name(object)) * 1.25).ceil()
                        }
                        "Deployment" => {
                            let container = &object["spec"]["template"]["spec"]["containers"][0];
                            of(&container["resources"]) * (replicas(name(object)) + 1.0)
                        }
                        "KafkaNodePool" => {
                            of(&object["spec"]["resources"])
                                * object["spec"]["replicas"].as_f64().unwrap()
                        }
                        "Kafka" => {
                            let operators = &object["spec"]["entityOperator"];
                            of(&operators["topicOperator"]["resources"])
                                + of(&operators["userOperator"]["resources"])
                        }
                        "Job" => {
                            of(&object["spec"]["template"]["spec"]["containers"][0]["resources"])
                        }
                        _ => continue,
                    };
                    let sidecar = annotations_of_pod(object).map_or(0.0, |annotations| {
                        let end = side.trim_end_matches('s');
                        let value = annotations[format!("dapr.io/sidecar-{what}-{end}")].as_str();
                        value.map_or(0.0, |value| quantity(value, what))
                    });
                    let pods = if sidecar > 0.0 {
                        (replicas(name(object)) * 1.25).ceil() + 1.0
                    } else {
                        0.0
                    };
                    most += own + sidecar * pods;
                }
                let allowed = quantity(text(&hard[format!("{side}.{what}")]), what);
                assert!(
                    most > 0.0 && most <= allowed,
                    "{set}: {side}.{what}: {most} of {allowed}"
                );
            }
        }
    }
}

#[tokio::test]
async fn daprs_objects_are_for_the_apps_that_use_them_alone() {
    for (set, objects) in sets().await {
        let mut apps = BTreeMap::new();
        for object in &objects {
            if let Some(annotations) = annotations_of_pod(object)
                && annotations["dapr.io/enabled"] == "true"
            {
                let account = match kind(object) {
                    "SpinApp" => &object["spec"]["serviceAccountName"],
                    _ => &object["spec"]["template"]["spec"]["serviceAccountName"],
                };
                apps.insert(
                    text(&annotations["dapr.io/app-id"]),
                    (text(account), annotations),
                );
            }
        }
        assert_eq!(
            apps.keys().copied().collect::<Vec<_>>(),
            ["punctual-api", "punctual-events", "punctual-worker"],
            "{set}"
        );
        for (app, (_, annotations)) in &apps {
            let config = text(&annotations["dapr.io/config"]);
            find(&objects, "Configuration", config);
            assert_eq!(
                annotations["dapr.io/enable-native-sidecar"], "true",
                "{set}: {app}"
            );
        }
        let scopes = |kind: &str, name: &str| texts(&find(&objects, kind, name)["scopes"]);
        assert_eq!(scopes("Component", "statestore"), ["punctual-api"], "{set}");
        assert_eq!(scopes("Component", "pubsub"), ["punctual-events"], "{set}");
        assert_eq!(
            scopes("Subscription", "task-updates"),
            ["punctual-events"],
            "{set}"
        );
        assert_eq!(
            scopes("Component", "secretstore"),
            ["punctual-api", "punctual-events", "punctual-worker"],
            "{set}"
        );
        assert_eq!(
            scopes("Resiliency", "punctual"),
            ["punctual-api", "punctual-events"],
            "{set}"
        );
        // Each account may get the Secrets of the components in its app's scope, and nothing else.
        for (app, (account, _)) in &apps {
            let mut wanted: BTreeSet<String> = BTreeSet::new();
            for component in of_kind(&objects, "Component") {
                if texts(&component["scopes"]).contains(app) {
                    wanted.extend(secrets_of(component).into_iter().map(|(secret, _)| secret));
                }
            }
            if *app == "punctual-worker" {
                wanted.insert("punctual".to_owned());
            }
            let role = find(&objects, "Role", account);
            assert_eq!(list(&role["rules"]).len(), 1, "{set}: {account}");
            let rule = &role["rules"][0];
            let allowed: BTreeSet<_> = texts(&rule["resourceNames"])
                .into_iter()
                .map(str::to_owned)
                .collect();
            assert_eq!(allowed, wanted, "{set}: {account}");
            assert_eq!(
                (texts(&rule["verbs"]), texts(&rule["resources"])),
                (vec!["get"], vec!["secrets"]),
                "{set}"
            );
        }
        assert_eq!(of_kind(&objects, "Role").len(), apps.len(), "{set}");
        assert_eq!(
            of_kind(&objects, "ClusterRole").len() + of_kind(&objects, "ClusterRoleBinding").len(),
            0,
            "{set}"
        );
    }
}

#[tokio::test]
async fn every_client_of_kafka_speaks_a_version_that_kafka_4_takes_and_has_its_rights_alone() {
    let routes = std::fs::read_to_string(repository("worker/src/consumers.rs")).unwrap();
    for (set, objects) in sets().await {
        let pubsub = find(&objects, "Component", "pubsub");
        let value = |name: &str| {
            let found = list(&pubsub["spec"]["metadata"])
                .iter()
                .filter(|one| one["name"] == name);
            let found: Vec<_> = found.map(|one| text(&one["value"]).to_owned()).collect();
            assert_eq!(found.len(), 1, "{set}: {name}");
            found[0].clone()
        };
        assert_eq!(value("version"), "2.8.0", "{set}");
        assert_eq!(
            (value("authType"), value("saslMechanism")),
            ("password".into(), "SHA-512".into()),
            "{set}"
        );
        assert_eq!(value("initialOffset"), "oldest", "{set}");
        let rights = |user: &str| -> BTreeMap<String, Vec<String>> {
            list(&find(&objects, "KafkaUser", user)["spec"]["authorization"]["acls"])
                .iter()
                .map(|acl| {
                    let resource = format!(
                        "{} {}",
                        text(&acl["resource"]["type"]),
                        text(&acl["resource"]["name"])
                    );
                    (
                        resource,
                        texts(&acl["operations"])
                            .into_iter()
                            .map(str::to_owned)
                            .collect(),
                    )
                })
                .collect()
        };
        let worker = rights("punctual-kafka-worker");
        for topic in of_kind(&objects, "KafkaTopic") {
            let operations = &worker[&format!("topic {}", name(topic))];
            assert!(
                operations.contains(&"Write".to_owned()),
                "{set}: {}",
                name(topic)
            );
        }
        let keda = rights("punctual-kafka-keda");
        assert!(
            keda.values().all(|operations| operations == &["Describe"]),
            "{set}: {keda:?}"
        );
        let triggers = list(&find(&objects, "ScaledObject", "punctual-worker")["spec"]["triggers"]);
        let mut groups = Vec::new();
        for trigger in triggers.iter().filter(|one| one["type"] == "kafka") {
            let metadata = &trigger["metadata"];
            assert_eq!(metadata["version"], "2.8.0", "{set}");
            let group = text(&metadata["consumerGroup"]);
            for resource in [
                format!("group {group}"),
                format!("topic {}", text(&metadata["topic"])),
            ] {
                assert!(
                    keda.contains_key(&resource) && worker.contains_key(&resource),
                    "{set}: {resource}"
                );
            }
            assert!(
                routes.contains(&format!("\"{group}\"")),
                "{set}: the worker has no group {group}"
            );
            groups.push(group.to_owned());
        }
        assert_eq!(groups, ["on-task-events", "timer"], "{set}");
        let functions = rights("punctual-kafka-functions");
        assert!(
            functions.contains_key(&format!("group {}", value("consumerGroup"))),
            "{set}"
        );
        let subscription = find(&objects, "Subscription", "task-updates");
        for (topic, operation) in [("topic", "Read"), ("deadLetterTopic", "Write")] {
            let topic = text(&subscription["spec"][topic]);
            find(&objects, "KafkaTopic", topic);
            assert!(
                functions[&format!("topic {topic}")].contains(&operation.to_owned()),
                "{set}: {topic}"
            );
        }
    }
}

#[tokio::test]
async fn the_worker_is_asked_by_probes_that_need_no_database_and_drains_before_it_is_killed() {
    for (set, objects) in sets().await {
        let worker = find(&objects, "Deployment", "punctual-worker");
        let spec = &worker["spec"]["template"]["spec"];
        let container = &spec["containers"][0];
        for (probe, path) in [
            ("startupProbe", "/livez"),
            ("livenessProbe", "/livez"),
            ("readinessProbe", "/readyz"),
        ] {
            assert_eq!(container[probe]["httpGet"]["path"], path, "{set}");
            assert_eq!(container[probe]["httpGet"]["port"], "metrics", "{set}");
        }
        let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            .as_i64()
            .unwrap();
        let grace = spec["terminationGracePeriodSeconds"].as_i64().unwrap();
        assert!(grace > pause + 30, "{set}: {grace} s");
        assert_eq!(
            worker["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0,
            "{set}"
        );
        let keys: Vec<_> = list(&spec["topologySpreadConstraints"])
            .iter()
            .map(|one| text(&one["topologyKey"]))
            .collect();
        assert_eq!(
            keys,
            ["topology.kubernetes.io/zone", "kubernetes.io/hostname"],
            "{set}"
        );
    }
}

#[tokio::test]
async fn every_setting_that_the_chart_gives_the_worker_is_one_that_it_has() {
    let mut sources = String::new();
    for file in ["config.rs", "cluster.rs", "main.rs"] {
        sources += &std::fs::read_to_string(repository("worker/src").join(file)).unwrap();
    }
    for (set, objects) in sets().await {
        for (key, _) in find(&objects, "ConfigMap", "punctual-worker")["data"]
            .as_object()
            .unwrap()
        {
            let known = sources.contains(&format!("env = \"{key}\"")) || key.starts_with("OTEL_");
            assert!(known, "{set}: the worker has no {key}");
        }
    }
}

#[tokio::test]
async fn values_that_nobody_meant_are_refused() {
    for (wrong, word) in [
        ("worker.replica.min=3", "replica"),
        ("images.worker.tag=latest", "tag"),
        ("images.worker.digest=sha256:1234", "digest"),
        ("app.registration=everybody", "registration"),
        ("gateway.tls.issuer=letsencrypt", "issuer"),
        ("executor.mode=shim", "mode"),
        ("app.publicUrl=", "app.publicUrl"),
        ("gateway.host=", "gateway.host"),
    ] {
        let answer = try_rendered("oke", &["--set", wrong]).await.unwrap();
        let complaint = answer
            .err()
            .unwrap_or_else(|| panic!("{wrong} is rendered"));
        assert!(complaint.contains(word), "{wrong}: {complaint}");
    }
    // Where the cluster lacks what the values want, it is said before anything is applied.
    let older = ["--kube-version", "1.35.4"];
    let complaint = try_rendered("oke", &older)
        .await
        .unwrap()
        .expect_err("an older Kubernetes");
    assert!(
        complaint.contains("functions.podPolicy needs Kubernetes 1.36"),
        "{complaint}"
    );
    let without = [&older[..], &["--set", "functions.podPolicy=false"]].concat();
    rendered("oke", &without).await.unwrap();
}
