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
    let path = format!("extlClntAppGlobalOauthSets/{name}.ecaGlblOauth");
    zip(OAUTH_SETTINGS, name, &path, file, version)
}

/// A package of one new Connected App, to be judged and not applied.
pub(crate) fn new_connected_app(name: &str, version: &str) -> Option<Vec<u8>> {
    let file = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ConnectedApp xmlns=\"{METADATA}\"><contactEmail>nobody@example.com\
         </contactEmail><label>{name}</label><oauthConfig><callbackUrl>https://localhost/</callbackUrl><scopes>Api</scopes>\
         </oauthConfig></ConnectedApp>"
    );
    let path = format!("connectedApps/{name}.connectedApp");
    zip("ConnectedApp", name, &path, file.as_bytes(), version)
}

fn zip(kind: &str, name: &str, path: &str, file: &[u8], version: &str) -> Option<Vec<u8>> {
    let manifest = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Package xmlns=\"{METADATA}\"><types><members>{}</members>\
         <name>{kind}</name></types><version>{version}</version></Package>",
        escape(name)
    );
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (path, bytes) in [("package.xml", manifest.as_bytes()), (path, file)] {
        writer.start_file(path, stored).ok()?;
        writer.write_all(bytes).ok()?;
    }
    Some(writer.finish().ok()?.into_inner())
}
