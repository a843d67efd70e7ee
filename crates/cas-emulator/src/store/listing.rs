//! Lists of certificates: which ones, how many, and one page of them.
//!
//! Every query here reads indexes alone, except for the rows of the page.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Instant, SystemTime};

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::account::Account;
use super::error::StoreError;
use super::row::{self, StoredCertificate};
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
            condition.push_str(" AND resource_group_id = ?");
            values.push(group.to_owned().into());
        }
        if let Some(keyword) = self.keyword {
            condition.push_str(" AND instr(search, ?) > 0");
            values.push(keyword.to_lowercase().into());
        }
        if !hidden.is_empty() {
            let ids: Vec<_> = hidden.keys().map(ToString::to_string).collect();
            condition.push_str(" AND cert_id NOT IN (");
            condition.push_str(&ids.join(","));
            condition.push(')');
        }
        (condition, values)
    }
}

/// How many certificates `filter` selects except `hidden`, and those in `range`, newest first.
/// Their PEM is not read, and empty.
pub(super) fn list(
    connection: &Connection,
    filter: &ListFilter<'_>,
    hidden: &Hidden,
    range: &Range<usize>,
) -> Result<(usize, Vec<StoredCertificate>), StoreError> {
    // One snapshot for all queries.
    let snapshot = connection.unchecked_transaction()?;
    let (condition, values) = filter.condition(hidden);
    let (total, ids) = if filter.keyword.is_some() {
        // Whether a text contains a keyword takes longer than all the rest: it is asked once.
        let all = newest(&snapshot, &condition, &values, None)?;
        let end = range.end.min(all.len());
        (all.len(), all[range.start.min(end)..end].to_vec())
    } else {
        let by_end = filter.resource_group_id.is_none() && hidden.is_empty();
        let total = if by_end {
            count_by_end(&snapshot, filter.account, &filter.ends())?
        } else {
            count(&snapshot, &condition, &values)?
        };
        (total, page(&snapshot, &condition, &values, total, range)?)
    };
    let mut select = snapshot.prepare_cached("SELECT * FROM certificate WHERE cert_id = ?1")?;
    let rows = ids.iter().map(|id| select.query_row([id], row::without_pem));
    Ok((total, rows.collect::<Result<_, _>>()?))
}

fn count(connection: &Connection, condition: &str, values: &[Value]) -> Result<usize, StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT count(*) FROM certificate INDEXED BY certificate_listed WHERE {condition}"
    ))?;
    let count: i64 = select.query_row(params_from_iter(values), |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
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

/// The IDs in `range` of the `total` selected ones, newest first.
fn page(
    connection: &Connection,
    condition: &str,
    values: &[Value],
    total: usize,
    range: &Range<usize>,
) -> Result<Vec<i64>, StoreError> {
    let end = range.end.min(total);
    if range.start >= end {
        return Ok(Vec::new());
    }
    // From the nearer end, because SQLite steps over the entries before the page one by one.
    if range.start <= total / 2 {
        return newest(connection, condition, values, Some(range.start..end));
    }
    let mut ids =
        ids(connection, condition, values, "ASC", Some(total - end..total - range.start))?;
    ids.reverse();
    Ok(ids)
}

fn newest(
    connection: &Connection,
    condition: &str,
    values: &[Value],
    range: Option<Range<usize>>,
) -> Result<Vec<i64>, StoreError> {
    ids(connection, condition, values, "DESC", range)
}

fn ids(
    connection: &Connection,
    condition: &str,
    values: &[Value],
    order: &str,
    range: Option<Range<usize>>,
) -> Result<Vec<i64>, StoreError> {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let (limit, offset) = range.map_or((-1, 0), |range| (number(range.len()), number(range.start)));
    let mut select = connection.prepare_cached(&format!(
        "SELECT cert_id FROM certificate INDEXED BY certificate_listed
         WHERE {condition} ORDER BY cert_id {order} LIMIT {limit} OFFSET {offset}"
    ))?;
    let ids = select.query_map(params_from_iter(values), |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}
