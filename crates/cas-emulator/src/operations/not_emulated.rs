//! The operations of the service that the emulator does not have, from the official SDKs
//! (docs/service.md).

use super::version::{VERSION_2018, VERSION_2020, VERSION_STS};

/// Whether the service has `action` in `version`, but the emulator does not.
pub(super) fn contains(version: &str, action: &str) -> bool {
    let actions = match version {
        VERSION_2018 => &OF_2018[..],
        VERSION_2020 => &OF_2020,
        VERSION_STS => &OF_STS,
        _ => &[],
    };
    actions.contains(&action)
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
        assert!(contains(VERSION_2020, "Sign") && !contains(VERSION_2018, "Sign"));
        assert!(!contains(VERSION_2020, "UploadUserCertificate"));
        assert!(!contains(VERSION_2020, "") && !contains("", "Sign"));
    }
}
