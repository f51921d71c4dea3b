//! The sidecar: Dapr's HTTP API, with time limits of our own.

use std::collections::HashMap;
use std::time::Duration;

use punctual_contract::dapr::TOKEN;
use serde_json::Value;

use crate::error::Error;
use crate::functions::chain;

const TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(1);

/// How to reach the sidecar.
#[derive(Clone)]
pub struct DaprOptions {
    /// `http://127.0.0.1:3500`
    pub url: String,
    /// `DAPR_API_TOKEN`: what the sidecar asks of us.
    pub api_token: Option<String>,
    /// `APP_API_TOKEN`: what the sidecar shows us.
    pub app_token: Option<String>,
}

impl std::fmt::Debug for DaprOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DaprOptions")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
pub struct Dapr {
    client: reqwest::Client,
    url: String,
    api_token: Option<String>,
}

impl std::fmt::Debug for Dapr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dapr")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Dapr {
    pub fn new(options: &DaprOptions) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            url: options.url.trim_end_matches('/').to_owned(),
            api_token: options.api_token.clone(),
        })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Error> {
        let request = match &self.api_token {
            Some(token) => request.header(TOKEN, token),
            None => request,
        };
        request
            .send()
            .await
            .map_err(|error| Error::Dapr(chain(&error)))
    }

    /// Registers a job. A name that is taken is the same job, and fine.
    pub async fn schedule(&self, name: &str, job: &Value) -> Result<(), Error> {
        let url = format!("{}/v1.0/jobs/{name}", self.url);
        let answer = self.send(self.client.post(url).json(job)).await?;
        if answer.status().is_success() || answer.status() == reqwest::StatusCode::CONFLICT {
            return Ok(());
        }
        Err(refused(answer).await)
    }

    /// Takes a job back.
    pub async fn cancel(&self, name: &str) -> Result<(), Error> {
        let url = format!("{}/v1.0/jobs/{name}", self.url);
        let answer = self.send(self.client.delete(url)).await?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(refused(answer).await)
    }

    /// The values of a secret, by name.
    pub async fn secret(&self, store: &str, name: &str) -> Result<HashMap<String, String>, Error> {
        let url = format!("{}/v1.0/secrets/{store}/{name}", self.url);
        let answer = self.send(self.client.get(url)).await?;
        // 204: the store has no such secret.
        if answer.status() != reqwest::StatusCode::OK {
            return Err(refused(answer).await);
        }
        answer
            .json()
            .await
            .map_err(|error| Error::Dapr(chain(&error)))
    }
}

async fn refused(answer: reqwest::Response) -> Error {
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    let text: String = text.chars().take(300).collect();
    Error::Dapr(format!("{status}: {text}"))
}
