//! Networks that a token may be used from, in the form in which the real host shows them.

use std::fmt;
use std::net::IpAddr;

use crate::Error;

/// An address with the bits behind the prefix cleared, and the length of the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u32,
}

/// `10.0.0.0/8`, or an address alone.
pub(crate) fn parse(text: &str) -> Result<Network, Error> {
    let parsed = match text.split_once('/') {
        Some((address, prefix)) => address.parse().ok().zip(prefix.parse().ok()),
        None => text.parse().ok().map(|address| (address, length(address))),
    };
    match parsed {
        Some((address, prefix)) if prefix <= length(address) => {
            Ok(Network { address: first(address, prefix), prefix })
        }
        _ => Err(Error::Invalid(format!("`{text}` is not a network"))),
    }
}

impl Network {
    pub(crate) fn contains(&self, other: &Network) -> bool {
        let is_same_kind = self.address.is_ipv4() == other.address.is_ipv4();
        is_same_kind && self.prefix <= other.prefix && first(other.address, self.prefix) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

/// Bits of such an address.
fn length(address: IpAddr) -> u32 {
    if address.is_ipv4() { u32::BITS } else { u128::BITS }
}

/// The first address of the network.
fn first(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(u32::BITS - prefix).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(u128::BITS - prefix).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}
