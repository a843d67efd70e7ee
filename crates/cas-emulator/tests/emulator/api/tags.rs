//! Tags and resource groups after the upload.

use cas_emulator::Emulator;
use serde_json::Value;

use super::calls::{delete_2020, detail_2020, nth_id, orders};
use crate::certificates::certificate;
use crate::client::{Call, Response};

/// What the emulator calls a certificate that is called by its number here, as `1` or `upload-1`.
fn actual(emulator: &Emulator, name: &str) -> String {
    match (name.strip_prefix("upload-"), name.parse()) {
        (Some(n), _) => {
            let detail = detail_2020(emulator.port(), nth_id(n.parse().unwrap()));
            ok(&detail)["InstanceId"].as_str().unwrap().to_owned()
        }
        (None, Ok(n)) => nth_id(n).to_string(),
        _ => name.to_owned(),
    }
}

/// A request for the certificates `ids`.
fn call(emulator: &Emulator, action: &str, ids: &[&str]) -> Call {
    let call = Call::v2020(action).set("ResourceType", "instance");
    (1..)
        .zip(ids)
        .fold(call, |call, (n, id)| call.set(&format!("ResourceId.{n}"), &actual(emulator, id)))
}

fn with_tags(call: Call, tags: &[(&str, &str)]) -> Call {
    (1..).zip(tags).fold(call, |call, (n, (key, value))| {
        call.set(&format!("Tag.{n}.Key"), key).set(&format!("Tag.{n}.Value"), value)
    })
}

fn ok(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{}", response.body);
    response.json()
}

/// Two certificates, the first with the tag `a` from its upload.
fn start() -> Emulator {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    let tagged = Call::upload("one", &cert, &key).set("Tags.1.Key", "a").set("Tags.1.Value", "1");
    assert_eq!(tagged.send(emulator.port()).cert_id(), nth_id(1));
    assert_eq!(Call::upload("two", &cert, &key).send(emulator.port()).cert_id(), nth_id(2));
    emulator
}

fn tags_of(emulator: &Emulator, cert_id: i64) -> Vec<(String, String)> {
    let text = |tag: &Value, name: &str| tag[name].as_str().unwrap().to_owned();
    let detail = ok(&detail_2020(emulator.port(), cert_id));
    let tags = detail["Tags"].as_array().unwrap();
    tags.iter().map(|tag| (text(tag, "TagKey"), text(tag, "TagValue"))).collect()
}

