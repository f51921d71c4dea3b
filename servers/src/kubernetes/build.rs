use std::path::PathBuf;

use anyhow::Result;

use crate::go::Module;

const MODULE: Module = Module {
    name: "Kubernetes",
    version: "1.37.2",
    takes: "7 minutes, with etcd, KWOK and Helm in it,",
    sources: &[
        ("go.mod", include_str!("../../kubernetes/go.mod")),
        ("go.sum", include_str!("../../kubernetes/go.sum")),
        ("main.go", include_str!("../../kubernetes/main.go")),
    ],
    packages: &["."],
    tags: "",
    // Helm and kubectl want to know the server's version.
    variables: &["k8s.io/component-base/version.gitVersion=v1.37.2"],
};

/// The program, built when it isn't there.
pub async fn program() -> Result<PathBuf> {
    Ok(MODULE.programs().await?.join("kubernetes"))
}
