//! Programs that know only the real addresses of the service: other people's tools, and libcas
//! without an endpoint. They reach the emulator through a tunnel, with their own code unchanged.

use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::program::compile;
use acceptance::{Emulator, Program, artefact, chain, installed, node_modules, run, sdk_python};
use acceptance::{scratch, top};
use serde_json::Value;

/// An emulator with a certificate authority.
struct Cloud {
    client: String,
    emulator: Emulator,
    ca: PathBuf,
}

impl Cloud {
    fn start(client: &str, options: &[&str]) -> Self {
        let directory = scratch(client);
        let with_ca = [&["--tls-ca", directory.to_str().unwrap()], options].concat();
        let ca = directory.join("ca.pem");
        Self { client: client.to_owned(), emulator: Emulator::start(&with_ca), ca }
    }

    /// A program that uses the emulator as its proxy and trusts its authority.
    fn program(&self, path: impl AsRef<std::ffi::OsStr>) -> Program {
        let ca = self.ca.to_str().unwrap();
        let trust =
            ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];
        let program = Program::new(path).envs(&trust.map(|name| (name, ca)));
        program.envs(&["HTTPS_PROXY", "https_proxy"].map(|name| (name, self.emulator.url())))
    }

    /// A Python program, which trusts the authority in the way of examples/testing.
    fn python(&self, path: impl AsRef<std::ffi::OsStr>) -> Program {
        let module = top().join("examples/testing/python/trust");
        self.program(path).env("PYTHONPATH", module).env("PYTHONDONTWRITEBYTECODE", "1")
    }

    /// The names of the stored certificates.
    fn names(&self) -> Vec<String> {
        let name = |certificate: &Value| certificate["name"].as_str().unwrap().to_owned();
        self.emulator.certificates().iter().map(name).collect()
    }

    /// The actions of the requests, which must all have come through a tunnel to one of `hosts`.
    /// Prints them as rows of a table, for `--nocapture`.
    fn actions(&self, hosts: &[&str]) -> Vec<String> {
        let action = |request: &Value| {
            let host = request["host"].as_str().unwrap();
            assert!(hosts.contains(&host), "{request}");
            assert_eq!(request["tunnel"], format!("{host}:443"), "{request}");
            let (action, code) = (request["action"].as_str().unwrap(), request["code"].as_str());
            println!("| {} | {host} | {action} | {} |", self.client, code.unwrap_or("ok"));
            action.to_owned()
        };
        self.emulator.requests().iter().map(action).collect()
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn cloud_cert_renewer_uploads_and_finds_what_it_uploaded() {
    let cloud = Cloud::start("cloud-cert-renewer", &[]);
    for _ in 0..2 {
        let program = cloud.python(sdk_python()).args(["-B", "-m", "cloud_cert_renewer"]);
        let settings = [
            ("SERVICE_TYPE", "lb"),
            ("LB_INSTANCE_ID", "lb-1"),
            ("LB_LISTENER_PORT", "443"),
            ("LB_REGION", "cn-hangzhou"),
            ("LB_CERT_SOURCE", "cas"),
            ("FORCE_UPDATE", "true"),
            ("CLOUD_ACCESS_KEY_ID", "testid"),
            ("CLOUD_ACCESS_KEY_SECRET", "testsecret"),
        ];
        let files =
            [("LB_CERT", read(&chain().chain)), ("LB_CERT_PRIVATE_KEY", read(&chain().key))];
        let outcome = program.envs(&settings).envs(&files).run();
        // The load balancer is a service of its own.
        assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
        let said = outcome.stdout + &outcome.stderr;
        assert!(said.contains("host='slb.aliyuncs.com'"), "{said}");
        assert!(said.contains("Tunnel connection failed: 403"), "{said}");
    }
    let names = cloud.names();
    assert!(names.len() == 1 && names[0].starts_with("lb-1-"), "{names:?}");
    let expected =
        ["ListUserCertificateOrder", "UploadUserCertificate", "ListUserCertificateOrder"];
    assert_eq!(cloud.actions(&["cas.aliyuncs.com"]), expected);
    let said = cloud.emulator.stop();
    assert!(said.contains("refused CONNECT to slb.aliyuncs.com:443: not emulated"), "{said}");
}

#[test]
fn aliyun_cert_uploads_lists_shows_and_deletes() {
    let cloud = Cloud::start("aliyun-cert", &[]);
    let tool = top().join("target/aliyun-cert/bin/aliyun-cert");
    assert!(tool.exists(), "run `make test`: it installs {}", tool.display());
    let call = |arguments: &[&str]| {
        let program = cloud.python(&tool).args(arguments);
        program.env("ALIYUN_ACCESS_KEY_ID", "testid").env("ALIYUN_ACCESS_KEY_SECRET", "testsecret")
    };
    let [cert, key] = chain().files();
    let said = call(&["upload-cert", cert, key, "--domain", "demo.example"]).succeed();
    assert_eq!(said, "cert 10000000 uploaded for demo.example\n");
    let names = cloud.names();
    assert!(names.len() == 1 && names[0].starts_with("demo_example_"), "{names:?}");
    let listed = call(&["list-certs"]).succeed();
    let shown = call(&["get-cert", "--cert-id", "10000000"]).succeed();
    for said in [listed, shown] {
        assert!(said.contains("demo.example,127.0.0.1") && said.contains("days left"), "{said}");
    }
    let hook = call(&["certbot-deploy-hook", "--cdn", "--renewed_domains", "demo.example"]);
    let folder = scratch("aliyun-cert-lineage");
    std::fs::copy(cert, folder.join("fullchain.pem")).unwrap();
    std::fs::copy(key, folder.join("privkey.pem")).unwrap();
    let outcome = hook.arg("--cert-path").arg(&folder).run();
    // It has uploaded the certificate. The domains of the CDN are another service.
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stdout.contains("uploaded, id: <10000001>"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("host='cdn.aliyuncs.com'"), "{}", outcome.stderr);
    for id in ["10000000", "10000001"] {
        call(&["delete-cert", "--cert-id", id]).succeed();
    }
    assert!(cloud.names().is_empty());
    assert_eq!(cloud.actions(&["cas.aliyuncs.com"]).len(), 10);
}

#[test]
fn certd_uploads_shows_and_deploys_in_two_regions() {
    let resource = r#"{"cloud_product":"CDN","domain":"demo.example"}"#;
    let cloud = Cloud::start("certd", &["--cloud-resource", resource]);
    let node = cloud.program("node").arg(top().join("tests/fixtures/node/certd.mjs"));
    // It writes a log file there.
    let node = node.current_dir(scratch("certd"));
    let printed = node.with_chain().env("NODE_PATH", node_modules()).succeed();
    // Its packages print how they are loaded.
    let ours = ["stored: ", "resources: ", "job: "];
    let lines: Vec<_> =
        printed.lines().filter(|line| ours.iter().any(|start| line.starts_with(start))).collect();
    let expected = [
        "stored: 10000000 certd cn-hangzhou 10000000-cn-hangzhou",
        "resources: 1 contacts: 1",
        "job: true",
        "stored: 10000001 certd ap-southeast-1 10000001-cn-hangzhou",
        "resources: 1 contacts: 1",
        "job: true",
    ];
    assert_eq!(lines, expected, "{printed}");
    assert_eq!(cloud.names(), ["certd cn-hangzhou", "certd ap-southeast-1"]);
    let hosts = ["cas.aliyuncs.com", "cas.ap-southeast-1.aliyuncs.com"];
    assert_eq!(cloud.actions(&hosts).len(), 10);
    let requests = cloud.emulator.requests();
    for (requests, host) in requests.chunks(5).zip(hosts) {
        assert!(requests.iter().all(|request| request["host"] == host), "{requests:?}");
    }
}

#[test]
fn the_core_sdk_for_python_reads_a_variable_of_its_own() {
    let cloud = Cloud::start("aliyun-python-sdk-core", &[]);
    let list = || {
        let program = cloud.program(sdk_python()).arg("-B");
        program.arg(top().join("tests/fixtures/python/sdk_core.py"))
    };
    let outcome = list().run();
    assert!(outcome.code == Some(1) && outcome.stderr.contains("certificate"), "{outcome:?}");
    list().env("ALIBABA_CLOUD_CA_BUNDLE", &cloud.ca).succeed();
    assert_eq!(cloud.actions(&["cas.aliyuncs.com"]), ["DescribeUserCertificateList"]);
}

#[test]
fn libcas_needs_a_proxy_and_a_ca_file_but_no_endpoint() {
    let cloud = Cloud::start("libcas", &[]);
    for (api, signature) in [("1", "0"), ("2", "1")] {
        let settings = [("CAS_API", api), ("CAS_SIGNATURE", signature)];
        let program = cloud.program(compile("tests/fixtures/c/report.c", &[])).envs(&settings);
        let outcome = program.env("CAS_CA_FILE", &cloud.ca).arg(api).with_chain().run();
        outcome.assert_fields(&[("status", "CAS_OK")]);
    }
    assert_eq!(cloud.names(), ["1", "2"]);
    cloud.actions(&["cas.aliyuncs.com"]);
    // Without the file, it does not trust the emulator.
    let program = cloud.program(compile("tests/fixtures/c/report.c", &[]));
    let outcome = program.env("SSL_CERT_FILE", &chain().root).arg("3").with_chain().run();
    outcome.assert_fields(&[("status", "CAS_ERR_NETWORK")]);
}

#[test]
fn usual_clients_reach_it_with_their_own_variables() {
    let cloud = Cloud::start("usual", &[]);
    let url = "https://cas.aliyuncs.com/?Action=none&Version=2020-04-07";
    let requests = "import requests, sys; print(requests.get(sys.argv[1]).status_code)";
    let urllib = "import sys, urllib.request, urllib.error
try: urllib.request.urlopen(sys.argv[1])
except urllib.error.HTTPError as error: print(error.code)";
    for script in [requests, urllib] {
        // Without the module of examples/testing.
        let program = cloud.program(sdk_python()).args(["-B", "-c", script, url]);
        assert_eq!(program.succeed(), "400\n", "{script}");
    }
    if installed("curl") {
        let curl = cloud.program("curl").args(["--silent", "--write-out", "\n%{http_code}"]);
        assert!(curl.arg(url).succeed().ends_with("\n400"));
        let refused = cloud.program("curl").args(["--silent", "https://example.com/"]).run();
        assert_eq!(refused.code, Some(56), "{}", refused.stderr);
    }
    assert!(cloud.actions(&["cas.aliyuncs.com"]).iter().all(|action| action == "none"));
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", "sts.cn-beijing.aliyuncs.com:443", "-proxy"]);
    openssl.arg(cloud.emulator.url().strip_prefix("http://").unwrap()).arg("-CAfile");
    openssl.arg(&cloud.ca).args(["-verify_return_error", "-verify_hostname"]);
    openssl.arg("sts.cn-beijing.aliyuncs.com").stdin(std::process::Stdio::null());
    assert!(run(&mut openssl).contains("Verification: OK"));
}

#[test]
fn a_health_check_follows_each_kind_of_address() {
    let directory = scratch("listen");
    let socket = format!("unix:{}", directory.join("socket").display());
    let check = |address: &str| {
        let check = ["--check-health", "--listen", address];
        Program::bare(artefact("cas-emulator")).args(check).run().code
    };
    assert_eq!(check(&socket), Some(1));
    let cloud = Cloud::start("health", &[]);
    assert_eq!(check(&format!("localhost:{}", cloud.emulator.port())), Some(0));
}
