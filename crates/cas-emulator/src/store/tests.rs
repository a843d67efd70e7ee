//! Tests of opening databases.

use super::upload::FIRST_ID;
use super::*;
use crate::certificates::certificate::{Leaf, parse_leaf};
use crate::clock::from_unix_seconds;

fn open_error(file: &Path) -> String {
    Store::open(Some(file), None).err().unwrap_or_default()
}

#[test]
fn rejects_databases_of_other_programs_and_newer_versions() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "not a database, but long enough to be looked at as if it were one")
        .unwrap();
    assert!(open_error(&text).ends_with("is not a cas-emulator database; it was not changed"));

    let other = folder.path().join("other");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (a); PRAGMA user_version = 1")
        .unwrap();
    assert!(open_error(&other).ends_with("is not a cas-emulator database; it was not changed"));
    assert!(!key_sealer::key_file(&other).exists());

    let future = folder.path().join("future");
    drop(Store::open(Some(&future), None).unwrap());
    Connection::open(&future).unwrap().execute_batch("PRAGMA user_version = 9").unwrap();
    assert!(
        open_error(&future)
            .ends_with("a newer cas-emulator (schema 9; this version supports up to 8)")
    );

    assert!(open_error(&folder.path().join("no/such/folder")).contains("failed to open"));
}

fn new<'a>(name: &'a str, leaf: &'a Leaf) -> NewCertificate<'a> {
    NewCertificate {
        account: Account::default(),
        name,
        pair: PemPair { cert_pem: "pem", key_pem: "the key" },
        encryption: None,
        leaf,
        resource_group_id: "",
        tags: Vec::new(),
        client_token: None,
        lag: None,
        other_uploaders: 0,
    }
}

fn insert(store: &Store, name: &str, leaf: &Leaf) -> InsertResult {
    store.insert(&new(name, leaf)).unwrap()
}

fn leaf() -> Leaf {
    parse_leaf(include_str!("../../tests/data/keys/p256.crt")).unwrap()
}

#[test]
fn reports_a_missing_or_wrong_key_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let key = key_sealer::key_file(&file);
    drop(Store::open(Some(&file), None).unwrap());
    // Without an encrypted key in the database, a new key file is created.
    std::fs::remove_file(&key).unwrap();
    let store = Store::open(Some(&file), None).unwrap();
    assert_eq!(insert(&store, "a", &leaf()), InsertResult::Stored(FIRST_ID));
    drop(store);

    let good = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    assert!(open_error(&file).contains("cas.db.key is missing"), "{}", open_error(&file));
    assert!(open_error(&file).contains("delete both files"));
    std::fs::write(&key, "short").unwrap();
    assert!(open_error(&file).contains("it must have exactly 32 bytes"), "{}", open_error(&file));
    std::fs::write(&key, [7; 32]).unwrap();
    assert!(
        open_error(&file).contains("does not decrypt the private keys"),
        "{}",
        open_error(&file)
    );
    std::fs::write(&key, good).unwrap();
    assert_eq!(open_error(&file), "");
}

/// The IDs that a filter selects, oldest first, and how many it counts.
fn listed(store: &Store, from: i64, before: i64) -> (usize, Vec<i64>) {
    let account = Account::default();
    let (ends_from, ends_before) = (Some(from_unix_seconds(from)), Some(from_unix_seconds(before)));
    let filter = ListFilter { ends_from, ends_before, ..ListFilter::all(account) };
    let (total, page) = store.listed(&filter, &(0..100)).unwrap();
    (total, page.iter().rev().map(|certificate| certificate.cert_id).collect())
}

const DAY: i64 = 86_400;

