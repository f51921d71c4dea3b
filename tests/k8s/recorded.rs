//! What a cluster has made of the chart. CI's job `kind` records it: spinapps.yaml (with their executor), deployments.yaml and
//! pods.yaml in a folder that the environment names. Elsewhere there is nothing to look at, and it says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use k8s::objects::{containers, find, kind, list, name, of_kind, text, texts, title};
use k8s::operator::deployment_of;
use k8s::{repository, skipped, yaml};
use serde_json::Value;

use crate::policies::{has_requests_and_limits, is_pinned, runs_as_nobody};

const FOLDER: &str = "PUNCTUAL_RECORDED";

fn folder(test: &str) -> Option<PathBuf> {
    // Relative to the repository, where it is.
    let folder = std::env::var(FOLDER).ok().map(|path| repository(&path));
    if folder.is_none() {
        let reason = format!("{FOLDER} names no folder with a cluster's objects");
        skipped(&format!("recorded::{test}"), &reason);
    }
    folder
}

/// The objects of a file as `kubectl get --output yaml` writes it.
fn recorded(folder: &Path, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let lists = yaml::documents(&text).unwrap();
    let objects: Vec<Value> = lists
        .iter()
        .flat_map(|one| list(&one["items"]))
        .cloned()
        .collect();
    assert!(!objects.is_empty(), "{file} has no objects");
    objects
}

/// What is said here and is not, or is otherwise, there. Lists of things with names are compared by name.
fn lacks(there: &Value, here: &Value, path: &str) -> Vec<String> {
    match here {
        Value::Object(fields) => {
            let lacks = |(field, inner)| lacks(&there[field], inner, &format!("{path}/{field}"));
            fields.iter().flat_map(lacks).collect()
        }
        Value::Array(all) if all.iter().all(|one| one["name"].is_string()) => {
            let same = |one: &Value| {
                list(there)
                    .iter()
                    .find(|other| other["name"] == one["name"])
            };
            let lacks = |one: &Value| {
                let path = format!("{path}/{}", name_of(one));
                lacks(same(one).unwrap_or(&Value::Null), one, &path)
            };
            all.iter().flat_map(lacks).collect()
        }
        _ if plain(here) == plain(there) => Vec::new(),
        _ => vec![format!("{path}: {there} and not {here}")],
    }
}

fn name_of(one: &Value) -> &str {
    text(&one["name"])
}

/// `spin kube scaffold` writes no quotes, so its texts may look like numbers and switches; the API server leaves empty ones out.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn the_operator_makes_the_deployments_that_the_chart_reckons_with() {
    let Some(folder) = folder("the_operator_makes_the_deployments_that_the_chart_reckons_with")
    else {
        return;
    };
    let objects = recorded(&folder, "spinapps.yaml");
    let deployments = recorded(&folder, "deployments.yaml");
    let executor = find(&objects, "SpinAppExecutor", "punctual");
    let apps = of_kind(&objects, "SpinApp");
    assert_eq!((apps.len(), deployments.len()), (4, 4));
    for app in apps {
        let made = find(&deployments, "Deployment", name(app));
        let lacks = lacks(made, &deployment_of(app, executor), "");
        assert!(lacks.is_empty(), "{}: {lacks:#?}", name(app));
    }
}

#[test]
fn what_runs_keeps_the_policies() {
    let Some(folder) = folder("what_runs_keeps_the_policies") else {
        return;
    };
    let pods = recorded(&folder, "pods.yaml");
    let of_functions =
        |pod: &Value| pod["metadata"]["labels"]["core.spinkube.dev/app-name"].is_string();
    assert!(pods.iter().filter(|pod| of_functions(pod)).count() >= 4);
    for pod in &pods {
        let spec = &pod["spec"];
        let added: &[&str] = if of_functions(pod) {
            &["NET_BIND_SERVICE"]
        } else {
            &[]
        };
        runs_as_nobody(&title(pod), spec, added);
        for container in containers(spec) {
            let here = format!("{}, {}", title(pod), name_of(container));
            assert!(has_requests_and_limits(&container["resources"]), "{here}");
            assert!(
                is_pinned(text(&container["image"])),
                "{here}: {}",
                container["image"]
            );
        }
        let injected = containers(spec).any(|container| container["name"] == "daprd");
        let wanted = pod["metadata"]["annotations"]["dapr.io/enabled"] == "true";
        assert_eq!(injected, wanted, "{}: its sidecar", title(pod));
    }
}

/// The fields that it sets, but the name, which it takes from the image, and the image, which is a path in ours.
#[test]
fn spin_kube_scaffold_says_of_our_apps_what_the_chart_says() {
    let test = "spin_kube_scaffold_says_of_our_apps_what_the_chart_says";
    let Some(folder) = folder(test) else {
        return;
    };
    let present = Command::new("spin")
        .args(["kube", "version", "--short"])
        .output();
    if !present.is_ok_and(|output| output.status.success()) {
        let reason = "there is no `spin` with its plugin `kube`";
        return skipped(&format!("recorded::{test}"), reason);
    }
    let objects = recorded(&folder, "spinapps.yaml");
    let executor = find(&objects, "SpinAppExecutor", "punctual");
    for app in of_kind(&objects, "SpinApp") {
        let spec = &app["spec"];
        let mut scaffold = Command::new("spin");
        scaffold
            .args(["kube", "scaffold", "--autoscaler", "hpa", "--from"])
            .arg(text(&executor["spec"]["deploymentConfig"]["spinImage"]))
            .args(["--executor", text(&spec["executor"])])
            .args(["--service-account-name", text(&spec["serviceAccountName"])]);
        for (side, option) in [("requests", "request"), ("limits", "limit")] {
            for what in ["cpu", "memory"] {
                let value = plain(&spec["resources"][side][what]);
                scaffold.args([format!("--{what}-{option}"), value]);
            }
        }
        for component in texts(&spec["components"]) {
            scaffold.args(["--component", component]);
        }
        for variable in list(&spec["variables"]) {
            // It knows no Secrets, and takes a comma for the next variable.
            if let Some(value) = variable["value"].as_str()
                && !value.is_empty()
                && !value.contains(',')
            {
                scaffold.args(["--variable", &format!("{}={value}", name_of(variable))]);
            }
        }
        let output = scaffold.output().unwrap();
        let [said, error] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{}: {error}", name(app));
        let made = yaml::documents(&said).unwrap();
        assert_eq!(kind(&made[0]), "SpinApp", "{said}");
        let mut theirs = made[0]["spec"].clone();
        theirs.as_object_mut().unwrap().remove("image");
        assert!(theirs.as_object().unwrap().len() >= 5, "{said}");
        let lacks = lacks(spec, &theirs, "");
        assert!(lacks.is_empty(), "{}: {lacks:#?}", name(app));
    }
}
