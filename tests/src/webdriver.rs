//! Chromium without a window, driven as the WebDriver recommendation of the W3C says. The driver and the
//! browser are Debian's.

use std::path::PathBuf;
use std::process::Command;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::Server;
use crate::{skip, wait};

/// The name of an element in answers (WebDriver §12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window. It ends when this is dropped.
pub struct Chromium {
    session: String,
    client: Client,
    // In this order: the driver ends before its folder is removed.
    _driver: Server,
    _profile: TempDir,
}

/// Something on the page.
pub struct Element<'a> {
    browser: &'a Chromium,
    id: String,
}

impl Chromium {
    /// Starts a browser; none if it is not installed, and the test is skipped. `scripts`: whether pages may
    /// run scripts.
    pub async fn start(scripts: bool) -> Option<Self> {
        let driver = skip::unless_installed(PathBuf::from("/usr/bin/chromedriver"))?;
        let browser = skip::unless_installed(PathBuf::from("/usr/bin/chromium"))?;
        let profile = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(driver);
        let driver = Server::start({
            command.arg("--port=0").env("HOME", profile.path());
            command
        })
        .await;
        let mut arguments = vec![
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            format!("--user-data-dir={}", profile.path().join("profile").display()),
        ];
        if !scripts {
            arguments.push("--blink-settings=scriptEnabled=false".to_owned());
        }
        let options = json!({ "binary": browser.display().to_string(), "args": arguments });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let client = Client::builder().no_proxy().build().expect("a client");
        let address = format!("http://127.0.0.1:{}/session", driver.port());
        let answer = ask(&client, Method::POST, &address, Some(&wanted)).await.expect("a session");
        let session = format!("{address}/{}", answer["sessionId"].as_str().expect("a session"));
        Some(Self { session, client, _driver: driver, _profile: profile })
    }

    /// Opens an address, and waits for the page.
    pub async fn open(&self, url: &str) {
        self.ask(Method::POST, "/url", Some(&json!({ "url": url }))).await;
    }

    /// The first element that this selector of CSS names. Waits for it.
    pub async fn find(&self, selector: &str) -> Element<'_> {
        let wanted = json!({ "using": "css selector", "value": selector });
        let look = || async {
            let answer = self.try_ask(Method::POST, "/element", Some(&wanted)).await.ok()?;
            answer[ELEMENT].as_str().map(str::to_owned)
        };
        Element { browser: self, id: wait::until(&format!("that {selector} is on the page"), look).await }
    }

    /// The text that a person sees.
    pub async fn text(&self) -> String {
        self.find("body").await.text().await
    }

    /// The address of the page.
    pub async fn address(&self) -> String {
        self.ask(Method::GET, "/url", None).await.as_str().unwrap_or_default().to_owned()
    }

    /// A picture of the window, as PNG in base64.
    pub async fn picture(&self) -> String {
        self.ask(Method::GET, "/screenshot", None).await.as_str().unwrap_or_default().to_owned()
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        self.try_ask(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn try_ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, String> {
        ask(&self.client, method, &format!("{}{path}", self.session), body).await
    }
}

impl Element<'_> {
    /// Types this text into it.
    pub async fn fill(&self, text: &str) {
        self.ask(Method::POST, "/value", Some(&json!({ "text": text }))).await;
    }

    /// Clicks on it, which opens another page. Waits until this one is gone.
    pub async fn press(&self) {
        self.ask(Method::POST, "/click", Some(&json!({}))).await;
        let path = format!("/element/{}/name", self.id);
        let look = || async { self.browser.try_ask(Method::GET, &path, None).await.err() };
        wait::until("that the page of the button is gone", look).await;
    }

    /// The text that a person sees in it.
    pub async fn text(&self) -> String {
        self.ask(Method::GET, "/text", None).await.as_str().unwrap_or_default().to_owned()
    }

    /// What the browser made of a property of its style.
    pub async fn style(&self, property: &str) -> String {
        self.ask(Method::GET, &format!("/css/{property}"), None).await.as_str().unwrap_or_default().to_owned()
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        self.browser.ask(method, &format!("/element/{}{path}", self.id), body).await
    }
}

async fn ask(client: &Client, method: Method, address: &str, body: Option<&Value>) -> Result<Value, String> {
    let mut request = client.request(method.clone(), address);
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = request.send().await.unwrap_or_else(|error| panic!("{method} {address}: {error}"));
    let (status, text) = (response.status(), response.text().await.expect("an answer"));
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    if status.is_success() {
        Ok(answer["value"].clone())
    } else {
        Err(answer["value"]["message"].to_string())
    }
}
