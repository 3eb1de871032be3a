//! What is only looked at.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use super::Service;
use super::access::Caller;
use super::answer::Problem;
use super::metrics::{self, Seen};
use super::routes::Named;
use super::view::{self, AppView};
use crate::engine::board::Cards;
use crate::engine::ledger::Ledgers;
use crate::port::journal::{JournalFault, RecordQuery};
use crate::rotation::RotationId;

/// Every app in words, and the switches of the orgs, for the command line.
pub(super) async fn status(State(service): State<Service>) -> Response {
    let now = service.clock.now();
    let (ledgers, cards) = look(&service);
    let orgs = view::switches(&ledgers, &cards);
    let apps: BTreeMap<&String, AppView> = ledgers
        .apps
        .iter()
        .map(|(app, ledger)| (app, AppView::of(app, ledger, now)))
        .collect();
    Json(json!({ "apps": apps, "orgs": orgs })).into_response()
}

pub(super) async fn apps(State(service): State<Service>, Extension(caller): Extension<Caller>) -> Response {
    let now = service.clock.now();
    let (ledgers, cards) = look(&service);
    let seen: Vec<_> = view::names(&ledgers, &cards)
        .into_iter()
        .filter(|app| caller.sees(app))
        .filter_map(|app| view::app_page(&app, &ledgers, &cards, now))
        .collect();
    Json(json!({ "apps": seen })).into_response()
}

pub(super) async fn app(
    State(service): State<Service>,
    Extension(Named(app)): Extension<Named>,
) -> Result<Response, Problem> {
    let (ledgers, cards) = look(&service);
    match view::app_page(&app, &ledgers, &cards, service.clock.now()) {
        Some(page) => Ok(Json(page).into_response()),
        None => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "neither the policy nor the journal knows this app",
        )),
    }
}

/// What the journal says of one rotation. One that the caller may not see is like one that there is not.
pub(super) async fn rotation(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "the journal knows no such rotation");
    let id: RotationId = id.parse().map_err(|_| unknown())?;
    let query = RecordQuery {
        rotation: Some(id),
        ..RecordQuery::default()
    };
    let records = service
        .journal
        .read(&query)
        .await
        .map_err(|fault| journal(&fault))?;
    let page = view::rotation_page(id, &records, service.clock.now());
    let page = page.filter(|page| caller.sees(&page.app)).ok_or_else(unknown)?;
    Ok(Json(page).into_response())
}

pub(super) async fn prometheus(State(service): State<Service>) -> Result<Response, Problem> {
    let (ledgers, cards) = look(&service);
    let sinks = (service.outbox)();
    let seen = Seen {
        ledgers: &ledgers,
        cards: &cards,
        sinks: &sinks,
        now: service.clock.now(),
    };
    match metrics::text(metrics::families(&seen)) {
        Ok(text) => Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()),
        Err(_) => Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics cannot be written",
        )),
    }
}

/// Copies, so that the engine is not kept waiting while an answer is made.
fn look(service: &Service) -> (Ledgers, Cards) {
    let ledgers = service
        .ledgers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let cards = service.board.cards().clone();
    (ledgers, cards)
}

fn journal(fault: &JournalFault) -> Problem {
    tracing::warn!("a rotation could not be looked up: {fault}");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the journal does not answer")
}
