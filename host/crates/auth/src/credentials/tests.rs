//! What is read, what is removed, and that nothing leaks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use base64::prelude::BASE64_STANDARD;

use super::*;

const TOKEN: &str = "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0";

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn taken(lines: &[(&str, &str)]) -> String {
    match Credentials::take(&mut headers(lines)).0 {
        Sent::Nothing => "nothing".to_owned(),
        Sent::Token(token) => format!("token {}", token.expose_secret()),
        Sent::Password { name, password } => {
            format!("password {name} {}", password.expose_secret())
        }
        Sent::Foreign(why) => format!("foreign: {why}"),
        Sent::Unreadable(why) => format!("unreadable: {why}"),
    }
}

fn basic_of(pair: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

#[test]
fn reads_every_form_that_clients_send() {
    assert_eq!(taken(&[]), "nothing");
    assert_eq!(taken(&[("authorization", &basic_of("ann:pass:word"))]), "password ann pass:word");
    assert_eq!(taken(&[("authorization", "basic YW5uOnB3")]), "password ann pw");
    assert_eq!(taken(&[("authorization", &format!("Bearer {TOKEN}"))]), format!("token {TOKEN}"));
    assert_eq!(taken(&[("authorization", &format!("bearer   {TOKEN} "))]), format!("token {TOKEN}"));
    assert_eq!(taken(&[("authorization", &format!("Token {TOKEN}"))]), format!("token {TOKEN}"));
    assert_eq!(taken(&[("authorization", TOKEN)]), format!("token {TOKEN}"));
    for name in ["x-api-key", "X-NuGet-ApiKey", "x-auth-token"] {
        assert_eq!(taken(&[(name, TOKEN)]), format!("token {TOKEN}"));
    }
}

#[test]
fn base64_without_padding_is_read_too() {
    let padded = basic_of("ann:pw12");
    assert!(padded.ends_with('='));
    assert_eq!(taken(&[("authorization", padded.trim_end_matches('='))]), "password ann pw12");
}

#[test]
fn a_token_is_recognised_in_either_half_of_basic() {
    assert_eq!(taken(&[("authorization", &basic_of(&format!("{TOKEN}:")))]), format!("token {TOKEN}"));
    assert_eq!(
        taken(&[("authorization", &basic_of(&format!("{TOKEN}:x-oauth-basic")))]),
        format!("token {TOKEN}")
    );
    assert_eq!(
        taken(&[("authorization", &basic_of(&format!("__token__:{TOKEN}")))]),
        format!("password __token__ {TOKEN}")
    );
    assert_eq!(taken(&[("authorization", &basic_of(&format!(":{TOKEN}")))]), format!("password  {TOKEN}"));
}

#[test]
fn authorization_comes_before_a_key_beside_it() {
    assert_eq!(taken(&[("x-api-key", "made-up"), ("authorization", TOKEN)]), format!("token {TOKEN}"));
}

#[test]
fn credentials_of_a_scheme_that_is_not_known_are_somebody_elses() {
    for value in ["Negotiate abc", "Digest a=b", "AWS4-HMAC-SHA256 Credential=a/b"] {
        let answer = taken(&[("authorization", value)]);
        assert!(answer.starts_with("foreign: ") && answer.contains("Basic, Bearer"), "{value:?}: {answer}");
    }
}

#[test]
fn an_empty_header_holds_no_credentials() {
    for value in ["", " ", "\t "] {
        for name in ["authorization", "x-api-key", "X-NuGet-ApiKey", "x-auth-token"] {
            assert_eq!(taken(&[(name, value)]), "nothing", "{name}: {value:?}");
        }
        let beside = [("authorization", value), ("x-auth-token", value), ("x-api-key", TOKEN)];
        assert_eq!(taken(&beside), format!("token {TOKEN}"));
        let twice = [("authorization", value), ("authorization", TOKEN)];
        assert_eq!(taken(&twice), format!("token {TOKEN}"));
    }
}

#[test]
fn garbage_is_never_taken_for_nothing() {
    for value in ["Bearer", "Bearer ", "Basic", "Basic !!!", "Basic YW5u", "Basic /w=="] {
        let answer = taken(&[("authorization", value)]);
        assert!(answer.starts_with("unreadable: "), "{value:?}: {answer}");
    }
    assert!(taken(&[("authorization", &basic_of(":pw"))]).starts_with("unreadable: "));
    assert!(taken(&[("authorization", TOKEN), ("authorization", "other")]).starts_with("unreadable: "));
    assert_eq!(taken(&[("authorization", TOKEN), ("authorization", TOKEN)]), format!("token {TOKEN}"));
    let mut odd = HeaderMap::new();
    odd.insert(AUTHORIZATION, HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap());
    assert!(!Credentials::take(&mut odd).is_empty());
    assert!(odd.is_empty());
}

#[test]
fn every_header_that_may_hold_a_credential_is_removed() {
    let secret = [
        "Authorization",
        "Proxy-Authorization",
        "X-Original-Authorization",
        "Cookie",
        "Cookie2",
        "Set-Cookie",
        "X-Api-Key",
        "X-API_KEY",
        "X-Apikey",
        "X-NuGet-ApiKey",
        "Api-Key",
        "X-Goog-Api-Key",
        "X-Auth-Token",
        "X-Auth-Key",
        "X-Access-Token",
        "X-Amz-Security-Token",
        "X-Forwarded-Access-Token",
        "PRIVATE-TOKEN",
        "JOB-TOKEN",
        "X-Vault-Token",
        "X-JFrog-Art-Api",
        "X-Registry-Auth",
        "npm-otp",
        "X-OTP",
        "OTP",
        "X-Rubygems-OTP",
        "X-Csrf-Token",
        "X-Client-Secret",
        "X-Password",
        "Cf-Access-Jwt-Assertion",
        "X-Jwt",
        "X-Access-Key",
    ];
    let kept = [
        "accept",
        "content-type",
        "content-length",
        "user-agent",
        "host",
        "range",
        "if-none-match",
        "npm-auth-type",
        "npm-session",
        "x-forwarded-for",
        "x-checksum-sha1",
        "docker-upload-uuid",
        "www-authenticate",
        "x-request-id",
    ];
    let mut headers = headers(&[]);
    for name in secret.iter().chain(&kept) {
        headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_static("x"));
        headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_static("y"));
    }
    Credentials::take(&mut headers);
    let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    let mut expected = kept;
    expected.sort_unstable();
    assert_eq!(left, expected);
}

#[test]
fn debug_prints_nothing_secret() {
    for value in [TOKEN.to_owned(), basic_of("ann:hunter2"), "Digest hunter2".to_owned()] {
        let credentials = Credentials::take(&mut headers(&[("authorization", &value)]));
        let shown = format!("{credentials:?}");
        assert!(!shown.contains(TOKEN) && !shown.contains("hunter2") && !shown.contains("ann"), "{shown}");
    }
}

#[test]
fn every_header_that_is_removed_counts_as_a_credential() {
    for name in [
        "authorization",
        "cookie",
        "x-api-key",
        "x-auth-token",
        "x-jfrog-art-api",
        "private-token",
        "npm-otp",
    ] {
        assert!(Credentials::are_in(&headers(&[(name, "x")])), "{name}");
    }
    assert!(!Credentials::are_in(&headers(&[("accept", "x"), ("user-agent", "x"), ("npm-session", "x")])));
}
