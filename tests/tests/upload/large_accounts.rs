//! Look-ups in accounts with many certificates, and services that page their lists in other ways.

use acceptance::stub::Reply;
use acceptance::{Emulator, Outcome, Program, Stub, chain, compile, other_chain, report};
use serde_json::{Value, json};

use crate::exactly_once::Api;

const RENAME: (&str, &str) = ("CAS_ON_CONFLICT", "2");
const REPLACE: (&str, &str) = ("CAS_ON_CONFLICT", "3");

/// Stores this many certificates, newer than those that are there, of the same domain.
fn fill(emulator: &Emulator, certificates: &str) {
    let other = other_chain();
    let settings = [("CAS_SKIP_CHECKS", "1")];
    report(emulator.url(), &settings, "other", &other.chain, &other.key)
        .arg(certificates)
        .succeed();
}

fn upload(endpoint: &str, api: Api, settings: &[(&str, &str)]) -> Outcome {
    let settings = [&[("CAS_API", api.number())], settings].concat();
    report(endpoint, &settings, "web", &chain().chain, &chain().key).run()
}

/// The parameters of the requests for lists.
fn lists(emulator: &Emulator, api: Api) -> Vec<Value> {
    let requests = emulator.requests();
    let lists = requests.iter().filter(|request| request["action"] == api.list());
    lists.map(|request| request["parameters"].clone()).collect()
}

#[test]
fn a_lost_response_costs_one_request_in_a_large_account() {
    for api in [Api::Old, Api::New] {
        let emulator = Emulator::start(&[]);
        fill(&emulator, "120");
        let fault = json!({"action": api.upload(), "kind": "drop-after", "times": 1});
        emulator.fault(&fault.to_string());
        let outcome = upload(emulator.url(), api, &[]);
        outcome.assert_fields(&[("status", "CAS_OK"), ("attempts", "1"), ("outcome", "0")]);
        let lists = lists(&emulator, api);
        assert_eq!(lists.len(), 1);
        let keyword = &lists[0]["Keyword"]["value"];
        assert_eq!(*keyword, if api == Api::New { json!("demo.example") } else { Value::Null });
    }
}

#[test]
fn the_oldest_certificate_of_a_large_account_is_found() {
    for (api, rule, requests) in [
        (Api::Old, RENAME, 3),
        (Api::Old, REPLACE, 3),
        // The search for the domain, and the list of expired certificates.
        (Api::New, RENAME, 1 + 3 + 1),
        (Api::New, REPLACE, 3 + 1),
    ] {
        let emulator = Emulator::start(&[]);
        let other = other_chain();
        report(emulator.url(), &[], "web", &other.chain, &other.key).succeed();
        fill(&emulator, "120");
        let outcome = upload(emulator.url(), api, &[rule]);
        assert!(outcome.field("name").starts_with("web-"), "{}", outcome.stdout);
        assert_eq!(lists(&emulator, api).len(), requests, "{api:?} {rule:?}");
        assert_eq!(emulator.certificates().len(), if rule == RENAME { 122 } else { 121 });
    }
}

#[test]
fn threads_share_a_reading_of_the_list() {
    let emulator = Emulator::start(&[]);
    fill(&emulator, "420");
    let together = |on_conflict: &str| {
        let before = lists(&emulator, Api::Old).len();
        let program = Program::new(compile("tests/fixtures/c/together.c", &[]));
        let program = program.arg(emulator.url()).with_chain().arg("8").arg(on_conflict);
        let outcome = program.run();
        assert_eq!(outcome.stdout, "CAS_OK\n".repeat(8), "{}", outcome.stderr);
        lists(&emulator, Api::Old).len() - before
    };
    // The first request takes long enough for the other threads to begin. Each needs the whole list
    // of nine pages before it uploads.
    let slow = json!({"action": Api::Old.list(), "kind": "delay", "ms": 500, "times": 1});
    emulator.fault(&slow.to_string());
    let requests = together("2");
    assert!((9..=8 * 9 / 2).contains(&requests), "{requests} requests");
    // Each response is lost, and nothing is stored: each thread looks three times, and then sends
    // its certificate again.
    emulator.control("POST", "/_emulator/reset");
    fill(&emulator, "420");
    let lost = json!({"action": Api::Old.upload(), "kind": "drop-before", "times": 8});
    emulator.fault(&lost.to_string());
    let requests = together("0");
    assert!((3 * 9..=8 * 3 * 9 / 2).contains(&requests), "{requests} requests");
}

/// A page of a list in 2018-07-13 with the certificates of these IDs. Number 7 is named `web`.
fn page(total: Option<usize>, size: Option<usize>, ids: &[i64]) -> Reply {
    let entry = |id: &i64| {
        let name = if *id == 7 { "web".to_owned() } else { format!("other-{id}") };
        json!({"id": id, "name": name, "fingerprint": "A".repeat(40)})
    };
    let list: Vec<_> = ids.iter().map(entry).collect();
    let mut page = json!({"CertificateList": list});
    for (field, value) in [("TotalCount", total), ("ShowSize", size)] {
        if let Some(value) = value {
            page[field] = value.into();
        }
    }
    Reply::http("200 OK", "", &page.to_string())
}

