//! Pushing: what is stored, who wins, what a crash leaves, who may.

use super::*;
use packhouse_plugin::storage::GRACE;
use packhouse_plugin::testing::FormField;
use serde_json::json;

#[test]
fn a_push_stores_what_the_layout_says() {
    let host = host();
    let gem = pushed(&host, "demo", "1.0");
    assert_eq!(
        host.objects(),
        ["changes/demo", "gems/demo-1.0.gem", "info/demo", "packages/demo.json", "proofs/packages/demo.json"]
    );
    assert_eq!(host.object("gems/demo-1.0.gem"), Some(gem.clone()));
    let line = format!("1.0 |checksum:{},created_at:2026-01-01T00:00:00Z", sha256(&gem));
    assert_eq!(text(&host, "/info/demo"), format!("---\n{line}\n"));
    assert_eq!(host.object("info/demo").unwrap(), text(&host, "/info/demo").into_bytes());
    assert_eq!(list(&host), [format!("demo 1.0 {}", md5(text(&host, "/info/demo")))]);
    assert_eq!(
        host.object_json("packages/demo.json")["owners"],
        json!([{ "name": "ann", "id": host.account_id("ann") }])
    );
    assert_eq!(host.staged(), 0);
}

#[test]
fn a_line_says_what_a_version_needs() {
    let host = host();
    let rest = samples::dependencies(&[("rack", "~>", "2.0"), ("a.b", ">=", "0")])
        + "required_ruby_version: !ruby/object:Gem::Requirement\n  requirements:\n  - - \">=\"\n    - \
           !ruby/object:Gem::Version\n      version: '2.7'\n  - - \"<\"\n    - !ruby/object:Gem::Version\n      version: \
           '4'\nrequired_rubygems_version: !ruby/object:Gem::Requirement\n  requirements:\n  - - \">=\"\n    - \
           !ruby/object:Gem::Version\n      version: '3.0'\n";
    let gem = pushed_gem(&host, samples::platform_gem("demo", "1.10", "x86_64-linux", &rest));
    let line = format!(
        "1.10-x86_64-linux a.b:>= 0,rack:~> 2.0|checksum:{},ruby:>= 2.7&< 4,rubygems:>= 3.0,created_at:2026-01-01T00:00:00Z",
        sha256(&gem)
    );
    assert_eq!(text(&host, "/info/demo"), format!("---\n{line}\n"));
    assert_eq!(get(&host, "/gems/demo-1.10-x86_64-linux.gem").status(), 200);
}

#[test]
fn a_gem_is_also_taken_from_a_form() {
    let host = host();
    let gem = samples::gem("demo", "1.0");
    let file = FormField { name: "gem", filename: Some("demo-1.0.gem"), content: &gem };
    let other = FormField { name: "attestations", filename: None, content: b"[]" };
    let reply = host.as_user("ann").post("/api/v1/gems").form(&[other, file]).send::<RubyGems>();
    assert_eq!((reply.status(), reply.text().as_str()), (200, "Successfully registered gem: demo (1.0)\n"));
    assert_eq!(host.object("gems/demo-1.0.gem"), Some(gem));
    let none = host.as_user("ann").post("/api/v1/gems").form(&[other]).send::<RubyGems>();
    assert_told(&none, 400, "the form contains no gem");
}

#[test]
fn the_part_called_gem_is_the_gem() {
    let gem = samples::gem("demo", "1.0");
    let file = |name, filename, content| FormField { name, filename, content };
    for parts in [
        [
            file("bundle", Some("bundle.json"), b"{}".as_slice()),
            file("gem", Some("demo-1.0.gem"), gem.as_slice()),
        ],
        [file("bundle", Some("bundle.json"), b"{}".as_slice()), file("gem", None, gem.as_slice())],
        [file("gem", None, gem.as_slice()), file("gem", Some("second"), b"x".as_slice())],
        [
            file("other", Some("demo-1.0.gem"), gem.as_slice()),
            file("bundle", Some("bundle.json"), b"{}".as_slice()),
        ],
    ] {
        let host = host();
        let reply = host.as_user("ann").post("/api/v1/gems").form(&parts).send::<RubyGems>();
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert_eq!(host.object("gems/demo-1.0.gem").as_deref(), Some(gem.as_slice()));
        assert_eq!(host.staged(), 0);
    }
}