#[test]
fn counts_agree_with_lists_at_every_boundary() {
    let store = Store::open(None, None).unwrap();
    // Around the epoch and whole days, and the first and the last second of a certificate.
    let mut ends = vec![-62_167_219_200, -DAY - 1, -DAY, -1, 0, 1, DAY - 1, DAY, DAY + 1];
    ends.extend([30 * DAY, 31 * DAY + 5, 253_402_300_799]);
    for (index, end) in ends.iter().enumerate() {
        let leaf = Leaf { not_after: *end, ..leaf() };
        insert(&store, &format!("n{index}"), &leaf);
    }
    let all: Vec<_> = (FIRST_ID..).zip(ends.clone()).collect();
    for from in ends.iter().flat_map(|end| [end - 1, *end, end + 1]) {
        for before in ends.iter().flat_map(|end| [end - 1, *end, end + 1]) {
            let selected = all.iter().filter(|(_, end)| (from..before).contains(end));
            let selected: Vec<i64> = selected.map(|(cert_id, _)| *cert_id).collect();
            assert_eq!(listed(&store, from, before), (selected.len(), selected));
        }
    }
    // A deleted certificate is not counted.
    assert_eq!(store.delete(Account::default(), FIRST_ID + 4, None), Ok(DeleteResult::Deleted));
    let (total, page) = store.listed(&ListFilter::all(Account::default()), &(0..100)).unwrap();
    assert_eq!((total, page.len()), (ends.len() - 1, ends.len() - 1));
}

#[test]
fn pages_from_either_end_are_the_same() {
    let store = Store::open(None, None).unwrap();
    let leaf = leaf();
    for index in 0..11 {
        insert(&store, &format!("n{index}"), &leaf);
    }
    let newest_first: Vec<i64> = (FIRST_ID..FIRST_ID + 11).rev().collect();
    for start in 0..13 {
        for end in start..14 {
            let (total, page) =
                store.listed(&ListFilter::all(Account::default()), &(start..end)).unwrap();
            let ids: Vec<_> = page.iter().map(|certificate| certificate.cert_id).collect();
            let expected = &newest_first[start.min(11)..end.min(11)];
            assert_eq!((total, &*ids), (11, expected), "{start}..{end}");
        }
    }
}

#[test]
fn writes_that_arrive_together_each_get_their_own_result() {
    let store = Store::open(None, None).unwrap();
    let leaf = leaf();
    let results: Vec<InsertResult> = std::thread::scope(|scope| {
        let insert = |index: usize| {
            let (store, leaf) = (&store, &leaf);
            scope.spawn(move || insert(store, &format!("n{}", index % 20), leaf))
        };
        let threads: Vec<_> = (0..40).map(insert).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut stored: Vec<i64> = results
        .iter()
        .filter_map(|result| match result {
            InsertResult::Stored(cert_id) => Some(*cert_id),
            _ => None,
        })
        .collect();
    stored.sort_unstable();
    assert_eq!(stored, (FIRST_ID..FIRST_ID + 20).collect::<Vec<_>>());
    assert_eq!(results.iter().filter(|result| **result == InsertResult::NameTaken).count(), 20);
}

#[test]
fn a_keyword_selects_within_a_resource_group() {
    let store = Store::open(None, None).unwrap();
    let groups = ["a", "b", "", "a", "a", "b"];
    for (index, group) in groups.into_iter().enumerate() {
        let names = if index == 3 { "other.test" } else { "www.example.com" };
        let leaf = Leaf { common_name: names.to_owned(), sans: Vec::new(), ..leaf() };
        let lag = (index == 4).then(|| std::time::Duration::from_secs(600));
        let name = format!("n{index}");
        let certificate = NewCertificate { resource_group_id: group, lag, ..new(&name, &leaf) };
        assert!(matches!(store.insert(&certificate), Ok(InsertResult::Stored(_))));
    }
    let listed = |keyword, group| {
        let all = ListFilter::all(Account::default());
        let filter = ListFilter { keyword: Some(keyword), resource_group_id: group, ..all };
        let (total, page) = store.listed(&filter, &(0..10)).unwrap();
        let ids: Vec<_> = page.iter().map(|it| it.cert_id - FIRST_ID).collect();
        assert_eq!(total, ids.len());
        ids
    };
    assert_eq!(listed("example", Some("a")), [0]);
    assert_eq!(listed("EXAMPLE", Some("b")), [5, 1]);
    assert_eq!(listed("t", Some("a")), [3]);
    assert_eq!(listed("example", Some("c")), [0; 0]);
    assert_eq!(listed("example", None), [5, 2, 1, 0]);
}
