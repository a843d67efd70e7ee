//! `DescribeUserCertificateList` of version 2018-07-13 and `ListUserCertificateOrder` of version
//! 2020-04-07.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::context::Context;
use super::errors::{self, ApiError};
use super::summary::Summary;
use crate::clock;
use crate::store::{ListFilter, StoredCertificate};

/// How long before its end a certificate has the status `WILLEXPIRED`.
const WILL_EXPIRE: Duration = Duration::from_secs(30 * 86_400);

/// Most certificates of a page, according to a guide of the vendor.
const MAX_SIZE_STRICT: usize = 100;

/// The fields of a `DescribeUserCertificateList` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeListOutput {
    #[serde(flatten)]
    page: PageFields,
    certificate_list: Vec<DescribeItem>,
}

/// The fields of a `ListUserCertificateOrder` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListOutput {
    #[serde(flatten)]
    page: PageFields,
    certificate_order_list: Vec<ListItem>,
}

/// The fields of one page of a list.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PageFields {
    total_count: usize,
    current_page: usize,
    show_size: usize,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DescribeItem {
    id: i64,
    name: String,
    common: String,
    sans: String,
    fingerprint: String,
    issuer: String,
    org_name: String,
    city: String,
    province: String,
    country: String,
    start_date: String,
    end_date: String,
    expired: bool,
    buy_in_aliyun: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListItem {
    certificate_id: i64,
    common_name: String,
    #[serde(flatten)]
    summary: Summary,
    sha2: String,
    serial_no: String,
    cert_start_time: i64,
    cert_end_time: i64,
    upload: bool,
    instance_id: String,
    resource_group_id: String,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Status {
    #[serde(rename = "ISSUED")]
    Issued,
    #[serde(rename = "WILLEXPIRED")]
    WillExpire,
    #[serde(rename = "EXPIRED")]
    Expired,
}

/// The certificates that the parameter `Status` selects.
#[derive(Clone, Copy)]
enum StatusFilter {
    /// All that have not expired: the default.
    NotExpired,
    Only(Status),
    /// A status that uploaded certificates never have.
    Nothing,
}

const STATUS_FILTERS: [(&str, StatusFilter); 8] = [
    ("ISSUED", StatusFilter::Only(Status::Issued)),
    ("WILLEXPIRED", StatusFilter::Only(Status::WillExpire)),
    ("EXPIRED", StatusFilter::Only(Status::Expired)),
    ("PAYED", StatusFilter::Nothing),
    ("CHECKING", StatusFilter::Nothing),
    ("CHECKED_FAIL", StatusFilter::Nothing),
    ("NOTACTIVATED", StatusFilter::Nothing),
    ("REVOKED", StatusFilter::Nothing),
];

/// The values of the parameter `OrderType`, and whether they select uploaded certificates. Orders
/// are certificates that were bought, and the emulator has none.
const ORDER_TYPES: [(&str, bool); 4] =
    [("CPACK", false), ("BUY", false), ("CERT", true), ("UPLOAD", true)];

pub(super) fn describe_user_certificate_list(
    context: &Context<'_>,
) -> Result<DescribeListOutput, ApiError> {
    let range = PageRange::parse(context)?;
    let (total, listed) =
        context.store.listed(&ListFilter::all(context.account), &range.entries())?;
    let item = |stored: &StoredCertificate| DescribeItem {
        id: stored.cert_id,
        name: stored.name.clone(),
        common: stored.common_name.clone(),
        sans: stored.sans.join(","),
        fingerprint: stored.sha1.clone(),
        issuer: stored.issuer.clone(),
        org_name: stored.organization.clone(),
        city: stored.city.clone(),
        province: stored.province.clone(),
        country: stored.country.clone(),
        start_date: clock::date(stored.not_before),
        end_date: clock::date(stored.not_after),
        expired: stored.expired(context.now),
        buy_in_aliyun: false,
    };
    Ok(DescribeListOutput {
        page: range.page(context, total),
        certificate_list: listed.iter().map(item).collect(),
    })
}

pub(super) fn list_user_certificate_order(context: &Context<'_>) -> Result<ListOutput, ApiError> {
    let range = PageRange::parse(context)?;
    let uploads = context.one_of("OrderType", false, &ORDER_TYPES)?;
    let filter = context.one_of("Status", StatusFilter::NotExpired, &STATUS_FILTERS)?;
    let (total, listed) = match filter.ends(context.now).filter(|_| uploads) {
        None => (0, Vec::new()),
        Some(ends) => context.store.listed(
            &ListFilter {
                account: context.account,
                ends_from: ends.start,
                ends_before: ends.end,
                keyword: context.parameters.non_empty("Keyword"),
                resource_group_id: context.parameters.non_empty("ResourceGroupId"),
            },
            &range.entries(),
        )?,
    };
    let item = |stored: &StoredCertificate| ListItem {
        certificate_id: stored.cert_id,
        common_name: stored.common_name.clone(),
        summary: Summary::new(stored, context.now),
        sha2: stored.sha256.clone(),
        serial_no: stored.serial.clone(),
        cert_start_time: clock::unix_milliseconds(stored.not_before),
        cert_end_time: clock::unix_milliseconds(stored.not_after),
        upload: true,
        instance_id: stored.resource_id(),
        resource_group_id: stored.resource_group_id.clone(),
        status: Status::of(stored, context.now),
    };
    Ok(ListOutput {
        page: range.page(context, total),
        certificate_order_list: listed.iter().map(item).collect(),
    })
}

/// The part of a list that the parameters `CurrentPage` and `ShowSize` select.
struct PageRange {
    number: usize,
    size: usize,
}

impl PageRange {
    fn parse(context: &Context<'_>) -> Result<Self, ApiError> {
        let number = context.positive("CurrentPage", 1)?;
        let size = context.positive("ShowSize", 50)?;
        if context.dialect.strict && size > MAX_SIZE_STRICT {
            return Err(ApiError::new(&errors::INVALID, "ShowSize"));
        }
        Ok(Self { number, size })
    }

    fn page(&self, context: &Context<'_>, total_count: usize) -> PageFields {
        PageFields {
            total_count,
            current_page: self.number,
            show_size: self.size,
            request_id: context.request_id.to_owned(),
        }
    }

    fn entries(&self) -> Range<usize> {
        let start = (self.number - 1).saturating_mul(self.size);
        start..start.saturating_add(self.size)
    }
}

impl Status {
    pub(super) fn of(stored: &StoredCertificate, now: SystemTime) -> Self {
        if stored.expired(now) {
            Self::Expired
        } else if stored.expired(now + WILL_EXPIRE) {
            Self::WillExpire
        } else {
            Self::Issued
        }
    }
}

impl StatusFilter {
    /// When the validity of the selected certificates ends: from `start`, and before `end`. `None`
    /// if no certificate is selected.
    fn ends(self, now: SystemTime) -> Option<Range<Option<SystemTime>>> {
        let soon = now + WILL_EXPIRE;
        match self {
            Self::NotExpired => Some(Some(now)..None),
            Self::Only(Status::Expired) => Some(None..Some(now)),
            Self::Only(Status::WillExpire) => Some(Some(now)..Some(soon)),
            Self::Only(Status::Issued) => Some(Some(soon)..None),
            Self::Nothing => None,
        }
    }
}
