//! Looking into manifests.

use serde_json::Value;

pub fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_default()
}

pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// `Kind name`, for messages.
pub fn title(object: &Value) -> String {
    format!("{} {}", kind(object), name(object))
}

pub fn of_kind<'a>(objects: &'a [Value], wanted: &str) -> Vec<&'a Value> {
    objects
        .iter()
        .filter(|object| kind(object) == wanted)
        .collect()
}

/// The one object of this kind and name.
pub fn find<'a>(objects: &'a [Value], wanted: &str, called: &str) -> &'a Value {
    let found = objects
        .iter()
        .find(|object| kind(object) == wanted && name(object) == called);
    found.unwrap_or_else(|| panic!("the chart has no {wanted} {called}"))
}

/// The elements, where it is a list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().map(text).collect()
}

/// The pod that an object makes, where it makes one: its metadata and its spec.
pub fn pod(object: &Value) -> Option<(&Value, &Value)> {
    match kind(object) {
        "Pod" => Some((&object["metadata"], &object["spec"])),
        "Deployment" | "Job" => {
            let template = &object["spec"]["template"];
            Some((&template["metadata"], &template["spec"]))
        }
        _ => None,
    }
}

/// A pod's containers, those that come first included.
pub fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    list(&spec["initContainers"])
        .iter()
        .chain(list(&spec["containers"]))
}

/// Calls `visit` with every string, and the path to it.
pub fn each_text(value: &Value, path: &str, visit: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => visit(path, text),
        Value::Array(all) => {
            for (index, one) in all.iter().enumerate() {
                each_text(one, &format!("{path}/{index}"), visit);
            }
        }
        Value::Object(all) => {
            for (key, one) in all {
                each_text(one, &format!("{path}/{key}"), visit);
            }
        }
        _ => {}
    }
}
