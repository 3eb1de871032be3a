//! The root directory of the image, laid out as the Containerfile does and run as a container would: read-only, as the
//! image's user, without rights, with nothing but /proc, /tmp and a volume besides.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// The demo is the whole daemon, its own child processes included.
pub fn runs_in_its_own_root() {
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("image");
    let laid_out = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/image-root"))
        .args([env!("CARGO_BIN_EXE_rekeyd").as_ref(), root.as_os_str()])
        .output()
        .unwrap();
    assert!(
        laid_out.status.success(),
        "{}",
        String::from_utf8_lossy(&laid_out.stderr)
    );
    let found = Command::new("find")
        .arg(&root)
        .args(["-type", "f", "-perm", "/111"])
        .output()
        .unwrap();
    let programs = String::from_utf8(found.stdout).unwrap();
    let other: Vec<&str> = programs
        .lines()
        .filter(|path| !path.ends_with("/rekeyd") && !path.contains(".so"))
        .collect();
    assert!(other.is_empty(), "no shell, and no other program: {other:?}");
    assert_eq!(
        run(&root, &["--version"]),
        format!("rekeyd {}\n", env!("CARGO_PKG_VERSION"))
    );
    let demo = run(&root, &["demo", "--help"]);
    assert!(demo.contains("demo"), "{demo}");
    let told = run(&root, &["demo"]);
    assert!(told.contains("invoice-sync"), "{told}");
}

fn run(root: &Path, arguments: &[&str]) -> String {
    let script = "set -e; cd \"$1\"; root=$1; shift
        mount --bind \"$root\" \"$root\"; cd \"$root\"
        mount -t proc proc proc; mount -t tmpfs -o mode=1777 tmpfs tmp
        mount -o remount,bind,ro \"$root\"
        if touch \"$root/etc/x\" 2>/dev/null; then echo 'the root can be written' >&2; exit 1; fi
        exec setpriv --bounding-set=-all,+sys_chroot,+setuid,+setgid --no-new-privs \
            chroot --userspec=65532:65532 --groups= . /usr/local/bin/rekeyd \"$@\"";
    let output = Command::new("unshare")
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--propagation=private",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(root)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}: {out}{said}");
    out
}
