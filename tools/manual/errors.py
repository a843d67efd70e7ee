"""Writes a page for each error code of the service, in both languages of the manual.

    tools/manual/errors.py            writes docs/errors/codes and docs/zh-CN/errors/codes
    tools/manual/errors.py --check    compares them with what it would write

Codes, statuses and hints are those of crates/cas-core/src/protocol/error_codes.rs. What a code
means, and the Chinese, is here. A code without a text, and a text without a code, is an error.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
TABLE = TOP / "crates/cas-core/src/protocol/error_codes.rs"
HEADER = TOP / "include/cas.h"

# What each code means.
MEANINGS = {
    "Throttling*": (
        "The gateway refused the request because there were too many calls.",
        "调用过于频繁，网关拒绝了请求。",
    ),
    "FlowControlError": (
        "The service refused the request because there were too many calls.",
        "调用过于频繁，服务拒绝了请求。",
    ),
    "NameRepeat": (
        "A certificate in the account has this name already.",
        "账号中已有同名的证书。",
    ),
    "ParamRepeat": (
        "A parameter repeats a value that is in use. For an upload only the name can be meant.",
        "某个参数与已有的值重复。对上传来说，只可能是证书名称。",
    ),
    "NotFound": (
        "The account has no certificate with this ID.",
        "账号中没有此 ID 的证书。",
    ),
    "-1008": (
        "Version 2018-07-13 could not read the certificate or the key.",
        "2018-07-13 版本的 API 无法读取证书或私钥。",
    ),
    "ParseCertificateFailed": (
        "The service could not read the certificate.",
        "服务无法解析证书。",
    ),
    "PrivateKeyFormatError": (
        "The service could not read the private key.",
        "服务无法解析私钥。",
    ),
    "CertKeyNotMatch": (
        "The private key does not belong to the first certificate of the text.",
        "私钥与文本中的第一张证书不匹配。",
    ),
    "InsufficientQuota": (
        "The account has as many certificates as its quota allows.",
        "账号中的证书数量已达到配额。",
    ),
    "InvalidStatus.DeleteProtection": (
        "The certificate cannot be deleted, because it is protected.",
        "证书受删除保护，不能删除。",
    ),
    "InvalidAccessKeyId.NotFound": (
        "Alibaba Cloud does not know the access key ID.",
        "阿里云不存在此 AccessKey ID。",
    ),
    "InvalidAccessKeyId.Inactive": (
        "The access key exists, and is disabled.",
        "此 AccessKey 存在，但已被禁用。",
    ),
    "SignatureDoesNotMatch": (
        "The signature that the service computes is not the one in the request: the secret is "
        "wrong, or something changed the request on the way.",
        "服务计算出的签名与请求中的签名不同：AccessKey Secret 有误，或者请求在途中被改动。",
    ),
    "SignatureNonceUsed": (
        "The service has seen the nonce of the request before, so the request arrived twice.",
        "请求的 nonce 已经用过，说明同一请求到达了两次。",
    ),
    "InvalidTimeStamp.Expired": (
        "The time of the request differs too much from the clock of the service.",
        "请求中的时间与服务时钟相差过大。",
    ),
    "IllegalTimestamp": (
        "The time of the request differs too much from the clock of the service.",
        "请求中的时间与服务时钟相差过大。",
    ),
    "InvalidTimeStamp.Format": (
        "The service cannot read the time in the request.",
        "服务无法解析请求中的时间。",
    ),
    "InvalidSecurityToken*": (
        "The security token of a temporary access key is wrong or has expired.",
        "临时访问凭证的安全令牌（SecurityToken）无效或已过期。",
    ),
    "MissingSecurityToken": (
        "The access key is temporary, and the request has no security token.",
        "使用的是临时 AccessKey，但请求中没有安全令牌。",
    ),
    "Forbidden.RAM": (
        "RAM does not allow this access key to do this.",
        "RAM 未授权此 AccessKey 执行该操作。",
    ),
    "Forbidden.RiskControl": (
        "Alibaba Cloud's risk control has blocked the account.",
        "账号被阿里云风控限制。",
    ),
    "Forbidden.UserVerification": (
        "The account has no real-name verification.",
        "账号未完成实名认证。",
    ),
    "Forbidden*": (
        "The access key is not allowed to do this.",
        "此 AccessKey 无权执行该操作。",
    ),
    "NoPermission*": (
        "The access key is not allowed to do this.",
        "此 AccessKey 无权执行该操作。",
    ),
    "PermissionDenied": (
        "The access key is not allowed to do this.",
        "此 AccessKey 无权执行该操作。",
    ),
    "InvalidAction.NotFound": (
        "The endpoint has no such operation in this version of the API.",
        "接入点在此 API 版本中没有该操作。",
    ),
    "InvalidApi.NotFound": (
        "The endpoint has no such operation in this version of the API.",
        "接入点在此 API 版本中没有该操作。",
    ),
    "InvalidVersion": (
        "The endpoint does not have this version of the API.",
        "接入点没有此 API 版本。",
    ),
    "NoSuchVersion": (
        "The endpoint does not have this version of the API.",
        "接入点没有此 API 版本。",
    ),
    "InvalidProduct.NotFound": (
        "The host belongs to another product of Alibaba Cloud.",
        "此主机属于阿里云的其他产品。",
    ),
    "InvalidProtocol.NeedSsl": (
        "The service does not accept plain HTTP.",
        "服务不接受明文 HTTP。",
    ),
    "EntityNotExist.Role": (
        "STS found no role with the ARN of the profile.",
        "STS 找不到配置中 ARN 所指的角色。",
    ),
    "AuthenticationFail.OIDCToken*": (
        "STS refused the OIDC token.",
        "STS 拒绝了 OIDC 令牌。",
    ),
    "InternalError*": (
        "The service failed.",
        "服务内部错误。",
    ),
    "SystemError*": (
        "The service failed.",
        "服务内部错误。",
    ),
    "OperationConflict*": (
        "The service is still working on another request for the same thing, perhaps an earlier "
        "attempt of this call.",
        "服务仍在处理针对同一对象的另一个请求，也可能是本次调用之前的一次尝试。",
    ),
    "*Processing": (
        "The service is still working on an earlier request, perhaps an attempt of this call.",
        "服务仍在处理之前的请求，也可能是本次调用的一次尝试。",
    ),
    "ServiceUnavailable*": (
        "The service is not available for the moment.",
        "服务暂时不可用。",
    ),
    "OperationDenied.SystemUpgrading": (
        "The service is being upgraded.",
        "服务正在升级。",
    ),
}

# What libcas does about a meaning, by its name in the table.
REACTIONS = {
    "THROTTLED": (
        "libcas waits, for as long as the service asks for, and sends the request again until the "
        "deadline. Such attempts do not count, unless `cas_config_set_max_attempts` is 1. For a "
        "minute, the client keeps to the rate that the service documents. Nothing was stored.",
        "libcas 按服务要求的时长等待，然后重发请求，直到截止时间。除非 `cas_config_set_max_attempts` "
        "为 1，这样的尝试不计入次数。此后一分钟内，客户端按服务文档规定的频率调用。证书没有被存储。",
    ),
    "NAME_TAKEN": (
        "libcas reads the list of certificates and compares. If the certificate under the name is "
        "the same one, the upload succeeds. Otherwise the rule of `cas_request_set_on_conflict` "
        "decides.",
        "libcas 读取证书列表并比较。如果该名称下就是同一张证书，上传成功；否则由 "
        "`cas_request_set_on_conflict` 设置的规则决定。",
    ),
    "NOT_FOUND": (
        "The call ends at once. A deletion needs no retry.",
        "调用立即结束。删除操作无需重试。",
    ),
    "PERMISSION": (
        "The call ends at once, and the hint names the RAM action that is missing.",
        "调用立即结束，提示（hint）中写明缺少的 RAM 权限。",
    ),
    "REFUSED": (
        "The call ends at once. This attempt has stored nothing.",
        "调用立即结束。本次尝试没有存储任何内容。",
    ),
    "REJECTED": (
        "The call ends at once. No attempt can have stored the certificate.",
        "调用立即结束。任何一次尝试都不可能存储了证书。",
    ),
    "AMBIGUOUS": (
        "libcas reads the list of certificates once, because an earlier call may have stored the "
        "certificate. If it is listed, the upload succeeds.",
        "libcas 读取一次证书列表，因为之前的调用可能已存储了该证书。如果列表中有，上传成功。",
    ),
    "ACCESS_KEY": (
        "libcas asks the credential source for the access key once more, and sends the request "
        "again if it gets another one. Nothing was stored.",
        "libcas 再次向凭证来源获取 AccessKey；如果得到不同的 AccessKey，就重发请求。证书没有被存储。",
    ),
    "CLOCK": (
        "libcas takes the time from the response and sends the request once more. Nothing was "
        "stored.",
        "libcas 从响应中取得服务时间，重发一次请求。证书没有被存储。",
    ),
    "VERSION_GONE": (
        "With `CAS_API_AUTO`, the client changes to version 2020-04-07 and sends the request "
        "again. Otherwise the call ends at once.",
        "使用 `CAS_API_AUTO` 时，客户端改用 2020-04-07 版本并重发请求；否则调用立即结束。",
    ),
    "UNKNOWN": (
        "The service may have stored the certificate. libcas looks it up in the list of "
        "certificates before it sends anything again. If it cannot find out in time, the call ends "
        "with `CAS_ERR_OUTCOME_UNKNOWN`.",
        "服务可能已经存储了证书。libcas 先在证书列表中查找，然后才会重发。如果不能及时查明，调用以 "
        "`CAS_ERR_OUTCOME_UNKNOWN` 结束。",
    ),
}

# What to do: the Chinese for each hint of the table.
ADVICE = {
    "SLOW_DOWN": "降低每秒的调用次数：文档规定的上限是 CreateUserCertificate 和列表操作每秒 10 次，"
    "UploadUserCertificate 每秒 100 次。",
    "INTERNAL": "服务内部错误。请稍后重试。",
    "CONFLICT": "服务正在处理该证书的另一个请求。请稍后重试。",
    "OTHER_NAME": "换一个名称，或设置其他的 on_conflict 规则。",
    "LIST": "列出证书，查看有哪些 ID。",
    "PROTECTED": "证书受删除保护。请先解除对它的使用。",
    "NONCE_USED": "可能有代理将请求发送了两次。请重试：每次尝试都使用新的 nonce。",
    "QUOTA": "删除不再使用的证书，或提高配额。",
    "OTHER_KEY": "私钥与第一张证书不匹配。请将服务器证书放在最前面，其后依次是签发者的证书。",
    "NEEDS_TOKEN": "同时设置临时 AccessKey 的安全令牌。",
    "RISK_CONTROL": "账号被阿里云风控限制。请联系阿里云技术支持。",
    "REAL_NAME": "完成账号的实名认证。",
    "WRONG_HOST": "此接入点不提供 CAS 服务。请检查接入点的名称。",
    "NOT_PEM": "服务无法读取证书或私钥。两者都必须是带换行的 PEM，私钥不能加密。",
    "OLD_API": "此接入点不支持所用的 API 版本。请设置另一个版本，或由 libcas 选择。",
    "NEW_TOKEN": "安全令牌无效或已过期。请获取新的临时访问凭证。",
    "NO_ROLE": "检查角色的 ARN：该账号中没有此角色。",
    "OIDC_TOKEN": "OIDC 令牌无效或已过期。请检查写入令牌文件的程序。",
    "SET_CLOCK": "校准本机时钟（NTP）：服务允许的误差为 15 分钟。",
    "KEY_ID": "检查 AccessKey ID：它可能已被删除。",
    "INACTIVE": "启用此 AccessKey，或使用另一个。",
    "CHANGED": "检查是否有代理改动了请求。",
    "HTTPS": "使用 https 接入点。",
}

# For the codes whose hint only the call can give, by their meaning.
WITHOUT_HINT = {
    "REFUSED": (
        "Run `casctl explain-signature` on the request and the response: it says which of the two "
        "it is. Check the access key secret for missing or added characters.",
        "用 `casctl explain-signature` 分析请求和响应，它会说明是哪一种情况。"
        "检查 AccessKey Secret 是否缺少或多出字符。",
    ),
    "PERMISSION": (
        "Grant the RAM action that the hint names: see [Security](../../security.md#permissions). "
        "`casctl whoami --test` says whose access key it is.",
        "授予提示中写明的 RAM 权限：参见[安全](../../../security.md#permissions)。"
        "`casctl whoami --test` 显示正在使用谁的 AccessKey。",
    ),
}

WORDS = {
    "en": {
        "directory": TOP / "docs/errors/codes",
        "status": "status",
        "exit": "exit status of `casctl`",
        "does": "What libcas does",
        "you": "What you do",
        "family": ("Codes that begin with", "Codes that end with"),
        "index": "The error codes of the service",
        "intro": (
            "`cas_error_service_code` returns the code of a response, and `casctl` shows it. "
            "libcas knows these codes. Any other code ends the call with `CAS_ERR_SERVICE`, after "
            "one look at the list of certificates. HTTP status 429 counts as throttling, and 408 "
            "and 5xx as a failure of the service, whatever the code is.\n\n"
            "A code that ends in `*` stands for all that begin like it, and one that begins with "
            "`*` for all that end like it."
        ),
        "stop": ".",
    },
    "zh-CN": {
        "directory": TOP / "docs/zh-CN/errors/codes",
        "status": "状态码",
        "exit": "`casctl` 的退出码",
        "does": "libcas 的处理",
        "you": "处理方法",
        "family": ("代表以此开头的全部错误码：", "代表以此结尾的全部错误码："),
        "index": "服务的错误码",
        "intro": (
            "`cas_error_service_code` 返回响应中的错误码，`casctl` 也会显示它。libcas 认识以下错误码。"
            "其他任何错误码都会使调用在查看一次证书列表之后以 `CAS_ERR_SERVICE` 结束。HTTP 状态码 429 视为限流，"
            "408 和 5xx 视为服务故障，无论错误码是什么。\n\n"
            "以 `*` 结尾的错误码代表所有以此开头的错误码，以 `*` 开头的代表所有以此结尾的错误码。"
        ),
        "stop": "。",
    },
}


def rust_text(literal):
    """The text of a Rust literal, whose lines may end in a backslash."""
    return re.sub(r"\\\n\s*", "", literal)


def read_table():
    """The rows of the table: code, name of the meaning, name of the hint or None."""
    source = TABLE.read_text()
    rows = re.findall(r'^    \("([^"]+)",\s+(\w+),\s+(\w+|"")\),', source, re.MULTILINE)
    hints = dict(re.findall(r'^const (\w+): &str =\s+"((?:[^"\\]|\\.|\\\n)*)";', source, re.M))
    kinds = dict(re.findall(r"^const (\w+): Meaning =\s+\(ErrorKind::(\w+),", source, re.M))
    return rows, {name: rust_text(text) for name, text in hints.items()}, kinds


def statuses():
    """The numbers of the statuses, by their names."""
    defined = re.findall(r"^#define (CAS_ERR_\w+) (\d+)$", HEADER.read_text(), re.MULTILINE)
    return {name: int(number) for name, number in defined}


def status_of(kind):
    return "CAS_ERR_" + re.sub(r"(?<!^)(?=[A-Z])", "_", kind).upper()


def wrapped(text, columns=100):
    """Paragraphs of at most this many columns. Chinese has no spaces at which to wrap."""
    if re.search(r"[\u4e00-\u9fff]", text):
        return text
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > columns:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def page(language, row, hints, kinds, numbers):
    code, meaning, hint = row
    which = language != "en"
    words = WORDS[language]
    status = status_of(kinds[meaning])
    family = ""
    if "*" in code:
        phrase = words["family"][code.startswith("*")]
        space = " " if language == "en" else ""
        family = f"{phrase}{space}`{code.strip('*')}`{words['stop']}{space}"
    if hint == '""':
        advice = WITHOUT_HINT[meaning][which]
    else:
        advice = hints[hint] if language == "en" else ADVICE[hint]
    paragraphs = [
        f"# `{code}`",
        wrapped(f"{family}{MEANINGS[code][which]}"),
        "| | |\n|---|---|\n"
        f"| {words['status']} | [`{status}`](../{status}.md) |\n"
        f"| {words['exit']} | {10 + numbers[status]} |",
        wrapped(f"**{words['does']}{words['stop']}** {REACTIONS[meaning][which]}"),
        wrapped(f"**{words['you']}{words['stop']}** {advice}"),
    ]
    return "\n\n".join(paragraphs) + "\n"


def file_name(code):
    return code.strip("*") + ".md"


def index(language, rows):
    words = WORDS[language]
    colon = ": " if language == "en" else "："
    lines = [f"# {words['index']}", ""]
    lines += [f"{wrapped(paragraph)}\n" for paragraph in words["intro"].split("\n\n")]
    for code, *_ in rows:
        meaning = MEANINGS[code][language != "en"]
        item = wrapped(f"[`{code}`]({file_name(code)}){colon}{meaning}", 98)
        lines.append("- " + item.replace("\n", "\n  "))
    return "\n".join(lines) + "\n"


def pages():
    rows, hints, kinds = read_table()
    codes = [code for code, *_ in rows]
    if not rows or set(codes) != set(MEANINGS):
        sys.exit(f"errors.py: the table and the texts differ: {set(codes) ^ set(MEANINGS)}")
    used = {hint for *_, hint in rows if hint != '""'}
    if used != set(ADVICE):
        sys.exit(f"errors.py: the hints and their Chinese differ: {used ^ set(ADVICE)}")
    numbers = statuses()
    for language, words in WORDS.items():
        for row in rows:
            text = page(language, row, hints, kinds, numbers)
            yield words["directory"] / file_name(row[0]), text
        yield words["directory"] / "index.md", index(language, rows)


def main():
    wanted = dict(pages())
    found = {path for words in WORDS.values() for path in words["directory"].glob("*.md")}
    if "--check" in sys.argv:
        wrong = sorted(found - set(wanted))
        wrong += [path for path, text in wanted.items()
                  if path not in found or path.read_text() != text]
        if wrong:
            names = "\n".join(str(path.relative_to(TOP)) for path in wrong)
            sys.exit(f"errors.py: run `make error-pages`:\n{names}")
        return
    for path in found - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
