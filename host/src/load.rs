//! From a manifest to a running application.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::allowed_hosts::AllowedHosts;
use crate::app::{Answer, App};
use crate::cache::Cache;
use crate::guest::{self, Databases, Pools, Stores};
use crate::instance::{Component, Grants, State};
use crate::manifest::{self, Destination, Manifest, ManifestError, Route};
use crate::outbound::Network;
use crate::routes::{RouteInfo, Router};
use crate::service::Service;
use crate::variables::Resolved;
use crate::{Error, HostOptions, engine};

pub(crate) async fn load(options: HostOptions) -> Result<Arc<App>, Error> {
    let manifest = Manifest::read(&options.manifest)?;
    let variables = options.variables.resolve(&manifest)?;
    if let Some(database) = &options.key_value {
        guest::prepare_key_value(database).await?;
    }
    let limits = Arc::new(options.limits.clone());
    let engine = engine::start(&limits)?;
    let network = Arc::new(Network::new(&limits)?);
    let linker = Arc::new(linker(&engine)?);

    let mut grants = HashMap::new();
    for (id, component) in &manifest.components {
        grants.insert(id.clone(), grant(id, component, &options, &variables)?);
    }
    let mut compiled = compile(&manifest, &options, &engine, &linker).await?;

    let room = Arc::new(Semaphore::new(
        limits.instances.try_into().unwrap_or(usize::MAX),
    ));
    let mut services = HashMap::new();
    for (id, component) in &manifest.components {
        let (Some(pre), Some(grants)) = (compiled.remove(id), grants.remove(id)) else {
            continue;
        };
        let service = Service::new(Component {
            id: id.as_str().into(),
            pre,
            grants,
            environment: component.environment.clone().into_iter().collect(),
            limits: limits.clone(),
            clock: options.clock.clone(),
            network: network.clone(),
            room: room.clone(),
        });
        services.insert(id.clone(), Arc::new(service));
    }
    let app = Arc::new(assemble(manifest, services, room, &options.manifest)?);
    network.attach(Arc::downgrade(&app));
    Ok(app)
}

fn linker(engine: &Engine) -> Result<Linker<State>, Error> {
    let mut linker = Linker::new(engine);
    let mut add = || {
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        guest::add_to_linker(&mut linker)
    };
    add().map_err(|error| Error::Engine(format!("{error:#}")))?;
    Ok(linker)
}

/// What the manifest lets a component use, turned into the things themselves.
fn grant(
    id: &str,
    component: &manifest::Component,
    options: &HostOptions,
    variables: &Resolved,
) -> Result<Grants, Error> {
    let fault = |message: String| {
        Error::Manifest(ManifestError {
            path: options.manifest.clone(),
            line: component.line,
            message: format!("component `{id}`: {message}"),
        })
    };
    let missing = |kind, label: &String| Error::NoBackend {
        component: id.to_owned(),
        kind,
        label: label.clone(),
    };
    let mut databases = HashMap::new();
    let named = component.sqlite_databases.iter();
    for label in named.filter(|label| !options.absent_databases.contains(label)) {
        let database = options
            .databases
            .get(label)
            .ok_or_else(|| missing("SQLite database", label))?;
        databases.insert(label.clone(), database.clone());
    }
    for label in &component.key_value_stores {
        if options.key_value.is_none() {
            return Err(missing("key-value store", label));
        }
    }
    let mut values = HashMap::new();
    for (name, template) in &component.variables {
        let value = variables
            .fill(template)
            .map_err(|reason| fault(format!("variable `{name}`: {reason}")))?;
        values.insert(name.clone(), value);
    }
    let hosts = component
        .allowed_outbound_hosts
        .iter()
        .map(|template| variables.fill(template))
        .collect::<Result<Vec<_>, _>>()
        .and_then(|hosts| AllowedHosts::parse(hosts.iter().map(String::as_str)))
        .map_err(|reason| fault(format!("`allowed_outbound_hosts`: {reason}")))?;
    Ok(Grants {
        databases: Databases(databases),
        postgres: Arc::new(Pools::new(id, &options.limits)),
        stores: Stores {
            labels: component.key_value_stores.iter().cloned().collect(),
            database: options.key_value.clone(),
        },
        variables: values,
        hosts: Arc::new(hosts),
    })
}

/// Compiles every component, or takes it from the cache; each source once, all at the same time.
async fn compile(
    manifest: &Manifest,
    options: &HostOptions,
    engine: &Engine,
    linker: &Arc<Linker<State>>,
) -> Result<HashMap<String, ServicePre<State>>, Error> {
    let cache = Cache::open(&options.cache_dir, engine).map_err(|source| Error::File {
        path: options.cache_dir.clone(),
        source,
    })?;
    let cache = Arc::new(cache);
    let folder = options.manifest.parent().unwrap_or(Path::new(""));
    let mut by_source: HashMap<PathBuf, Vec<String>> = HashMap::new();
    for (id, component) in &manifest.components {
        by_source
            .entry(folder.join(&component.source))
            .or_default()
            .push(id.clone());
    }
    let mut jobs = tokio::task::JoinSet::new();
    for (path, ids) in by_source {
        let (cache, engine, linker) = (cache.clone(), engine.clone(), linker.clone());
        jobs.spawn_blocking(move || {
            let fault = |error: wasmtime::Error| Error::Component {
                component: ids.join("`, `"),
                reason: format!("{error:#}"),
            };
            let wasm = std::fs::read(&path).map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?;
            let (component, file) = cache.load(&engine, &wasm).map_err(fault)?;
            let pre = linker
                .instantiate_pre(&component)
                .and_then(ServicePre::new)
                .map_err(fault)?;
            Ok::<_, Error>((ids, pre, file))
        });
    }
    let mut compiled = HashMap::new();
    let mut used = HashSet::new();
    while let Some(job) = jobs.join_next().await {
        let (ids, pre, file) = job.map_err(|error| Error::Engine(error.to_string()))??;
        used.insert(file);
        for id in ids {
            compiled.insert(id, pre.clone());
        }
    }
    cache.sweep(&used);
    Ok(compiled)
}

fn assemble(
    manifest: Manifest,
    services: HashMap<String, Arc<Service>>,
    room: Arc<Semaphore>,
    path: &Path,
) -> Result<App, Error> {
    let fault = |line, message| {
        Error::Manifest(ManifestError {
            path: path.to_owned(),
            line,
            message,
        })
    };
    let router = Router::build(&manifest.triggers).map_err(|(index, message)| {
        fault(
            manifest
                .triggers
                .get(index)
                .map_or(1, |trigger| trigger.line),
            message,
        )
    })?;
    let mut answers = Vec::new();
    let mut routes = Vec::new();
    for trigger in manifest.triggers {
        let (component, answer) = match trigger.destination {
            Destination::Static(response) => (None, Answer::Static(response)),
            Destination::Component(id) => {
                let service = services
                    .get(&id)
                    .ok_or_else(|| fault(trigger.line, format!("there is no component `{id}`")))?;
                (Some(id), Answer::Component(service.clone()))
            }
        };
        let description = component
            .as_ref()
            .and_then(|id| manifest.components.get(id))
            .map(|component| component.description.clone())
            .unwrap_or_default();
        let pattern = match trigger.route {
            Route::Pattern(pattern) => Some(pattern),
            Route::Private => None,
        };
        answers.push(answer);
        routes.push(RouteInfo {
            pattern,
            component,
            description,
        });
    }
    tracing::info!(application = manifest.name, routes = routes.len(), "loaded");
    Ok(App {
        router,
        answers,
        services,
        routes,
        room,
    })
}
