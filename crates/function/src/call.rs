//! A request, read whole and within bounds.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use percent_encoding::percent_decode_str;
use punctual_contract::api::MAX_BODY;
use punctual_contract::problem::Problem;
use punctual_store::write::{Earlier, Key, Write, earlier, remember};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use spin_sdk::http::body::IncomingBodyExt;
use spin_sdk::http::{HeaderMap, Method, Request};
use uuid::{NoContext, Timestamp, Uuid};

use crate::Caller;

#[derive(Debug)]
pub struct Call {
    pub method: Method,
    /// As sent, without the query.
    pub path: String,
    /// Host and port that the client asked for, such as `todo.example.org` or `127.0.0.1:3000`.
    pub authority: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Unix microseconds, read once: one request has one time.
    pub now: i64,
    /// UUIDv7. In every problem's `instance`, and the `op` of a write without a key.
    pub request_id: String,
    segments: Vec<String>,
    query: Vec<(String, String)>,
}

/// The host's clock, which tests can set.
fn now_micros() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}

fn too_large() -> Problem {
    Problem::new(
        413,
        format!("A request body may have {MAX_BODY} bytes at most."),
    )
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

impl Call {
    pub(crate) async fn read(request: Request) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let announced = head
            .headers
            .get("content-length")
            .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > MAX_BODY) {
            return Err(too_large());
        }
        // A body of these means nothing (RFC 9110 §9.3.1), and each look for one is a crossing to the host.
        let without = announced == Some(0) || [Method::GET, Method::HEAD].contains(&head.method);
        let mut read = BytesMut::new();
        let mut stream = body.stream();
        while !without && let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Problem::new(400, "The request's body broke off."))?;
            if read.len() + chunk.len() > MAX_BODY {
                return Err(too_large());
            }
            read.extend_from_slice(&chunk);
        }
        let path = head.uri.path().to_owned();
        let named = head
            .headers
            .get("host")
            .and_then(|host| host.to_str().ok())
            .map(str::to_owned);
        let authority = head.uri.authority().map(ToString::to_string);
        let now = now_micros();
        Ok(Self {
            segments: path
                .split('/')
                .filter(|part| !part.is_empty())
                .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
                .collect(),
            query: head
                .uri
                .query()
                .unwrap_or_default()
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
            method: head.method,
            path,
            authority: authority.or(named).unwrap_or_default(),
            headers: head.headers,
            body: read.freeze(),
            now,
            request_id: Uuid::from_bytes(new_id_bytes(now)).to_string(),
        })
    }

    /// Method and the path's segments after `skip`: what a handler matches on.
    pub fn route(&self, skip: usize) -> (&str, Vec<&str>) {
        (
            self.method.as_str(),
            self.segments
                .iter()
                .skip(skip)
                .map(String::as_str)
                .collect(),
        )
    }

    /// 405: the path has only the methods of `allow`, such as `GET, POST`.
    pub fn not_allowed(&self, allow: &str) -> Problem {
        Problem::not_allowed(
            format!(
                "{} is not a method of {}; these are: {allow}.",
                self.method, self.path
            ),
            allow,
        )
    }

    /// 404: no function answers at this path.
    pub fn no_route(&self) -> Problem {
        Problem::new(404, format!("There is nothing at {}.", self.path))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Content-Type` without its parameters, in lower case.
    pub fn media_type(&self) -> Option<String> {
        let kind = self.header("content-type")?;
        let kind = kind.split(';').next().unwrap_or_default();
        Some(kind.trim().to_ascii_lowercase())
    }

    /// A cookie's value (RFC 6265 §4.2). Of several with one name the first, which has the longest path.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all("cookie")
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// 403 for what a page of another site asks a browser to send: an `Origin` (RFC 6454) that is neither the host asked
    /// for nor `public_url`, which is what the world sees where a proxy stands before this.
    pub fn own_origin(&self, public_url: &str) -> Result<(), Problem> {
        let Some(origin) = self.headers.get("origin") else {
            return Ok(());
        };
        let origin = origin.to_str().unwrap_or_default();
        let host = |url: &str| -> Option<String> {
            let (scheme, rest) = url.split_once("://")?;
            let authority = rest.split('/').next().unwrap_or_default();
            Some(without_port_of(scheme, authority))
        };
        let (scheme, _) = origin.split_once("://").unwrap_or_default();
        let own = host(origin).is_some_and(|given| {
            given == without_port_of(scheme, &self.authority) || Some(given) == host(public_url)
        });
        if own {
            Ok(())
        } else {
            Err(Problem::new(
                403,
                "The page that sends this belongs to another site, so the cookie does not count.",
            ))
        }
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// 422 for a query parameter that this route doesn't know: a misspelt filter must not answer everything.
    pub fn only_queries(&self, known: &[&str]) -> Result<(), Problem> {
        match self
            .query
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            None => Ok(()),
            Some((name, _)) => Err(Problem::field(
                name.clone(),
                format!("is not a parameter here; these are: {}", known.join(", ")),
            )),
        }
    }

    /// A parameter that is `true` or `false`; `false` where left out.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.query(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::field(name, "takes `true` or `false`")),
        }
    }

    /// `?limit=`, 1 to 200, 50 where left out.
    pub fn limit(&self) -> Result<i64, Problem> {
        match self.query("limit") {
            None => Ok(50),
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=200).contains(limit))
                .ok_or_else(|| Problem::field("limit", "takes a whole number from 1 to 200")),
        }
    }

    /// `?cursor=`: what an earlier page gave as `next`.
    pub fn cursor<T: DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        let Some(text) = self.query("cursor") else {
            return Ok(None);
        };
        read_cursor(text)
            .map(Some)
            .ok_or_else(|| Problem::field("cursor", "was not given by an earlier page"))
    }

    /// The body as JSON; an empty one counts as `{}`. 422 names the field's path.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if let Some(kind) = self.media_type()
            && kind != "application/json"
            && !kind.ends_with("+json")
            && !self.body.is_empty()
        {
            return Err(Problem::new(415, "Send the body as application/json."));
        }
        let body: &[u8] = if self.body.is_empty() {
            b"{}"
        } else {
            &self.body
        };
        let mut reader = serde_json::Deserializer::from_slice(body);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "body".to_owned() } else { path };
            Problem::field(field, error.into_inner().to_string())
        })?;
        reader
            .end()
            .map_err(|error| Problem::field("body", error.to_string()))?;
        Ok(value)
    }

    /// `If-Match` (RFC 9110 §13.1.1). A tag that is none of ours matches nothing.
    pub fn if_match(&self) -> IfMatch {
        match self.header("if-match").map(str::trim) {
            None | Some("*") => IfMatch::Any,
            Some(tags) => IfMatch::Of(
                tags.split(',')
                    .filter_map(|tag| {
                        tag.trim()
                            .strip_prefix('"')?
                            .strip_suffix('"')?
                            .parse()
                            .ok()
                    })
                    .collect(),
            ),
        }
    }

    /// The `Idempotency-Key`: 1 to 255 visible ASCII characters, on POST.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        let Some(value) = self
            .headers
            .get("idempotency-key")
            .filter(|_| self.method == Method::POST)
        else {
            return Ok(None);
        };
        value
            .to_str()
            .ok()
            .filter(|key| {
                (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
            })
            .map(Some)
            .ok_or_else(|| {
                Problem::field("Idempotency-Key", "takes 1 to 255 visible ASCII characters")
            })
    }

    /// Hash of method, path and body: what a repetition under the same key must have in common with the first.
    pub fn body_hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.method.as_str());
        hash.update([0]);
        hash.update(&self.path);
        hash.update([0]);
        hash.update(&self.body);
        URL_SAFE_NO_PAD.encode(&hash.finalize()[..18])
    }

    /// Who writes, for the columns of an evented row.
    pub fn write(&self, caller: &Caller) -> Result<Write, Problem> {
        let key = self.idempotency_key()?;
        Ok(Write {
            op: key.map_or_else(
                || self.request_id.clone(),
                |key| format!("{}:{key}", caller.user),
            ),
            body_hash: key.map(|_| self.body_hash()),
            actor: caller.user.clone(),
            via: caller.via.clone(),
            trace: self.trace(),
            now: self.now,
        })
    }

    /// What an earlier request with this key did: its row where it was the same request, 422 where it was another.
    pub async fn repeated(&self, write: &Write, table: &str) -> Result<Option<Earlier>, Problem> {
        if write.body_hash.is_none() {
            return Ok(None);
        }
        match earlier(&write.op, table).await? {
            None => Ok(None),
            Some(first) if first.body_hash == write.body_hash => Ok(Some(first)),
            Some(_) => Err(Problem::key_reused()),
        }
    }

    /// Remembers the key for this request, where no change will: see [`remember`]. Whether an earlier one did; 422 where
    /// the key is another request's.
    pub async fn remember(&self, write: &Write, table: &str, row: &str) -> Result<bool, Problem> {
        match remember(write, table, row).await? {
            Key::New => Ok(false),
            Key::Known => Ok(true),
            Key::Other => Err(Problem::key_reused()),
        }
    }

    /// The id of a row that this call creates. It derives from the key where there is one, so that a repetition means
    /// the same row.
    pub fn new_id(&self, write: &Write) -> String {
        match &write.body_hash {
            None => Uuid::from_bytes(new_id_bytes(self.now)).to_string(),
            Some(_) => derived_id(&["row", &write.op]),
        }
    }

    /// W3C `traceparent`, if it is one.
    pub fn trace(&self) -> Option<String> {
        let given = self.header("traceparent")?;
        let valid = given.len() == 55
            && given
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        valid.then(|| given.to_owned())
    }

    /// The client's address: the peer's, or what a trusted proxy says of it. `trusted` is a comma-separated list of CIDRs.
    pub fn client_address(&self, trusted: &str) -> String {
        // The last one is the host's: under Spin, one that the client sent itself stands before it.
        let peer = self
            .headers
            .get_all("spin-client-addr")
            .iter()
            .next_back()
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let peer = peer
            .rsplit_once(':')
            .map_or(peer, |(host, _)| host)
            .trim_matches(['[', ']']);
        let trusts = |address: &str| {
            let Ok(address) = address.parse() else {
                return false;
            };
            trusted
                .split(',')
                .filter_map(|range| Range::parse(range.trim()))
                .any(|range| range.holds(address))
        };
        if !trusts(peer) {
            return peer.to_owned();
        }
        let forwarded: Vec<&str> = self
            .headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        forwarded
            .iter()
            .rev()
            .find(|address| !trusts(address))
            .map_or(peer, |address| address)
            .to_owned()
    }
}

/// Which versions a change may be made to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    Any,
    Of(Vec<i64>),
}

impl IfMatch {
    /// Whether a change may be made to this version.
    pub fn holds(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Of(versions) => versions.contains(&version),
        }
    }

    /// A JSON array of the versions for a statement's condition; `None` where any will do.
    pub fn json(&self) -> Option<String> {
        match self {
            Self::Any => None,
            Self::Of(versions) => serde_json::to_string(versions).ok(),
        }
    }
}

/// The authority in lower case, without the port that its scheme has anyway.
fn without_port_of(scheme: &str, authority: &str) -> String {
    let authority = authority.to_ascii_lowercase();
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return authority,
    };
    match authority.strip_suffix(port) {
        Some(host) => host.to_owned(),
        None => authority,
    }
}

/// Cursors are the hexadecimal form of a JSON value: SQL can write it on both databases.
pub fn read_cursor<T: DeserializeOwned>(text: &str) -> Option<T> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
    };
    let pairs = text.as_bytes().chunks(2);
    let json: Vec<u8> = pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect::<Option<_>>()?;
    serde_json::from_slice(&json).ok()
}

/// A UUIDv7 (RFC 9562 §5.7) for this time.
fn new_id_bytes(now: i64) -> [u8; 16] {
    let micros = u64::try_from(now).unwrap_or(0);
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
    *Uuid::new_v7(Timestamp::from_unix(NoContext, micros / 1_000_000, nanos)).as_bytes()
}

/// A UUIDv8 (RFC 9562 §5.8) made of a hash: the same parts give the same id.
pub fn derived_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// A CIDR range.
struct Range {
    network: std::net::IpAddr,
    bits: u32,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(address, bits)| (address, Some(bits)));
        let network: std::net::IpAddr = address.parse().ok()?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
        (bits <= most).then_some(Self { network, bits })
    }

    fn holds(&self, address: std::net::IpAddr) -> bool {
        use std::net::IpAddr::{V4, V6};
        match (self.network, address.to_canonical()) {
            (V4(network), V4(address)) => same(
                network.to_bits().into(),
                address.to_bits().into(),
                self.bits,
                32,
            ),
            (V6(network), V6(address)) => {
                same(network.to_bits(), address.to_bits(), self.bits, 128)
            }
            _ => false,
        }
    }
}

fn same(one: u128, other: u128, bits: u32, width: u32) -> bool {
    bits == 0 || (one ^ other) >> (width - bits) == 0
}
