//! The web app: the files of `web/dist`, from bytes that the build put into this component.

mod encoding;

use punctual_function::{Answer, Call, Problem, Reply, serve};
use spin_sdk::http::Request;
use spin_sdk::http_service;

/// One file of the built web app.
pub struct File {
    /// Below `web/dist`, with slashes.
    path: &'static str,
    /// Of the content; each encoding is a representation of its own.
    etag: &'static str,
    plain: &'static [u8],
    /// Where smaller.
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

// `FILES`, sorted by path.
include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// What is not the web app's: unknown paths there are told as everywhere in the API.
/// `dapr` is where a sidecar asks (`/dapr/subscribe`, `/dapr/config`): a page in place of a 404 would be an error to it, and
/// it would subscribe to nothing.
const OTHERS: [&str; 5] = ["api", "events", "act", "healthz", "dapr"];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    manifest-src 'self'; worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
    magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// The names of such files hold a hash of their content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Kept, and asked about each time.
const ASK: &str = "no-cache";

#[http_service]
async fn handle(request: Request) -> Reply {
    serve(request, answer).await
}

async fn answer(call: &Call) -> Result<Answer, Problem> {
    let (method, path) = call.route(0);
    if path.first().is_some_and(|first| OTHERS.contains(first)) {
        return Err(call.no_route());
    }
    if method != "GET" && method != "HEAD" {
        return Err(call.not_allowed("GET, HEAD"));
    }
    let wanted = match path.as_slice() {
        [] => "index.html".to_owned(),
        path => path.join("/"),
    };
    let file = match found(&wanted) {
        Some(file) => file,
        // A view of the app, which finds its way by itself.
        None if !path.last().is_some_and(|last| last.contains('.')) => {
            found("index.html").ok_or_else(|| call.no_route())?
        }
        None => return Err(call.no_route()),
    };
    Ok(sent(call, file))
}

fn found(path: &str) -> Option<&'static File> {
    let at = FILES.binary_search_by(|file| file.path.cmp(path)).ok()?;
    FILES.get(at)
}

fn sent(call: &Call, file: &'static File) -> Answer {
    let (encoding, body) = encoding::choose(call, file);
    let etag = match encoding {
        None => format!("\"{}\"", file.etag),
        Some(encoding) => format!("\"{}-{encoding}\"", file.etag),
    };
    let kind = kind(file.path);
    let known = call.header("if-none-match").is_some_and(|tags| {
        tags.split(',')
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == etag || tag == "*")
    });
    let mut answer = if known {
        Answer::not_modified()
    } else {
        Answer::raw(200, kind, body)
    };
    if let (Some(encoding), false) = (encoding, known) {
        answer = answer.header("content-encoding", encoding);
    }
    if file.brotli.is_some() || file.gzip.is_some() {
        answer = answer.header("vary", "accept-encoding");
    }
    let hashed = file.path.starts_with("assets/");
    answer = answer
        .header("etag", etag)
        .header("cache-control", if hashed { FOR_EVER } else { ASK });
    if kind.starts_with("text/html") {
        answer = answer
            .header("content-security-policy", POLICY)
            .header("referrer-policy", "no-referrer")
            .header("permissions-policy", PERMISSIONS)
            .header("cross-origin-opener-policy", "same-origin");
    }
    answer
}

/// The media type, by the name's end.
fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
