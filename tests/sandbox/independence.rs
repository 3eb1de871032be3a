//! One wrong idea must not hide on both sides: the simulated org uses nothing of the daemon.

use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path))
        } else {
            found.push(path)
        }
    }
    found
}

#[test]
fn the_org_imports_nothing_of_the_daemon() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sandbox");
    let all = sources(&folder);
    assert!(all.len() > 30, "the sandbox is not where it was");
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            for (at, _) in line.match_indices("crate::") {
                let inside = line[at..].starts_with("crate::sandbox");
                assert!(inside, "{}:{}: {line}", path.display(), number + 1);
            }
            let climbs = line.matches("super::").count();
            let depth = path.strip_prefix(&folder).unwrap().components().count();
            // A file `depth` levels down leaves the sandbox by climbing once more than that.
            assert!(
                climbs <= depth || !line.contains("super::super"),
                "{}: {line}",
                path.display()
            );
        }
    }
}
