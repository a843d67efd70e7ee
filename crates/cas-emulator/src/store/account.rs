//! The accounts that own certificates.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, Value, ValueRef};

/// The number of an account: 16 digits. Accounts see nothing of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Account(i64);

impl Account {
    pub(crate) fn number(self) -> i64 {
        self.0
    }
}

impl Default for Account {
    /// The account of access keys that name none.
    fn default() -> Self {
        Self(1_000_000_000_000_001)
    }
}

impl From<Account> for Value {
    fn from(account: Account) -> Self {
        Self::Integer(account.0)
    }
}

impl ToSql for Account {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Account {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}
