//! `deploy` and `checkDeployStatus`: taken on at once, applied when its turn has come and its time is over, all or
//! nothing (M §5.1, §6).

use super::change::{self, Change, Refusal, save};
use super::package::{self, Component};
use super::settings::{self, Through};
use super::update::apply;
use super::{answer, fault};
use crate::sandbox::app::Kind;
use crate::sandbox::ident::RecordId;
use crate::sandbox::session::Actor;
use crate::sandbox::snapshot::DeployState;
use crate::sandbox::time::{Moment, iso, later, seconds};
use crate::sandbox::wire::Reply;
use crate::sandbox::world::World;
use crate::sandbox::xml::Element;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One deploy.
pub(in crate::sandbox) struct Deploy {
    id: RecordId,
    by: RecordId,
    version: u16,
    came: Moment,
    due: Moment,
    check_only: bool,
    ignore_warnings: bool,
    files: Vec<(String, Vec<u8>)>,
    /// What became of it.
    ended: Option<Ended>,
}

struct Ended {
    /// What the whole package suffers from.
    error: Option<String>,
    /// Each component, and what is wrong with it.
    components: Vec<(Component, Option<String>)>,
}

impl Ended {
    fn success(&self) -> bool {
        self.error.is_none() && self.components.iter().all(|(_, problem)| problem.is_none())
    }
}

/// Takes a deploy on.
pub(super) fn deploy(world: &mut World, request: &Element, version: u16, actor: &Actor, at: Moment) -> Reply {
    let Some(options) = request.child("DeployOptions") else {
        return fault("soapenv:Client", "DeployOptions is required");
    };
    // simple-salesforce writes `True`.
    let option = |name: &str| {
        let said = options.text_of(name);
        said.is_some_and(|said| said == "1" || said.eq_ignore_ascii_case("true"))
    };
    if !option("rollbackOnError") {
        // Mandatory in production, which this org is (M §5.1).
        return fault(
            "sf:INVALID_OPERATION",
            "rollbackOnError must be true in a production org",
        );
    }
    let zip: String = request
        .text_of("ZipFile")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let Ok(zip) = STANDARD.decode(zip) else {
        return fault("soapenv:Client", "ZipFile is not base64");
    };
    let files = match package::files(&zip) {
        Ok(files) => files,
        Err(message) => return fault("sf:UNKNOWN_EXCEPTION", &message),
    };
    let running = world.deploys.iter().filter(|deploy| deploy.ended.is_none());
    let free = running.map(|deploy| deploy.due).max().unwrap_or(at).max(at);
    let deploy = Deploy {
        id: world.id("0Af"),
        by: actor.user.clone(),
        version,
        came: at,
        due: later(free, seconds(world.switches.deploy_seconds)),
        check_only: option("checkOnly"),
        ignore_warnings: option("ignoreWarnings"),
        files,
        ended: None,
    };
    let result = Element::node(
        "result",
        vec![
            Element::leaf("done", "false"),
            Element::leaf("id", deploy.id.long()),
            Element::leaf("state", "Queued"),
        ],
    );
    world.deploys.push(deploy);
    answer(200, &Element::node("deployResponse", vec![result]))
}

/// Applies every deploy whose time has come by `now`, each at its own time.
pub(in crate::sandbox) fn run(world: &mut World, now: Moment) {
    loop {
        let due = world
            .deploys
            .iter()
            .position(|deploy| deploy.ended.is_none() && deploy.due <= now);
        let Some(place) = due else { return };
        let ended = one(world, place);
        if let Some(deploy) = world.deploys.get_mut(place) {
            deploy.ended = Some(ended);
        }
    }
}

fn one(world: &mut World, place: usize) -> Ended {
    let Some(deploy) = world.deploys.get(place) else {
        return whole("no such deploy".to_owned());
    };
    let (version, by, at, check_only) = (deploy.version, deploy.by.clone(), deploy.due, deploy.check_only);
    let through = Through::Deploy {
        ignore_warnings: deploy.ignore_warnings,
    };
    let components = match package::components(&deploy.files) {
        Ok(components) => components,
        Err(error) => return whole(error),
    };
    let mut decided = Vec::new();
    let mut told = Vec::new();
    for (component, root) in components {
        let outcome = match component.kind {
            Kind::ConnectedApp => connected_app(world, &component.name, &root, version, check_only),
            Kind::ExternalClientApp => {
                settings::decide(world, &component.name, &root, version, through).map(Some)
            }
        };
        match outcome {
            Ok(change) => {
                decided.extend(change);
                told.push((component, None));
            }
            Err(Refusal::Fault(_, problem) | Refusal::Save(_, problem)) => {
                told.push((component, Some(problem)));
            }
        }
    }
    let ended = Ended {
        error: None,
        components: told,
    };
    if ended.success() && !check_only {
        for change in decided {
            apply(world, change, &by, at);
        }
    }
    ended
}

