//! Lists of services that page in different ways, and lists that change while they are read.

use super::*;
use proptest::prelude::*;
use serde_json::json;

use crate::protocol::fields::parse;

/// A list of certificates, and how the service pages it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent properties")]
struct Server {
    ids: Vec<i64>,
    /// The largest page, if the service has one.
    most: usize,
    /// Whether it computes where a page begins from the size that was requested.
    begins_by_request: bool,
    /// Whether it has pages of `most` entries whatever was requested.
    ignores_size: bool,
    /// Whether its responses have `ShowSize`, and whether that is the size that was requested.
    says_size: bool,
    echoes_size: bool,
    says_total: bool,
}

impl Server {
    fn plain(ids: impl IntoIterator<Item = i64>) -> Self {
        Self {
            ids: ids.into_iter().collect(),
            most: usize::MAX,
            begins_by_request: false,
            ignores_size: false,
            says_size: true,
            echoes_size: false,
            says_total: true,
        }
    }

    fn page(&self, (number, requested): (usize, usize)) -> Page {
        let size = if self.ignores_size { self.most } else { requested.min(self.most) };
        let by_request = self.begins_by_request && !self.ignores_size;
        let step = if by_request { requested } else { size };
        let ids = self.ids.iter().skip((number - 1) * step).take(size);
        page(
            self.says_total.then_some(self.ids.len()),
            self.says_size.then_some(if self.echoes_size { requested } else { size }),
            ids.copied(),
        )
    }
}

fn page(total: Option<usize>, size: Option<usize>, ids: impl Iterator<Item = i64>) -> Page {
    let list: Vec<_> = ids.map(|id| json!({"id": id})).collect();
    parse(json!({"TotalCount": total, "ShowSize": size, "CertificateList": list})).unwrap()
}

/// Reads the list of a server that changes after each page. Returns the IDs if the list was read to
/// its end, and the number of requests.
fn read(server: &mut Server, mut change: impl FnMut(&mut Server)) -> (Option<Vec<i64>>, usize) {
    let (mut paging, mut ids) = (Paging::new(), BTreeSet::new());
    for requests in 1..=MAX_PAGES {
        let page = server.page(paging.request());
        let next = paging.add(&page);
        if next == Next::Again {
            ids.clear();
        } else {
            ids.extend(page.certificates.iter().map(|certificate| certificate.id.get()));
        }
        match next {
            Next::End => return (Some(ids.into_iter().collect()), requests),
            Next::Unstable => return (None, requests),
            Next::Page | Next::Again => change(server),
        }
    }
    panic!("the list never ends");
}

fn read_still(server: &Server) -> (Option<Vec<i64>>, usize) {
    read(&mut server.clone(), |_| {})
}

#[expect(clippy::unnecessary_wraps, reason = "a result of `read`")]
fn all(count: i64) -> Option<Vec<i64>> {
    Some((1..=count).collect())
}

#[test]
fn a_page_has_fifty_entries() {
    for (entries, requests) in [(0, 1), (1, 1), (50, 1), (51, 2), (100, 2), (10_000, 200)] {
        assert_eq!(read_still(&Server::plain(1..=entries)), (all(entries), requests), "{entries}");
    }
    // Without a total, an empty page is the end.
    for (entries, requests) in [(0, 1), (1, 2), (50, 2), (51, 3)] {
        let server = Server { says_total: false, ..Server::plain(1..=entries) };
        assert_eq!(read_still(&server), (all(entries), requests), "{entries}");
    }
}

#[test]
fn the_pages_may_be_larger_or_smaller_than_requested() {
    let server = Server::plain(1..=100);
    let smaller = Server { most: 20, ..server.clone() };
    assert_eq!(read_still(&smaller), (all(100), 5));
    let larger = Server { most: 100, ignores_size: true, ..server.clone() };
    assert_eq!(read_still(&larger), (all(100), 1));
    // The service says that its pages are larger, and they are not.
    let mut paging = Paging::new();
    assert_eq!(paging.add(&page(Some(100), Some(1_000), 1..=50)), Next::Page);
    assert_eq!(paging.request(), (2, 50));
    // The service shortens pages without saying so, and begins them as requested: the first reading
    // ends before the total is reached.
    let silent = Server { most: 20, begins_by_request: true, echoes_size: true, ..server };
    assert_eq!(read_still(&silent), (all(100), 3 + 5));
}

#[test]
fn short_pages_are_not_the_end() {
    let mut paging = Paging::new();
    for (ids, next) in
        [(1..=30, Next::Page), (31..=31, Next::Page), (32..=81, Next::Page), (82..=99, Next::End)]
    {
        assert_eq!(paging.add(&page(Some(99), Some(50), ids)), next);
    }
    // Entries without a readable ID are entries.
    let mut paging = Paging::new();
    let orders = json!({"TotalCount": 4, "CertificateList": [{"name": "a"}, {"name": "b"}]});
    assert_eq!(paging.add(&parse(orders.clone()).unwrap()), Next::Page);
    assert_eq!(paging.add(&parse(orders).unwrap()), Next::End);
}

