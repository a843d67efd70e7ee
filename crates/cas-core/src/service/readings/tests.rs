//! Which thread requests a page, and which reading serves whom.

use super::*;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::base::deadline::Cancellation;
use crate::protocol::fields::parse;
use crate::service::version::ApiVersion::{V2018_07_13, V2020_04_07};

const HOUR: Duration = Duration::from_secs(3600);

/// A response with the certificates of these IDs.
fn response(total: usize, ids: std::ops::RangeInclusive<i64>) -> Response<Page> {
    let list: Vec<_> = ids.map(|id| json!({"id": id})).collect();
    let fields = parse(json!({"TotalCount": total, "CertificateList": list})).unwrap();
    Response { fields, request_id: Some(format!("R-{total}")), http_status: 200 }
}

/// The number of the page that the reader has to request.
#[track_caller]
fn requested(reader: &mut Reader<'_>) -> usize {
    match reader.turn() {
        Turn::Request(_, number, 50) => number,
        turn => panic!("{turn:?}"),
    }
}

/// How many certificates the reader has to look at.
#[track_caller]
fn looked_at(reader: &mut Reader<'_>) -> usize {
    match reader.turn() {
        Turn::Look(from) => {
            reader.seen().pages[from..].iter().map(|page| page.certificates.len()).sum()
        }
        turn => panic!("{turn:?}"),
    }
}

#[track_caller]
fn ids(mut reader: Reader<'_>) -> Vec<i64> {
    assert_eq!(reader.turn(), Turn::End);
    reader.seen().certificates().iter().map(|certificate| certificate.id.get()).collect()
}

#[test]
fn a_reading_serves_those_who_asked_before_it_began() {
    let (readings, deadline) = (Readings::default(), Deadline::after(HOUR));
    let reader = || readings.reader(V2018_07_13, &deadline);
    let [mut first, mut second] = [reader(), reader()];
    assert_eq!(requested(&mut first), 1);
    // They ask while the first page is being requested, or after it.
    let mut third = reader();
    first.add(response(60, 1..=50));
    let fourth = reader();
    assert_eq!((looked_at(&mut first), looked_at(&mut second)), (50, 50));
    assert_eq!(requested(&mut second), 2);
    second.add(response(60, 51..=60));
    for mut reader in [first, second] {
        assert_eq!(looked_at(&mut reader), 10);
        assert_eq!(ids(reader), (1..=60).collect::<Vec<_>>());
    }
    // The next reading.
    assert_eq!(requested(&mut third), 1);
    third.add(response(1, 61..=61));
    for mut reader in [third, fourth] {
        assert_eq!(looked_at(&mut reader), 1);
        assert_eq!(ids(reader), [61]);
    }
    assert!(readings.lock().reading.is_none());
}

#[test]
fn another_thread_goes_on_where_one_leaves() {
    let (readings, deadline) = (Readings::default(), Deadline::after(HOUR));
    let [mut first, mut second, mut third] =
        [0; 3].map(|_| readings.reader(V2018_07_13, &deadline));
    assert_eq!(requested(&mut first), 1);
    first.add(response(150, 1..=50));
    assert_eq!(looked_at(&mut first), 50);
    assert_eq!(first.seen().certificates().len(), 50);
    assert_eq!(first.seen().request_id.as_ref().unwrap(), "R-150");
    drop(first);
    assert_eq!((looked_at(&mut second), looked_at(&mut third)), (50, 50));
    // Its request fails.
    assert_eq!(requested(&mut second), 2);
    drop(second);
    assert_eq!(requested(&mut third), 2);
    third.add(response(150, 51..=100));
    assert_eq!(looked_at(&mut third), 50);
    // The list changed, and is read again.
    assert_eq!(requested(&mut third), 3);
    third.add(response(149, 102..=150));
    assert_eq!(requested(&mut third), 1);
    third.add(response(1, 7..=7));
    assert_eq!(looked_at(&mut third), 1);
    assert_eq!(ids(third), [7]);
    assert!(readings.lock().reading.is_none());
}

#[test]
fn a_list_that_changes_is_read_again_without_those_before_it() {
    let (readings, deadline) = (Readings::default(), Deadline::after(HOUR));
    let mut reader = readings.reader(V2020_04_07, &deadline);
    for (page, total, first, last) in [
        (1, 1, 1, 1),
        // The second list: of expired certificates.
        (1, 60, 1, 50),
        (2, 59, 51, 59),
        (1, 2, 1, 2),
    ] {
        assert_eq!(requested(&mut reader), page);
        reader.add(response(total, first..=last));
        if total != 59 {
            looked_at(&mut reader);
        }
    }
    assert_eq!(ids(reader), [1, 2]);
    // Until it has changed too often.
    let mut reader = readings.reader(V2018_07_13, &deadline);
    let mut requests = 0;
    while reader.turn() != Turn::Unstable {
        if reader.requesting {
            requests += 1;
            reader.add(response(1_000 - requests, 1..=1));
        }
    }
    assert_eq!(requests, 2 * crate::service::paging::MAX_READINGS as usize);
}

#[test]
fn the_versions_have_readings_of_their_own() {
    let (readings, deadline) = (Readings::default(), Deadline::after(HOUR));
    let mut old = readings.reader(V2018_07_13, &deadline);
    assert_eq!(requested(&mut old), 1);
    assert_eq!(readings.reader(V2020_04_07, &deadline).turn(), Turn::Alone);
}

#[test]
fn a_thread_waits_for_another_no_longer_than_for_its_own_request() {
    let (readings, hour) = (Readings::default(), Deadline::after(HOUR));
    let soon = Deadline::after(Duration::from_millis(400));
    let mut hangs = readings.reader(V2018_07_13, &hour);
    let mut waits = readings.reader(V2018_07_13, &soon);
    assert_eq!(requested(&mut hangs), 1);
    let mut waits_for_next = readings.reader(V2018_07_13, &soon);
    assert_eq!((waits.turn(), waits_for_next.turn()), (Turn::Alone, Turn::Alone));
    assert!(!soon.has_passed());
    assert_eq!(readings.reader(V2018_07_13, &Deadline::over()).turn(), Turn::Over);
    drop((waits, waits_for_next));
    hangs.add(response(1, 1..=1));
    assert_eq!(looked_at(&mut hangs), 1);
    assert_eq!(ids(hangs), [1]);
    assert!(readings.lock().reading.is_none());
}

#[test]
fn a_waiting_thread_can_be_cancelled() {
    let (readings, hour) = (Readings::default(), Deadline::after(HOUR));
    let cancellation = Cancellation::default();
    let deadline = cancellation.deadline(Instant::now() + HOUR);
    let mut hangs = readings.reader(V2018_07_13, &hour);
    assert_eq!(requested(&mut hangs), 1);
    let mut waits = readings.reader(V2018_07_13, &deadline);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| waits.turn());
        cancellation.cancel();
        assert_eq!(waiting.join().unwrap(), Turn::Over);
    });
}
