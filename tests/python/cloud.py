"""cloud.py --cert FILE --key FILE: the services that give out credentials, as far as their documentation goes.

Prints the ports of 127.0.0.1 on which it serves, and serves until its standard input ends. Which service is meant is
told by the Host header; what a real service checks is checked, and refused with its words. The n-th key that a
service gives out is `STS.<service>-<n>`. Tests ask under /_/ what happened, and change the state below.
"""

import argparse
import base64
import calendar
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import re
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse
import uuid

# What POST /_/set changes; objects in it are merged, null takes a value away.
STATE = {
    "lifetime": {},  # of a service's keys or tokens, in seconds
    "role": "web-role",  # of the instance; null: it has none
    "v1": False,  # whether metadata is given without a token
    "delay": 0,  # before an answer leaves, in seconds
    "broken": {},  # service: what it does instead of answering
}
SERVICES = ["ecs-token", "ecs-role", "ecs", "uri", "sts", "oidc", "sso", "oauth-token", "oauth-exchange"]
BREAKAGES = [{"status", "body"}, {"hang"}, {"close"}, {"garbage"}]
SECRET_PARAMETERS = {"Signature", "SecurityToken", "OIDCToken", "refresh_token"}
SECRET_HEADERS = {"x-acs-security-token", "x-aliyun-ecs-metadata-token"}
OAUTH_CLIENTS = {"oauth.aliyun.com": "4038181954557748008", "oauth.alibabacloud.com": "4103531455503354461"}
METADATA = "/latest/meta-data/ram/security-credentials/"
TOLERANCE = 15 * 60  # between a request's time and the clock here, in seconds

INVALID = "Specified parameter {} is not valid."
WRONG = "The parameter {} is wrongly formed."


class Refusal(Exception):
    """An answer that is none: an HTTP status and a body, as text or JSON."""

    def __init__(self, status, body):
        self.status, self.body = status, body


