//! Searching certificates by a part of a text.
//!
//! No index of SQLite finds a part of a text, and to look at every row takes longer than all the
//! rest of a list. So a search reads the texts of all certificates once, keeps them one after the
//! other in memory, and later reads only what is new. Memory is needed once something was searched.

use std::collections::HashSet;
use std::ops::Range;

use memchr::memmem;
use rusqlite::{Connection, Row, params};

use super::account::Account;
use super::row::resource_id;

/// Ends a text. No UTF-8 contains it, so no match reaches into the next text.
const END: u8 = 0xff;

/// The texts of all certificates, in the order of their IDs.
pub(super) struct SearchTexts {
    text_of: TextOf,
    text: Vec<u8>,
    entries: Vec<Entry>,
    /// The largest ID so far, also of a certificate that was deleted. A later one is larger.
    last: i64,
}

type TextOf = fn(&Row<'_>) -> rusqlite::Result<String>;

/// One certificate, with what never changes of it.
struct Entry {
    cert_id: i64,
    account: Account,
    not_after: i64,
    /// Where its text ends, with [`END`].
    end: usize,
}

/// Both searches.
pub(super) struct Searches {
    /// In what a keyword of the API is searched in.
    pub(super) keyword: SearchTexts,
    /// In all that identifies a certificate, for the control interface.
    pub(super) identity: SearchTexts,
}

impl Searches {
    pub(super) fn new() -> Self {
        Self { keyword: SearchTexts::new(keyword_text), identity: SearchTexts::new(identity_text) }
    }
}

impl SearchTexts {
    fn new(text_of: TextOf) -> Self {
        Self { text_of, text: Vec::new(), entries: Vec::new(), last: i64::MIN }
    }

    /// The IDs of certificates with `part` in their text, in any case, oldest first. `account` and
    /// `ends`, the end of their validity, select further.
    ///
    /// `snapshot` must be a transaction that is not older than that of the call before.
    pub(super) fn find(
        &mut self,
        snapshot: &Connection,
        part: &str,
        account: Option<Account>,
        ends: &Range<i64>,
    ) -> rusqlite::Result<Vec<i64>> {
        self.update(snapshot)?;
        let lower = part.to_lowercase();
        let finder = memmem::Finder::new(&lower);
        let (mut found, mut index, mut start) = (Vec::new(), 0, 0);
        while let Some(position) = finder.find(&self.text[start..]) {
            let position = start + position;
            let Some(ahead) = self.entries[index..].iter().position(|it| it.end > position) else {
                break;
            };
            let entry = &self.entries[index + ahead];
            if ends.contains(&entry.not_after) && account.is_none_or(|it| it == entry.account) {
                found.push(entry.cert_id);
            }
            (index, start) = (index + ahead + 1, entry.end);
        }
        Ok(found)
    }

    /// Adds the certificates that are new, and removes those that were deleted.
    fn update(&mut self, snapshot: &Connection) -> rusqlite::Result<()> {
        let mut select = snapshot.prepare_cached(
            "SELECT cert_id, account, not_after, name, common_name, sans, sha1, sha256
             FROM certificate WHERE cert_id > ?1 ORDER BY cert_id",
        )?;
        let mut rows = select.query([self.last])?;
        while let Some(row) = rows.next()? {
            let cert_id = row.get("cert_id")?;
            self.text.extend_from_slice((self.text_of)(row)?.as_bytes());
            self.text.push(END);
            let (account, not_after) = (row.get("account")?, row.get("not_after")?);
            self.entries.push(Entry { cert_id, account, not_after, end: self.text.len() });
            self.last = cert_id;
        }
        if count(snapshot)? != self.entries.len() {
            self.remove_deleted(snapshot)?;
        }
        Ok(())
    }

    fn remove_deleted(&mut self, snapshot: &Connection) -> rusqlite::Result<()> {
        let mut select = snapshot
            .prepare_cached("SELECT cert_id FROM certificate INDEXED BY certificate_listed")?;
        let stored: HashSet<i64> =
            select.query_map(params![], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut text = Vec::with_capacity(self.text.len());
        let mut start = 0;
        let Self { text: old, entries, .. } = self;
        entries.retain_mut(|entry| {
            let own = &old[start..entry.end];
            start = entry.end;
            let keep = stored.contains(&entry.cert_id);
            if keep {
                text.extend_from_slice(own);
                entry.end = text.len();
            }
            keep
        });
        self.text = text;
        Ok(())
    }
}

/// How many certificates all accounts have.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<usize> {
    let count: i64 = connection
        .prepare_cached("SELECT ifnull(sum(certificates), 0) FROM tally")?
        .query_row([], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The names that a keyword may be part of, in lower case, one a line.
fn keyword_text(row: &Row<'_>) -> rusqlite::Result<String> {
    let (common_name, sans): (String, String) = (row.get("common_name")?, row.get("sans")?);
    Ok(keyword_text_of(row.get("cert_id")?, &common_name, &sans))
}

fn keyword_text_of(cert_id: i64, common_name: &str, sans: &str) -> String {
    let names = [common_name].into_iter().chain(sans.split(','));
    let mut text = resource_id(cert_id);
    for name in names.map(str::to_lowercase) {
        if !text.contains(&name) {
            text.push('\n');
            text.push_str(&name);
        }
    }
    text
}

/// ID, name, common name, alternative names and fingerprints, in lower case, one a line.
fn identity_text(row: &Row<'_>) -> rusqlite::Result<String> {
    let cert_id: i64 = row.get("cert_id")?;
    let text = |name: &str| row.get::<_, String>(name);
    let (name, common_name, sans) = (text("name")?, text("common_name")?, text("sans")?);
    let (sha1, sha256) = (text("sha1")?, text("sha256")?);
    let sans = sans.replace(',', "\n");
    Ok(format!("{cert_id}\n{name}\n{common_name}\n{sans}\n{sha1}\n{sha256}").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_text_has_every_name_once() {
        let text = keyword_text_of(1, "WWW.Example.com", "www.example.com,example.com,b.test");
        assert_eq!(text, "cas-upload-000001\nwww.example.com\nb.test");
        assert_eq!(keyword_text_of(1, "", ""), "cas-upload-000001");
    }

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE certificate (cert_id INTEGER PRIMARY KEY, account, not_after, name,
                                           common_name, sans, sha1, sha256);
                 CREATE INDEX certificate_listed ON certificate (account, cert_id);
                 CREATE VIEW tally AS SELECT count(*) AS certificates FROM certificate;",
            )
            .unwrap();
        connection
    }

    fn add(connection: &Connection, cert_id: i64, names: &str) {
        connection
            .execute(
                "INSERT INTO certificate VALUES (?1, ?2, ?1, 'n' || ?1, ?3, ?3, 'AB', 'CD')",
                params![cert_id, Account::default(), names],
            )
            .unwrap();
    }

    /// What every search must find: the certificates whose text contains the part.
    fn expected(names: &[(i64, &str)], part: &str) -> Vec<i64> {
        let part = part.to_lowercase();
        let text = |(cert_id, names): &&(i64, &str)| keyword_text_of(*cert_id, names, names);
        let matching = names.iter().filter(|it| text(it).contains(&part));
        matching.map(|(cert_id, _)| *cert_id).collect()
    }

    #[test]
    fn finds_every_part_of_every_length_in_any_language() {
        let connection = database();
        let names = [
            (3, "A.example"),
            (4, "中文域名.测试"),
            (6, "b.测试.example,ÄÖ.test"),
            (9, ""),
            (10, "example\u{1f600}"),
        ];
        for (cert_id, names) in names {
            add(&connection, cert_id, names);
        }
        let mut searches = Searches::new();
        let all = i64::MIN..i64::MAX;
        let parts = [
            "a",
            "A",
            "e",
            "ex",
            "example",
            "中",
            "测试",
            "文域",
            "äö",
            "ö",
            "b",
            "00",
            "\u{1f600}",
            "3\n",
            "\n",
            "cas-upload-",
            "none",
            "example\ncas",
            ".",
        ];
        for part in parts {
            let found = searches.keyword.find(&connection, part, None, &all).unwrap();
            assert_eq!(found, expected(&names, part), "{part:?}");
        }
        let find = |searches: &mut Searches, part: &str, ends: Range<i64>| {
            searches.keyword.find(&connection, part, Some(Account::default()), &ends).unwrap()
        };
        assert_eq!(find(&mut searches, "example", 4..10), [6]);
        let another = Account::parse("1234567890123456");
        assert!(searches.keyword.find(&connection, "a", another, &all).unwrap().is_empty());
        let of_identity = |searches: &mut Searches, part: &str| {
            searches.identity.find(&connection, part, None, &all).unwrap()
        };
        assert_eq!(of_identity(&mut searches, "N10"), [10]);
        assert_eq!(of_identity(&mut searches, "cd").len(), 5);
    }

    #[test]
    fn follows_what_is_stored_and_deleted() {
        let connection = database();
        let mut texts = SearchTexts::new(keyword_text);
        let mut check = |stored: &[(i64, &str)]| {
            for part in ["a", "example", "x1", "cas-upload"] {
                let found = texts.find(&connection, part, None, &(i64::MIN..i64::MAX)).unwrap();
                assert_eq!(found, expected(stored, part), "{part}");
            }
        };
        let delete = |cert_id: i64| {
            connection.execute("DELETE FROM certificate WHERE cert_id = ?1", [cert_id]).unwrap()
        };
        check(&[]);
        add(&connection, 1, "x1.example");
        add(&connection, 2, "x2.example");
        check(&[(1, "x1.example"), (2, "x2.example")]);
        delete(1);
        add(&connection, 3, "a.example");
        check(&[(2, "x2.example"), (3, "a.example")]);
        delete(3);
        check(&[(2, "x2.example")]);
        // As many as before, but others.
        delete(2);
        add(&connection, 5, "x1.example");
        check(&[(5, "x1.example")]);
    }
}
