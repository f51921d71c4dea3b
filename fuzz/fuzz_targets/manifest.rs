//! `spin.toml`: what is wrong is told with a line that is there; what is accepted gives routes that lead to its triggers alone,
//! and hosts that a component was granted by name.
#![no_main]

use std::path::{Path, PathBuf};

use http::Uri;
use libfuzzer_sys::fuzz_target;

// The host's own files: the host itself comes with wasmtime, which takes long with libFuzzer's marks in it.
#[path = "../../host/src/allowed_hosts.rs"]
#[expect(dead_code, reason = "the host uses more of it")]
mod allowed_hosts;
#[path = "../../host/src/manifest/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the host uses more of it")]
mod manifest;
#[path = "../../host/src/routes.rs"]
#[expect(dead_code, reason = "the host uses more of it")]
mod routes;
#[path = "../../host/src/variables.rs"]
#[expect(dead_code, reason = "the host uses more of it")]
mod variables;

use allowed_hosts::AllowedHosts;
use manifest::{Manifest, ManifestError, Route};
use routes::Router;
use url::Url;
use variables::Variables;

/// Of the host's errors, those of these files.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0:?}")]
    Missing(Vec<String>),
}

/// Where a cloud keeps the secrets of its machines.
const INSIDE: &str = "http://169.254.169.254/";

/// Whether a rule says so itself: any host, a network, or the address in one of its spellings.
fn names_it(rule: &str) -> bool {
    let (_, host) = rule.split_once("://").unwrap_or(("", rule));
    let name = host.split(':').next().unwrap_or_default();
    let alone = Url::parse(&format!("http://{name}/"));
    let inside = Url::parse(INSIDE).expect("a URL");
    host.starts_with('*')
        || host.contains('/')
        || alone.is_ok_and(|url| url.host() == inside.host())
}

fuzz_target!(|data: &str| {
    // No manifest holds a null: what is behind one is the path that is asked for.
    let (text, path) = data.split_once('\0').unwrap_or((data, "/a/1/2"));
    let manifest = match Manifest::parse(Path::new("spin.toml"), text) {
        Ok(manifest) => manifest,
        Err(fault) => {
            assert!(
                (1..=text.lines().count() + 1).contains(&fault.line),
                "{fault}"
            );
            assert!(!fault.message.is_empty());
            return;
        }
    };
    for trigger in &manifest.triggers {
        if let manifest::Destination::Component(id) = &trigger.destination {
            assert!(manifest.components.contains_key(id), "{id}");
        }
    }
    if let Ok(router) = Router::build(&manifest.triggers)
        && let Some(found) = router.find(path)
    {
        let trigger = &manifest.triggers[found.trigger];
        assert_eq!(trigger.route, Route::Pattern(found.raw_route));
    }
    let Ok(values) = Variables::new().resolve(&manifest) else {
        return;
    };
    for component in manifest.components.values() {
        for template in component.variables.values() {
            let filled = values.fill(template);
            assert!(template.contains("{{") || filled.as_deref() == Ok(template));
        }
        let hosts = component.allowed_outbound_hosts.iter();
        let Ok(hosts) = hosts
            .map(|host| values.fill(host))
            .collect::<Result<Vec<_>, _>>()
        else {
            continue;
        };
        if let Ok(allowed) = AllowedHosts::parse(hosts.iter().map(String::as_str))
            && allowed.allow(&Uri::from_static(INSIDE))
        {
            assert!(hosts.iter().any(|rule| names_it(rule)), "{hosts:?}");
        }
    }
});
