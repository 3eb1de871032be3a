//! From a seed to an org.

use super::app::{App, Kind};
use super::chance::Chance;
use super::credential::{Credential, Origin};
use super::fault::Faults;
use super::ident::RecordId;
use super::seed::{ConnectedAppSeed, ConsumerSeed, ExternalClientAppSeed, Seed, UserSeed};
use super::session::Sessions;
use super::slot::Consumer;
use super::time::{Clock, Moment};
use super::world::{User, World};
use super::xml::Element;
use std::collections::{BTreeMap, BTreeSet};

/// The user on whose behalf a person acts, when the control endpoint is not told.
pub(super) const ADMIN: &str = "admin@sandbox.example";
const PERMISSIONS: [&str; 5] = [
    "ExternalClientAppDeveloper",
    "ViewClientSecret",
    "ModifyMetadata",
    "CustomizeApplication",
    "ManageRemoteAccess",
];

/// Builds the org.
///
/// # Errors
/// A sentence, when the seed contradicts itself.
pub(super) fn build(seed: &Seed, base_url: String, mut chance: Chance) -> Result<World, String> {
    let start = match &seed.clock.start {
        None => None,
        Some(text) => Some(
            chrono::DateTime::parse_from_rfc3339(text)
                .map_err(|error| format!("clock.start: {error}"))?
                .to_utc(),
        ),
    };
    let org = match &seed.org_id {
        Some(text) => RecordId::parse(text).ok_or("org_id: 15 or 18 letters and digits")?,
        None => RecordId::parse(&format!("00D{}", chance.alphanumeric(12))).ok_or("org_id")?,
    };
    let clock = Clock::new(seed.clock.mode, start);
    let mut world = World {
        api_since: clock.now(),
        secret_api_from: clock.now(),
        clock,
        chance,
        org,
        base_url,
        switches: seed.switches.clone(),
        users: Vec::new(),
        apps: Vec::new(),
        auth_providers: seed
            .auth_providers
            .iter()
            .map(|provider| (provider.name.clone(), provider.consumer_key.clone()))
            .collect(),
        sessions: Sessions::default(),
        faults: Faults::default(),
        late: Vec::new(),
        counters: BTreeMap::new(),
        api_used: 0,
        deploys: Vec::new(),
        retrieves: Vec::new(),
        cursors: Vec::new(),
        departures: BTreeSet::new(),
        org_settings: super::soap::fresh_org_settings(),
        api_limit: if seed.daily_api_requests == 0 {
            15_000
        } else {
            seed.daily_api_requests
        },
        next_id: 0,
    };
    users(&mut world, seed);
    if let Some(login) = &seed.login {
        let app = ExternalClientAppSeed {
            name: login.name.clone().unwrap_or_else(|| "Rekeyd_Login".to_owned()),
            certificate: login.public_key.clone(),
            approved_users: vec![login.username.clone()],
            consumers: vec![ConsumerSeed {
                key: Some(login.client_id.clone()),
                ..ConsumerSeed::default()
            }],
            ..ExternalClientAppSeed::default()
        };
        external(&mut world, &app)?;
    }
    for app in &seed.connected_apps {
        connected(&mut world, app)?;
    }
    for app in &seed.external_client_apps {
        external(&mut world, app)?;
    }
    distinct(&world)?;
    world.set_switches(seed.switches.clone())?;
    for rule in &seed.faults {
        world.faults.add(rule.clone())?;
    }
    Ok(world)
}

fn users(world: &mut World, seed: &Seed) {
    let mut all: Vec<UserSeed> = seed.users.clone();
    let named = |all: &[UserSeed], name: &str| all.iter().any(|user| user.username == name);
    let login = seed.login.as_ref().map(|login| login.username.clone());
    for name in login.into_iter().chain([ADMIN.to_owned()]) {
        if !named(&all, &name) {
            all.push(UserSeed {
                username: name,
                permissions: None,
            });
        }
    }
    for user in all {
        let given = user
            .permissions
            .map(|given| given.into_iter().collect::<BTreeSet<String>>());
        let id = world.id("005");
        let permissions = given.unwrap_or_else(|| PERMISSIONS.map(str::to_owned).into());
        world.users.push(User {
            id,
            username: user.username,
            permissions,
        });
    }
}