#[test]
fn a_version_is_pushed_once() {
    let host = host();
    let gem = pushed(&host, "demo", "1.0");
    let ann = host.as_user("ann");
    assert_told(&push(&ann, &gem), 409, "demo 1.0 was pushed before");
    let other = samples::gem_of(&samples::gemspec("demo", "1.0", "ruby", ""), &[("a", b"other")]);
    assert_told(&push(&ann, &other), 409, "Repushing of gem versions is not allowed");
    let same = "demo 1.0 was pushed before, and 1.0.0 is the same version";
    assert_told(&push(&ann, &samples::gem("demo", "1.0.0")), 409, same);
    pushed_gem(&host, samples::platform_gem("demo", "1.0", "java", ""));
    let yank =
        ann.delete("/api/v1/gems/yank").body("gem_name=demo&version=1.0&platform=ruby").send::<RubyGems>();
    assert_eq!(yank.status(), 200, "{}", yank.text());
    assert_told(&push(&ann, &gem), 409, "A version that was yanked stays taken");
    assert_eq!(get(&host, "/gems/demo-1.0.gem").status(), 404);
    assert_eq!(get(&host, "/gems/demo-1.0-java.gem").status(), 200, "a yank takes one platform away");
    let again = ann.delete("/api/v1/gems/yank").body("gem_name=demo&version=1.0").send::<RubyGems>();
    assert_told(&again, 422, "demo-1.0 was yanked before");
    let missing = ann.delete("/api/v1/gems/yank").body("gem_name=demo&version=3").send::<RubyGems>();
    assert_told(&missing, 404, "the gem demo has no version 3");
}

#[test]
fn the_same_bytes_repair_a_damaged_file() {
    let host = host();
    let gem = pushed(&host, "demo", "1.0");
    host.insert("gems/demo-1.0.gem", "damaged").unwrap();
    assert_eq!(push(&host.as_user("ann"), &gem).status(), 200);
    assert_eq!(get(&host, "/gems/demo-1.0.gem").bytes(), gem);
    assert_eq!(text(&host, "/info/demo").lines().count(), 2);
}

#[test]
fn what_a_crash_left_never_blocks_the_same_push() {
    let host = host();
    let gem = samples::gem("demo", "1.0");
    let other = samples::gem_of(&samples::gemspec("demo", "1.0", "ruby", ""), &[("a", b"other")]);
    host.insert("gems/demo-1.0.gem", &other).unwrap();
    assert_told(&push(&host.as_user("ann"), &gem), 409, "try again in a few minutes");
    host.set_now(host.now() + 2 * GRACE);
    pushed_gem(&host, gem.clone());
    assert_eq!(get(&host, "/gems/demo-1.0.gem").bytes(), gem);
}

#[test]
fn two_gems_cannot_have_one_file() {
    let host = host();
    let first = pushed(&host, "a-1", "2");
    let ann = host.as_user("ann");
    host.set_now(host.now() + 2 * GRACE);
    let second = samples::platform_gem("a", "1", "'2'", "");
    assert_told(&push(&ann, &second), 409, "a-1-2.gem is the file of a-1 2 already");
    assert_eq!(get(&host, "/gems/a-1-2.gem").bytes(), first);
    assert_eq!(get(&host, "/info/a").status(), 404);
}

