//! The page to which `cargo login` sends users. It explains how to get a token: there is no form to
//! sign in, because an administrator creates the tokens.

use packhouse_plugin::markup::Escaped;
use packhouse_plugin::{Call, Response};

use crate::error::Error;

/// The page's address.
pub fn url(base_url: &str) -> String {
    format!("{base_url}/me")
}

/// `GET /me`.
#[expect(clippy::unnecessary_wraps, reason = "the shape of an endpoint")]
pub fn show_login(call: &Call) -> Result<Response, Error> {
    let index = format!("sparse+{}/", call.base_url());
    let index = Escaped(&index);
    Ok(Response::new(200).html(format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>A token for cargo</title>
<style>body {{ font-family: sans-serif; max-width: 40em; margin: 2em auto; line-height: 1.5 }}</style>
<h1>A token for cargo</h1>
<p>The administrator of the registry creates tokens with this command:</p>
<pre>packhouse token create YOUR-NAME --label cargo</pre>
<p>Add the registry to <code>~/.cargo/config.toml</code>:</p>
<pre>[registries.packhouse]
index = "{index}"
credential-provider = ["cargo:token"]</pre>
<p>Then give cargo the token:</p>
<pre>cargo login --registry packhouse</pre>
</html>
"#
    )))
}
