//! Lists of certificates: which ones, how many, and one page of them.
//!
//! Every query here reads indexes alone, except for the rows of the page. Keywords are searched in
//! memory.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Instant, SystemTime};

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::account::Account;
use super::browse;
use super::error::StoreError;
use super::row::StoredCertificate;
use super::search::SearchTexts;
use crate::clock;

/// The certificates that a list shows. Without the optional fields: all of the account.
pub(crate) struct ListFilter<'a> {
    pub(crate) account: Account,
    /// Those whose validity ends at this time or later.
    pub(crate) ends_from: Option<SystemTime>,
    /// Those whose validity ends before this time.
    pub(crate) ends_before: Option<SystemTime>,
    /// Those with this text in their common name, a subject alternative name or the resource ID,
    /// in any case.
    pub(crate) keyword: Option<&'a str>,
    pub(crate) resource_group_id: Option<&'a str>,
}

const DAY: i64 = 86_400;
/// The start of the year 0, in seconds since 1970.
const YEAR_0: i64 = -62_167_219_200;
/// The start of a day after the year 9999.
const FAR: i64 = YEAR_0 + 4_000_000 * DAY;

/// When certificates with a lag appear in lists, by ID.
pub(super) type Hidden = HashMap<i64, Instant>;

impl ListFilter<'_> {
    /// All certificates of `account`.
    pub(crate) fn all(account: Account) -> Self {
        let (ends_from, ends_before) = (None, None);
        Self { account, ends_from, ends_before, keyword: None, resource_group_id: None }
    }

    /// From when to before when the validity of the selected certificates ends, in seconds.
    fn ends(&self) -> Range<i64> {
        let seconds = |time: Option<SystemTime>| time.map(clock::unix_seconds_ceil);
        seconds(self.ends_from).unwrap_or(i64::MIN)..seconds(self.ends_before).unwrap_or(i64::MAX)
    }

    /// The condition of a query, and its values.
    fn condition(&self, hidden: &Hidden) -> (String, Vec<Value>) {
        let ends = self.ends();
        let mut condition = "account = ? AND not_after >= ? AND not_after < ?".to_owned();
        let mut values: Vec<Value> = vec![self.account.into(), ends.start.into(), ends.end.into()];
        if let Some(group) = self.resource_group_id {
            // Twice, because the index leaves out what has no group.
            condition.push_str(" AND resource_group_id = ? AND resource_group_id != ''");
            values.push(group.to_owned().into());
        }
        if !hidden.is_empty() {
            let ids: Vec<_> = hidden.keys().map(ToString::to_string).collect();
            condition.push_str(" AND cert_id NOT IN (");
            condition.push_str(&ids.join(","));
            condition.push(')');
        }
        (condition, values)
    }

    /// The index that has all columns of the condition.
    fn index(&self) -> &'static str {
        match self.resource_group_id {
            None => "certificate_listed",
            Some(_) => "certificate_by_group",
        }
    }
}

/// How many certificates `filter` selects except `hidden`, and those in `range`, newest first.
/// Their PEM is not read, and empty. `texts` is where keywords are searched.
pub(super) fn list(
    connection: &Connection,
    filter: &ListFilter<'_>,
    hidden: &Hidden,
    range: &Range<usize>,
    texts: &mut SearchTexts,
) -> Result<(usize, Vec<StoredCertificate>), StoreError> {
    // One snapshot for all queries.
    let snapshot = connection.unchecked_transaction()?;
    let selected = Selected { connection: &snapshot, filter, hidden };
    let (total, ids) = if let Some(keyword) = filter.keyword {
        let mut found = texts.find(&snapshot, keyword, Some(filter.account), &filter.ends())?;
        if filter.resource_group_id.is_some() {
            // Both are in the order of the IDs.
            let mut group = selected.ids("ASC", None)?.into_iter().peekable();
            found.retain(|cert_id| {
                while group.next_if(|other| other < cert_id).is_some() {}
                group.next_if_eq(cert_id).is_some()
            });
        } else {
            found.retain(|cert_id| !hidden.contains_key(cert_id));
        }
        let end = range.end.min(found.len());
        let start = range.start.min(end);
        (found.len(), found.iter().rev().take(end).skip(start).copied().collect())
    } else {
        let by_end = filter.resource_group_id.is_none() && hidden.is_empty();
        let total = if by_end {
            count_by_end(&snapshot, filter.account, &filter.ends())?
        } else {
            selected.count()?
        };
        (total, selected.page(total, range)?)
    };
    Ok((total, browse::rows(&snapshot, &ids, false)?))
}

/// How many certificates end in `ends`: on whole days by the tally, in the rest one by one.
fn count_by_end(
    connection: &Connection,
    account: Account,
    ends: &Range<i64>,
) -> Result<usize, StoreError> {
    let start = ends.start.clamp(YEAR_0, FAR);
    let end = ends.end.clamp(start, FAR);
    // Days as the triggers count them.
    let days = (start - YEAR_0 + DAY - 1) / DAY..(end - YEAR_0) / DAY;
    let (whole, rest) = if days.is_empty() {
        (0, [start..end, end..end])
    } else {
        let whole: i64 = connection
            .prepare_cached(
                "SELECT ifnull(sum(certificates), 0) FROM tally
                 WHERE account = ?1 AND day >= ?2 AND day < ?3",
            )?
            .query_row(params![account, days.start, days.end], |row| row.get(0))?;
        (whole, [start..YEAR_0 + days.start * DAY, YEAR_0 + days.end * DAY..end])
    };
    let mut select = connection.prepare_cached(
        "SELECT count(*) FROM certificate INDEXED BY certificate_by_end
         WHERE account = ?1 AND not_after >= ?2 AND not_after < ?3",
    )?;
    let mut total = whole;
    for part in rest.iter().filter(|part| !part.is_empty()) {
        let count: i64 =
            select.query_row(params![account, part.start, part.end], |row| row.get(0))?;
        total += count;
    }
    Ok(usize::try_from(total).unwrap_or_default())
}

/// The certificates that a filter without its keyword selects, except hidden ones.
struct Selected<'a> {
    connection: &'a Connection,
    filter: &'a ListFilter<'a>,
    hidden: &'a Hidden,
}

impl Selected<'_> {
    fn count(&self) -> Result<usize, StoreError> {
        let (condition, values) = self.filter.condition(self.hidden);
        let index = self.filter.index();
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT count(*) FROM certificate INDEXED BY {index} WHERE {condition}"
        ))?;
        let count: i64 = select.query_row(params_from_iter(values), |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// The IDs in `range` of the `total` selected ones, newest first.
    fn page(&self, total: usize, range: &Range<usize>) -> Result<Vec<i64>, StoreError> {
        let end = range.end.min(total);
        if range.start >= end {
            return Ok(Vec::new());
        }
        // From the nearer end, because SQLite steps over the entries before the page one by one.
        if range.start <= total / 2 {
            return self.ids("DESC", Some(range.start..end));
        }
        let mut ids = self.ids("ASC", Some(total - end..total - range.start))?;
        ids.reverse();
        Ok(ids)
    }

    fn ids(&self, order: &str, range: Option<Range<usize>>) -> Result<Vec<i64>, StoreError> {
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let (limit, offset) =
            range.map_or((-1, 0), |range| (number(range.len()), number(range.start)));
        let (condition, values) = self.filter.condition(self.hidden);
        let index = self.filter.index();
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT cert_id FROM certificate INDEXED BY {index}
             WHERE {condition} ORDER BY cert_id {order} LIMIT {limit} OFFSET {offset}"
        ))?;
        let ids = select.query_map(params_from_iter(values), |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }
}
