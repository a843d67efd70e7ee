//! Which host is called for which region, beside what the official SDK calls.

use acceptance::{Cloud, Outcome, Program, chain, compile, top};

/// An upload that finds nobody: its message names the host.
fn attempt(cloud: &Cloud, settings: &[(&str, &str)]) -> Outcome {
    let program = cloud
        .program(compile("tests/fixtures/c/report.c", &[]))
        .env("CAS_LOG", "4")
        .env("CAS_MAX_ATTEMPTS", "1");
    let program = program
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret");
    let program = settings.iter().fold(program, |program, (name, value)| program.env(name, value));
    // Every name leads to a port of this machine where nobody listens.
    let program =
        program.env("ELSEWHERE_HTTPS", "1").arg("web").arg(&chain().chain).arg(&chain().key);
    let outcome = program.run();
    outcome.assert_fields(&[("status", "CAS_ERR_NETWORK"), ("attempts", "1")]);
    outcome
}

fn host(outcome: &Outcome) -> &str {
    let (_, rest) = outcome.field("message").split_once("failed to connect to ").unwrap();
    rest.split_once(':').unwrap().0
}

#[test]
fn regions_have_the_hosts_of_the_official_sdk() {
    let cloud = Cloud::start();
    let script = "from alibabacloud_cas20200407.client import Client\n\
                  from alibabacloud_tea_openapi.models import Config\n\
                  c = Client(Config(access_key_id='i', access_key_secret='s', region_id='cn-hangzhou'))\n\
                  for region, host in c._endpoint_map.items(): print(region, host)\n";
    let python = top().join("target/venv/bin/python3");
    let hosts = Program::new(python).arg("-c").arg(script).succeed();
    assert!(hosts.lines().count() > 40, "{hosts}");
    for line in hosts.lines() {
        let (region, expected) = line.split_once(' ').unwrap();
        let outcome = attempt(&cloud, &[("CAS_REGION", region)]);
        assert_eq!(host(&outcome), expected, "{region}");
        assert!(!outcome.stdout.contains("is documented"), "{}", outcome.stdout);
    }
}

#[test]
fn other_regions_the_vpc_and_a_named_endpoint() {
    let cloud = Cloud::start();
    let vpc = ("CAS_VPC", "1");
    for (settings, expected, documented) in [
        (&[("CAS_REGION", "ap-southeast-1")][..], "cas.ap-southeast-1.aliyuncs.com", true),
        (&[("CAS_REGION", "eu-central-1")], "cas.eu-central-1.aliyuncs.com", true),
        (&[("CAS_REGION", "mars-1")], "cas.mars-1.aliyuncs.com", false),
        (&[vpc], "cas-vpc.cn-hangzhou.aliyuncs.com", true),
        (&[vpc, ("CAS_REGION", "ap-southeast-1")], "cas-vpc.ap-southeast-1.aliyuncs.com", true),
        (&[vpc, ("CAS_REGION", "us-west-1")], "cas-vpc.us-west-1.aliyuncs.com", false),
        (
            &[vpc, ("CAS_REGION", "mars-1"), ("CAS_ENDPOINT", "https://cas.example/")],
            "cas.example",
            true,
        ),
        (&[], "cas.aliyuncs.com", true),
    ] {
        let outcome = attempt(&cloud, settings);
        assert_eq!(host(&outcome), expected);
        let said = outcome.stdout.lines().any(|line| {
            line.starts_with("log=4 ") && line.contains("is documented") && line.contains(expected)
        });
        assert_eq!(said, !documented, "{}", outcome.stdout);
    }
}
