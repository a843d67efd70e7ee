/*
 * libcas: uploads certificates to Alibaba Cloud's Certificate Management Service (CAS).
 * Generated from crates/cas-ffi by `make header`; do not edit.
 *
 * Rules that hold for every function:
 *
 * - Handles are opaque. cas_X_new makes one, cas_X_free ends it; cas_X_free(NULL) does nothing.
 * - A function that can fail returns cas_status; CAS_OK is 0. Those with more to say take `cas_error **err`
 *   as their last argument; it may be NULL. On success *err becomes NULL, on failure a new error that the
 *   caller frees. Out-values are written only on success.
 * - A NULL where a value is required, or text that is not UTF-8, gives CAS_ERR_INVALID_ARGUMENT; a function
 *   that returns something else then returns NULL, 0 or false.
 * - Strings passed in are copied before the call returns. Strings handed out live as long as the handle they
 *   came from. Sizes are in bytes, times in milliseconds.
 * - A cas_client may be used by any number of threads at once, and survives fork. Other handles belong to one
 *   thread at a time.
 * - The library starts no thread (one exception: looking up a host name under a deadline), installs no signal
 *   handler, raises no SIGPIPE, writes nothing to stdout or stderr, and never calls exit.
 * - Private keys and secrets are wiped from the library's memory when their handle is freed, and never appear
 *   in an error, a log line or a URL.
 */


#ifndef CAS_H
#define CAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__clang__) && !defined(__cplusplus)
/* C89 has no bool of its own; <stdbool.h> brings it. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc99-extensions"
#define CAS_POP_DIAGNOSTICS
#endif


/*
 What the service says about a certificate. Never its key.
 */
typedef struct cas_certificate cas_certificate;

/*
 Certificates, as they were when the list was made.
 */
typedef struct cas_certificate_list cas_certificate_list;

/*
 A client of one endpoint. Any number of threads may use it at once; connections are kept open between
 calls.
 */
typedef struct cas_client cas_client;

/*
 A configuration. A NULL configuration means every default.
 */
typedef struct cas_config cas_config;

/*
 An error. It never holds a key, secret, token, signature or string-to-sign.
 */
typedef struct cas_error cas_error;

/*
 What was read from a certificate, its chain and its key. Never the key itself.
 */
typedef struct cas_inspection cas_inspection;

/*
 A certificate to upload, with its key.
 */
typedef struct cas_request cas_request;

/*
 The receipt of an upload.
 */
typedef struct cas_result cas_result;

/*
 How a call ended. A number, once used, keeps its meaning; numbers not listed here may come in later
 versions.
 */
typedef int32_t cas_status;

/*
 A version of the service's API.
 */
typedef int32_t cas_api;

/*
 How requests are signed.
 */
typedef int32_t cas_signature;

/*
 How much a log message matters.
 */
typedef int32_t cas_log_level;

/*
 Receives log messages, on the thread that made the call, and from several at once where several threads
 share a client. The message lives until the function returns. It must not throw.
 */
typedef void (*cas_log_fn)(void *user_data, cas_log_level level, const char *message);

/*
 What to do when another certificate has the name. "The same" is decided by the certificate, not by its name.
 */
typedef int32_t cas_on_conflict;

/*
 What an upload did.
 */
typedef int32_t cas_outcome;

/*
 How much a finding matters. docs/findings.md lists them all.
 */
typedef int32_t cas_severity;

/*
 Done.
 */
#define CAS_OK 0

/*
 The call itself is wrong: NULL, not UTF-8, a bad endpoint, an empty name.
 */
#define CAS_ERR_INVALID_ARGUMENT 1

/*
 The certificate, its key or its name was refused locally, before any network traffic.
 */
#define CAS_ERR_CERTIFICATE 2

/*
 No usable access key could be found or fetched.
 */
#define CAS_ERR_CREDENTIALS 3

/*
 No connection: DNS, TCP, proxy or TLS; the request did not reach the service.
 */
#define CAS_ERR_NETWORK 4

/*
 The deadline passed and the request was certainly not applied.
 */
