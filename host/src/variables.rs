//! Application variables: where their values come from, and the templates that use them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use crate::manifest::Manifest;

/// Where the values of a manifest's `[variables]` come from. First found wins: set here, environment
/// `SPIN_VARIABLE_<NAME>`, a file of that name in the secrets' folder, the manifest's default.
///
/// Values are read once, when the host loads.
#[derive(Clone, Default)]
pub struct Variables {
    set: HashMap<String, String>,
    environment: bool,
    folder: Option<PathBuf>,
}

impl Variables {
    /// Only the manifest's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one variable.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set.insert(name.into(), value.into());
        self
    }

    /// Looks at the process's environment too.
    #[must_use]
    pub fn environment(mut self) -> Self {
        self.environment = true;
        self
    }

    /// Looks into a folder with one file per variable too. A newline at a file's end is not part of it.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    fn find(&self, name: &str) -> Result<Option<String>, crate::Error> {
        if let Some(value) = self.set.get(name) {
            return Ok(Some(value.clone()));
        }
        if self.environment
            && let Ok(value) = std::env::var(format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase()))
        {
            return Ok(Some(value));
        }
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let path = folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                Ok(Some(text.strip_suffix('\r').unwrap_or(text).to_owned()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(crate::Error::File { path, source }),
        }
    }

    pub(crate) fn resolve(&self, manifest: &Manifest) -> Result<Resolved, crate::Error> {
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, variable) in &manifest.variables {
            match self.find(name)?.or_else(|| variable.default.clone()) {
                Some(value) => {
                    values.insert(name.clone(), value);
                }
                None => missing.push(name.clone()),
            }
        }
        if missing.is_empty() {
            Ok(Resolved { values })
        } else {
            Err(crate::Error::Missing(missing))
        }
    }
}

/// Names only: any value may be a secret.
impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variables")
            .field("set", &self.set.keys().collect::<Vec<_>>())
            .field("environment", &self.environment)
            .field("folder", &self.folder)
            .finish()
    }
}

/// The value of every variable of the application.
pub(crate) struct Resolved {
    values: BTreeMap<String, String>,
}

impl Resolved {
    /// Fills `{{ name }}` in `template`.
    pub(crate) fn fill(&self, template: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((literal, expression)) = rest.split_once("{{") {
            filled.push_str(literal);
            let (name, after) = expression
                .split_once("}}")
                .ok_or_else(|| format!("`{{{{` without `}}}}` in {template:?}"))?;
            let name = name.trim();
            filled.push_str(
                self.values
                    .get(name)
                    .ok_or_else(|| format!("unknown variable `{name}`"))?,
            );
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Spin's rule, so that names map to environment variables and file names without loss.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let reason = if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "must start with a lower-case letter"
    } else if !name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    {
        "may contain only lower-case letters, digits and underscores"
    } else if name.ends_with('_') || name.contains("__") {
        "must not end with an underscore or contain two in a row"
    } else {
        return Ok(());
    };
    Err(format!("variable name `{name}` {reason}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn manifest(variables: &str) -> Manifest {
        let text = format!(
            "spin_manifest_version = 2\n[application]\nname = \"x\"\n[variables]\n{variables}\n[trigger]\n"
        );
        Manifest::parse(Path::new("spin.toml"), &text).expect("a manifest")
    }

    #[test]
    fn set_beats_files_beat_defaults() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a"), "file a\n").expect("written");
        std::fs::write(folder.path().join("b"), "file b\r\n").expect("written");
        let manifest =
            manifest("a = { default = \"x\" }\nb = { required = true }\nc = { default = \"c\" }");
        let variables = Variables::new().folder(folder.path()).set("a", "set a");
        let resolved = variables.resolve(&manifest).expect("resolved");
        assert_eq!(
            resolved.fill("{{a}}, {{ b }}, {{ c }}.").as_deref(),
            Ok("set a, file b, c.")
        );
        assert!(resolved.fill("{{ d }}").is_err());
        assert!(resolved.fill("{{ a").is_err());
    }

    #[test]
    fn missing_required_ones_are_named_all_at_once() {
        let manifest = manifest("a = { required = true }\nb = { required = true, secret = true }");
        let Err(error) = Variables::new().resolve(&manifest) else {
            panic!("resolved")
        };
        assert!(error.to_string().contains("a, b"), "{error}");
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", Variables::new().set("token", "hunter2"));
        assert!(shown.contains("token") && !shown.contains("hunter2"));
    }
}
