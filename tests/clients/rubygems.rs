//! gem and Bundler at work, Debian's and the newest: gems are built, pushed, installed through both
//! kinds of index, found, yanked, shared, and kept private.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Ruby, RubyKind};
use packhouse_tests::rubygems::{Gem, versions};
use packhouse_tests::{Options, Registry, User};

struct Desk {
    registry: Registry,
    user: User,
    ruby: Ruby,
}

/// A registry and somebody who may push to it. None when the client is not installed.
async fn desk(kind: RubyKind) -> Option<Desk> {
    on(Options::rubygems(), kind).await
}

async fn on(options: Options, kind: RubyKind) -> Option<Desk> {
    let registry = Registry::start(options).await;
    let user = registry.user("publisher", &["rubygems:gem:*:write"]).await;
    let ruby = Ruby::find(kind, &registry.url("/rubygems"), Some(&user.token))?;
    Some(Desk { registry, user, ruby })
}

impl Desk {
    /// Somebody else's Ruby, which knows nothing yet.
    fn reader(&self) -> Option<Ruby> {
        Ruby::find(self.ruby.kind, &self.registry.url("/rubygems"), None)
    }

    async fn list(&self) -> String {
        self.registry.actor("/rubygems").get("/versions").await.expect(200).text()
    }
}

/// Each story with each of the clients.
macro_rules! with_both {
    ($($story:ident)*) => {
        mod debian {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$story(super::RubyKind::Debian).await;
            })*
        }
        mod jruby {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$story(super::RubyKind::JRuby).await;
            })*
        }
    };
}

with_both! {
    gems_are_pushed_and_installed_with_what_they_need
    the_indexes_in_marshal_are_read
    bundler_installs_from_a_lock_file_and_follows_the_index
    a_yanked_version_is_not_chosen_and_comes_back
    owners_are_added_listed_and_removed
    a_private_registry_asks_for_a_password
    signing_in_makes_a_key
    what_is_wrong_is_told
}

const NEEDS_CORE: &str =
    "  s.add_dependency 'acme-core', '>= 1.0', '< 3'\n  s.required_ruby_version = '>= 2.5'";

/// What `require` of both gives.
const USE: &str = "require 'acme-app'; require 'acme-core'; puts AcmeApp::VERSION + ' ' + AcmeCore::VERSION";

async fn gems_are_pushed_and_installed_with_what_they_need(kind: RubyKind) -> Option<()> {
    let desk = desk(kind).await?;
    let said = desk.ruby.push("acme-core", "1.10", "").await.ok();
    assert!(said.contains("Successfully registered gem: acme-core (1.10)"), "{said}");
    desk.ruby.push("acme-core", "1.9", "").await.ok();
    desk.ruby.push("acme-app", "0.1.0", NEEDS_CORE).await.ok();
    desk.ruby.push("acme-app", "0.2.0.rc1", NEEDS_CORE).await.ok();
    let native = "  s.platform = Gem::Platform.new('x86_64-linux')";
    let said = desk.ruby.push("acme-core", "2.0", native).await.ok();
    assert!(said.contains("x86_64-linux"), "{said}");
    let java = "  s.platform = Gem::Platform.new('java')";
    desk.ruby.push("acme-core", "2.0", java).await.ok();

    let reader = desk.reader()?;
    reader.gem(&["install", "acme-app"]).await.ok();
    assert_eq!(reader.eval(USE).await, "0.1.0 2.0", "the one for this platform");
    let again = reader.gem(&["install", "acme-app", "--prerelease"]).await.ok();
    assert!(again.contains("acme-app-0.2.0.rc1"), "{again}");
    reader.gem(&["fetch", "acme-core", "-v", "1.10"]).await.ok();
    assert!(reader.home().join("acme-core-1.10.gem").is_file());
    Some(())
}

