//! Dapr's real sidecars with the chart's objects, which read their secrets from the real API server as the pods' accounts.
//! Only what the control plane would tell them (the namespace, how to reach the API server) comes from here.

use k8s::api::{Api, cluster};
use k8s::chart::rendered;
use k8s::objects::{find, name, of_kind, text};
use punctual_servers::{Daprd, DaprdOptions, Postgres};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

const NAMESPACE: &str = "secrets";
const TOKEN: &str = "what the apps show";

/// What a sidecar needs: its resources, and a kubeconfig with its account's token.
struct Room {
    objects: Vec<Value>,
    folder: TempDir,
}

impl Room {
    /// A sidecar of this app, with all that is in the app's scope, as the account of `account`.
    async fn sidecar(
        &self,
        api: &Api,
        app: &str,
        account: &str,
        config: &str,
    ) -> anyhow::Result<Daprd> {
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}});
        let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token");
        let answer = api.send(Method::POST, &path, &request).await?;
        let kubeconfig = cluster()
            .await?
            .kubeconfig_of(account, text(&answer.body["status"]["token"]))?;
        let resources = self.folder.path().join(format!("{app}-{account}"));
        std::fs::create_dir(&resources)?;
        // Dapr's operator sends everything, and the sidecar leaves out what is not for its app.
        for kind in ["Component", "Resiliency"] {
            for object in of_kind(&self.objects, kind) {
                // JSON is YAML.
                std::fs::write(
                    resources.join(format!("{kind}-{}.yaml", name(object))),
                    object.to_string(),
                )?;
            }
        }
        let file = self.folder.path().join(format!("{app}-{account}.yaml"));
        std::fs::write(
            &file,
            find(&self.objects, "Configuration", config).to_string(),
        )?;
        Daprd::start(DaprdOptions {
            app_id: app.to_owned(),
            resources,
            config: Some(file),
            dapr_api_token: Some(TOKEN.to_owned()),
            env: vec![
                ("NAMESPACE".to_owned(), NAMESPACE.to_owned()),
                ("KUBECONFIG".to_owned(), kubeconfig.display().to_string()),
            ],
            ..DaprdOptions::default()
        })
        .await
    }
}

#[tokio::test]
async fn sidecars_read_their_secrets_as_their_accounts_may_and_keep_state_with_them() {
    let api = Api::new().await.unwrap();
    api.namespace(NAMESPACE, json!({})).await.unwrap();
    let room = Room {
        objects: rendered("minikube", &["--namespace", NAMESPACE])
            .await
            .unwrap(),
        folder: tempfile::tempdir().unwrap(),
    };
    for kind in ["ServiceAccount", "Role", "RoleBinding"] {
        for object in of_kind(&room.objects, kind) {
            api.create(object, NAMESPACE).await.unwrap();
        }
    }
    let postgres = Postgres::start().await.unwrap();
    postgres.create_database("dapr_state").await.unwrap();
    for (secret, values) in [
        (
            "punctual",
            json!({"events_secret": "old new", "vapid_key": "a key"}),
        ),
        (
            "punctual-state",
            json!({"state_database_url": postgres.url("dapr_state")}),
        ),
    ] {
        let object = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "stringData": values,
        });
        api.create(&object, NAMESPACE).await.unwrap();
    }
    let client = Client::builder().no_proxy().build().unwrap();
    let ask = |daprd: &Daprd, method: Method, path: &str| -> RequestBuilder {
        let url = format!("http://127.0.0.1:{}/v1.0/{path}", daprd.http_port());
        client.request(method, url).header("dapr-api-token", TOKEN)
    };

    let functions = room
        .sidecar(&api, "punctual-api", "punctual-api", "punctual-functions")
        .await
        .unwrap();
    let saved = ask(&functions, Method::POST, "state/statestore")
        .json(&json!([{"key": "tries", "value": 3}]));
    assert_eq!(saved.send().await.unwrap().status(), 204);
    let read = ask(&functions, Method::GET, "state/statestore/tries")
        .send()
        .await
        .unwrap();
    assert_eq!(read.text().await.unwrap(), "3");
    // The sidecar reads the secret for its component; the app itself gets none.
    let secret = ask(
        &functions,
        Method::GET,
        "secrets/secretstore/punctual-state",
    )
    .send()
    .await
    .unwrap();
    assert!(secret.status().is_client_error(), "{}", secret.status());
    // Kafka's component is for `punctual-events` alone.
    let publish = ask(&functions, Method::POST, "publish/pubsub/task-updates").json(&json!({}));
    assert!(publish.send().await.unwrap().status().is_client_error());

    let worker = room
        .sidecar(
            &api,
            "punctual-worker",
            "punctual-worker",
            "punctual-worker",
        )
        .await
        .unwrap();
    let secret = ask(&worker, Method::GET, "secrets/secretstore/punctual")
        .send()
        .await
        .unwrap();
    let secret: Value = secret.json().await.unwrap();
    assert_eq!(
        secret,
        json!({"events_secret": "old new", "vapid_key": "a key"})
    );
    let other = ask(&worker, Method::GET, "secrets/secretstore/punctual-state")
        .send()
        .await
        .unwrap();
    assert!(other.status().is_client_error(), "{}", other.status());
    let state = ask(&worker, Method::GET, "state/statestore/tries")
        .send()
        .await
        .unwrap();
    assert!(state.status().is_client_error(), "{}", state.status());

    // With another account's rights the state store has no address, and the sidecar does not come up.
    let refused = room
        .sidecar(&api, "punctual-api", "punctual-web", "punctual-functions")
        .await;
    match refused {
        Err(error) => {
            let error = format!("{error:#}");
            assert!(
                error.contains("forbidden") || error.contains("statestore"),
                "{error}"
            );
        }
        // It may answer for a moment, before it has looked at its components.
        Ok(sidecar) => {
            let ended = async || Ok(ask(&sidecar, Method::GET, "metadata").send().await.is_err());
            api.until("it has ended", ended).await.unwrap();
        }
    }
}
