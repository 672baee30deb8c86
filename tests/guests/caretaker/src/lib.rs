//! A fixture: a plugin that looks after its mount, well or in one of many bad ways, as the
//! setting `trick` says.
//!
//! `blobs/{sha256}` are named by `names/{sha256}`; `index` is derived: the names, a line
//! each.

use packhouse_plugin::digests::SHA256;
use packhouse_plugin::maintenance::{Maintenance, Step};
use packhouse_plugin::storage::{self, ListingOptions, Precondition};
use packhouse_plugin::{Description, Error, Protocol, Request, Response, settings};

mod ownership;
mod tricks;

pub struct Caretaker;

packhouse_plugin::export!(Caretaker, maintenance, ownership);

/// Keys of one step: few, so that there are many steps.
const KEYS: u32 = 10;

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Settings {
    trick: Option<String>,
}

impl Protocol for Caretaker {
    fn describe() -> Description {
        Description::new("caretaker", "Caretaker", env!("CARGO_PKG_VERSION"))
    }

    fn check_settings() -> Result<(), Error> {
        settings::check::<Settings>()
    }

    fn handle(_: Request) -> Response {
        Response::new(200).text("well")
    }
}

impl Maintenance for Caretaker {
    fn collect(step: &Step<'_>) -> Result<(), Error> {
        if let Some(trick) = settings::get::<Settings>()?.trick {
            return tricks::play(&trick, step);
        }
        let after = step.cursor();
        let page = page("blobs/", after.as_deref())?;
        for blob in &page.objects {
            step.checked(1, 0);
            let is_named = || Ok::<_, Error>(storage::stat(&name_of(&blob.key))?.is_some());
            if !is_named()? {
                if step.is_recent(blob) {
                    step.kept(1, blob.size);
                } else if step.remove(blob)? {
                    step.left_over(&blob.key, blob.size, "nothing names it");
                }
            }
        }
        page.next.iter().for_each(|next| step.set_cursor(next));
        Ok(())
    }

    fn reindex(step: &Step<'_>) -> Result<(), Error> {
        let mut index = String::new();
        for name in storage::list("names/") {
            index.push_str(&name?.key.replace("names/", ""));
            index.push('\n');
            step.checked(1, 0);
        }
        let there = storage::get("index")?;
        if there.as_ref().is_some_and(|there| there.bytes == index.as_bytes()) {
            return Ok(());
        }
        if !step.is_dry_run() {
            let precondition = there.as_ref().map_or(Precondition::Absent, |there| there.precondition());
            storage::put("index", index.as_bytes(), precondition, None)?;
        }
        step.rebuilt("index");
        Ok(())
    }

    fn verify(step: &Step<'_>) -> Result<(), Error> {
        if settings::get::<Settings>()?.trick.is_some() {
            // Nobody may change anything here.
            return storage::put("changed", b"", Precondition::Any, None).map(drop);
        }
        let after = step.cursor();
        let page = page("names/", after.as_deref())?;
        for name in &page.objects {
            let key = name.key.replace("names/", "blobs/");
            match storage::digests(&key, &[SHA256])?.unwrap_or_default().first() {
                None => step.damaged(&key, "it is missing"),
                Some(digest) if !key.ends_with(&digest.hex) => {
                    step.damaged(&key, &format!("its bytes have {digest}"));
                }
                Some(_) => {}
            }
            step.checked(1, storage::stat(&key)?.map_or(0, |info| info.size));
        }
        page.next.iter().for_each(|next| step.set_cursor(next));
        Ok(())
    }
}

fn page(prefix: &str, after: Option<&str>) -> Result<storage::Listing, Error> {
    storage::list_page(&ListingOptions { after, limit: KEYS, ..ListingOptions::new(prefix) })
}

fn name_of(blob: &str) -> String {
    blob.replace("blobs/", "names/")
}
