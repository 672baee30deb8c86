//! `[storage]` with `type = "azure"`: the account's keys, or a connection string instead.

use secrecy::{ExposeSecret, SecretString};

use super::StorageConfig;

/// The public cloud. The connection string or the endpoint names others.
const SUFFIX: &str = "core.windows.net";

/// The address of a container, and the credentials for it.
#[derive(Debug, Clone)]
pub struct Account {
    /// The URL of the account's blob service, without a `/` at its end.
    pub endpoint: String,
    pub name: String,
    pub key: SecretString,
}

impl StorageConfig {
    /// The account of `type = "azure"`. The error names the wrong key, and never shows a secret.
    pub fn account(&self) -> Result<Account, String> {
        let account = match &self.connection_string {
            Some(text) => {
                self.check_nothing_is_said_twice()?;
                let parsed = parse(text.0.expose_secret());
                parsed.map_err(|why| format!("[storage] connection_string: {why}"))?
            }
            None => self.spelled_out()?,
        };
        check_endpoint(&account.endpoint)?;
        Ok(account)
    }

    fn check_nothing_is_said_twice(&self) -> Result<(), String> {
        let parts = [
            ("endpoint", self.endpoint.is_some()),
            ("account_name", self.account_name.is_some()),
            ("account_key", self.account_key.is_some()),
        ];
        match parts.iter().find(|(_, is_given)| *is_given) {
            Some((key, _)) => {
                Err(format!("[storage] connection_string contains what `{key}` says: take one of them out"))
            }
            None => Ok(()),
        }
    }

    fn spelled_out(&self) -> Result<Account, String> {
        let missing = |key| format!("[storage] type = \"azure\" needs `{key}`, or `connection_string`");
        let name = self.account_name.clone().ok_or_else(|| missing("account_name"))?;
        let key = self.account_key.clone().ok_or_else(|| missing("account_key"))?.0;
        let endpoint = self.endpoint.clone().unwrap_or_else(|| endpoint_of(&name, "https", SUFFIX));
        Ok(Account { endpoint: endpoint.trim_end_matches('/').to_owned(), name, key })
    }

    pub(super) fn check_azure(&self) -> Result<(), String> {
        if !cfg!(feature = "azure") {
            return Err(
                "[storage] type = \"azure\" is not part of this build: build packhouse with the feature \
                        `azure`"
                    .into(),
            );
        }
        let container = self.container.as_deref().ok_or("[storage] type = \"azure\" needs `container`")?;
        check_container(container)?;
        self.account().map(drop)
    }
}

fn endpoint_of(account: &str, scheme: &str, suffix: &str) -> String {
    format!("{scheme}://{account}.blob.{suffix}")
}

/// `Key=value` pairs with `;` between, as Azure shows it.
fn parse(text: &str) -> Result<Account, String> {
    let find = |wanted: &str| {
        let mut pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim().to_owned())
    };
    if find("SharedAccessSignature").is_some() && find("AccountKey").is_none() {
        return Err(
            "a shared access signature expires and is not used: copy the connection string of the account's \
                    access keys"
                .into(),
        );
    }
    let missing = |key| format!("`{key}` is missing: copy the whole string of the account's access keys");
    let name = find("AccountName").ok_or_else(|| missing("AccountName"))?;
    let key = find("AccountKey").ok_or_else(|| missing("AccountKey"))?;
    let endpoint = find("BlobEndpoint").unwrap_or_else(|| {
        let scheme = find("DefaultEndpointsProtocol").unwrap_or_else(|| "https".to_owned());
        endpoint_of(&name, &scheme, &find("EndpointSuffix").unwrap_or_else(|| SUFFIX.to_owned()))
    });
    Ok(Account { endpoint: endpoint.trim_end_matches('/').to_owned(), name, key: key.into() })
}

