//! The settings of `punctual-server`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use punctual_host::Limits;
use punctual_worker::commands::Operate;
use punctual_worker::config::{Common, Hidden};
use punctual_worker::store::Address;

use crate::functions::FunctionsOptions;
use crate::{PostgresAt, ServerOptions};

/// Punctual in one process: the API, the worker, and a SQLite database unless there is Postgres
#[derive(Parser, Debug)]
#[command(version)]
pub struct Program {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub serve: Serve,
    /// Without one: serves until it is stopped
    #[command(subcommand)]
    pub command: Option<Task>,
}

#[derive(Subcommand, Debug)]
pub enum Task {
    #[command(flatten)]
    Operate(Operate),
    /// Serves the functions alone, on Postgres, with their variables from the environment (SPIN_VARIABLE_…), as `spin up`
    /// does; the worker is another process
    Functions,
    /// Asks the server that runs here, on the same port, whether it is well: what a container's health check calls
    Health,
    /// Prints every setting as a table in Markdown
    Settings,
}

#[derive(clap::Args, Clone, Debug)]
pub struct Serve {
    /// Port to listen on; 0 takes any free one
    #[arg(
        long,
        env = "PUNCTUAL_PORT",
        value_name = "PORT",
        default_value_t = 3000
    )]
    pub port: u16,

    /// Address to listen on; anything but loopback belongs behind a proxy that speaks TLS
    #[arg(
        long,
        env = "PUNCTUAL_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1"
    )]
    pub listen: IpAddr,

    /// Who may make an account. The first account can always be made, and becomes the admin
    #[arg(
        long,
        env = "PUNCTUAL_REGISTRATION",
        value_name = "WHO",
        default_value = "closed"
    )]
    pub registration: Registration,

    /// Proxies (CIDR, comma-separated) whose X-Forwarded-For is believed
    #[arg(
        long,
        env = "PUNCTUAL_TRUSTED_PROXIES",
        value_name = "RANGES",
        default_value = "",
        hide_default_value = true
    )]
    pub trusted_proxies: String,

    /// Postgres as the functions reach it, where that is through a transaction pooler (PgBouncer 1.21 or later); where left
    /// out, as the worker does
    #[arg(
        long,
        env = "DATABASE_POOLED_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_pooled_url: Option<Hidden>,

    /// Folder that spin.toml is in; where left out, the application that the program carries, or else the present folder
    #[arg(long, env = "PUNCTUAL_APP", value_name = "DIR")]
    pub app: Option<PathBuf>,

    /// Folder of the compiled functions; where left out, `cache` in the data folder
    #[arg(long, env = "PUNCTUAL_CACHE", value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Registration {
    /// Everybody
    Open,
    /// Who was invited by an admin
    Invite,
    /// Nobody
    Closed,
}

impl fmt::Display for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        })
    }
}

impl Program {
    /// For the functions alone.
    pub fn functions(&self) -> FunctionsOptions {
        let Self { common, serve, .. } = self;
        FunctionsOptions {
            data: common.data.clone(),
            app: serve.app.clone().unwrap_or_else(|| PathBuf::from(".")),
            cache: serve.cache.clone(),
            listen: SocketAddr::new(serve.listen, serve.port),
        }
    }

    pub fn options(&self) -> Result<ServerOptions, punctual_worker::Error> {
        let Self { common, serve, .. } = self;
        let pooled = serve.database_pooled_url.as_ref();
        let pooled = pooled.map(|url| Address::parse(url.reveal())).transpose()?;
        let postgres = match (common.address()?, pooled) {
            (Some(direct), pooled) => Some(PostgresAt { direct, pooled }),
            (None, None) => None,
            (None, Some(_)) => {
                return Err(punctual_worker::Error::Usage(
                    "DATABASE_POOLED_URL needs DATABASE_URL: the worker reaches the database directly".to_owned(),
                ));
            }
        };
        Ok(ServerOptions {
            data: common.data.clone(),
            postgres,
            kafka: None,
            dapr: None,
            hub: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            app: serve.app.clone(),
            cache: serve.cache.clone(),
            listen: SocketAddr::new(serve.listen, serve.port),
            public_url: common.public_url.clone(),
            registration: serve.registration,
            trusted_proxies: serve.trusted_proxies.clone(),
            webhook_allow_private: common.webhook_allow_private,
            mail: common.mail()?,
            clock: None,
            limits: Limits::default(),
        })
    }
}
