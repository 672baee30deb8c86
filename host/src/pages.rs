//! The host's own pages: `/healthz`, `/readyz`, and those below `/-/packhouse/`. They take no place, and
//! no plugin is called.
//!
//! | page | contents |
//! |---|---|
//! | `health` | `/readyz` |
//! | `plugins` | `/-/packhouse/plugins` |
//! | `account` | `/-/packhouse/account`: a user's sign-in and tokens |

mod account;
mod health;
mod plugins;

use std::net::IpAddr;

use http::{HeaderValue, Method, StatusCode, header};

use crate::auth::Auth;
use crate::body::RequestBody;
use crate::respond::{Failure, Part, Reply};
use crate::serving::Serving;
use crate::storage::Storage;

pub use account::{AccountPage, Cookies, LARGEST_FORM};

/// The parts of a request on which the pages depend.
pub struct Asked<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The host name that the client used, with its port.
    pub host: Option<&'a str>,
    /// The URL at which clients reach the registry, if it is configured.
    pub public_url: Option<&'a str>,
    /// The address of the client.
    pub peer: IpAddr,
    pub cookies: &'a Cookies,
    /// A browser sent it because another web site made it do so.
    pub is_from_elsewhere: bool,
}

/// The parts of the host that the pages show.
pub struct Pages<'a> {
    pub serving: &'a Serving,
    pub storage: &'a Storage,
    pub auth: &'a Auth,
    pub account: &'a AccountPage,
}

/// The reply to one of the host's own paths.
pub async fn reply(pages: &Pages<'_>, asked: &Asked<'_>, body: RequestBody) -> Result<Reply, Failure> {
    if let Some(rest) = asked.path.strip_prefix(account::PATH) {
        return account::reply(pages, asked, rest, body).await;
    }
    only_reads(asked)?;
    match asked.path {
        "/healthz" => Ok(page("text/plain; charset=utf-8", "ok\n")),
        "/readyz" => health::ready(pages).await,
        "/-/packhouse/plugins" => {
            let status = plugins::status(pages.serving, asked).await;
            let text = serde_json::to_string_pretty(&status).map_err(|_| Failure::Internal)?;
            Ok(page("application/json", text + "\n"))
        }
        _ => Err(no_page()),
    }
}

fn only_reads(asked: &Asked<'_>) -> Result<(), Failure> {
    match *asked.method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(Failure::MethodNotAllowed { allow: "GET, HEAD".into() }),
    }
}

/// Whether browsers speak TLS, with this host or with a proxy in front.
pub fn is_secure(scheme: &str, public_url: Option<&str>) -> bool {
    scheme == "https" || public_url.is_some_and(|url| url.starts_with("https:"))
}

fn no_page() -> Failure {
    Failure::NotFound("the host has no such page".into())
}

fn page(content_type: &'static str, text: impl Into<String>) -> Reply {
    let mut reply = Reply::new(StatusCode::OK);
    reply.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply.body.push(Part::Bytes(text.into().into()));
    reply
}
