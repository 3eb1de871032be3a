//! The demo on real servers: what the README's command runs, with this build's binary.

use std::process::Command;

/// Ten apps, each in Vault and in AWS Secrets Manager; the consumers read both.
#[test]
fn on_openbao_and_on_a_server_of_aws_secrets_manager_together() {
    let root = env!("CARGO_MANIFEST_DIR");
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("demo");
    let ran = Command::new(format!("{root}/tests/tools/demo-stores"))
        .arg("--directory")
        .arg(&directory)
        .env("REKEYD", env!("CARGO_BIN_EXE_rekeyd"))
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&ran.stdout);
    let told = format!("{out}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}");
    for store in ["corp", "cloud"] {
        let published = out.lines();
        let here = published
            .filter(|line| line.contains(&format!("is current in {store}")))
            .count();
        assert!(here >= 9, "{store}: {here} of 9 apps\n{told}");
    }
    assert!(out.contains("held  erp-bridge"), "{told}");
}
