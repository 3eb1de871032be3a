//! The commands of the README, as they stand there.

use std::fs;
use std::path::Path;

/// The `sh` block below the heading that has `mark` in it, to be run as it is.
pub fn block(heading: &str, mark: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(path).unwrap();
    let section = text
        .split("\n## ")
        .find(|section| section.lines().next() == Some(heading))
        .unwrap_or_else(|| panic!("the README has no section {heading:?}"));
    let blocks = section
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let found: Vec<&str> = blocks.filter(|block| block.contains(mark)).collect();
    assert_eq!(found.len(), 1, "blocks with {mark:?} below {heading:?}");
    found[0].to_owned()
}
