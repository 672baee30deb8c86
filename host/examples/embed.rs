//! Packhouse inside another program: no socket, no second process.
//!
//! `cargo run --example embed -- PLUGINS` where `PLUGINS` is a folder of `.wasm` files,
//! e.g. `plugins` after `cargo xtask plugins`.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use packhouse::storage::ListOptions;
use packhouse::{Config, Registry};

#[tokio::main]
async fn main() -> Result<()> {
    let plugins = std::env::args().nth(1).context("name the folder of the plugins")?;
    let scratch = tempfile::tempdir()?;
    let registry = build(&plugins, scratch.path()).await?;

    // Requests are handed over as values; this one asks for the list of plugins.
    let status = get(&registry, "/-/packhouse/plugins").await?;
    println!("{status}");

    // Identity: users are made and asked for without the command line.
    registry.auth().ensure_admin(None).await?;
    println!("there is an admin: {}", registry.auth().user_exists("admin").await?);

    // A plugin by its name, and the objects below the prefix of its mount.
    for mount in registry.mounts().iter() {
        let plugin = registry.plugin(&mount.plugin).context("a mount has a plugin")?;
        let objects = registry.storage().scope(&mount.prefix)?;
        let listing = objects
            .list(&ListOptions { prefix: String::new(), folders: false, after: None, limit: 10 })
            .await?;
        println!(
            "{} at {} is generation {} with {} objects",
            plugin.description.title,
            mount.base_path,
            plugin.number,
            listing.objects.len()
        );
    }
    Ok(())
}

/// A registry that keeps everything in memory.
async fn build(plugins: &str, scratch: &std::path::Path) -> Result<Registry> {
    let text = format!(
        "[storage]\ntype = \"memory\"\n[auth]\nuser_store = \"memory\"\ntoken_store = \"memory\"\n[plugins]\ndir = {plugins:?}\ncache = \"{}\"\n",
        scratch.join("cache").display()
    );
    let config = Config::parse(&text, "embedded.toml".as_ref())?;
    Ok(Registry::build(config).await?)
}

async fn get(registry: &Registry, path: &str) -> Result<String> {
    let request = Request::builder().method(Method::GET).uri(path).body(Full::new(Bytes::new()))?;
    let response = registry.handle(request).await;
    let body = response.into_body().collect().await.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(String::from_utf8(body.to_bytes().to_vec())?)
}
