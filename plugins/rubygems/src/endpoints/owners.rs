//! The owners of a gem. In addition to users with a grant, the owners may push, yank and change the
//! list.

use packhouse_plugin::auth::{self, Owner};
use packhouse_plugin::{Call, Response, log};
use serde_json::{Value, json};

use super::{field, fields, gem_name, require_owned, require_read, told};
use crate::document::{Listed, Package};
use crate::error::{self, Error};
use crate::name::GemName;
use crate::stored;

/// The most owners of a gem.
const MOST: usize = 1000;

/// `GET /api/v1/gems/{gem}/owners.json`.
pub fn list_as_json(call: &Call) -> Result<Response, Error> {
    let owners: Vec<Value> = list(call)?.owners.iter().map(|owner| json!({ "handle": owner.name })).collect();
    Ok(Response::new(200).json(&owners))
}

/// `GET /api/v1/gems/{gem}/owners.yaml`.
pub fn list_as_yaml(call: &Call) -> Result<Response, Error> {
    // A JSON string is a YAML one.
    let line = |owner: Listed| format!("- handle: {}\n", Value::from(owner.name));
    let lines: String = list(call)?.owners.into_iter().map(line).collect();
    let yaml = if lines.is_empty() { "--- []\n".to_owned() } else { format!("---\n{lines}") };
    Ok(Response::new(200).content_type("application/yaml").bytes(yaml))
}

fn list(call: &Call) -> Result<Package, Error> {
    let name = gem_name(call)?;
    require_read(&name)?;
    stored::require(&name)
}

/// `POST /api/v1/gems/{gem}/owners`: `email` holds the name of a user of this registry.
pub fn add_owner(call: &Call) -> Result<Response, Error> {
    let name = gem_name(call)?;
    require_owned(&name, "owner")?;
    let user = user(call)?;
    let Some(id) = auth::account_id(&user)? else {
        return Err(bad(format!(
            "there is no user {user:?} here; owners are users of this registry, by their names"
        )));
    };
    let owner = Owner { name: user.clone(), id: Some(id) };
    stored::change(&name, |package, has_tried| {
        let is_new = package.add_owner(owner.clone());
        if !is_new && !has_tried {
            return Err(bad(format!("{user} is an owner of {name} already")));
        }
        if package.owners.len() > MOST {
            return Err(bad(format!("a gem may have at most {MOST} owners")));
        }
        Ok(is_new)
    })?;
    log_change("added an owner", &name, &user);
    Ok(told("Owner added successfully."))
}

/// `DELETE /api/v1/gems/{gem}/owners`. One owner must stay.
pub fn remove_owner(call: &Call) -> Result<Response, Error> {
    let name = gem_name(call)?;
    require_owned(&name, "owner")?;
    let user = user(call)?;
    stored::change(&name, |package, has_tried| {
        let was_there = package.remove_owner(&user);
        if !was_there && !has_tried {
            return Err(bad(format!("{user} is not an owner of {name}")));
        }
        if was_there && package.owners.is_empty() {
            return Err(bad(format!("{name} would have no owner; add another one first")));
        }
        Ok(was_there)
    })?;
    log_change("removed an owner", &name, &user);
    Ok(told("Owner removed successfully."))
}

fn user(call: &Call) -> Result<String, Error> {
    let fields = fields(call)?;
    let user = field(&fields, &["email", "handle", "owner"]);
    user.map(str::to_owned).ok_or_else(|| Error::because(error::BAD_BODY, "name the user in `email`"))
}

fn log_change(message: &str, name: &GemName, user: &str) {
    log::info(message, &[("gem.name", name.as_str()), ("user.name", user)]);
}

fn bad(sentence: String) -> Error {
    Error::because(error::BAD_OWNER, sentence)
}
