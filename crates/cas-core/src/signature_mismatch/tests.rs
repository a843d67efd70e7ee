//! Requests that were changed on the way, in every form in which they and responses are copied.

use cas_sign::{AccessKeyRef, Params, acs3, hmac_sha1, percent_encode};

use super::*;

const KEY_PEM: &str =
    "-----BEGIN PRIVATE KEY-----\nMIIhidden+test/key==\n-----END PRIVATE KEY-----\n";
const NONCE: &str = "0123456789abcdef0123456789abcdef";
const TIME: &str = "2026-01-02T03:04:05Z";
const KEY: AccessKeyRef<'_> = AccessKeyRef {
    id: "LTAI0123456789abcdef",
    secret: "hidden-secret",
    security_token: Some("hidden-token+/=="),
};

fn params() -> Params<'static> {
    let mut params = Params::new();
    for (name, value) in [
        ("Action", "CreateUserCertificate"),
        ("Version", "2018-07-13"),
        ("Format", "JSON"),
        ("Name", "my site+1"),
        ("Key", KEY_PEM),
    ] {
        params.set(name, value);
    }
    hmac_sha1::add_common(&mut params, KEY, NONCE, TIME);
    params
}

fn form() -> String {
    String::from_utf8(hmac_sha1::sign(&params(), KEY.secret).as_bytes().to_vec()).unwrap()
}

/// The response of a service to which `params` arrived.
fn answer(method: &str, params: &Params<'_>) -> String {
    let string = hmac_sha1::string_to_sign(method, params);
    serde_json::json!({
        "RequestId": "7B0F6A3E-0000-4E6B-8E0C-CB55C4F5F60D",
        "Code": "SignatureDoesNotMatch",
        "Message": format!(
            "Specified signature is not matched with our calculation. server string to sign is:{}",
            *string
        ),
    })
    .to_string()
}

fn explain(answer: &str, request: &str) -> SignatureExplanation {
    let explanation = explain_signature(answer, Some(request));
    let shown = format!("{explanation:?}");
    for hidden in ["hidden", "MIIh", "PRIVATE KEY", "0123456789abcdef\""] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert!(!explanation.message.is_empty() && !explanation.hint.is_empty(), "{shown}");
    explanation
}

/// Explains a request to which `change` happens on the way.
fn changed(change: impl FnOnce(&mut Params<'static>)) -> Vec<Difference> {
    let mut arrived = params();
    change(&mut arrived);
    let explanation = explain(&answer("POST", &arrived), &form());
    assert_eq!(explanation.verdict, Verdict::Changed, "{explanation:?}");
    explanation.differences
}

#[test]
fn an_unchanged_request_has_a_wrong_secret_in_every_form_of_the_texts() {
    let form = form();
    let head = "Host: cas.aliyuncs.com\r\nContent-Type: application/x-www-form-urlencoded";
    let quoted = form.replace('\'', "'\\''");
    let requests = [
        form.clone(),
        format!("POST / HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{form}\n", form.len()),
        format!("POST / HTTP/1.1\nHost: cas.aliyuncs.com\n\n{form}\n"),
        format!("POST /?{form} HTTP/1.1\r\nHost: cas.aliyuncs.com\r\n\r\n"),
        format!("curl https://cas.aliyuncs.com/ -d '{quoted}'"),
        format!("$ curl -sS -XPOST \\\n  'https://cas.aliyuncs.com/?{form}' \\\n  -o out.json"),
        format!("curl 'https://cas.aliyuncs.com' --data-raw $'{quoted}' --compressed | jq ."),
        format!("2026-01-02 03:04:05 INFO POST https://cas.aliyuncs.com/?{form}"),
        format!(
            "see https://error-center.example/?Keyword=x\nPOST https://cas.aliyuncs.com/?{form}"
        ),
        format!(
            "* Connected\n> POST /?{form} HTTP/1.1\n> Host: cas.aliyuncs.com\n> \n< HTTP/1.1 \
             400\n"
        ),
    ];
    let json = answer("POST", &params());
    let string = hmac_sha1::string_to_sign("POST", &params());
    let escaped = json.replace('&', "\\u0026");
    let wrapped: Vec<_> =
        string.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap()).collect();
    let answers = [
        json.clone(),
        escaped.clone(),
        format!("ERROR body={escaped:?} status=400"),
        format!("ERROR body={:?} status=400", format!("{json:?}")),
        format!(
            "<?xml version='1.0'?><Error><Code>SignatureDoesNotMatch</Code><Message>x server \
             string to sign is:{}</Message></Error>",
            string.replace('&', "&amp;")
        ),
        format!(
            "HTTP Status: 400 Error:SignatureDoesNotMatch server string to sign is:{}",
            *string
        ),
        format!(
            "… server string to sign is:\n{}\n2026-01-02 03:04 INFO next line",
            wrapped.join("\n")
        ),
        format!("{}\n{json}", answer("GET", &Params::new())),
    ];
    for request in &requests {
        for answer in &answers {
            let explanation = explain(answer, request);
            assert_eq!(explanation.verdict, Verdict::Unchanged, "{answer}\n{request}");
            assert_eq!(explanation.access_key_id.as_deref(), Some("LTAI****cdef"));
            assert!(explanation.message.contains("secret") && !explanation.is_cut);
            assert_eq!(explanation.habits, []);
        }
    }
}

