//! Records the operator's decision that the present content of a mount is the right one.

use super::{BuildError, home, store};
use crate::config::Config;
use crate::prefixes::{Accepted, PrefixError, Prefixes};
use crate::storage::{Company, StorageError};

/// Accepts what is stored for these mounts, named by their prefix or as in the configuration. A
/// sentence of what was done for each.
pub async fn accept(config: &Config, names: &[String]) -> Result<Vec<String>, BuildError> {
    if !config.storage.is_lasting() {
        let sentence = "[storage] type = \"memory\" is empty after every start: there is nothing to accept";
        return Err(config.error(sentence).into());
    }
    let storage = home::find(config, false).await?;
    let presence = storage.enter(Company::Guest).await.map_err(|source| match source {
        StorageError::Invalid(sentence) => config.error(format!("[storage] {sentence}")).into(),
        source => store::error(config, source),
    })?;
    let (prefixes, mut done) = (Prefixes::new(&storage), Ok(Vec::new()));
    for name in names {
        let accepted = accept_one(config, &prefixes, name).await;
        done = match (done, accepted) {
            (Ok(mut sentences), Ok(sentence)) => {
                sentences.push(sentence);
                Ok(sentences)
            }
            (Err(error), _) | (Ok(_), Err(error)) => Err(error),
        };
    }
    presence.leave().await;
    done
}

/// The messages of a mount name its prefix, which may be the name of another mount.
fn prefix_of<'a>(config: &'a Config, name: &'a str) -> &'a str {
    let is_prefix = config.mount.iter().any(|(mount, it)| it.prefix.as_ref().unwrap_or(mount) == name);
    let of_mount = config.mount.get(name).and_then(|mount| mount.prefix.as_deref());
    of_mount.filter(|_| !is_prefix).unwrap_or(name)
}

async fn accept_one(config: &Config, prefixes: &Prefixes, name: &str) -> Result<String, BuildError> {
    let prefix = prefix_of(config, name);
    let accepted = prefixes.accept(prefix).await.map_err(|error| match error {
        PrefixError::Storage(source) => store::error(config, source),
        error => config.error(error.to_string()).into(),
    })?;
    match accepted {
        Accepted::Free => Ok(format!(
            "Nothing is stored below `{prefix}`. The next plugin that a mount serves with this prefix may have any protocol."
        )),
        Accepted::Kept(protocol) => {
            Ok(format!("The objects below `{prefix}` are accepted as those of the protocol `{protocol}`."))
        }
        Accepted::Anew => Ok(format!(
            "The objects below `{prefix}` are accepted. The record of its protocol was damaged and is removed: the next \
             plugin that serves a mount there records its protocol."
        )),
        Accepted::Unknown => Err(config
            .error(format!(
                "no mount has ever been served with the prefix `{prefix}`: there is nothing to accept"
            ))
            .into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::path::Path;

    use super::*;

    #[test]
    fn a_prefix_comes_before_the_mount_that_has_it_for_a_name() {
        let text =
            "[mount.demo]\nprefix = \"goods\"\n[mount.goods]\nprefix = \"some/where\"\n[mount.plain]\n";
        let config = Config::parse(text, Path::new("registry.toml")).unwrap();
        for (name, prefix) in [
            ("goods", "goods"),
            ("some/where", "some/where"),
            ("demo", "goods"),
            ("plain", "plain"),
            ("gone", "gone"),
        ] {
            assert_eq!(prefix_of(&config, name), prefix, "{name}");
        }
    }
}
