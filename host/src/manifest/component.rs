//! `[component.<id>]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::{ManifestError, OneOrMany, Source};

/// A component and what it is granted.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    /// As written: relative to the manifest's folder.
    pub source: PathBuf,
    pub description: String,
    /// Name to template.
    pub variables: BTreeMap<String, String>,
    pub environment: BTreeMap<String, String>,
    pub allowed_outbound_hosts: Vec<String>,
    pub key_value_stores: Vec<String>,
    pub sqlite_databases: Vec<String>,
    /// The line to name when something about the component turns out to be wrong later.
    pub line: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    source: Spanned<Value>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    variables: BTreeMap<Spanned<String>, String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    key_value_stores: Vec<String>,
    #[serde(default)]
    sqlite_databases: Vec<String>,
    #[serde(default, rename = "build")]
    _build: Option<Build>,
    #[serde(default, rename = "targets")]
    _targets: Vec<Value>,
    #[serde(default, rename = "tool")]
    _tool: Table,
    // What Spin knows and this host doesn't do. Empty ones ask for nothing.
    files: Option<Spanned<Value>>,
    exclude_files: Option<Spanned<Value>>,
    allowed_http_hosts: Option<Spanned<Value>>,
    ai_models: Option<Spanned<Value>>,
    dependencies: Option<Spanned<Value>>,
    dependencies_inherit_configuration: Option<Spanned<Value>>,
    profile: Option<Spanned<Value>>,
}

/// How Spin builds a component; this host runs what is built.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    #[serde(rename = "command")]
    _command: OneOrMany,
    #[serde(default, rename = "workdir")]
    _workdir: Option<String>,
    #[serde(default, rename = "watch")]
    _watch: Vec<String>,
}

impl Raw {
    pub(super) fn check(self, source: &Source<'_>) -> Result<Component, ManifestError> {
        for (name, value) in [
            ("files", &self.files),
            ("exclude_files", &self.exclude_files),
            ("allowed_http_hosts", &self.allowed_http_hosts),
            ("ai_models", &self.ai_models),
            ("dependencies", &self.dependencies),
            (
                "dependencies_inherit_configuration",
                &self.dependencies_inherit_configuration,
            ),
            ("profile", &self.profile),
        ] {
            if let Some(value) = value
                && !is_empty(value.get_ref())
            {
                return Err(source.fault(
                    value.span(),
                    format!("`{name}` is not implemented by this host"),
                ));
            }
        }
        let line = source.line(&self.source.span());
        let span = self.source.span();
        let Value::String(path) = self.source.into_inner() else {
            return Err(source.fault(
                span,
                "`source` must be a path: this host doesn't download".into(),
            ));
        };
        let mut variables = BTreeMap::new();
        for (name, template) in self.variables {
            crate::variables::check_name(name.get_ref())
                .map_err(|message| source.fault(name.span(), message))?;
            variables.insert(name.into_inner(), template);
        }
        Ok(Component {
            source: path.into(),
            description: self.description,
            variables,
            environment: self.environment,
            allowed_outbound_hosts: self.allowed_outbound_hosts,
            key_value_stores: self.key_value_stores,
            sqlite_databases: self.sqlite_databases,
            line,
        })
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Table(table) => table.is_empty(),
        Value::Boolean(flag) => !flag,
        _ => false,
    }
}