#[test]
fn every_change_of_a_parameter_is_named() {
    for (name, value, change, position) in [
        ("Name", "my site 1", Change::PlusToSpace, 8),
        ("Name", "my+site+1", Change::SpaceToPlus, 3),
        ("Name", "my%20site%2B1", Change::EncodedAgain, 3),
        ("Name", "my site", Change::CutOff, 8),
        ("Name", "my site+1&x", Change::Extended, 10),
        ("Name", "My Site+1", Change::LetterCase, 1),
        ("Name", "other", Change::OtherValue, 1),
    ] {
        let found = changed(|params| params.set(name, value));
        let [found] = &found[..] else { panic!("{name} {value}: {found:?}") };
        assert_eq!(found.part, Part::Parameter(name.to_owned()));
        assert_eq!((found.change, found.position), (change, Some(position)), "{found:?}");
        assert_eq!(found.sent.as_deref(), Some("\"my site+1\""));
        assert_eq!(found.arrived, Some(format!("\"{value}\"")));
    }
    for (value, change) in [
        (KEY_PEM.replace('+', " "), Change::PlusToSpace),
        (KEY_PEM.replace('\n', "\r\n"), Change::LineBreaks),
        (KEY_PEM.replace('\n', ""), Change::LineBreaks),
        (KEY_PEM.replace('\n', " "), Change::LineBreaks),
        (KEY_PEM.trim().to_owned(), Change::LineBreaks),
        (percent_encode(KEY_PEM), Change::EncodedAgain),
        (KEY_PEM[..40].to_owned(), Change::CutOff),
    ] {
        let found = changed(|params| params.set("Key", value));
        let [found] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&found.part, found.change), (&Part::Parameter("Key".to_owned()), change));
        assert_eq!(found.sent, Some(format!("{} characters", KEY_PEM.len())));
    }
    let added = changed(|params| params.set("utm", "1"));
    assert_eq!((added.len(), added[0].change), (1, Change::Added));
    assert!(added[0].arrived.as_deref() == Some("1 character") && added[0].position.is_none());
    let two = changed(|params| {
        params.set("Name", "my site 1");
        params.set("SecurityToken", "hidden-token /==");
    });
    assert!(two.iter().all(|found| found.change == Change::PlusToSpace) && two.len() == 2);
}