#[test]
fn owners_may_push_and_others_may_not() {
    let host = host().user("cat", &[]);
    pushed(&host, "demo", "1.0");
    assert_told(&push(&host.anonymous(), &samples::gem("demo", "1.1")), 401, "rubygems:gem:*:write");
    for user in ["bob", "cat"] {
        assert_told(&push(&host.as_user(user), &samples::gem("demo", "1.1")), 403, "rubygems:gem:demo:write");
    }
    let owners = |method: &str, body: &str| {
        host.as_user("ann").request(method, "/api/v1/gems/demo/owners").body(body).send::<RubyGems>()
    };
    assert_told(&owners("POST", "email=nobody"), 422, "there is no user");
    assert_eq!(owners("POST", "email=cat").status(), 200);
    assert_told(&owners("POST", "email=cat"), 422, "cat is an owner of demo already");
    assert_eq!(push(&host.as_user("cat"), &samples::gem("demo", "1.1")).status(), 200);
    assert_told(&push(&host.as_user("cat"), &samples::gem("new", "1.0")), 403, "rubygems:gem:new:write");
    assert_eq!(text(&host, "/api/v1/gems/demo/owners.yaml"), "---\n- handle: \"ann\"\n- handle: \"cat\"\n");
    assert_eq!(
        get(&host, "/api/v1/gems/demo/owners.json").json(),
        json!([{ "handle": "ann" }, { "handle": "cat" }])
    );
    assert_eq!(owners("DELETE", "email=ann").status(), 200);
    assert_told(&owners("DELETE", "email=cat"), 422, "would have no owner");
    assert_eq!(text(&host, "/api/v1/gems/demo/owners.yaml"), "---\n- handle: \"cat\"\n");
}

#[test]
fn a_key_may_do_what_was_asked_for() {
    let host = host().grant("login");
    pushed(&host, "demo", "1.0");
    let key = |body: &str| {
        let reply = host.as_user("ann").post("/api/v1/api_key").body(body).send::<RubyGems>();
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        reply.text()
    };
    let yanks = |secret: &str| {
        let yank = host.with_token(secret).delete("/api/v1/gems/yank").body("gem_name=demo&version=1.0");
        yank.send::<RubyGems>().status()
    };
    assert_eq!(yanks(&key("name=a&index_rubygems=true")), 403);
    assert_eq!(yanks(&key("name=a&index_rubygems=true&yank_rubygem=false")), 403);
    assert_eq!(push(&host.with_token(&key("push_rubygem=true")), &samples::gem("demo", "1.1")).status(), 200);
    assert_eq!(yanks(&key("name=a&yank_rubygem=true")), 200);
    let nothing = host.as_user("ann").post("/api/v1/api_key").body("show_dashboard=true").send::<RubyGems>();
    assert_told(&nothing, 400, "this key would allow nothing here");
    assert_eq!(host.anonymous().get("/api/v1/api_key").send::<RubyGems>().status(), 401);
    assert_eq!(
        host.rejected("the password is wrong").get("/api/v1/api_key").send::<RubyGems>().status(),
        401
    );
}

#[test]
fn a_key_holds_what_the_account_may_do_of_what_was_asked_for() {
    let host = host().grant("login").user("cat", &["rubygems:gem:cat-*:write"]).user("dan", &[]);
    let sign_in = |user: &str, body: &str| {
        let reply = host.as_user(user).post("/api/v1/api_key").body(body).send::<RubyGems>();
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.text()
    };
    let key = sign_in("cat", "index_rubygems=true&push_rubygem=true");
    assert_eq!(push(&host.with_token(&key), &samples::gem("cat-a", "1.0")).status(), 200);
    assert_told(&push(&host.with_token(&key), &samples::gem("demo", "1.0")), 403, "rubygems:gem:demo:write");
    let yank = |secret: &str, gem: &str| {
        let body = format!("gem_name={gem}&version=1.0");
        host.with_token(secret).delete("/api/v1/gems/yank").body(body).send::<RubyGems>().status()
    };
    let yanks = sign_in("cat", "yank_rubygem=true");
    pushed(&host, "demo", "1.0");
    assert_eq!(yank(&yanks, "demo"), 403);
    assert_eq!(yank(&yanks, "cat-a"), 200);
    assert_eq!(push(&host.with_token(&yanks), &samples::gem("cat-a", "1.1")).status(), 403);
    // Without a grant, an owner.
    let key = sign_in("dan", "push_rubygem=true");
    assert_told(&push(&host.with_token(&key), &samples::gem("demo", "1.1")), 403, "rubygems:gem:demo:write");
    let added = host.as_user("ann").post("/api/v1/gems/demo/owners").body("email=dan").send::<RubyGems>();
    assert_eq!(added.status(), 200, "{}", added.text());
    assert_eq!(push(&host.with_token(&key), &samples::gem("demo", "1.1")).status(), 200);
    // A key makes no key that may do more.
    let more = host.with_token(&yanks).post("/api/v1/api_key").body("push_rubygem=true").send::<RubyGems>();
    assert_eq!(more.status(), 403, "{}", more.text());
}

