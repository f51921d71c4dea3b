//! The address a guest gives: parsed, and compared with what its component may reach.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::error::chain;
use super::wit;
use crate::allowed_hosts::AllowedHosts;

/// How soon a peer that is gone is noticed: 30 s without an answer.
const SILENCE: Duration = Duration::from_secs(30);
const PROBES: Duration = Duration::from_secs(5);
/// The driver's own value, which is too long to be useful behind a load balancer.
const UNSET_KEEPALIVE: Duration = Duration::from_secs(2 * 60 * 60);

/// A URL or `key=value` string, as libpq takes it. Each host that it names must be allowed, and each address that
/// it gives in a host's place.
pub(super) fn parse(
    address: &str,
    allowed: &AllowedHosts,
    component: &str,
) -> Result<Config, wit::Error> {
    let failed = |message: String| Err(wit::Error::ConnectionFailed(message));
    let config: Config = match address.parse() {
        Ok(config) => config,
        Err(error) => return failed(chain(&error)),
    };
    let mut hosts = Vec::new();
    for (index, host) in config.get_hosts().iter().enumerate() {
        match host {
            Host::Tcp(host) => hosts.push((index, host.clone())),
            Host::Unix(_) => {
                return failed("Unix sockets are not supported on WebAssembly".to_owned());
            }
        }
    }
    // `hostaddr` is where the driver connects to, whatever `host` says.
    for (index, address) in config.get_hostaddrs().iter().enumerate() {
        hosts.push((index, address.to_string()));
    }
    if hosts.is_empty() {
        return failed("the address names no host".to_owned());
    }
    let ports = config.get_ports();
    for (index, host) in hosts {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        if !allowed.allow_host("postgres", &host, port) {
            let host = if host.contains(':') {
                format!("[{host}]")
            } else {
                host
            };
            tracing::warn!(
                component,
                host,
                port,
                "a Postgres address is not among the component's `allowed_outbound_hosts`"
            );
            return failed(format!("address postgres://{host}:{port} is not permitted"));
        }
    }
    Ok(config)
}

/// What the address leaves open: whose connection it is, and how the loss of the peer is noticed.
pub(super) fn complete(config: &mut Config, component: &str, connect: Duration) {
    if config.get_application_name().is_none() {
        config.application_name(component);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(connect);
    }
    if config.get_keepalives_idle() == UNSET_KEEPALIVE {
        config.keepalives_idle(SILENCE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(PROBES);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(3);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::{ChannelBinding, SslMode};

    use super::*;

    fn check(rules: &[&str], address: &str) -> Result<Config, String> {
        let allowed = AllowedHosts::parse(rules.iter().copied()).expect("rules");
        parse(address, &allowed, "component").map_err(|error| match error {
            wit::Error::ConnectionFailed(message) => message,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn every_host_of_an_address_must_be_allowed() {
        let rules = [
            "postgres://a.example:*",
            "postgres://127.0.0.1",
            "*://[::1]:5432",
        ];
        for address in [
            "postgres://me:secret@a.example:6000/db",
            "postgresql://a.example",
            "host=127.0.0.1 user=me",
            "host=::1",
            "postgres://[::1]/db",
            "postgres://a.example:1,127.0.0.1:5432/db",
            "host=a.example hostaddr=127.0.0.1",
            "hostaddr=127.0.0.1",
        ] {
            check(&rules, address).expect(address);
        }
        for (address, message) in [
            (
                "postgres://b.example/db",
                "address postgres://b.example:5432 is not permitted",
            ),
            (
                "postgres://127.0.0.1:5433/db",
                "address postgres://127.0.0.1:5433 is not permitted",
            ),
            (
                "postgres://a.example,127.0.0.2/db",
                "address postgres://127.0.0.2:5432 is not permitted",
            ),
            (
                "host=a.example hostaddr=10.0.0.1",
                "address postgres://10.0.0.1:5432 is not permitted",
            ),
            ("host=::2", "address postgres://[::2]:5432 is not permitted"),
            (
                "host=/var/run",
                "Unix sockets are not supported on WebAssembly",
            ),
            ("user=me", "the address names no host"),
            (
                "host=a.example colour=red",
                "invalid connection string: unknown option `colour`",
            ),
        ] {
            assert_eq!(check(&rules, address).expect_err(address), message);
        }
        assert!(check(&["https://a.example"], "postgres://a.example").is_err());
    }

    #[test]
    fn the_urls_of_hosted_databases_are_understood() {
        let config = check(
            &["postgres://*.neon.tech"],
            "postgresql://me:secret@ep-x-pooler.eu-central-1.aws.neon.tech/db?sslmode=require&channel_binding=require",
        )
        .expect("an address");
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        assert_eq!(config.get_channel_binding(), ChannelBinding::Require);
    }

    #[test]
    fn what_the_address_says_stands() {
        let mut config: Config = "host=a application_name=x connect_timeout=2 keepalives_idle=7"
            .parse()
            .expect("an address");
        complete(&mut config, "component", Duration::from_secs(5));
        assert_eq!(config.get_application_name(), Some("x"));
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(2)));
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(7));
        assert_eq!(config.get_tcp_user_timeout(), Some(&SILENCE));
    }
}
