#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use http::HeaderValue;

use super::*;

const X_FORWARDED: [HeaderName; 3] = [FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST];

/// A request through a proxy of 10.0.0.0/8 or fd00::/8 that sets `set`.
fn peer_of(set: &[HeaderName], remote: &str, headers: &[(&str, &[u8])]) -> Peer {
    let mut request = http::Request::builder().uri("/x").body(()).unwrap().into_parts().0;
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request.headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    let networks = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    TrustedProxies::new(networks, set.to_vec()).peer(remote.parse().unwrap(), None, &request)
}

fn peer(set: &[HeaderName], remote: &str, headers: &[(&str, &str)]) -> (String, &'static str, String) {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let peer = peer_of(set, remote, &headers);
    (peer.ip.to_string(), peer.scheme, peer.host.unwrap_or_default())
}

fn seen(ip: &str, scheme: &'static str, host: &str) -> (String, &'static str, String) {
    (ip.into(), scheme, host.into())
}

#[test]
fn a_stranger_is_who_it_is_whatever_it_says() {
    let lies = [
        ("host", "Demo.example.com:8080"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example.com"),
        ("forwarded", "for=192.0.2.1;proto=https"),
    ];
    let expected = seen("203.0.113.5", "http", "demo.example.com:8080");
    assert_eq!(peer(&X_FORWARDED, "203.0.113.5", &lies), expected);
    assert_eq!(peer(&[FORWARDED], "203.0.113.5", &lies), expected);
}

#[test]
fn a_header_that_the_proxy_does_not_set_is_the_clients_and_is_ignored() {
    let headers = [
        ("host", "backend"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example.com"),
        ("forwarded", "for=192.0.2.2;proto=https;host=evil.example.com"),
    ];
    assert_eq!(peer(&[FORWARDED_FOR], "10.0.0.2", &headers), seen("192.0.2.1", "http", "backend"));
    assert_eq!(peer(&[FORWARDED_PROTO], "10.0.0.2", &headers), seen("10.0.0.2", "https", "backend"));
    assert_eq!(peer(&[FORWARDED_HOST], "10.0.0.2", &headers), seen("10.0.0.2", "http", "evil.example.com"));
    assert_eq!(peer(&[], "10.0.0.2", &headers), seen("10.0.0.2", "http", "backend"));
}

#[test]
fn the_client_is_the_first_address_from_the_right_that_is_no_trusted_proxy() {
    let headers = [
        ("host", "backend:8080"),
        ("x-forwarded-for", "192.0.2.99, 198.51.100.7:4711, 10.0.0.3"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "registry.example.com"),
    ];
    let expected = seen("198.51.100.7", "https", "registry.example.com");
    assert_eq!(peer(&X_FORWARDED, "10.0.0.2", &headers), expected);
    assert_eq!(peer(&X_FORWARDED, "::ffff:10.0.0.2", &headers), expected);
    let lines = [("x-forwarded-for", "192.0.2.99"), ("x-forwarded-for", "[2001:db8::7]:80")];
    assert_eq!(peer(&X_FORWARDED, "fd00::1", &lines), seen("2001:db8::7", "http", ""));
}

#[test]
fn what_a_client_puts_in_front_of_the_proxys_value_changes_nothing() {
    for junk in ["unknown", "10.0.0.9", "\"", "for=1.1.1.1", "[::1", "198.51.100.8, ,,"] {
        let headers = [("x-forwarded-for", format!("{junk}, 198.51.100.7"))];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(peer(&X_FORWARDED, "10.0.0.2", &headers), seen("198.51.100.7", "http", ""), "{junk}");
    }
    let bytes: [(&str, &[u8]); 3] = [
        ("x-forwarded-for", b"\xff, 198.51.100.7"),
        ("x-forwarded-proto", b"\xff,https"),
        ("x-forwarded-host", b"evil.example.com\xff, registry.example.com"),
    ];
    let seen = peer_of(&X_FORWARDED, "10.0.0.2", &bytes);
    assert_eq!((seen.ip.to_string().as_str(), seen.scheme), ("198.51.100.7", "https"));
    assert_eq!(seen.host.as_deref(), Some("registry.example.com"));
}

#[test]
fn scheme_and_host_are_the_last_values_as_the_nearest_proxy_wrote_them() {
    let headers = [
        ("host", "backend"),
        ("x-forwarded-for", "192.0.2.1, 198.51.100.7"),
        ("x-forwarded-proto", "https, http"),
        ("x-forwarded-host", "evil.example.com, registry.example.com"),
    ];
    assert_eq!(
        peer(&X_FORWARDED, "10.0.0.2", &headers),
        seen("198.51.100.7", "http", "registry.example.com")
    );
}

#[test]
fn nonsense_ends_the_chain_and_hosts_that_cannot_be_in_a_url_are_dropped() {
    let headers = [
        ("host", "user@backend"),
        ("x-forwarded-for", "192.0.2.1, unknown"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-host", "a/b"),
    ];
    for host in ["a;b", "a'b", "a\"b", "a<b", "a%20b", "user:pw@a", "a b"] {
        let headers = [("host", host)];
        assert_eq!(peer(&[], "203.0.113.5", &headers), seen("203.0.113.5", "http", ""), "{host}");
    }
    assert_eq!(peer(&X_FORWARDED, "10.0.0.2", &headers), seen("10.0.0.2", "http", ""));
    assert_eq!(peer(&[FORWARDED_FOR], "10.0.0.2", &headers), seen("10.0.0.2", "http", ""));
    let headers = [("x-forwarded-for", "[198.51.100.7]junk")];
    assert_eq!(peer(&X_FORWARDED, "10.0.0.2", &headers), seen("10.0.0.2", "http", ""));
}

#[test]
fn forwarded_is_followed_from_the_right_through_trusted_proxies() {
    let value = "for=192.0.2.1;host=evil.example.com, \
                 For=\"[2001:db8::7]:4711\";Proto=https;host=registry.example.com, for=10.0.0.3;proto=http";
    let headers = [("host", "backend"), ("forwarded", value)];
    assert_eq!(peer(&[FORWARDED], "fd00::1", &headers), seen("2001:db8::7", "https", "registry.example.com"));
    let lines = [("forwarded", "for=192.0.2.1"), ("forwarded", "for=198.51.100.7;by=\"a,b;c\"")];
    assert_eq!(peer(&[FORWARDED], "10.0.0.2", &lines), seen("198.51.100.7", "http", ""));
    let hidden = [("forwarded", "for=192.0.2.1, for=_hidden;proto=https")];
    assert_eq!(peer(&[FORWARDED], "10.0.0.2", &hidden), seen("10.0.0.2", "https", ""));
}

#[test]
fn a_client_cannot_hide_or_change_the_proxys_element() {
    for junk in ["for=\"", "for=\"1.1.1.1", "\\", "for=1.1.1.1;\\\"", "\"\"\"", ",,,", "for=10.0.0.9"] {
        for element in ["for=198.51.100.7", "for=\"198.51.100.7:80\""] {
            let value = format!("{junk}, {element}");
            let headers = [("forwarded", value.as_str())];
            let expected = seen("198.51.100.7", "http", "");
            assert_eq!(peer(&[FORWARDED], "10.0.0.2", &headers), expected, "{value}");
        }
    }
    for smuggled in [
        "for=198.51.100.7;host=a;for=1.1.1.1",
        "for=198.51.100.7;host=\"a;for=1.1.1.1",
        "for=198.51.100.7;host=\"a\"for=1.1.1.1\"",
    ] {
        let headers = [("forwarded", smuggled)];
        assert_eq!(peer(&[FORWARDED], "10.0.0.2", &headers), seen("10.0.0.2", "http", ""), "{smuggled}");
    }
    let quoted = [("forwarded", "for=198.51.100.7;by=\"a;for=1.1.1.1\"")];
    assert_eq!(peer(&[FORWARDED], "10.0.0.2", &quoted), seen("198.51.100.7", "http", ""));
}

/// Ignored, it would make links that lead elsewhere, and nobody would know why.
#[test]
fn a_request_is_refused_when_its_trusted_proxy_sends_what_cannot_be() {
    let refused = |set: &[HeaderName], remote: &str, name: &str, value: &[u8]| {
        peer_of(set, remote, &[("host", b"backend"), (name, value)]).refused
    };
    for host in ["", " ", "a/b", "a b", "ann@a", "a;b", "registry.example.com, ", "a:99999", "http://a", "*"]
    {
        for remote in ["10.0.0.2", "fd00::1"] {
            let why = refused(&X_FORWARDED, remote, "x-forwarded-host", host.as_bytes());
            assert!(why.is_some_and(|why| why.contains("X-Forwarded-Host")), "{host:?}");
        }
        assert_eq!(refused(&X_FORWARDED, "203.0.113.5", "x-forwarded-host", host.as_bytes()), None);
        assert_eq!(refused(&[FORWARDED_FOR], "10.0.0.2", "x-forwarded-host", host.as_bytes()), None);
    }
    assert!(refused(&X_FORWARDED, "10.0.0.2", "x-forwarded-host", b"a\xff").is_some());
    for scheme in ["", "gopher", "https://", "http;", "http, ", "ws"] {
        let why = refused(&X_FORWARDED, "10.0.0.2", "x-forwarded-proto", scheme.as_bytes());
        assert!(why.is_some_and(|why| why.contains("X-Forwarded-Proto")), "{scheme:?}");
    }
    for element in [
        "host=a/b",
        "proto=gopher",
        "for=198.51.100.7;host=\"a b\"",
        "for=198.51.100.7;host=a;for=1.1.1.1",
        "nonsense",
        "for=\"1.1.1.1",
        "for=198.51.100.7;proto=",
        "proto=ftp, for=10.0.0.3",
    ] {
        let why = refused(&[FORWARDED], "10.0.0.2", "forwarded", element.as_bytes());
        assert!(why.is_some_and(|why| why.contains("Forwarded")), "{element}");
        assert_eq!(refused(&[FORWARDED], "203.0.113.5", "forwarded", element.as_bytes()), None, "{element}");
    }
    // Left of what the proxy wrote stands what the client sent.
    for (set, name, value) in [
        (&X_FORWARDED[..], "x-forwarded-host", "a/b, registry.example.com"),
        (&X_FORWARDED[..], "x-forwarded-proto", "gopher, https"),
        (&[FORWARDED][..], "forwarded", "host=a/b, for=198.51.100.7"),
    ] {
        assert_eq!(refused(set, "10.0.0.2", name, value.as_bytes()), None, "{value}");
    }
    for name in ["x-forwarded-for", "forwarded"] {
        assert_eq!(refused(&[FORWARDED_FOR], "10.0.0.2", name, b"unknown"), None, "{name}");
    }
    assert_eq!(refused(&[FORWARDED], "10.0.0.2", "forwarded", b"for=_hidden;proto=https;host=a"), None);
}

#[test]
fn the_headers_that_choose_a_url_are_named() {
    let direct = peer_of(&X_FORWARDED, "203.0.113.5", &[]);
    assert_eq!((direct.scheme_from, direct.host_from), (None, None));
    let proxied = peer_of(&X_FORWARDED, "10.0.0.2", &[]);
    assert_eq!((proxied.scheme_from, proxied.host_from), (Some(FORWARDED_PROTO), Some(FORWARDED_HOST)));
    let proxied = peer_of(&[FORWARDED], "10.0.0.2", &[]);
    assert_eq!((proxied.scheme_from, proxied.host_from), (Some(FORWARDED), Some(FORWARDED)));
}
