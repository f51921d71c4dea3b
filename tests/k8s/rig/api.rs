//! A client of the real API server.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use punctual_servers::Kubernetes;
use punctual_servers::kubernetes::definitions;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use crate::objects::{kind, name, title};
use crate::{repository, yaml};

/// What the server takes until a condition holds, on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

static READY: OnceCell<&'static Kubernetes> = OnceCell::const_new();
/// By `apiVersion` and kind.
static RESOURCES: Mutex<Option<HashMap<String, Resource>>> = Mutex::new(None);

#[derive(Clone)]
struct Resource {
    plural: String,
    namespaced: bool,
}

/// The cluster of this process, with three nodes in two zones, and every definition served.
pub async fn cluster() -> Result<&'static Kubernetes> {
    let ready = READY.get_or_try_init(|| async {
        let cluster = Kubernetes::shared().await?;
        let api = Api::to(cluster)?;
        for (name, zone) in [("one", "a"), ("two", "a"), ("three", "b")] {
            cluster.add_node(name, zone).await?;
        }
        let all = all_definitions().await?;
        for definition in &all {
            api.create(definition, "").await?;
        }
        for definition in &all {
            api.until(&format!("{} is served", name(definition)), async || {
                let now = api.get(definition, "").await?;
                let conditions = now["status"]["conditions"].as_array();
                Ok(conditions.is_some_and(|all| {
                    all.iter()
                        .any(|one| one["type"] == "Established" && one["status"] == "True")
                }))
            })
            .await?;
        }
        anyhow::Ok(cluster)
    });
    Ok(ready.await?)
}

/// Our own definitions (`tests/k8s/crds`): SpinKube's and Strimzi's.
pub fn own_definitions() -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(repository("tests/k8s/crds"))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            all.extend(yaml::documents(&std::fs::read_to_string(path)?)?);
        }
    }
    Ok(all)
}

/// Those, and the ones of the projects' Go modules.
pub async fn all_definitions() -> Result<Vec<Value>> {
    let mut all = own_definitions()?;
    for path in definitions().await? {
        let text = std::fs::read_to_string(&path)?;
        let documents = yaml::documents(&text).with_context(|| path.display().to_string())?;
        all.extend(
            documents
                .into_iter()
                .filter(|one| kind(one) == "CustomResourceDefinition"),
        );
    }
    Ok(all)
}

/// What the server said to an object.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub warnings: Vec<String>,
    pub body: Value,
}

impl Answer {
    /// The server's words.
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

pub struct Api {
    client: Client,
    url: String,
}

impl Api {
    /// As the user who may do everything.
    pub async fn new() -> Result<Self> {
        Self::to(cluster().await?)
    }

    fn to(cluster: &Kubernetes) -> Result<Self> {
        Ok(Self {
            client: cluster.client()?,
            url: cluster.url(),
        })
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// A namespace of its own for a test, with such labels.
    pub async fn namespace(&self, called: &str, labels: Value) -> Result<String> {
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": called, "labels": labels},
        });
        self.create(&object, "").await?;
        Ok(called.to_owned())
    }

    /// Server-side apply with strict validation; with `dry`, nothing is kept.
    pub async fn apply(&self, object: &Value, namespace: &str, dry: bool) -> Result<Answer> {
        let path = self.path(object, namespace, true).await?;
        let dry = if dry { "&dryRun=All" } else { "" };
        let path = format!("{path}?fieldManager=test&fieldValidation=Strict{dry}");
        let request = self
            .request(Method::PATCH, &path)
            .header("content-type", "application/apply-patch+yaml")
            .body(object.to_string());
        answer(request).await
    }

    /// Creates it, and fails where the server refuses or warns.
    pub async fn create(&self, object: &Value, namespace: &str) -> Result<Value> {
        let path = self.path(object, namespace, false).await?;
        let path = format!("{path}?fieldValidation=Strict");
        let answer = self.send(Method::POST, &path, object).await?;
        if !answer.status.is_success() || !answer.warnings.is_empty() {
            bail!(
                "{}: {} {:?}",
                title(object),
                answer.message(),
                answer.warnings
            );
        }
        Ok(answer.body)
    }

    /// The object as it is now.
    pub async fn get(&self, object: &Value, namespace: &str) -> Result<Value> {
        let path = self.path(object, namespace, true).await?;
        let answer = answer(self.request(Method::GET, &path)).await?;
        if !answer.status.is_success() {
            bail!("{}: {}", title(object), answer.message());
        }
        Ok(answer.body)
    }

    /// The items of a list such as `/api/v1/namespaces/x/pods?labelSelector=…`.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let answer = answer(self.request(Method::GET, path)).await?;
        let items = answer.body["items"].as_array();
        Ok(items
            .with_context(|| format!("{path}: {}", answer.message()))?
            .clone())
    }

    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        answer(self.request(method, path).json(body)).await
    }

    /// Waits until the check gives true; its errors count as false.
    pub async fn until(
        &self,
        what: &str,
        mut check: impl AsyncFnMut() -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let now = check().await;
            if matches!(now, Ok(true)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("after {} s, not: {what} ({now:?})", LIMIT.as_secs());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Where the object is, or (not `named`) where such objects are made.
    async fn path(&self, object: &Value, namespace: &str, named: bool) -> Result<String> {
        let resource = self.resource(object).await?;
        let version = object["apiVersion"].as_str().context("no apiVersion")?;
        let root = if version.contains('/') { "apis" } else { "api" };
        let mut path = format!("/{root}/{version}");
        if resource.namespaced {
            path += &format!("/namespaces/{namespace}");
        }
        path += &format!("/{}", resource.plural);
        if named {
            path += &format!("/{}", name(object));
        }
        Ok(path)
    }

    async fn resource(&self, object: &Value) -> Result<Resource> {
        let version = object["apiVersion"].as_str().context("no apiVersion")?;
        let key = format!("{version} {}", kind(object));
        let known = |resources: &Mutex<Option<HashMap<String, Resource>>>| {
            let resources = resources.lock().ok()?;
            resources.as_ref()?.get(&key).cloned()
        };
        if let Some(resource) = known(&RESOURCES) {
            return Ok(resource);
        }
        let root = if version.contains('/') { "apis" } else { "api" };
        let answer = answer(self.request(Method::GET, &format!("/{root}/{version}"))).await?;
        let served = answer.body["resources"].as_array();
        let served = served.with_context(|| format!("the server has no {version}"))?;
        if let Ok(mut resources) = RESOURCES.lock() {
            let resources = resources.get_or_insert_default();
            for one in served {
                let (Some(plural), Some(kind)) = (one["name"].as_str(), one["kind"].as_str())
                else {
                    continue;
                };
                if !plural.contains('/') {
                    let resource = Resource {
                        plural: plural.to_owned(),
                        namespaced: one["namespaced"] == true,
                    };
                    resources.insert(format!("{version} {kind}"), resource);
                }
            }
        }
        known(&RESOURCES).with_context(|| format!("the server has no {key}"))
    }
}

async fn answer(request: RequestBuilder) -> Result<Answer> {
    let answer = request.send().await?;
    let warnings = answer.headers().get_all("warning").iter();
    let warnings = warnings
        .filter_map(|one| Some(one.to_str().ok()?.to_owned()))
        .collect();
    Ok(Answer {
        status: answer.status(),
        warnings,
        body: answer.json().await.unwrap_or_default(),
    })
}
