//! The operations of the service that the emulator does not have, from the official SDKs
//! (docs/service.md).

use super::version::{VERSION_2018, VERSION_2020, VERSION_STS};

/// Version and action of the table, if the service has `action` in `version` but the emulator does
/// not.
pub(super) fn find(version: &str, action: &str) -> Option<(&'static str, &'static str)> {
    let all = [(VERSION_2018, &OF_2018[..]), (VERSION_2020, &OF_2020), (VERSION_STS, &OF_STS)];
    let (version, actions) = all.into_iter().find(|(known, _)| *known == version)?;
    let action = actions.iter().find(|known| **known == action)?;
    Some((version, action))
}

pub(super) const OF_2018: [&str; 3] =
    ["CreateDVOrderAudit", "DescribeDVOrderResult", "DescribeOrderInstanceList"];

const OF_STS: [&str; 1] = ["AssumeRoleWithSAML"];

pub(super) const OF_2020: [&str; 69] = [
    "AddCloudAccess",
    "ApplyCertificate",
    "BatchUpdateNoticeStatus",
    "CancelCertificateForPackageRequest",
    "CancelOrderRequest",
    "CancelPendingCertificate",
    "CreateCertificateForPackageRequest",
    "CreateCertificateRequest",
    "CreateCertificateWithCsrRequest",
    "CreateCompany",
    "CreateContact",
    "CreateCsr",
    "CreateRollbackTask",
    "CreateWHClientCertificate",
    "CreateWarehouse",
    "Decrypt",
    "DeleteCertificateRequest",
    "DeleteCloudAccess",
    "DeleteCompany",
    "DeleteContact",
    "DeleteCsr",
    "DeleteDeploymentJob",
    "DeleteInstance",
    "DeletePCACert",
    "DeleteWarehouse",
    "DeleteWorkerResource",
    "DescribeCertificateState",
    "DescribeCloudResourceStatus",
    "DescribePackageState",
    "DescribeWarehouseCert",
    "Encrypt",
    "GetAssetCount",
    "GetCertWarehouseQuota",
    "GetCertificatePackageCount",
    "GetCompany",
    "GetContact",
    "GetCsrDetail",
    "GetInstanceDetail",
    "GetInstanceSummary",
    "GetMatchedResources",
    "GetRiskCount",
    "GetTaskAttribute",
    "ListAssetCount",
    "ListCert",
    "ListCertWarehouse",
    "ListCertificates",
    "ListCloudAccess",
    "ListCompanies",
    "ListCsr",
    "ListDeploymentJobCert",
    "ListDeploymentJobResource",
    "ListInstances",
    "ListTagKeys",
    "ListTrusteeOrder",
    "ListWarehouse",
    "RefundInstance",
    "RenewCertificateOrderForPackageRequest",
    "RevokeCertificate",
    "RevokeWHClientCertificate",
    "ShareCertificate",
    "Sign",
    "UpdateCompany",
    "UpdateContact",
    "UpdateCsr",
    "UpdateDeploymentJob",
    "UpdateInstance",
    "UploadCsr",
    "UploadPCACert",
    "Verify",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_action_is_not_listed() {
        assert_eq!(find(VERSION_2020, "Sign"), Some((VERSION_2020, "Sign")));
        for (version, action) in
            [(VERSION_2018, "Sign"), (VERSION_2020, "UploadUserCertificate"), (VERSION_2020, "")]
        {
            assert_eq!(find(version, action), None);
        }
        assert_eq!(find("", "Sign"), None);
    }
}