#[test]
fn lost_parameters_and_other_methods_are_named() {
    let mut arrived = Params::new();
    for (name, value) in params().iter().filter(|(name, _)| *name != "Name") {
        arrived.set(name.to_owned(), value.to_owned());
    }
    let explanation = explain(&answer("GET", &arrived), &form());
    let parts: Vec<_> =
        explanation.differences.iter().map(|found| (found.part.clone(), found.change)).collect();
    let name = Part::Parameter("Name".to_owned());
    assert_eq!(parts, [(Part::Method, Change::OtherValue), (name, Change::Lost)]);
    assert!(explanation.message.contains("parameter Name did not arrive"), "{explanation:?}");
    assert!(explanation.hint.contains("redirect"), "{}", explanation.hint);
}

#[test]
fn another_attempt_is_recognised() {
    for (name, value) in [("SignatureNonce", "ffff"), ("Timestamp", "2026-01-02T03:04:06Z")] {
        let mut arrived = params();
        arrived.set(name, value);
        let explanation = explain(&answer("POST", &arrived), &form());
        assert_eq!(explanation.verdict, Verdict::OtherRequest);
    }
}

#[test]
fn a_response_that_is_cut_off_is_compared_as_far_as_it_goes() {
    let whole = answer("POST", &params());
    let at = whole.find("POST").unwrap();
    for end in [at + 40, at + 300, whole.rfind("07-13").unwrap()] {
        let explanation = explain(&whole[..end], &form());
        assert!(explanation.verdict == Verdict::Unchanged && explanation.is_cut, "{end}");
        assert!(explanation.message.contains("only the beginning"), "{}", explanation.message);
    }
    let mut arrived = params();
    arrived.set("Name", "my site 1");
    let changed = answer("POST", &arrived);
    let end = changed.find("SignatureNonce").unwrap();
    let explanation = explain(&changed[..end], &form());
    assert!(explanation.verdict == Verdict::Changed && explanation.is_cut, "{explanation:?}");
    assert_eq!(explanation.differences.len(), 1, "{explanation:?}");
}

#[test]
fn habits_of_the_client_are_named() {
    let plain = form();
    for (request, habit) in [
        (plain.replace("my%20site", "my+site"), Habit::PlusInText),
        (plain.replace("%2B", "%2b"), Habit::SmallHex),
        (plain.replace("%2Fkey", "/key"), Habit::Unescaped('/')),
        (plain.replace("Name=my", "Name=%6Dy"), Habit::Escaped('A')),
    ] {
        let explanation = explain(&answer("POST", &params()), &request);
        assert_eq!(explanation.verdict, Verdict::Unchanged);
        assert_eq!(explanation.habits, [habit], "{explanation:?}");
        assert!(explanation.hint.contains("correct the client"), "{}", explanation.hint);
    }
    let mut late = params();
    late.set("Timestamp", "2026-01-02 03:04:05");
    let body = hmac_sha1::sign(&late, "hidden-secret");
    let explanation = explain(&answer("POST", &late), str::from_utf8(body.as_bytes()).unwrap());
    assert_eq!(explanation.habits, [Habit::TimeFormat]);
}

#[test]
fn other_texts_are_recognised() {
    let form = form();
    for (answer, request, verdict) in [
        ("", Some(&*form), Verdict::NotAMismatch),
        ("{\"Code\":\"Forbidden.RAM\"}", Some(&form), Verdict::NotAMismatch),
        ("<Error><Code>InvalidTimeStamp.Expired</Code></Error>", None, Verdict::NotAMismatch),
        ("{\"Code\":\"SignatureDoesNotMatch\"}", Some(&form), Verdict::NoStringToSign),
        ("server string to sign is: [removed]", Some(&form), Verdict::NoStringToSign),
        ("server string to sign is:POST&%2F&A%3D1", None, Verdict::NoRequest),
        ("server string to sign is:POST&%2F&A%3D1", Some(" \n"), Verdict::NoRequest),
        ("server string to sign is:POST&%2F&A%3D1", Some("hello"), Verdict::UnreadableRequest),
        ("server string to sign is:POST&%2F&A%3D1", Some("A=1&B=2"), Verdict::UnreadableRequest),
        ("server string to sign is:POST&%2F&A%3D1", Some("curl 'x"), Verdict::UnreadableRequest),
    ] {
        let explanation = explain_signature(answer, request);
        assert_eq!(explanation.verdict, verdict, "{answer}");
        assert!(!explanation.message.is_empty() && !explanation.hint.is_empty());
    }
    let expired = explain_signature("{\"Code\":\"InvalidTimeStamp.Expired\"}", None);
    assert!(expired.hint.contains("clock"), "{}", expired.hint);
    assert_eq!(expired.code.as_deref(), Some("InvalidTimeStamp.Expired"));
}

