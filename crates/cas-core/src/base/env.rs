//! The environment variables that libcas reads, and a snapshot of them.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use zeroize::Zeroizing;

/// Declares every variable, in the group that decides whether it is read.
macro_rules! variables {
    ($($(#[$doc:meta])* $group:ident { $($name:ident)+ })+) => {
        /// Variables that are read together, or not at all.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Group {
            $($(#[$doc])* $group,)+
        }

        /// A variable that libcas may read. There are no others.
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)] // the names of the variables
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Variable {
            $($($name,)+)+
        }

        impl Variable {
            const ALL: &[Self] = &[$($(Self::$name,)+)+];

            fn name(self) -> &'static str {
                match self {
                    $($(Self::$name => stringify!($name),)+)+
                }
            }

            fn group(self) -> Group {
                match self {
                    $($(Self::$name)|+ => Group::$group,)+
                }
            }
        }
    };
}

variables! {
    /// The proxy. Read unless the program sets one.
    Proxy {
        HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY all_proxy NO_PROXY no_proxy
        REQUEST_METHOD
    }
    /// The root store. Read unless the program sets the roots.
    Roots { SSL_CERT_FILE SSL_CERT_DIR }
    /// The choice between the credential sources. Read unless the program sets an access key or a
    /// profile.
    Sources {
        ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET ALIBABA_CLOUD_SECURITY_TOKEN
        ALIBABA_CLOUD_ROLE_ARN ALIBABA_CLOUD_OIDC_PROVIDER_ARN ALIBABA_CLOUD_OIDC_TOKEN_FILE
        ALIBABA_CLOUD_PROFILE ALIBABA_CLOUD_CLI_PROFILE_DISABLED ALIBABA_CLOUD_CREDENTIALS_URI
    }
    /// Older names for access keys, which neither libcas nor the official packages read: an error
    /// names those that are set. Only that they are set is kept. Asked for with `Sources`.
    Former {
        ALICLOUD_ACCESS_KEY ALICLOUD_SECRET_KEY ALICLOUD_ACCESS_KEY_ID ALICLOUD_ACCESS_KEY_SECRET
        ALIYUN_ACCESS_KEY_ID ALIYUN_ACCESS_KEY_SECRET
        ALIBABACLOUD_ACCESS_KEY_ID ALIBABACLOUD_ACCESS_KEY_SECRET
    }
    /// What profiles and roles need. Read unless the program sets an access key.
    Profiles {
        HOME ALIBABA_CLOUD_CONFIG_FILE ALIBABA_CLOUD_CREDENTIALS_FILE
        ALIBABA_CLOUD_ECS_METADATA ALIBABA_CLOUD_ECS_METADATA_DISABLED
        ALIBABA_CLOUD_IMDSV1_DISABLED ALIBABA_CLOUD_ROLE_SESSION_NAME ALIBABA_CLOUD_STS_REGION
        ALIBABA_CLOUD_STS_ENDPOINT ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED
        ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The variables of some groups, copied when the client is created. libcas does not read the
/// environment later: another thread of a C program may be changing it.
pub(crate) struct EnvSnapshot {
    groups: Vec<Group>,
    values: Vec<(Variable, Zeroizing<Vec<u8>>)>,
    is_ignored: bool,
}

impl EnvSnapshot {
    /// Copies the variables of these groups. Asks for each by its name, because walking through the
    /// environment crashes if another thread changes it meanwhile.
    #[must_use]
    pub(crate) fn read(groups: Vec<Group>) -> Self {
        Self::from_source(groups, |name| std::env::var_os(name))
    }

    fn from_source(groups: Vec<Group>, source: impl Fn(&str) -> Option<OsString>) -> Self {
        let value = |variable: &Variable| {
            let value = Zeroizing::new(source(variable.name())?.into_vec());
            let is_kept = variable.group() != Group::Former || value.is_empty();
            Some((*variable, if is_kept { value } else { Zeroizing::new(b"set".to_vec()) }))
        };
        let is_read = |variable: &&Variable| groups.contains(&variable.group());
        let values = Variable::ALL.iter().filter(is_read).filter_map(value).collect();
        Self { groups, values, is_ignored: false }
    }

    /// No variable is set, whatever the environment says.
    #[must_use]
    pub(crate) fn ignored(groups: Vec<Group>) -> Self {
        Self { groups, values: Vec::new(), is_ignored: true }
    }

    /// Whether libcas ignores the environment: it comes from a less privileged user.
    #[must_use]
    pub(crate) fn is_ignored(&self) -> bool {
        self.is_ignored
    }

    fn bytes(&self, variable: Variable) -> Option<&[u8]> {
        debug_assert!(self.groups.contains(&variable.group()), "{variable} is not read");
        self.values.iter().find(|(set, _)| *set == variable).map(|(_, value)| value.as_slice())
    }

    /// The value of a variable; `None` if it is not set, empty or blank. Bytes that are not UTF-8
    /// become replacement characters: an access key or profile with such bytes is reported as
    /// invalid, and not as missing.
    #[must_use]
    pub(crate) fn get(&self, variable: Variable) -> Option<Cow<'_, str>> {
        let value = self.bytes(variable).map(String::from_utf8_lossy);
        value.filter(|value| !value.trim().is_empty())
    }

    /// The value of a variable that names a file or directory, or a list of them, byte for byte;
    /// `None` if it is not set or empty.
    #[must_use]
    pub(crate) fn path(&self, variable: Variable) -> Option<&Path> {
        let value = self.bytes(variable).filter(|value| !value.is_empty());
        value.map(|value| Path::new(OsStr::from_bytes(value)))
    }

    /// The variables of [`Group::Former`] that are set.
    #[must_use]
    pub(crate) fn former(&self) -> Vec<Variable> {
        let set = self.values.iter().map(|(variable, _)| *variable);
        set.filter(|name| name.group() == Group::Former && self.get(*name).is_some()).collect()
    }

    /// Whether a variable is "true", in any case.
    #[must_use]
    pub(crate) fn is_true(&self, variable: Variable) -> bool {
        self.get(variable).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }
}

#[cfg(test)]
impl<'a> FromIterator<(&'a str, &'a str)> for EnvSnapshot {
    /// A snapshot of all groups.
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(variables: I) -> Self {
        let set: Vec<_> = variables.into_iter().collect();
        for (name, _) in &set {
            assert!(Variable::ALL.iter().any(|variable| variable.name() == *name), "{name}");
        }
        let value = |name: &str| set.iter().rev().find(|(set, _)| *set == name);
        let groups =
            vec![Group::Proxy, Group::Roots, Group::Sources, Group::Former, Group::Profiles];
        Self::from_source(groups, |name| value(name).map(|(_, value)| OsString::from(value)))
    }
}

