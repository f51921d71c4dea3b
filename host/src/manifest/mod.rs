//! `spin.toml`, as far as this host runs it. Anything it doesn't know is an error with its line.

mod component;
mod trigger;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Spanned, Table, Value};

pub(crate) use component::Component;
pub(crate) use trigger::{Destination, Route, StaticResponse, Trigger};

/// A fault in a manifest. Displays as `path/spin.toml:LINE: what is wrong`.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {message}", path.display())]
pub struct ManifestError {
    pub path: PathBuf,
    pub line: usize,
    pub message: String,
}

/// A manifest that was read and checked.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub name: String,
    pub variables: BTreeMap<String, Variable>,
    pub triggers: Vec<Trigger>,
    pub components: BTreeMap<String, Component>,
}

/// `[variables] name = { … }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    #[serde(default)]
    pub required: bool,
    pub default: Option<String>,
    /// Every value is treated as one.
    #[serde(default, rename = "secret")]
    _secret: bool,
    #[serde(default, rename = "description")]
    _description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    spin_manifest_version: Spanned<i64>,
    application: Application,
    #[serde(default)]
    variables: BTreeMap<Spanned<String>, Spanned<Variable>>,
    trigger: Triggers,
    #[serde(default)]
    component: BTreeMap<Spanned<String>, component::Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Application {
    name: String,
    #[serde(default, rename = "version")]
    _version: String,
    #[serde(default, rename = "description")]
    _description: String,
    #[serde(default, rename = "authors")]
    _authors: Vec<String>,
    #[serde(default, rename = "targets")]
    _targets: Vec<Value>,
    /// Settings of other tools.
    #[serde(default, rename = "tool")]
    _tool: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Triggers {
    #[serde(default)]
    http: Vec<Spanned<trigger::Raw>>,
}

impl Manifest {
    pub(crate) fn read(path: &Path) -> Result<Self, crate::Error> {
        let text = std::fs::read_to_string(path).map_err(|source| crate::Error::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::parse(path, &text)?)
    }

    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, ManifestError> {
        let source = Source { path, text };
        let document: Document = toml::from_str(text).map_err(|error| {
            source.fault(
                error.span().unwrap_or(0..0),
                error.message().trim().to_owned(),
            )
        })?;
        if *document.spin_manifest_version.get_ref() != 2 {
            return Err(source.fault(
                document.spin_manifest_version.span(),
                "`spin_manifest_version` must be 2".into(),
            ));
        }
        let mut variables = BTreeMap::new();
        for (name, variable) in document.variables {
            crate::variables::check_name(name.get_ref())
                .map_err(|message| source.fault(name.span(), message))?;
            let span = variable.span();
            let variable = variable.into_inner();
            if !variable.required && variable.default.is_none() {
                return Err(source.fault(
                    span,
                    "a variable needs `default` or `required = true`".into(),
                ));
            }
            variables.insert(name.into_inner(), variable);
        }
        let mut components = BTreeMap::new();
        for (id, raw) in document.component {
            let component = raw.check(&source)?;
            components.insert(id.into_inner(), component);
        }
        let triggers = trigger::check(document.trigger.http, &source, &mut components)?;
        Ok(Self {
            name: document.application.name,
            variables,
            triggers,
            components,
        })
    }
}

/// The text of a manifest, to tell a place in it by its line.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn fault(&self, span: Range<usize>, message: String) -> ManifestError {
        ManifestError {
            path: self.path.to_owned(),
            line: self.line(&span),
            message,
        }
    }
}

/// Accepts a string or a list of strings (`build.command`).
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(#[expect(dead_code, reason = "only its type is checked")] String),
    Many(#[expect(dead_code, reason = "only its type is checked")] Vec<String>),
}

#[cfg(test)]
mod tests;
