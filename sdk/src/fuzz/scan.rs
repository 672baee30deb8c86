//! Stored JSON documents, which may come from another system.

use packhouse_fuzz::target;
use serde_json::Value;

use crate::Error;
use crate::storage::{self, Precondition, Scan};
use crate::testing::Host;

/// The whole value, entering every object and list.
fn whole(scan: &mut Scan) -> Result<Value, Error> {
    if scan.begin_object()? {
        let mut members = serde_json::Map::new();
        while let Some(name) = scan.next_member()? {
            members.insert(name, whole(scan)?);
        }
        return Ok(Value::Object(members));
    }
    if scan.begin_list()? {
        let mut items = Vec::new();
        while scan.next_item()? {
            items.push(whole(scan)?);
        }
        return Ok(Value::Array(items));
    }
    let text = scan.value(1 << 20)?;
    serde_json::from_slice(&text).map_err(|_| scan.damaged())
}

#[test]
fn fuzz_scan_reads_what_serde_json_reads() {
    let seeds = [
        r#" { "a" : "}{][\"\\", "b":[1,{"x":[]},"]"] ,"n":-1.5e3,"t":true, "c":{"\u0064":{"e": [1, 2] }}} "#,
        "[1, \"two\", {\"three\":3}, [] ]",
        "null",
    ];
    let words = ["{\"a\":", "[", "]", "}", "\\\"", "true", "1e5", "\"", "\"a\":1,"];
    let host = Host::new();
    target!("scan").seeds(seeds).words(words).check(|document| {
        // Nested as deep as `serde_json` reads.
        if document.iter().filter(|byte| matches!(byte, b'{' | b'[')).take(101).count() > 100 {
            return false;
        }
        host.anonymous().run(|| {
            storage::put("document", document, Precondition::Any, None).unwrap();
            let read = storage::scan("document", whole);
            let skipped = storage::scan("document", Scan::skip);
            let Ok(reference) = serde_json::from_slice::<Value>(document) else { return false };
            assert_eq!(read, Ok(Some(reference)));
            assert_eq!(skipped, Ok(Some(())));
            true
        })
    });
}
