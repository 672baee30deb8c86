//! The owners of a crate. In addition to users with a grant, the owners may publish, yank and change
//! the list.

use packhouse_plugin::auth::{self, Owner};
use packhouse_plugin::{Call, Response, SMALL_BODY, json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{crate_name, owners_of};
use crate::access::StoredName;
use crate::error::{self, Error};
use crate::owners::{self, Owners};

#[derive(Deserialize)]
struct Users {
    #[serde(alias = "owners")]
    users: Vec<String>,
}

/// `GET /api/v1/crates/{crate}/owners`. An owner whose account was removed is shown as such: they own
/// nothing, and neither does a new user of that name.
pub fn list_owners(call: &Call) -> Result<Response, Error> {
    let stored = StoredName::require(&crate_name(call)?, "read")?;
    let owners = stored.owners()?.unwrap_or_default();
    let mut users: Vec<Value> = Vec::new();
    for owner in owners.list() {
        let is_gone = owner.id.is_some() && auth::account_id(&owner.name)? != owner.id;
        let remark = is_gone.then_some("this account was removed");
        users.push(json!({ "id": owners::number(&owner.name), "login": owner.name, "name": remark }));
    }
    Ok(Response::new(200).json(&json!({ "users": users })))
}

/// `PUT /api/v1/crates/{crate}/owners`. A new owner must be a user of this registry.
pub fn add_owners(call: &Call) -> Result<Response, Error> {
    let stored = StoredName::require_owned(&crate_name(call)?, "owner")?;
    let users = read_users(call)?;
    let mut added = Vec::new();
    for user in &users {
        let Some(id) = auth::account_id(user)? else {
            return Err(bad(format!("there is no user {user} here; owners are users of this registry")));
        };
        added.push(Owner { name: user.clone(), id: Some(id) });
    }
    change(&stored, |owners, has_tried| {
        for owner in &added {
            if !owners.add(owner.clone()) && !has_tried {
                return Err(bad(format!("{} is an owner already", owner.name)));
            }
        }
        if owners.len() > owners::MOST {
            return Err(bad(format!("a crate may have at most {} owners", owners::MOST)));
        }
        Ok(())
    })?;
    Ok(told(&format!("{} may now publish {}", users.join(", "), stored.name())))
}

/// `DELETE /api/v1/crates/{crate}/owners`. One owner must stay.
pub fn remove_owners(call: &Call) -> Result<Response, Error> {
    let stored = StoredName::require_owned(&crate_name(call)?, "owner")?;
    let name = stored.name();
    let users = read_users(call)?;
    change(&stored, |owners, has_tried| {
        for user in &users {
            if !owners.remove(user) && !has_tried {
                return Err(bad(format!("{user} is not an owner of {name}")));
            }
        }
        if owners.is_empty() {
            return Err(bad(format!("{name} would have no owner; add another one first")));
        }
        Ok(())
    })?;
    Ok(told(&format!("removed {} from the owners of {name}", users.join(", "))))
}

fn read_users(call: &Call) -> Result<Vec<String>, Error> {
    let users: Users = json::parse(&call.body().read_all(SMALL_BODY)?)?;
    if users.users.is_empty() {
        return Err(bad("name the users in `users`".to_owned()));
    }
    Ok(users.users)
}

/// Changes the list of a crate that is there. One of another system begins with none. The
/// second argument of `change` tells whether this request may have made the change already.
fn change(stored: &StoredName, change: impl Fn(&mut Owners, bool) -> Result<(), Error>) -> Result<(), Error> {
    let name = stored.name();
    owners_of(name).strict().update_telling(|there, has_tried| {
        let mut owners = there.clone().unwrap_or_else(|| Owners::new(name, None));
        if owners.name != name.as_str() {
            return Err(bad(format!("the owners of {} are recorded in the place of {name}", owners.name)));
        }
        change(&mut owners, has_tried)?;
        Ok((there.as_ref() != Some(&owners)).then_some(owners))
    })?;
    Ok(())
}

fn bad(sentence: String) -> Error {
    Error::because(error::BAD_OWNER, sentence)
}

fn told(sentence: &str) -> Response {
    Response::new(200).json(&json!({ "ok": true, "msg": sentence }))
}
