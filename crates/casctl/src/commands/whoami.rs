//! `casctl whoami`: which credential source serves, and how the service is reached.

use cas_core::{
    AccessTest, CredentialsReport, Diagnostics, Error, Identity, Settings, Signature, SourceReport,
    SourceState,
};
use clap::{ArgMatches, Command};
use serde_json::{Map, Value, json};

use crate::failure::{Failure, error_json, status_of};
use crate::language::{say, text};
use crate::options::flag;
use crate::output::{self, Format};
use crate::session::Session;
use crate::wording::of_casctl;

pub(crate) fn command() -> Command {
    Command::new("whoami")
        .about(text(
            "Show whose access key is used, and how the service is reached",
            "显示使用谁的访问密钥，以及如何访问服务",
        ))
        .arg(flag(
            "test",
            "Fetch the access key and make one signed call that changes nothing",
            "获取访问密钥，并发出一次不改动任何内容的签名调用",
        ))
        .after_help(text(
            "Without --test, nothing is sent and no program is run. Secrets are never shown.\n\n\
             Examples:\n  casctl whoami\n  casctl whoami --test --profile prod --output json",
            "不带 --test 时不发送任何请求，也不运行任何程序。从不显示机密。\n\n\
             示例：\n  casctl whoami\n  casctl whoami --test --profile prod --output json",
        ))
}

/// What a test showed.
struct Test {
    identity: Option<Result<Identity, Error>>,
    access: Result<AccessTest, Error>,
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let diagnostics = Diagnostics::new(&session.config()?)?;
    let (settings, tests) = (diagnostics.settings(), options.get_flag("test"));
    let credentials = diagnostics.credentials(tests);
    let test = (tests && credentials.error.is_none())
        .then(|| Test { access: diagnostics.test_access(), identity: diagnostics.identity() });
    match session.format() {
        Format::Json => output::json(&report_json(&settings, &credentials, test.as_ref())),
        Format::Text => print(&settings, &credentials, test.as_ref()),
    }
    let unusable = [settings.proxy.as_ref().err(), settings.roots.as_ref().err()];
    let failed = test.as_ref().and_then(|test| test.access.as_ref().err());
    let errors = [credentials.error.as_ref()].into_iter().chain(unusable).chain([failed]);
    match errors.flatten().next() {
        // It is in the object that was printed.
        Some(error) if session.format() == Format::Json => {
            Err(Failure::Status(status_of(error.kind())))
        }
        Some(error) => Err(error.clone().into()),
        None => Ok(()),
    }
}

fn print(settings: &Settings, credentials: &CredentialsReport, test: Option<&Test>) {
    let signature = signature_name(settings.signature);
    for (label, value) in [
        (text("Endpoint", "接入点"), settings.endpoint.clone()),
        (text("Region", "地域"), settings.region.clone()),
        (text("API version", "API 版本"), api(settings)),
        (text("Signature", "签名"), signature.to_owned()),
        (text("Proxy", "代理"), proxy(settings)),
        (text("Trusted roots", "信任的根证书"), or_invalid(settings.roots.as_ref().ok())),
        (text("Access key", "访问密钥"), key(credentials)),
    ] {
        output::line(&format!("{label}: {value}"));
    }
    if let Some(Test { identity, access }) = test {
        let label = text("Account", "账号");
        match identity {
            Some(Ok(Identity { account_id, arn, .. })) => {
                output::line(&format!("{label}: {account_id} ({arn})"));
            }
            Some(Err(error)) => output::line(&format!("{label}: {}", of_casctl(error.message()))),
            None => {}
        }
        if let Ok(AccessTest { action, api, .. }) = access {
            let said = say!("{action} is allowed ({api})", "允许调用 {action}（{api}）");
            output::line(&format!("{}: {said}", text("Test", "测试")));
        }
    }
    let rows = credentials.sources.iter().map(row).collect();
    let headings =
        [text("CREDENTIAL SOURCE", "凭证来源"), text("STATE", "状态"), text("DETAILS", "详情")];
    output::table(&headings, rows);
}

fn row(source: &SourceReport) -> Vec<String> {
    let details: Vec<_> =
        source.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let all: Vec<_> = source.reason.iter().map(|reason| of_casctl(reason)).chain(details).collect();
    vec![source.name.clone(), state(source.state).to_owned(), all.join(", ")]
}