fn connected(world: &mut World, seed: &ConnectedAppSeed) -> Result<(), String> {
    let key = ConsumerSeed {
        name: None,
        key: seed.consumer_key.clone(),
        secret: seed.consumer_secret.clone(),
    };
    let consumers = vec![consumer(world, &seed.name, &key)];
    let app = App {
        component: component(seed),
        used: true,
        approved_users: seed.approved_users.clone(),
        refresh_tokens: seed.refresh_tokens.clone(),
        hidden: seed.hidden,
        read_only: seed.read_only,
        managed: seed.managed,
        ..plain(
            world,
            &seed.name,
            seed.label.as_deref(),
            Kind::ConnectedApp,
            consumers,
            &seed.switches,
        )?
    };
    world.apps.push(app);
    Ok(())
}

fn external(world: &mut World, seed: &ExternalClientAppSeed) -> Result<(), String> {
    let only = [ConsumerSeed::default()];
    let given = if seed.consumers.is_empty() {
        &only[..]
    } else {
        &seed.consumers
    };
    let consumers = given
        .iter()
        .map(|given| consumer(world, &seed.name, given))
        .collect();
    let app = App {
        component: settings(seed),
        component_name: seed
            .settings_name
            .clone()
            .unwrap_or_else(|| format!("{}_glbloauth", seed.name)),
        run_as: seed.client_credentials_user.clone(),
        used: seed.used,
        managed: seed.managed,
        approved_users: seed.approved_users.clone(),
        refresh_tokens: seed.refresh_tokens.clone(),
        ..plain(
            world,
            &seed.name,
            seed.label.as_deref(),
            Kind::ExternalClientApp,
            consumers,
            &seed.switches,
        )?
    };
    world.apps.push(app);
    Ok(())
}

fn plain(
    world: &mut World,
    name: &str,
    label: Option<&str>,
    kind: Kind,
    consumers: Vec<Consumer>,
    overrides: &toml::Table,
) -> Result<App, String> {
    let overrides = serde_json::to_value(overrides).map_err(|error| error.to_string())?;
    let overrides = overrides.as_object().cloned().unwrap_or_default();
    let switches = world
        .switches
        .with(&overrides)
        .map_err(|error| format!("app {name}: {error}"))?;
    let id = world.id(if kind == Kind::ConnectedApp { "0H4" } else { "0xI" });
    let admin = world
        .user_named(ADMIN)
        .map(|user| user.id.clone())
        .ok_or("no admin")?;
    let now = world.now();
    Ok(App {
        name: name.to_owned(),
        label: label.unwrap_or(name).to_owned(),
        kind,
        id,
        created: now,
        created_by: admin.clone(),
        modified: now,
        modified_by: admin,
        component: Element::default(),
        component_name: name.to_owned(),
        run_as: None,
        approved_users: Vec::new(),
        used: true,
        hidden: false,
        read_only: false,
        managed: false,
        deleted: false,
        refresh_tokens: Vec::new(),
        consumers,
        overrides,
        switches,
    })
}

fn consumer(world: &mut World, app: &str, seed: &ConsumerSeed) -> Consumer {
    let first = Credential {
        generation: 1,
        key: seed.key.clone().unwrap_or_else(|| world.chance.consumer_key()),
        secret: seed
            .secret
            .clone()
            .unwrap_or_else(|| world.chance.consumer_secret()),
        origin: Origin::Seed,
        from: Some(Moment::MIN_UTC),
        until: None,
        judged: 0,
    };
    Consumer {
        id: world.id("888"),
        name: seed.name.clone().unwrap_or_else(|| app.to_owned()),
        credentials: vec![first],
        primary: 1,
        slot: None,
        mints: 0,
        cutovers: 0,
    }
}

