//! What a component is told about a request beside the request itself, as in Spin.

use std::net::SocketAddr;

use http::header::{CONNECTION, HOST};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

use crate::problem::Problem;
use crate::routes::Match;

const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");
const PATH_MATCH: &str = "spin-path-match-";

/// Completes the URL and replaces the `spin-…` headers. A client's own ones are dropped, where Spin would
/// put its own behind them.
pub(crate) fn prepare<B>(
    request: &mut Request<B>,
    found: &Match,
    client: SocketAddr,
) -> Result<(), Problem> {
    let authority = authority(request)?;
    let path = request
        .uri()
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    let full_url = format!("http://{authority}{path}");
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    parts.path_and_query = Some(path);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Problem::BadRequest)?;

    let headers = request.headers_mut();
    strip(headers);
    let mut set = |name: HeaderName, value: &str| -> Result<(), Problem> {
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Problem::BadRequest)?;
        headers.insert(name, value);
        Ok(())
    };
    set(FULL_URL, &full_url)?;
    set(PATH_INFO, &found.path_info)?;
    set(MATCHED_ROUTE, &found.based_route)?;
    set(RAW_COMPONENT_ROUTE, &found.raw_route)?;
    set(
        COMPONENT_ROUTE,
        found
            .raw_route
            .strip_suffix("/...")
            .unwrap_or(&found.raw_route),
    )?;
    set(BASE_PATH, "/")?;
    set(CLIENT_ADDR, &client.to_string())?;
    for (name, value) in &found.segments {
        let name = name.replace('_', "-").to_ascii_lowercase();
        if let Ok(name) = HeaderName::try_from(format!("{PATH_MATCH}{name}")) {
            set(name, value)?;
        }
    }
    Ok(())
}

/// The host the client means: in the URL or in `Host`, and the same where it is in both.
fn authority<B>(request: &Request<B>) -> Result<Authority, Problem> {
    let named = match request.headers().get(HOST) {
        Some(host) => Some(Authority::try_from(host.as_bytes()).map_err(|_| Problem::BadRequest)?),
        None => None,
    };
    match (named, request.uri().authority()) {
        (Some(named), Some(addressed)) if named != *addressed => Err(Problem::BadRequest),
        (Some(authority), _) => Ok(authority),
        (None, Some(authority)) => Ok(authority.clone()),
        (None, None) => Err(Problem::BadRequest),
    }
}

fn strip(headers: &mut HeaderMap) {
    // About the connection to us, not about the request.
    headers.remove(CONNECTION);
    let forged: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(PATH_MATCH))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Match {
        Match {
            trigger: 0,
            raw_route: "/foo/:user_id/...".to_owned(),
            based_route: "/foo/:user_id/...".to_owned(),
            path_info: "/bar".to_owned(),
            segments: vec![("user_id".to_owned(), "42".to_owned())],
        }
    }

    const CLIENT: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8777);

    #[test]
    fn a_component_is_told_what_spin_would_tell_it() {
        let mut request = Request::post("/foo/42/bar?key=1")
            .header("host", "example.com:3000")
            .header("connection", "keep-alive")
            .body(())
            .expect("a request");
        prepare(&mut request, &found(), CLIENT).expect("prepared");
        assert_eq!(request.uri(), "http://example.com:3000/foo/42/bar?key=1");
        for (name, value) in [
            ("spin-full-url", "http://example.com:3000/foo/42/bar?key=1"),
            ("spin-path-info", "/bar"),
            ("spin-matched-route", "/foo/:user_id/..."),
            ("spin-raw-component-route", "/foo/:user_id/..."),
            ("spin-component-route", "/foo/:user_id"),
            ("spin-base-path", "/"),
            ("spin-client-addr", "127.0.0.1:8777"),
            ("spin-path-match-user-id", "42"),
        ] {
            assert_eq!(request.headers()[name], value, "{name}");
        }
        assert!(!request.headers().contains_key("connection"));
    }

    #[test]
    fn a_client_can_not_forge_what_the_host_says() {
        let mut request = Request::get("/foo/42/bar")
            .header("host", "example.com")
            .header("spin-client-addr", "10.0.0.1:1")
            .header("spin-path-match-user-id", "1")
            .header("spin-path-match-other", "1")
            .body(())
            .expect("a request");
        prepare(&mut request, &found(), CLIENT).expect("prepared");
        let values: Vec<_> = request
            .headers()
            .get_all("spin-path-match-user-id")
            .iter()
            .collect();
        assert_eq!(values, ["42"]);
        assert!(!request.headers().contains_key("spin-path-match-other"));
        assert_eq!(request.headers()["spin-client-addr"], "127.0.0.1:8777");
    }

    #[test]
    fn a_host_is_needed_and_must_be_one() {
        let prepared = |mut request: Request<()>| prepare(&mut request, &found(), CLIENT);
        assert_eq!(
            prepared(Request::get("/x").body(()).expect("a request")),
            Err(Problem::BadRequest)
        );
        assert_eq!(
            prepared(
                Request::get("http://a/x")
                    .header("host", "b")
                    .body(())
                    .expect("a request")
            ),
            Err(Problem::BadRequest)
        );
        assert_eq!(
            prepared(Request::get("http://a/x").body(()).expect("a request")),
            Ok(())
        );
    }
}
