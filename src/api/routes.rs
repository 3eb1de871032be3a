//! The table of all routes: what each asks of the caller, and who answers it. `openapi.json` says the same.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};

use super::access::{Access, Entrance};
use super::answer::Problem;
use super::{Service, commands, health, reads};
use crate::policy::Permission;

/// What the HTTP interface is, for machines (OpenAPI 3.1).
pub const OPENAPI: &str = include_str!("openapi.json");

const READ: Access = Access::May(Permission::Read);
const ROTATE: Access = Access::May(Permission::Rotate);
const BREAK_GLASS: Access = Access::May(Permission::BreakGlass);
const OPERATE: Access = Access::May(Permission::Operate);

/// One route.
struct Route {
    path: &'static str,
    method: &'static str,
    access: Access,
    serve: MethodRouter<Service>,
}

fn table() -> Vec<Route> {
    let of = |method, path, access, serve| Route {
        path,
        method,
        access,
        serve,
    };
    vec![
        of("get", "/healthz", Access::Open, get(health::alive)),
        of(
            "get",
            "/readyz",
            Access::Open,
            get(health::ready).layer(Extension(Arc::<health::Readiness>::default())),
        ),
        of("get", "/metrics", Access::Metrics, get(reads::prometheus)),
        of("get", "/v1/openapi.json", Access::Open, get(openapi)),
        of("get", "/v1/apps", READ, get(reads::apps)),
        of("get", "/v1/apps/{app}", READ, get(reads::app)),
        of("get", "/v1/rotations/{id}", READ, get(reads::rotation)),
        of("post", "/v1/apps/{app}/rotate", ROTATE, post(commands::rotate)),
        of(
            "post",
            "/v1/apps/{app}/revoke",
            BREAK_GLASS,
            post(commands::revoke),
        ),
        of("post", "/v1/apps/{app}/hold", OPERATE, post(commands::hold)),
        of("post", "/v1/apps/{app}/resume", OPERATE, post(commands::resume)),
        of("post", "/v1/apps/{app}/abandon", OPERATE, post(commands::abandon)),
        of("post", "/v1/apps/{app}/adopt", OPERATE, post(commands::adopt)),
        of(
            "post",
            "/v1/apps/{app}/submit",
            Access::Socket,
            post(commands::submit),
        ),
        of("get", "/v1/status", Access::Socket, get(reads::status)),
    ]
}

/// Method and path of every route that is there over TCP.
pub fn documented() -> Vec<(&'static str, &'static str)> {
    let there = table().into_iter().filter(|route| route.access != Access::Socket);
    there.map(|route| (route.method, route.path)).collect()
}

/// Every route. Whoever serves it says with each request where it came in; one that does not say so is refused.
pub fn router(service: Service) -> Router {
    let mut router = Router::new();
    for route in table() {
        let guard = middleware::from_fn_with_state((service.clone(), route.access), admit);
        router = router.route(route.path, route.serve.route_layer(guard));
    }
    router
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is nothing here"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method")
        })
        .layer(middleware::map_response(plainly))
        .with_state(service)
}

/// Where things stand is true for a moment only, and is no page.
async fn plainly(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The app that the path names.
#[derive(Clone)]
pub(super) struct Named(pub String);

async fn admit(
    State((service, access)): State<(Service, Access)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let unreadable = |_: PathRejection| Problem::new(StatusCode::BAD_REQUEST, "the path is not UTF-8");
    let Path(named) = Path::<Vec<(String, String)>>::from_request_parts(&mut parts, &())
        .await
        .map_err(unreadable)?;
    let app = named
        .into_iter()
        .find(|(name, _)| name == "app")
        .map(|(_, app)| app);
    let Some(entrance) = parts.extensions.get::<Entrance>().copied() else {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "nobody says where this came in",
        ));
    };
    let now = service.clock.now();
    let caller = service
        .doors
        .admit(entrance, &parts.headers, access, app.as_deref(), now)?;
    if let Some(caller) = caller {
        parts.extensions.insert(caller);
    }
    if let Some(app) = app {
        parts.extensions.insert(Named(app));
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
