//! The certificates of all accounts, for the control interface.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::StoreError;
use super::row::{self, StoredCertificate};
use super::search::{self, SearchTexts};

/// Selects certificates of all accounts.
pub(crate) struct Browse<'a> {
    /// A part of ID, name, common name, alternative name or fingerprint, in any case.
    pub(crate) search: Option<&'a str>,
    pub(crate) newest_first: bool,
    pub(crate) offset: usize,
    /// How many at most; `None` for all.
    pub(crate) limit: Option<usize>,
}

impl Browse<'_> {
    /// How many it selects without `offset` and `limit`, and the IDs that it selects with them.
    pub(super) fn run(
        &self,
        connection: &Connection,
        texts: &mut SearchTexts,
    ) -> Result<(usize, Vec<i64>), StoreError> {
        let snapshot = connection.unchecked_transaction()?;
        if let Some(part) = self.search {
            let mut found = texts.find(&snapshot, part, None, &(i64::MIN..i64::MAX))?;
            let total = found.len();
            if self.newest_first {
                found.reverse();
            }
            let page = found.into_iter().skip(self.offset).take(self.limit.unwrap_or(total));
            return Ok((total, page.collect()));
        }
        let order = if self.newest_first { "DESC" } else { "ASC" };
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let limit = self.limit.map_or(-1, number);
        let mut select = snapshot.prepare_cached(&format!(
            "SELECT cert_id FROM certificate ORDER BY cert_id {order} LIMIT ?1 OFFSET ?2"
        ))?;
        let ids = select.query_map(params![limit, number(self.offset)], |row| row.get(0))?;
        Ok((search::count(&snapshot)?, ids.collect::<Result<_, _>>()?))
    }
}

/// The certificates with these IDs, except those that are not stored any more.
pub(super) fn rows(
    connection: &Connection,
    ids: &[i64],
    with_pem: bool,
) -> Result<Vec<StoredCertificate>, StoreError> {
    let (table, read): (_, fn(&Row<'_>) -> _) = if with_pem {
        ("certificate JOIN material USING (cert_id)", row::with_pem)
    } else {
        ("certificate", row::without_pem)
    };
    let mut select =
        connection.prepare_cached(&format!("SELECT * FROM {table} WHERE cert_id = ?1"))?;
    let rows = ids.iter().filter_map(|id| select.query_row([id], read).optional().transpose());
    Ok(rows.collect::<Result<_, _>>()?)
}
