//! Fuzz targets for what clients send, and for pages, which may come from another system. Each
//! asserts a property; how they are run longer is in `CONTRIBUTING.md`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_fuzz::target;
use packhouse_plugin::testing::Host;
use packhouse_plugin::testing::archive::{fix_checksums, tar};

use crate::catalog::listing::Listing;
use crate::document::Package;
use crate::gemspec::{Gemspec, Requirement};
use crate::name::{GemName, Number, Slot, compare, full_name, readings};
use crate::samples::{checksums, dependencies, gem, gemspec, gzip};
use crate::{RubyGems, layout, yaml};

#[test]
fn fuzz_gem_name_is_safe_and_reads_back() {
    target!("gem-name").seeds(["rack", "net-http-1", "a.b_c"]).words(["-", "_", "..", "/", "-1"]).check_text(
        |text| {
            let Ok(name) = GemName::parse(text) else { return false };
            assert_eq!(name.as_str(), text);
            for key in [layout::info(&name), layout::document(&name), layout::change(&name)] {
                assert!(key.split('/').all(|part| !part.is_empty() && !part.starts_with('.')), "{key}");
                assert_eq!(key.split('/').count(), 2, "{key}");
            }
            assert_eq!(layout::gem_of_info(&layout::info(&name)), Some(name));
            true
        },
    );
}

#[test]
fn fuzz_gem_file_name_has_its_version_among_its_readings() {
    let seeds = ["rack 1.0", "a-1 2-java", "nokogiri 1.15.0.rc1-x86_64-linux", "a 1-2"];
    target!("gem-file").seeds(seeds).words(["-", ".", "-1", " "]).check_text(|text| {
        let Some((name, slot)) = text.split_once(' ') else { return false };
        let (Ok(name), Ok(slot)) = (GemName::parse(name), Slot::parse(slot)) else { return false };
        assert_eq!(Slot::parse(&slot.to_string()).as_ref(), Ok(&slot));
        let file = full_name(&name, &slot);
        let found = readings(&file);
        assert!(found.contains(&(name, slot)), "{file}");
        assert!(found.iter().all(|(name, slot)| full_name(name, slot) == file));
        true
    });
}

#[test]
fn fuzz_gem_version_is_ordered() {
    let seeds = ["1.0 1.1", "1.0.a 1.0", "1.10.rc1 1.010", "0 0.0.0"];
    target!("gem-version").seeds(seeds).words([".", "a", "0", " "]).check_text(|text| {
        let Some((one, other)) = text.split_once(' ') else { return false };
        let (Ok(one), Ok(other)) = (Number::parse(one), Number::parse(other)) else { return false };
        let order = compare(one.as_str(), other.as_str());
        assert_eq!(compare(other.as_str(), one.as_str()), order.reverse());
        assert_eq!(one.is_same_as(&other), order.is_eq());
        assert_eq!(Number::parse(one.as_str()).as_ref(), Ok(&one));
        true
    });
}

#[test]
fn fuzz_requirement_reads_back() {
    let seeds = [">= 1.0, < 2", "~> 1.2.a", "1", "!= 1.0"];
    target!("requirement").seeds(seeds).words([",", " ", "~>", "="]).check_text(|text| {
        let Ok(requirement) = Requirement::parse(text) else { return false };
        let written = requirement.to_string();
        assert_eq!(Requirement::parse(&written).as_ref(), Ok(&requirement));
        assert!(!written.contains(['\n', '\r', '|', ':']), "{written:?}");
        true
    });
}