#[test]
fn a_key_needs_a_scope_unless_the_client_knows_none() {
    let host = host().grant("login");
    for body in ["", "name=a", "index_rubygems=false&push_rubygem=false", "foo=true", "rubygem_name=demo"] {
        let reply = host.as_user("ann").post("/api/v1/api_key").body(body).send::<RubyGems>();
        assert_told(&reply, 400, "enable at least one scope");
    }
    let old = host.as_user("ann").get("/api/v1/api_key").send::<RubyGems>();
    assert_eq!(push(&host.with_token(&old.text()), &samples::gem("demo", "1.0")).status(), 200);
}

#[test]
fn a_key_is_limited_to_a_gem_and_a_time() {
    let host = host().grant("login");
    let sign_in = |body: &str| host.as_user("ann").post("/api/v1/api_key").body(body).send::<RubyGems>();
    let key = sign_in("push_rubygem=true&rubygem_name=demo&expires_at=2026-01-02T00:00:00Z");
    assert_eq!(key.status(), 200, "{}", key.text());
    let key = key.text();
    assert_told(
        &push(&host.with_token(&key), &samples::gem("other", "1.0")),
        403,
        "rubygems:gem:other:write",
    );
    assert_eq!(push(&host.with_token(&key), &samples::gem("demo", "1.0")).status(), 200);
    host.set_now(host.now() + 25 * 60 * 60 * 1000);
    let late = host.with_token(&key).get("/api/v1/search.json?query=").send::<RubyGems>();
    assert_eq!(late.status(), 401, "{}", late.text());
    assert_told(&sign_in("push_rubygem=true&rubygem_name=..%2Fa"), 400, "not a valid gem name");
    assert_told(&sign_in("push_rubygem=true&expires_at=soon"), 400, "write a time such as");
    assert_told(
        &sign_in("push_rubygem=true&expires_at=2020-01-01T00:00:00Z"),
        400,
        "it must be in the future",
    );
}

/// A gem that is large, and whose client stops sending long before its end.
fn cut(actor: &Actor, gem: &[u8]) -> Reply {
    let gem = [gem, &vec![0; 4 << 20]].concat();
    let request = actor.post("/api/v1/gems").header("content-type", "application/octet-stream");
    request.body(gem).broken_after(2 << 20).send::<RubyGems>()
}

#[test]
fn nothing_is_received_of_a_gem_that_the_caller_may_not_push() {
    let host = host().user("dan", &["rubygems:gem:acme-*:write"]);
    let demo = pushed(&host, "demo", "1.0");
    let before = host.objects();
    let gem = samples::gem("demo", "1.1");
    assert_told(&cut(&host.as_user("eve"), &gem), 403, "rubygems:gem:demo:write");
    assert_told(&cut(&host.as_user("bob"), &gem), 403, "rubygems:gem:demo:write");
    assert_told(&cut(&host.as_user("dan"), &gem), 403, "rubygems:gem:demo:write");
    assert_told(&cut(&host.as_reader("ann"), &gem), 403, "this token does not allow");
    assert_eq!(cut(&host.anonymous(), &gem).status(), 401);
    // Without a name there is nothing that the caller may push.
    let spec = samples::gzip(samples::gemspec("acme-a", "1.0", "ruby", "").as_bytes());
    let late = packhouse_plugin::testing::archive::tar(&[
        ("data.tar.gz", b"x".as_slice()),
        ("metadata.gz", spec.as_slice()),
    ]);
    for nameless in [late.as_slice(), b"plain text".as_slice(), vec![b'x'; 1 << 20].as_slice()] {
        for user in ["eve", "dan"] {
            assert_told(&cut(&host.as_user(user), nameless), 422, "does not begin with the metadata.gz");
        }
    }
    let form = [FormField { name: "gem", filename: Some("demo-1.1.gem"), content: &gem }];
    let form = host.as_user("eve").post("/api/v1/gems").form(&form).send::<RubyGems>();
    assert_told(&form, 403, "rubygems:gem:demo:write");
    assert_eq!(host.objects(), before);
    assert_eq!(host.object("gems/demo-1.0.gem"), Some(demo));
}

