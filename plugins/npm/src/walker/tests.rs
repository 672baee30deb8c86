//! Bodies in one piece and in many, whole and broken.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::*;

/// What was collected, and the attachments by name with their raw data.
fn walk(mut walker: Walker, text: &str, size: usize) -> Result<(String, Vec<(String, String)>), WalkError> {
    let mut attachments = Vec::new();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let piece = &rest[..size.min(rest.len())];
        match walker.feed(piece)? {
            Step::More => rest = &rest[piece.len()..],
            Step::Attachment { name, taken } => {
                let data = &rest[taken..];
                let end = data.iter().position(|byte| *byte == b'"').unwrap_or(data.len());
                attachments.push((name, String::from_utf8(data[..end].to_vec()).unwrap()));
                rest = data.get(end + 1..).unwrap_or_default();
            }
        }
    }
    Ok((String::from_utf8(walker.finish()?).unwrap(), attachments))
}

#[test]
fn leaves_the_data_of_attachments_out_wherever_they_stand() {
    for text in [
        r#"{"name":"a","_attachments":{"a-1.tgz":{"length":3,"data":"Zm9v","x":1}},"versions":{"1":{"data":"kept"}}}"#,
        r#" { "name" : "a" , "\u005fattachments":{"a-1.tgz":{"length":3, "data" :"Zm9v" ,"x":1}},"versions":{"1":{"data":"kept"}} } "#,
    ] {
        for size in [1, 2, 3, 7, 1000] {
            let (collected, attachments) = walk(Walker::new(), text, size).unwrap();
            let value: serde_json::Value = serde_json::from_str(&collected).unwrap();
            assert_eq!(value["_attachments"]["a-1.tgz"]["data"], "");
            assert_eq!(value["_attachments"]["a-1.tgz"]["x"], 1);
            assert_eq!(value["versions"]["1"]["data"], "kept");
            assert_eq!(attachments, [("a-1.tgz".to_owned(), "Zm9v".to_owned())]);
        }
    }
}

#[test]
fn keeps_text_as_it_was() {
    let text = r#"{"a":"q\"\\","b":[1.50,-2e+3,true,null,[],{}],"c":{"d":{"e":{"data":"x"}}}}"#;
    for size in [1, 5, 1000] {
        assert_eq!(walk(Walker::new(), text, size).unwrap().0, text);
    }
}

#[test]
fn of_many_versions_only_the_deprecation_is_kept() {
    let text = r#"{"versions":{"1":{"a":[{"b":1}],"deprecated":"x"},"2":{"a":{"c":[1,2]},"deprecated":"y","z":1},"3":{"z":"s"}},"name":"n"}"#;
    for size in [1, 4, 1000] {
        let (collected, _) = walk(Walker::new(), text, size).unwrap();
        assert_eq!(
            collected,
            r#"{"versions":{"1":{"a":[{"b":1}],"deprecated":"x"},"2":{"deprecated":"y"},"3":{}},"name":"n"}"#
        );
        let (outline, _) = walk(Walker::outline(), text, size).unwrap();
        assert_eq!(
            outline,
            r#"{"versions":{"1":{"deprecated":"x"},"2":{"deprecated":"y"},"3":{}},"name":"n"}"#
        );
    }
}

#[test]
fn what_is_cut_off_or_no_json_is_refused() {
    let whole = r#"{"a":{"b":[1,"c"]},"d":true}"#;
    for length in 0..whole.len() {
        let cut = walk(Walker::new(), &whole[..length], 1000);
        assert_eq!(cut, Err(WalkError::Truncated), "{length}");
    }
    for text in ["[]", "1", "\"a\"", "<a>"] {
        assert_eq!(walk(Walker::new(), text, 1000), Err(WalkError::NoObject), "{text}");
    }
    for text in ["{]", "{\"a\"}", "{\"a\":1]", "{a:1}", "{} x", "{,}", "{\"a\":1,}", "{\"a\":?}"] {
        let result = walk(Walker::new(), text, 1000);
        assert!(matches!(result, Err(WalkError::Syntax(_))), "{text} {result:?}");
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("{{\"a\":{}", "[".repeat(10_000_000));
    assert_eq!(walk(Walker::new(), &deep, 65536), Err(WalkError::TooDeep));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(COLLECTED_LIMIT));
    assert_eq!(walk(Walker::new(), &long, 65536), Err(WalkError::TooLarge));
    let key = format!("{{\"{}\":1}}", "x".repeat(COLLECTED_LIMIT + 1));
    assert_eq!(walk(Walker::new(), &key, 65536), Err(WalkError::TooLarge));
}

#[test]
fn what_is_not_kept_has_an_end_too() {
    let mut walker = Walker::outline();
    walker.feed(br#"{"versions":{"1":{"readme":""#).unwrap();
    let piece = vec![b'x'; 1 << 20];
    let refused = (0..200).find_map(|_| walker.feed(&piece).err());
    assert_eq!(refused, Some(WalkError::TooLong));
}
