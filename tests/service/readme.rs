//! The commands of the README and of systemd/README.md, as they stand there.

use std::fs;
use std::path::Path;

/// The `sh` block below the heading that has `mark` in it, to be run as it is.
pub fn block(heading: &str, mark: &str) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for file in ["README.md", "systemd/README.md"] {
        let text = fs::read_to_string(here.join(file)).unwrap();
        let section = text
            .split("\n## ")
            .find(|section| section.lines().next() == Some(heading))
            .unwrap_or_else(|| panic!("{file} has no section {heading:?}"));
        let blocks = section
            .split("```sh\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next());
        found.extend(blocks.filter(|block| block.contains(mark)).map(str::to_owned));
    }
    assert_eq!(found.len(), 1, "blocks with {mark:?} below {heading:?}");
    found.remove(0)
}
