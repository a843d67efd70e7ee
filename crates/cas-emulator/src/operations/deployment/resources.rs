//! `ListCloudResources` and `ListContact`.

use std::collections::HashSet;

use serde::Serialize;

use super::super::context::Context;
use super::super::errors::{self, ApiError};
use super::page::{Page, PageFields};
use super::time;
use crate::store::Account;
use crate::store::cloud_resources::{
    self, BoundCertificate, CloudResource, Contact, NewCloudResource,
};

/// The fields of a `ListCloudResources` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListResourcesOutput {
    #[serde(flatten)]
    page: PageFields,
    data: Vec<ResourceItem>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceItem {
    id: i64,
    cloud_name: String,
    cloud_product: String,
    region_id: String,
    cloud_region: String,
    domain: String,
    enable_https: u8,
    use_ssl: u8,
    cert_id: i64,
    cert_name: String,
    cert_start_time: String,
    cert_end_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_access_id: Option<String>,
    #[serde(flatten)]
    listener: Option<ListenerFields>,
    gmt_create: String,
    gmt_modified: String,
    user_id: i64,
}

/// The fields that only load balancers have.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListenerFields {
    instance_id: String,
    listener_id: String,
    listener_port: String,
    default_resource: u8,
}

/// The fields of a `ListContact` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListContactOutput {
    contact_list: Vec<ContactItem>,
    current_page: usize,
    show_size: usize,
    total_count: usize,
    keyword: String,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ContactItem {
    contact_id: i64,
    name: String,
    email: String,
    email_status: u8,
    mobile: String,
    mobile_status: u8,
    webhooks: &'static str,
    webhook_list: [(); 0],
}

/// Whether lists show instance and listener of a resource: of load balancers alone.
pub(super) fn has_listeners(resource: &NewCloudResource) -> bool {
    matches!(resource.cloud_product.as_str(), "SLB" | "NLB" | "ALB" | "GA")
}

pub(in super::super) fn list(context: &Context<'_>) -> Result<ListResourcesOutput, ApiError> {
    let page = Page::parse(context, 50)?;
    let parameter = |name| context.parameters.non_empty(name);
    let (name, product) = (parameter("CloudName"), parameter("CloudProduct"));
    let (keyword, access_id) = (parameter("Keyword"), parameter("SecretId"));
    let cert_ids = parameter("CertIds").map(cert_ids).transpose()?;
    let resources = context
        .store
        .query(|connection| cloud_resources::list(connection, Some(context.account)))?;
    let selected = resources.iter().filter(|resource| {
        let fields = &resource.content;
        let texts = [&fields.domain, &fields.instance_id];
        name.is_none_or(|name| fields.cloud_name == name)
            && product.is_none_or(|product| fields.cloud_product == product)
            && access_id.is_none_or(|id| fields.cloud_access_id == id)
            && cert_ids.as_ref().is_none_or(|ids| ids.contains(&fields.cert_id))
            && keyword.is_none_or(|keyword| texts.iter().any(|text| contains(text, keyword)))
    });
    let (total, data) = page.select(selected.map(|resource| item(resource, context.account)));
    Ok(ListResourcesOutput { page: page.fields(context, total), data })
}

/// The IDs of `1,2` or, as official SDKs write it, of `[1,2]`.
fn cert_ids(text: &str) -> Result<HashSet<i64>, ApiError> {
    let list = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let ids = list.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::parse);
    ids.collect::<Result<_, _>>().map_err(|_| ApiError::new(&errors::INVALID, "CertIds"))
}

fn contains(text: &str, keyword: &str) -> bool {
    text.to_lowercase().contains(&keyword.to_lowercase())
}

fn item(resource: &CloudResource, account: Account) -> ResourceItem {
    let CloudResource { content, certificate, .. } = resource;
    let of_certificate = |time_of: fn(&BoundCertificate) -> i64| {
        certificate.as_ref().map(|certificate| time(time_of(certificate))).unwrap_or_default()
    };
    ResourceItem {
        id: resource.id,
        cloud_name: content.cloud_name.clone(),
        cloud_product: content.cloud_product.clone(),
        region_id: content.region_id.clone(),
        cloud_region: content.region_id.clone(),
        domain: content.domain.clone(),
        enable_https: (content.cert_id != 0).into(),
        use_ssl: certificate.is_some().into(),
        cert_id: content.cert_id,
        cert_name: certificate.as_ref().map(|it| it.name.clone()).unwrap_or_default(),
        cert_start_time: of_certificate(|certificate| certificate.not_before),
        cert_end_time: of_certificate(|certificate| certificate.not_after),
        cloud_access_id: (content.cloud_name != "aliyun").then(|| content.cloud_access_id.clone()),
        listener: has_listeners(content).then(|| ListenerFields {
            instance_id: content.instance_id.clone(),
            listener_id: content.listener_id.clone(),
            listener_port: content.listener_port.to_string(),
            default_resource: content.default_resource.into(),
        }),
        gmt_create: time(resource.created),
        gmt_modified: time(resource.modified),
        user_id: account.number(),
    }
}

pub(in super::super) fn list_contacts(
    context: &Context<'_>,
) -> Result<ListContactOutput, ApiError> {
    let page = Page::parse(context, 20)?;
    let keyword = context.parameters.non_empty("Keyword");
    let contacts = context
        .store
        .query(|connection| cloud_resources::contacts(connection, Some(context.account)))?;
    let selected = contacts.iter().filter(|contact| {
        let fields = &contact.content;
        let texts = [&fields.name, &fields.email, &fields.mobile];
        keyword.is_none_or(|keyword| texts.iter().any(|text| contains(text, keyword)))
    });
    let (total_count, contact_list) = page.select(selected.map(contact_item));
    Ok(ListContactOutput {
        contact_list,
        current_page: page.current(),
        show_size: page.size(),
        total_count,
        keyword: keyword.unwrap_or_default().to_owned(),
        request_id: context.request_id.to_owned(),
    })
}

fn contact_item(contact: &Contact) -> ContactItem {
    let content = &contact.content;
    ContactItem {
        contact_id: contact.id,
        name: content.name.clone(),
        email: content.email.clone(),
        email_status: (!content.email.is_empty()).into(),
        mobile: content.mobile.clone(),
        mobile_status: (!content.mobile.is_empty()).into(),
        webhooks: "[]",
        webhook_list: [],
    }
}
