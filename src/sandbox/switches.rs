//! What the public record does not settle about Salesforce: one switch for each, so that a client can be run
//! through every org that is possible. `M` items are of `salesforce-metadata.md`, `O` items of
//! `salesforce-oauth-rest.md` (section or open question).

use serde::{Deserialize, Serialize};

/// How the simulated org answers what is open. Every one has a default; an app can override them in the seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switches {
    /// `updateMetadata` with another `consumerSecret` on an existing Connected App (M OPEN-1).
    pub in_place_secret: InPlaceSecret,
    /// `shouldRotateConsumerSecret` in a `deploy` (M §3.1).
    pub flag_by_deploy: RotateFlag,
    /// The same flag in an `updateMetadata`, which knows no `ignoreWarnings` (M OPEN-5).
    pub flag_by_update: RotateFlag,
    /// `readMetadata` shows the flags (M §3.1: not recorded).
    pub flag_shown: bool,
    /// A rotation by flag ends what stands in the staged slot (M OPEN-5).
    pub flag_empties_slot: bool,
    /// How long a deploy takes, in seconds. One runs at a time (M §6).
    pub deploy_seconds: u64,
    /// An element left out of an update keeps its value, or falls back to its default (M §1.2 OPEN).
    pub omitted_element: Omitted,
    /// An element out of schema order is dropped without a word, or refused (M §1.1).
    pub out_of_order: OutOfOrder,
    /// `readMetadata` gives the certificate back (M §1.2: reported not readable).
    pub certificate_readable: bool,
    /// A deploy may create a Connected App; said of check-only deploys too (M §2.2, §9.7: unproven).
    pub connected_app_creation: bool,
    /// `readMetadata` answers for Connected Apps at all (M §1.2: it can fail outright).
    pub ca_readable: bool,
    /// The status code beside a refused key or secret (M OPEN-9).
    pub refusal_code: String,
    /// The credentials resources accept a Connected App's id too (M OPEN-3, O question 7).
    pub connected_app_ids: bool,
    /// How long the old secret works after a change in place, or after a person's Apply, in seconds (O §2 OPEN,
    /// question 8).
    pub cutover_overlap_seconds: u64,
    /// Promoting a staged pair ends the old one at once instead of after 30 days (O §1: the overlap is
    /// documented, an org that does without it must still end well).
    pub old_dies_at_cutover: bool,
    /// A staged pair authenticates before it is promoted (O question 13).
    pub staged_proves_before_cutover: bool,
    /// What a later `GET` of the staged pair says instead of the secret (M OPEN-8, O question 3).
    pub staged_secret: StagedSecret,
    /// The staged entry gets another id when the pairs swap (M OPEN-6, O question 2).
    pub staged_id_changes_on_swap: bool,
    /// `POST` while the slot holds a `Rotated` pair (O question 1).
    pub post_on_rotated: PostOnRotated,
    /// The shape of the answer to `POST` (M §4: shape conflict).
    pub post_reply: PostReply,
    /// `PATCH` rotate on a `Rotated` pair (O question 14).
    pub second_rotate: SecondRotate,
    /// What is seen of an entry older than its 30 days (O §1, states).
    pub expired_entry: ExpiredEntry,
    /// The org switch "Allow access to External Client App consumer secrets via REST API" (O §1 preconditions).
    pub secret_api_enabled: bool,
    /// How long after that switch was turned on through the Metadata API REST goes on refusing, in seconds (O §7: one
    /// installer had to run again).
    pub secret_api_delay_seconds: u64,
    /// When paged answers stop naming a next page (O §1).
    pub next_page: NextPage,
    /// Ids in REST answers have 15 or 18 characters (O §1).
    pub id_length: IdLength,
    /// Introspection of a junk token by an accepted client (O question 5).
    pub introspect_junk: IntrospectJunk,
    /// Introspection calls a live token inactive (O §4: seen once).
    pub introspect_live_reads_inactive: bool,
    /// Junk codes and junk refresh tokens: the client is judged before the grant (O question 4).
    pub junk_grant_judges_client_first: bool,
    /// Client credentials without a run-as user: what is judged first (O question 4).
    pub cc_without_run_as: ClientCredentialsOrder,
    /// The answer when the client credentials flow is off (O §3, two reports).
    pub cc_flow_off: FlowOff,
    /// Client id and secret are read from a Basic header (O §3: reported ignored once).
    pub basic_auth: bool,
    /// An app whose secret is optional is not judged by its secret on introspect and refresh (O §3 OPEN).
    pub secret_optional_is_vacuous: bool,
    /// Audiences of a JWT assertion that are accepted; `self` stands for the sandbox's own address (O §5).
    pub jwt_audiences: Vec<String>,
    /// How far ahead `exp` of an assertion may lie, in seconds; 0 for no bound (O question 12).
    pub jwt_exp_ceiling_seconds: u64,
    /// The shape of access tokens (M §5.1: SOAP refuses JWT-shaped ones).
    pub token_format: TokenFormat,
    /// `instance_url` of a login; empty for the sandbox's own address (O §5: a client must check it).
    pub instance_url: String,
    /// How long a session lives after its last use, in seconds (O §5).
    pub session_seconds: u64,
    /// When sessions that were started with the old pair end (M OPEN-7, O question 6).
    pub tokens_die: TokensDie,
    /// How answers behave while a change to credentials spreads (M §6, O §7).
    pub propagation_mode: Propagation,
    /// How long a change takes to spread, in seconds (O question 9).
    pub propagation_seconds: u64,
    /// The newest API version that the org lists (M §6).
    pub newest_version: u16,
    /// What `readMetadata` says for a name that does not exist (M §5.1).
    pub missing_record: MissingRecord,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            in_place_secret: InPlaceSecret::Refused,
            flag_by_deploy: RotateFlag::Honoured,
            flag_by_update: RotateFlag::Ignored,
            flag_shown: true,
            flag_empties_slot: false,
            deploy_seconds: 0,
            omitted_element: Omitted::Resets,
            out_of_order: OutOfOrder::Dropped,
            certificate_readable: false,
            connected_app_creation: false,
            ca_readable: true,
            refusal_code: "FIELD_INTEGRITY_EXCEPTION".to_owned(),
            connected_app_ids: false,
            cutover_overlap_seconds: 0,
            old_dies_at_cutover: false,
            staged_proves_before_cutover: true,
            staged_secret: StagedSecret::Readable,
            staged_id_changes_on_swap: true,
            post_on_rotated: PostOnRotated::Fails,
            post_reply: PostReply::Collection,
            second_rotate: SecondRotate::Error,
            expired_entry: ExpiredEntry::Listed,
            secret_api_enabled: true,
            secret_api_delay_seconds: 0,
            next_page: NextPage::UntilEmpty,
            id_length: IdLength::Long,
            introspect_junk: IntrospectJunk::Inactive200,
            introspect_live_reads_inactive: false,
            junk_grant_judges_client_first: true,
            cc_without_run_as: ClientCredentialsOrder::ClientFirst,
            cc_flow_off: FlowOff::InvalidGrant,
            basic_auth: true,
            secret_optional_is_vacuous: false,
            jwt_audiences: vec!["https://login.salesforce.com".to_owned()],
            jwt_exp_ceiling_seconds: 0,
            token_format: TokenFormat::Opaque,
            instance_url: String::new(),
            session_seconds: 7200,
            tokens_die: TokensDie::Never,
            propagation_mode: Propagation::None,
            propagation_seconds: 0,
            newest_version: 66,
            missing_record: MissingRecord::Empty,
        }
    }
}

