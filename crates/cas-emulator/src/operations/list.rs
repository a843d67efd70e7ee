//! `DescribeUserCertificateList` of version 2018-07-13 and `ListUserCertificateOrder` of version 2020-04-07.

use std::time::{Duration, SystemTime};

use crate::clock;
use crate::operations::detail;
use crate::operations::encode::{Fields, Value};
use crate::operations::errors::ApiError;
use crate::operations::table::Call;
use crate::store::StoredCertificate;

/// How long before its end a certificate is said to expire soon.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// Which part of a list is asked for.
struct Page {
    number: usize,
    size: usize,
}

pub(crate) fn describe_user_certificate_list(call: &Call<'_>) -> Result<Fields, ApiError> {
    let page = Page::of(call)?;
    let listed = call.store.listed()?;
    let item = |stored: &StoredCertificate| {
        vec![
            ("id", stored.cert_id.into()),
            ("name", stored.name.as_str().into()),
            ("common", stored.common_name.as_str().into()),
            ("sans", stored.sans.join(",").into()),
            ("fingerprint", stored.sha1.as_str().into()),
            ("issuer", stored.issuer.as_str().into()),
            ("orgName", stored.organization.as_str().into()),
            ("city", stored.city.as_str().into()),
            ("province", stored.province.as_str().into()),
            ("country", stored.country.as_str().into()),
            ("startDate", clock::day(stored.not_before).into()),
            ("endDate", clock::day(stored.not_after).into()),
            ("expired", stored.expired(call.now).into()),
            ("buyInAliyun", false.into()),
        ]
    };
    Ok(page.answer(call, "CertificateList", &listed, item))
}

pub(crate) fn list_user_certificate_order(call: &Call<'_>) -> Result<Fields, ApiError> {
    let page = Page::of(call)?;
    // Only what was bought is an order; here everything was uploaded.
    let kinds = [("CPACK", false), ("BUY", false), ("CERT", true), ("UPLOAD", true)];
    let uploads = call.one_of("OrderType", false, &kinds)?;
    let wanted = call.one_of("Status", Wanted::Valid, &WANTED)?;
    let parameter = |name| call.parameters.non_empty(name);
    let (keyword, group) = (parameter("Keyword"), parameter("ResourceGroupId"));

    let mut listed = if uploads { call.store.listed()? } else { Vec::new() };
    listed.retain(|stored| {
        wanted.takes(Status::of(stored, call.now))
            && keyword.is_none_or(|keyword| mentions(stored, keyword))
            && group.is_none_or(|group| stored.resource_group_id == group)
    });
    let item = |stored: &StoredCertificate| {
        let mut fields = vec![
            ("CertificateId", stored.cert_id.into()),
            ("CommonName", stored.common_name.as_str().into()),
        ];
        fields.extend(detail::common(stored, call.now));
        fields.extend([
            ("Sha2", stored.sha256.as_str().into()),
            ("SerialNo", stored.serial.as_str().into()),
            ("CertStartTime", clock::millis(stored.not_before).into()),
            ("CertEndTime", clock::millis(stored.not_after).into()),
            ("Upload", true.into()),
            ("InstanceId", stored.resource_id().into()),
            ("ResourceGroupId", stored.resource_group_id.as_str().into()),
            ("Status", Status::of(stored, call.now).name().into()),
        ]);
        fields
    };
    Ok(page.answer(call, "CertificateOrderList", &listed, item))
}

impl Page {
    fn of(call: &Call<'_>) -> Result<Self, ApiError> {
        Ok(Self { number: call.positive("CurrentPage", 1)?, size: call.positive("ShowSize", 50)? })
    }

    fn answer(
        &self,
        call: &Call<'_>,
        list: &'static str,
        all: &[StoredCertificate],
        item: impl Fn(&StoredCertificate) -> Fields,
    ) -> Fields {
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let before = (self.number - 1).saturating_mul(self.size);
        vec![
            ("TotalCount", number(all.len()).into()),
            ("CurrentPage", number(self.number).into()),
            ("ShowSize", number(self.size).into()),
            ("RequestId", call.request_id.into()),
            (list, Value::List(all.iter().skip(before).take(self.size).map(item).collect())),
        ]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Issued,
    WillExpire,
    Expired,
}

impl Status {
    fn of(stored: &StoredCertificate, now: SystemTime) -> Self {
        if stored.expired(now) {
            Self::Expired
        } else if stored.expired(now + SOON) {
            Self::WillExpire
        } else {
            Self::Issued
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Issued => "ISSUED",
            Self::WillExpire => "WILLEXPIRED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// What the parameter `Status` asks for.
#[derive(Clone, Copy)]
enum Wanted {
    /// Whatever has not expired: what an empty parameter means.
    Valid,
    Only(Status),
    /// States that no uploaded certificate is ever in.
    Nothing,
}

const WANTED: [(&str, Wanted); 8] = [
    ("ISSUED", Wanted::Only(Status::Issued)),
    ("WILLEXPIRED", Wanted::Only(Status::WillExpire)),
    ("EXPIRED", Wanted::Only(Status::Expired)),
    ("PAYED", Wanted::Nothing),
    ("CHECKING", Wanted::Nothing),
    ("CHECKED_FAIL", Wanted::Nothing),
    ("NOTACTIVATED", Wanted::Nothing),
    ("REVOKED", Wanted::Nothing),
];

impl Wanted {
    fn takes(self, status: Status) -> bool {
        match self {
            Self::Valid => status != Status::Expired,
            Self::Only(wanted) => status == wanted,
            Self::Nothing => false,
        }
    }
}

/// Domains and the resource id are searched, the name is not.
fn mentions(stored: &StoredCertificate, keyword: &str) -> bool {
    let keyword = keyword.to_lowercase();
    let domains = stored.sans.iter().chain([&stored.common_name]);
    domains.chain([&stored.resource_id()]).any(|text| text.to_lowercase().contains(&keyword))
}
