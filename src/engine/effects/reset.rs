//! Resets what the cutover left set at Salesforce, so that nobody's next deploy cuts over again.

use super::queued;
use crate::engine::seat::Seat;
use crate::rotation::Answer;

pub(super) async fn perform(seat: &Seat) -> Answer {
    queued(seat.now(), seat.target.reset().await)
}
