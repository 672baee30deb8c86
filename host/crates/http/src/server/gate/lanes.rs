//! The lanes of the gate: places for requests, of which requests with an incomplete body may use a
//! part. All clients together use such lanes, and each client has a share of them.

use std::collections::HashMap;

use super::Load;
use packhouse_common::shares::Client;

/// How many requests fit into each lane.
pub(super) struct Widths {
    requests: usize,
    uploads: usize,
    strangers_uploads: usize,
}

impl Widths {
    pub fn of(places: usize) -> Self {
        Self {
            requests: places.max(1),
            uploads: (places * 3 / 4).max(1),
            strangers_uploads: (places * 3 / 8).max(1),
        }
    }
}

/// The requests that have a place.
#[derive(Default)]
pub(super) struct Lanes {
    all: Count,
    /// Of each client that has one.
    by: HashMap<Client, Count>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    requests: usize,
    uploads: usize,
    strangers_uploads: usize,
}

impl Count {
    /// Whether one more fits.
    fn fits(self, load: Load, widths: &Widths) -> bool {
        self.requests < widths.requests
            && (load == Load::Complete || self.uploads < widths.uploads)
            && (load != Load::StrangersUpload || self.strangers_uploads < widths.strangers_uploads)
    }

    /// The places that one request takes.
    fn of(load: Load) -> Self {
        Self {
            requests: 1,
            uploads: usize::from(load != Load::Complete),
            strangers_uploads: usize::from(load == Load::StrangersUpload),
        }
    }

    fn add(&mut self, more: Self) {
        self.requests += more.requests;
        self.uploads += more.uploads;
        self.strangers_uploads += more.strangers_uploads;
    }

    fn subtract(&mut self, less: Self) {
        self.requests = self.requests.saturating_sub(less.requests);
        self.uploads = self.uploads.saturating_sub(less.uploads);
        self.strangers_uploads = self.strangers_uploads.saturating_sub(less.strangers_uploads);
    }
}

impl Lanes {
    pub fn fits(&self, client: Client, load: Load, all: &Widths, own: &Widths) -> bool {
        let count = self.by.get(&client).copied().unwrap_or_default();
        self.all.fits(load, all) && count.fits(load, own)
    }

    pub fn enter(&mut self, client: Client, load: Load) {
        self.all.add(Count::of(load));
        self.by.entry(client).or_default().add(Count::of(load));
    }

    pub fn leave(&mut self, client: Client, load: Load) {
        self.all.subtract(Count::of(load));
        if let Some(count) = self.by.get_mut(&client) {
            count.subtract(Count::of(load));
            if count.requests == 0 {
                self.by.remove(&client);
            }
        }
    }

    #[cfg(test)]
    pub fn clients(&self) -> usize {
        self.by.len()
    }
}
