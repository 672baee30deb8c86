//! Names that are allowed and are not.

use super::*;

#[test]
fn names_that_maven_takes_are_taken() {
    let host = host();
    let ann = host.as_user("ann");
    for (group, artifact, version) in [
        ("junit", "junit", "4.13.2"),
        ("org/scala-lang", "scala-library_2.13", "2.13.12"),
        ("com/example", "lib.core", "2024.01.01-RELEASE"),
        ("io/x_y", "A-b_c", "v1~rc!2"),
    ] {
        let path = format!("/{group}/{artifact}/{version}/{artifact}-{version}.jar");
        done(&ann, &path, "x");
        assert_eq!(text(&host, &path), "x");
        assert_eq!(text(&host, &format!("/{path}")), "x", "with a `/` too many");
    }
}
