//! What systemd itself thinks of the unit.

use crate::bench::{Bench, Setup};
use crate::machine::System;

/// Tenths: 15 is an exposure of 1.5.
const THRESHOLD: u32 = 15;
const UNIT: &str = "/etc/systemd/system/rekeyd.service";

fn security() -> String {
    format!("systemd-analyze security --offline=true --threshold={THRESHOLD} {UNIT}")
}

pub fn is_sound(system: System) {
    let bench = Bench::install(&Setup {
        system,
        ..Setup::default()
    });
    let verify = format!("systemd-analyze verify --recursive-errors=no {UNIT}");
    assert_eq!(bench.machine.sh(&verify).ends(0), "");
    let found = bench.machine.sh(&security()).ends(0);
    assert!(
        found.contains("Overall exposure level for rekeyd.service: "),
        "{found}"
    );
    // Both can say no.
    let wrong = format!("sed -i 's/^ProtectHome=/ProtectHoem=/' {UNIT}; {verify}");
    bench.machine.sh(&wrong).ends(1);
    let open = format!("sed -i '/^SystemCallFilter=/d; /^User=/d' {UNIT}; {}", security());
    bench.machine.sh(&open).ends(1);
}

/// The one line that systemd 252 does not know is the one that its drop-in is for.
pub fn is_sound_without_notify_reload() {
    let bench = Bench::install(&Setup {
        system: System::Bookworm,
        ..Setup::default()
    });
    let verify = format!("systemd-analyze verify --recursive-errors=no {UNIT}");
    let said = bench.machine.sh(&verify).ends(1);
    let other = said
        .lines()
        .find(|line| !line.contains("Failed to parse service type, ignoring: notify-reload"));
    assert_eq!(other, None, "{said}");
    let known = format!("sed -i 's/^Type=notify-reload/Type=notify/' {UNIT}; {verify}");
    assert_eq!(bench.machine.sh(&known).ends(0), "");
    bench.machine.sh(&security()).ends(0);
}
