//! nginx that serves the same bytes from a file, where it is installed.

use std::net::TcpListener;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::load::Target;

/// A running server, ended when it is dropped.
pub struct Nginx {
    child: Child,
    address: String,
    _folder: TempDir,
}

impl Nginx {
    /// None where nginx is not installed.
    pub async fn start(body: &[u8]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address =
            TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
        std::fs::create_dir(folder.path().join("www")).expect("a folder");
        std::fs::write(folder.path().join("www/body.json"), body).expect("the body");
        std::fs::write(folder.path().join("nginx.conf"), configuration(&address.to_string()))
            .expect("a configuration");
        let child = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let address = address.to_string();
        while TcpStream::connect(&address).await.is_err() {
            tokio::task::yield_now().await;
        }
        Some(Self { child, address, _folder: folder })
    }

    /// It serves the bytes at `/body.json`.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    pub fn target(&self) -> Target {
        Target::new(self.address.clone(), "/body.json", self.child.id().expect("it runs"))
    }
}

fn configuration(address: &str) -> String {
    format!(
        "daemon off; worker_processes 2; pid nginx.pid; events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; keepalive_requests 100000000; types {{ application/json json; }}\n\
         client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n\
         server {{ listen {address}; root www; }} }}\n"
    )
}