#[test]
fn a_page_that_repeats_is_the_end() {
    for total in [None, Some(99)] {
        let mut paging = Paging::new();
        let mut add = || paging.add(&page(total, Some(50), 1..=50));
        assert_eq!(add(), Next::Page);
        if total.is_some() {
            // Perhaps an entry has moved. If another reading ends in the same way, none has.
            assert_eq!([add(), add()], [Next::Again, Next::Page]);
        }
        assert_eq!(add(), Next::End);
    }
    // A list that never ends.
    let mut paging = Paging::new();
    let mut ids = 1..;
    let mut add = || paging.add(&page(None, None, ids.next().into_iter()));
    for _ in 1..MAX_PAGES {
        assert_eq!(add(), Next::Page);
    }
    assert_eq!(add(), Next::Unstable);
}

#[test]
fn a_total_that_nothing_reaches_is_accepted_if_it_stays() {
    let read = |pages: &[i64]| {
        let mut paging = Paging::new();
        let mut id = 0;
        let mut add = |entries| {
            let ids = id + 1..=id + entries;
            id = if entries == 0 { 0 } else { id + entries };
            paging.add(&page(Some(99), Some(50), ids))
        };
        pages.iter().fold(Next::Page, |_, entries| add(*entries))
    };
    assert_eq!(read(&[50, 48, 0]), Next::Again);
    assert_eq!(read(&[50, 48, 0, 50, 48, 0]), Next::End);
    assert_eq!(read(&[50, 48, 0, 50, 49]), Next::End);
    assert_eq!(read(&[50, 48, 0, 50, 47, 0]), Next::Again);
    assert_eq!(read(&[50, 48, 0, 50, 47, 0, 50, 47, 0]), Next::End);
    let falling = [40, 0, 39, 0, 38, 0, 37, 0, 36, 0];
    assert_eq!(read(&falling), Next::Unstable);
}

#[test]
fn what_a_page_disproves_does_not_count() {
    for (total, size) in [(Some(0), Some(50)), (Some(40), None), (None, Some(10))] {
        let mut paging = Paging::new();
        assert_eq!(paging.add(&page(total, size, 1..=50)), Next::Page);
        assert_eq!(paging.request(), (2, 50));
        assert_eq!(paging.add(&page(total, size, 51..=60)), Next::Page);
        assert_eq!(paging.add(&page(total, size, 0..0)), Next::End);
    }
    assert_eq!(Paging::new().add(&page(Some(0), Some(50), 0..0)), Next::End);
}

#[test]
fn a_list_that_changes_is_read_again() {
    // One deletion: the entry at the beginning of the second page moves to the first.
    let mut deleted = false;
    let server = &mut Server::plain(1..=120);
    let (ids, requests) = read(server, |server| {
        if !deleted {
            server.ids.remove(10);
        }
        deleted = true;
    });
    assert_eq!((ids.unwrap(), requests), (server.ids.clone(), 2 + 3));
    // A deletion after every page, in a list of three pages or more.
    let server = &mut Server::plain(1..=120);
    let (ids, requests) = read(server, |server| {
        server.ids.remove(0);
    });
    assert_eq!((ids, requests), (None, 2 * MAX_READINGS as usize));
    // An addition and the deletion of an entry that was not read yet, in a list from new to old:
    // the total stays.
    let mut replaced = false;
    let server = &mut Server::plain(1..=120);
    let (ids, requests) = read(server, |server| {
        if !replaced {
            server.ids.pop();
            server.ids.insert(0, 1_000);
        }
        replaced = true;
    });
    let mut ids = ids.unwrap();
    ids.rotate_right(1);
    assert_eq!((ids, requests), (server.ids.clone(), 4 + 3));
    // Additions hide nothing, so they lead to one more reading only.
    for place in [0, 120] {
        let mut added = 1_000;
        let server = &mut Server::plain(1..=120);
        let (ids, requests) = read(server, |server| {
            added += 1;
            server.ids.insert(place, added);
        });
        let ids = ids.unwrap();
        assert!(ids.starts_with(&all(120).unwrap()), "{ids:?}");
        assert_eq!(requests, 2 + 3);
    }
}

proptest! {
    #[test]
    fn no_entry_is_missed_whatever_the_size_of_pages(
        entries in 0..260_i64,
        most in 1..70_usize,
        begins_by_request: bool,
        ignores_size: bool,
        says_size: bool,
        echoes_size: bool,
        says_total: bool,
    ) {
        // What no client can notice: pages that are shorter than the service says, or than where
        // the next one begins, in a list without a total.
        let shortens = begins_by_request && !ignores_size && (echoes_size || !says_size);
        prop_assume!(says_total || !shortens);
        let server = Server {
            ids: (1..=entries).collect(),
            most, begins_by_request, ignores_size, says_size, echoes_size, says_total,
        };
        prop_assert_eq!(read_still(&server).0, all(entries), "{:?}", server);
    }

    #[test]
    fn no_entry_is_missed_in_a_list_that_changes(
        entries in 0..260_i64,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..12),
        newest_first: bool,
        deletes_only: bool,
    ) {
        let mut server = Server::plain(1..=entries);
        let (mut stay, mut added) = (server.ids.clone(), 10_000);
        let mut changes = changes.into_iter();
        let (ids, _) = read(&mut server, |server| {
            let Some((index, adds)) = changes.next() else { return };
            if adds && !deletes_only {
                added += 1;
                server.ids.insert(if newest_first { 0 } else { server.ids.len() }, added);
            } else if !server.ids.is_empty() {
                let deleted = server.ids.remove(index.index(server.ids.len()));
                stay.retain(|id| *id != deleted);
            }
        });
        if let Some(ids) = ids {
            prop_assert!(stay.iter().all(|id| ids.contains(id)), "{:?} {:?}", stay, ids);
        }
    }
}
