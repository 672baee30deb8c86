//! The newest gem and Bundler: those in JRuby, which Maven gets. Debian's come from `debian`.

use super::Client;
use crate::command;
use std::fs;
use std::path::Path;
use std::process::Command;

/// With RubyGems 4.0 and Bundler 4.0.
const VERSION: &str = "10.1.1.0";

/// Gets it into `folder/ruby` unless it is there.
pub fn ensure(folder: &Path) -> Vec<Client> {
    let version = install(&folder.join("ruby")).map(|()| VERSION.to_owned());
    vec![Client { name: "jruby", version }]
}

fn install(home: &Path) -> Result<(), String> {
    let (jar, stamp) = (home.join("jruby-complete.jar"), home.join("installed.txt"));
    if jar.is_file() && fs::read_to_string(&stamp).is_ok_and(|there| there == VERSION) {
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("{} cannot be filled: {error}", home.display());
    fs::create_dir_all(home).map_err(failed)?;
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "dependency:copy"]);
    maven.arg(format!("-Dartifact=org.jruby:jruby-complete:{VERSION}:jar"));
    maven.arg(format!("-DoutputDirectory={}", home.display())).current_dir(home);
    if !command::succeeds(&mut maven).unwrap_or(false) {
        return Err("`mvn dependency:copy` of jruby-complete failed".to_owned());
    }
    fs::rename(home.join(format!("jruby-complete-{VERSION}.jar")), &jar).map_err(failed)?;
    fs::write(&stamp, VERSION).map_err(failed)
}
