//! Salesforce's record ids.

/// A record id: 15 characters, or 18 where three more guard against folding of case. Only letters and digits,
/// so it can stand in a path as it is. Two are the same record iff their first 15 characters agree
/// (salesforce-oauth-rest.md §1).
#[derive(Clone, Debug)]
pub(crate) struct RecordId(String);

/// Length of the part that identifies.
const SIGNIFICANT: usize = 15;

impl RecordId {
    /// `None` if the text cannot be an id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = (SIGNIFICANT..=SIGNIFICANT + 3).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| RecordId(text.to_owned()))
    }

    /// As the other side wrote it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that identifies.
    pub(crate) fn short(&self) -> &str {
        self.0.get(..SIGNIFICANT).unwrap_or(&self.0)
    }
}

impl PartialEq for RecordId {
    fn eq(&self, other: &Self) -> bool {
        self.short() == other.short()
    }
}

impl Eq for RecordId {}

/// Organisation and user of an identity url, `https://login.salesforce.com/id/00D…/005…`: its last two segments.
pub(crate) fn identity(url: &str) -> Option<(RecordId, RecordId)> {
    let url = url::Url::parse(url).ok()?;
    let mut segments = url.path_segments()?.rev();
    let user = RecordId::parse(segments.next()?)?;
    let org = RecordId::parse(segments.next()?)?;
    (user.0.starts_with("005") && org.0.starts_with("00D")).then_some((org, user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_and_eighteen_characters_name_the_same_record() {
        let short = RecordId::parse("0xI000000000001").unwrap();
        let long = RecordId::parse("0xI000000000001GAA").unwrap();
        assert_eq!(short, long);
        assert_ne!(short, RecordId::parse("0xI000000000002GAA").unwrap());
        assert_ne!(short, RecordId::parse("0Xi000000000001").unwrap());
        assert_eq!(long.short(), "0xI000000000001");
    }

    #[test]
    fn what_could_leave_its_place_in_a_path_is_no_id() {
        for text in [
            "",
            "0xI",
            "0xI00000000000/",
            "..0000000000000",
            "0xI0000000000012345",
            "0xI00000000000é",
        ] {
            assert!(RecordId::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_identity_url_names_org_and_user() {
        let url = "https://login.salesforce.com/id/00D000000000001EAA/005000000000002AAA";
        let (org, user) = identity(url).unwrap();
        assert_eq!(
            (org.short(), user.short()),
            ("00D000000000001", "005000000000002")
        );
        assert!(identity("https://login.salesforce.com/id/005000000000002AAA/00D000000000001EAA").is_none());
        assert!(identity("nonsense").is_none());
    }
}