#define CAS_ERR_TIMEOUT 5

/*
 The service answered with an error; see its code.
 */
#define CAS_ERR_SERVICE 6

/*
 The service kept refusing for its rate of calls until the attempts or the deadline ran out.
 */
#define CAS_ERR_THROTTLED 7

/*
 A different certificate already has this name; or, with CAS_ON_CONFLICT_FAIL, any.
 */
#define CAS_ERR_NAME_TAKEN 8

/*
 The answer could not be understood. An upload was not stored, as far as the list of certificates shows.
 */
#define CAS_ERR_PROTOCOL 9

/*
 The upload may have been stored and that could not be found out; the hint says how to.
 */
#define CAS_ERR_OUTCOME_UNKNOWN 10

/*
 A local file could not be read.
 */
#define CAS_ERR_IO 11

/*
 A defect in this library.
 */
#define CAS_ERR_INTERNAL 12

/*
 No certificate has this id.
 */
#define CAS_ERR_NOT_FOUND 13

/*
 The access key is valid but may not do this; the hint names the RAM action to grant.
 */
#define CAS_ERR_PERMISSION 14

/*
 2018-07-13 until the service says that it is gone, from then on 2020-04-07. The result tells which it was.
 */
#define CAS_API_AUTO 0

/*
 CreateUserCertificate, version 2018-07-13.
 */
#define CAS_API_2018_07_13 1

/*
 UploadUserCertificate, version 2020-04-07; it knows no language and no source address.
 */
#define CAS_API_2020_04_07 2

/*
 HMAC-SHA1 over all parameters (RPC signature version 1).
 */
#define CAS_SIGNATURE_HMAC_SHA1 0

/*
 ACS3-HMAC-SHA256, which the newer official SDKs use.
 */
#define CAS_SIGNATURE_ACS3 1

/*
 A call failed.
 */
#define CAS_LOG_ERROR 1

/*
 Something went wrong and was mended.
 */
#define CAS_LOG_WARN 2

/*
 A call succeeded.
 */
#define CAS_LOG_INFO 3

/*
 Each request and answer, without their contents.
 */
#define CAS_LOG_DEBUG 4

/*
 The same certificate under this name is a success, another one is CAS_ERR_NAME_TAKEN.
 */
#define CAS_ON_CONFLICT_REUSE 0

/*
 Any certificate under this name is CAS_ERR_NAME_TAKEN, unless this very call put it there.
 */
#define CAS_ON_CONFLICT_FAIL 1

/*
 Another certificate keeps its name, and this one is stored as NAME-<first 8 hex digits of its SHA-256>.
 */
#define CAS_ON_CONFLICT_RENAME 2

/*
 As CAS_ON_CONFLICT_RENAME, and the other certificate is deleted once this one is stored. Where that fails, this
 one stays stored and the outcome is CAS_OUTCOME_CREATED; a log message says why.
 */
#define CAS_ON_CONFLICT_REPLACE 3

/*
 The certificate is stored, and was not before this call as far as can be known: where an answer was lost and the
 certificate is found then, it counts as created.
 */
#define CAS_OUTCOME_CREATED 0

/*
 The same certificate was there already.
 */
#define CAS_OUTCOME_REUSED 1

/*
 The certificate is stored, and the one that had its name is deleted.
 */
#define CAS_OUTCOME_REPLACED 2

/*
 Something was tidied, or could not be checked.
 */
#define CAS_SEVERITY_NOTE 0

/*
 It is sent, and may not do what was meant.
 */
#define CAS_SEVERITY_WARNING 1

/*
 It is not sent, unless cas_request_set_skip_checks says so.
 */
#define CAS_SEVERITY_REFUSED 2

