//! What is found out before the first request.

use std::time::{Duration, Instant};

use punctual_host::{Error, Host, Variables};

use crate::support::{Application, EVERYTHING};

async fn fault(app: Application) -> String {
    match Host::load(app.options).await {
        Ok(_) => panic!("it loads"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn an_unknown_key_is_an_error_with_its_line() {
    let fault = fault(Application::new(&format!(
        "{EVERYTHING}sqlite_databses = []\n"
    )))
    .await;
    assert!(
        fault.contains("spin.toml:13:") && fault.contains("sqlite_databses"),
        "{fault}"
    );
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let manifest = EVERYTHING.replace("GUEST", "no-such.wasm");
    assert!(
        fault(Application::new(&manifest))
            .await
            .contains("no-such.wasm")
    );

    let without = Application::new(EVERYTHING).options(|options| options.databases.clear());
    let message = fault(without).await;
    assert!(
        message.contains("guest") && message.contains("SQLite database `default`"),
        "{message}"
    );
    let without = Application::new(EVERYTHING).options(|options| options.key_value = None);
    assert!(fault(without).await.contains("key-value store `default`"));

    let manifest = format!(
        "{EVERYTHING}[variables]\nfirst = {{ required = true }}\nsecond = {{ required = true }}\n"
    );
    let app = Application::new(&manifest)
        .options(|options| options.variables = Variables::new().set("first", "1"));
    let message = fault(app).await;
    assert!(
        message.contains("second") && !message.contains("first"),
        "{message}"
    );

    let message = fault(Application::new(&format!(
        "{EVERYTHING}variables = {{ a = \"{{{{ b }}}}\" }}\n"
    )))
    .await;
    assert!(
        message.contains("spin.toml:10") && message.contains("unknown variable `b`"),
        "{message}"
    );
    let message = fault(Application::new(&format!(
        "{EVERYTHING}allowed_outbound_hosts = [\"*\"]\n"
    )))
    .await;
    assert!(
        message.contains("spin.toml:10") && message.contains("scheme"),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_no_component_is_refused() {
    let app = Application::new(&EVERYTHING.replace("GUEST", "broken.wasm"));
    std::fs::write(app.folder.path().join("broken.wasm"), b"\0asm no").expect("written");
    let error = Host::load(app.options).await.err().expect("refused");
    assert!(matches!(error, Error::Component { .. }), "{error}");
    assert!(error.to_string().contains("guest"), "{error}");
}

#[tokio::test]
async fn a_second_start_takes_compiled_components_from_the_cache() {
    let cache = tempfile::tempdir().expect("a folder");
    let load = || async {
        let app = Application::new(EVERYTHING)
            .options(|options| options.cache_dir = cache.path().join("cache"));
        let start = Instant::now();
        let app = app.load().await;
        assert_eq!(app.get("/hello").await.text(), "hello");
        start.elapsed()
    };
    let first = load().await;
    let files = || {
        let entries = std::fs::read_dir(cache.path().join("cache")).expect("the cache");
        entries
            .map(|entry| entry.expect("an entry").path())
            .collect::<Vec<_>>()
    };
    assert_eq!(files().len(), 1);
    let second = load().await;
    assert!(second < first, "first {first:?}, second {second:?}");
    assert!(second < Duration::from_secs(1), "{second:?}");
    // A damaged file is noticed and replaced.
    let file = files().remove(0);
    let mut bytes = std::fs::read(&file).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).expect("written");
    load().await;
    assert_ne!(std::fs::read(&file).expect("read"), bytes);
    std::fs::write(&file, b"").expect("written");
    load().await;
}

#[tokio::test]
async fn two_components_of_one_source_keep_their_own_grants() {
    let app = Application::new(
        r#"
[[trigger.http]]
route = "/environment"
component = "one"
[[trigger.http]]
route = "/sql"
component = { source = "GUEST", environment = { NAME = "two" } }
[component.one]
source = "GUEST"
environment = { NAME = "one" }
sqlite_databases = ["default"]
"#,
    )
    .load()
    .await;
    assert_eq!(app.get("/environment?name=NAME").await.text(), "one");
    assert_eq!(app.post("/sql", "{}").await.text(), "Error::AccessDenied");
}
