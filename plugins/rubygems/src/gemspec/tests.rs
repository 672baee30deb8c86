#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
use super::*;

const NEW: &str = "--- !ruby/object:Gem::Specification
name: demo
version: !ruby/object:Gem::Version
  version: '1.10'
platform: x86_64-linux
authors:
- Ann
- Bob
autorequire:
bindir: bin
cert_chain: []
date: 2026-01-02 00:00:00.000000000 Z
dependencies:
- !ruby/object:Gem::Dependency
  name: rack
  requirement: &id001 !ruby/object:Gem::Requirement
    requirements:
    - - \"~>\"
      - !ruby/object:Gem::Version
        version: '2.0'
    - - \">=\"
      - !ruby/object:Gem::Version
        version: 2.0.1
  type: :runtime
  prerelease: false
  version_requirements: *id001
- !ruby/object:Gem::Dependency
  name: rake
  requirement: !ruby/object:Gem::Requirement
    requirements:
    - - \">=\"
      - !ruby/object:Gem::Version
        version: '0'
  type: :development
  prerelease: false
description: |
  A gem
  of two lines.
email: ann@example.com
executables: []
homepage: https://example.com
licenses:
- MIT
metadata:
  source_code_uri: https://example.com/source
required_ruby_version: !ruby/object:Gem::Requirement
  requirements:
  - - \">=\"
    - !ruby/object:Gem::Version
      version: '2.7'
required_rubygems_version: !ruby/object:Gem::Requirement
  requirements:
  - - \">=\"
    - !ruby/object:Gem::Version
      version: '0'
requirements: []
rubygems_version: 3.3.15
signing_key:
specification_version: 4
summary: A gem
test_files: []
";

/// As RubyGems 0.9 and Syck wrote it.
const OLD: &str = "--- !ruby/object:Gem::Specification 
rubygems_version: 0.9.4
specification_version: 1
name: demo
version: !ruby/object:Gem::Version 
  version: 1.10
date: 2007-01-02 00:00:00 +01:00
summary: A gem
require_paths: 
- lib
email: ann@example.com
homepage: 
required_ruby_version: !ruby/object:Gem::Version::Requirement 
  requirements: 
  - - \">\"
    - !ruby/object:Gem::Version 
      version: 0.0.0
  version: 
platform: !ruby/object:Gem::Platform 
  cpu: x86
  os: mswin32
  version: 60
authors: 
- !binary |
  w4lsaWU=

dependencies: 
- !ruby/object:Gem::Dependency 
  name: rack
  version_requirement: 
  version_requirements: !ruby/object:Gem::Version::Requirement 
    requirements: 
    - - !ruby/object:YAML::Syck::DefaultKey {}

      - !ruby/object:Gem::Version 
        version: 1.10
    version: 
";

#[test]
fn a_gemspec_of_today_is_read() {
    let spec = Gemspec::parse(NEW.as_bytes()).unwrap();
    assert_eq!((spec.name.as_str(), spec.slot.to_string().as_str()), ("demo", "1.10-x86_64-linux"));
    assert_eq!(spec.authors, ["Ann", "Bob"]);
    assert_eq!(spec.emails, ["ann@example.com"]);
    assert_eq!(spec.licenses, ["MIT"]);
    assert_eq!(spec.description.as_deref(), Some("A gem\nof two lines.\n"));
    assert_eq!(spec.metadata, [("source_code_uri".to_owned(), "https://example.com/source".to_owned())]);
    assert_eq!(spec.required_ruby.to_string(), ">= 2.7");
    assert!(spec.required_rubygems.is_any());
    assert_eq!(spec.date.as_deref(), Some("2026-01-02"));
    let told: Vec<String> = spec
        .dependencies
        .iter()
        .map(|one| format!("{} {} {}", one.name, one.requirement, one.is_development))
        .collect();
    assert_eq!(told, ["rack ~> 2.0, >= 2.0.1 false", "rake >= 0 true"]);
}

#[test]
fn a_gemspec_of_2007_is_read() {
    let spec = Gemspec::parse(OLD.as_bytes()).unwrap();
    assert_eq!(spec.slot.to_string(), "1.10-x86-mswin32-60");
    assert_eq!(spec.authors, ["Élie"]);
    assert_eq!(spec.homepage, None);
    assert_eq!(spec.required_ruby.to_string(), "> 0.0.0");
    assert_eq!(spec.dependencies.first().unwrap().requirement.to_string(), "= 1.10");
    assert_eq!((spec.specification_version, spec.date.as_deref()), (1, Some("2007-01-02")));
}

/// As RubyGems 1.8 and Psych wrote it: a text in quotes ends in the first column.
#[test]
fn a_gemspec_of_2012_is_read() {
    let text = NEW
        .replace(
            "description: |\n  A gem\n  of two lines.\n",
            "description: ! 'A gem,\n\n  of two lines.\n\n'\n",
        )
        .replace("    - - \"~>\"\n", "    - - ~>\n")
        .replace("- Ann\n", "- ! 'Ann\n\n'\n");
    let spec = Gemspec::parse_pushed(text.as_bytes()).unwrap();
    assert_eq!(spec.description.as_deref(), Some("A gem,\nof two lines.\n"));
    assert_eq!(spec.authors, ["Ann\n", "Bob"]);
    assert_eq!(spec.dependencies.len(), 2);
}

#[test]
fn names_that_would_break_the_index_are_rejected() {
    for (from, to) in [
        ("name: demo", "name: \"de\\r\\nmo\""),
        ("name: demo", "name: ../demo"),
        ("name: demo", "name:"),
        ("  version: '1.10'", "  version: \"1.10\\n2.0\""),
        ("platform: x86_64-linux", "platform: \"java\\n\""),
        ("  name: rack", "  name: \"rack\\nevil 1.0\""),
        ("- - \"~>\"", "- - \"~>\\n\""),
        ("version: 2.0.1", "version: \"2.0.1,evil:> 0\""),
        ("!ruby/object:Gem::Specification", "!ruby/object:Hash"),
    ] {
        let text = NEW.replacen(from, to, 1);
        assert_ne!(text, NEW);
        assert!(Gemspec::parse(text.as_bytes()).is_err(), "{to}");
    }
    assert_eq!(Gemspec::parse(b"\xff"), Err(GemspecError::NotUtf8));
    assert_eq!(Gemspec::parse(b"name: demo\n"), Err(GemspecError::NoSpecification));
}

#[test]
fn requirements_are_read_from_text_too() {
    for (text, told) in
        [(">= 1.0, < 2", ">= 1.0, < 2"), ("1.0", "= 1.0"), ("~>1.2", "~> 1.2"), ("!= 1.a", "!= 1.a")]
    {
        assert_eq!(Requirement::parse(text).unwrap().to_string(), told);
    }
    for text in ["", ">", "=> 1", "1 2", "> 1,"] {
        assert!(Requirement::parse(text).is_err(), "{text}");
    }
}
