//! Fuzz targets for what a request and its proxies say of the client. Each asserts a property;
//! how they are run longer is in `CONTRIBUTING.md`.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::net::IpAddr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderValue, Request, Uri};
use packhouse_fuzz::target;

use super::forwarded::Hop;
use super::{FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO, TrustedProxies, address, forwarded, host};

#[test]
fn fuzz_host_is_one_that_may_stand_in_a_url() {
    let seeds = ["Demo.example.com:8080", "[::1]:8080", "localhost", "127.0.0.1", "a_b.c-d"];
    target!("host").seeds(seeds).words([":", "@", "/", "[", "]", "%", "\\", ":0", "<", "?"]).check_text(
        |text| {
            let Some(host) = host::parse(text) else { return false };
            assert_eq!(host::parse(&host).as_ref(), Some(&host));
            assert_eq!(host, host.to_ascii_lowercase());
            let uri: Uri = format!("http://{host}/path").parse().unwrap();
            assert_eq!(uri.authority().unwrap().as_str(), host);
            assert_eq!((uri.path(), uri.query()), ("/path", None));
            true
        },
    );
}

#[test]
fn fuzz_address_reads_back() {
    let seeds = ["192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80", "::ffff:192.0.2.1"];
    target!("address").seeds(seeds).words([":", "[", "]", "::", ".", "%eth0"]).check_text(|text| {
        let Some(ip) = address(text) else { return false };
        assert_eq!(ip, ip.to_canonical());
        for written in [ip.to_string(), format!("[{ip}]"), format!(" [{ip}]:80")] {
            assert_eq!(address(&written), Some(ip), "{written}");
        }
        true
    });
}

/// Whatever a client sends, and in however many lines, it cannot hide or change what the trusted
/// proxy appended.
#[test]
fn fuzz_forwarded_headers_of_a_client_do_not_change_what_the_proxy_said() {
    let seeds =
        ["for=192.0.2.7", "for=\"[::1]\";proto=http;host=\"a\\\"b\"", "for=a, for=\"b", "192.0.2.7, x"];
    let words = ["for=", "host=", "proto=https", "\"", "\\", ",", ";", "unknown", "\\\""];
    let proxy: IpAddr = "192.0.2.1".parse().unwrap();
    let client: IpAddr = "203.0.113.9".parse().unwrap();
    let trusted = TrustedProxies::new(
        vec!["192.0.2.0/24".parse().unwrap()],
        vec![FORWARDED, FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST],
    );
    target!("forwarded").seeds(seeds).words(words).check(|input| {
        let appended = |said: &str| HeaderValue::from_bytes(&[input, b", ", said.as_bytes()].concat());
        let Ok(forwarded) = appended("for=203.0.113.9;proto=https;host=r.example.com") else { return false };
        let (addresses, schemes, hosts) = (
            appended("203.0.113.9").unwrap(),
            appended("https").unwrap(),
            appended("r.example.com").unwrap(),
        );
        let request = |headers: [(http::HeaderName, &HeaderValue); 3]| {
            let mut request = Request::builder().uri("/").header("host", "inside");
            for (name, value) in headers {
                request = request.header(name, value);
            }
            request.body(()).unwrap().into_parts().0
        };
        let other = HeaderValue::from_bytes(input).unwrap();
        let by_standard =
            request([(FORWARDED, &other), (FORWARDED, &forwarded), ("x-other".parse().unwrap(), &other)]);
        // The older headers are not there: what they would say is not asked for.
        let only = TrustedProxies::new(vec!["192.0.2.0/24".parse().unwrap()], vec![FORWARDED]);
        let peer = only.peer(proxy, None, &by_standard);
        assert_eq!((peer.ip, peer.scheme, peer.host.as_deref()), (client, "https", Some("r.example.com")));
        let by_custom =
            request([(FORWARDED_FOR, &addresses), (FORWARDED_PROTO, &schemes), (FORWARDED_HOST, &hosts)]);
        let peer = trusted.peer(proxy, None, &by_custom);
        assert_eq!((peer.ip, peer.scheme, peer.host.as_deref()), (client, "https", Some("r.example.com")));
        let hops: Vec<Option<Hop>> =
            forwarded::from_right(&HeaderMap::from_iter([(FORWARDED, other)])).collect();
        hops.iter().flatten().any(|hop| *hop != Hop::default())
    });
}
