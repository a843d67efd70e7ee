//! Whose access key it is, by `GetCallerIdentity` of STS (docs/service.md, Security Token Service).

use std::sync::Arc;

use cas_sign::Params;
use serde::Deserialize;

use crate::base::deadline::Deadline;
use crate::base::quote::is_printable;
use crate::credentials::assume_role::{ENDPOINT, Role, VERSION, caller, endpoint};
use crate::credentials::context::ProviderContext;
use crate::protocol::access_key::AccessKey;
use crate::protocol::fields::Text;
use crate::service::failure::CallError;
use crate::service::messages::no_access_key;
use crate::service::provider::FetchedProvider;
use crate::service::types::Operation;

/// Whose access key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The ID of the account.
    pub account_id: String,
    /// `Account`, `RAMUser` or `AssumedRoleUser`.
    pub kind: String,
    /// The name in RAM policies, such as `acs:ram::1234567890123456:user/deployer`.
    pub arn: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Fields {
    account_id: Text,
    identity_type: Text,
    arn: Text,
}

/// Whether the environment names the host of STS.
pub(crate) fn has_endpoint(context: &ProviderContext) -> bool {
    context.variables.get(ENDPOINT).is_some()
}

/// Asks STS whose key it is. Needs no permission.
pub(crate) fn identity(
    context: &Arc<ProviderContext>,
    key: AccessKey,
    origin: String,
    deadline: &Deadline,
) -> Result<Identity, CallError> {
    let endpoint = endpoint(&Role::default(), &context.variables).map_err(no_access_key)?;
    let provider = Box::new(FetchedProvider { key: Arc::new(key), origin });
    let caller = caller(context, &endpoint, Some(provider)).map_err(no_access_key)?;
    let mut params = Params::new();
    for (name, value) in [("Action", ACTION), ("Version", VERSION), ("Format", "JSON")] {
        params.set(name, value);
    }
    let operation = Operation { ram: "sts", action: ACTION, params };
    let fields: Fields = caller.call(&operation, "this access key", deadline)?.fields;
    let plain =
        |text: &Text| text.as_str().chars().filter(|c| is_printable(*c)).take(200).collect();
    Ok(Identity {
        account_id: plain(&fields.account_id),
        kind: plain(&fields.identity_type),
        arn: plain(&fields.arn),
    })
}

const ACTION: &str = "GetCallerIdentity";
