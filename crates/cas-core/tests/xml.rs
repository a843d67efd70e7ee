//! The core's option to ask for XML, against an emulator that answers in it.

use cas_core::base::error::ErrorKind;
use cas_core::base::secret::Secret;
use cas_core::client::Client;
use cas_core::config::Config;
use cas_core::service::operations::Format;
use cas_core::upload::machine::Outcome;
use cas_core::upload::request::Upload;
use cas_emulator::Emulator;

#[test]
fn an_upload_that_asks_for_xml_gets_its_id_and_its_errors() {
    let emulator = Emulator::start().unwrap();
    let mut config = Config::default();
    config.set_endpoint(&emulator.url()).unwrap();
    config.set_access_key("testid", Secret::new("testsecret".to_owned())).unwrap();
    config.set_format(Format::Xml);
    let client = Client::new(&config).unwrap();

    let pair = rcgen::generate_simple_self_signed(["xml.example".to_owned()]).unwrap();
    let mut upload = Upload::new();
    upload.set_name("xml");
    upload.set_certificate(pair.cert.pem().as_bytes());
    upload.set_key(pair.signing_key.serialize_pem().as_bytes());
    let receipt = client.upload(&upload).unwrap();
    assert_eq!((receipt.cert_id.get(), receipt.cert_identifier.as_str()), (1, "1-cn-hangzhou"));

    // Lists and details are read in XML as well.
    let again = client.upload(&upload).unwrap();
    assert_eq!((again.cert_id, again.outcome), (receipt.cert_id, Outcome::Reused));
    assert_eq!(client.list().unwrap().len(), 1);
    assert_eq!(client.get(receipt.cert_id).unwrap().common_name, "rcgen self signed cert");

    let other = rcgen::generate_simple_self_signed(["xml.example".to_owned()]).unwrap();
    upload.set_certificate(other.cert.pem().as_bytes());
    upload.set_key(other.signing_key.serialize_pem().as_bytes());
    let error = client.upload(&upload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NameTaken);
    assert_eq!(error.service_code(), Some("NameRepeat"));
    let requests = emulator.requests();
    let refused = requests.iter().rfind(|request| request.code.is_some()).unwrap();
    assert_eq!(error.request_id(), Some(refused.request_id.as_str()));
    assert_eq!(receipt.request_id.as_deref(), Some(requests[0].request_id.as_str()));
}
