//! `allowed_outbound_hosts`, by Spin's rules: `scheme://host[:port]` with wildcards.

use std::net::IpAddr;
use std::ops::Range;

use http::Uri;
use url::Host;

/// The suffix of host names that mean a component of this application.
const CHAINED: &str = ".spin.internal";

/// What a component may reach.
#[derive(Debug, Default)]
pub(crate) struct AllowedHosts(Vec<Rule>);

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// `None` is any.
    scheme: Option<String>,
    host: HostRule,
    port: PortRule,
}

#[derive(Debug, PartialEq, Eq)]
enum HostRule {
    Any,
    /// With its leading dot.
    Subdomains(String),
    /// This application itself.
    Own,
    Literal(Host),
    Network(IpAddr, u8),
}

#[derive(Debug, PartialEq, Eq)]
enum PortRule {
    Any,
    Port(u16),
    Range(Range<u16>),
}

/// Where an outbound request goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Back into this application, through its routes.
    Own,
    /// To one component of this application.
    Component(String),
    Network,
}

impl Target {
    /// A relative URL means the application itself; `self.alt` is for clients that insist on a host.
    pub(crate) fn of(uri: &Uri) -> Self {
        match uri.host() {
            None | Some("" | "self.alt") => Self::Own,
            Some(host) => match host.strip_suffix(CHAINED) {
                Some(component) => Self::Component(component.to_owned()),
                None => Self::Network,
            },
        }
    }
}

impl AllowedHosts {
    pub(crate) fn parse<'a>(rules: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        rules
            .into_iter()
            .map(|rule| Rule::parse(rule.trim()).map_err(|reason| format!("{rule:?} {reason}")))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn allow(&self, uri: &Uri) -> bool {
        if Target::of(uri) == Target::Own {
            return self.0.iter().any(Rule::allows_own);
        }
        let scheme = uri.scheme_str().unwrap_or("https");
        let Some(Ok(host)) = uri.host().map(Host::parse) else {
            return false;
        };
        let Some(port) = uri.port_u16().or_else(|| default_port(scheme)) else {
            return false;
        };
        self.0.iter().any(|rule| rule.allows(scheme, &host, port))
    }

    /// For what isn't HTTP: a host as a connection string names it, an IPv6 address without brackets.
    pub(crate) fn allow_host(&self, scheme: &str, host: &str, port: u16) -> bool {
        let host = match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => Ok(Host::Ipv4(address)),
            Ok(IpAddr::V6(address)) => Ok(Host::Ipv6(address)),
            Err(_) => Host::parse(host),
        };
        host.is_ok_and(|host| self.0.iter().any(|rule| rule.allows(scheme, &host, port)))
    }
}

impl Rule {
    fn parse(rule: &str) -> Result<Self, String> {
        let (scheme, rest) = rule
            .split_once("://")
            .ok_or("has no scheme; the form is `<scheme>://<host>[:<port>]`")?;
        if scheme != "*" && !scheme.chars().all(char::is_alphabetic) {
            return Err("has a scheme that is not a word".to_owned());
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // The last colon is the port's, unless it is inside an IPv6 address.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (rest, ""),
        };
        let port = match port {
            "" if scheme == "*" => {
                return Err("needs a port, because any scheme is allowed".to_owned());
            }
            "" => PortRule::Port(
                default_port(scheme).ok_or("needs a port: its scheme has no default one")?,
            ),
            "*" => PortRule::Any,
            port => match port.split_once("..") {
                Some((from, to)) => PortRule::Range(number(from)?..number(to)?),
                None => PortRule::Port(number(port)?),
            },
        };
        Ok(Self {
            scheme: (scheme != "*").then(|| scheme.to_owned()),
            host: HostRule::parse(host)?,
            port,
        })
    }

    fn allows(&self, scheme: &str, host: &Host, port: u16) -> bool {
        self.scheme
            .as_deref()
            .is_none_or(|allowed| allowed == scheme)
            && self.host.allows(host)
            && match &self.port {
                PortRule::Any => true,
                PortRule::Port(allowed) => *allowed == port,
                PortRule::Range(allowed) => allowed.contains(&port),
            }
    }

    fn allows_own(&self) -> bool {
        matches!(self.scheme.as_deref(), None | Some("http" | "https"))
            && matches!(self.host, HostRule::Any | HostRule::Own)
    }
}

