//! Multipart uploads that were neither completed nor aborted. A crash while parts are joined leaves
//! one behind. It is invisible, but it is paid for.

use std::time::SystemTime;

use http::Method;
use opendal::raw::percent_encode_path;
use serde::Deserialize;

use super::requests::Requests;
use crate::bucket::within;
use crate::error::{Result, StorageError};

/// The most uploads per listing, and the most listings without one.
const MOST_PAGES: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Page {
    is_truncated: bool,
    next_key_marker: String,
    next_upload_id_marker: String,
    upload: Vec<Begun>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    key: String,
    upload_id: String,
    initiated: String,
}

impl Begun {
    fn is_older_than(&self, time: SystemTime) -> bool {
        humantime::parse_rfc3339_weak(&self.initiated).is_ok_and(|begun| begun < time)
    }
}

/// Aborts the uploads in the bucket that began before `before`. Returns their number.
pub(super) async fn give_up(requests: &Requests<'_>, before: SystemTime) -> Result<u64> {
    let (mut given_up, mut after) = (0, String::new());
    for _ in 0..MOST_PAGES {
        let page = within(list(requests, &after)).await?;
        for begun in page.upload.iter().filter(|begun| begun.is_older_than(before)) {
            within(abort(requests, begun)).await?;
            given_up += 1;
        }
        if !page.is_truncated {
            break;
        }
        after = format!(
            "&key-marker={}&upload-id-marker={}",
            encoded(&page.next_key_marker),
            encoded(&page.next_upload_id_marker)
        );
    }
    Ok(given_up)
}

async fn list(requests: &Requests<'_>, after: &str) -> Result<Page> {
    let answer = requests.send(Method::GET, &format!("?uploads={after}")).await?;
    quick_xml::de::from_reader(std::io::Cursor::new(answer.to_bytes())).map_err(|_| {
        StorageError::other("the storage service lists its unfinished uploads in a form of its own")
    })
}

async fn abort(requests: &Requests<'_>, begun: &Begun) -> Result<()> {
    let path = format!("/{}?uploadId={}", percent_encode_path(&begun.key), encoded(&begun.upload_id));
    match requests.send(Method::DELETE, &path).await {
        Err(StorageError::NotFound) => Ok(()),
        answer => answer.map(|_| ()),
    }
}

fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}
