//! The answer to a head that cannot be read. Hyper sends it without a body, and has no setting for
//! one, so the socket adds a sentence to it.

use crate::respond::Failure;

const NO_LENGTH: &str = "content-length: 0\r\n";
const UNREADABLE: &str = "this is not a valid HTTP request: check the client, and the proxies in between";

/// Hyper's bytes with a sentence; none if they are anything else than its own answer to a bad head. To be
/// asked only while no request of the connection is in flight: then hyper writes nothing else.
pub(super) fn explained(answer: &[u8]) -> Option<Vec<u8>> {
    let head = std::str::from_utf8(answer).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    let failure = match status {
        "400" => Failure::BadRequest(UNREADABLE.into()),
        "414" => Failure::AddressTooLong,
        "431" => Failure::HeadersTooLarge,
        _ => return None,
    };
    let body = format!("{}\n", failure.message());
    let (before, after) = head.split_once(NO_LENGTH)?;
    let is_head_alone = after.ends_with("\r\n\r\n") || (after == "\r\n" && before.ends_with("\r\n"));
    let described = format!(
        "content-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\n\
         cache-control: no-store\r\ncontent-length: {}\r\n",
        body.len()
    );
    is_head_alone.then(|| format!("{before}{described}{after}{body}").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_without_a_body_is_explained() {
        let of = |status: &str, length: usize, body: &str| {
            let answer = format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\ndate: x\r\n\r\n{body}"
            );
            explained(answer.as_bytes()).and_then(|bytes| String::from_utf8(bytes).ok())
        };
        for (status, words) in
            [("400", "not a valid HTTP request"), ("414", "address is too long"), ("431", "headers")]
        {
            let answer = of(status, 0, "").unwrap_or_default();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} X\r\nconnection: close\r\n")), "{answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
            assert!(body.contains(words) && body.ends_with('\n'), "{answer}");
        }
        assert_eq!(of("200", 0, ""), None);
        assert_eq!(of("404", 0, ""), None);
        assert_eq!(of("400", 2, "no"), None);
        assert_eq!(of("400", 0, "HTTP/1.1 200"), None);
        assert_eq!(explained(b"\xff"), None);
        assert_eq!(explained(b""), None);
    }
}
