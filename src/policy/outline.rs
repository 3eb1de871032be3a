//! What little of a policy the commands need that speak to a running daemon, also where the policy is refused.
//!
//! A daemon goes on under the policy before a faulty one; whoever has to hold an app or look at the history must reach
//! it then too. Not here: anything that a rotation is decided by. That takes a policy without a fault.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::compile::SourceFile;
use super::{document, read};

/// As much of a policy as can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// `[api] socket`.
    pub socket: Option<PathBuf>,
    /// The file of `[journal] url`.
    pub database: Option<PathBuf>,
    /// The names of the apps.
    pub apps: BTreeSet<String>,
}

/// Reads what can be read, whatever is wrong with the rest.
pub fn outline(files: &[SourceFile]) -> Outline {
    let documents = document::parse(files);
    let trees: Vec<_> = documents.iter().map(|document| document.tree()).collect();
    let context = document::context(files, &documents, &trees);
    let mut merged = document::merge(&context, &trees);
    let mut single = |name| merged.single.remove(name);
    let (api, journal) = (single("api"), single("journal"));
    let apps = merged.groups.remove("app").unwrap_or_default();
    Outline {
        socket: api.and_then(read::socket),
        database: journal.and_then(read::database),
        apps: apps.into_keys().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Outline {
        let file = |text: &&str| SourceFile {
            name: "x".into(),
            text: (*text).into(),
        };
        outline(&texts.iter().map(file).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_wrong_elsewhere_hides_neither_socket_nor_journal() {
        let whole =
            "[api]\nsocket = \"/s\"\nlisten = 5\nshoe = 1\n[journal]\nurl = \"sqlite:/j\"\n[app.a]\nno = \n";
        let read = of(&[whole, "[org.x]\n= = =\n[app.b]\n"]);
        assert_eq!(read.socket, Some("/s".into()));
        assert_eq!(read.database, Some("/j".into()));
        assert_eq!(read.apps, BTreeSet::from(["a".into(), "b".into()]));
    }

    #[test]
    fn nothing_is_made_up() {
        for text in [
            "",
            "[api]\nsocket = 5\n[journal]\nurl = \"j\"\n",
            "\u{1}",
            "[api\nsocket = \"/s\"\n",
        ] {
            let read = of(&[text]);
            assert_eq!((read.socket, read.database), (None, None), "{text}");
        }
    }
}