#[cfg(test)]
impl Default for EnvSnapshot {
    fn default() -> Self {
        Self::from_iter([])
    }
}

impl fmt::Debug for EnvSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnvSnapshot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn blank_variables_are_not_set() {
        let variables = EnvSnapshot::from_iter([
            ("ALL_PROXY", "x"),
            ("NO_PROXY", ""),
            ("HTTP_PROXY", " "),
            ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "True"),
            ("ALIBABA_CLOUD_IMDSV1_DISABLED", "1"),
        ]);
        assert_eq!(variables.get(Variable::ALL_PROXY).as_deref(), Some("x"));
        for blank in [Variable::NO_PROXY, Variable::HTTP_PROXY, Variable::HTTPS_PROXY] {
            assert_eq!(variables.get(blank), None);
        }
        assert!(variables.is_true(Variable::ALIBABA_CLOUD_ECS_METADATA_DISABLED));
        assert!(!variables.is_true(Variable::ALIBABA_CLOUD_IMDSV1_DISABLED));
        assert!(!format!("{variables:?}").contains('x'));
    }

    #[test]
    fn only_the_variables_of_the_groups_are_read_and_each_once() {
        for groups in [vec![], vec![Group::Roots], vec![Group::Proxy, Group::Profiles]] {
            let asked = RefCell::new(Vec::new());
            let expected: Vec<_> = Variable::ALL
                .iter()
                .filter(|variable| groups.contains(&variable.group()))
                .map(ToString::to_string)
                .collect();
            let variables = EnvSnapshot::from_source(groups, |name| {
                asked.borrow_mut().push(name.to_owned());
                Some("v".into())
            });
            assert_eq!(*asked.borrow(), expected);
            assert_eq!(variables.values.len(), expected.len());
        }
        let variables = EnvSnapshot::ignored(vec![Group::Profiles]);
        assert!(variables.is_ignored() && variables.path(Variable::HOME).is_none());
    }

    #[test]
    fn former_names_are_known_without_their_values() {
        let variables = EnvSnapshot::from_iter([
            ("ALICLOUD_SECRET_KEY", "hidden"),
            ("ALIYUN_ACCESS_KEY_ID", ""),
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"),
        ]);
        assert_eq!(variables.former(), [Variable::ALICLOUD_SECRET_KEY]);
        assert!(variables.values.iter().all(|(_, value)| **value != *b"hidden"));
        assert_eq!(EnvSnapshot::ignored(vec![Group::Former]).former(), []);
    }

    #[test]
    fn paths_are_bytes_and_text_that_is_not_utf_8_counts_as_set() {
        let variables = EnvSnapshot::from_source(vec![Group::Sources, Group::Profiles], |_| {
            Some(OsString::from_vec(b"/\xd6\xd0".to_vec()))
        });
        let path = variables.path(Variable::HOME).unwrap();
        assert_eq!(path.as_os_str().as_bytes(), b"/\xd6\xd0");
        let id = variables.get(Variable::ALIBABA_CLOUD_ACCESS_KEY_ID);
        assert_eq!(id.as_deref(), Some("/\u{fffd}\u{fffd}"));
    }
}