/// An ACS3 request, as text, and what a server sees of it after `change`.
fn acs3_request(change: impl FnOnce(&mut Vec<(String, String)>, &mut String)) -> (String, String) {
    let signed = acs3::sign(&params(), "cas.aliyuncs.com", KEY, NONCE, TIME);
    let body = str::from_utf8(signed.as_bytes()).unwrap().to_owned();
    let mut headers: Vec<(String, String)> =
        signed.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
    let lines = headers
        .iter()
        .fold(String::new(), |all, (name, value)| format!("{all}{name}: {value}\r\n"));
    let text = format!("POST / HTTP/1.1\r\n{lines}\r\n{body}");
    let mut method = "POST".to_owned();
    headers.sort();
    headers.retain(|(name, _)| !["accept", "authorization"].contains(&name.as_str()));
    let hash =
        signed.headers().find(|(name, _)| *name == "x-acs-content-sha256").unwrap().1.to_owned();
    change(&mut headers, &mut method);
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let string = acs3::string_to_sign(&acs3::canonical_request(
        &format!("{method}\n/\n\n"),
        &headers,
        &hash,
    ));
    let answer = serde_json::json!({
        "Code": "SignatureDoesNotMatch",
        "Message": format!("… server string to sign is:{string}"),
    });
    (text, answer.to_string())
}

fn set(headers: &mut [(String, String)], name: &str, value: &str) {
    headers.iter_mut().find(|(known, _)| known == name).unwrap().1 = value.to_owned();
}

#[test]
fn an_acs3_request_that_arrived_unchanged_has_a_wrong_secret() {
    let (request, answer) = acs3_request(|_, _| ());
    let xml = format!("<Message>{}</Message>", answer.replace("\\n", "&#10;"));
    for answer in [&answer, &format!("log {answer:?}"), &xml] {
        let explanation = explain(answer, &request);
        assert_eq!(explanation.verdict, Verdict::Unchanged, "{answer}");
        assert_eq!(explanation.signature, Some(Signature::Acs3));
        assert_eq!(explanation.access_key_id.as_deref(), Some("LTAI****cdef"));
    }
}

/// A change of headers and method, and what is found of it.
type Case = (Box<dyn FnOnce(&mut Vec<(String, String)>, &mut String)>, Vec<(Part, Change)>);

#[test]
fn usual_changes_of_an_acs3_request_are_found() {
    let header = |name: &str| Part::Header(name.to_owned());
    let cases: Vec<Case> = vec![
        (
            Box::new(|headers, _| set(headers, "host", "cas.aliyuncs.com:443")),
            vec![(header("host"), Change::Extended)],
        ),
        (
            Box::new(|headers, _| set(headers, "content-type", "application/json")),
            vec![(header("content-type"), Change::OtherValue)],
        ),
        (
            Box::new(|headers, _| set(headers, "x-acs-security-token", "")),
            vec![(header("x-acs-security-token"), Change::Lost)],
        ),
        (
            Box::new(|_, method| *method = "GET".to_owned()),
            vec![(Part::Method, Change::OtherValue)],
        ),
        (
            Box::new(|headers, method| {
                set(headers, "content-type", "");
                *method = "GET".to_owned();
            }),
            vec![(Part::Method, Change::OtherValue), (header("content-type"), Change::Lost)],
        ),
        (Box::new(|headers, _| set(headers, "host", "internal.example")), vec![]),
    ];
    for (change, expected) in cases {
        let (request, answer) = acs3_request(change);
        let explanation = explain(&answer, &request);
        assert_eq!(explanation.verdict, Verdict::Changed);
        let found: Vec<_> = explanation
            .differences
            .iter()
            .map(|found| (found.part.clone(), found.change))
            .collect();
        assert_eq!(found, expected, "{}", explanation.message);
    }
}

