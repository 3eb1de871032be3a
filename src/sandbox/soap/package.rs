//! The zip of a deploy: `package.xml` at its root, and one file for each component (M §5.1).

use super::settings::{SETTINGS, file_name};
use crate::sandbox::app::Kind;
use crate::sandbox::xml::{self, Element, METADATA};
use std::io::{Cursor, Read as _};
use zip::ZipArchive;

/// Files in one package, and bytes of one file; the real limits are far higher (M §6).
const MOST_FILES: usize = 50;
const LARGEST_FILE: u64 = 1 << 20;

/// Name and bytes of each file.
///
/// # Errors
/// A sentence, when it is no such zip.
pub(super) fn files(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let illegible = |_| "The zip file could not be read".to_owned();
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(illegible)?;
    if archive.len() > MOST_FILES {
        return Err("too many files".to_owned());
    }
    let mut files = Vec::new();
    for place in 0..archive.len() {
        let file = archive.by_index(place).map_err(illegible)?;
        if file.is_dir() {
            continue;
        }
        let name = file.name().map_err(illegible)?.into_owned();
        let mut content = Vec::new();
        file.take(LARGEST_FILE)
            .read_to_end(&mut content)
            .map_err(|_| format!("{name} could not be read"))?;
        files.push((name, content));
    }
    Ok(files)
}

/// One component of a package.
pub(super) struct Component {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// Its file's root element.
    pub(super) root: Element,
}

/// Type and file of a component.
pub(super) fn place(kind: Kind, name: &str) -> (&'static str, String) {
    match kind {
        Kind::ConnectedApp => ("ConnectedApp", format!("connectedApps/{name}.connectedApp")),
        Kind::ExternalClientApp => (SETTINGS, file_name(name)),
    }
}

/// The components that the package names.
///
/// # Errors
/// A sentence for the deploy's error message.
pub(super) fn components(files: &[(String, Vec<u8>)]) -> Result<Vec<Component>, String> {
    let file = |name: &str| files.iter().find(|(one, _)| one == name).map(|(_, bytes)| bytes);
    let manifest = file("package.xml").ok_or("No package.xml found")?;
    let manifest = xml::parse(manifest)?;
    if manifest.name != "Package" || manifest.namespace != METADATA {
        return Err("package.xml is no Package".to_owned());
    }
    if manifest.text_of("version").is_none() {
        return Err("package.xml names no version".to_owned());
    }
    let mut found = Vec::new();
    for types in manifest.all("types") {
        let kind = match types.text_of("name").unwrap_or_default() {
            SETTINGS => Kind::ExternalClientApp,
            "ConnectedApp" => Kind::ConnectedApp,
            kind => return Err(format!("Unknown type name '{kind}' specified in package.xml")),
        };
        for member in types.all("members") {
            let (word, path) = place(kind, &member.text);
            let bytes = file(&path)
                .ok_or_else(|| format!("An object '{}' of type {kind} was named in package.xml, but was not found in zipped directory", member.text, kind = word))?;
            let root = xml::parse(bytes)?;
            if root.name != word || root.namespace != METADATA {
                return Err(format!("{path} is no {word}"));
            }
            let name = member.text.clone();
            found.push(Component { kind, name, root });
        }
    }
    let named = found.len() + 1;
    match files.len() {
        count if count > named => Err("a file of the zip is not named in package.xml".to_owned()),
        _ => Ok(found),
    }
}