/// The global OAuth settings of an External Client App, in schema order.
fn settings(seed: &ExternalClientAppSeed) -> Element {
    let mut settings = Element::node("ExtlClntAppGlobalOauthSettings", Vec::new());
    let on = seed.client_credentials || seed.client_credentials_user.is_some();
    for (name, text) in [
        ("callbackUrl", Some("https://app.example/callback")),
        ("certificate", seed.certificate.as_deref()),
        ("externalClientApplication", Some(seed.name.as_str())),
        ("isClientCredentialsFlowEnabled", on.then_some("true")),
        ("isConsumerSecretOptional", seed.secret_optional.then_some("true")),
        ("label", Some(seed.label.as_deref().unwrap_or(&seed.name))),
    ] {
        optional(&mut settings, name, text);
    }
    for (name, text) in &seed.extra {
        optional(&mut settings, name, Some(text));
    }
    settings
}

/// A Connected App's component, in schema order.
fn component(seed: &ConnectedAppSeed) -> Element {
    let mut oauth = Element::node("oauthConfig", Vec::new());
    let callback = seed
        .callback_url
        .as_deref()
        .unwrap_or("https://app.example/callback");
    optional(&mut oauth, "callbackUrl", Some(callback));
    optional(&mut oauth, "certificate", seed.certificate.as_deref());
    flow(
        &mut oauth,
        seed.client_credentials,
        seed.client_credentials_user.as_deref(),
    );
    optional(
        &mut oauth,
        "isConsumerSecretOptional",
        seed.secret_optional.then_some("true"),
    );
    let scopes = if seed.scopes.is_empty() {
        vec!["Api".to_owned()]
    } else {
        seed.scopes.clone()
    };
    for scope in &scopes {
        optional(&mut oauth, "scopes", Some(scope));
    }
    for (name, text) in &seed.oauth_extra {
        optional(&mut oauth, name, Some(text));
    }
    let mut app = Element::node("ConnectedApp", vec![]);
    let email = seed.contact_email.as_deref().unwrap_or("owner@app.example");
    optional(&mut app, "contactEmail", Some(email));
    optional(&mut app, "description", seed.description.as_deref());
    optional(
        &mut app,
        "label",
        Some(seed.label.as_deref().unwrap_or(&seed.name)),
    );
    if !seed.permission_sets.is_empty() {
        optional(&mut oauth, "isAdminApproved", Some("true"));
    }
    app.insert_in_order(oauth);
    if seed.ip_relaxation.is_some() || seed.refresh_token_policy.is_some() {
        let mut policy = Element::node("oauthPolicy", Vec::new());
        optional(
            &mut policy,
            "ipRelaxation",
            Some(seed.ip_relaxation.as_deref().unwrap_or("ENFORCE")),
        );
        let refresh = seed.refresh_token_policy.as_deref().unwrap_or("infinite");
        optional(&mut policy, "refreshTokenPolicy", Some(refresh));
        app.insert_in_order(policy);
    }
    for set in &seed.permission_sets {
        optional(&mut app, "permissionSetName", Some(set));
    }
    for (name, text) in &seed.extra {
        optional(&mut app, name, Some(text));
    }
    app
}

fn flow(oauth: &mut Element, on: bool, user: Option<&str>) {
    optional(
        oauth,
        "isClientCredentialEnabled",
        (on || user.is_some()).then_some("true"),
    );
    optional(oauth, "oauthClientCredentialUser", user);
}

fn optional(parent: &mut Element, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        parent.insert_in_order(Element::leaf(name, text));
    }
}

/// Names are unique within a kind, keys across the org (M §2.1).
fn distinct(world: &World) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for app in &world.apps {
        if app.name.is_empty() || !names.insert((app.kind == Kind::ConnectedApp, &app.name)) {
            return Err(format!("app name {:?} is empty or taken", app.name));
        }
        for pair in app.consumers.iter().flat_map(|consumer| &consumer.credentials) {
            // What was migrated has the key of what it was migrated to.
            if !app.read_only && !keys.insert(&pair.key) {
                return Err(format!("app {}: the consumer key is already taken", app.name));
            }
        }
    }
    Ok(())
}