#[test]
fn fuzz_gemspec_makes_one_line_of_the_index() {
    let seeds = [
        gemspec("demo", "1.10", "java", &dependencies(&[("rack", "~>", "2.0")])),
        gemspec("a", "1", "ruby", "metadata:\n  a: b\nx: &a [1]\ny: *a\n"),
    ];
    let words = ["!ruby/object:", "*a", "&a", "\\n", ": ", "- ", "|\n", "\"", "'"];
    target!("gemspec").seeds(seeds).words(words).check_text(|text| {
        let _ = yaml::parse(text);
        let Ok(spec) = Gemspec::parse(text.as_bytes()) else { return false };
        let release = crate::document::Release::new(&spec, &"0".repeat(64), 1, 0);
        assert_eq!(release.line.lines().count(), 1);
        let mut package = Package::new(&spec.name);
        package.versions.push(release);
        assert_eq!(package.check(), Ok(()));
        let again = Package::of_info(&spec.name, &package.info()).unwrap();
        assert_eq!(again.info(), package.info());
        let wanted = spec.dependencies.iter().filter(|dependency| !dependency.is_development).count();
        assert_eq!(again.versions[0].dependencies().count(), wanted);
        let mut marshal = Vec::new();
        crate::marshal::write_specification(&mut marshal, &spec).unwrap();
        true
    });
}

#[test]
fn fuzz_page_of_another_system_is_kept_or_refused() {
    let seeds = ["---\n1.0 |checksum:aa\n1.1-java rack:>= 1&< 2|checksum:bb,ruby:>= 2\n"];
    target!("gem-page").seeds(seeds).words(["\n", "|", ",", ":", "-", "---\n"]).check_text(|text| {
        let name = GemName::parse("demo").unwrap();
        let Ok(package) = Package::of_info(&name, text) else { return false };
        for release in &package.versions {
            assert!(text.contains(&release.line));
            let _ = (release.dependencies().count(), release.requirement("ruby"));
        }
        true
    });
}

#[test]
fn fuzz_list_without_some_gems_is_what_it_says_of_the_others() {
    let seeds = ["created_at: x\n---\na 1.0,1.1 x\nb 1.0-java y\na -1.0 z\n", "---\n"];
    target!("gem-list").seeds(seeds).words(["\n", " ", ",", "-", "a", "b", "---\n"]).check_text(|text| {
        let listing = Listing::new(text);
        let filtered = listing.filtered(|name| name != "a");
        assert!(!Listing::new(&filtered).names().contains("a"));
        assert_eq!(Listing::new(&filtered).gems(|_| true), listing.gems(|name| name != "a"));
        listing.names().len() > 1
    });
}

/// A whole push. No input causes a 5xx, and a refused push leaves nothing.
#[test]
fn fuzz_push_is_never_an_internal_error_and_leaves_nothing_when_refused() {
    let metadata = gzip(gemspec("demo", "1.0", "ruby", "").as_bytes());
    let data = gzip(&tar(&[("lib/demo.rb", b"x")]));
    let sums = checksums(&[("metadata.gz", &metadata)]);
    let plain = tar(&[
        ("metadata", gemspec("demo", "1.0", "ruby", "").as_bytes()),
        ("data.tar.gz", &data),
        ("checksums.yaml.gz", &gzip(sums.as_bytes())),
    ]);
    let words = ["metadata.gz", "data.tar.gz", "../", "!ruby/object:", "\n", "name: "];
    target!("push").seeds([gem("demo", "1.0"), plain]).words(words).check(|input| {
        let mut file = input.to_vec();
        fix_checksums(&mut file);
        let host =
            Host::new().user("ann", &["rubygems:gem:*:write"]).anonymous_grants(&["rubygems:*:*:read"]);
        let reply = host.as_user("ann").post("/api/v1/gems").body(&file).send::<RubyGems>();
        assert!(reply.status() < 500, "{} {}", reply.status(), reply.text());
        if reply.status() != 200 {
            assert_eq!((host.objects(), host.staged()), (Vec::new(), 0), "{}", reply.text());
            return false;
        }
        let list = host.anonymous().get("/versions").send::<RubyGems>().text();
        assert_eq!(list.lines().count(), 3, "{list}");
        true
    });
}
