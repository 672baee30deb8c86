//! The simple API: `GET /simple/` and `GET /simple/{project}/`, as HTML or JSON, whichever the client
//! prefers.

use packhouse_plugin::{Call, Response, auth};

use super::{Loaded, PACKAGE, dated, moved, read_dated, require, spelled};
use crate::catalog;
use crate::error::{self, Error};
use crate::simple::{Links, ProjectPage, RootPage, html, json};

/// The content types that a client can choose. A client without `Accept` gets the first one.
const OFFERS: [(&str, Form); 6] = [
    ("text/html", Form::Html("text/html; charset=utf-8")),
    (json::CONTENT_TYPE, Form::Json(json::CONTENT_TYPE)),
    (html::CONTENT_TYPE, Form::Html(html::CONTENT_TYPE)),
    ("application/vnd.pypi.simple.latest+json", Form::Json(json::CONTENT_TYPE)),
    ("application/vnd.pypi.simple.latest+html", Form::Html(html::CONTENT_TYPE)),
    ("application/json", Form::Json("application/json")),
];

/// A rendering and its content type.
#[derive(Clone, Copy)]
enum Form {
    Html(&'static str),
    Json(&'static str),
}

/// `GET /simple/`: the projects that the caller may read.
pub fn read_root(call: &Call) -> Result<Response, Error> {
    list_projects(call).map_err(|error| in_form(call, error))
}

fn list_projects(call: &Call) -> Result<Response, Error> {
    let form = negotiate(call)?;
    auth::refuse_rejected(PACKAGE, "read")?;
    let names = catalog::project_names()?;
    let names = auth::filter_allowed(PACKAGE, &names, "read");
    if names.is_empty() {
        auth::refuse_empty(PACKAGE, "read")?;
    }
    let base_url = call.base_url();
    let page = RootPage { names: &names, links: Links::Absolute(&base_url) };
    match form {
        Form::Html(content_type) => {
            let mut response = Response::new(200).content_type(content_type);
            html::write_root(&mut response, &page).map_err(packhouse_plugin::Error::from)?;
            Ok(response)
        }
        Form::Json(content_type) => {
            let mut response = Response::new(200).content_type(content_type);
            json::write_root(&mut response, &page).map_err(packhouse_plugin::Error::from)?;
            Ok(response)
        }
    }
}

/// The mount's own address, which clients are given by mistake: 404, naming the ones to use.
pub fn refuse_root(call: &Call) -> Result<Response, Error> {
    let base_url = call.base_url();
    let sentence = format!("upload to {base_url}/legacy/, install from {base_url}/simple/");
    Err(Error::because(error::NO_ROUTE, sentence))
}

/// `POST /simple/`, where clients are told to upload by mistake: 405, naming the address to use.
#[expect(clippy::unnecessary_wraps, reason = "a route's function may fail")]
pub fn refuse_upload(call: &Call) -> Result<Response, Error> {
    let base_url = call.base_url();
    let sentence = format!("upload to {base_url}/legacy/: {base_url}/simple/ is only for installing");
    Ok(Response::from(Error::because(error::METHOD, sentence)).header("allow", "GET, HEAD"))
}

/// `GET /simple`.
#[expect(clippy::unnecessary_wraps, reason = "a route's function may fail")]
pub fn redirect_root(call: &Call) -> Result<Response, Error> {
    Ok(moved(call, "simple/"))
}

/// `GET /simple/{project}/`.
pub fn read_project(call: &Call) -> Result<Response, Error> {
    list_files(call).map_err(|error| in_form(call, error))
}

fn list_files(call: &Call) -> Result<Response, Error> {
    let (name, is_normalised) = spelled(call)?;
    require(&name, "read")?;
    if !is_normalised {
        return Ok(moved(call, &format!("../{name}/")));
    }
    let form = negotiate(call)?;
    let Loaded { project, modified, .. } = read_dated(&name)?;
    let base_url = call.base_url();
    let page = ProjectPage { name: &name, project: &project, links: Links::Absolute(&base_url) };
    let mut response = dated(Response::new(200), modified);
    match form {
        Form::Html(content_type) => {
            response = response.content_type(content_type);
            html::write_project(&mut response, &page).map_err(packhouse_plugin::Error::from)?;
        }
        Form::Json(content_type) => {
            response = response.content_type(content_type);
            json::write_project(&mut response, &page).map_err(packhouse_plugin::Error::from)?;
        }
    }
    Ok(response)
}

/// `GET /simple/{project}`: the page is a folder (PEP 503).
pub fn redirect_project(call: &Call) -> Result<Response, Error> {
    let (name, _) = spelled(call)?;
    require(&name, "read")?;
    Ok(moved(call, &format!("{name}/")))
}

/// By `?format=`, else by `Accept` (PEP 691), or 406.
fn negotiate(call: &Call) -> Result<Form, Error> {
    preferred(call).ok_or_else(|| Error::new(error::NOT_ACCEPTABLE))
}

fn preferred(call: &Call) -> Option<Form> {
    let names = OFFERS.map(|(name, _)| name);
    let chosen = match call.query("format") {
        // A `+` that was not escaped reads as a space.
        Some(format) => names.iter().position(|name| *name == format.replace(' ', "+")),
        None => call.accepts(&names),
    };
    chosen.and_then(|index| OFFERS.get(index)).map(|(_, form)| *form)
}

/// An error of the page that the client likes better as JSON is JSON.
fn in_form(call: &Call, error: Error) -> Error {
    match preferred(call) {
        Some(Form::Json(_)) => error::in_json(error),
        Some(Form::Html(_)) | None => error,
    }
}
