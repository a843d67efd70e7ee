//! The table of operations, by version and name.

use super::context::Context;
use super::deployment::{jobs, resources, workers};
use super::errors::{self, ApiError};
use super::output::Output;
use super::version::{VERSION_2018, VERSION_2020, VERSION_STS};
use super::{certificate_detail, delete, detail, list, not_emulated, oidc, sts, tags, upload};

/// One operation of one version.
pub(crate) struct Operation {
    pub(crate) version: &'static str,
    pub(crate) action: &'static str,
    /// Calls a second and account according to the documentation.
    pub(crate) documented_rate: usize,
    run: fn(&Context<'_>) -> Result<Output, ApiError>,
}

/// The operation whose calls need no signature.
const UNSIGNED: &str = "AssumeRoleWithOIDC";

pub(crate) static OPERATIONS: [Operation; 25] = [
    Operation {
        version: VERSION_2018,
        action: "CreateUserCertificate",
        documented_rate: 10,
        run: |context| upload::create_user_certificate(context).map(Output::Create),
    },
    Operation {
        version: VERSION_2018,
        action: "DeleteUserCertificate",
        documented_rate: 100,
        run: |context| delete::delete_user_certificate(context).map(Output::Delete),
    },
    Operation {
        version: VERSION_2018,
        action: "DescribeUserCertificateDetail",
        documented_rate: 10,
        run: |context| {
            detail::describe_user_certificate_detail(context)
                .map(|output| Output::Describe(Box::new(output)))
        },
    },
    Operation {
        version: VERSION_2018,
        action: "DescribeUserCertificateList",
        documented_rate: 10,
        run: |context| list::describe_user_certificate_list(context).map(Output::DescribeList),
    },
    Operation {
        version: VERSION_2020,
        action: "UploadUserCertificate",
        documented_rate: 100,
        run: |context| upload::upload_user_certificate(context).map(Output::Upload),
    },
    Operation {
        version: VERSION_2020,
        action: "DeleteUserCertificate",
        documented_rate: 100,
        run: |context| delete::delete_user_certificate_with_token(context).map(Output::Delete),
    },
    Operation {
        version: VERSION_2020,
        action: "GetUserCertificateDetail",
        documented_rate: 100,
        run: |context| {
            detail::get_user_certificate_detail(context).map(|output| Output::Get(Box::new(output)))
        },
    },
    Operation {
        version: VERSION_2020,
        action: "ListUserCertificateOrder",
        documented_rate: 10,
        run: |context| list::list_user_certificate_order(context).map(Output::List),
    },
    Operation {
        version: VERSION_2020,
        action: "CreateDeploymentJob",
        documented_rate: 100,
        run: |context| jobs::create(context).map(Output::CreateJob),
    },
    Operation {
        version: VERSION_2020,
        action: "UpdateDeploymentJobStatus",
        documented_rate: 100,
        run: |context| jobs::update_status(context).map(Output::UpdateStatus),
    },
    Operation {
        version: VERSION_2020,
        action: "DescribeDeploymentJob",
        documented_rate: 100,
        run: |context| jobs::describe(context).map(|output| Output::DescribeJob(Box::new(output))),
    },
    Operation {
        version: VERSION_2020,
        action: "DescribeDeploymentJobStatus",
        documented_rate: 100,
        run: |context| jobs::describe_status(context).map(Output::JobStatus),
    },
    Operation {
        version: VERSION_2020,
        action: "ListDeploymentJob",
        documented_rate: 100,
        run: |context| jobs::list(context).map(Output::ListJobs),
    },
    Operation {
        version: VERSION_2020,
        action: "ListWorkerResource",
        documented_rate: 100,
        run: |context| workers::list(context).map(Output::ListWorkers),
    },
    Operation {
        version: VERSION_2020,
        action: "UpdateWorkerResourceStatus",
        documented_rate: 100,
        run: |context| workers::update_status(context).map(Output::UpdateStatus),
    },
    Operation {
        version: VERSION_2020,
        action: "ListCloudResources",
        documented_rate: 100,
        run: |context| resources::list(context).map(Output::ListResources),
    },
    Operation {
        version: VERSION_2020,
        action: "ListContact",
        documented_rate: 100,
        run: |context| resources::list_contacts(context).map(Output::ListContacts),
    },
    Operation {
        version: VERSION_2020,
        action: "GetCertificateDetail",
        documented_rate: 100,
        run: |context| {
            certificate_detail::get(context)
                .map(|output| Output::CertificateDetail(Box::new(output)))
        },
    },
    Operation {
        version: VERSION_2020,
        action: "TagResources",
        documented_rate: 100,
        run: |context| tags::tag_resources(context).map(Output::Done),
    },
    Operation {
        version: VERSION_2020,
        action: "UntagResources",
        documented_rate: 100,
        run: |context| tags::untag_resources(context).map(Output::Done),
    },
    Operation {
        version: VERSION_2020,
        action: "ListTagResources",
        documented_rate: 100,
        run: |context| tags::list_tag_resources(context).map(Output::ListTags),
    },
    Operation {
        version: VERSION_2020,
        action: "MoveResourceGroup",
        documented_rate: 100,
        run: |context| tags::move_resource_group(context).map(Output::Done),
    },
    Operation {
        version: VERSION_STS,
        action: "AssumeRole",
        documented_rate: 100,
        run: |context| sts::assume_role(context).map(Output::AssumeRole),
    },
    Operation {
        version: VERSION_STS,
        action: UNSIGNED,
        documented_rate: 100,
        run: |context| {
            oidc::assume_role_with_oidc(context)
                .map(|output| Output::AssumeRoleWithOidc(Box::new(output)))
        },
    },
    Operation {
        version: VERSION_STS,
        action: "GetCallerIdentity",
        documented_rate: 100,
        run: |context| Ok(Output::CallerIdentity(sts::get_caller_identity(context))),
    },
];

impl Operation {
    /// Runs the operation and returns the fields of its response.
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<Output, ApiError> {
        (self.run)(context)
    }