/// The value of a parameter in a form.
fn parameter<'a>(form: &'a str, name: &str) -> Option<&'a str> {
    form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Uploads `web` and renames it if the name is taken. Returns the outcome, and the pages that were
/// requested before as `number/size`.
fn renamed(pages: Vec<Reply>) -> (Outcome, Vec<String>) {
    let stored = Reply::http("200 OK", "", r#"{"CertId":5}"#);
    let stub = Stub::start([pages, vec![stored]].concat());
    let outcome = upload(&stub.url(), Api::Old, &[RENAME]);
    let requests = stub.requests();
    let pages = requests.iter().filter_map(|request| {
        let number = parameter(&request.body, "CurrentPage")?;
        Some(format!("{number}/{}", parameter(&request.body, "ShowSize")?))
    });
    (outcome, pages.collect())
}

#[track_caller]
fn assert_pages(expect_taken: bool, pages: Vec<Reply>, requested: &[&str]) {
    let (outcome, pages) = renamed(pages);
    outcome.assert_fields(&[("status", "CAS_OK"), ("cert_id", "5")]);
    assert_eq!(outcome.field("name").starts_with("web-"), expect_taken, "{}", outcome.stdout);
    assert_eq!(pages, requested);
}

#[test]
fn nothing_is_missed_however_the_service_pages() {
    // Smaller pages than requested, with and without the size in the response.
    let clamped = |size| {
        vec![page(Some(5), size, &[1, 2]), page(Some(5), size, &[3, 4]), page(Some(5), size, &[7])]
    };
    assert_pages(true, clamped(Some(2)), &["1/50", "2/2", "3/2"]);
    assert_pages(true, clamped(None), &["1/50", "2/50", "3/50"]);
    // Short pages, the last of them without entries.
    let short = vec![
        page(Some(9), Some(50), &[1]),
        page(Some(9), Some(50), &[2, 3, 4, 5, 6]),
        page(Some(9), Some(50), &[7, 8, 9]),
    ];
    assert_pages(true, short, &["1/50", "2/50", "3/50"]);
    // No total: the end is an empty page.
    let without_total = |third: &[i64]| {
        let pages = [&[1, 2][..], &[3], third, &[]];
        pages.map(|ids| page(None, None, ids)).to_vec()
    };
    let four = ["1/50", "2/50", "3/50", "4/50"];
    assert_pages(true, without_total(&[7]), &four);
    assert_pages(false, without_total(&[8]), &four);
    assert_pages(false, vec![page(Some(0), None, &[])], &["1/50"]);
    let no_list = Reply::http("200 OK", "", r#"{"TotalCount":0}"#);
    assert_pages(false, vec![no_list], &["1/50"]);
    // A server that repeats a page for ever, with and without a total.
    assert_pages(false, vec![page(None, None, &[1]), page(None, None, &[1])], &["1/50", "2/50"]);
    let repeats = vec![page(Some(9), None, &[1]); 4];
    assert_pages(false, repeats, &["1/50", "2/50", "1/1", "2/1"]);
}

#[test]
fn a_list_that_changes_is_read_again() {
    let deleted = vec![
        page(Some(4), Some(2), &[1, 2]),
        // One of them was deleted, and `web` moved to the first page.
        page(Some(3), Some(2), &[3]),
        page(Some(3), Some(2), &[2, 7]),
        page(Some(3), Some(2), &[3]),
    ];
    assert_pages(true, deleted, &["1/50", "2/2", "1/2", "2/2"]);
    let never_still: Vec<_> = (0..5)
        .flat_map(|turn| [9 - turn, 8 - turn].map(|total| page(Some(total), Some(1), &[1])))
        .collect();
    let (outcome, pages) = renamed(never_still);
    outcome.assert_fields(&[("status", "CAS_ERR_PROTOCOL"), ("attempts", "0"), ("retryable", "1")]);
    assert!(outcome.field("message").contains("changed each time"), "{}", outcome.stdout);
    assert_eq!(pages.len(), 10);
}

#[test]
fn an_incomplete_list_proves_nothing() {
    for list in [
        json!({"TotalCount": 5}),
        json!({"TotalCount": 5, "CertificateList": null}),
        json!({"TotalCount": 1, "CertificateList": [{"id": "?", "name": "web"}]}),
        json!({"TotalCount": 1, "CertificateList": [{"name": "web"}]}),
    ] {
        let incomplete = || Reply::http("200 OK", "", &list.to_string());
        let (outcome, _) = renamed(vec![incomplete()]);
        outcome.assert_fields(&[("status", "CAS_ERR_PROTOCOL"), ("attempts", "0")]);
        // After an attempt, libcas looks again.
        let taken = Reply::http("400 Bad Request", "", r#"{"Code":"NameRepeat"}"#);
        let other = page(Some(1), Some(50), &[7]);
        let stub = Stub::start(vec![taken, incomplete(), other]);
        upload(&stub.url(), Api::Old, &[]).assert_fields(&[("status", "CAS_ERR_NAME_TAKEN")]);
        assert_eq!(stub.requests().len(), 3, "{list}");
    }
    // Entries under other names may have any ID.
    let orders = json!({"TotalCount": 2, "CertificateList": [{"name": "x"}, {"id": 0}]});
    assert_pages(false, vec![Reply::http("200 OK", "", &orders.to_string())], &["1/50"]);
}
