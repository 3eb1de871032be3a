//! The zip that `deploy` takes: `package.xml` at its root and one component (salesforce-metadata.md §5.1). It is made
//! in memory, sent, and kept nowhere.

use std::io::{Cursor, Write};

use quick_xml::escape::escape;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::METADATA;
use super::settings::OAUTH_SETTINGS;

/// A package of one `ExtlClntAppGlobalOauthSettings`. `None` only if a writer into memory failed.
pub(crate) fn package(name: &str, file: &[u8], version: &str) -> Option<Vec<u8>> {
    let manifest = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Package xmlns=\"{METADATA}\"><types><members>{}</members>\
         <name>{OAUTH_SETTINGS}</name></types><version>{version}</version></Package>",
        escape(name)
    );
    let path = format!("extlClntAppGlobalOauthSets/{name}.ecaGlblOauth");
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (path, bytes) in [("package.xml", manifest.as_bytes()), (&path, file)] {
        writer.start_file(path, stored).ok()?;
        writer.write_all(bytes).ok()?;
    }
    Some(writer.finish().ok()?.into_inner())
}
