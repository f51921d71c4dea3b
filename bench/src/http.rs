//! A connection that is kept, and what goes over it.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

pub type Connection = SendRequest<Full<Bytes>>;

#[derive(Clone)]
pub struct Ask {
    pub method: Method,
    pub path: String,
    pub body: Option<String>,
    /// `X-Forwarded-For`
    pub from: Option<String>,
}

impl Ask {
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: None,
            from: None,
        }
    }

    pub fn post(path: impl Into<String>, body: &Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body.to_string()),
            ..Self::get(path)
        }
    }
}

pub async fn connect(address: SocketAddr) -> Result<Connection> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// An answer's head, whatever its status.
pub async fn begin(
    connection: &mut Connection,
    token: &str,
    ask: Ask,
) -> Result<Response<Incoming>> {
    connection.ready().await?;
    let mut request = Request::builder()
        .method(ask.method)
        .uri(&ask.path)
        .header(header::HOST, "127.0.0.1")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    if ask.body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    if let Some(from) = ask.from {
        request = request.header("x-forwarded-for", from);
    }
    let request = request.body(Full::from(ask.body.unwrap_or_default()))?;
    Ok(connection.send_request(request).await?)
}

/// The body of a 2xx answer; anything else is an error.
pub async fn send(connection: &mut Connection, token: &str, ask: Ask) -> Result<Bytes> {
    let path = ask.path.clone();
    let answer = begin(connection, token, ask).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if !status.is_success() || body.is_empty() {
        bail!(
            "{path} answered {status}: {}",
            String::from_utf8_lossy(&body)
        );
    }
    Ok(body)
}

pub async fn json(connection: &mut Connection, token: &str, ask: Ask) -> Result<Value> {
    Ok(serde_json::from_slice(
        &send(connection, token, ask).await?,
    )?)
}

pub fn text(value: &Value, name: &str) -> Result<String> {
    let text = value[name].as_str();
    Ok(text.with_context(|| format!("no {name}"))?.to_owned())
}
