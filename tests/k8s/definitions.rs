//! The API server takes our kinds as strictly as the real definitions would.

use std::path::PathBuf;

use k8s::api::own_definitions;
use k8s::objects::{list, name};
use k8s::{skipped, yaml};
use punctual_servers::kubernetes::strimzi_definitions;
use serde_json::Value;

/// A folder with the projects' own definitions of SpinKube's kinds, which are in no registry.
const PUBLISHED: &str = "PUNCTUAL_PUBLISHED_CRDS";

#[test]
fn our_definitions_let_no_unknown_field_through() {
    for definition in own_definitions().unwrap() {
        for version in list(&definition["spec"]["versions"]) {
            let open = open_places(&version["schema"]["openAPIV3Schema"], "");
            assert!(open.is_empty(), "{}: {open:?}", name(&definition));
        }
    }
}

/// Where a schema lets everything through.
fn open_places(schema: &Value, path: &str) -> Vec<String> {
    let mut open = Vec::new();
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        open.push(path.to_owned());
    }
    let fields = schema["properties"].as_object();
    for (field, inner) in fields.into_iter().flatten() {
        open.extend(open_places(inner, &format!("{path}.{field}")));
    }
    for inner in [&schema["items"], &schema["additionalProperties"]] {
        if inner.is_object() {
            open.extend(open_places(inner, &format!("{path}[]")));
        }
    }
    open
}

#[tokio::test]
async fn our_definitions_say_what_strimzis_generator_says() {
    let Some(files) = strimzi_definitions().await.unwrap() else {
        return skipped(
            "definitions::our_definitions_say_what_strimzis_generator_says",
            "needs Java 21",
        );
    };
    same_as_published("kafka.strimzi.io", &files);
}

/// Where the environment names no folder with the published ones, there is nothing to compare with, and it says so.
#[test]
fn our_definitions_say_what_spinkubes_say() {
    let Some(folder) = std::env::var_os(PUBLISHED) else {
        let reason = format!("{PUBLISHED} names no folder with them");
        return skipped(
            "definitions::our_definitions_say_what_spinkubes_say",
            &reason,
        );
    };
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files: Vec<_> = files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    same_as_published("core.spinkube.dev", &files);
}

/// What ours of this group takes, the published ones take.
fn same_as_published(group: &str, files: &[PathBuf]) {
    let mut published = Vec::new();
    for path in files {
        published.extend(yaml::documents(&std::fs::read_to_string(path).unwrap()).unwrap());
    }
    let mut compared = 0;
    for ours in own_definitions().unwrap() {
        if ours["spec"]["group"] != group {
            continue;
        }
        let theirs = published.iter().find(|one| name(one) == name(&ours));
        let theirs = theirs.unwrap_or_else(|| panic!("{} is not among them", name(&ours)));
        assert_eq!(
            ours["spec"]["scope"],
            theirs["spec"]["scope"],
            "{}",
            name(&ours)
        );
        for version in list(&ours["spec"]["versions"]) {
            let same = list(&theirs["spec"]["versions"])
                .iter()
                .find(|one| one["name"] == version["name"]);
            let same = same.unwrap_or_else(|| panic!("{} has no {}", name(&ours), version["name"]));
            let schema = |version: &Value| version["schema"]["openAPIV3Schema"].clone();
            let differences = differences(&schema(version), &schema(same), "");
            assert!(differences.is_empty(), "{}: {differences:#?}", name(&ours));
            compared += 1;
        }
    }
    assert!(compared >= 2, "{group}: {compared}");
}

fn differences(ours: &Value, theirs: &Value, path: &str) -> Vec<String> {
    // Theirs lets everything through here.
    if theirs["x-kubernetes-preserve-unknown-fields"] == true {
        return Vec::new();
    }
    let mut found = Vec::new();
    let set = |schema: &Value, field: &str| -> Vec<String> {
        list(&schema[field]).iter().map(Value::to_string).collect()
    };
    if !ours["type"].is_null() && ours["type"] != theirs["type"] {
        found.push(format!(
            "{path}: {} and not {}",
            ours["type"], theirs["type"]
        ));
    }
    let (our_values, their_values) = (set(ours, "enum"), set(theirs, "enum"));
    if our_values.iter().any(|one| !their_values.contains(one)) && !their_values.is_empty() {
        found.push(format!(
            "{path}: allows {our_values:?}, theirs {their_values:?}"
        ));
    }
    let our_required = set(ours, "required");
    for field in set(theirs, "required") {
        if !our_required.contains(&field) {
            found.push(format!("{path}: {field} is required"));
        }
    }
    for (field, inner) in ours["properties"].as_object().into_iter().flatten() {
        if path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&field.as_str()) {
            continue;
        }
        match theirs["properties"].get(field) {
            Some(same) => found.extend(differences(inner, same, &format!("{path}.{field}"))),
            None => found.push(format!("{path}: theirs has no {field}")),
        }
    }
    for field in ["items", "additionalProperties"] {
        if ours[field].is_object() && theirs[field].is_object() {
            found.extend(differences(
                &ours[field],
                &theirs[field],
                &format!("{path}[]"),
            ));
        }
    }
    found
}
