//! `TagResources`, `UntagResources`, `ListTagResources` and `MoveResourceGroup`.

use std::collections::HashSet;

use serde::Serialize;

use super::context::{BOOLEANS, Context};
use super::errors::{self, ApiError};
use crate::store::tags::{self, Tags};
use crate::store::{cert_id_of, resource_id};

/// The largest number of tags, in a request and of a certificate.
const MAX_TAGS: usize = 20;
/// The largest number of resources in a request.
const MAX_RESOURCES: usize = 50;
/// The longest key and the longest value, in characters.
const MAX_KEY: usize = 64;
const MAX_VALUE: usize = 128;

/// How a request and its response name a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ResourceType {
    Instance,
    Certificate,
}

const RESOURCE_TYPES: [(&str, ResourceType); 2] =
    [("instance", ResourceType::Instance), ("Certificate", ResourceType::Certificate)];

/// The fields of a response that has nothing to say.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DoneOutput {
    request_id: String,
}

/// The fields of a `ListTagResources` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListTagOutput {
    tag_resources: TagResources,
    next_token: String,
    max_results: usize,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagResources {
    tag_resource: Vec<TagResource>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagResource {
    resource_id: String,
    resource_type: &'static str,
    tag_key: String,
    tag_value: String,
}

pub(super) fn tag_resources(context: &Context<'_>) -> Result<DoneOutput, ApiError> {
    let cert_ids = resources(context)?.cert_ids()?;
    let new = tags_to_set(context)?;
    change(context, &cert_ids, |tags| {
        for (key, value) in &new {
            match tags.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => known.clone_from(value),
                None => tags.push((key.clone(), value.clone())),
            }
        }
        tags.len() <= MAX_TAGS
    })
}

pub(super) fn untag_resources(context: &Context<'_>) -> Result<DoneOutput, ApiError> {
    let cert_ids = resources(context)?.cert_ids()?;
    let keys = context.parameters.list("TagKey");
    // `All` counts only without keys.
    let all = context.one_of("All", false, &BOOLEANS)?;
    if keys.is_empty() && !all {
        return Err(ApiError::new(&errors::MISSING, "TagKey"));
    }
    change(context, &cert_ids, |tags| {
        tags.retain(|(key, _)| !keys.is_empty() && !keys.contains(key));
        true
    })
}

/// Changes the tags of every certificate, or of none if one does not exist or has too many.
fn change(
    context: &Context<'_>,
    cert_ids: &[i64],
    change: impl Fn(&mut Tags) -> bool,
) -> Result<DoneOutput, ApiError> {
    let refused = context.store.change(|transaction| {
        let mut changed = Vec::new();
        for &cert_id in cert_ids {
            let Some(mut tags) = tags::of(transaction, context.account, cert_id)? else {
                return Ok(Some(ApiError::from(&errors::NOT_FOUND)));
            };
            if !change(&mut tags) {
                return Ok(Some(ApiError::new(&errors::TOO_MANY, "Tags")));
            }
            changed.push((cert_id, tags));
        }
        for (cert_id, tags) in changed {
            tags::set(transaction, cert_id, &tags)?;
        }
        Ok(None)
    })?;
    refused.map_or_else(|| Ok(DoneOutput::new(context)), Err)
}

pub(super) fn list_tag_resources(context: &Context<'_>) -> Result<ListTagOutput, ApiError> {
    context.required("RegionId")?;
    let resource_type = resource_type(context)?;
    let named = context.parameters.list("ResourceId");
    let wanted = tag_parameters(context)?;
    if named.is_empty() && wanted.is_empty() {
        return Err(ApiError::new(&errors::MISSING, "ResourceId"));
    }
    if named.len() > MAX_RESOURCES {
        return Err(ApiError::new(&errors::TOO_MANY, "ResourceIds"));
    }
    let max_results = context.positive("MaxResults", 20)?;
    let skipped = match context.parameters.non_empty("NextToken") {
        None => 0,
        Some(token) => {
            token.parse::<usize>().map_err(|_| ApiError::new(&errors::INVALID, "NextToken"))?
        }
    };
    // A tag that is wanted without a value can have any.
    let selects = |tags: &Tags| {
        let has = |(key, value): &(String, String)| {
            let mut tags = tags.iter();
            tags.any(|(known, its)| known == key && (value.is_empty() || its == value))
        };
        wanted.iter().all(has)
    };
    // Resources are named in the response as they are in the request.
    let named: Vec<_> = named.into_iter().map(|name| (parse_resource_id(&name), name)).collect();
    let name = |cert_id| {
        if named.is_empty() {
            return Some(resource_type.name_of(cert_id));
        }
        named.iter().find(|(id, _)| *id == Some(cert_id)).map(|(_, name)| name.clone())
    };
    let mut found = Vec::new();
    let tagged = context.store.query(|connection| tags::all(connection, context.account))?;
    for (cert_id, tags) in tagged {
        let Some(resource_id) = name(cert_id).filter(|_| selects(&tags)) else { continue };
        found.extend(tags.into_iter().map(|(tag_key, tag_value)| TagResource {
            resource_id: resource_id.clone(),
            resource_type: resource_type.name(),
            tag_key,
            tag_value,
        }));
    }
    let total = found.len();
    let tag_resource: Vec<_> = found.into_iter().skip(skipped).take(max_results).collect();
    let next = skipped.saturating_add(tag_resource.len());
    Ok(ListTagOutput {
        tag_resources: TagResources { tag_resource },
        next_token: if next < total { next.to_string() } else { String::new() },
        max_results,
        request_id: context.request_id.to_owned(),
    })
}

