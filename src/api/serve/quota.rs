//! How many connections one client may have at once, so that none has all of them.
//!
//! A client is an address; of IPv6 its first 64 bits, which is what one subscriber has at least. Clients of this machine
//! may have as many as there are: a proxy in front makes all of them look like one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use super::Limits;

type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// The clients of one listener.
pub(super) struct Quota {
    most: usize,
    most_local: usize,
    open: Counts,
}

/// One connection of a client, given back when it is dropped.
pub(super) struct Seat {
    client: IpAddr,
    open: Counts,
}

impl Quota {
    pub fn new(limits: &Limits) -> Quota {
        Quota {
            most: limits.per_client,
            most_local: limits.per_local_client,
            open: Counts::default(),
        }
    }

    /// A seat for one more connection of `peer`; `None` where it has as many as it may.
    pub fn take(&self, peer: IpAddr) -> Option<Seat> {
        let client = client(peer);
        let most = match client.is_loopback() {
            true => self.most_local,
            false => self.most,
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat {
            client,
            open: self.open.clone(),
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

fn client(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        client @ (IpAddr::V4(_) | IpAddr::V6(_)) => client,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota() -> Quota {
        Quota::new(&Limits {
            per_client: 2,
            per_local_client: 3,
            ..Limits::default()
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_so_many_at_once_and_takes_none_from_others() {
        let quota = quota();
        let first = quota.take(ip("192.0.2.1")).unwrap();
        let _second = quota.take(ip("::ffff:192.0.2.1")).unwrap();
        assert!(quota.take(ip("192.0.2.1")).is_none());
        let _other = quota.take(ip("192.0.2.2")).unwrap();
        drop(first);
        let again = quota.take(ip("192.0.2.1"));
        assert!(again.is_some());
        assert!(quota.take(ip("192.0.2.1")).is_none());
    }

    #[test]
    fn of_ipv6_a_network_is_one_client() {
        let quota = quota();
        let seats = [quota.take(ip("2001:db8::1")), quota.take(ip("2001:db8::2"))];
        assert!(seats.iter().all(Option::is_some));
        assert!(quota.take(ip("2001:db8::3")).is_none());
        assert!(quota.take(ip("2001:db8:0:1::3")).is_some());
        drop(seats);
        assert!(quota.open.lock().unwrap().is_empty(), "who has gone is forgotten");
    }
}
