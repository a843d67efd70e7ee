//! The endpoint of each region, compared with the official SDK.

use acceptance::program::report;
use acceptance::{FakeCloud, Outcome, Program, chain, compile, sdk_python};

/// An upload that cannot connect: its message names the host.
fn attempt(cloud: &FakeCloud, settings: &[(&str, &str)]) -> Outcome {
    let program = cloud
        .program(compile("tests/fixtures/c/report.c", &[]))
        .env("CAS_LOG", "4")
        .env("CAS_MAX_ATTEMPTS", "1");
    let program = program
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret");
    let program = settings.iter().fold(program, |program, (name, value)| program.env(name, value));
    // Every name leads to a closed port of this machine.
    let program = program.env("REDIRECT_HTTPS", "1").arg("web").with_chain();
    let outcome = program.run();
    outcome.assert_fields(&[("status", "CAS_ERR_NETWORK"), ("attempts", "1")]);
    outcome
}

fn host(outcome: &Outcome) -> &str {
    let (_, rest) = outcome.field("message").split_once("failed to connect to ").unwrap();
    rest.split_once(':').unwrap().0
}

#[test]
fn each_region_has_the_endpoint_of_the_official_sdk() {
    let cloud = FakeCloud::start();
    let script = "from alibabacloud_cas20200407.client import Client\n\
                  from alibabacloud_tea_openapi.models import Config\n\
                  config = Config(access_key_id='i', access_key_secret='s')\n\
                  config.region_id = 'cn-hangzhou'\n\
                  c = Client(config)\n\
                  for region, host in c._endpoint_map.items(): print(region, host)\n";
    let hosts = Program::new(sdk_python()).arg("-c").arg(script).succeed();
    assert!(hosts.lines().count() > 40, "{hosts}");
    for line in hosts.lines() {
        let (region, expected) = line.split_once(' ').unwrap();
        let outcome = attempt(&cloud, &[("CAS_REGION", region)]);
        assert_eq!(host(&outcome), expected, "{region}");
        assert!(!outcome.stdout.contains("is documented"), "{}", outcome.stdout);
    }
}

#[test]
fn endpoints_of_undocumented_regions_vpcs_and_a_configured_endpoint() {
    let cloud = FakeCloud::start();
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
        (&[("CAS_ENDPOINT", "HTTPS://cas.example")], "cas.example", true),
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

#[test]
fn an_endpoint_that_no_request_could_reach_is_refused_when_it_is_set() {
    for endpoint in ["cas.example..", "https://cas.example..:443", "httpss://cas.example"] {
        let settings = [("CAS_ENDPOINT", endpoint)];
        let outcome = report("", &settings, "web", &chain().chain, &chain().key).run();
        outcome.assert_fields(&[("status", "CAS_ERR_INVALID_ARGUMENT")]);
    }
}