/// The change of a Connected App; of one that does not exist, whether it could be created. Creating one is not here.
fn connected_app(
    world: &World,
    name: &str,
    root: &Element,
    version: u16,
    check_only: bool,
) -> Result<Option<Change>, Refusal> {
    let exists = world
        .apps
        .iter()
        .any(|app| !app.deleted && app.kind == Kind::ConnectedApp && app.name == name);
    if exists {
        return change::connected(world, name, root, version).map(Some);
    }
    let refuse = |problem: &str| Err(save("INVALID_OPERATION", problem));
    match (world.switches.connected_app_creation, check_only) {
        (false, _) => refuse(
            "You can't create a connected app. To enable connected app creation, contact Salesforce Customer Support.",
        ),
        (true, true) => Ok(None),
        (true, false) => refuse("This org does not simulate it"),
    }
}

fn whole(error: String) -> Ended {
    Ended {
        error: Some(error),
        components: Vec::new(),
    }
}

fn status_of(world: &World, deploy: &Deploy) -> &'static str {
    match &deploy.ended {
        Some(ended) if ended.success() => "Succeeded",
        Some(_) => "Failed",
        None => {
            let first = world.deploys.iter().find(|other| other.ended.is_none());
            match first.is_some_and(|first| first.id == deploy.id) {
                true => "InProgress",
                false => "Pending",
            }
        }
    }
}

/// Answers how a deploy stands.
pub(super) fn status(world: &World, request: &Element) -> Reply {
    let id = request.text_of("asyncProcessId").unwrap_or_default().trim();
    let Some(deploy) = world.deploys.iter().find(|deploy| deploy.id.is(id)) else {
        return fault("sf:INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id");
    };
    let details = request.text_of("includeDetails") == Some("true");
    answer(
        200,
        &Element::node("checkDeployStatusResponse", vec![result(world, deploy, details)]),
    )
}

fn result(world: &World, deploy: &Deploy, details: bool) -> Element {
    let truth = |is: bool| if is { "true" } else { "false" };
    let ended = deploy.ended.as_ref();
    let components = ended.map_or(&[][..], |ended| ended.components.as_slice());
    let failures = components.iter().filter(|(_, problem)| problem.is_some()).count();
    let success = ended.is_some_and(Ended::success);
    let messages = components
        .iter()
        .map(|(component, problem)| message(deploy, component, problem.as_deref(), success));
    let by = world.user(&deploy.by).map(|user| user.username.clone());
    let mut parts = vec![Element::leaf("checkOnly", truth(deploy.check_only))];
    if ended.is_some() {
        parts.push(Element::leaf("completedDate", iso(deploy.due)));
    }
    parts.extend([
        Element::leaf("createdBy", deploy.by.long()),
        Element::leaf("createdByName", by.unwrap_or_default()),
        Element::leaf("createdDate", iso(deploy.came)),
        Element::node("details", if details { messages.collect() } else { Vec::new() }),
        Element::leaf("done", truth(ended.is_some())),
    ]);
    if let Some(error) = ended.and_then(|ended| ended.error.as_deref()) {
        parts.push(Element::leaf("errorMessage", error));
        parts.push(Element::leaf("errorStatusCode", "UNKNOWN_EXCEPTION"));
    }
    let count = |name: &str, number: usize| Element::leaf(name, number.to_string());
    parts.extend([
        Element::leaf("id", deploy.id.long()),
        Element::leaf("ignoreWarnings", truth(deploy.ignore_warnings)),
        Element::leaf("lastModifiedDate", iso(deploy.due.min(world.now()))),
        count("numberComponentErrors", failures),
        count(
            "numberComponentsDeployed",
            if success { components.len() } else { 0 },
        ),
        count("numberComponentsTotal", components.len()),
        count("numberTestErrors", 0),
        count("numberTestsCompleted", 0),
        count("numberTestsTotal", 0),
        Element::leaf("rollbackOnError", "true"),
        Element::leaf("runTestsEnabled", "false"),
        Element::leaf("startDate", iso(deploy.came)),
        Element::leaf("status", status_of(world, deploy)),
        Element::leaf("success", truth(success)),
    ]);
    Element::node("result", parts)
}

fn message(deploy: &Deploy, component: &Component, problem: Option<&str>, success: bool) -> Element {
    let kind = if problem.is_some() {
        "componentFailures"
    } else {
        "componentSuccesses"
    };
    let mut parts = vec![
        Element::leaf("changed", if success { "true" } else { "false" }),
        Element::leaf("componentType", component.type_name()),
        Element::leaf("created", "false"),
        Element::leaf("createdDate", iso(deploy.due)),
        Element::leaf("deleted", "false"),
        Element::leaf("fileName", component.file()),
        Element::leaf("fullName", component.name.as_str()),
    ];
    if let Some(problem) = problem {
        let warning = problem.starts_with("Warning");
        parts.push(Element::leaf("problem", problem));
        parts.push(Element::leaf(
            "problemType",
            if warning { "Warning" } else { "Error" },
        ));
    }
    parts.push(Element::leaf(
        "success",
        if problem.is_none() { "true" } else { "false" },
    ));
    Element::node(kind, parts)
}

/// The truth about every deploy.
pub(in crate::sandbox) fn states(world: &World) -> Vec<DeployState> {
    let states = world.deploys.iter().map(|deploy| DeployState {
        id: deploy.id.long(),
        status: status_of(world, deploy).to_owned(),
        ignore_warnings: deploy.ignore_warnings,
        check_only: deploy.check_only,
        files: deploy
            .files
            .iter()
            .map(|(name, bytes)| (name.clone(), String::from_utf8_lossy(bytes).into_owned()))
            .collect(),
    });
    states.collect()
}
