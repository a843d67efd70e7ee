//! Which resources a plan has, and the names of jobs.

use super::*;
use serde_json::json;

use crate::protocol::fields::parse;
use crate::service::deployment::types::JobId;

fn id(id: i64) -> CertId {
    CertId::new(id).unwrap()
}

fn certificate(sans: &str) -> Certificate {
    parse(json!({"Id": 7, "Common": "", "Sans": sans})).unwrap()
}

fn resource(id: i64, domain: &str, cert_id: i64) -> CloudResource {
    parse(json!({
        "Id": id, "CloudName": "aliyun", "CloudProduct": "CDN", "Domain": domain,
        "CertId": cert_id,
    }))
    .unwrap()
}

fn job(id: i64, name: &str, status: &str) -> DeploymentJob {
    parse(json!({"Id": id, "Name": name, "Status": status})).unwrap()
}

fn contact(id: i64) -> Contact {
    Contact { id, name: format!("contact {id}") }
}

fn inventory(sans: &str, resources: Vec<CloudResource>) -> Inventory {
    let contacts = vec![contact(4), contact(5)];
    Inventory { certificate: certificate(sans), resources, contacts, jobs: Vec::new() }
}

fn request(domains: &[&str]) -> DeploymentRequest {
    let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
    DeploymentRequest { domains, ..DeploymentRequest::default() }
}

fn ids(resources: &[CloudResource]) -> Vec<i64> {
    resources.iter().map(|resource| resource.id).collect()
}

#[test]
fn resources_are_matched_exactly() {
    let resources = || {
        vec![
            resource(1, "www.example.com", 0),
            resource(2, "example.com", 0),
            resource(3, "*.example.com", 0),
            resource(4, ".example.com", 0),
            resource(5, "a.b.example.com", 0),
            resource(6, "www.example.com.evil.example", 0),
            resource(7, "xn--fsqu00a.xn--fiqs8s", 0),
            resource(8, "", 0),
            resource(9, "WWW.Example.com", 0),
        ]
    };
    let sans = "example.com,*.example.com,*.b.example.com,例子.中国";
    for (domain, expected) in [
        ("www.example.com", &[1, 9][..]),
        ("WWW.EXAMPLE.COM.", &[1, 9]),
        ("example.com", &[2]),
        ("*.example.com", &[1, 3, 4, 9]),
        ("例子.中国", &[7]),
        ("other.example", &[]),
        ("", &[]),
    ] {
        let plan = plan(&request(&[domain]), inventory(sans, resources()));
        assert_eq!(ids(&plan.resources), expected, "{domain}");
        assert_eq!(plan.unmatched.is_empty(), !expected.is_empty(), "{domain}");
    }
    let both = plan(&request(&["www.example.com", "*.example.com"]), inventory(sans, resources()));
    assert_eq!(ids(&both.resources), [1, 3, 4, 9]);
}

#[test]
fn a_resource_that_the_certificate_does_not_cover_is_left_out() {
    let resources = vec![resource(1, "www.example.com", 0), resource(2, "*.example.com", 0)];
    let plan = plan(&request(&["*.example.com"]), inventory("www.example.com", resources));
    assert_eq!((ids(&plan.resources), ids(&plan.not_covered)), (vec![1], vec![2]));
    assert!(plan.unmatched.is_empty());
}

#[test]
fn resources_of_other_clouds_are_left_out() {
    let mut other = resource(1, "www.example.com", 0);
    other.cloud = "Tencent".to_owned();
    let plan = plan(&request(&["www.example.com"]), inventory("www.example.com", vec![other]));
    assert_eq!(plan.unmatched, ["www.example.com"]);
}

#[test]
fn a_resource_with_the_certificate_is_left_out_and_counts_for_the_name() {
    let plan = |of_first: i64| {
        let resources =
            vec![resource(1, "www.example.com", of_first), resource(2, "www.example.com", 6)];
        plan(&request(&["www.example.com"]), inventory("www.example.com", resources))
    };
    let (before, after) = (plan(6), plan(7));
    assert_eq!((ids(&before.resources), ids(&before.deployed)), (vec![1, 2], vec![]));
    assert_eq!((ids(&after.resources), ids(&after.deployed)), (vec![2], vec![1]));
    // A job that has failed for a part of the resources is found again.
    assert_eq!(before.job_name, after.job_name);
    assert!(before.job_name.starts_with("libcas-7-"), "{}", before.job_name);
}

#[test]
fn the_name_depends_on_the_certificate_and_the_resources_alone() {
    let name = |cert_id: i64, resources: &[i64]| {
        let resources: Vec<_> = resources.iter().map(|id| resource(*id, "", 0)).collect();
        base_name(id(cert_id), &resources)
    };
    assert_eq!(name(7, &[1, 2]), name(7, &[1, 2]));
    for other in [name(8, &[1, 2]), name(7, &[1]), name(7, &[12]), name(7, &[])] {
        assert_ne!(other, name(7, &[1, 2]));
    }
    assert!(name(i64::MAX, &[1]).len() <= 63);
}

