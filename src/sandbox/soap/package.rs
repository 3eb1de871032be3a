//! The zip of a deploy or a retrieve: `package.xml` at its root, and one file for each component (M §5.1).

use super::settings::SETTINGS;
use crate::sandbox::app::{App, Kind};
use crate::sandbox::xml::{self, Element, METADATA};
use std::io::{Cursor, Read as _, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Files in one package, and bytes of one file; the real limits are far higher (M §6).
const MOST_FILES: usize = 50;
const LARGEST_FILE: u64 = 1 << 20;

/// Which component, of the two types that packages can hold here.
#[derive(Clone)]
pub(super) struct Component {
    pub(super) kind: Kind,
    /// Its full name.
    pub(super) name: String,
}

impl Component {
    pub(super) fn of(app: &App) -> Self {
        Self {
            kind: app.kind,
            name: app.component_name.clone(),
        }
    }

    /// The kind of app that a type belongs to.
    pub(super) fn kind_of(type_name: &str) -> Option<Kind> {
        match type_name {
            "ConnectedApp" => Some(Kind::ConnectedApp),
            SETTINGS => Some(Kind::ExternalClientApp),
            _ => None,
        }
    }

    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::ConnectedApp => "ConnectedApp",
            Kind::ExternalClientApp => SETTINGS,
        }
    }

    /// Where it stands in a package.
    pub(super) fn file(&self) -> String {
        match self.kind {
            Kind::ConnectedApp => format!("connectedApps/{}.connectedApp", self.name),
            Kind::ExternalClientApp => super::settings::file_name(&self.name),
        }
    }
}

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

/// A zip of these files.
pub(super) fn zip(files: &[(String, Vec<u8>)]) -> zip::result::ZipResult<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in files {
        writer.start_file(name.as_str(), options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// The components that the package names, each with its file's root element.
///
/// # Errors
/// A sentence for the deploy's error message.
pub(super) fn components(files: &[(String, Vec<u8>)]) -> Result<Vec<(Component, Element)>, String> {
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
        let type_name = types.text_of("name").unwrap_or_default();
        let Some(kind) = Component::kind_of(type_name) else {
            return Err(format!(
                "Unknown type name '{type_name}' specified in package.xml"
            ));
        };
        for member in types.all("members") {
            let component = Component {
                kind,
                name: member.text.clone(),
            };
            let path = component.file();
            let bytes = file(&path)
                .ok_or_else(|| format!("An object '{}' of type {type_name} was named in package.xml, but was not found in zipped directory", member.text))?;
            let root = xml::parse(bytes)?;
            if root.name != type_name || root.namespace != METADATA {
                return Err(format!("{path} is no {type_name}"));
            }
            found.push((component, root));
        }
    }
    let named = found.len() + 1;
    match files.len() {
        count if count > named => Err("a file of the zip is not named in package.xml".to_owned()),
        _ => Ok(found),
    }
}
