//! A request's body and what is cut or decoded from it. A part is made whole when it is
//! asked for, which the caller cannot tell from decoding as it is read: the parent stands
//! behind the part's end either way.

use std::cell::RefCell;
use std::rc::Rc;

use super::storage::{Staged, check_precondition};
use super::within_piece;
use crate::Error;
use crate::body::{SaveOptions, Saved};
use crate::testing::state::{self, Resource};
use crate::testing::{decode, hash, multipart};

/// Handles of one request's body share it.
#[derive(Clone)]
pub(crate) struct Body(Rc<RefCell<Layer>>);

#[derive(Default)]
struct Layer {
    bytes: Vec<u8>,
    position: usize,
    /// How much of the last read can be given back.
    last_read: usize,
    length: Option<u64>,
    /// What stands behind the last byte instead of an end.
    broken: Option<Error>,
    /// Why the end of the last inner body cannot be found: each further call fails with it.
    stuck: Option<Error>,
    /// Of the request, in its whole body only.
    content_type: Option<String>,
    /// None in what was cut from another body.
    form: Option<multipart::Form>,
    _resource: Resource,
}

/// One field or file of a form.
pub(crate) struct Part {
    headers: Vec<(String, String)>,
    body: Body,
}

impl Part {
    pub(crate) fn name(&self) -> String {
        multipart::parameter(&self.headers, "name").unwrap_or_default()
    }

    pub(crate) fn filename(&self) -> Option<String> {
        multipart::parameter(&self.headers, "filename")
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }

    pub(crate) fn body(&self) -> Body {
        self.body.clone()
    }
}

impl Layer {
    fn left(&self) -> &[u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// Skips what was not read of the last inner body.
    fn uncover(&self) -> Result<(), Error> {
        self.stuck.clone().map_or(Ok(()), Err)
    }

    /// All that is left, or what keeps it from being complete.
    fn take(&mut self) -> Result<Vec<u8>, Error> {
        self.uncover()?;
        let left = self.left().to_vec();
        self.position = self.bytes.len();
        self.last_read = 0;
        self.broken.clone().map_or(Ok(left), Err)
    }
}

impl Body {
    pub(crate) fn root(bytes: Vec<u8>, length: Option<u64>, broken: Option<Error>) -> Body {
        let resource = state::resource();
        Body(Rc::new(RefCell::new(Layer { bytes, length, broken, _resource: resource, ..Layer::default() })))
    }

    /// The whole body of a request.
    pub(crate) fn of_request(
        bytes: Vec<u8>,
        length: Option<u64>,
        broken: Option<Error>,
        content_type: Option<String>,
    ) -> Body {
        let form = Some(multipart::Form::default());
        Body(Rc::new(RefCell::new(Layer { bytes, length, broken, content_type, form, ..Layer::default() })))
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.0.borrow().length
    }

    pub(crate) fn read(&self, max: u32) -> Result<Vec<u8>, Error> {
        state::call();
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        within_piece(max)?;
        let mut layer = self.0.borrow_mut();
        layer.uncover()?;
        let left = layer.left();
        if let (true, Some(error)) = (left.len() < max, &layer.broken) {
            return Err(error.clone());
        }
        let read = left.get(..max).unwrap_or(left).to_vec();
        layer.position += read.len();
        layer.last_read = read.len();
        Ok(read)
    }

    pub(crate) fn unread(&self, count: u32) -> Result<(), Error> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut layer = self.0.borrow_mut();
        if count > layer.last_read {
            return Err(Error::Invalid("more is given back than the last read gave".to_owned()));
        }
        layer.position -= count;
        layer.last_read -= count;
        Ok(())
    }

    pub(crate) fn slice(&self, length: u64) -> Result<Body, Error> {
        state::call();
        let mut layer = self.0.borrow_mut();
        layer.uncover()?;
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let left = layer.left();
        let bytes = left.get(..wanted).unwrap_or(left).to_vec();
        let broken = (bytes.len() < wanted).then(|| layer.broken.clone().unwrap_or(Error::Truncated));
        layer.position += bytes.len();
        layer.last_read = 0;
        layer.stuck.clone_from(&broken);
        Ok(Body::root(bytes, Some(length), broken))
    }

