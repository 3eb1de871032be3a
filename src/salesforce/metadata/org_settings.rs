//! `ExternalClientAppSettings`: the org's own settings for External Client Apps, whole (salesforce-metadata.md §3). A
//! tree for the reason that a Connected App is one.

use super::component::sort;
use super::xml::{Attribute, Element, Node, Space};

/// The type's name.
pub(super) const ORG_SETTINGS: &str = "ExternalClientAppSettings";

/// The one component of it.
pub(crate) const ORG_SETTINGS_NAME: &str = "ExternalClientApp";

/// "Allow access to External Client App consumer secrets via REST API".
const SWITCH: &str = "enableClientSecretInRestApiAccess";

/// The settings.
#[derive(Clone)]
pub(crate) struct OrgSettings(Element);

impl OrgSettings {
    /// A record of `readMetadata`; `None` for the empty one that stands for what does not exist.
    pub(crate) fn of(record: Element) -> Option<OrgSettings> {
        let name = record.text_of("fullName")?;
        name.eq_ignore_ascii_case(ORG_SETTINGS_NAME)
            .then_some(OrgSettings(record))
    }

    /// Whether secrets are served over REST; `None` where that is not shown.
    pub(crate) fn serves_secrets(&self) -> Option<bool> {
        match self.0.text_of(SWITCH)?.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// The whole component to send, in the order of the schema, with this switch. Everything else is as read.
    pub(crate) fn with(&self, serves_secrets: bool) -> Element {
        let mut whole = self.0.clone();
        "metadata".clone_into(&mut whole.name);
        whole.space = Space::Metadata;
        whole.attributes.retain(|attribute| !attribute.is_xsi("type"));
        whole.attributes.push(Attribute::kind(ORG_SETTINGS));
        // A read over several lines leaves text between its elements.
        whole.children.retain(|node| match node {
            Node::Element(element) => element.name != SWITCH,
            Node::Text(_) | Node::Secret(_) => false,
        });
        let text = if serves_secrets { "true" } else { "false" };
        whole.children.push(Node::Element(Element::leaf(SWITCH, text)));
        sort(&mut whole);
        whole
    }
}