#[test]
fn the_first_contact_is_informed_or_those_requested() {
    let contacts = |requested: &[i64]| {
        let contact_ids = requested.to_vec();
        let request = DeploymentRequest { contact_ids, ..request(&["www.example.com"]) };
        let plan = plan(&request, inventory("", vec![]));
        plan.contacts.iter().map(|contact| contact.id).collect::<Vec<_>>()
    };
    assert_eq!(contacts(&[]), [4]);
    assert_eq!(contacts(&[5]), [5]);
    assert_eq!(contacts(&[9]), [0_i64; 0]);
}

#[test]
fn the_job_of_an_earlier_run_is_found() {
    let resources = || vec![resource(1, "www.example.com", 0)];
    let fresh = plan(&request(&["www.example.com"]), inventory("www.example.com", resources()));
    let base = fresh.job_name.as_str();
    let second = format!("{base}-2");
    let planned = |again: bool, jobs: &[(i64, &str, &str)]| {
        let jobs = jobs.iter().map(|(id, name, status)| (job(*id, name, status), vec![]));
        let inventory =
            Inventory { jobs: jobs.collect(), ..inventory("www.example.com", resources()) };
        let request = DeploymentRequest { again, ..request(&["www.example.com"]) };
        let plan = plan(&request, inventory);
        (plan.job_name.clone(), plan.job.map(|job| job.id.get()))
    };
    let (first, second) = (base.to_owned(), second.as_str());
    let alike = format!("{base}0");
    for (again, jobs, name, id) in [
        (false, &[][..], &first, None),
        (false, &[(1, "other", "editing"), (2, &alike, "editing")], &first, None),
        (false, &[(1, base, "editing")], &first, Some(1)),
        (false, &[(1, base, "success")], &first, Some(1)),
        (true, &[(1, base, "processing")], &first, Some(1)),
        (true, &[(1, base, "success")], &second.to_owned(), None),
        (true, &[(1, base, "error"), (2, second, "scheduling")], &second.to_owned(), Some(2)),
        (false, &[(1, base, "error"), (2, second, "success")], &second.to_owned(), Some(2)),
        // Of two that were created at the same time, the one that runs, or else the first.
        (false, &[(2, base, "editing"), (1, base, "editing")], &first, Some(1)),
        (false, &[(1, base, "editing"), (2, base, "processing")], &first, Some(2)),
        (false, &[(3, base, "success"), (2, base, "editing")], &first, Some(3)),
    ] {
        assert_eq!(planned(again, jobs), (name.clone(), id), "{again} {jobs:?}");
    }
}

#[test]
fn a_resource_that_another_job_works_on_is_left_to_it() {
    let worker = |resource: i64, status: &str| -> WorkerResource {
        parse(json!({"Id": resource, "ResourceId": resource, "Status": status})).unwrap()
    };
    let planned = |status: &str, workers: Vec<WorkerResource>| {
        let resources = vec![resource(1, "www.example.com", 0), resource(2, "www.example.com", 0)];
        let jobs = vec![(job(1, "made in the console", status), workers)];
        let inventory = Inventory { jobs, ..inventory("www.example.com", resources) };
        let plan = plan(&request(&["www.example.com"]), inventory);
        (ids(&plan.resources), ids(&plan.in_progress))
    };
    let active = || vec![worker(1, "processing")];
    assert_eq!(planned("processing", active()), (vec![2], vec![1]));
    assert_eq!(planned("editing", active()), (vec![1, 2], vec![]));
    assert_eq!(planned("processing", vec![worker(1, "error")]), (vec![1, 2], vec![]));
}

#[test]
fn every_program_chooses_the_same_job() {
    let jobs = [job(3, "n", "editing"), job(1, "m", "success"), job(2, "n", "editing")];
    assert_eq!(find(jobs.iter(), "n").map(|job| job.id), JobId::new(2));
    assert_eq!(find(jobs.iter().rev(), "n").map(|job| job.id), JobId::new(2));
    assert_eq!(find(jobs.iter(), "o"), None);
}

#[test]
fn a_resource_with_a_newer_certificate_can_be_left_out() {
    let planned = |keep_newer: bool, milliseconds: i64| {
        let mut used = resource(1, "www.example.com", 6);
        used.cert_not_before = Some(crate::base::time::UnixTime(milliseconds / 1000));
        let mut inventory = inventory("www.example.com", vec![used]);
        inventory.certificate.not_before = "2026-05-01".to_owned();
        let request = DeploymentRequest { keep_newer, ..request(&["www.example.com"]) };
        let plan = plan(&request, inventory);
        (ids(&plan.resources), ids(&plan.newer))
    };
    // 2026-05-01 and the day after.
    let (same, next) = (1_777_680_000_000 - 1, 1_777_680_000_000);
    assert_eq!(planned(true, next), (vec![], vec![1]));
    assert_eq!(planned(true, same), (vec![1], vec![]));
    assert_eq!(planned(false, next), (vec![1], vec![]));
}