pub(super) fn move_resource_group(context: &Context<'_>) -> Result<DoneOutput, ApiError> {
    let group = context.required("ResourceGroupId")?;
    resource_type(context)?;
    let cert_id = parse_resource_id(context.required("ResourceId")?).ok_or(&errors::NOT_FOUND)?;
    let moved = context.store.change(|transaction| {
        tags::set_resource_group(transaction, context.account, cert_id, group)
    })?;
    if moved { Ok(DoneOutput::new(context)) } else { Err((&errors::NOT_FOUND).into()) }
}

impl DoneOutput {
    fn new(context: &Context<'_>) -> Self {
        Self { request_id: context.request_id.to_owned() }
    }
}

impl ResourceType {
    fn name(self) -> &'static str {
        RESOURCE_TYPES[self as usize].0
    }

    fn name_of(self, cert_id: i64) -> String {
        match self {
            Self::Instance => resource_id(cert_id),
            Self::Certificate => cert_id.to_string(),
        }
    }
}

fn resource_type(context: &Context<'_>) -> Result<ResourceType, ApiError> {
    context.required("ResourceType")?;
    context.one_of("ResourceType", ResourceType::Instance, &RESOURCE_TYPES)
}

/// The ID of the certificate that a resource ID or a certificate ID names.
fn parse_resource_id(text: &str) -> Option<i64> {
    cert_id_of(text).or_else(|| text.parse().ok())
}

/// The resources of a request that changes tags.
struct Resources(Vec<String>);

fn resources(context: &Context<'_>) -> Result<Resources, ApiError> {
    context.required("RegionId")?;
    resource_type(context)?;
    let named = context.parameters.list("ResourceId");
    match named.len() {
        0 => Err(ApiError::new(&errors::MISSING, "ResourceId")),
        1..=MAX_RESOURCES => Ok(Resources(named)),
        _ => Err(ApiError::new(&errors::TOO_MANY, "ResourceIds")),
    }
}

impl Resources {
    fn cert_ids(&self) -> Result<Vec<i64>, ApiError> {
        let ids = self.0.iter().map(|name| parse_resource_id(name)).collect::<Option<_>>();
        Ok(ids.ok_or(&errors::NOT_FOUND)?)
    }
}

/// The tags `Tag.N.Key` and `Tag.N.Value`.
fn tag_parameters(context: &Context<'_>) -> Result<Tags, ApiError> {
    let tags = context.parameters.tags("Tag");
    let tags = tags.map_err(|missing| ApiError::new(&errors::MISSING, missing))?;
    if tags.len() > MAX_TAGS {
        return Err(ApiError::new(&errors::TOO_MANY, "Tags"));
    }
    Ok(tags)
}

/// The tags that a request sets.
fn tags_to_set(context: &Context<'_>) -> Result<Tags, ApiError> {
    let tags = tag_parameters(context)?;
    if tags.is_empty() {
        return Err(ApiError::new(&errors::MISSING, "Tag"));
    }
    let mut seen = HashSet::new();
    for (key, value) in &tags {
        let is_url = |text: &str| text.contains("http://") || text.contains("https://");
        let reserved = key.starts_with("aliyun") || key.starts_with("acs:");
        if key.chars().count() > MAX_KEY || reserved || is_url(key) {
            return Err(ApiError::new(&errors::INVALID, "TagKey"));
        }
        if value.chars().count() > MAX_VALUE || is_url(value) {
            return Err(ApiError::new(&errors::INVALID, "TagValue"));
        }
        if !seen.insert(key) {
            return Err((&errors::DUPLICATE_TAG_KEY).into());
        }
    }
    Ok(tags)
}
