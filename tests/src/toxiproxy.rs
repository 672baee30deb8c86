//! A proxy that spoils the way between a registry and its store: toxiproxy, set by its HTTP API.
//!
//! Toxics (<https://github.com/Shopify/toxiproxy>, "Toxics") act on both directions here; whether
//! one acts is drawn for each connection, with the probability `toxicity`.

use crate::clients::installed;
use crate::server::Server;
use crate::skip;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// One running toxiproxy.
pub struct Toxiproxy {
    server: Server,
    client: Client,
}

/// One proxy in it, without toxics at first. It goes with its [`Toxiproxy`].
pub struct Proxy {
    url: String,
    port: u16,
    client: Client,
}

impl Toxiproxy {
    /// None when it is not installed.
    pub async fn start() -> Option<Self> {
        let program = skip::unless_installed(installed("go/server"))?;
        let mut command = Command::new(program);
        // The seed makes the draws of a run repeatable, as far as connections are.
        command.args(["-host", "127.0.0.1", "-port", "0", "-seed", "7"]);
        let server = Server::start(command).await;
        Some(Self { server, client: Client::builder().no_proxy().build().expect("a client") })
    }

    /// A proxy before this port of 127.0.0.1.
    pub async fn before(&self, port: u16) -> Proxy {
        let api = format!("http://127.0.0.1:{}/proxies", self.server.port());
        let name = format!("before-{port}");
        let wanted = json!({"name": name, "listen": "127.0.0.1:0", "upstream": format!("127.0.0.1:{port}"), "enabled": true});
        let made = ask(&self.client, Method::POST, &api, &wanted).await;
        let listen = made["listen"].as_str().and_then(|listen| listen.rsplit(':').next()?.parse().ok());
        Proxy {
            url: format!("{api}/{name}"),
            port: listen.unwrap_or_else(|| panic!("no address: {made}")),
            client: self.client.clone(),
        }
    }
}

impl Proxy {
    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Each answer comes so much later.
    pub async fn delay(&self, latency: Duration) {
        let latency = u64::try_from(latency.as_millis()).expect("a short time");
        self.add("latency", "downstream", 1.0, &json!({"latency": latency, "jitter": 0})).await;
    }

    /// Cuts this share of the connections (0 to 1) with a reset, after so many bytes of request.
    pub async fn cut(&self, share: f64) {
        self.add("reset_peer", "upstream", share, &json!({"timeout": 0})).await;
    }

    /// Ends each connection when so many bytes of requests have gone through it.
    pub async fn break_after(&self, bytes: usize) {
        self.add("limit_data", "upstream", 1.0, &json!({"bytes": bytes})).await;
    }

    /// Nothing passes in either direction, and nothing is closed, until [`Proxy::heal`].
    pub async fn silence(&self) {
        for stream in ["upstream", "downstream"] {
            self.add("timeout", stream, 1.0, &json!({"timeout": 0})).await;
        }
    }

    /// Closes every connection and refuses new ones, until [`Proxy::heal`].
    pub async fn refuse(&self) {
        ask(&self.client, Method::POST, &self.url, &json!({"enabled": false})).await;
    }

    /// Takes all of that away.
    pub async fn heal(&self) {
        let toxics = ask(&self.client, Method::GET, &format!("{}/toxics", self.url), &Value::Null).await;
        for toxic in toxics.as_array().expect("a list") {
            let name = toxic["name"].as_str().expect("a name");
            ask(&self.client, Method::DELETE, &format!("{}/toxics/{name}", self.url), &Value::Null).await;
        }
        ask(&self.client, Method::POST, &self.url, &json!({"enabled": true})).await;
    }

    async fn add(&self, kind: &str, stream: &str, toxicity: f64, attributes: &Value) {
        let toxic = json!({
            "name": format!("{kind}-{stream}"), "type": kind, "stream": stream,
            "toxicity": toxicity, "attributes": attributes,
        });
        ask(&self.client, Method::POST, &format!("{}/toxics", self.url), &toxic).await;
    }
}

/// Panics unless it succeeds; null when there is no answer to read.
async fn ask(client: &Client, method: Method, url: &str, body: &Value) -> Value {
    let response = client.request(method, url).json(body).send().await.expect("toxiproxy answers");
    let (status, text) = (response.status(), response.text().await.expect("its answer"));
    assert!(status.is_success(), "toxiproxy answered {status}: {text}");
    serde_json::from_str(&text).unwrap_or_default()
}