fn pairs(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn tags_are_added_replaced_and_removed() {
    let emulator = start();
    let port = emulator.port();
    let both = ["upload-1", "2"];
    let tag =
        with_tags(call(&emulator, "TagResources", &both), &[("b", "名 +"), ("a", "2"), ("c", "")]);
    ok(&tag.send(port));
    assert_eq!(tags_of(&emulator, nth_id(1)), pairs(&[("a", "2"), ("b", "名 +"), ("c", "")]));
    assert_eq!(tags_of(&emulator, nth_id(2)), pairs(&[("b", "名 +"), ("a", "2"), ("c", "")]));
    let untag = call(&emulator, "UntagResources", &both[..1])
        .set("TagKey.1", "c")
        .set("TagKey.2", "unknown");
    // `All` counts only without keys.
    ok(&untag.set("All", "true").set("TagKey.3", "a").send(port));
    assert_eq!(tags_of(&emulator, nth_id(1)), pairs(&[("b", "名 +")]));
    ok(&call(&emulator, "UntagResources", &both).set("All", "true").send(port));
    assert!(tags_of(&emulator, nth_id(1)).is_empty() && tags_of(&emulator, nth_id(2)).is_empty());
    assert_eq!(call(&emulator, "UntagResources", &both).send(port).code(), "MissingTagKey");
    let none = call(&emulator, "UntagResources", &both).set("All", "false").send(port).code();
    assert_eq!(none, "MissingTagKey");
}

#[test]
fn limits_and_invalid_tags_change_nothing() {
    let emulator = start();
    let port = emulator.port();
    let many: Vec<_> = (0..21).map(|n| n.to_string()).collect();
    let many: Vec<_> = many.iter().map(|key| (key.as_str(), "")).collect();
    let ids: Vec<_> = vec!["1"; 51];
    let tag = |tags: &[(&str, &str)]| with_tags(call(&emulator, "TagResources", &["1"]), tags);
    let (key, value) = ("k".repeat(65), "v".repeat(129));
    let cases = [
        (tag(&many), "NumberExceed.Tags"),
        (
            with_tags(call(&emulator, "TagResources", &ids), &[("k", "")]),
            "NumberExceed.ResourceIds",
        ),
        (tag(&[("k", "1"), ("k", "2")]), "Duplicate.TagKey"),
        (tag(&[(&key, "")]), "InvalidTagKey"),
        (tag(&[("aliyun-x", "")]), "InvalidTagKey"),
        (tag(&[("acs:x", "")]), "InvalidTagKey"),
        (tag(&[("http://x", "")]), "InvalidTagKey"),
        (tag(&[("k", &value)]), "InvalidTagValue"),
        (tag(&[("", "v")]), "MissingTag.1.Key"),
        (tag(&[]), "MissingTag"),
        (tag(&[("k", "")]).without("RegionId"), "MissingRegionId"),
        (tag(&[("k", "")]).without("ResourceType"), "MissingResourceType"),
        (tag(&[("k", "")]).without("ResourceId.1"), "MissingResourceId"),
        (tag(&[("k", "")]).set("ResourceType", "order"), "InvalidResourceType"),
        (tag(&[("k", "")]).set("ResourceId.2", "9"), "NotFound"),
        (tag(&[("k", "")]).set("ResourceId.2", "cas-ivauto-000001"), "NotFound"),
        (call(&emulator, "UntagResources", &["9"]).set("All", "true"), "NotFound"),
        (call(&emulator, "UntagResources", &["1"]).set("All", "yes"), "InvalidAll"),
        (call(&emulator, "ListTagResources", &[]), "MissingResourceId"),
        (call(&emulator, "ListTagResources", &["1"]).set("NextToken", "x"), "InvalidNextToken"),
        (call(&emulator, "ListTagResources", &["1"]).set("MaxResults", "0"), "InvalidMaxResults"),
        (call(&emulator, "ListTagResources", &ids), "NumberExceed.ResourceIds"),
    ];
    for (case, (call, code)) in cases.into_iter().enumerate() {
        let response = call.send(port);
        assert_eq!((response.status, response.code().as_str()), (400, code), "case {case}");
    }
    assert_eq!(tags_of(&emulator, nth_id(1)), pairs(&[("a", "1")]));
    // Twenty fit, together with those that are there.
    ok(&tag(&many[..19]).send(port));
    assert_eq!(tag(&many[19..20]).send(port).code(), "NumberExceed.Tags");
    assert_eq!(tags_of(&emulator, nth_id(1)).len(), 20);
}

#[test]
fn tags_are_listed_by_resource_and_by_tag() {
    let emulator = start();
    let port = emulator.port();
    ok(&with_tags(call(&emulator, "TagResources", &["2"]), &[("a", "2"), ("b", "1")]).send(port));
    let list = |call: Call| {
        let page = ok(&call.send(port));
        let text = |tag: &Value| {
            let text = |name: &str| tag[name].as_str().unwrap().to_owned();
            let mut names = ["1", "2", "upload-1", "upload-2"].into_iter();
            let id = names.find(|name| actual(&emulator, name) == text("ResourceId")).unwrap();
            [id, &text("TagKey"), &text("TagValue")].join(" ")
        };
        let tags = page["TagResources"]["TagResource"].as_array().unwrap();
        let token = page["NextToken"].as_str().unwrap().to_owned();
        (tags.iter().map(text).collect::<Vec<_>>(), token)
    };
    let tags = |call| list(call).0;
    // Resources have the names of the request.
    assert_eq!(tags(call(&emulator, "ListTagResources", &["1"])), ["1 a 1"]);
    let named = ["upload-2", "1", "9"];
    let all = ["1 a 1", "upload-2 a 2", "upload-2 b 1"];
    assert_eq!(tags(call(&emulator, "ListTagResources", &named)), all);
    let by_tag = |tags: &[(&str, &str)]| with_tags(call(&emulator, "ListTagResources", &[]), tags);
    assert_eq!(tags(by_tag(&[("a", "1")])), ["upload-1 a 1"]);
    assert_eq!(tags(by_tag(&[("a", "")])).len(), 3);
    assert_eq!(tags(by_tag(&[("a", ""), ("b", "1")])).len(), 2);
    assert!(tags(by_tag(&[("a", "1"), ("b", "1")])).is_empty());
    assert_eq!(tags(by_tag(&[("a", "1")]).set("ResourceType", "Certificate")), ["1 a 1"]);
    assert!(tags(with_tags(call(&emulator, "ListTagResources", &["1"]), &[("b", "")])).is_empty());

    let page = |token: &str| {
        list(
            call(&emulator, "ListTagResources", &named)
                .set("MaxResults", "2")
                .set("NextToken", token),
        )
    };
    let (first, token) = page("");
    assert_eq!(first, all[..2]);
    let (second, end) = page(&token);
    assert_eq!((second.as_slice(), end.as_str()), (&[all[2].to_owned()][..], ""));
    let xml = call(&emulator, "ListTagResources", &["1"]).set("Format", "XML").send(port).body;
    let id = actual(&emulator, "1");
    let element = format!("<TagResources><TagResource><ResourceId>{id}</ResourceId>");
    assert!(xml.contains(&element), "{xml}");
}

#[test]
fn a_moved_certificate_is_listed_in_its_resource_group() {
    let emulator = start();
    let port = emulator.port();
    let move_to = |group: &str, id: &str| {
        let call = Call::v2020("MoveResourceGroup").set("ResourceType", "Certificate");
        call.set("ResourceId", &actual(&emulator, id)).set("ResourceGroupId", group)
    };
    ok(&move_to("rg-1", "2").send(port));
    let of_group = |group: &str| {
        let page = ok(&orders().set("ResourceGroupId", group).send(port));
        let list = page["CertificateOrderList"].as_array().unwrap().clone();
        list.iter().map(|item| item["CertificateId"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of_group("rg-1"), [nth_id(2)]);
    ok(&move_to("rg-2", "upload-2").set("ResourceType", "instance").send(port));
    assert!(of_group("rg-1").is_empty());
    assert_eq!(of_group("rg-2"), [nth_id(2)]);
    assert_eq!(ok(&detail_2020(port, nth_id(2)))["ResourceGroupId"], "rg-2");
    let cases = [
        (move_to("rg-1", "9"), "NotFound"),
        (move_to("rg-1", "x"), "NotFound"),
        (move_to("rg-1", "1").without("ResourceId"), "MissingResourceId"),
        (move_to("rg-1", "1").without("ResourceGroupId"), "MissingResourceGroupId"),
        (move_to("rg-1", "1").without("ResourceType"), "MissingResourceType"),
        (move_to("rg-1", "1").set("ResourceType", "x"), "InvalidResourceType"),
    ];
    for (call, code) in cases {
        assert_eq!(call.send(port).code(), code);
    }
}

/// A client that repeats an upload after a lost response knows nothing of tags that others added.
#[test]
fn a_repeated_upload_is_compared_with_the_first_and_not_with_its_present_tags() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Emulator::builder().data(folder.path().join("cas.db")).start().unwrap();
    let emulator = start();
    let (cert, key) = certificate();
    let upload = Call::upload("n", &cert, &key).set("ClientToken", "t").set("Tags.1.Key", "a");
    let again = |emulator: &Emulator, nonce: &str| {
        upload.clone().set("SignatureNonce", nonce).send(emulator.port())
    };
    assert_eq!(upload.send(emulator.port()).cert_id(), nth_id(1));
    ok(&with_tags(call(&emulator, "TagResources", &["1"]), &[("b", "")]).send(emulator.port()));
    let group =
        call(&emulator, "MoveResourceGroup", &[]).set("ResourceId", &actual(&emulator, "1"));
    ok(&group.set("ResourceGroupId", "rg").send(emulator.port()));
    ok(&call(&emulator, "UntagResources", &["1"]).set("TagKey.1", "a").send(emulator.port()));
    assert_eq!(again(&emulator, "1").cert_id(), nth_id(1));
    assert_eq!(tags_of(&emulator, nth_id(1)), pairs(&[("b", "")]));
    emulator.stop();
    let emulator = start();
    assert_eq!(again(&emulator, "2").cert_id(), nth_id(1));
    let other = upload.clone().set("SignatureNonce", "3").set("Tags.1.Key", "b");
    assert_eq!(other.send(emulator.port()).code(), "IdempotentParameterMismatch");
    assert_eq!(delete_2020(nth_id(1)).send(emulator.port()).status, 200);
    assert_eq!(again(&emulator, "4").cert_id(), nth_id(2));
    assert_eq!(tags_of(&emulator, nth_id(2)), pairs(&[("a", "")]));
}
