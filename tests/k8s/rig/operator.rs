//! What SpinKube's operator makes.

use serde_json::{Value, json};

use crate::objects::{list, name, text, texts};

/// The Deployment that SpinKube's operator makes of an app in image mode, after its source (internal/controller).
pub fn deployment_of(app: &Value, executor: &Value) -> Value {
    let spec = &app["spec"];
    let mut labels = spec["podLabels"].clone();
    let status = format!("core.spinkube.dev/app.{}.status", name(app));
    let selected = json!({"core.spinkube.dev/app-name": name(app), status: "ready"});
    for (label, value) in selected.as_object().into_iter().flatten() {
        labels[label] = value.clone();
    }
    let mut args = vec![
        "up",
        "--listen",
        "0.0.0.0:80",
        "-f",
        text(&spec["image"]),
        "--runtime-config-file",
        "/runtime-config.toml",
    ];
    for component in list(&spec["components"]) {
        args.extend(["--component-id", text(component)]);
    }
    let variables = list(&spec["variables"]).iter().map(|one| {
        let mut variable = one.clone();
        variable["name"] = json!(format!(
            "SPIN_VARIABLE_{}",
            text(&one["name"]).to_uppercase()
        ));
        variable
    });
    let probe = |check: &Value| {
        let mut probe = check.clone();
        probe["httpGet"]["port"] = json!(80);
        probe
    };
    let mut env: Vec<Value> = variables.collect();
    env.push(json!({"name": "SPIN_HTTP_LISTEN_ADDR", "value": "0.0.0.0:80"}));
    env.push(
        json!({"name": "SPIN_COMPONENTS_TO_RETAIN", "value": texts(&spec["components"]).join(",")}),
    );
    let mut volumes = list(&spec["volumes"]).to_vec();
    volumes.push(json!({"name": "spin-ca", "secret": {"secretName": "spin-ca"}}));
    volumes.push(
        json!({"name": "spin-runtime-config", "secret": {"secretName": "punctual-runtime-config"}}),
    );
    let mut mounts = list(&spec["volumeMounts"]).to_vec();
    let authorities = "/etc/ssl/certs/ca-certificates.crt";
    mounts.push(json!({"name": "spin-ca", "mountPath": authorities, "subPath": "ca-certificates.crt", "readOnly": true}));
    mounts.push(json!({"name": "spin-runtime-config", "mountPath": "/runtime-config.toml", "subPath": "runtime-config.toml", "readOnly": true}));
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name(app), "labels": {"core.spinkube.dev/app-name": name(app)}},
        "spec": {
            "selector": {"matchLabels": selected},
            "template": {
                "metadata": {"labels": labels, "annotations": spec["podAnnotations"]},
                "spec": {
                    "serviceAccountName": spec["serviceAccountName"],
                    "containers": [{
                        "name": name(app),
                        "image": executor["spec"]["deploymentConfig"]["spinImage"],
                        "args": args,
                        "ports": [{"name": "http-app", "containerPort": 80}],
                        "env": env,
                        "resources": spec["resources"],
                        "livenessProbe": probe(&spec["checks"]["liveness"]),
                        "readinessProbe": probe(&spec["checks"]["readiness"]),
                        "volumeMounts": mounts,
                    }],
                    "volumes": volumes,
                },
            },
        },
    })
}
