//! Who owns a crate. Grants decide who may do what; whoever is listed here may also publish,
//! yank and change the list.

use packhouse_plugin::auth;
use packhouse_plugin::storage::{Change, Update};
use packhouse_plugin::{Call, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    JSON, SMALL_BODY, crate_name, load_owners, no_crate, parse_owners, require, require_listed, spelling,
};
use crate::error::{self, Error};
use crate::layout;
use crate::name::CrateName;
use crate::owners::{self, Owners};

#[derive(Deserialize)]
struct Users {
    #[serde(alias = "owners")]
    users: Vec<String>,
}

/// `GET /api/v1/crates/{crate}/owners`.
pub fn list_owners(call: &Call) -> Result<Response, Error> {
    let name = crate_name(call)?;
    require(&name, "read")?;
    spelling(&name)?.ok_or_else(|| no_crate(&name))?;
    let owners = load_owners(&name)?.unwrap_or_default();
    let users: Vec<Value> = owners
        .owners
        .iter()
        .map(|owner| json!({ "id": owners::number(owner), "login": owner, "name": null }))
        .collect();
    Ok(Response::new(200).json(&json!({ "users": users })))
}

/// `PUT /api/v1/crates/{crate}/owners`. Whoever is added must be a user here.
pub fn add_owners(call: &Call) -> Result<Response, Error> {
    let name = crate_name(call)?;
    require_listed(&name, "owner")?;
    let users = read_users(call)?;
    for user in &users {
        if !auth::user_exists(user)? {
            return Err(bad(format!("there is no user {user} here; owners are users of this registry")));
        }
    }
    change(&name, |owners, has_tried| {
        for user in &users {
            if !owners.add(user) && !has_tried {
                return Err(bad(format!("{user} is an owner already")));
            }
        }
        if owners.owners.len() > owners::MOST {
            return Err(bad(format!("a crate may have at most {} owners", owners::MOST)));
        }
        Ok(())
    })?;
    Ok(told(&format!("{} may now publish {name}", users.join(", "))))
}

/// `DELETE /api/v1/crates/{crate}/owners`. One owner must stay.
pub fn remove_owners(call: &Call) -> Result<Response, Error> {
    let name = crate_name(call)?;
    require_listed(&name, "owner")?;
    let users = read_users(call)?;
    change(&name, |owners, has_tried| {
        for user in &users {
            if !owners.remove(user) && !has_tried {
                return Err(bad(format!("{user} is no owner of {name}")));
            }
        }
        if owners.owners.is_empty() {
            return Err(bad(format!("{name} would have no owner any more; add another one first")));
        }
        Ok(())
    })?;
    Ok(told(&format!("{} may no longer publish {name}", users.join(", "))))
}

fn read_users(call: &Call) -> Result<Vec<String>, Error> {
    let users: Users = serde_json::from_slice(&call.body().read_all(SMALL_BODY)?)?;
    if users.users.is_empty() {
        return Err(bad("name the users in `users`".to_owned()));
    }
    Ok(users.users)
}

/// Changes the list of a crate that is there. One of another system begins with none. The
/// second argument of `change` tells whether this request may have made the change already.
fn change(name: &CrateName, change: impl Fn(&mut Owners, bool) -> Result<(), Error>) -> Result<(), Error> {
    let spelled = spelling(name)?.ok_or_else(|| no_crate(name))?;
    Update::new(&layout::owners(name)).content_type(JSON).run_telling(|document, has_tried| {
        let there = document.map(parse_owners).transpose()?;
        let mut owners = there.clone().unwrap_or_else(|| Owners::new(&spelled, None));
        change(&mut owners, has_tried)?;
        Ok::<_, Error>(if there.as_ref() == Some(&owners) { Change::Keep } else { Change::json(&owners)? })
    })?;
    Ok(())
}

fn bad(sentence: String) -> Error {
    Error::because(error::BAD_OWNER, sentence)
}

fn told(sentence: &str) -> Response {
    Response::new(200).json(&json!({ "ok": true, "msg": sentence }))
}
