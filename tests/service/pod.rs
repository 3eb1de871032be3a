//! A Secret as a kubelet mounts it for a pod with `runAsNonRoot` and `fsGroup`: no kubelet runs here, so the mount is
//! made by hand, and the real binary looks at it as the pod's user.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// The user and the group of deploy/kustomize/base.
const USER: u32 = 65532;

/// A policy whose only file with a secret that exists is `key`: what `check` says of that one is looked at.
fn policy(key: &Path) -> String {
    format!(
        "[journal]\nurl = \"sqlite:/var/lib/rekeyd/journal.db\"\nkey_file = \"{}\"\n",
        key.display()
    )
}

/// What `rekeyd check` says of the key, mounted by `prepare`, to a process with these groups.
fn said(prepare: &str, groups: &str) -> String {
    let directory = TempDir::new().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mount = directory.path().join("secret");
    fs::create_dir(&mount).unwrap();
    let policy_file = directory.path().join("rekeyd.toml");
    fs::write(&policy_file, policy(&mount.join("journal.key"))).unwrap();
    // As a kubelet does: the file in a directory of its own, a link to that, and a link to the file through it.
    let script = format!(
        "set -e; cd '{mount}'; mount -t tmpfs -o mode=1777 tmpfs . ; cd '{mount}'
         mkdir ..2026; head -c 32 /dev/zero > ..2026/journal.key; ln -s ..2026 ..data; ln -s ..data/journal.key journal.key
         chown -R 0:{USER} . ; chmod 0440 ..2026/journal.key; {prepare}
         exec setpriv --reuid={USER} --regid={USER} --groups={groups} --bounding-set=-all --no-new-privs \
             '{binary}' --config '{policy}' check",
        mount = mount.display(),
        binary = env!("CARGO_BIN_EXE_rekeyd"),
        policy = policy_file.display(),
    );
    let output = Command::new("unshare")
        .args(["--mount", "--propagation=private", "sh", "-c", &script])
        .output()
        .unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // The policy has no app, so it is never quite right; the key is what is looked at.
    assert_eq!(output.status.code(), Some(78), "{text}");
    let about_the_key = text.lines().filter(|line| line.contains("key_file:"));
    about_the_key.collect::<Vec<_>>().join("\n")
}

pub fn reads_its_secret() {
    let read_only = "mount -o remount,ro .";
    let ours = USER.to_string();
    assert_eq!(said(read_only, &ours), "");
    for (prepare, groups, wanted) in [
        ("true", ours.as_str(), "open to others (mode 0440)"),
        (
            "chmod 0444 ..2026/journal.key; mount -o remount,ro .",
            ours.as_str(),
            "open to others (mode 0444)",
        ),
        (
            "chmod 0460 ..2026/journal.key; mount -o remount,ro .",
            ours.as_str(),
            "open to others (mode 0460)",
        ),
        (
            "chgrp 4711 ..2026/journal.key; mount -o remount,ro .",
            ours.as_str(),
            "permission denied",
        ),
        (
            "chown 4711 ..2026/journal.key; mount -o remount,ro .",
            ours.as_str(),
            "open to others (mode 0440)",
        ),
    ] {
        let said = said(prepare, groups);
        assert!(said.contains(wanted), "{prepare}: {said}");
    }
    // A supplementary group is ours too.
    assert_eq!(
        said(
            "chgrp 4711 ..2026/journal.key; mount -o remount,ro .",
            &format!("{USER},4711")
        ),
        ""
    );
}