#[test]
fn who_may_push_some_gems_pushes_them_as_a_file_and_in_a_form() {
    let host = host().user("dan", &["rubygems:gem:acme-*:write"]).user("fay", &[]);
    pushed(&host, "demo", "1.0");
    let dan = host.as_user("dan");
    let large = [samples::gem("acme-a", "1.0"), vec![0; 3 << 20]].concat();
    assert_eq!(push(&dan, &large).status(), 200);
    assert_eq!(host.object("gems/acme-a-1.0.gem"), Some(large));
    let gem = samples::gem("acme-a", "1.1");
    let parts = [
        FormField { name: "bundle", filename: Some("bundle.json"), content: b"{}" },
        FormField { name: "other", filename: Some("acme-a-1.1.gem"), content: &gem },
    ];
    let reply = dan.post("/api/v1/gems").form(&parts).send::<RubyGems>();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let added = host.as_user("ann").post("/api/v1/gems/demo/owners").body("email=fay").send::<RubyGems>();
    assert_eq!(added.status(), 200, "{}", added.text());
    let fay = host.as_user("fay");
    assert_eq!(push(&fay, &samples::gem("demo", "1.1")).status(), 200, "an owner needs no grant");
    assert_eq!(push(&fay, &samples::gem("new", "1.0")).status(), 403);
}

#[test]
fn what_comes_beside_a_gem_has_a_limit() {
    let host = host();
    let beside = vec![b'x'; 17 << 20];
    let part = FormField { name: "attestations", filename: None, content: &beside };
    let reply = host.as_user("ann").post("/api/v1/gems").form(&[part]).send::<RubyGems>();
    assert_eq!(reply.status(), 413, "{}", reply.text());
}

#[test]
fn what_is_turned_off_answers_405() {
    let host = host().feature("push", false).feature("yank", false);
    assert_told(&push(&host.as_user("ann"), &samples::gem("demo", "1.0")), 405, "push");
    let page = format!("---\n1.0 |checksum:{}\n", "0".repeat(64));
    host.insert("info/demo", page).unwrap();
    let yank =
        host.as_user("ann").delete("/api/v1/gems/yank").body("gem_name=demo&version=1.0").send::<RubyGems>();
    assert_told(&yank, 405, "yank");
}

#[test]
fn a_document_that_was_lost_is_not_begun_anew() {
    let host = host();
    pushed(&host, "demo", "1.0");
    host.remove("packages/demo.json");
    assert_told(&push(&host.as_user("ann"), &samples::gem("demo", "1.1")), 500, "damaged");
    assert_told(&get(&host, "/info/demo"), 500, "damaged");
    assert!(!host.objects().contains(&"packages/demo.json".to_owned()));
}

#[test]
fn others_who_push_at_the_same_moment_lose_nothing() {
    let host = host();
    pushed(&host, "demo", "1.0");
    host.conflict_next("packages/demo.json");
    pushed(&host, "demo", "1.1");
    assert_eq!(text(&host, "/info/demo").lines().count(), 3);
    let before = list(&host);
    pushed(&host, "demo", "1.2");
    host.conflict_next("recent.json");
    assert_eq!(list(&host).len(), before.len() + 1);
    assert_sums_agree(&host);
}
