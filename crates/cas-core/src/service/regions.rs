//! The endpoint of each region: one table.
//!
//! The sources behind the rows, by their names in docs/service.md: S cas18, cas20, js20 and go-sdk,
//! which agree on the shared host; G the newest Go client; M meta; D doc-endpoints. Other regions
//! follow the rule of the official clients, `cas[-vpc].<region>.aliyuncs.com` (docs/service.md,
//! Endpoints and regions). Uses `http` for the type of an endpoint.

use crate::http::endpoint::Endpoint;

/// A host of the region's own, or the one of cn-hangzhou, which most regions share.
#[derive(Clone, Copy)]
enum Host {
    Shared,
    Own,
}
use Host::{Own, Shared};

/// A region, its public host, and whether a host inside the VPC is documented. The sources follow.
#[rustfmt::skip] // a table
const REGIONS: &[(&str, Host, bool)] = &[
    ("cn-hangzhou", Shared, true),              // S G M D; VPC: M D
    ("ap-northeast-1", Own, false),             // G M
    ("ap-south-1", Own, false),                 // G M
    ("ap-southeast-1", Own, true),              // G M D, S has it shared; VPC: M D
    ("ap-southeast-2", Own, false),             // G M
    ("eu-central-1", Own, false),               // G M D
    ("me-east-1", Own, false),                  // G M
    ("ap-northeast-2-pop", Shared, false),      // S
    ("ap-southeast-3", Shared, true),           // S, M has its own; VPC: M
    ("ap-southeast-5", Shared, false),          // S, M has its own
    ("cn-beijing", Shared, false),              // S, like all that follow
    ("cn-beijing-finance-1", Shared, false),
    ("cn-beijing-finance-pop", Shared, false),
    ("cn-beijing-gov-1", Shared, false),
    ("cn-beijing-nu16-b01", Shared, false),
    ("cn-chengdu", Shared, false),
    ("cn-edge-1", Shared, false),
    ("cn-fujian", Shared, false),
    ("cn-haidian-cm12-c01", Shared, false),
    ("cn-hangzhou-bj-b01", Shared, false),
    ("cn-hangzhou-finance", Shared, false),
    ("cn-hangzhou-internal-prod-1", Shared, false),
    ("cn-hangzhou-internal-test-1", Shared, false),
    ("cn-hangzhou-internal-test-2", Shared, false),
    ("cn-hangzhou-internal-test-3", Shared, false),
    ("cn-hangzhou-test-306", Shared, false),
    ("cn-hongkong", Shared, true),              // S, M has its own; VPC: M
    ("cn-hongkong-finance-pop", Shared, false),
    ("cn-huhehaote", Shared, false),
    ("cn-huhehaote-nebula-1", Shared, false),
    ("cn-north-2-gov-1", Shared, false),
    ("cn-qingdao", Shared, false),
    ("cn-qingdao-nebula", Shared, false),
    ("cn-shanghai", Shared, false),
    ("cn-shanghai-et15-b01", Shared, false),
    ("cn-shanghai-et2-b01", Shared, false),
    ("cn-shanghai-finance-1", Shared, false),
    ("cn-shanghai-inner", Shared, false),
    ("cn-shanghai-internal-test-1", Shared, false),
    ("cn-shenzhen", Shared, false),
    ("cn-shenzhen-finance-1", Shared, false),
    ("cn-shenzhen-inner", Shared, false),
    ("cn-shenzhen-st4-d01", Shared, false),
    ("cn-shenzhen-su18-b01", Shared, false),
    ("cn-wuhan", Shared, false),
    ("cn-wulanchabu", Shared, false),
    ("cn-yushanfang", Shared, false),
    ("cn-zhangbei", Shared, false),
    ("cn-zhangbei-na61-b01", Shared, false),
    ("cn-zhangjiakou", Shared, false),
    ("cn-zhangjiakou-na62-a01", Shared, false),
    ("cn-zhengzhou-nebula-1", Shared, false),
    ("eu-west-1", Shared, false),
    ("eu-west-1-oxs", Shared, false),
    ("rus-west-1-pop", Shared, false),
    ("us-east-1", Shared, false),
    ("us-west-1", Shared, false),
];

/// The region of a client that sets none.
pub(crate) const DEFAULT_REGION: &str = "cn-hangzhou";

/// Returns the endpoint of `region`, public or inside the VPC, and whether it is documented.
pub(crate) fn endpoint_of(region: &str, vpc: bool) -> (Endpoint, bool) {
    let (host, known) = host(region, vpc);
    (Endpoint::https(host), known)
}

/// Returns the host of `region`, and whether it is documented or made by the rule.
fn host(region: &str, vpc: bool) -> (String, bool) {
    let known = REGIONS.iter().find(|(id, ..)| *id == region);
    match (known, vpc) {
        (Some((_, Shared, _)), false) => ("cas.aliyuncs.com".to_owned(), true),
        (Some((_, Own, _)), false) => (format!("cas.{region}.aliyuncs.com"), true),
        (Some((.., has_vpc)), true) => (format!("cas-vpc.{region}.aliyuncs.com"), *has_vpc),
        (None, _) => (format!("cas{}.{region}.aliyuncs.com", if vpc { "-vpc" } else { "" }), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_those_of_the_official_clients() {
        for (region, vpc, expected, known) in [
            ("cn-hangzhou", false, "cas.aliyuncs.com", true),
            ("cn-hangzhou", true, "cas-vpc.cn-hangzhou.aliyuncs.com", true),
            ("cn-shanghai-finance-1", false, "cas.aliyuncs.com", true),
            ("us-west-1", false, "cas.aliyuncs.com", true),
            ("us-west-1", true, "cas-vpc.us-west-1.aliyuncs.com", false),
            ("ap-southeast-1", false, "cas.ap-southeast-1.aliyuncs.com", true),
            ("ap-southeast-1", true, "cas-vpc.ap-southeast-1.aliyuncs.com", true),
            ("ap-southeast-3", true, "cas-vpc.ap-southeast-3.aliyuncs.com", true),
            ("cn-hongkong", true, "cas-vpc.cn-hongkong.aliyuncs.com", true),
            ("eu-central-1", false, "cas.eu-central-1.aliyuncs.com", true),
            ("mars-1", false, "cas.mars-1.aliyuncs.com", false),
            ("mars-1", true, "cas-vpc.mars-1.aliyuncs.com", false),
        ] {
            assert_eq!(host(region, vpc), (expected.to_owned(), known), "{region} {vpc}");
        }
    }

    #[test]
    fn no_region_is_listed_twice() {
        let mut ids: Vec<_> = REGIONS.iter().map(|(id, ..)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), REGIONS.len());
    }
}
