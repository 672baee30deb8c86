//! What is written in Go: clients, engines and tools, each built once from a pinned version by
//! the machine's own Go, into one folder.
//!
//! A built program says itself which version it is, so there is no other stamp.

use super::Client;
use crate::command;
use std::path::Path;
use std::process::Command;

/// Name of the program, what people call it, and the package with its module's version.
const PROGRAMS: [(&str, &str, &str, &str); 9] = [
    ("crane", "crane", "github.com/google/go-containerregistry/cmd/crane", "v0.22.1"),
    ("oras", "oras", "oras.land/oras/cmd/oras", "v1.3.6"),
    ("regctl", "regctl", "github.com/regclient/regclient/cmd/regctl", "v0.11.7"),
    ("helm", "helm", "helm.sh/helm/v3/cmd/helm", "v3.22.0"),
    ("cosign", "cosign", "github.com/sigstore/cosign/v2/cmd/cosign", "v2.6.5"),
    ("conformance", "OCI conformance", CONFORMANCE, "v0.0.0-20260831232431-97274622c111"),
    ("versitygw", "versitygw", "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"),
    ("server", "toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server", "v2.5.0"),
    ("registry", "distribution", "github.com/distribution/distribution/v3/cmd/registry", "v3.1.2"),
];

const CONFORMANCE: &str = "github.com/opencontainers/distribution-spec/conformance";

/// Debian's own Go is too old for most of these, so none is installed here.
const NO_GO: &str = "it is built with Go: install Go 1.25 or newer and put `go` on PATH";

/// Builds what is missing into `folder/go`; tells what then is there.
pub fn ensure(folder: &Path) -> Vec<Client> {
    let home = folder.join("go");
    let go = command::on_path("go").map(|_| ()).ok_or(NO_GO.to_owned());
    PROGRAMS
        .into_iter()
        .map(|(program, name, package, version)| {
            let built = go.clone().and_then(|()| build(&home, program, package, version));
            Client { name, version: built }
        })
        .collect()
}

fn build(home: &Path, program: &str, package: &str, version: &str) -> Result<String, String> {
    if built(&home.join(program)).as_deref() == Some(version) {
        return Ok(version.to_owned());
    }
    let wanted = format!("{package}@{version}");
    let mut go = Command::new("go");
    go.args(["install", &wanted]);
    // The settings of the module, not those of the user; no C compiler is needed.
    go.env("GOBIN", home).env("CGO_ENABLED", "0").env("GOFLAGS", "-buildvcs=false");
    // Outside of any checkout, whose `go.mod` would have a say.
    go.current_dir(std::env::temp_dir());
    if !command::succeeds(&mut go).unwrap_or(false) {
        return Err(format!("`go install {wanted}` failed"));
    }
    built(&home.join(program))
        .ok_or_else(|| format!("`go install {wanted}` made no program that says its version"))
}

/// The version of the module that this program was built from.
fn built(program: &Path) -> Option<String> {
    let told = command::answer(Command::new("go").args(["version", "-m"]).arg(program))?;
    let module = told.lines().find_map(|line| line.trim().strip_prefix("mod\t"))?;
    module.split('\t').nth(1).map(str::to_owned)
}
