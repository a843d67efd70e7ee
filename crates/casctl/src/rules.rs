//! The options that say how to upload, alike for each command that uploads.

use cas_core::{OnConflict, Upload};
use clap::{Arg, ArgAction, ArgMatches};

use crate::failure::{Failure, wrong_option};
use crate::language::{Language, language};
use crate::options::{flag, option};

/// How to upload.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    on_conflict: OnConflict,
    any_name: bool,
    allowed: Vec<String>,
    lang: String,
    source_ip: Option<String>,
}

/// The options.
pub(crate) fn options() -> [Arg; 5] {
    [
        option(
            "on-conflict",
            "RULE",
            "If the name is taken: reuse the same certificate, fail, rename, or replace \
             [default: reuse]",
            "名称被占用时：reuse（沿用相同证书）、fail、rename 或 replace [默认：reuse]",
        )
        .value_parser(["reuse", "fail", "rename", "replace"]),
        flag(
            "any-name",
            "The same certificate under any other name counts as uploaded",
            "相同证书以其他名称存在时也视为已上传",
        ),
        option(
            "allow-finding",
            "ID",
            "Upload in spite of this finding of `casctl check`; repeatable",
            "忽略 `casctl check` 的此项发现并上传；可重复",
        )
        .action(ArgAction::Append),
        option(
            "lang",
            "LANG",
            "Language of the service's messages, zh or en [default: that of casctl]",
            "服务消息的语言，zh 或 en [默认：与 casctl 相同]",
        )
        .value_parser(["zh", "en"]),
        option(
            "source-ip",
            "IP",
            "Address of the person on whose behalf you upload, for the service's audit trail",
            "委托上传者的 IP 地址，用于服务的审计日志",
        ),
    ]
}

impl Rules {
    /// What the options say.
    pub(crate) fn of(options: &ArgMatches) -> Self {
        let value = |name: &str| options.get_one::<String>(name).cloned();
        let lang = value("lang").unwrap_or_else(|| match language() {
            Language::English => "en".to_owned(),
            Language::Chinese => "zh".to_owned(),
        });
        let allowed = options.get_many::<String>("allow-finding").into_iter().flatten();
        Self {
            on_conflict: on_conflict(&value("on-conflict").unwrap_or_default()),
            any_name: options.get_flag("any-name"),
            allowed: allowed.cloned().collect(),
            lang,
            source_ip: value("source-ip"),
        }
    }

    /// The same, but for what is said about one certificate.
    pub(crate) fn with(mut self, rule: Option<&str>, lang: Option<&str>) -> Self {
        self.on_conflict = rule.map_or(self.on_conflict, on_conflict);
        self.lang = lang.map_or(self.lang, ToOwned::to_owned);
        self
    }

    /// Whether the same certificate counts under any other name.
    pub(crate) fn any_name(&self) -> bool {
        self.any_name
    }

    /// The rule for a name that is taken.
    pub(crate) fn on_conflict(&self) -> OnConflict {
        self.on_conflict
    }

    /// Sets them for an upload.
    pub(crate) fn set(&self, upload: &mut Upload) -> Result<(), Failure> {
        upload.set_on_conflict(self.on_conflict);
        upload.set_reuse_any_name(self.any_name);
        for id in &self.allowed {
            upload.allow_finding(id).map_err(|error| wrong_option(&error))?;
        }
        upload.set_lang(&self.lang)?;
        if let Some(ip) = &self.source_ip {
            upload.set_source_ip(ip).map_err(|error| wrong_option(&error))?;
        }
        Ok(())
    }
}

/// The rule with this name.
fn on_conflict(name: &str) -> OnConflict {
    match name {
        "fail" => OnConflict::Fail,
        "rename" => OnConflict::Rename,
        "replace" => OnConflict::Replace,
        _ => OnConflict::Reuse,
    }
}
