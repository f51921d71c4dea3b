//! A component that does on request what components do, good and bad. The host's tests drive it.

mod bad;
mod postgres;
mod storage;
mod streams;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use spin_sdk::http::body::IncomingBodyExt as _;
use spin_sdk::http::{BoxBody, FullBody, Request, Response, StatusCode, box_body};
use spin_sdk::http_service;

/// Requests this instance has served.
static SERVED: AtomicU64 = AtomicU64::new(0);
/// Slow ones it has begun.
static SLOW: AtomicU64 = AtomicU64::new(0);

#[http_service]
async fn handle(request: Request) -> anyhow::Result<Response<BoxBody>> {
    let served = SERVED.fetch_add(1, Ordering::Relaxed) + 1;
    let path = request.uri().path().to_owned();
    let query = query(request.uri().query().unwrap_or_default());
    let number = |name: &str| {
        query
            .get(name)
            .and_then(|value| value.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let text = |name: &str| query.get(name).cloned().unwrap_or_default();
    Ok(match path.as_str() {
        "/hello" => plain("hello"),
        "/echo" => Response::new(box_body(request.into_body())),
        "/length" => {
            let mut length = 0;
            let mut body = request.into_body().stream();
            while let Some(piece) = futures::StreamExt::next(&mut body).await {
                length += piece?.len();
            }
            plain(length.to_string())
        }
        "/headers" => {
            let mut headers = Map::new();
            for (name, value) in request.headers() {
                let values = headers.entry(name.to_string()).or_insert_with(|| json!([]));
                if let Some(values) = values.as_array_mut() {
                    values.push(String::from_utf8_lossy(value.as_bytes()).into());
                }
            }
            json_answer(&json!({
                "uri": request.uri().to_string(),
                "method": request.method().as_str(),
                "headers": headers,
            }))
        }
        "/served" => plain(served.to_string()),
        "/clock" => {
            let micros = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
            let p3 = spin_sdk::wasip3::clocks::system_clock::now();
            json_answer(&json!({
                "p2": u64::try_from(micros)?,
                "p3": p3.seconds * 1_000_000 + i64::from(p3.nanoseconds / 1000),
            }))
        }
        "/environment" => plain(std::env::var(text("name")).unwrap_or_default()),
        "/print" => {
            println!("out {}", text("text"));
            eprintln!("err {}", text("text"));
            plain("printed")
        }
        "/slow" => {
            SLOW.fetch_add(1, Ordering::Relaxed);
            spin_sdk::time::sleep(Duration::from_millis(number("ms"))).await;
            plain("at last")
        }
        "/slow/begun" => plain(SLOW.load(Ordering::Relaxed).to_string()),
        "/variable" => match spin_sdk::variables::get(text("name")).await {
            Ok(value) => plain(value),
            Err(error) => status(400, format!("{error:?}")),
        },
        "/fetch" => match spin_sdk::http::get(text("url")).await {
            Ok(response) => {
                let status = response.status();
                let mut passed = Response::new(box_body(response.into_body()));
                *passed.status_mut() = status;
                passed
            }
            Err(error) => status(502, format!("{error:?}")),
        },
        "/sse" => streams::events(number("ms")),
        "/sse/counts" => plain(streams::counts()),
        "/fail" => anyhow::bail!("on purpose"),
        "/sql" => storage::sql(request).await?,
        "/sql/leave-open" => storage::leave_a_transaction_open(text("sql")).await?,
        "/sql/kept" => storage::kept(text("sql")).await?,
        "/key-value" => storage::key_value(request).await?,
        "/postgres" => postgres::run(request).await?,
        "/postgres/blocking" => postgres::blocking(text("sql")).await?,
        "/postgres/leave-open" => postgres::leave_a_transaction_open(text("sql")).await?,
        "/postgres/linger" => postgres::linger(text("sql")).await?,
        "/postgres/read-some" => postgres::read_some(text("sql"), number("count")).await?,
        "/postgres/kept" => postgres::kept(text("sql")).await?,
        "/postgres/fresh" => postgres::fresh(text("sql")).await?,
        "/trap" => bad::trap(),
        "/trap-later" => bad::trap_later(number("ms")),
        "/spin" => bad::spin(),
        "/spin-later" => bad::spin_later(),
        "/hang" => bad::hang().await,
        "/memory" => bad::memory(number("mib")),
        _ => status(404, format!("no {path}")),
    })
}

fn query(text: &str) -> std::collections::HashMap<String, String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        match (
            first,
            code.and_then(|code| u8::from_str_radix(code, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn plain(text: impl Into<String>) -> Response<BoxBody> {
    status(200, text)
}

fn json_answer(value: &Value) -> Response<BoxBody> {
    plain(value.to_string())
}

fn status(code: u16, text: impl Into<String>) -> Response<BoxBody> {
    let text: String = text.into();
    let length = text.len();
    let mut response = Response::new(box_body(FullBody::new(Bytes::from(text))));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert("content-length", length.into());
    response
}
