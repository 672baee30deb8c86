//! A registry of OCI images, with real clients that work on it.

use super::oci::{Kind, Tool};
use crate::oci::Hand;
use crate::{Actor, Backend, Options, Registry, User};

/// Everything of one story: it goes with it.
pub struct Desk {
    pub registry: Registry,
    /// The user who may push and delete; none if everybody may.
    pub user: Option<User>,
}

impl Desk {
    /// Pushing needs a login, which is the default.
    pub async fn with_login() -> Self {
        Self::on(Options::oci(), true).await
    }

    /// Anybody may push and delete.
    pub async fn without_login() -> Self {
        Self::on(Options::open_oci(), false).await
    }

    /// With these options.
    pub async fn on(options: Options, login: bool) -> Self {
        let registry = Registry::start(options).await;
        let user = if login { Some(registry.user("pusher", &["oci:repository:*:*"]).await) } else { None };
        Self { registry, user }
    }

    /// On this store, with a login.
    pub async fn on_store(backend: Backend) -> Self {
        Self::on(Options::oci().on(backend), true).await
    }

    /// A client, signed in if this is needed. None if it is not installed.
    pub async fn tool(&self, kind: Kind) -> Option<Tool> {
        let tool = Tool::find(kind, &self.registry).await?;
        if let Some(user) = &self.user {
            tool.login(&user.name, &user.password).await.ok();
        }
        Some(tool)
    }

    /// The same person, speaking HTTP by hand below `/v2`.
    pub fn actor(&self) -> Actor {
        let anybody = self.registry.actor("/v2");
        match &self.user {
            Some(user) => anybody.with_password(&user.name, &user.password),
            None => anybody,
        }
    }

    /// The same person, at work on one repository.
    pub fn hand(&self, repository: &str) -> Hand {
        Hand::new(&self.actor(), repository)
    }
}

/// Runs stories (`async fn story(desk: Desk) -> Option<()>`, none when a client is missing) twice:
/// where pushing needs a login, and where anybody may push.
#[macro_export]
macro_rules! with_login_and_without {
    ($($story:ident)*) => {
        mod with_login {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$story($crate::clients::Desk::with_login().await).await;
            })*
        }
        mod without_login {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$story($crate::clients::Desk::without_login().await).await;
            })*
        }
    };
}
