//! Custom resource definitions, and what else says which fields a kind has, as their projects publish them in their Go
//! modules.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::{cache, tools};

/// One module, whose content the checksum pins as a go.sum does.
struct Module {
    path: &'static str,
    version: &'static str,
    sum: &'static str,
    /// Of the definitions.
    folder: &'static str,
    definitions: &'static [&'static str],
    /// What the definitions leave open is said here: paths in the module.
    more: &'static [&'static str],
}

const MODULES: [Module; 8] = [
    Module {
        path: "github.com/dapr/dapr",
        version: "v1.18.2",
        sum: "h1:yT1BXImaUiYtIKaKVnOBiWVFqQU1ckQaiXkXEO2+Dh0=",
        folder: "charts/dapr/crds",
        definitions: &[
            "components.yaml",
            "configuration.yaml",
            "resiliency.yaml",
            "subscription.yaml",
        ],
        more: &[],
    },
    Module {
        path: "github.com/kedacore/keda/v2",
        version: "v2.21.0",
        sum: "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        folder: "config/crd/bases",
        definitions: &[
            "keda.sh_scaledobjects.yaml",
            "keda.sh_triggerauthentications.yaml",
        ],
        more: &[
            "pkg/scalers/kafka_scaler.go",
            "pkg/scalers/prometheus_scaler.go",
        ],
    },
    Module {
        path: "sigs.k8s.io/gateway-api",
        version: "v1.6.3",
        sum: "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        folder: "config/crd/standard",
        definitions: &[
            "gateway.networking.k8s.io_gatewayclasses.yaml",
            "gateway.networking.k8s.io_gateways.yaml",
            "gateway.networking.k8s.io_httproutes.yaml",
        ],
        more: &[],
    },
    Module {
        path: "github.com/envoyproxy/gateway",
        version: "v1.9.1",
        sum: "h1:vAVp6/AlBXJ1aOhp1mxL7fNEzVEfjADUguUhm2wzxQY=",
        folder: "charts/gateway-helm/charts/crds/crds/generated",
        definitions: &["gateway.envoyproxy.io_envoyproxies.yaml"],
        more: &[],
    },
    Module {
        path: "github.com/cert-manager/cert-manager",
        version: "v1.21.2",
        sum: "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
        folder: "deploy/crds",
        definitions: &[
            "cert-manager.io_certificates.yaml",
            "cert-manager.io_issuers.yaml",
        ],
        more: &[],
    },
    Module {
        path: "github.com/external-secrets/external-secrets",
        version: "v1.3.2",
        sum: "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
        folder: "config/crds/bases",
        definitions: &[
            "external-secrets.io_externalsecrets.yaml",
            "external-secrets.io_secretstores.yaml",
        ],
        more: &[],
    },
    Module {
        path: "github.com/prometheus-operator/prometheus-operator",
        version: "v0.85.0",
        sum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        folder: "example/prometheus-operator-crd",
        definitions: &[
            "monitoring.coreos.com_podmonitors.yaml",
            "monitoring.coreos.com_prometheusrules.yaml",
        ],
        more: &[],
    },
    Module {
        path: "github.com/dapr/components-contrib",
        version: "v1.18.3",
        sum: "h1:eLtaIAZvMsN8JfM61+QVECnQsxv/46JfxWTM40S7uJ4=",
        folder: "",
        definitions: &[],
        more: &[
            "pubsub/kafka/metadata.yaml",
            "state/postgresql/v2/metadata.yaml",
        ],
    },
];

impl Module {
    /// Paths in the module.
    fn files(&self) -> Vec<PathBuf> {
        let definitions = self
            .definitions
            .iter()
            .map(|file| Path::new(self.folder).join(file));
        definitions
            .chain(self.more.iter().map(PathBuf::from))
            .collect()
    }
}

/// The definitions' files (YAML): Dapr's, KEDA's, the Gateway API's, Envoy Gateway's, cert-manager's, External Secrets', and those of the
/// Prometheus operator that are needed.
pub async fn definitions() -> Result<Vec<PathBuf>> {
    let folder = folder().await?;
    let definitions = MODULES.iter().flat_map(|module| {
        let folder = folder.join(module.path).join(module.folder);
        module.definitions.iter().map(move |file| folder.join(file))
    });
    Ok(definitions.collect())
}

/// Another file of a module, such as `pkg/scalers/kafka_scaler.go` of `github.com/kedacore/keda/v2`, where it is one of those
/// that are kept.
pub async fn published(module: &str, file: &str) -> Result<PathBuf> {
    let path = folder().await?.join(module).join(file);
    anyhow::ensure!(
        path.is_file(),
        "{module}'s {file} is not kept: definitions.rs says what is"
    );
    Ok(path)
}

/// Such as `v2.21.0` of `github.com/kedacore/keda/v2`, where the module is one of those.
pub fn version_of(module: &str) -> Option<&'static str> {
    let module = MODULES.iter().find(|one| one.path == module)?;
    Some(module.version)
}

async fn folder() -> Result<PathBuf> {
    let pinned: Vec<String> = MODULES
        .iter()
        .map(|module| format!("{} {} {:?}", module.path, module.sum, module.files()))
        .collect();
    let pinned: Vec<&[u8]> = pinned.iter().map(|text| text.as_bytes()).collect();
    let name = cache::name("definitions", "1", &pinned);
    cache::entry(&cache::folder()?, &name, |folder| async move {
        tools::go().await?;
        for module in &MODULES {
            let source = download(module, &folder).await?;
            for file in module.files() {
                let to = folder.join(module.path).join(&file);
                // Go's cache is read-only, and a copy of a file keeps that.
                let text = fs::read(source.join(&file)).with_context(|| {
                    format!(
                        "{} {} has no {}",
                        module.path,
                        module.version,
                        file.display()
                    )
                })?;
                fs::create_dir_all(to.parent().context("a file has no folder")?)?;
                fs::write(to, text)?;
            }
        }
        Ok(())
    })
    .await
}

/// Where Go keeps the module.
async fn download(module: &Module, folder: &Path) -> Result<PathBuf> {
    let mut command = Command::new("go");
    command
        // Outside of any module.
        .current_dir(folder)
        .env("GOWORK", "off")
        .env("GOFLAGS", "-mod=mod")
        .args(["mod", "download", "-json"])
        .arg(format!("{}@{}", module.path, module.version));
    let text = tools::run(&mut command).await?;
    let found: Value = serde_json::from_str(&text)?;
    if found["Sum"] != module.sum {
        bail!(
            "{} {} is not the pinned module: its checksum is {}, not {}",
            module.path,
            module.version,
            found["Sum"],
            module.sum
        );
    }
    let folder = found["Dir"].as_str().context("`go` names no folder")?;
    Ok(PathBuf::from(folder))
}
