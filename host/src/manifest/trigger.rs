//! `[[trigger.http]]`.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::{Component, ManifestError, Source, component};

/// A route and what answers it.
#[derive(Debug)]
pub(crate) struct Trigger {
    pub id: String,
    pub route: Route,
    pub destination: Destination,
    /// Where it stands in the manifest.
    pub line: usize,
}

/// Which requests reach a trigger.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A pattern: exact, with `:segments`, or ending in `/...`.
    Pattern(String),
    /// Only other components reach it, by `http://<component>.spin.internal`.
    Private,
}

#[derive(Debug)]
pub(crate) enum Destination {
    /// The component's id.
    Component(String),
    Static(StaticResponse),
}

/// An answer that needs no component.
#[derive(Debug, Clone)]
pub(crate) struct StaticResponse {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    #[serde(default)]
    id: String,
    route: Spanned<RawRoute>,
    component: Option<Spanned<Reference>>,
    static_response: Option<Spanned<RawStatic>>,
    #[serde(rename = "executor")]
    _executor: Option<Executor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStatic {
    status_code: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Executor {
    #[serde(rename = "type")]
    _type: ExecutorType,
}

/// Wagi is the one that is missing.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ExecutorType {
    Http,
    Spin,
}

enum Reference {
    Id(String),
    Inline(Box<component::Raw>),
}

enum RawRoute {
    Pattern(String),
    Private(Private),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Private {
    private: bool,
}

/// Deserializes a string into one thing and a table into another. Serde's untagged enums would do it too,
/// but forget which key in the table was wrong.
macro_rules! string_or_table {
    ($type:ty, $expecting:literal, $string:expr, $table:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct StringOrTable;
                impl<'de> Visitor<'de> for StringOrTable {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                        Deserialize::deserialize(StrDeserializer::new(text)).map($string)
                    }

                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                        Deserialize::deserialize(MapAccessDeserializer::new(map)).map($table)
                    }
                }
                deserializer.deserialize_any(StringOrTable)
            }
        }
    };
}

string_or_table!(
    Reference,
    "a component's id or a component",
    Reference::Id,
    Reference::Inline
);
string_or_table!(
    RawRoute,
    "a route or `{ private = true }`",
    RawRoute::Pattern,
    RawRoute::Private
);

/// Checks the triggers and moves components that are written inside them to the others.
pub(super) fn check(
    raw: Vec<Spanned<Raw>>,
    source: &Source<'_>,
    components: &mut BTreeMap<String, Component>,
) -> Result<Vec<Trigger>, ManifestError> {
    let mut ids: BTreeSet<String> = raw
        .iter()
        .map(|trigger| trigger.get_ref().id.clone())
        .collect();
    let mut triggers = Vec::with_capacity(raw.len());
    for (index, trigger) in raw.into_iter().enumerate() {
        let span = trigger.span();
        let trigger = trigger.into_inner();
        let id = if trigger.id.is_empty() {
            let natural = match trigger.component.as_ref().map(Spanned::get_ref) {
                Some(Reference::Id(component)) => format!("{component}-http-trigger"),
                _ => format!("http-trigger{}", index + 1),
            };
            if ids.insert(natural.clone()) {
                natural
            } else {
                format!("http-trigger{}", index + 1)
            }
        } else {
            trigger.id
        };
        let line = source.line(&trigger.route.span());
        let route_span = trigger.route.span();
        let route = match trigger.route.into_inner() {
            RawRoute::Pattern(pattern) => Route::Pattern(pattern),
            RawRoute::Private(Private { private: true }) => Route::Private,
            RawRoute::Private(Private { private: false }) => {
                return Err(source.fault(
                    route_span,
                    "a route is a pattern or `{ private = true }`".into(),
                ));
            }
        };
        let destination = match (trigger.component, trigger.static_response) {
            (Some(component), None) => {
                let span = component.span();
                Destination::Component(match component.into_inner() {
                    Reference::Id(id) if components.contains_key(&id) => id,
                    Reference::Id(id) => {
                        return Err(source.fault(span, format!("there is no component `{id}`")));
                    }
                    Reference::Inline(raw) => {
                        let name = format!("{id}-component");
                        components.insert(name.clone(), raw.check(source)?);
                        name
                    }
                })
            }
            (None, Some(response)) => {
                let span = response.span();
                Destination::Static(
                    static_response(response.into_inner())
                        .map_err(|message| source.fault(span, message))?,
                )
            }
            _ => {
                return Err(source.fault(
                    span,
                    "a trigger needs either `component` or `static_response`".into(),
                ));
            }
        };
        triggers.push(Trigger {
            id,
            route,
            destination,
            line,
        });
    }
    Ok(triggers)
}

fn static_response(raw: RawStatic) -> Result<StaticResponse, String> {
    let status = StatusCode::from_u16(raw.status_code.unwrap_or(200))
        .map_err(|_| "`status_code` is not an HTTP status".to_owned())?;
    let mut headers = Vec::new();
    for (name, value) in raw.headers {
        let header = (
            HeaderName::try_from(&name).map_err(|_| format!("`{name}` is not a header's name"))?,
            HeaderValue::try_from(value).map_err(|_| format!("header `{name}` has a bad value"))?,
        );
        headers.push(header);
    }
    Ok(StaticResponse {
        status,
        headers,
        body: raw.body,
    })
}
