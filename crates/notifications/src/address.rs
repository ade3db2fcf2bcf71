//! Where nothing is sent to: an endpoint is an address of the open internet, whatever its name
//! says. Names are looked up when a connection is made and the addresses that are found are
//! checked then, so that a name that changes its mind in between gains nothing.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The longest URL that is taken.
const URL_BYTES_MAX: usize = 2_000;

/// The addresses of a name.
pub type Resolved = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks a name up.
pub type Lookup = Arc<dyn Fn(&str) -> Resolved + Send + Sync>;

/// Why nothing is sent to a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It can't be read, or is too long.
    #[error("this is no URL of at most {URL_BYTES_MAX} bytes, such as https://example.com/hook")]
    NoUrl,
    /// Another scheme, or no TLS.
    #[error(
        "an endpoint begins with https://; for tries on this machine the setting \
         notifications.allow_loopback lets http://127.0.0.1 pass"
    )]
    NotHttps,
    /// It has a user, a password or a fragment.
    #[error("leave user, password and fragment out of the URL; what is sent is signed")]
    NotPlain,
    /// The address is not one of the open internet.
    #[error(
        "that is an address of this machine or of a private network; nothing is sent there \
         (notifications.allow_loopback allows this machine alone)"
    )]
    NotPublic,
}

/// Reads an endpoint's URL, and checks what can be told before its name is looked up.
///
/// # Errors
/// When nothing would be sent there.
pub fn check_url(text: &str, allow_loopback: bool) -> Result<Url, BadAddress> {
    if text.len() > URL_BYTES_MAX {
        return Err(BadAddress::NoUrl);
    }
    let url: Url = text.parse().map_err(|_| BadAddress::NoUrl)?;
    let host = url.host_str().ok_or(BadAddress::NoUrl)?;
    // The parser writes each form of an IPv4 address (0x7f.1, 2130706433) as four numbers.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok();
    let is_here = is_localhost(bare) || address.is_some_and(is_loopback);
    if url.scheme() != "https" && !(url.scheme() == "http" && is_here && allow_loopback) {
        let is_http = url.scheme() == "http";
        return Err(if is_http && is_here { BadAddress::NotPublic } else { BadAddress::NotHttps });
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(BadAddress::NotPlain);
    }
    let is_allowed = match address {
        Some(address) => is_allowed(address, allow_loopback),
        None => !is_localhost(bare) || allow_loopback,
    };
    is_allowed.then_some(url).ok_or(BadAddress::NotPublic)
}

/// `localhost` names this machine, whatever a name server says.
fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost")
}

fn is_allowed(address: IpAddr, allow_loopback: bool) -> bool {
    is_public(address) || (allow_loopback && is_loopback(address))
}

/// Only the plain forms: those in disguise are nobody's by mistake.
const fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_loopback(),
    }
}

/// Whether an address is one of the open internet.
const fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// All but what IANA's registry of special addresses names.
const fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(matches!(a, 0 | 10 | 127)
        || a >= 224
        || (a == 100 && b & 0xc0 == 64)
        || (a == 169 && b == 254)
        || (a == 172 && b & 0xf0 == 16)
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && matches!(c, 0 | 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xfe == 18)
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113))
}

/// Global unicast (2000::/3) alone, and of it nothing that carries an IPv4 address (Teredo, 6to4)
/// or is for documentation. IPv4-mapped and translated addresses are outside of it.
const fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    a & 0xe000 == 0x2000
        && a != 0x2002
        && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8))
        && !(a == 0x3fff && b < 0x1000)
}

/// Looks names up as the machine does.
#[must_use]
pub fn system_lookup() -> Lookup {
    Arc::new(|name| {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Finds the addresses that a connection may be made to.
pub(crate) struct Guard {
    pub lookup: Lookup,
    pub allow_loopback: bool,
}

/// None of a name's addresses may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no address of the open internet")]
pub(crate) struct Blocked;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_loopback = self.allow_loopback;
        let here: Resolved = Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) });
        let found = if is_localhost(name.as_str()) { here } else { (self.lookup)(name.as_str()) };
        Box::pin(async move {
            let found = found.await?;
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| is_allowed(*address, allow_loopback))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if allowed.is_empty() {
                return Err(Blocked.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_open_internet_are_public() {
        for (address, expected) in [
            ("1.1.1.1", true),
            ("100.63.255.255", true),
            ("172.32.0.1", true),
            ("192.0.1.1", true),
            ("2606:4700::1111", true),
            ("2a00:1450::1", true),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("127.8.8.8", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.1", false),
            ("192.0.2.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", false),
            ("::127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn a_url_is_refused_for_what_can_be_told_of_it_before_it_is_looked_up() {
        use BadAddress as E;
        let long = format!("https://example.com/{}", "a".repeat(URL_BYTES_MAX));
        for (url, strict, with_loopback) in [
            ("https://example.com/hook?a=b", Ok(()), Ok(())),
            ("https://8.8.8.8/", Ok(()), Ok(())),
            ("http://example.com/", Err(E::NotHttps), Err(E::NotHttps)),
            ("ftp://example.com/", Err(E::NotHttps), Err(E::NotHttps)),
            ("example.com", Err(E::NoUrl), Err(E::NoUrl)),
            (&*long, Err(E::NoUrl), Err(E::NoUrl)),
            ("https://me:secret@example.com/", Err(E::NotPlain), Err(E::NotPlain)),
            ("https://example.com/#x", Err(E::NotPlain), Err(E::NotPlain)),
            ("http://127.0.0.1:80/", Err(E::NotPublic), Ok(())),
            ("https://127.0.0.1/", Err(E::NotPublic), Ok(())),
            ("http://localhost:8080/", Err(E::NotPublic), Ok(())),
            ("https://a.localhost./", Err(E::NotPublic), Ok(())),
            ("http://[::1]/", Err(E::NotPublic), Ok(())),
            ("https://0x7f.1/", Err(E::NotPublic), Ok(())),
            ("https://2130706433/", Err(E::NotPublic), Ok(())),
            ("https://[::ffff:127.0.0.1]/", Err(E::NotPublic), Err(E::NotPublic)),
            ("https://169.254.169.254/", Err(E::NotPublic), Err(E::NotPublic)),
            ("https://10.1.2.3/", Err(E::NotPublic), Err(E::NotPublic)),
        ] {
            assert_eq!(check_url(url, false).map(drop), strict, "{url}");
            assert_eq!(check_url(url, true).map(drop), with_loopback, "{url}");
        }
    }
}
