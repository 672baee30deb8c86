//! The compact index: `versions`, `info/{gem}` and `names`, as Bundler reads them.
//!
//! Bundler requests what follows its own copy, beginning with the last byte of the copy (`Range`), and
//! names its copy by its MD5 (`If-None-Match`). A part is sent only if the file begins with this copy;
//! otherwise Bundler would join parts that do not fit.

use packhouse_plugin::digests::{self, MD5};
use packhouse_plugin::storage::Reader;
use packhouse_plugin::{Call, Error as Host, Response};

use super::{Readable, gem_name, require_read};
use crate::catalog::listing::Listing;
use crate::catalog::rendered::{self, Kind, Rendered};
use crate::catalog::{self, Current, Sums};
use crate::document::HEADER;
use crate::error::Error;
use crate::layout::VERSIONS;
use crate::stored::{self, TEXT};

/// How often a file is tried that is replaced while it is read.
const ATTEMPTS: u32 = 5;

/// `GET /`: gem asks whether there is anything, and reads the compact index then.
#[expect(clippy::unnecessary_wraps, reason = "the shape of an endpoint")]
pub fn read_root(call: &Call) -> Result<Response, Error> {
    let base_url = call.base_url();
    Ok(Response::new(200).text(format!(
        "This is a registry of gems. Add it with `gem sources --add {base_url}/`, or name it as the source in a Gemfile.\n"
    )))
}

/// `GET /versions`: every gem, a line a change.
pub fn read_versions(call: &Call) -> Result<Response, Error> {
    let everything = Readable::everything()?;
    for _ in 0..ATTEMPTS {
        let current = catalog::current()?;
        let response = match everything {
            Some(_) => whole_list(call, &current),
            None => part_of_list(call, &current),
        };
        match response {
            // `versions` was replaced between the two.
            Ok(None) => {}
            Ok(Some(response)) => return Ok(response),
            Err(error) => return Err(error),
        }
    }
    Err(Host::Unavailable(format!("`{VERSIONS}` changes faster than it can be read")).into())
}

/// Streamed by the host: the stored file, and the lines behind its end.
fn whole_list(call: &Call, current: &Current) -> Result<Option<Response>, Error> {
    let mut response = described(Response::new(200), &current.sums);
    if let Some(base) = &current.base {
        let found = response.write_object(VERSIONS)?;
        if found.is_none_or(|found| found.version != *base) {
            return Ok(None);
        }
    }
    let response = response.bytes(&current.lines);
    Ok(match copy_of(call) {
        Some(copy) if !begins_with(current, &copy)? => Some(response.no_ranges()),
        _ => Some(response),
    })
}

/// For a caller who may not read every gem.
fn part_of_list(call: &Call, current: &Current) -> Result<Option<Response>, Error> {
    let Some(list) = unless_replaced(current.text())? else { return Ok(None) };
    let listing = Listing::new(&list);
    let readable = Readable::of(listing.names().into_iter())?;
    text(call, &listing.filtered(|name| readable.allows(name))).map(Some)
}

/// `GET /info/{gem}`: a line a version.
pub fn read_info(call: &Call) -> Result<Response, Error> {
    let name = gem_name(call)?;
    require_read(&name)?;
    if let Some(package) = stored::load(&name)? {
        return text(call, &package.info());
    }
    // As long as the list names it, its page is empty: after a 404 Bundler uses no page at all.
    let list = catalog::text()?;
    if Listing::new(&list).names().contains(name.as_str()) {
        text(call, HEADER)
    } else {
        Err(stored::no_gem(&name))
    }
}

/// `GET /names`: every gem that has a version.
pub fn read_names(call: &Call) -> Result<Response, Error> {
    read_rendered(call, Kind::Names)
}

/// One of the files that are made of the list.
pub fn read_rendered(call: &Call, kind: Kind) -> Result<Response, Error> {
    let everything = Readable::everything()?;
    for _ in 0..ATTEMPTS {
        let current = catalog::current()?;
        if everything.is_none() {
            let Some(list) = unless_replaced(current.text())? else { continue };
            let listing = Listing::new(&list);
            let readable = Readable::of(listing.names().into_iter())?;
            return fresh(call, kind, &rendered::render(kind, &list, |name| readable.allows(name))?);
        }
        let Some(found) = unless_replaced(rendered::read(kind, &current))? else { continue };
        match found {
            Rendered::Fresh(bytes) => return fresh(call, kind, &bytes),
            Rendered::Stored(sums, version) => {
                let mut response = if kind == Kind::Names {
                    described(Response::new(200), &sums).no_ranges()
                } else {
                    packed(kind, &sums)
                };
                if response.write_object(kind.key())?.is_some_and(|found| found.version == version) {
                    return Ok(response);
                }
            }
        }
    }
    Err(Host::Unavailable(format!("`{}` changes faster than it can be read", kind.key())).into())
}

