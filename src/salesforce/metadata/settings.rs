//! `ExtlClntAppGlobalOauthSettings`: the OAuth settings of an External Client App, whole, as an org returned them
//! (salesforce-metadata.md §3, §3.1). A tree for the reason that a Connected App is one: what we do not know goes
//! back as it came.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::METADATA;
use super::component::{Certificate, is, pem, sort};
use super::xml::{Element, Node};

/// The type's name.
pub(crate) const OAUTH_SETTINGS: &str = "ExtlClntAppGlobalOauthSettings";

const ROTATE_KEY: &str = "shouldRotateConsumerKey";
const ROTATE_SECRET: &str = "shouldRotateConsumerSecret";

/// What a write sets on purpose.
pub(super) const FLAGS: [&str; 2] = [ROTATE_KEY, ROTATE_SECRET];

/// The settings. Never hold a secret: none comes in, so none can go into a package.
#[derive(Clone)]
pub(crate) struct OauthSettings(Element);

impl OauthSettings {
    /// A record of `readMetadata`; `None` for the empty one that stands for a name that does not exist.
    pub(crate) fn of(mut record: Element) -> Option<OauthSettings> {
        record.text_of("fullName")?;
        // Shown masked, and the mask sent back might be taken for a secret.
        record.children.retain(|node| !is(node, "consumerSecret"));
        Some(OauthSettings(record))
    }

    pub(super) fn tree(&self) -> &Element {
        &self.0
    }

    /// Its name, which need not be the app's.
    pub(crate) fn full_name(&self) -> String {
        self.0.text_of("fullName").unwrap_or_default()
    }

    /// The External Client App that they belong to.
    pub(crate) fn app(&self) -> Option<String> {
        self.0.text_of("externalClientApplication")
    }

    /// The consumer key, where the org shows it.
    pub(crate) fn consumer_key(&self) -> Option<String> {
        self.0.text_of("consumerKey")
    }

    /// What they show of the certificate.
    pub(crate) fn certificate(&self) -> Certificate {
        match self.0.child("certificate").map(Element::text) {
            None => Certificate::Absent,
            Some(text) if pem(&text) => Certificate::Readable,
            Some(_) => Certificate::Masked,
        }
    }

    /// A write of them would change the key too.
    pub(crate) fn rotates_key(&self) -> bool {
        self.0.text_of(ROTATE_KEY).as_deref() == Some("true")
    }

    /// Whether a write of them as they are would make a new secret; `None` where that is not shown.
    pub(crate) fn rotates_secret(&self) -> Option<bool> {
        self.0.text_of(ROTATE_SECRET).map(|text| text == "true")
    }

    /// The whole component as a file of a package, in the order of the schema, with this flag and, if given, this
    /// certificate instead of what was read. Everything else is as read. `None` only if a writer into memory failed.
    pub(crate) fn file(&self, rotate_secret: bool, certificate: Option<&str>) -> Option<Vec<u8>> {
        let mut whole = self.0.clone();
        whole.children.retain(|node| {
            let replaced = FLAGS.into_iter().any(|flag| is(node, flag));
            let supplied = certificate.is_some() && is(node, "certificate");
            !replaced && !supplied && !is(node, "fullName")
        });
        let mut put = |name: &str, text: &str| whole.children.push(Node::Element(Element::leaf(name, text)));
        put(ROTATE_SECRET, if rotate_secret { "true" } else { "false" });
        if let Some(pem) = certificate {
            put("certificate", pem);
        }
        sort(&mut whole);
        let mut writer = Writer::new(Vec::new());
        let written = writer
            .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
            .and_then(|()| write(&mut writer, OAUTH_SETTINGS, &whole, true));
        written.ok()?;
        Some(writer.into_inner())
    }
}

/// Files are read by other code than envelopes: one namespace, no prefixes, no attributes.
fn write(writer: &mut Writer<Vec<u8>>, name: &str, element: &Element, root: bool) -> std::io::Result<()> {
    let mut start = BytesStart::new(name);
    if root {
        start.push_attribute(("xmlns", METADATA));
    }
    writer.write_event(Event::Start(start))?;
    for child in &element.children {
        match child {
            Node::Element(child) => write(writer, &child.name, child, false)?,
            Node::Text(text) => writer.write_event(Event::Text(BytesText::new(text)))?,
            // There is none, and none is ever written into a file.
            Node::Secret(_) => {}
        }
    }
    writer.write_event(Event::End(BytesEnd::new(name)))
}