    /// Whether calls need no signature.
    pub(crate) fn is_unsigned(&self) -> bool {
        self.version == VERSION_STS && self.action == UNSIGNED
    }

    /// The root element of an XML response. The documented samples of version 2018-07-13 omit the
    /// suffix `Response`.
    pub(crate) fn xml_root(&self) -> String {
        let suffix = if self.version == VERSION_2018 { "" } else { "Response" };
        format!("{}{suffix}", self.action)
    }
}

/// Fails for an operation that the service has and the emulator does not.
pub(crate) fn check_emulated(version: &str, action: &str) -> Result<(), ApiError> {
    not_emulated::find(version, action).map_or(Ok(()), |_| Err((&errors::NOT_EMULATED).into()))
}

/// Finds the operation `action` of `version`.
pub(crate) fn find(version: &str, action: &str) -> Result<&'static Operation, ApiError> {
    let mut of_version =
        OPERATIONS.iter().filter(|operation| operation.version == version).peekable();
    if of_version.peek().is_none() {
        return Err((&errors::INVALID_VERSION).into());
    }
    let found = of_version.find(|operation| operation.action == action);
    found.ok_or((&errors::ACTION_NOT_FOUND).into())
}

/// Version and action of an operation of the service, whether the emulator has it or not.
pub(crate) fn known(version: &str, action: &str) -> Option<(&'static str, &'static str)> {
    let emulated = find(version, action).ok().map(|found| (found.version, found.action));
    emulated.or_else(|| not_emulated::find(version, action))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The SDK of version 2020-04-07 has 87 operations, that of 2018-07-13 has 7.
    #[test]
    fn every_operation_of_the_sdks_is_either_emulated_or_listed() {
        let listed = [
            (VERSION_2018, &not_emulated::OF_2018[..], 7),
            (VERSION_2020, &not_emulated::OF_2020, 87),
        ];
        for (version, actions, count) in listed {
            let of_version = OPERATIONS.iter().filter(|operation| operation.version == version);
            let emulated = of_version.map(|operation| operation.action);
            let all: BTreeSet<_> = emulated.chain(actions.iter().copied()).collect();
            assert_eq!(all.len(), count, "{version}");
        }
    }
}