/// Loads what Marshal has written, without gem.
const LOAD: &str = "require 'rubygems'
require 'net/http'
require 'zlib'
require 'stringio'
get = ->(path) { Net::HTTP.get(URI('{registry}' + path)) }
index = Marshal.load(Zlib::GzipReader.new(StringIO.new(get['/specs.4.8.gz'])).read)
puts index.map { |name, version, platform| [name, version.class, version, platform].join(' ') }
spec = Marshal.load(Zlib::Inflate.inflate(get['/quick/Marshal.4.8/acme-app-0.1.0.gemspec.rz']))
puts spec.class, spec.full_name, spec.summary, spec.authors.inspect, spec.required_ruby_version
puts spec.dependencies.map { |needed| [needed.type, needed.name, needed.requirement].join(' ') }
puts Marshal.load(get['/api/v1/dependencies?gems=acme-app']).map { |needs| needs[:number] }.inspect
";
const LOADED: &str = "acme-app Gem::Version 0.1.0 ruby
acme-core Gem::Version 1.0 ruby
acme-core Gem::Version 1.10 ruby
acme-core Gem::Version 2.0 java
Gem::Specification
acme-app-0.1.0
A gem called acme-app
[\"Ann\"]
>= 2.5
runtime acme-core >= 1.0, < 3
[\"0.1.0\", \"0.2.0.pre\"]";

async fn the_indexes_in_marshal_are_read(kind: RubyKind) -> Option<()> {
    let desk = desk(kind).await?;
    desk.ruby.push("acme-core", "1.0", "").await.ok();
    desk.ruby.push("acme-core", "1.10", "").await.ok();
    desk.ruby.push("acme-app", "0.1.0", NEEDS_CORE).await.ok();
    desk.ruby.push("acme-app", "0.2.0.pre", NEEDS_CORE).await.ok();
    let reader = desk.reader()?;
    let found = reader.gem(&["search", "acme"]).await.ok();
    assert!(found.contains("acme-core (1.10)") && found.contains("acme-app (0.1.0)"), "{found}");
    let all = reader.gem(&["list", "--remote", "--all", "--prerelease", "acme"]).await.ok();
    assert!(all.contains("acme-core (1.10, 1.0)") && all.contains("acme-app (0.2.0.pre, 0.1.0)"), "{all}");
    let told = reader.gem(&["info", "-r", "acme-app"]).await.ok();
    assert!(told.contains("Author: Ann") && told.contains("A gem called acme-app"), "{told}");
    let spec = reader.gem(&["specification", "-r", "acme-app", "--yaml"]).await.ok();
    assert!(spec.contains("name: acme-core") && spec.contains("https://example.com/acme-app"), "{spec}");
    let java = "  s.platform = Gem::Platform.new('java')";
    desk.ruby.push("acme-core", "2.0", java).await.ok();
    assert_eq!(reader.eval(&LOAD.replace("{registry}", &reader.registry)).await, LOADED);
    reader.gem(&["fetch", "acme-core", "--platform", "java"]).await.ok();
    assert!(reader.home().join("acme-core-2.0-java.gem").is_file());
    let needs = reader.gem(&["dependency", "-r", "acme-app"]).await.ok();
    assert!(
        needs.contains("acme-core (>= 1.0, < 3)") || needs.contains("acme-core (< 3, >= 1.0)"),
        "{needs}"
    );
    Some(())
}

async fn bundler_installs_from_a_lock_file_and_follows_the_index(kind: RubyKind) -> Option<()> {
    let desk = desk(kind).await?;
    desk.ruby.push("acme-core", "1.0", "").await.ok();
    desk.ruby.push("acme-app", "0.1.0", NEEDS_CORE).await.ok();
    let reader = desk.reader()?;
    reader.gemfile("app", "gem 'acme-app'");
    reader.bundle("app", &["install"]).await.ok();
    let lock = reader.read("app/Gemfile.lock");
    assert!(lock.contains("acme-app (0.1.0)") && lock.contains("acme-core (1.0)"), "{lock}");

    // Behind what it has, it asks for what is new only.
    desk.ruby.push("acme-core", "1.1", "").await.ok();
    let outdated = reader.bundle("app", &["outdated"]).await;
    assert!(!outdated.success && outdated.stdout.contains("acme-core"), "{outdated:?}");
    reader.bundle("app", &["update"]).await.ok();
    let lock = reader.read("app/Gemfile.lock");
    assert!(lock.contains("acme-core (1.1)"), "{lock}");
    let log = desk.registry.logs_with("/versions").await;
    assert!(log.lines().any(|line| line.contains("/rubygems/versions") && line.contains("206")), "{log}");

    if kind == RubyKind::JRuby {
        reader.bundle("app", &["lock", "--add-checksums"]).await.ok();
        let lock = reader.read("app/Gemfile.lock");
        assert!(lock.contains("acme-app (0.1.0) sha256="), "{lock}");
    }
    // A newer version does not get into a lock file, and what is locked is downloaded again.
    desk.ruby.push("acme-core", "1.2", "").await.ok();
    reader.forget();
    reader.bundle("app", &["config", "set", "--local", "frozen", "true"]).await.ok();
    reader.bundle("app", &["install"]).await.ok();
    let said = reader.bundle("app", &["exec", "ruby", "-e", USE]).await;
    if kind == RubyKind::Debian {
        assert_eq!(said.ok().trim(), "0.1.0 1.1");
    }
    Some(())
}

async fn a_yanked_version_is_not_chosen_and_comes_back(kind: RubyKind) -> Option<()> {
    let desk = desk(kind).await?;
    desk.ruby.push("acme-core", "1.0", "").await.ok();
    desk.ruby.push("acme-core", "1.1", "").await.ok();
    let host = desk.ruby.registry.clone();
    let said = desk.ruby.gem(&["yank", "acme-core", "-v", "1.1", "--host", &host]).await.ok();
    assert!(said.contains("Successfully deleted gem: acme-core-1.1"), "{said}");
    assert_eq!(versions(&desk.list().await)["acme-core"].0, ["1.0"]);
    let reader = desk.reader()?;
    reader.gem(&["install", "acme-core"]).await.ok();
    assert_eq!(reader.eval("require 'acme-core'; puts AcmeCore::VERSION").await, "1.0");
    let again = desk.ruby.push("acme-core", "1.1", "").await.fails();
    assert!(again.contains("Repushing of gem versions is not allowed"), "{again}");

    let publisher = desk.registry.actor("/rubygems").with_token(&desk.user.token);
    publisher
        .send(http::Method::PUT, "/api/v1/gems/unyank?gem_name=acme-core&version=1.1", "")
        .await
        .expect(200);
    reader.forget();
    reader.gem(&["install", "acme-core"]).await.ok();
    assert_eq!(reader.eval("require 'acme-core'; puts AcmeCore::VERSION").await, "1.1");
    Some(())
}

async fn owners_are_added_listed_and_removed(kind: RubyKind) -> Option<()> {
    let desk = desk(kind).await?;
    let friend = desk.registry.user("friend", &[]).await;
    desk.ruby.push("acme-core", "1.0", "").await.ok();
    let host = desk.ruby.registry.clone();
    let owner = |more: &'static [&'static str]| {
        let host = host.clone();
        let ruby = &desk.ruby;
        async move {
            let mut arguments = vec!["owner", "acme-core", "--host", &host];
            arguments.extend(more);
            ruby.gem(&arguments).await
        }
    };
    assert!(owner(&[]).await.ok().contains("- publisher"));
    let said = owner(&["--add", "friend"]).await.ok();
    assert!(said.contains("Owner added successfully.") && said.contains("- friend"), "{said}");
    let theirs = Ruby::find(kind, &host, Some(&friend.token))?;
    theirs.push("acme-core", "1.1", "").await.ok();
    let said = owner(&["--remove", "friend"]).await.ok();
    assert!(said.contains("Owner removed successfully.") && !said.contains("- friend"), "{said}");
    let refused = theirs.push("acme-core", "1.2", "").await.fails();
    assert!(refused.contains("rubygems:gem:acme-core:write"), "{refused}");
    Some(())
}

async fn a_private_registry_asks_for_a_password(kind: RubyKind) -> Option<()> {
    let desk = on(Options::rubygems().anonymous(&[]), kind).await?;
    desk.ruby.push("acme-core", "1.0", "").await.ok();
    let reader = desk.reader()?;
    reader.gemfile("app", "gem 'acme-core'");
    let refused = reader.bundle("app", &["install"]).await.fails();
    assert!(refused.to_lowercase().contains("auth"), "{refused}");
    let user = desk.registry.user("reader", &["rubygems:gem:acme-*:read"]).await;
    let name_and_password = format!("__token__:{}", user.token);
    reader.bundle("app", &["config", "set", "--local", &reader.registry, &name_and_password]).await.ok();
    reader.bundle("app", &["install"]).await.ok();
    assert!(reader.read("app/Gemfile.lock").contains("acme-core (1.0)"));

    let url = reader.registry.replace("http://", &format!("http://{name_and_password}@"));
    reader.gem(&["install", "acme-core", "--clear-sources", "--source", &format!("{url}/")]).await.ok();
    Some(())
}

async fn signing_in_makes_a_key(kind: RubyKind) -> Option<()> {
    let desk = desk(kind).await?;
    let anybody = desk.reader()?;
    let host = anybody.registry.clone();
    let mut terminal = anybody.sign_in();
    terminal.answer("mail:", &desk.user.name);
    terminal.answer("assword:", &desk.user.password);
    terminal.answer("API Key name [", "my key");
    if kind == RubyKind::Debian {
        for answer in ["y", "y", "y", "y", "y", "n", "n"] {
            terminal.answer("[yN]", answer);
        }
    } else {
        // Reading and pushing is what it asks for.
        terminal.answer("[yN]", "n");
    }
    assert!(terminal.end().contains("Signed in"));
    anybody.push("acme-core", "1.0", "").await.ok();
    let owners = anybody.gem(&["owner", "acme-core", "--host", &host]).await.ok();
    assert!(owners.contains("- publisher"), "{owners}");
    let without = desk.registry.actor("/rubygems").get("/api/v1/api_key").await.expect(401);
    assert_eq!(without.header("www-authenticate"), "Basic realm=\"rubygems\"");
    let wrong = desk.registry.actor("/rubygems").with_password(&desk.user.name, "wrong");
    wrong.get("/api/v1/api_key").await.expect(401);
    Some(())
}

async fn what_is_wrong_is_told(kind: RubyKind) -> Option<()> {
    let desk = desk(kind).await?;
    desk.ruby.push("acme-core", "1.0", "").await.ok();
    let host = desk.ruby.registry.clone();
    let again = desk.ruby.push("acme-core", "1.0", "  s.description = 'other'").await.fails();
    assert!(again.contains("acme-core 1.0 was pushed before"), "{again}");
    let other = desk.ruby.push("Acme-Core", "1.0", "").await.fails();
    assert!(other.contains("differs from it in case only"), "{other}");
    let stranger = desk.registry.user("stranger", &[]).await;
    let stranger = Ruby::find(kind, &host, Some(&stranger.token))?;
    let refused = stranger.push("acme-core", "1.1", "").await.fails();
    assert!(refused.contains("rubygems:gem:acme-core:write"), "{refused}");
    let revoked = Ruby::find(kind, &host, Some("packhouse_none"))?;
    revoked.push("acme-core", "1.1", "").await.fails();
    let gem = Gem::new("acme-torn", "1.0").file_content();
    let torn = desk.ruby.write("torn.gem", &gem[..1540]);
    desk.ruby.gem(&["push", &torn.to_string_lossy(), "--host", &host]).await.fails();
    assert_eq!(versions(&desk.list().await)["acme-core"].0, ["1.0"]);
    Some(())
}
