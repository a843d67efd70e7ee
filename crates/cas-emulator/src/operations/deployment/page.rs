//! Paging of lists.

use std::ops::Range;

use serde::Serialize;

use super::super::context::Context;
use super::super::errors::ApiError;

/// The part of a list that the parameters `CurrentPage` and `ShowSize` select.
pub(super) struct Page {
    current: usize,
    size: usize,
}

/// The fields of a response that has one page of a list.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PageFields {
    current_page: usize,
    show_size: usize,
    total: usize,
    request_id: String,
}

impl Page {
    pub(super) fn parse(context: &Context<'_>, default_size: usize) -> Result<Self, ApiError> {
        let current = context.positive("CurrentPage", 1)?;
        Ok(Self { current, size: context.positive("ShowSize", default_size)? })
    }

    pub(super) fn range(&self) -> Range<usize> {
        let start = (self.current - 1).saturating_mul(self.size);
        start..start.saturating_add(self.size)
    }

    /// How many items there are, and those of this page.
    pub(super) fn select<T>(&self, items: impl Iterator<Item = T>) -> (usize, Vec<T>) {
        let (mut total, mut selected) = (0, Vec::new());
        for item in items {
            if self.range().contains(&total) {
                selected.push(item);
            }
            total += 1;
        }
        (total, selected)
    }

    pub(super) fn current(&self) -> usize {
        self.current
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn fields(&self, context: &Context<'_>, total: usize) -> PageFields {
        PageFields {
            current_page: self.current,
            show_size: self.size,
            total,
            request_id: context.request_id.to_owned(),
        }
    }
}
