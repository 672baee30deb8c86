//! A browser without scripts: it keeps cookies, reads the forms of a page and submits them.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, Method};

use crate::actor::{Actor, Answer};

/// A browser at one site.
pub struct Browser {
    actor: Actor,
    cookies: BTreeMap<String, String>,
    /// The last page.
    page: String,
}

impl Browser {
    /// `site` is a URL without a trailing slash.
    pub fn at(site: String) -> Self {
        Self { actor: Actor::anonymous(site).staying(), cookies: BTreeMap::new(), page: String::new() }
    }

    /// Opens a page.
    pub async fn open(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, String::new(), HeaderMap::new()).await
    }

    /// Fills in the form of the last page that is sent to this address, and submits it. The hidden
    /// fields keep their values. Follows the redirection after it.
    pub async fn submit(&mut self, action: &str, fields: &[(&str, &str)]) -> Answer {
        let hidden = self.hidden(action);
        let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let answer = self.post(action, hidden.chain(fields.iter().copied()), HeaderMap::new()).await;
        match answer.headers.get("location") {
            Some(place) => {
                let place = place.to_str().expect("text").to_owned();
                self.open(&place).await
            }
            None => answer,
        }
    }

    /// Sends these fields to an address, with these headers beside the cookies, as a page of another
    /// site could.
    pub async fn post<'a>(
        &mut self,
        action: &str,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        headers: HeaderMap,
    ) -> Answer {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.send(Method::POST, action, body.finish(), headers).await
    }

    /// The hidden fields of the first form of the last page that is sent to this address.
    pub fn hidden(&self, action: &str) -> Vec<(String, String)> {
        let start = format!("action=\"{action}\"");
        let form =
            self.page.split(&start).nth(1).unwrap_or_else(|| panic!("no form to {action} in {}", self.page));
        let form = form.split("</form>").next().unwrap_or_default();
        let fields = form.split("<input type=\"hidden\"").skip(1);
        let attribute = |field: &str, name: &str| {
            let value = field.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
            value.unwrap_or_default().to_owned()
        };
        fields.map(|field| (attribute(field, "name"), attribute(field, "value"))).collect()
    }

    /// The cookies, as a thief would copy them.
    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.clone()
    }

    /// The same page and cookies, in a second browser.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { actor: self.actor.clone(), cookies: self.cookies.clone(), page: self.page.clone() }
    }

    async fn send(&mut self, method: Method, path: &str, body: String, mut headers: HeaderMap) -> Answer {
        let jar: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !jar.is_empty() {
            headers.insert("cookie", jar.join("; ").parse().expect("a header's value"));
        }
        headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        let answer = self.actor.with_headers(headers).send(method, path, body).await;
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().expect("text");
            let (name, value) =
                line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        self.page = answer.text();
        answer
    }
}
