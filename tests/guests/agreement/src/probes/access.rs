//! Decisions, features, and the properties of a request.

use packhouse_plugin::auth::{self, Owner, Wanted};
use packhouse_plugin::{Call, Error, Response, settings};

use super::Probe;
use crate::Said;

pub const PROBES: [(&str, Probe); 8] = [
    ("decisions", decisions),
    ("owners", owners),
    ("filter", filter),
    ("undeclared-action", |_, said| ask(said, "thing", "delete")),
    ("undeclared-kind", |_, said| ask(said, "other", "read")),
    ("undeclared-filter", undeclared_filter),
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
