//! Passes `[server.limits]` to the parts of the server that keep them.

use super::{BuildError, machine};
use crate::capabilities::ground::DataLimits;
use crate::capabilities::resources::Budgets;
use crate::config::{Config, LimitsConfig};
use crate::descriptors::{self, Descriptors};
use crate::plugins::GuestLimits;
use crate::server::GateSettings;
use crate::shares::Budget;

/// What one call of a plugin may move.
pub(super) fn of_calls(config: &Config) -> DataLimits {
    let limits = &config.server.limits;
    DataLimits {
        upload: limits.max_upload.0,
        reply: limits.max_reply.0,
        work: limits.guest_work.0,
        open_uploads: limits.max_open_uploads,
    }
}

/// How many descriptors there are for what; an error when there are too few to work.
pub(super) fn share_out(config: &Config) -> Result<Descriptors, BuildError> {
    let limits = &config.server.limits;
    let (descriptors, shortage) = descriptors::share_out(
        descriptors::limit(),
        limits.max_connections as u64,
        u64::from(limits.max_requests),
    );
    if let Some(shortage) = shortage {
        if let Some(refusal) = shortage.refusal() {
            return Err(config.error(refusal).into());
        }
        tracing::warn!("{}", shortage.warning(descriptors));
    }
    Ok(descriptors)
}

pub(super) fn budgets(config: &Config, descriptors: Descriptors) -> Budgets {
    let limits = &config.server.limits;
    Budgets {
        replies: Budget::new(limits.reply_memory.0, limits.share()),
        files: Budget::new(descriptors.files, limits.share()),
    }
}

pub(super) fn of_gate(config: &Config) -> GateSettings {
    let limits = &config.server.limits;
    GateSettings {
        places: limits.max_requests as usize,
        queue: limits.max_queued,
        patience: limits.queue_timeout.0,
        share: limits.share(),
    }
}

/// Bytes of memory of all plugin instances together. Unless configured, a quarter of the
/// machine's, and at least what two instances may have.
fn all_guest_memory(limits: &LimitsConfig) -> u64 {
    let quarter = || machine::memory() / 4;
    let total = limits.guest_memory_total.map_or_else(quarter, |total| total.0);
    total.max(limits.guest_memory.0.saturating_mul(2))
}

pub(super) fn of_guests(config: &Config) -> GuestLimits {
    let limits = &config.server.limits;
    let all_memory = all_guest_memory(limits);
    GuestLimits {
        memory: usize::try_from(limits.guest_memory.0).unwrap_or(usize::MAX),
        all_memory: usize::try_from(all_memory).unwrap_or(usize::MAX),
        client_memory: usize::try_from(limits.share().of(all_memory)).unwrap_or(usize::MAX),
        queue: limits.max_queued,
        patience: limits.queue_timeout.0,
        deadline: limits.guest_deadline.0,
        total: limits.request_timeout.0,
        instances: limits.max_requests,
    }
}
