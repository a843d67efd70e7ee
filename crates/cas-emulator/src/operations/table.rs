//! The table of operations, by version and name.

use super::context::Context;
use super::errors::{self, ApiError};
use super::output::Output;
use super::{delete, detail, list, upload};

/// The version whose end Alibaba Cloud has announced.
pub(crate) const VERSION_2018: &str = "2018-07-13";
const VERSION_2020: &str = "2020-04-07";

/// One operation of one version.
pub(crate) struct Operation {
    pub(crate) version: &'static str,
    pub(crate) action: &'static str,
    run: fn(&Context<'_>) -> Result<Output, ApiError>,
}

pub(crate) static OPERATIONS: [Operation; 8] = [
    Operation {
        version: VERSION_2018,
        action: "CreateUserCertificate",
        run: |context| upload::create_user_certificate(context).map(Output::Create),
    },
    Operation {
        version: VERSION_2018,
        action: "DeleteUserCertificate",
        run: |context| delete::delete_user_certificate(context).map(Output::Delete),
    },
    Operation {
        version: VERSION_2018,
        action: "DescribeUserCertificateDetail",
        run: |context| {
            detail::describe_user_certificate_detail(context)
                .map(|output| Output::Describe(Box::new(output)))
        },
    },
    Operation {
        version: VERSION_2018,
        action: "DescribeUserCertificateList",
        run: |context| list::describe_user_certificate_list(context).map(Output::DescribeList),
    },
    Operation {
        version: VERSION_2020,
        action: "UploadUserCertificate",
        run: |context| upload::upload_user_certificate(context).map(Output::Upload),
    },
    Operation {
        version: VERSION_2020,
        action: "DeleteUserCertificate",
        run: |context| delete::delete_user_certificate_with_token(context).map(Output::Delete),
    },
    Operation {
        version: VERSION_2020,
        action: "GetUserCertificateDetail",
        run: |context| {
            detail::get_user_certificate_detail(context).map(|output| Output::Get(Box::new(output)))
        },
    },
    Operation {
        version: VERSION_2020,
        action: "ListUserCertificateOrder",
        run: |context| list::list_user_certificate_order(context).map(Output::List),
    },
];

impl Operation {
    /// Runs the operation and returns the fields of its response.
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<Output, ApiError> {
        (self.run)(context)
    }

    /// The root element of an XML response. The documented samples of version 2018-07-13 omit the
    /// suffix `Response`.
    pub(crate) fn xml_root(&self) -> String {
        let suffix = if self.version == VERSION_2018 { "" } else { "Response" };
        format!("{}{suffix}", self.action)
    }
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