class Request:
    """A request as it arrived, with its parameters from query and body together."""

    def __init__(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        self.method, self.path, self.body = handler.command, url.path, body
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.scheme, self.host = handler.server.scheme, self.headers.get("host", "").split(":")[0]
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.type = self.headers.get("content-type", "").split(";")[0].strip().lower()
        self.form = {}
        if self.type == "application/x-www-form-urlencoded":
            self.form = dict(urllib.parse.parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        elif self.type == "application/json":
            with contextlib.suppress(ValueError):
                parsed = json.loads(body)
                self.form = parsed if isinstance(parsed, dict) else {}
        self.parameters = self.query | self.form

    def bearer(self):
        """The token of the Authorization header."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else None

    def shown(self, service):
        """As the log has it: without what is secret."""
        headers = {name: "…" if name in SECRET_HEADERS else value for name, value in self.headers.items()}
        if "authorization" in headers:
            headers["authorization"] = self.headers["authorization"].split(" ")[0] + " …"
        parameters = {name: "…" if name in SECRET_PARAMETERS else value for name, value in self.parameters.items()}
        return {
            "service": service, "method": self.method, "host": self.host, "path": self.path, "params": parameters,
            "headers": headers, "status": None, "issued": None,
        }


class Cloud:
    """All services, and what they know."""

    def __init__(self):
        self.lock = threading.Lock()
        self.state = STATE
        self.requests = []
        self.keys = {"staticid": ("canary-secret-static", None, float("inf"))}  # secret, token, expiration
        self.counts = {}
        self.nonces = set()
        self.metadata_tokens = {}  # with their expiration
        self.oauth, self.oauth_expires = 0, float("inf")  # which pair of tokens is valid

    def lifetime(self, service, asked=3600):
        return self.state["lifetime"].get(service, asked)

    def issue(self, service, asked=3600):
        """A new key."""
        self.counts[service] = n = self.counts.get(service, 0) + 1
        name, secret, token = f"STS.{service}-{n}", f"canary-secret-{service}-{n}", f"canary-token-{service}-{n}"
        expires = int(time.time()) + self.lifetime(service, asked)
        self.keys[name] = secret, token, expires
        return {"AccessKeyId": name, "AccessKeySecret": secret, "SecurityToken": token, "Expiration": iso(expires)}

    def service(self, request):
        """The service that a request is for, and the function that does it."""
        scheme, host, path = request.scheme, request.host, request.path
        sts = re.fullmatch(r"sts\.aliyuncs\.com|sts(-vpc)?\.[a-z0-9-]+\.aliyuncs\.com", host)
        if (scheme, host) == ("http", "100.100.100.200"):
            if path == "/latest/api/token":
                return "ecs-token", ecs_token
            return ("ecs-role" if path == METADATA else "ecs"), ecs
        if scheme == "http" and host in ("127.0.0.1", "localhost"):
            return "uri", uri
        if sts and scheme == "http":
            return "sts", need_ssl
        if sts:
            return ("oidc" if action(request) == "AssumeRoleWithOIDC" else "sts"), assume_role
        if scheme == "https" and host in OAUTH_CLIENTS:
            return ("oauth-token", oauth_token) if path == "/v1/token" else ("oauth-exchange", oauth_exchange)
        if scheme == "https" and host == "signin.example.alibabacloudsso.com":
            return "sso", sso
        return None, nobody

    def breakage(self, service):
        """What a broken service does this time; None: it works."""
        broken = self.state["broken"].get(service)
        if broken and "times" in broken:
            broken["times"] -= 1
            if broken["times"] <= 0:
                del self.state["broken"][service]
        return broken

    def answer(self, request):
        """Status and body; None for a connection that is closed, and no return at all for one that hangs."""
        if request.host == "127.0.0.1" and request.scheme == "http" and request.path.startswith("/_/"):
            with self.lock:
                return self.control(request)
        with self.lock:
            service, work = self.service(request)
            entry = request.shown(service)
            self.requests.append(entry)
            broken = self.breakage(service)
            if not broken:
                try:
                    status, body = 200, work(self, request)
                except Refusal as refusal:
                    status, body = refusal.status, refusal.body
                keys = body.get("Credentials") or body.get("CloudCredential") or body if isinstance(body, dict) else {}
                entry["issued"] = keys.get("AccessKeyId")
            elif "hang" in broken or "close" in broken:
                status = body = None
            else:
                status, body = broken.get("status", 200), broken.get("body", broken.get("garbage", ""))
            entry["status"] = status
            delay = self.state["delay"]
        if broken and "hang" in broken:
            threading.Event().wait()
        time.sleep(delay)
        return status and (status, body)

    def control(self, request):
        match request.method, request.path:
            case "GET", "/_/requests":
                return 200, self.requests
            case "POST", "/_/set":
                return self.set(json.loads(request.body))
            case "POST", "/_/reset":
                self.requests = []
                return 200, {}
        return 404, {}

    def set(self, change):
        """Takes a change of the state, but none that nobody would notice."""
        for service, what in (change.get("broken") or {}).items():
            known = what is None or set(what) - {"times"} in BREAKAGES or set(what) - {"times"} == {"status"}
            if service not in SERVICES or not known:
                return 400, f"what is {service}: {what}?"
        if change.keys() - STATE.keys():
            return 400, f"what is {change}?"
        for name, value in change.items():
            if isinstance(self.state[name], dict):
                merged = self.state[name] | value if value else {}
                value = {inner: what for inner, what in merged.items() if what is not None}
            self.state[name] = value
        return 200, self.state


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def check_time(text, refuse):
    """Refuses a time that is none, or is not about now."""
    try:
        seconds = calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        raise refuse("InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.") from None
    if abs(time.time() - seconds) > TOLERANCE:
        raise refuse("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def nobody(_, request):
    raise Refusal(404, {"Code": "InvalidProduct.NotFound", "Message": f"nobody is {request.scheme}://{request.host}"})


# The metadata service of an instance.


def ecs_token(cloud, request):
    if request.method != "PUT":
        raise Refusal(405, "405 Method Not Allowed")
    if "x-forwarded-for" in request.headers:
        raise Refusal(403, "403 Forbidden")
    seconds = request.headers.get("x-aliyun-ecs-metadata-token-ttl-seconds", "")
    if not re.fullmatch("[0-9]{1,5}", seconds) or not 1 <= int(seconds) <= 21600:
        raise Refusal(400, "400 Bad Request")
    token = f"canary-metadata-{len(cloud.metadata_tokens) + 1}"
    cloud.metadata_tokens[token] = time.time() + int(seconds)
    return token


def ecs(cloud, request):
    token = request.headers.get("x-aliyun-ecs-metadata-token")
    if token is None and not cloud.state["v1"]:
        raise Refusal(403, "403 Forbidden")
    if token is not None and cloud.metadata_tokens.get(token, 0) <= time.time():
        raise Refusal(401, "401 Unauthorized")
    if request.method != "GET":
        raise Refusal(405, "405 Method Not Allowed")
    role = cloud.state["role"]
    if role and request.path == METADATA:
        return role
    if not role or request.path != METADATA + role:
        raise Refusal(404, "404 Not Found")
    return {"Code": "Success", "LastUpdated": iso(time.time()), **cloud.issue("ecs")}


# A server of one's own, which ALIBABA_CLOUD_CREDENTIALS_URI names.


def uri(cloud, request):
    if request.method != "GET" or request.path != "/credentials":
        raise Refusal(404, "404 Not Found")
    return {"Code": "Success", **cloud.issue("uri")}


# The Security Token Service.


def refusal(request, code, message, status=400):
    """An error as all of the RPC services say it."""
    return Refusal(status, {
        "RequestId": str(uuid.uuid4()).upper(), "HostId": request.host, "Code": code, "Message": message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={code}&product=Sts",
    })


def need_ssl(_, request):
    raise refusal(request, "InvalidProtocol.NeedSsl", "Your request is denied as lack of ssl protect.", 404)


def action(request):
    return request.parameters.get("Action") or request.headers.get("x-acs-action")


def assume_role(cloud, request):
    def refuse(code, message, status=400):
        return refusal(request, code, message, status)

    def needed(name, header=None):
        value = request.headers.get(header) if header else request.parameters.get(name)
        if not value:
            raise refuse(f"Missing{name}", f"{name} is mandatory for this action.")
        return value

    def formed(name, pattern):
        if not re.fullmatch(pattern, needed(name)):
            raise refuse(f"InvalidParameter.{name}", WRONG.format(name))

    if request.method not in ("GET", "POST"):
        raise refuse("UnsupportedHTTPMethod", "This http method is not supported.")
    # A request has these either as parameters or, in the newer way, as headers.
    newer = "Action" not in request.parameters
    name = needed("Action", "x-acs-action" if newer else None)
    version = needed("Version", "x-acs-version" if newer else None)
    if name not in ("AssumeRole", "AssumeRoleWithOIDC") or request.path != "/":
        raise refuse("InvalidAction.NotFound", "Specified api is not found, please check your url and method.", 404)
    if version != "2015-04-01":
        raise refuse("InvalidVersion", INVALID.format("Version"))
    # Without it the answer of the older way is XML, which none of the clients here reads.
    if not newer and needed("Format").upper() != "JSON":
        raise refuse("InvalidParameter.Format", "Specified parameter format is not valid.")
    timestamp = needed("Timestamp", "x-acs-date" if newer else None)
    if name == "AssumeRole":
        check_signature(cloud, request, newer, timestamp, needed, refuse)
    else:
        check_time(timestamp, refuse)

    formed("RoleArn", r"acs:ram::[0-9]+:role/[A-Za-z0-9.-]{1,64}")
    formed("RoleSessionName", r"[A-Za-z0-9.@_-]{2,64}")
    if "ExternalId" in request.parameters:
        formed("ExternalId", r"[\w+=,.@:/-]{2,1224}")
    seconds = request.parameters.get("DurationSeconds", "3600")
    if not re.fullmatch("[0-9]{1,9}", seconds) or not 900 <= int(seconds) <= 43200:
        raise refuse("InvalidParameter.DurationSeconds", "The Min/Max value of DurationSeconds is 15min/12hr.")
    if "Policy" in request.parameters:
        try:
            json.loads(request.parameters["Policy"])
        except ValueError:
            message = "The parameter Policy has not passed grammar check."
            raise refuse("InvalidParameter.PolicyGrammar", message) from None
    if name == "AssumeRoleWithOIDC":
        formed("OIDCProviderArn", r"acs:ram::[0-9]+:oidc-provider/[A-Za-z0-9._-]{1,128}")
        if needed("OIDCToken").strip() != "canary-oidc-token":
            raise refuse("AuthenticationFail.OIDCToken.Invalid", "This JsonWebToken is invalid.")
    arn = request.parameters["RoleArn"]
    role, session = arn.split("/")[1], request.parameters["RoleSessionName"]
    if role == "gone":
        raise refuse("EntityNotExist.Role", "The specified Role not exists.", 404)
    if role == "forbidden":
        raise refuse("NoPermission", "You are not authorized to do this action. You should be authorized by RAM.", 403)
    return {
        "RequestId": str(uuid.uuid4()).upper(),
        "AssumedRoleUser": {"Arn": f"{arn}/{session}", "AssumedRoleId": f"300000000000000001:{session}"},
        "Credentials": cloud.issue("sts" if name == "AssumeRole" else "oidc", int(seconds)),
    }


def check_signature(cloud, request, newer, timestamp, needed, refuse):
    """Who asks, when, and whether it is really they, for the first time."""
    if newer:
        pattern = "ACS3-HMAC-SHA256 Credential=([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})"
        found = re.fullmatch(pattern, needed("Authorization", "authorization"))
        if not found:
            raise refuse("IncompleteSignature", "The request signature does not conform to Aliyun standards.")
        key, signed, signature = found.groups()
        token = request.headers.get("x-acs-security-token")
        nonce = needed("SignatureNonce", "x-acs-signature-nonce")
    else:
        key, signature, token = needed("AccessKeyId"), needed("Signature"), request.parameters.get("SecurityToken")
        nonce = needed("SignatureNonce")
        if needed("SignatureMethod") != "HMAC-SHA1":
            raise refuse("InvalidSignatureMethod", "Specified signature method is not valid.")
        if needed("SignatureVersion") != "1.0":
            raise refuse("InvalidSignatureVersion", INVALID.format("SignatureVersion"))
    if key not in cloud.keys:
        raise refuse("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
    secret, own, expires = cloud.keys[key]
    check_time(timestamp, refuse)
    if newer:
        to_sign, computed = acs3(request, signed.split(";"), secret, refuse)
    else:
        to_sign, computed = v1(request, secret)
    if not hmac.compare_digest(computed.encode(), signature.encode()):
        message = f"Specified signature is not matched with our calculation. server string to sign is:{to_sign}"
        raise refuse("SignatureDoesNotMatch", message)
    if own and not token:
        raise refuse("MissingSecurityToken", "SecurityToken is mandatory for this action.")
    if own != (token or None):
        message = "Specified SecurityToken mismatch with the AccessKey."
        raise refuse("InvalidSecurityToken.MismatchWithAccessKey", message)
    if expires <= time.time():
        raise refuse("InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
    if nonce in cloud.nonces:
        raise refuse("SignatureNonceUsed", "Specified signature nonce was used already.")
    cloud.nonces.add(nonce)


def encoded(text):
    return urllib.parse.quote(text, safe="")


def canonical(parameters):
    return "&".join(f"{encoded(name)}={encoded(parameters[name])}" for name in sorted(parameters))


def v1(request, secret):
    signed = {name: value for name, value in request.parameters.items() if name != "Signature"}
    to_sign = f"{request.method}&%2F&{encoded(canonical(signed))}"
    digest = hmac.digest(f"{secret}&".encode(), to_sign.encode(), "sha1")
    return to_sign, base64.b64encode(digest).decode()


def acs3(request, signed, secret, refuse):
    must = {name for name in request.headers if name.startswith("x-acs-") or name in ("host", "content-type")}
    if signed != sorted(signed) or not must <= set(signed) <= request.headers.keys():
        raise refuse("IncompleteSignature", "The request signature does not conform to Aliyun standards.")
    payload = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-acs-content-sha256") != payload:
        raise refuse("InvalidContentSha256", INVALID.format("x-acs-content-sha256"))
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in signed)
    parts = [request.method, request.path, canonical(request.query), headers, ";".join(signed), payload]
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()}"
    return to_sign, hmac.digest(secret.encode(), to_sign.encode(), "sha256").hex()


# Signing in with a browser: OAuth, and CloudSSO.


def oauth_token(cloud, request):
    def refuse(code, message, status=400):
        return Refusal(status, {"error": code, "error_description": message})

    form = request.form
    if request.method != "POST" or request.type != "application/x-www-form-urlencoded":
        raise refuse("invalid_request", "A form has to be posted.")
    if form.get("grant_type") != "refresh_token":
        raise refuse("unsupported_grant_type", "The grant type is not supported.")
    if form.get("client_id") != OAUTH_CLIENTS[request.host]:
        raise refuse("invalid_client", "The client is not known.", 401)
    check_time(form.get("Timestamp", ""), refuse)
    if form.get("refresh_token") != f"canary-oauth-refresh-{cloud.oauth}":
        raise refuse("invalid_grant", "The refresh token is invalid.")
    cloud.oauth += 1
    seconds = cloud.lifetime("oauth-token")
    cloud.oauth_expires = time.time() + seconds
    return {
        "access_token": f"canary-oauth-access-{cloud.oauth}", "refresh_token": f"canary-oauth-refresh-{cloud.oauth}",
        "expires_in": seconds, "token_type": "Bearer",
    }


def oauth_exchange(cloud, request):
    if request.method != "POST" or request.path != "/v1/exchange":
        raise Refusal(404, {"error": "not_found", "error_description": "There is no such page."})
    if request.bearer() != f"canary-oauth-access-{cloud.oauth}" or cloud.oauth_expires <= time.time():
        raise Refusal(401, {"error": "invalid_token", "error_description": "The access token is invalid."})
    return cloud.issue("oauth")


def sso(cloud, request):
    def refuse(status, code, message):
        return Refusal(status, {"RequestId": str(uuid.uuid4()).upper(), "ErrorCode": code, "ErrorMessage": message})

    if request.method != "POST" or request.path != "/cloud-credentials":
        raise refuse(404, "NotFound", "There is no such page.")
    if request.bearer() != "canary-sso-access":
        raise refuse(401, "InvalidAccessToken", "The access token is invalid.")
    if request.type != "application/json":
        raise refuse(400, "InvalidParameter", "JSON has to be posted.")
    if request.form != {"AccountId": "1234567890", "AccessConfigurationId": "ac-1"}:
        raise refuse(403, "NoPermission", "No such access is assigned to the user.")
    return {"RequestId": str(uuid.uuid4()).upper(), "CloudCredential": cloud.issue("sso")}


# HTTP.


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is sent in one piece

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.cloud.answer(Request(self, body))
        if answer is None:
            self.close_connection = True
            return
        status, content = answer
        kind = "text/plain" if isinstance(content, str) else "application/json"
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, cloud, scheme, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.cloud, self.scheme, self.tls = cloud, scheme, tls
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        connection, address = super().get_request()
        if self.tls:  # the handshake is made by the connection's own thread
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), OSError):  # a client that went away is no error here
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    arguments = parser.parse_args()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(arguments.cert, arguments.key)
    cloud = Cloud()
    servers = {"http": Server(cloud, "http"), "https": Server(cloud, "https", tls)}
    print(json.dumps({name: server.server_address[1] for name, server in servers.items()}), flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


main()
