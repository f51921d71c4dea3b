//! What a worker is told about the cluster around it, and the operator's commands for its topics.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use tokio::time::Instant;

use crate::bus::kafka::{KafkaOptions, Login, Security, topics};
use crate::config::Hidden;
use crate::dapr::{Dapr, DaprOptions};
use crate::error::Error;

/// The secret in the store.
const SECRET: &str = "punctual";
/// How long a worker that starts waits for its sidecar.
const SIDECAR: Duration = Duration::from_secs(30);

#[derive(Args, Clone, Debug)]
pub struct Cluster {
    /// Kafka's brokers, as host:port, comma-separated; where left out, the bus is in process and one worker runs alone
    #[arg(
        long,
        env = "KAFKA_BOOTSTRAP_SERVERS",
        value_name = "HOST:PORT",
        global = true
    )]
    pub kafka: Option<String>,

    /// Before the names of topics and consumer groups, where several installations share the brokers
    #[arg(
        long,
        env = "KAFKA_PREFIX",
        value_name = "TEXT",
        default_value = "",
        global = true
    )]
    pub kafka_prefix: String,

    /// How the brokers are spoken to
    #[arg(
        long,
        env = "KAFKA_SECURITY_PROTOCOL",
        value_name = "PROTOCOL",
        value_enum,
        ignore_case = true,
        default_value = "plaintext",
        global = true
    )]
    pub kafka_security: Protocol,

    /// Certificate (PEM) that the brokers are trusted by; where left out, those of the system
    #[arg(long, env = "KAFKA_CA_FILE", value_name = "FILE", global = true)]
    pub kafka_ca: Option<PathBuf>,

    /// How the worker logs in where the protocol is one of SASL
    #[arg(
        long,
        env = "KAFKA_SASL_MECHANISM",
        value_name = "NAME",
        default_value = "SCRAM-SHA-512",
        value_parser = ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"],
        global = true
    )]
    pub kafka_mechanism: String,

    /// As whom
    #[arg(long, env = "KAFKA_SASL_USERNAME", value_name = "NAME", global = true)]
    pub kafka_user: Option<String>,

    /// With which password
    #[arg(
        long,
        env = "KAFKA_SASL_PASSWORD",
        value_name = "PASSWORD",
        global = true,
        hide_env_values = true
    )]
    pub kafka_password: Option<Hidden>,

    /// The Dapr sidecar, whose jobs wake the worker; where left out, the timer is in process
    #[arg(long, env = "DAPR_HTTP_ENDPOINT", value_name = "URL", global = true)]
    pub dapr: Option<String>,

    /// What the sidecar asks for in each request
    #[arg(
        long,
        env = "DAPR_API_TOKEN",
        value_name = "TOKEN",
        global = true,
        hide_env_values = true
    )]
    pub dapr_api_token: Option<Hidden>,

    /// Dapr's secret store, whose secret `punctual` holds events_secret, vapid_key and, where they are not set otherwise,
    /// database_url and smtp_url; where left out, the secrets are files in the data folder
    #[arg(
        long,
        env = "DAPR_SECRET_STORE",
        value_name = "NAME",
        requires = "dapr",
        global = true
    )]
    pub secret_store: Option<String>,

    /// What the sidecar shows when it calls the worker; without one, everybody who reaches the port is believed
    #[arg(
        long,
        env = "APP_API_TOKEN",
        value_name = "TOKEN",
        global = true,
        hide_env_values = true
    )]
    pub app_api_token: Option<Hidden>,
}

/// Kafka's names (`security.protocol`).
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
#[value(rename_all = "snake_case")]
pub enum Protocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl Cluster {
    pub fn kafka(&self) -> Result<Option<KafkaOptions>, Error> {
        let Some(bootstrap) = &self.kafka else {
            return Ok(None);
        };
        Ok(Some(KafkaOptions {
            bootstrap: bootstrap.clone(),
            prefix: self.kafka_prefix.clone(),
            security: self.security()?,
        }))
    }

