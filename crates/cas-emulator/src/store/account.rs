//! The accounts that own certificates.

use std::fmt;

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, Value, ValueRef};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The number of an account: 16 digits. Accounts see nothing of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Account(i64);

impl Account {
    /// The account with this number; `None` unless it has exactly 16 digits.
    pub(crate) fn parse(digits: &str) -> Option<Self> {
        let valid = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| valid).map(Self)
    }

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

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016}", self.0)
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

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        Self::parse(&digits).ok_or_else(|| D::Error::custom("an account without 16 digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_sixteen_digits() {
        for digits in ["0000000000000001", "9999999999999999"] {
            assert_eq!(Account::parse(digits).map(|account| account.to_string()).unwrap(), digits);
        }
        for invalid in ["", "1", "12345678901234567", "+123456789012345", "123456789012345x"] {
            assert_eq!(Account::parse(invalid), None, "{invalid}");
        }
    }
}