impl HostRule {
    fn parse(host: &str) -> Result<Self, String> {
        if host == "*" {
            return Ok(Self::Any);
        }
        if host == "self" || host == "self.alt" {
            return Ok(Self::Own);
        }
        if let Some((address, bits)) = host.split_once('/') {
            let address: IpAddr = address
                .parse()
                .map_err(|_| "has a path, which it must not")?;
            let bits: u8 = bits.parse().map_err(|_| "has a bad network length")?;
            let longest = if address.is_ipv4() { 32 } else { 128 };
            if bits > longest {
                return Err("has a bad network length".to_owned());
            }
            return Ok(Self::Network(address, bits));
        }
        if let Some(domain) = host.strip_prefix("*.") {
            return match Host::parse(domain) {
                Ok(Host::Domain(domain)) if !domain.contains('*') => {
                    Ok(Self::Subdomains(format!(".{domain}")))
                }
                _ => Err("has a bad domain behind its wildcard".to_owned()),
            };
        }
        if host.contains('*') {
            return Err("may have a wildcard only in place of subdomains".to_owned());
        }
        Host::parse(host)
            .map(Self::Literal)
            .map_err(|error| format!("has a bad host: {error}"))
    }

    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Subdomains(suffix), Host::Domain(domain)) => domain.ends_with(suffix),
            (Self::Literal(literal), host) => literal == host,
            (Self::Network(IpAddr::V4(network), bits), Host::Ipv4(address)) => same_prefix(
                u32::from(*network).into(),
                u32::from(*address).into(),
                32,
                *bits,
            ),
            (Self::Network(IpAddr::V6(network), bits), Host::Ipv6(address)) => {
                same_prefix((*network).into(), (*address).into(), 128, *bits)
            }
            _ => false,
        }
    }
}

fn same_prefix(left: u128, right: u128, width: u32, bits: u8) -> bool {
    let shift = width.saturating_sub(bits.into());
    left.checked_shr(shift).unwrap_or(0) == right.checked_shr(shift).unwrap_or(0)
}

fn number(port: &str) -> Result<u16, String> {
    port.parse()
        .map_err(|_| format!("has a port {port:?} that is not a number"))
}

fn default_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" => 80,
        "https" => 443,
        "mqtt" => 1883,
        "mysql" => 3306,
        "postgres" => 5432,
        "redis" => 6379,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(rule: &str, url: &str) -> bool {
        let hosts = AllowedHosts::parse([rule]).expect("a rule");
        hosts.allow(&url.parse().expect("a URL"))
    }

    #[test]
    fn schemes_hosts_and_ports_are_compared() {
        for (rule, url, expected) in [
            ("http://127.0.0.1:*", "http://127.0.0.1:8080/x", true),
            ("http://127.0.0.1:*", "http://127.0.0.2:8080/x", false),
            ("http://127.0.0.1:*", "https://127.0.0.1:8080/x", false),
            ("https://example.com", "https://example.com/x", true),
            ("https://example.com", "https://example.com:8443/x", false),
            ("https://example.com", "http://example.com/x", false),
            (
                "https://example.com",
                "https://example.com.evil.net/x",
                false,
            ),
            ("https://*.example.com", "https://a.b.example.com/", true),
            ("https://*.example.com", "https://example.com/", false),
            ("https://*.example.com", "https://badexample.com/", false),
            ("*://localhost:8000..8010", "http://localhost:8009/", true),
            ("*://localhost:8000..8010", "http://localhost:8010/", false),
            ("http://10.0.0.0/8:*", "http://10.200.1.1:9/", true),
            ("http://10.0.0.0/8:*", "http://11.0.0.1:9/", false),
            ("http://[::1]:*", "http://[::1]:80/", true),
            ("*://*:*", "https://anything.example/", true),
            (
                "http://*.spin.internal",
                "http://tasks.spin.internal/x",
                true,
            ),
            (
                "http://tasks.spin.internal",
                "http://auth.spin.internal/x",
                false,
            ),
            ("http://self", "http://self.alt/x", true),
            ("http://self", "/relative", true),
            ("http://self", "http://self/x", false),
            ("http://example.com", "/relative", false),
        ] {
            assert_eq!(allowed(rule, url), expected, "{rule} {url}");
        }
        assert!(!AllowedHosts::default().allow(&"http://127.0.0.1/".parse().expect("a URL")));
    }

    #[test]
    fn nonsense_is_refused() {
        for rule in [
            "*",
            "example.com",
            "https://a.*.com",
            "http://a/path",
            "ftp://x",
            "http://a:b",
            "*://a",
        ] {
            assert!(AllowedHosts::parse([rule]).is_err(), "{rule}");
        }
    }

    #[test]
    fn a_target_is_told_by_its_host() {
        let target = |url: &str| Target::of(&url.parse().expect("a URL"));
        assert_eq!(target("http://self.alt/x"), Target::Own);
        assert_eq!(
            target("http://a.spin.internal/x"),
            Target::Component("a".to_owned())
        );
        assert_eq!(target("http://spin.internal/x"), Target::Network);
    }
}