    fn security(&self) -> Result<Security, Error> {
        let tls = matches!(self.kafka_security, Protocol::Ssl | Protocol::SaslSsl);
        let sasl = matches!(
            self.kafka_security,
            Protocol::SaslPlaintext | Protocol::SaslSsl
        );
        if let Some(ca) = &self.kafka_ca {
            // librdkafka would say so only in its log, for ever.
            std::fs::metadata(ca).map_err(|error| Error::file(ca, error))?;
        }
        let login = match (&self.kafka_user, &self.kafka_password) {
            (Some(user), Some(password)) if sasl => Some(Login {
                mechanism: self.kafka_mechanism.clone(),
                user: user.clone(),
                password: password.clone(),
            }),
            _ if sasl => {
                return Err(Error::Usage(
                    "the brokers want a login: name it with KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD".to_owned(),
                ));
            }
            (None, None) => None,
            _ => {
                return Err(Error::Usage(
                    "a login goes with --kafka-security sasl_ssl (or sasl_plaintext)".to_owned(),
                ));
            }
        };
        Ok(Security {
            tls,
            ca: self.kafka_ca.clone(),
            login,
        })
    }

    pub fn dapr(&self) -> Option<DaprOptions> {
        let text = |hidden: &Option<Hidden>| hidden.as_ref().map(|text| text.reveal().to_owned());
        self.dapr.as_ref().map(|url| DaprOptions {
            url: url.clone(),
            api_token: text(&self.dapr_api_token),
            app_token: text(&self.app_api_token),
        })
    }

    /// The secrets of the store, where one is named. Waits a while for the sidecar, which may start later than we do.
    pub async fn secrets(&self) -> Result<Option<HashMap<String, String>>, Error> {
        let (Some(store), Some(options)) = (&self.secret_store, self.dapr()) else {
            return Ok(None);
        };
        let dapr = Dapr::new(&options)?;
        let deadline = Instant::now() + SIDECAR;
        loop {
            match dapr.secret(store, SECRET).await {
                Ok(values) => return Ok(Some(values)),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(error) => tracing::info!(%error, "waiting for the sidecar's secrets"),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    pub fn brokers(&self) -> Result<KafkaOptions, Error> {
        self.kafka()?.ok_or_else(|| {
            Error::Usage("which brokers? Name them with --kafka HOST:PORT".to_owned())
        })
    }
}

#[derive(Subcommand, Clone, Debug)]
pub enum Operate {
    /// Compares the brokers' topics with those of this program's manifests (k8s/kafka/topics)
    Topics {
        /// Makes what is missing, grows what is too small, sets what differs
        #[arg(long)]
        apply: bool,
    },
    /// Publishes events again: dead letters, or what was changed in a span of time. Their ids stay, so nothing is done twice
    Replay(Replay),
}

#[derive(Args, Clone, Debug)]
pub struct Replay {
    /// Only this topic; for a span of time, all where left out
    #[arg(long, value_name = "TOPIC", value_parser = ["task-events", "reminders", "task-updates"])]
    pub topic: Option<String>,
    /// The events that were set apart from the topic since the last replay
    #[arg(long, requires = "topic", conflicts_with_all = ["from", "until"])]
    pub dead_letters: bool,
    /// The changes from this instant on (RFC 3339)
    #[arg(long, value_name = "INSTANT", required_unless_present = "dead_letters")]
    pub from: Option<punctual_domain::Instant>,
    /// … and before this one; where left out, now
    #[arg(long, value_name = "INSTANT", requires = "from")]
    pub until: Option<punctual_domain::Instant>,
}

/// Compares topics, and makes them what they should be.
pub async fn compare_topics(options: &KafkaOptions, apply: bool) -> Result<(), Error> {
    let steps = topics::steps(options).await?;
    for step in &steps {
        println!("{step}");
    }
    if steps
        .iter()
        .all(|step| matches!(step, topics::Step::Fine(_)))
    {
        return Ok(());
    }
    if apply {
        topics::apply(options, &steps).await?;
        println!("Applied.");
        Ok(())
    } else {
        Err(Error::Usage(
            "the topics are not as they should be: --apply makes them so".to_owned(),
        ))
    }
}
