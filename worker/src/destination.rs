//! Where given addresses (webhooks, ntfy topics, push endpoints) may lead: not into the machine's own network, unless the
//! operator says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Whether an address belongs to the public internet. Everything that IANA sets aside is refused: loopback, private,
/// link-local (with the clouds' metadata services), shared (CGNAT), unique local, documentation, multicast, reserved;
/// and every IPv6 form that carries such an IPv4 address.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a == 10
        || a == 127
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || a >= 224)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match [a, b, c, d, e, f] {
        // Mapped and compatible IPv4, which hold `::` and `::1` too.
        [0, 0, 0, 0, 0, 0xffff | 0] => is_public_v4(v4(g, h)) && f == 0xffff,
        // NAT64
        [0x64, 0xff9b, 0, 0, 0, 0] => is_public_v4(v4(g, h)),
        // 6to4
        [0x2002, ..] => is_public_v4(v4(b, c)),
        // Global unicast, without Teredo and the other protocol assignments, and documentation.
        _ => {
            a & 0xe000 == 0x2000
                && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
                && !(a == 0x3fff && b < 0x1000)
        }
    }
}

/// Checks a given URL before anything is sent there. Names are checked when they are resolved, see [`Guard`].
pub fn check(target: &str, allow_private: bool) -> Result<Url, String> {
    let url = Url::parse(target).map_err(|error| format!("the address is not a URL: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        _ => return Err("the address must be https".to_owned()),
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) => None,
        None => return Err("the address has no host".to_owned()),
    };
    match literal {
        Some(address) if !allow_private && !is_public(address) => Err(refused(address)),
        _ => Ok(url),
    }
}

fn refused(address: IpAddr) -> String {
    format!("{address} is not a public address")
}

/// Resolves names for the client that calls given addresses: only those that passed the check are connected to, so that
/// a name can't answer one thing to the check and another to the connection.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    pub allow_private: bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let private = found
                .iter()
                .find(|found| !allow_private && !is_public(found.ip()));
            // One private address among several is a trick, or a mistake that would be found only now and then.
            if let Some(address) = private {
                return Err(refused(address.ip()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Guard {
    pub fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_a_network_are_told_from_public_ones() {
        let private = "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1 172.31.255.255 \
            192.0.0.1 192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 \
            :: ::1 ::127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: 2001::1 2001:db8::1 fc00::1 fd12::1 \
            fe80::1 fec0::1 ff02::1 100::1 3fff::1 fd00:ec2::254";
        for address in private.split_whitespace() {
            assert!(!is_public(address.parse().expect(address)), "{address}");
        }
        let public = "1.1.1.1 8.8.8.8 100.63.0.1 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1 223.255.255.1 \
            2606:4700::1111 2a00:1450::1 2001:4860::1 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::";
        for address in public.split_whitespace() {
            assert!(is_public(address.parse().expect(address)), "{address}");
        }
    }

    #[test]
    fn a_target_that_writes_its_private_address_in_another_way_is_refused_too() {
        let targets = "https://127.0.0.1/ https://127.1/ https://2130706433/ https://0x7f.1/ https://[::1]/ \
            https://[::ffff:127.0.0.1]/ https://10.0.0.1:8443/x http://example.org/ ftp://example.org/ file:///etc/passwd \
            not-a-url";
        for target in targets.split_whitespace() {
            assert!(check(target, false).is_err(), "{target}");
        }
        assert!(check("https://example.org/hook?x=1", false).is_ok());
        assert!(check("https://8.8.8.8/", false).is_ok());
        assert!(check("http://127.0.0.1:9/", true).is_ok());
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_private_address_is_refused() {
        let resolve =
            |allow_private| Guard { allow_private }.resolve("localhost".parse().expect("a name"));
        assert!(resolve(false).await.is_err());
        assert!(
            resolve(true)
                .await
                .is_ok_and(|mut found| found.next().is_some())
        );
    }
}