    pub(crate) fn json_string(&self) -> Result<Body, Error> {
        state::call();
        let mut layer = self.0.borrow_mut();
        layer.uncover()?;
        let quote = layer.position.checked_sub(1).and_then(|last| layer.bytes.get(last));
        if quote != Some(&b'"') {
            return Err(Error::Invalid(
                "the last byte read was not the quote that opens a JSON string".to_owned(),
            ));
        }
        let decoded = decode::json_string(layer.left());
        let (bytes, broken) = layer.inner(decoded);
        layer.stuck.clone_from(&broken);
        Ok(Body::root(bytes, None, broken))
    }

    /// What is left of it is what is left of this body, decodable or not.
    pub(crate) fn base64(&self) -> Result<Body, Error> {
        state::call();
        let mut layer = self.0.borrow_mut();
        layer.uncover()?;
        let decoded = decode::base64(layer.left());
        let (bytes, broken) = layer.inner(decoded);
        Ok(Body::root(bytes, None, broken))
    }

    pub(crate) fn next_part(&self) -> Result<Option<Part>, Error> {
        state::call();
        let mut layer = self.0.borrow_mut();
        let mut form = layer
            .form
            .take()
            .ok_or_else(|| Error::Invalid("only the whole body can be a form".to_owned()))?;
        let found = match layer.uncover() {
            Ok(()) => form.next(layer.content_type.as_deref(), layer.left()),
            Err(error) => Err(error),
        };
        layer.form = Some(form);
        let Some(found) = found? else {
            return Ok(None);
        };
        layer.position += found.consumed;
        layer.last_read = 0;
        let cut = found.is_cut.then(|| layer.broken.clone().unwrap_or(Error::Truncated));
        layer.stuck.clone_from(&cut);
        Ok(Some(Part { headers: found.headers, body: Body::root(found.content, None, cut) }))
    }

    pub(crate) fn stage(&self, limit: Option<u64>, compute: &[&str]) -> Result<Staged, Error> {
        state::call();
        let bytes = self.take_within(limit)?;
        Staged::create(bytes, compute)
    }

    pub(crate) fn save(&self, key: &str, options: &SaveOptions<'_>) -> Result<Saved, Error> {
        state::call();
        hash::check_expected(options.expect)?;
        check_precondition(key, options.precondition)?;
        let _open = state::open_object();
        let bytes = self.take_within(options.limit)?;
        let mut compute: Vec<&str> = Vec::new();
        compute.extend(options.expect.iter().map(|digest| digest.algorithm.as_str()));
        compute.extend(options.compute);
        let digests = hash::all(&bytes, &compute)?;
        hash::verify(&bytes, options.expect)?;
        let state = state::current();
        let info = state.borrow_mut().write(key, bytes, options.precondition, options.content_type)?;
        Ok(Saved { info, digests })
    }

    /// All that is left, within the caller's limit and the mount's.
    pub(crate) fn take_within(&self, limit: Option<u64>) -> Result<Vec<u8>, Error> {
        let most = state::current().borrow().upload_limit;
        let limit = limit.map_or(most, |limit| limit.min(most));
        let mut layer = self.0.borrow_mut();
        if layer.left().len() as u64 > limit {
            return Err(Error::TooLarge(limit));
        }
        layer.take()
    }
}

impl Layer {
    /// What was decoded from what is left, and what stands behind it; this one goes on after that.
    fn inner(&mut self, decoded: decode::Decoded) -> (Vec<u8>, Option<Error>) {
        self.last_read = 0;
        self.position += decoded.consumed;
        let cut = self.broken.clone().filter(|_| decoded.wants_more);
        (decoded.bytes, cut.or(decoded.broken))
    }
}