fn fresh(call: &Call, kind: Kind, bytes: &[u8]) -> Result<Response, Error> {
    if kind == Kind::Names {
        return text(call, &String::from_utf8_lossy(bytes));
    }
    Ok(packed(kind, &Sums::of(bytes)?).bytes(bytes))
}

/// The `ETag` is that of the bytes, whether they are stored or not.
fn packed(kind: Kind, sums: &Sums) -> Response {
    let response = Response::new(200).content_type(kind.content_type()).no_compression();
    response.header("etag", &format!("\"{}\"", sums.md5))
}

/// A file of the compact index that is in memory.
fn text(call: &Call, text: &str) -> Result<Response, Error> {
    let response = described(Response::new(200), &Sums::of(text)?).bytes(text);
    let Some(copy) = copy_of(call) else { return Ok(response) };
    let begin = usize::try_from(copy.size).ok().and_then(|size| text.as_bytes().get(..size));
    let is_begin = begin.map(|begin| is_md5(begin, &copy.md5)).transpose()?.unwrap_or(false);
    Ok(if is_begin { response } else { response.no_ranges() })
}

/// The MD5 in the `ETag` and the SHA-256 are those of the text, so it is not compressed.
fn described(response: Response, sums: &Sums) -> Response {
    response
        .content_type(TEXT)
        .header("etag", &format!("\"{}\"", sums.md5))
        .header("repr-digest", &format!("sha-256=:{}:", base64(&unhex(&sums.sha256))))
        .no_compression()
}

/// The copy that a client has.
struct Copy {
    /// Bytes.
    size: u64,
    /// In hexadecimal.
    md5: String,
}

/// Told by `Range: bytes={size - 1}-` and the MD5 as the `ETag`; none where no part is asked for.
fn copy_of(call: &Call) -> Option<Copy> {
    let range = call.header("range")?;
    let first: Option<u64> =
        range.trim().strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse().ok());
    let md5 = call.header("if-none-match").unwrap_or_default();
    let md5 = md5.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    // Any other range of any other copy fits nothing.
    Some(Copy { size: first.map_or(u64::MAX, |first| first.saturating_add(1)), md5 })
}

fn begins_with(current: &Current, copy: &Copy) -> Result<bool, Error> {
    if copy.size > current.sums.size {
        return Ok(false);
    }
    let base_size = current.sums.size - current.lines.len() as u64;
    if copy.size <= base_size {
        let Some(reader) = Reader::open(VERSIONS)? else { return Ok(false) };
        let digests = match reader.digest_range(0, copy.size, &[MD5]) {
            Err(Host::Conflict) => return Ok(false),
            digests => digests?,
        };
        return Ok(digests.first().is_some_and(|digest| digest.hex == copy.md5));
    }
    let Some(text) = unless_replaced(current.text())? else { return Ok(false) };
    let begin = usize::try_from(copy.size).ok().and_then(|size| text.as_bytes().get(..size));
    begin.map_or(Ok(false), |begin| is_md5(begin, &copy.md5))
}

fn is_md5(bytes: &[u8], md5: &str) -> Result<bool, Error> {
    Ok(digests::of(bytes, &[MD5])?.first().is_some_and(|digest| digest.hex == md5))
}

fn unless_replaced<T>(read: Result<T, Host>) -> Result<Option<T>, Error> {
    match read {
        Err(Host::Conflict) => Ok(None),
        read => Ok(Some(read?)),
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..hex.len() / 2).filter_map(|pair| digit(pair * 2)).collect()
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let group = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for (position, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let letter = ALPHABET.get(((group >> shift) & 63) as usize).copied().unwrap_or(b'=');
            text.push(char::from(if position <= chunk.len() { letter } else { b'=' }));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_in_base64() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(unhex("00ff10"), [0, 255, 16]);
    }
}