fn check_endpoint(endpoint: &str) -> Result<(), String> {
    let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['?', '#', '@', ' ']) => Ok(()),
        _ => Err(format!(
            "[storage] endpoint is {endpoint:?}: with type = \"azure\" it is the URL of the account's blob service, \
             like \"https://ACCOUNT.blob.core.windows.net\""
        )),
    }
}

/// The rule of Azure for names of containers.
fn check_container(name: &str) -> Result<(), String> {
    let is_name = (3..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    if is_name {
        return Ok(());
    }
    Err(format!(
        "[storage] container is {name:?}: it has 3 to 63 small letters and digits, with single hyphens between them"
    ))
}

#[cfg(all(test, feature = "azure"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn account(lines: &str) -> Result<Account, String> {
        let text = format!("[storage]\ntype = \"azure\"\ncontainer = \"packages\"\n{lines}");
        match Config::parse(&text, Path::new("registry.toml")) {
            Ok(config) => config.storage.account(),
            Err(error) => Err(error.to_string()),
        }
    }

    fn refusal(lines: &str) -> String {
        account(lines).unwrap_err()
    }

    #[test]
    fn an_account_is_found_by_its_name_or_where_the_endpoint_says() {
        let lines = "account_name = \"ann\"\naccount_key = \"a2V5\"\n";
        let found = account(lines).unwrap();
        assert_eq!(found.endpoint, "https://ann.blob.core.windows.net");
        assert_eq!((found.name.as_str(), found.key.expose_secret()), ("ann", "a2V5"));
        let found = account(&format!("{lines}endpoint = \"http://127.0.0.1:10000/ann/\"\n")).unwrap();
        assert_eq!(found.endpoint, "http://127.0.0.1:10000/ann");
    }

    #[test]
    fn a_connection_string_contains_all_of_it() {
        let string = |text: &str| account(&format!("connection_string = \"{text}\"\n")).unwrap();
        let found = string(
            "DefaultEndpointsProtocol=https;AccountName=ann;AccountKey=a2V5PQ==;EndpointSuffix=core.chinacloudapi.cn",
        );
        assert_eq!(found.endpoint, "https://ann.blob.core.chinacloudapi.cn");
        assert_eq!(found.key.expose_secret(), "a2V5PQ==");
        let found = string("AccountName=ann;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:10000/ann;");
        assert_eq!(found.endpoint, "http://127.0.0.1:10000/ann");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_and_no_secret_is_shown() {
        let both = "account_name = \"ann\"\naccount_key = \"geheim\"\n";
        let signature = "BlobEndpoint=https://x;SharedAccessSignature=geheim";
        let cases = [
            ("account_key = \"geheim\"".to_owned(), "needs `account_name`"),
            ("account_name = \"ann\"".to_owned(), "needs `account_key`"),
            ("connection_string = \"AccountName=ann\"".to_owned(), "`AccountKey` is missing"),
            ("connection_string = \"AccountKey=geheim\"".to_owned(), "`AccountName` is missing"),
            (format!("connection_string = \"{signature}\""), "shared access signature"),
            (
                format!("{both}connection_string = \"AccountName=a;AccountKey=geheim\""),
                "take one of them out",
            ),
            (format!("{both}endpoint = \"blob.example.com\""), "it is the URL"),
            (format!("{both}bucket_name = \"x\""), "belongs to type = \"s3\""),
        ];
        for (lines, wanted) in cases {
            let told = refusal(&lines);
            assert!(told.contains(wanted) && !told.contains("geheim"), "{lines}: {told}");
        }
        let parse = |text: &str| Config::parse(text, Path::new("registry.toml")).unwrap_err().to_string();
        let told = parse("[storage]\ntype = \"azure\"\ncontainer = \"My_Own\"\n");
        assert!(told.contains("small letters"), "{told}");
        let told = parse("[storage]\ncontainer = \"own\"\n");
        assert!(told.contains("type = \"azure\""), "{told}");
    }
}
