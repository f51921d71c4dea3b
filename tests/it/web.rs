//! The web app as the function `web` serves it, whatever is in it.

use std::collections::BTreeMap;

use it::client::Reply;
use it::{App, process};

/// The files of `web/dist` by the path that they are served at.
fn built() -> BTreeMap<String, Vec<u8>> {
    fn collect(folder: &std::path::Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).expect("web/dist is built") {
            let entry = entry.expect("an entry");
            let path = format!("{prefix}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                collect(&entry.path(), &path, files);
            } else {
                files.insert(path, std::fs::read(entry.path()).expect("read"));
            }
        }
    }
    let mut files = BTreeMap::new();
    collect(&process::root().join("web/dist"), "", &mut files);
    files
}

async fn get(path: &str, headers: &[(&str, &str)]) -> Reply {
    let app = App::shared().await;
    app.client().send("GET", path, headers, None).await
}

#[tokio::test]
async fn every_file_of_the_built_app_is_served_as_it_is_with_its_type_and_length() {
    let mut served = 0;
    for (path, content) in built() {
        let reply = get(&path, &[]).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(
            reply.header("content-length"),
            Some(content.len().to_string().as_str()),
            "{path}"
        );
        if let Ok(text) = String::from_utf8(content) {
            assert!(reply.text == text, "{path} differs");
        }
        let kind = reply.header("content-type").unwrap_or_default();
        let expected = match path.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("webmanifest") => "application/manifest+json",
            _ => kind,
        };
        assert_eq!(kind, expected, "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        let kept = if path.starts_with("/assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        assert_eq!(reply.header("cache-control"), Some(kept), "{path}");
        served += 1;
    }
    assert!(served > 0);
}

#[tokio::test]
async fn what_a_browser_has_kept_is_not_sent_again_and_each_encoding_is_one_of_its_own() {
    let files = built();
    // The largest text: it is smaller when it is compressed.
    let (path, content) = files
        .iter()
        .filter(|(path, _)| {
            [".html", ".js", ".css"]
                .iter()
                .any(|end| path.ends_with(end))
        })
        .max_by_key(|(_, content)| content.len())
        .expect("a page");
    let mut etags = Vec::new();
    for (accepted, encoding) in [
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip;q=0.5, br;q=0", Some("gzip")),
        ("*", Some("br")),
        ("identity", None),
        ("br;q=0, gzip;q=0", None),
    ] {
        let reply = get(path, &[("accept-encoding", accepted)]).await;
        assert_eq!(
            (reply.status, reply.header("content-encoding")),
            (200, encoding),
            "{accepted}"
        );
        assert_eq!(reply.header("vary"), Some("accept-encoding"));
        let length: usize = reply
            .header("content-length")
            .and_then(|length| length.parse().ok())
            .expect("a length");
        assert_eq!(length < content.len(), encoding.is_some(), "{accepted}");
        let etag = reply.header("etag").expect("an ETag").to_owned();
        for tags in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
            let headers = [
                ("accept-encoding", accepted),
                ("if-none-match", tags.as_str()),
            ];
            let kept = get(path, &headers).await;
            assert_eq!((kept.status, kept.text.as_str()), (304, ""), "{tags}");
            assert_eq!(kept.header("etag"), Some(etag.as_str()));
            assert!(kept.header("cache-control").is_some());
        }
        etags.push(etag);
    }
    assert_eq!(etags[0], etags[2]);
    assert_eq!(etags[3], etags[4]);
    assert!(etags[0] != etags[1] && etags[1] != etags[3] && etags[3] != etags[0]);
    let other = get(path, &[("if-none-match", "\"x\"")]).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn every_view_is_the_page_under_a_strict_policy_and_a_file_that_is_not_there_is_not() {
    let index = get("/", &[]).await;
    assert_eq!(index.status, 200);
    let page = String::from_utf8(built()["/index.html"].clone()).expect("text");
    assert!(index.text == page);
    for view in [
        "/today",
        "/projects/7/edit",
        "/login?next=%2Ftoday",
        "/index.html",
    ] {
        let reply = get(view, &[]).await;
        assert_eq!((reply.status, reply.text == page), (200, true), "{view}");
        let policy = reply.header("content-security-policy").unwrap_or_default();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(
                policy.split("; ").any(|one| one == part),
                "{part}: {policy}"
            );
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert!(reply.header("permissions-policy").is_some());
        assert_eq!(reply.header("cache-control"), Some("no-cache"));
    }
    for missing in [
        "/favicon.gif",
        "/assets/index-00000000.js",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/assets/..%2f..%2fpackage.json",
    ] {
        let reply = get(missing, &[]).await;
        assert_eq!(reply.status, 404, "{missing}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
    }
}

#[tokio::test]
async fn unknown_paths_of_the_api_are_problems_and_never_the_page() {
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/live/x",
        "/api/openapi.json/x",
        "/events",
        "/events/on-nothing",
        "/healthz/x",
        "/act",
        "/act/",
        "/act/a/b",
    ] {
        let reply = get(path, &[]).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (404, Some("application/problem+json")),
            "{path}"
        );
    }
    let client = App::shared().await.client();
    let post = client.post("/api/nothing", serde_json::json!({})).await;
    assert_eq!(post.status, 404, "and not 405");
}

#[tokio::test]
async fn head_answers_what_get_would_and_other_methods_are_refused() {
    let client = App::shared().await.client();
    let (head, full) = (
        client.send("HEAD", "/", &[], None).await,
        get("/", &[]).await,
    );
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    for name in ["content-length", "etag", "content-type"] {
        assert_eq!(head.header(name), full.header(name), "{name}");
    }
    let post = client.post("/today", serde_json::json!({})).await;
    assert_eq!(
        (post.status, post.header("allow")),
        (405, Some("GET, HEAD"))
    );
}
