//! An HTTP client of tests: anonymous, or with a token or a password.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Body, Client, RequestBuilder};
use serde_json::Value;

/// Speaks to one mount.
#[derive(Clone)]
pub struct Actor {
    base: String,
    client: Client,
    credential: Credential,
    headers: HeaderMap,
}

#[derive(Clone)]
enum Credential {
    Nothing,
    Token(String),
    Password(String, String),
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    request: String,
}

impl Actor {
    /// Without credentials; `base` is a URL without a trailing slash.
    pub fn anonymous(base: String) -> Self {
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { base, client, credential: Credential::Nothing, headers: HeaderMap::new() }
    }

    /// The same, with a bearer token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.credential = Credential::Token(token.to_owned());
        self
    }

    /// The same, with name and password.
    #[must_use]
    pub fn with_password(mut self, name: &str, password: &str) -> Self {
        self.credential = Credential::Password(name.to_owned(), password.to_owned());
        self
    }

    /// The same, sending this header each time.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().expect("a header's value"));
        self
    }

    /// The same actor, which sends these headers with each request. They replace headers of the same name.
    #[must_use]
    pub fn with_headers(&self, headers: HeaderMap) -> Self {
        let mut actor = self.clone();
        actor.headers.extend(headers);
        actor
    }

    /// The same person at another address, e.g. a second process.
    #[must_use]
    pub fn at(&self, base: String) -> Self {
        Self { base, ..self.clone() }
    }

    /// The same actor, which does not follow redirections.
    #[must_use]
    pub fn staying(self) -> Self {
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { client: client.build().expect("a client"), ..self }
    }

    /// Where this actor speaks to.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Body::default()).await
    }

    pub async fn head(&self, path: &str) -> Answer {
        self.send(Method::HEAD, path, Body::default()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, Body::default()).await
    }

    pub async fn put(&self, path: &str, document: &Value) -> Answer {
        self.send(Method::PUT, path, document.to_string()).await
    }

    pub async fn post(&self, path: &str, document: &Value) -> Answer {
        self.send(Method::POST, path, document.to_string()).await
    }

    /// Sends any method and body. The content type of JSON is set. Panics if there is no answer.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        self.try_send(method, path, body).await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// As [`Actor::send`], for when the other side may be killed meanwhile.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Body>,
    ) -> reqwest::Result<Answer> {
        let told = format!("{method} {}{path}", self.base);
        let response = self.request(method, path).body(body).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await?, request: told })
    }

    /// With this actor's credentials, to be finished by the caller.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = request.header("content-type", "application/json").headers(self.headers.clone());
        match &self.credential {
            Credential::Nothing => request,
            Credential::Token(token) => request.bearer_auth(token),
            Credential::Password(name, password) => request.basic_auth(name, Some(password)),
        }
    }
}

impl Answer {
    /// Panics, showing all of it, unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} answered {}", self.request, self.text());
        self
    }

    /// Panics, unless it is this status with one line of text that holds the sentence: what `gem` prints,
    /// and what Maven and Gradle read in the reason phrase.
    #[track_caller]
    pub fn expect_line(&self, status: u16, sentence: &str) {
        assert_eq!(self.status.as_u16(), status, "should say {sentence:?}: {self:?}");
        let text = self.text();
        assert!(text.contains(sentence), "should say {sentence:?}: {text:?}");
        assert_eq!(text.trim_end().lines().count(), 1, "clients print one line: {text:?}");
        assert!(text.len() < 1000, "what is odd is not said again at length: {} bytes", text.len());
        assert!(self.header("content-type").starts_with("text/plain"), "{self:?}");
    }

    /// The method and the address of the request.
    pub fn request(&self) -> &str {
        &self.request
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}: no JSON: {}", self.request, self.text()))
    }

    /// Empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
