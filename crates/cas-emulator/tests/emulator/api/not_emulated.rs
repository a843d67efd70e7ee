//! Operations that the service has and the emulator does not.

use cas_emulator::Emulator;

use crate::client::Call;

#[test]
fn they_get_the_error_of_an_unknown_operation_and_a_header() {
    let emulator = Emulator::start().unwrap();
    let of_sts = |action| Call::v2018(action).set("Version", "2015-04-01");
    let listed = [
        Call::v2020("ListCert"),
        Call::v2020("DeleteDeploymentJob"),
        Call::v2018("CreateDVOrderAudit"),
        of_sts("AssumeRoleWithSAML"),
        Call::v2020("ListCert").set("Format", "XML"),
        of_sts("AssumeRoleWithSAML").without("AccessKeyId").without("SignatureNonce"),
    ];
    for call in listed {
        let response = call.send(emulator.port());
        assert_eq!(
            (response.status, response.header("x-cas-emulator")),
            (404, Some("not-emulated"))
        );
        assert!(response.body.contains("InvalidAction.NotFound"), "{}", response.body);
        assert!(response.body.contains("Specified api is not found"), "{}", response.body);
    }
    for call in [Call::v2020("ListCerts"), Call::v2018("ListCert"), of_sts("ListCert")] {
        let response = call.send(emulator.port());
        assert_eq!((response.status, response.header("x-cas-emulator")), (404, None));
        assert_eq!(response.code(), "InvalidAction.NotFound");
    }
    assert_eq!(
        Call::v2020("ListUserCertificateOrder").send(emulator.port()).header("x-cas-emulator"),
        None
    );
}