#ifdef __cplusplus
extern "C" {
#endif

/*
 The constant's own name, such as "CAS_ERR_NETWORK"; "CAS_ERR_UNKNOWN" for any other number. Never freed.
 */
const char *cas_status_name(cas_status status);

/*
 The library's version, such as "0.1.0". Never freed.
 */
const char *cas_version(void);

/*
 The same status that the failed call returned.
 */
cas_status cas_error_status(const cas_error *error);

/*
 What happened: one English sentence for a person. Never NULL.
 */
const char *cas_error_message(const cas_error *error);

/*
 What to do about it, or NULL.
 */
const char *cas_error_hint(const cas_error *error);

/*
 The service's own error code, such as "InvalidAccessKeyId.NotFound", or NULL.
 */
const char *cas_error_service_code(const cas_error *error);

/*
 The service's own words, redacted, or NULL.
 */
const char *cas_error_service_message(const cas_error *error);

/*
 The id under which Alibaba Cloud's support finds the request, or NULL.
 */
const char *cas_error_request_id(const cas_error *error);

/*
 The HTTP status of the answer; 0 when there was none.
 */
int32_t cas_error_http_status(const cas_error *error);

/*
 How often the certificate was sent, or sending it was tried; look-ups do not count. Of other calls: how often
 their last request was. 0 when nothing was sent.
 */
uint32_t cas_error_attempts(const cas_error *error);

/*
 Whether the same call later would be worth it.
 */
bool cas_error_retryable(const cas_error *error);

/*
 Ends an error and the strings that came from it.
 */
void cas_error_free(cas_error *error);

/*
 A new configuration with every default: the region cn-hangzhou, and the access key from where Alibaba Cloud's own
 tools look for it, in their order: environment variables, OIDC (RRSA), ~/.aliyun/config.json,
 ~/.alibabacloud/credentials, the role of the ECS instance, ALIBABA_CLOUD_CREDENTIALS_URI. See docs/credentials.md.
 */
cas_config *cas_config_new(void);

/*
 Ends a configuration. Clients made from it live on.
 */
void cas_config_free(cas_config *config);

/*
 The access key to sign with, in place of every other source. It holds no white space. After one
 that is refused, cas_client_new fails until another one is set.
 */
cas_status cas_config_set_access_key(cas_config *config, const char *id, const char *secret);

/*
 The security token that belongs to a temporary access key (STS).
 */
cas_status cas_config_set_security_token(cas_config *config, const char *token);

/*
 The profile to take the access key from, of ~/.aliyun/config.json or ~/.alibabacloud/credentials. No other source is
 asked then, but a key that the program itself sets comes first. After one that is refused, cas_client_new fails until another one is set. Default:
 ALIBABA_CLOUD_PROFILE, else the current profile of the one and "default" of the other.
 */
cas_status cas_config_set_profile(cas_config *config,
                                  const char *name);

/*
 The region whose host is called, such as "ap-southeast-1". After one that is refused, cas_client_new fails until another
 one is set. Default: "cn-hangzhou", whatever profiles or the environment say.
 */
cas_status cas_config_set_region(cas_config *config,
                                 const char *region);

/*
 Whether to call the region's host inside Alibaba Cloud's private network (VPC), for machines that do not reach the
 internet. Default: false.
 */
cas_status cas_config_set_vpc(cas_config *config,
                              bool vpc);

/*
 The host to call, in place of the region's: "host", "host:port", "https://host[:port]" or
 "http://127.0.0.1:8480". After one that is refused, cas_client_new fails and says why, until another one is
 set: nobody is called in its place.
 */
cas_status cas_config_set_endpoint(cas_config *config, const char *endpoint);

/*
 Whether http:// is allowed to a host other than this machine. Default: false.
 */
cas_status cas_config_set_allow_plaintext(cas_config *config, bool allow);

/*
 A PEM bundle that replaces the trusted roots; cas_client_new reads it, and refuses one without certificates. Where
 none is set they are those of SSL_CERT_FILE and SSL_CERT_DIR, whose values cas_client_new takes and the first TLS
 connection reads, else the system's, else Mozilla's, which are built in.
 */
cas_status cas_config_set_ca_file(cas_config *config,
                                  const char *path);

/*
 How long making one connection may take, in milliseconds. Default: 5000. 0 is refused.
 */
cas_status cas_config_set_connect_timeout_ms(cas_config *config, uint32_t ms);

/*
 How long a whole call may take, retries included, in milliseconds. Default: 60000. 0 is refused.
 */
cas_status cas_config_set_timeout_ms(cas_config *config, uint32_t ms);

/*
 How often a certificate is sent at most in one call, tries that found no connection included. Default: 4. 1 means
 never again, 0 is refused. Look-ups, lists and deletions have as many tries for each of their requests.
 */
cas_status cas_config_set_max_attempts(cas_config *config,
                                       uint32_t attempts);

/*
 How many uploads a second a client makes, all its threads together: a call waits for its turn. Default: 0, as
 many as the service takes; once it says that they are too many, its documented rate for a minute (10, or 100 with
 CAS_API_2020_04_07).
 */
cas_status cas_config_set_rate_limit(cas_config *config,
                                     uint32_t per_second);

/*
 The version of the service's API. Default: CAS_API_AUTO.
 */
cas_status cas_config_set_api(cas_config *config, cas_api api);

/*
 The proxy to go through: "http://[user:password@]host:port", "socks5://…" (names are looked up here) or "socks5h://…" (by
 the proxy); "" for none, whatever the environment says. Default: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY of
 the environment, as they are when the client is made, which never concern this machine itself.
 */
cas_status cas_config_set_proxy(cas_config *config,
                                const char *url);

/*
 How requests are signed. Default: CAS_SIGNATURE_HMAC_SHA1.
 */
cas_status cas_config_set_signature(cas_config *config, cas_signature signature);

/*
 The program's name for the service's logs, such as "deployer/3.2", put before the library's own.
 */
cas_status cas_config_set_user_agent(cas_config *config, const char *product);

/*
 Sends the messages of clients made from this configuration, up to the level max, to a function; a NULL
 function turns them off. user_data is passed on as it is and must outlive those clients.
 */
cas_status cas_config_set_log(cas_config *config, cas_log_fn log, void *user_data, cas_log_level max);

/*
 Makes a client; sends nothing. The configuration may be NULL, and may be freed or changed afterwards.
 */
cas_status cas_client_new(const cas_config *config, cas_client **out, cas_error **err);

/*
 Ends a client and its connections. No call may be using it.
 */
void cas_client_free(cas_client *client);

/*
 A new request with nothing set.
 */
cas_request *cas_request_new(void);

/*
 Ends a request and wipes its key.
 */
void cas_request_free(cas_request *request);

/*
 The name under which the service keeps the certificate; unique in the account, at most 128 bytes (the service's
 newest documents say 63 characters).
 */
cas_status cas_request_set_name(cas_request *request,
                                const char *name);

/*
 The certificate and its chain, PEM, in any order and layout; len is in bytes, without a closing NUL. It is read, tidied
 and checked by the upload, as cas_inspect does. DER and PKCS#12 are
 taken as well; the upload refuses them with CAS_ERR_CERTIFICATE and says how to convert them.
 */
cas_status cas_request_set_cert_pem(cas_request *request,
                                    const char *pem,
                                    size_t len);

/*
 The private key, PEM, unencrypted; len is in bytes, without a closing NUL.
 */
cas_status cas_request_set_key_pem(cas_request *request, const char *pem, size_t len);

/*
 Reads the certificate and its chain from a PEM file, now. What is no PEM at all, DER for example, is refused here.
 */
cas_status cas_request_load_cert_file(cas_request *request,
                                      const char *path,
                                      cas_error **err);

/*
 Reads the private key from a PEM file, now.
 */
cas_status cas_request_load_key_file(cas_request *request, const char *path, cas_error **err);

/*
 The language of the service's messages: "zh" (the service's default) or "en".
 */
cas_status cas_request_set_lang(cas_request *request, const char *lang);

/*
 The IP address of the person on whose behalf the call is made, for the service's audit trail.
 */
cas_status cas_request_set_source_ip(cas_request *request, const char *ip);

/*
 What to do when another certificate has the name. Default: CAS_ON_CONFLICT_REUSE. The others look at the list of
 certificates before they send anything, and need the right to.
 */
cas_status cas_request_set_on_conflict(cas_request *request,
                                       cas_on_conflict on_conflict);

/*
 Whether the same certificate under any other name will do as well. Default: false. With it the list of
 certificates is looked at before anything is sent.
 */
cas_status cas_request_set_reuse_any_name(cas_request *request, bool reuse);

/*
 Whether to send certificate and key unread, byte for byte as they were given, whatever the local checks would refuse.
 Default: false. A name with control characters is refused all the same: names are public, and such a one may be a key.
 So are certificates: with this, it is the caller who sees to it that no key stands in that text.
 */
cas_status cas_request_set_skip_checks(cas_request *request,
                                       bool skip);

/*
 The id that the service gave the certificate; 0 for NULL.
 */
int64_t cas_result_cert_id(const cas_result *result);

/*
 The name it has at the service: the wanted one, or the one of CAS_ON_CONFLICT_RENAME, CAS_ON_CONFLICT_REPLACE or
 cas_request_set_reuse_any_name.
 */
const char *cas_result_name(const cas_result *result);

/*
 "<CertId>-<region>", as OSS, CDN and SLB take it.
 */
const char *cas_result_cert_identifier(const cas_result *result);

/*
 The id under which Alibaba Cloud's support finds the request, or NULL.
 */
const char *cas_result_request_id(const cas_result *result);

/*
 What the upload did.
 */
cas_outcome cas_result_outcome(const cas_result *result);

/*
 The API version that answered; 0 for NULL.
 */
cas_api cas_result_api(const cas_result *result);

/*
 How often the certificate was sent, or sending it was tried; 0 where a look at the list came first and found it there
 already. Look-ups do not count.
 */
uint32_t cas_result_attempts(const cas_result *result);

/*
 Ends a result and the strings that came from it.
 */
void cas_result_free(cas_result *result);

/*
 The one-line call, for the common case: stores a certificate with its chain and its key, both PEM, under
 a name, and writes its id to cert_id.
 */
cas_status cas_upload_certificate(const cas_client *client,
                                  const char *name,
                                  const char *cert_pem,
                                  const char *key_pem,
                                  int64_t *cert_id,
                                  cas_error **err);

/*
 The full call: stores a certificate, once, whatever the network does. Where an answer is lost, it looks whether the
 certificate is stored before it sends anything again. The request can be used again, and freed at any time afterwards.
 */
cas_status cas_create_user_certificate(const cas_client *client,
                                       const cas_request *request,
                                       cas_result **out,
                                       cas_error **err);

/*
 Fetches what the service says about one certificate. CAS_ERR_NOT_FOUND: it has none with this id.
 */
cas_status cas_get_certificate(const cas_client *client,
                               int64_t cert_id,
                               cas_certificate **out,
                               cas_error **err);

/*
 Fetches the whole list, page by page: uploaded and issued certificates, expired ones included.
 */
cas_status cas_list_certificates(const cas_client *client, cas_certificate_list **out, cas_error **err);

/*
 How many certificates the list holds; 0 for NULL.
 */
size_t cas_certificate_list_len(const cas_certificate_list *list);

/*
 One of them, which lives as long as the list; NULL past the end.
 */
const cas_certificate *cas_certificate_list_get(const cas_certificate_list *list, size_t index);

/*
 Ends a list, its certificates and their strings.
 */
void cas_certificate_list_free(cas_certificate_list *list);

/*
 Deletes a certificate and its key at the service. CAS_ERR_NOT_FOUND: it has none with this id.
 */
cas_status cas_delete_certificate(const cas_client *client, int64_t cert_id, cas_error **err);

/*
 Its id; 0 for NULL.
 */
int64_t cas_certificate_id(const cas_certificate *certificate);

/*
 Its name in the account. Texts of a certificate are empty where the service says nothing.
 */
const char *cas_certificate_name(const cas_certificate *certificate);

/*
 Common name of its subject.
 */
const char *cas_certificate_common_name(const cas_certificate *certificate);

/*
 Its subject alternative names, comma-separated.
 */
const char *cas_certificate_sans(const cas_certificate *certificate);

/*
 Its issuer.
 */
const char *cas_certificate_issuer(const cas_certificate *certificate);

/*
 SHA-1 of the leaf, 40 upper-case hexadecimal digits.
 */
const char *cas_certificate_fingerprint(const cas_certificate *certificate);

/*
 First day of its validity, "YYYY-MM-DD".
 */
const char *cas_certificate_not_before(const cas_certificate *certificate);

/*
 Last day of its validity, "YYYY-MM-DD".
 */
const char *cas_certificate_not_after(const cas_certificate *certificate);

/*
 Whether that day has passed, as the service sees it.
 */
bool cas_certificate_expired(const cas_certificate *certificate);

/*
 Ends a certificate that cas_get_certificate made, and its strings. Those of a list end with the list.
 */
void cas_certificate_free(cas_certificate *certificate);

/*
 Reads a certificate with its chain and, where key_pem is not NULL, its key, as an upload would before anything is sent.
 CAS_OK says that they were looked at, not that they are fit, nor that there was anything to read: see the findings. Lengths are in bytes, without a closing NUL.
 */
cas_status cas_inspect(const char *cert_pem,
                       size_t cert_len,
                       const char *key_pem,
                       size_t key_len,
                       cas_inspection **out,
                       cas_error **err);

/*
 The leaf's most specific common name. Texts are empty where there is nothing to say, or no certificate could be read.
 */
const char *cas_inspection_common_name(const cas_inspection *inspection);

/*
 The names that the leaf is for, comma-separated.
 */
const char *cas_inspection_sans(const cas_inspection *inspection);

/*
 Who issued the leaf, as "C=CN, O=Example, CN=Example CA".
 */
const char *cas_inspection_issuer(const cas_inspection *inspection);

/*
 The leaf's serial number, in upper-case hexadecimal.
 */
const char *cas_inspection_serial(const cas_inspection *inspection);

/*
 When the leaf begins to be valid, RFC 3339 in UTC: "2024-01-01T00:00:00Z".
 */
const char *cas_inspection_not_before(const cas_inspection *inspection);

/*
 When the leaf ceases to be valid, RFC 3339 in UTC.
 */
const char *cas_inspection_not_after(const cas_inspection *inspection);

/*
 The leaf's SHA-1 fingerprint, 40 upper-case hexadecimal digits.
 */
const char *cas_inspection_sha1(const cas_inspection *inspection);

/*
 The leaf's SHA-256 fingerprint, 64 upper-case hexadecimal digits.
 */
const char *cas_inspection_sha256(const cas_inspection *inspection);

/*
 Type and size of the leaf's key: "RSA-2048", "EC-P256", "Ed25519", "SM2", …; an object identifier where it has no name here.
 */
const char *cas_inspection_key_type(const cas_inspection *inspection);

/*
 How many certificates would be sent; 0 where none could be read.
 */
size_t cas_inspection_chain_len(const cas_inspection *inspection);

/*
 How many findings there are. What is refused comes first, notes come last.
 */
size_t cas_inspection_finding_count(const cas_inspection *inspection);

/*
 A finding: its identifier, which never changes, and a sentence, as in "expired: not valid after 2024-01-01T00:00:00Z".
 NULL past the end.
 */
const char *cas_inspection_finding(const cas_inspection *inspection,
                                   size_t index);

/*
 What to do about a finding. NULL past the end.
 */
const char *cas_inspection_hint(const cas_inspection *inspection, size_t index);

/*
 How much a finding matters; CAS_SEVERITY_NOTE past the end.
 */
cas_severity cas_inspection_severity(const cas_inspection *inspection, size_t index);

/*
 The chain as it would be sent: leaf first, each issuer after its subject, tidied. Empty where none could be read.
 */
const char *cas_inspection_cert_pem(const cas_inspection *inspection);

/*
 Ends an inspection and the strings that came from it.
 */
void cas_inspection_free(cas_inspection *inspection);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  /* CAS_H */

#ifdef CAS_POP_DIAGNOSTICS
#undef CAS_POP_DIAGNOSTICS
#pragma clang diagnostic pop
#endif