/// Declares a switch's values, written in the seed in snake case.
macro_rules! values {
    ($(#[$doc:meta])* $name:ident { $($(#[$inner:meta])* $value:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$inner])* $value),+ }
    };
}

values! {
    /// See [`Switches::in_place_secret`].
    InPlaceSecret {
        /// Success, and the new secret is the app's.
        Applies,
        /// Success, and nothing changed.
        Ignored,
        /// An error.
        Refused,
    }
}
values! {
    /// See [`Switches::flag_by_deploy`] and [`Switches::flag_by_update`].
    RotateFlag {
        /// Salesforce makes a new secret.
        Honoured,
        /// Success, and the secret stays.
        Ignored,
    }
}
values! {
    /// See [`Switches::omitted_element`].
    Omitted {
        /// The old value stays.
        Keeps,
        /// The element goes back to its default.
        Resets,
    }
}
values! {
    /// See [`Switches::out_of_order`].
    OutOfOrder {
        /// Dropped without a word.
        Dropped,
        /// Refused with a fault.
        Refused,
    }
}
values! {
    /// See [`Switches::staged_secret`].
    StagedSecret {
        /// The secret, every time.
        Readable,
        /// A row of asterisks.
        Masked,
        /// No such member.
        Absent,
    }
}
values! {
    /// See [`Switches::post_on_rotated`].
    PostOnRotated {
        /// An error; the slot stays.
        Fails,
        /// The rotated pair ends, the new one takes the slot.
        Replaces,
    }
}
values! {
    /// See [`Switches::post_reply`].
    PostReply {
        /// `{"stagedCredentials":[…]}`.
        Collection,
        /// The bare object.
        Object,
    }
}
values! {
    /// See [`Switches::second_rotate`].
    SecondRotate {
        /// An error; nothing changes.
        Error,
        /// The pairs swap back.
        SwapsBack,
    }
}
values! {
    /// See [`Switches::expired_entry`].
    ExpiredEntry {
        /// Listed with state `Expired`.
        Listed,
        /// Gone from the slot.
        Gone,
    }
}
values! {
    /// See [`Switches::next_page`].
    NextPage {
        /// Named with the last page too, and then an empty page without one.
        UntilEmpty,
        /// Null with the last page.
        NullAtEnd,
        /// Named with empty pages as well.
        Endless,
    }
}
values! {
    /// See [`Switches::introspect_junk`].
    IntrospectJunk {
        /// 200 and `"active": false`.
        #[serde(rename = "inactive_200")]
        Inactive200,
        /// 400.
        #[serde(rename = "inactive_400")]
        Inactive400,
    }
}
values! {
    /// See [`Switches::cc_without_run_as`].
    ClientCredentialsOrder {
        /// A wrong secret is told as such.
        ClientFirst,
        /// The missing user is told whatever the secret.
        PolicyFirst,
    }
}
values! {
    /// See [`Switches::cc_flow_off`].
    FlowOff {
        /// `invalid_grant`.
        InvalidGrant,
        /// `unsupported_grant_type`.
        UnsupportedGrantType,
    }
}
values! {
    /// See [`Switches::token_format`].
    TokenFormat {
        /// `00D…!…`.
        Opaque,
        /// `xxx.yyy.zzz`.
        Jwt,
    }
}
values! {
    /// See [`Switches::tokens_die`].
    TokensDie {
        /// They live on.
        Never,
        /// When the new pair becomes the primary one.
        AtCutover,
        /// When the old pair ends.
        AtRetirement,
    }
}
values! {
    /// See [`Switches::propagation_mode`].
    Propagation {
        /// Changes are seen at once.
        None,
        /// Changes are seen only after the whole time.
        Late,
        /// Until then answers alternate between before and after.
        Mixed,
    }
}
values! {
    /// See [`Switches::missing_record`].
    MissingRecord {
        /// `<records xsi:nil="true"/>`: told of, though the WSDL does not allow it.
        Nil,
        /// `<records/>`.
        Empty,
        /// No `records` at all.
        Absent,
    }
}

/// See [`Switches::id_length`]; written as the number 15 or 18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum IdLength {
    /// 15 characters.
    Short,
    /// 18 characters.
    Long,
}

impl TryFrom<u8> for IdLength {
    type Error = &'static str;

    fn try_from(length: u8) -> Result<Self, Self::Error> {
        match length {
            15 => Ok(Self::Short),
            18 => Ok(Self::Long),
            _ => Err("an id has 15 or 18 characters"),
        }
    }
}

impl From<IdLength> for u8 {
    fn from(length: IdLength) -> Self {
        match length {
            IdLength::Short => 15,
            IdLength::Long => 18,
        }
    }
}

impl Switches {
    /// These switches with some of them replaced by name.
    ///
    /// # Errors
    /// When a name or a value is unknown; the text says which.
    pub fn with(&self, overrides: &serde_json::Map<String, serde_json::Value>) -> Result<Self, String> {
        let mut whole = serde_json::to_value(self).map_err(|error| error.to_string())?;
        if let Some(object) = whole.as_object_mut() {
            for (name, value) in overrides {
                object.insert(name.clone(), value.clone());
            }
        }
        serde_json::from_value(whole).map_err(|error| error.to_string())
    }
}