#[test]
fn a_query_of_acs3_that_is_read_otherwise_is_found() {
    let query = "Keyword=a+b&Name=x%2By";
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let request = format!(
        "curl -X POST 'https://h/?{query}' -H 'Authorization: ACS3-HMAC-SHA256 Credential=id,\
         SignedHeaders=host;x-acs-content-sha256,Signature=hidden' -H \
         'x-acs-content-sha256: {hash}'"
    );
    for (arrived, change) in [
        ("Keyword=a%2Bb&Name=x%2By", Some(Change::SpaceToPlus)),
        ("Keyword=a%2Bb&Name=x%252By", Some(Change::EncodedAgain)),
        ("Keyword=a%20b&Name=x%20y", Some(Change::DecodedAgain)),
        ("", Some(Change::Lost)),
        ("Keyword=a%20b&Name=x%2By", None),
    ] {
        let headers = [("host", "h"), ("x-acs-content-sha256", hash)];
        let canonical = acs3::canonical_request(&format!("POST\n/\n{arrived}\n"), &headers, hash);
        let answer = format!("server string to sign is:{}", acs3::string_to_sign(&canonical));
        let explanation = explain(&answer, &request);
        let found: Vec<_> = explanation.differences.iter().map(|found| found.change).collect();
        assert_eq!(found, Vec::from_iter(change), "{arrived}");
        assert_eq!(explanation.verdict == Verdict::Unchanged, change.is_none());
    }
}

#[test]
fn the_time_is_bounded() {
    let long = "\\\\n&amp;amp;%25+".repeat(1 << 19);
    for text in [long.clone(), format!("server string to sign is:POST&%2F&{long}")] {
        let _ = explain_signature(&text, Some(&long));
        let _ = explain_signature(&text, Some(&format!("curl 'https://h/?Signature=x&{long}'")));
    }
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of responses and requests, in any order.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("server string to sign is:".to_owned()),
            Just("POST&%2F&".to_owned()),
            Just("ACS3-HMAC-SHA256\n".to_owned()),
            Just("0123456789abcdef".repeat(4)),
            Just("curl -d 'Signature=x&Name=%".to_owned()),
            Just("POST /?Signature=x HTTP/1.1\r\ncontent-length: 3\r\n\r\n".to_owned()),
            Just("> authorization: ACS3-HMAC-SHA256 SignedHeaders=host;,Signature=".to_owned()),
            Just("https://h/?Signature=&".to_owned()),
            Just("\\n\\u0026&amp;%25".to_owned()),
            Just("$'\\u".to_owned()),
            "[%&=+'\"\\\\ \n\ra-f0-9é]{0,6}",
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn is_explained_in_sentences(answer in text(), request in text()) {
            for request in [None, Some(&*request), Some(&*answer)] {
                let explanation = explain_signature(&answer, request);
                prop_assert!(explanation.message.ends_with('.'), "{explanation:?}");
                prop_assert!(!explanation.hint.is_empty());
                let is_changed = explanation.verdict == Verdict::Changed;
                prop_assert!(is_changed || explanation.differences.is_empty()
                    || explanation.verdict == Verdict::OtherRequest);
            }
        }

        #[test]
        fn any_other_value_is_named_and_no_secret_is_shown(
            value in "[ -~\n]{0,40}",
            name in prop_oneof![Just("Name"), Just("Key"), Just("SecurityToken")],
        ) {
            let mut arrived = params();
            prop_assume!(arrived.get(name) != Some(&*value));
            arrived.set(name, value.clone());
            let explanation = explain(&answer("POST", &arrived), &form());
            prop_assert_eq!(explanation.verdict, Verdict::Changed);
            prop_assert_eq!(explanation.differences.len(), 1);
            prop_assert_eq!(&explanation.differences[0].part, &Part::Parameter(name.to_owned()));
        }
    }
}
