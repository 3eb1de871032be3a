//! Paging of the Connect resources (O §1): `nextPageUrl` comes with the last page too.

use crate::sandbox::switches::NextPage;
use crate::sandbox::wire::Call;
use serde_json::{Value, json};

/// The page of `items` that a call asks for, under `name`.
pub(super) fn page(call: &Call, name: &str, items: &[Value], quirk: NextPage) -> Value {
    let number = |parameter: &str| {
        call.parameter(parameter)
            .and_then(|text| text.parse::<usize>().ok())
    };
    let page = number("page").unwrap_or(0);
    let size = number("pageSize").unwrap_or(25).clamp(1, 100);
    let start = page.saturating_mul(size).min(items.len());
    let end = start.saturating_add(size).min(items.len());
    let slice = items.get(start..end).unwrap_or_default();
    let url = |page: usize| format!("{}?page={page}&pageSize={size}", call.path);
    let next = match quirk {
        NextPage::UntilEmpty => !slice.is_empty(),
        NextPage::NullAtEnd => end < items.len(),
        NextPage::Endless => true,
    };
    json!({
        name: slice,
        "currentPageUrl": url(page),
        "nextPageUrl": next.then(|| url(page.saturating_add(1))),
    })
}
