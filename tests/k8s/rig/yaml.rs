//! YAML as JSON.

use anyhow::{Context, Result, bail};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

/// The documents of a text. Empty ones are left out.
pub fn documents(text: &str) -> Result<Vec<Value>> {
    let documents = Yaml::load_from_str(text).context("this is no YAML")?;
    let values = documents.iter().map(json).collect::<Result<Vec<_>>>()?;
    Ok(values
        .into_iter()
        .filter(|value| !value.is_null())
        .collect())
}

fn json(node: &Yaml<'_>) -> Result<Value> {
    Ok(match node {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => Value::from(*value),
            Scalar::Integer(value) => Value::from(*value),
            Scalar::FloatingPoint(value) => Value::from(value.into_inner()),
            Scalar::String(text) => Value::from(text.as_ref()),
        },
        Yaml::Sequence(all) => Value::Array(all.iter().map(json).collect::<Result<_>>()?),
        Yaml::Mapping(all) => {
            let mut map = Map::new();
            for (key, value) in all {
                let Yaml::Value(Scalar::String(key)) = key else {
                    bail!("{key:?} is no name");
                };
                map.insert(key.to_string(), json(value)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(_, node) => json(node)?,
        other => bail!("{other:?} is not in any manifest of ours"),
    })
}
