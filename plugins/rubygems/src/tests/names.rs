//! Names: spellings, platforms, versions.

use super::*;

#[test]
fn names_that_differ_in_case_are_one_name() {
    let host = host();
    pushed(&host, "Demo", "1.0");
    let before = host.objects();
    assert_told(
        &push(&host.as_user("ann"), &samples::gem("demo", "1.0")),
        409,
        "differs from it in case only",
    );
    assert_eq!(host.objects(), before);
    assert_eq!(get(&host, "/info/demo").status(), 404);
    assert_eq!(get(&host, "/info/Demo").status(), 200);
    host.insert("info/old", "---\n1.0 |\n").unwrap();
    assert_told(&push(&host.as_user("ann"), &samples::gem("Old", "1.0")), 409, "there is a gem old");
}

#[test]
fn every_name_that_rubygems_takes_is_served() {
    let host = host();
    for name in ["a", "net-http-persistent", "a.b", "a_b-c", "3scale", "Rack"] {
        pushed(&host, name, "1.10");
        assert_eq!(text(&host, &format!("/info/{name}")).lines().count(), 2, "{name}");
        assert_eq!(get(&host, &format!("/gems/{name}-1.10.gem")).status(), 200, "{name}");
        assert_eq!(get(&host, &format!("/api/v1/gems/{name}.json")).json()["name"], name);
        assert_eq!(get(&host, &format!("/quick/Marshal.4.8/{name}-1.10.gemspec.rz")).status(), 200, "{name}");
    }
    assert_eq!(list(&host).len(), 6);
    assert_sums_agree(&host);
}

#[test]
fn versions_keep_their_zeros() {
    let host = host();
    for version in ["1.1", "1.10", "1.100"] {
        pushed(&host, "demo", version);
    }
    let lines: Vec<String> = text(&host, "/info/demo").lines().skip(1).map(str::to_owned).collect();
    let versions: Vec<&str> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(versions, ["1.1", "1.10", "1.100"]);
}