fn state(state: SourceState) -> &'static str {
    match state {
        SourceState::Serves => text("serves", "使用中"),
        SourceState::MayServe => text("may serve", "可能使用"),
        SourceState::NotConfigured => text("not set up", "未配置"),
        SourceState::Failed => text("failed", "失败"),
        SourceState::NotAsked => text("not asked", "未查询"),
        _ => state.name(),
    }
}

fn key(credentials: &CredentialsReport) -> String {
    let name = credentials.serving().map(|source| source.name.as_str()).unwrap_or_default();
    match (&credentials.key, credentials.serving().map(|source| source.state)) {
        (Some(key), _) => {
            let id = &key.access_key_id;
            let temporary = if key.is_temporary { text(", temporary", "，临时") } else { "" };
            let until = key
                .expires
                .map_or(String::new(), |end| say!(", valid until {end}", "，有效期至 {end}"));
            say!("{id}{temporary}{until}, from {name}", "{id}{temporary}{until}，来自 {name}")
        }
        (None, Some(SourceState::Serves)) => {
            say!("fetched when it is needed, from {name}", "需要时获取，来自 {name}")
        }
        (None, Some(_)) => say!("{name}, if there is one", "{name}（如果有）"),
        (None, None) => text("none", "无").to_owned(),
    }
}

fn api(settings: &Settings) -> String {
    let auto = text("auto: 2018-07-13, then 2020-04-07", "auto：先 2018-07-13，再 2020-04-07");
    settings.api.map_or(auto, |api| api.as_str()).to_owned()
}

fn signature_name(signature: Signature) -> &'static str {
    match signature {
        Signature::HmacSha1 => "hmac-sha1",
        Signature::Acs3 => "acs3",
    }
}

fn proxy(settings: &Settings) -> String {
    let reason = &settings.proxy_reason;
    match &settings.proxy {
        Ok(Some(url)) => say!("{url} (from {reason})", "{url}（来自 {reason}）"),
        Ok(None) => say!("none ({reason})", "无（{reason}）"),
        Err(_) => text("invalid", "无效").to_owned(),
    }
}

fn or_invalid(value: Option<&String>) -> String {
    value.cloned().unwrap_or_else(|| text("invalid", "无效").to_owned())
}

fn report_json(settings: &Settings, credentials: &CredentialsReport, test: Option<&Test>) -> Value {
    let details = |source: &SourceReport| -> Map<String, Value> {
        source.details.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
    };
    let sources: Vec<_> = credentials
        .sources
        .iter()
        .map(|source| {
            json!({
                "name": source.name,
                "state": source.state.name(),
                "reason": source.reason.as_deref().map(of_casctl),
                "details": details(source),
            })
        })
        .collect();
    let error = [settings.proxy.as_ref().err(), settings.roots.as_ref().err()];
    let error = [credentials.error.as_ref()].into_iter().chain(error).flatten().next();
    json!({
        "endpoint": settings.endpoint,
        "region": settings.region,
        "api": settings.api.map_or("auto", |api| api.as_str()),
        "signature": signature_name(settings.signature),
        "proxy": settings.proxy.as_ref().ok(),
        "proxy_reason": settings.proxy_reason,
        "roots": settings.roots.as_ref().ok(),
        "access_key": credentials.key.as_ref().map(|key| json!({
            "id": key.access_key_id,
            "temporary": key.is_temporary,
            "expires": key.expires.map(|end| end.to_string()),
        })),
        "source": credentials.serving().map(|source| &source.name),
        "sources": sources,
        "error": error.map(error_json),
        "test": test.map(test_json),
    })
}

fn test_json(test: &Test) -> Value {
    let identity = test.identity.as_ref().and_then(|identity| identity.as_ref().ok());
    let access = test.access.as_ref();
    json!({
        "account_id": identity.map(|identity| &identity.account_id),
        "identity_type": identity.map(|identity| &identity.kind),
        "arn": identity.map(|identity| &identity.arn),
        "allowed": access.is_ok(),
        "action": access.ok().map(|access| access.action),
        "api": access.ok().map(|access| access.api.as_str()),
        "request_id": access.ok().and_then(|access| access.request_id.as_ref()),
        "error": access.err().map(error_json),
    })
}
