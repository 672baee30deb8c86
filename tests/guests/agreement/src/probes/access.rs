//! Decisions, features, and the properties of a request.

use std::collections::BTreeMap;

use packhouse_plugin::auth::{self, Owner, TokenRequest, Wanted};
use packhouse_plugin::{Call, Error, Response, settings};

use super::Probe;
use crate::Said;

pub const PROBES: [(&str, Probe); 14] = [
    ("decisions", decisions),
    ("owners", owners),
    ("filter", filter),
    ("undeclared-action", |_, said| ask(said, "thing", "delete")),
    ("undeclared-kind", |_, said| ask(said, "other", "read")),
    ("undeclared-filter", undeclared_filter),
    ("undeclared-public", undeclared_public),
    ("undeclared-owned", undeclared_owned),
    ("undeclared-elsewhere", undeclared_elsewhere),
    ("many-names", many_names),
    ("account", account),
    ("settings", settings_of_the_mount),
    ("features", features),
    ("request", request),
];

fn decisions(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    for (name, action) in [
        ("a", "list"),
        ("a", "read"),
        ("a", "write"),
        ("a", "seal"),
        ("b", "read"),
        ("b", "write"),
        ("group:item", "write"),
        ("group.sub:item", "write"),
        ("public/x", "read"),
        ("public/x", "list"),
        ("public/x", "write"),
    ] {
        let public = auth::is_public("thing", name, action);
        said.say(format!("{name} {action}: {:?} {public}", auth::check("thing", name, action)));
    }
    said.say(auth::has_credentials());
    said.say(auth::rejection().is_some());
    said.say(format!("{:?}", auth::caller().map(|account| account.name())));
    said.say(auth::grant("thing", "a", "write"));
    Ok(None)
}

fn owners(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let own = auth::caller().map(|account| Owner::of(&account));
    let listed = |names: &[&str]| auth::check_listed("thing", "b", "write", names);
    said.say(format!("{:?} {:?}", listed(&["ann", "bob"]), listed(&["carol"])));
    let owners: Vec<Owner> = own.into_iter().collect();
    said.say(format!("{:?}", auth::check_owned("thing", "b", "write", &owners)));
    said.say(format!("{:?}", auth::check_owned("thing", "b", "write", &[])));
    Ok(None)
}

fn filter(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    said.say(format!("{:?}", auth::filter_allowed("thing", &["a", "b", "public/x"], "read")));
    Ok(None)
}

fn ask(said: &mut Said, kind: &str, action: &str) -> Result<Option<Response>, Error> {
    said.say(format!("{:?}", auth::check(kind, "a", action)));
    Ok(None)
}

fn undeclared_filter(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    said.say(format!("{:?}", auth::filter_allowed("thing", &["a"], "delete")));
    Ok(None)
}

fn undeclared_public(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    said.say(auth::is_public("thing", "a", "delete"));
    Ok(None)
}

fn undeclared_owned(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    said.say(format!("{:?}", auth::check_owned("other", "a", "read", &[])));
    Ok(None)
}

/// What is only text, or only narrows, may name what is not declared.
fn undeclared_elsewhere(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    said.say(auth::grant("other", "a", "delete"));
    let wanted = [Wanted::new("other", "a", &["delete"])];
    let challenge = auth::bearer_challenge("/token", &wanted).unwrap_or_default();
    said.say(challenge.split_once("scope=").map_or("", |(_, rest)| rest));
    said.told("signed", auth::sign_access(auth::caller().as_ref(), "", &wanted).map(drop));
    let request = TokenRequest { scopes: wanted.to_vec(), ..TokenRequest::default() };
    let caller = auth::caller().ok_or(Error::NotFound)?;
    said.told("a token", caller.issue_token(&request).map(drop));
    Ok(None)
}

/// More than the host filters in one call.
fn many_names(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    said.say(auth::filter_allowed("thing", &vec!["a"; 10_001], "read").len());
    Ok(None)
}

/// The caller, and what owner lists say of them.
fn account(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let caller = auth::caller().ok_or(Error::NotFound)?;
    said.say(format!("{} {:?} {}", caller.name(), caller.email(), caller.is_read_only()));
    said.say(auth::account_id("bob")?.is_some_and(|id| id == caller.id()));
    let of = |name: &str, id: Option<String>| Owner { name: name.to_owned(), id };
    for (what, owner) in [
        ("by id", of("", Some(caller.id()))),
        ("by another name with the id", of("ann", Some(caller.id()))),
        ("by the name with another id", of("bob", auth::account_id("ann")?)),
        ("by the name alone", of("bob", None)),
    ] {
        said.say(format!("{what}: {:?}", auth::check_owned("thing", "b", "write", &[owner])));
    }
    said.say(auth::rejection().is_some());
    said.say(format!("{:?}", auth::retry_after()));
    Ok(None)
}

fn settings_of_the_mount(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let read = settings::get::<BTreeMap<String, u64>>();
    said.say(format!("{read:?}"));
    let error = settings::get::<BTreeMap<String, bool>>();
    said.say(error.map_or_else(|error| error.to_string(), |read| format!("{read:?}")));
    said.told("none expected", settings::expect_none());
    Ok(None)
}

fn features(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    for name in ["on", "off", "unheard-of"] {
        said.say(format!("{name}: {}", settings::feature(name)));
    }
    Ok(None)
}

fn request(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    said.say(call.base_path());
    said.say(call.base_url().ends_with("/agreement"));
    said.say(format!("{:?} {:?}", call.header("x-two"), call.header("authorization")));
    let wanted = [Wanted::new("thing", "a", &["read", "write"]), Wanted::new("thing", "a b", &["read"])];
    let challenge = auth::bearer_challenge("/token", &wanted).unwrap_or_default();
    said.say(challenge.split_once("service=").map_or("", |(_, rest)| rest));
    Ok(None)
}
