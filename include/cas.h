/**
 * @file cas.h
 *
 * libcas uploads TLS certificates to Alibaba Cloud's Certificate Management
 * Service (CAS).
 *
 * This file is generated from crates/cas-ffi by `make header`; do not edit it.
 *
 * Overview
 * --------
 *
 * A program creates a cas_config, a cas_client from it, and a cas_request for
 * each certificate. It passes client and request to
 * cas_create_user_certificate and reads the cas_result. Keep the client: it
 * reuses its connections and its access key.
 *
 * @code
 * #include <stdio.h>
 * #include <cas.h>
 *
 * int main(void)
 * {
 *     cas_client *client = NULL;
 *     cas_request *request = cas_request_new();
 *     cas_result *result = NULL;
 *     cas_error *error = NULL;
 *     cas_status status;
 *
 *     cas_request_set_name(request, "example.com-2026");
 *     cas_request_load_cert_file(request, "chain.pem", NULL);
 *     cas_request_load_key_file(request, "key.pem", NULL);
 *     status = cas_client_new(NULL, &client, &error);
 *     if (status == CAS_OK)
 *         status = cas_create_user_certificate(client, request, &result,
 *                                              &error);
 *
 *     if (status == CAS_OK)
 *         printf("uploaded as %s\n", cas_result_cert_identifier(result));
 *     else
 *         fprintf(stderr, "%s: %s\n", cas_status_name(status),
 *                 cas_error_message(error));
 *
 *     cas_error_free(error);
 *     cas_result_free(result);
 *     cas_request_free(request);
 *     cas_client_free(client);
 *     return status != CAS_OK;
 * }
 * @endcode
 *
 * Rules for every function
 * ------------------------
 *
 * Handles: Every struct is opaque. A function that creates a handle gives it
 * to you; free it with the matching cas_X_free. cas_X_free(NULL) does nothing.
 *
 * Errors: A function that can fail returns a cas_status; CAS_OK is 0.
 * Functions with more to report take a `cas_error **err` as their last
 * argument, which may be NULL. They set *err to NULL on success and to a new
 * error on failure; free it with cas_error_free. They do not free an error
 * that *err points to before the call. Other output arguments are written only
 * on success. Any of these functions can return CAS_ERR_INTERNAL, which means
 * a bug in libcas.
 *
 * Failures that you ignore: cas_client_new reports what a setter of a
 * configuration refused, and an upload reports what a setter or loader of a
 * request refused. Neither continues with another value. Nothing remembers the
 * failure of cas_client_new, an upload, cas_get_certificate,
 * cas_list_certificates, cas_delete_certificate or cas_inspect: gcc and clang
 * warn if you ignore their status.
 *
 * NULL and invalid text: A NULL where a value is required, or text that is
 * not UTF-8, gives CAS_ERR_INVALID_ARGUMENT. A function that does not return
 * a status returns NULL, 0 or false instead. Arguments and output arguments
 * are required unless their description says otherwise.
 *
 * Strings: Text is UTF-8 and ends in NUL. Paths are bytes, as the system has
 * them: they need not be UTF-8. libcas copies the strings that you pass before
 * the call returns. A string that it returns belongs to the handle it came from
 * and stays valid until you free that handle. Do not free the string.
 *
 * Sizes: PEM text has at most 2 MiB, every other string 64 KiB. A longer one
 * gives CAS_ERR_INVALID_ARGUMENT, as does PEM text for which there is not
 * enough memory.
 *
 * Files: libcas reads regular files and pipes, of at most 1 MiB; files with
 * root certificates have at most 32 MiB. It follows symbolic links. A pipe must
 * be closed before the deadline of the call, and within 5 seconds where the
 * call has none: in cas_client_new, cas_request_load_cert_file and
 * cas_request_load_key_file.
 *
 * Memory and descriptors: If file descriptors, threads or memory for one of
 * the above run out, the call fails with an error that says so, and is worth
 * making again. If memory runs out anywhere else in libcas, such as for a
 * message, the process aborts, with a line on standard error.
 *
 * Units: Sizes are in bytes, times in milliseconds.
 *
 * Threads: Any number of threads may use one cas_client at the same time.
 * Use every other handle from one thread at a time. pthread_cancel of a thread
 * inside libcas takes effect once the call has returned. Do not call libcas in
 * a thread with PTHREAD_CANCEL_ASYNCHRONOUS: POSIX allows it to call almost
 * nothing.
 *
 * Fork: A cas_client stays usable in parent and child, which then share no
 * connection and no cached key, even if both have the same process ID. This
 * holds for fork, _Fork and the system calls, from any number of threads; after
 * a call other than fork, the C library itself may not be usable. Before Linux
 * 4.14, libcas does not detect a child that has the ID of its parent (in
 * another PID namespace) and was not made by fork. A child that shares its
 * parent's memory (vfork, CLONE_VM) must not use libcas. In a child made in a
 * log function, the client that logged is usable once that function returns.
 *
 * The process: libcas starts no threads, except at most 16 that look up host
 * names and one that asks the password database, all of which block all
 * signals. It installs no signal handlers, raises no SIGPIPE, writes nothing to
 * stdout or stderr, and never calls exit. A program may close all descriptors
 * between two calls, as daemons do: libcas then opens new connections, and
 * leaves alone what the program opens under the same numbers.
 *
 * Locale: Messages are in English and UTF-8, whatever setlocale says. During a
 * call, the calling thread has the locale "C"; the log function runs in the
 * locale of the program.
 *
 * Environment: cas_client_new reads these variables, each by getenv. libcas
 * does not read them later, and uses none of them in a program with raised
 * privileges: see cas_config_set_trust_environment.
 *
 * - Unless the program sets a proxy: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY,
 *   NO_PROXY, https_proxy, http_proxy, all_proxy, no_proxy, REQUEST_METHOD.
 *   The first client of a process reads them in any case.
 * - Unless the program sets a CA file or CA PEM: SSL_CERT_FILE, SSL_CERT_DIR.
 * - Unless the program sets an access key: HOME, ALIBABA_CLOUD_CONFIG_FILE,
 *   ALIBABA_CLOUD_CREDENTIALS_FILE, ALIBABA_CLOUD_ECS_METADATA,
 *   ALIBABA_CLOUD_ECS_METADATA_DISABLED, ALIBABA_CLOUD_IMDSV1_DISABLED,
 *   ALIBABA_CLOUD_ROLE_SESSION_NAME, ALIBABA_CLOUD_STS_REGION,
 *   ALIBABA_CLOUD_STS_ENDPOINT, ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED,
 *   ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS.
 * - Unless the program sets an access key or a profile:
 *   ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET,
 *   ALIBABA_CLOUD_SECURITY_TOKEN, ALIBABA_CLOUD_ROLE_ARN,
 *   ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE,
 *   ALIBABA_CLOUD_PROFILE, ALIBABA_CLOUD_CLI_PROFILE_DISABLED,
 *   ALIBABA_CLOUD_CREDENTIALS_URI; and, only to name them in an error message,
 *   ALICLOUD_ACCESS_KEY, ALICLOUD_SECRET_KEY, ALICLOUD_ACCESS_KEY_ID,
 *   ALICLOUD_ACCESS_KEY_SECRET, ALIYUN_ACCESS_KEY_ID, ALIYUN_ACCESS_KEY_SECRET,
 *   ALIBABACLOUD_ACCESS_KEY_ID, ALIBABACLOUD_ACCESS_KEY_SECRET.
 *
 * Before version 2.41, getenv of glibc may crash if another thread adds or
 * removes variables at that moment. Create clients before there are such
 * threads, or let the program set all three, and create a first client early.
 *
 * If HOME is not set, the first call that needs a profile in the home directory
 * asks the password database for it, on a thread of its own: once for each
 * client, or once a minute while it fails. A process_command of a profile is
 * found by PATH and inherits the whole environment. The C library has variables
 * of its own for name look-ups, such as RES_OPTIONS and LOCALDOMAIN.
 *
 * Stack: 64 KiB are enough for any call, besides what your log function needs.
 *
 * Sockets: A client keeps its connections open between calls, until
 * cas_client_free. All file descriptors of libcas are closed on exec
 * (FD_CLOEXEC).
 *
 * Root store: The first TLS connection of a client reads the root certificates,
 * in a child of fork once more. Before chroot, or before giving up the right to
 * read them, make a call or use cas_config_set_ca_file or
 * cas_config_set_ca_pem.
 *
 * Clocks: Timeouts and delays use CLOCK_MONOTONIC. Dates use the clock of this
 * machine. Once the service has refused a request because the clocks differ,
 * signatures, the expiry of access keys and the checks before an upload use the
 * clock of the service. cas_inspect and the verification of TLS servers never
 * do.
 *
 * Secrets: libcas wipes private keys and secrets from its memory when their
 * handle is freed. They never appear in an error, a log message or a URL.
 */
#ifndef LIBCAS_CAS_H
#define LIBCAS_CAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__clang__) && !defined(__cplusplus)
/* C89 has no bool; <stdbool.h> defines it anyway. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc99-extensions"
#define CAS_POP_DIAGNOSTICS
#endif

/** On functions whose failure no later call reports. */
#if defined(__GNUC__)
#define CAS_WARN_UNUSED_RESULT __attribute__((__warn_unused_result__))
#else
#define CAS_WARN_UNUSED_RESULT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* =============================================================================
 * Handles
 * =============================================================================
 */

/**
 * A failure in detail. It never holds a key, secret, token, signature or
 * string to sign. Free it with cas_error_free.
 *
 * @since 0.1.0
 */
typedef struct cas_error cas_error;

/**
 * The options of a client. Free it with cas_config_free.
 *
 * @since 0.1.0
 */
typedef struct cas_config cas_config;

/**
 * A client of one endpoint. It keeps connections open between calls. Any
 * number of threads may use it at the same time. Free it with cas_client_free.
 *
 * @since 0.1.0
 */
typedef struct cas_client cas_client;

/**
 * A certificate to upload, with its chain, key and options. Free it with
 * cas_request_free.
 *
 * @since 0.1.0
 */
typedef struct cas_request cas_request;

/**
 * The result of an upload. Free it with cas_result_free.
 *
 * @since 0.1.0
 */
typedef struct cas_result cas_result;

/**
 * What the service reports about a stored certificate, never its key. Free one
 * from cas_get_certificate with cas_certificate_free; one from a list belongs
 * to the list.
 *
 * @since 0.1.0
 */
typedef struct cas_certificate cas_certificate;

/**
 * A snapshot of the certificates of an account. Free it with
 * cas_certificate_list_free.
 *
 * @since 0.1.0
 */
typedef struct cas_certificate_list cas_certificate_list;

/**
 * What libcas reads from a certificate, its chain and its key, never the key
 * itself. Free it with cas_inspection_free.
 *
 * @since 0.1.0
 */
typedef struct cas_inspection cas_inspection;

/* =============================================================================
 * Version
 * =============================================================================
 *
 * The constants are the version of this header, for the preprocessor.
 * cas_version returns that of the library that the program runs with.
 */

/** The major version. */
#define CAS_VERSION_MAJOR 0

/** The minor version. */
#define CAS_VERSION_MINOR 1

/** The patch version. */
#define CAS_VERSION_PATCH 0

/** The whole version as 0xMMmmpp, to compare: 0x000100 is 0.1.0. */
#define CAS_VERSION_NUMBER \
    (((CAS_VERSION_MAJOR << 16) | (CAS_VERSION_MINOR << 8)) | CAS_VERSION_PATCH)

/**
 * Returns the version of libcas, such as "0.1.0". Thread-safe.
 *
 * @return a static string; do not free it
 * @since 0.1.0
 */
const char *cas_version(void);

/* =============================================================================
 * Status codes
 * =============================================================================
 *
 * A call returns one of these. cas_error says more about a failure.
 */

/**
 * The result of a call. A number keeps its meaning forever. Later versions may
 * add numbers that are not listed here.
 *
 * @since 0.1.0
 */
typedef int32_t cas_status;

/** Success. */
#define CAS_OK 0

/**
 * The call itself is invalid: a NULL, text that is not UTF-8, an invalid
 * endpoint, an empty name. Fix the call; do not retry. Also if there is not
 * enough memory for a text; cas_error_retryable is then true.
 */
#define CAS_ERR_INVALID_ARGUMENT 1

/**
 * libcas refused the certificate, its key or its name before any network
 * traffic. Fix what the message names; cas_inspect reports every finding.
 */
#define CAS_ERR_CERTIFICATE 2

/**
 * libcas found or fetched no usable access key. Configure one: see
 * docs/credentials.md.
 */
#define CAS_ERR_CREDENTIALS 3

/**
 * DNS, TCP, the proxy or TLS failed. No attempt of an upload that ends with
 * this status has stored the certificate. Check the network, or retry later.
 */
#define CAS_ERR_NETWORK 4

/**
 * The deadline passed before the request was sent. No attempt of an upload
 * that ends with this status has stored the certificate. Retry, or allow more
 * time.
 */
#define CAS_ERR_TIMEOUT 5

/**
 * The service responded with an error. See cas_error_service_code and the hint.
 * An upload that ends with this status was refused. If the code is one that
 * libcas does not know, libcas has also looked the certificate up.
 */
#define CAS_ERR_SERVICE 6

/**
 * The service, or a proxy, throttled the call until its deadline, or asked for
 * a longer delay than that, or the only attempt was throttled. No attempt of an
 * upload that ends with this status has stored the certificate. Retry later,
 * or set a rate limit.
 */
#define CAS_ERR_THROTTLED 7

/**
 * A different certificate, or one that the service does not let libcas compare,
 * already has this name; with CAS_ON_CONFLICT_FAIL, any certificate. Choose
 * another name or another conflict rule.
 */
#define CAS_ERR_NAME_TAKEN 8

/**
 * The response is not from the API. An upload ends with this status if
 * something on the way rejected the request, with a redirect or an HTTP 4xx
 * page, and the list of certificates does not show the certificate or cannot be
 * read. Check the endpoint and the proxies on the way.
 */
#define CAS_ERR_PROTOCOL 9

/**
 * An attempt may have stored the certificate, and no look-up until the
 * deadline, or in the 20 seconds after the last attempt, has shown it. This
 * status takes precedence over the errors of later attempts. The message quotes
 * the last one, whose code and RequestId the error has. Make the same call
 * again: it finds what is stored. The hint says how else to find out. A
 * deletion ends with this status if an attempt may have deleted the
 * certificate. Other calls end with it if their response did not arrive before
 * the deadline.
 */
#define CAS_ERR_OUTCOME_UNKNOWN 10

/** libcas failed to read a local file. Check its path and permissions. */
#define CAS_ERR_IO 11

/** A bug in libcas. Report the message. */
#define CAS_ERR_INTERNAL 12

/**
 * The service has no certificate with this ID. Check the ID; a deletion needs
 * no retry.
 */
#define CAS_ERR_NOT_FOUND 13

/**
 * The access key is valid but is not allowed to do this. Grant the RAM action
 * that the hint names.
 */
#define CAS_ERR_PERMISSION 14

/**
 * cas_client_cancel ended the call, and nothing was changed at the service. If
 * something may have been changed, the status is CAS_ERR_OUTCOME_UNKNOWN. The
 * same call can be made again.
 */
#define CAS_ERR_CANCELLED 15

/**
 * Returns the name of a status constant, such as "CAS_ERR_NETWORK".
 * Thread-safe.
 *
 * @param status  any number
 * @return a static string; "CAS_ERR_UNKNOWN" for a number that is not listed
 *         above. Do not free it
 * @since 0.1.0
 */
const char *cas_status_name(cas_status status);

/* =============================================================================
 * Errors
 * =============================================================================
 *
 * A function with a `cas_error **err` argument reports a failure here: the
 * message says what happened, the hint what to do about it. Both are English
 * sentences for people; programs decide by cas_status.
 */

/**
 * Returns the status that the failed call returned.
 *
 * @param error  an error, or NULL
 * @return the status; CAS_ERR_INVALID_ARGUMENT for NULL
 * @since 0.1.0
 */
cas_status cas_error_status(const cas_error *error);

/**
 * Returns what happened: in English sentences for a person.
 *
 * @param error  an error, or NULL
 * @return never NULL, empty for a NULL error; valid until cas_error_free
 * @since 0.1.0
 */
const char *cas_error_message(const cas_error *error);

/**
 * Returns what to do about the error.
 *
 * @param error  an error, or NULL
 * @return the hint, or NULL if there is none; valid until cas_error_free
 * @since 0.1.0
 */
const char *cas_error_hint(const cas_error *error);

/**
 * Returns the error code of the service, such as
 * "InvalidAccessKeyId.NotFound".
 *
 * @param error  an error, or NULL
 * @return the code, or NULL if the service sent none; valid until
 *         cas_error_free
 * @since 0.1.0
 */
const char *cas_error_service_code(const cas_error *error);

/**
 * Returns the error message of the service, redacted.
 *
 * @param error  an error, or NULL
 * @return the message, or NULL if the service sent none; valid until
 *         cas_error_free
 * @since 0.1.0
 */
const char *cas_error_service_message(const cas_error *error);

/**
 * Returns the ID by which Alibaba Cloud support finds the request.
 *
 * @param error  an error, or NULL
 * @return the RequestId, or NULL if the service sent none; valid until
 *         cas_error_free
 * @since 0.1.0
 */
const char *cas_error_request_id(const cas_error *error);

/**
 * Returns the HTTP status of the response.
 *
 * @param error  an error, or NULL
 * @return the HTTP status, or 0 if there was no response
 * @since 0.1.0
 */
int32_t cas_error_http_status(const cas_error *error);

/**
 * Returns how many times libcas sent the certificate or tried to send it.
 * Look-ups do not count. For other calls: how many times it sent their last
 * request or tried to.
 *
 * @param error  an error, or NULL
 * @return the number of attempts, or 0 if nothing was sent
 * @since 0.1.0
 */
uint32_t cas_error_attempts(const cas_error *error);

/**
 * Tells whether it is worth making the same call again later.
 *
 * @param error  an error, or NULL
 * @return true if it is; false for NULL
 * @since 0.1.0
 */
bool cas_error_retryable(const cas_error *error);

/**
 * Frees an error and the strings that came from it.
 *
 * @param error  an error, or NULL
 * @since 0.1.0
 */
void cas_error_free(cas_error *error);

/* =============================================================================
 * Configuration
 * =============================================================================
 *
 * Every option has a default, and a setter changes one. A client copies the
 * configuration: later changes do not affect it.
 *
 * If a setter refuses its value, for whatever reason, cas_client_new fails with
 * the status and the reason of that setter, until a valid value is set. libcas
 * never uses the value before it or the default instead, so a program may
 * ignore what the setters return. To give a value up, create a new
 * configuration.
 */

/**
 * Creates a configuration with every option at its default.
 *
 * The defaults include the region cn-hangzhou, and the access key from the
 * credential provider chain of Alibaba Cloud's own tools: environment
 * variables, OIDC (RRSA), ~/.aliyun/config.json, ~/.alibabacloud/credentials,
 * the RAM role of the ECS instance, ALIBABA_CLOUD_CREDENTIALS_URI, in this
 * order. See docs/credentials.md.
 *
 * @return a configuration; free it with cas_config_free
 * @since 0.1.0
 */
cas_config *cas_config_new(void);

/**
 * Frees a configuration and wipes its secrets. Clients made from it are not
 * affected.
 *
 * @param config  a configuration, or NULL
 * @since 0.1.0
 */
void cas_config_free(cas_config *config);

/**
 * Returns why cas_client_new would refuse the configuration: the error of the
 * first setter that refused its value and was not called again with a valid
 * one.
 *
 * @param config  a configuration, or NULL
 * @return the error, or NULL if no setter refused its value; valid until the
 *         next call of a setter or cas_config_free. Do not free it
 * @since 0.1.0
 */
const cas_error *cas_config_error(const cas_config *config);

/* --- Credentials ---------------------------------------------------------- */

/**
 * Sets the access key that signs the requests. libcas then uses no other
 * credential source.
 *
 * @param config  the configuration
 * @param id      the access key ID, without white space
 * @param secret  the access key secret, without white space
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_access_key(cas_config *config,
                                     const char *id,
                                     const char *secret);

/**
 * Sets the security token that belongs to a temporary access key (STS).
 *
 * @param config  the configuration
 * @param token   the security token
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_security_token(cas_config *config, const char *token);

/**
 * Sets the profile of ~/.aliyun/config.json or ~/.alibabacloud/credentials
 * that provides the access key. libcas then uses no other credential source,
 * except a key set by cas_config_set_access_key, which comes first.
 *
 * Default: ALIBABA_CLOUD_PROFILE, else the current profile of the first file
 * and the profile "default" of the second.
 *
 * @param config  the configuration
 * @param name    the name of the profile
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_profile(cas_config *config, const char *name);

/* --- Endpoint ------------------------------------------------------------- */

/**
 * Sets the region whose endpoint libcas calls.
 *
 * Default: "cn-hangzhou", whatever profiles or the environment say.
 *
 * @param config  the configuration
 * @param region  a region ID, such as "ap-southeast-1"
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_region(cas_config *config, const char *region);

/**
 * Selects the endpoint of the region inside Alibaba Cloud's private network
 * (VPC), for machines that cannot reach the internet. Default: false.
 *
 * @param config  the configuration
 * @param vpc     true for the VPC endpoint
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_vpc(cas_config *config, bool vpc);

/**
 * Sets the endpoint to call instead of the region's.
 *
 * @param config    the configuration
 * @param endpoint  "host", "host:port", "https://host[:port]" or, in
 *                  plaintext, "http://127.0.0.1:8480"; the scheme may be in
 *                  upper case
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_endpoint(cas_config *config, const char *endpoint);

/**
 * Allows http:// endpoints and credentials URIs on hosts other than this
 * machine. Default: false.
 *
 * @param config  the configuration
 * @param allow   true to allow them
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_allow_plaintext(cas_config *config, bool allow);

/* --- Root store and proxy ------------------------------------------------- */

/**
 * Sets a PEM bundle of root certificates that replaces the root store.
 * cas_client_new reads the file, and fails if it holds no certificate. The
 * file has at most 32 MiB.
 *
 * Default: the roots of SSL_CERT_FILE and SSL_CERT_DIR, else the system's,
 * else Mozilla's, which are built in. cas_client_new reads these two
 * variables; the first TLS connection reads the files they name.
 *
 * Replaces the value of cas_config_set_ca_pem.
 *
 * @param config  the configuration
 * @param path    the path of the PEM file; it need not be UTF-8
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_ca_file(cas_config *config, const char *path);

/**
 * Sets a PEM bundle of root certificates from memory, as cas_config_set_ca_file
 * does from a file. libcas reads it before the call returns, and refuses a text
 * without a certificate.
 *
 * Replaces the value of cas_config_set_ca_file.
 *
 * @param config  the configuration
 * @param pem     the text, at most 32 MiB
 * @param len     its length in bytes, without a terminating NUL
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_ca_pem(cas_config *config,
                                 const char *pem,
                                 size_t len);

/**
 * Sets the proxy to connect through.
 *
 * An HTTP proxy opens a tunnel for TLS (CONNECT), and forwards requests in
 * plaintext, as with curl.
 *
 * Default: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY of the environment,
 * as they are when cas_client_new runs. They never apply to this machine
 * itself.
 *
 * @param config  the configuration
 * @param url     "http://[user:password@]host:port"; "socks5://..." (libcas
 *                resolves host names) or "socks5h://..." (the proxy resolves
 *                them); "" for no proxy, whatever the environment says
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_proxy(cas_config *config, const char *url);

/* --- Environment ---------------------------------------------------------- */

/**
 * Lets libcas use the environment although the program runs with raised
 * privileges. Default: false.
 *
 * A set-user-ID or set-group-ID program, and one with file capabilities, gets
 * its environment from a less privileged user. libcas then ignores all
 * variables, as secure_getenv does: access keys, HOME, files, proxies,
 * SSL_CERT_FILE and SSL_CERT_DIR. The home directory is the one that the
 * password database has for the effective user, and a process_command of a
 * profile runs without an environment. Other options work as usual.
 *
 * Set it only if the program chooses its environment itself: a daemon that a
 * service manager starts with a capability, for example. In a program without
 * raised privileges it has no effect.
 *
 * @param config  the configuration
 * @param trust   true to use the environment
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_trust_environment(cas_config *config, bool trust);

/* --- Timeouts, retries and rate limit ------------------------------------- */

/**
 * Sets how long making one connection may take. Default: 5000.
 *
 * @param config  the configuration
 * @param ms      the timeout in milliseconds; 0 is invalid
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_connect_timeout_ms(cas_config *config, uint32_t ms);

/**
 * Sets how long one call may take, retries included. Default: 60000.
 *
 * @param config  the configuration
 * @param ms      the timeout in milliseconds; 0 is invalid
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_timeout_ms(cas_config *config, uint32_t ms);

/**
 * Sets the maximum number of times that one call sends a certificate.
 * Attempts that found no connection count. Attempts that the service throttled
 * do not, unless the number is 1: libcas repeats them until the deadline.
 * Default: 4.
 *
 * Look-ups, lists and deletions have the same number of attempts for each of
 * their requests. While an attempt may have stored the certificate, libcas
 * looks it up repeatedly, whatever the number is.
 *
 * @param config    the configuration
 * @param attempts  the number of attempts; 1 turns retries off, 0 is invalid
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_max_attempts(cas_config *config, uint32_t attempts);

/**
 * Sets how many uploads per second a client starts, all its threads together.
 * An upload waits for its turn.
 *
 * Default: 0, as many as the service accepts. Once the service throttles a
 * client, the client keeps to the documented rate for one minute: 10 per
 * second, or 100 with CAS_API_2020_04_07.
 *
 * @param config      the configuration
 * @param per_second  uploads per second, or 0
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_rate_limit(cas_config *config, uint32_t per_second);

/* --- API version, signature and User-Agent -------------------------------- */

/**
 * A version of the API of the service.
 *
 * @since 0.1.0
 */
typedef int32_t cas_api;

/**
 * 2018-07-13 until the service reports that it is gone, then 2020-04-07.
 * cas_result_api returns the version used.
 */
#define CAS_API_AUTO 0

/** CreateUserCertificate, version 2018-07-13. */
#define CAS_API_2018_07_13 1

/**
 * UploadUserCertificate, version 2020-04-07. It has no parameters for the
 * language and the source IP address.
 */
#define CAS_API_2020_04_07 2

/**
 * Sets the version of the API. Default: CAS_API_AUTO.
 *
 * @param config  the configuration
 * @param api     a CAS_API_ constant
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_api(cas_config *config, cas_api api);

/**
 * A method of signing requests.
 *
 * @since 0.1.0
 */
typedef int32_t cas_signature;

/** HMAC-SHA1 over all parameters (RPC signature version 1). */
#define CAS_SIGNATURE_HMAC_SHA1 0

/** ACS3-HMAC-SHA256, which the newer official SDKs use. */
#define CAS_SIGNATURE_ACS3 1

/**
 * Sets how requests are signed. Default: CAS_SIGNATURE_HMAC_SHA1.
 *
 * @param config     the configuration
 * @param signature  a CAS_SIGNATURE_ constant
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_signature(cas_config *config,
                                    cas_signature signature);

/**
 * Sets the name of the program in the logs of the service. libcas puts it in
 * front of its own name in the User-Agent header.
 *
 * @param config   the configuration
 * @param product  a product name, such as "deployer/3.2"
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_user_agent(cas_config *config, const char *product);

/* --- Logging -------------------------------------------------------------- */

/**
 * The importance of a log message.
 *
 * @since 0.1.0
 */
typedef int32_t cas_log_level;

/** A call failed. */
#define CAS_LOG_ERROR 1

/**
 * Something failed, and the call went on: a retry, refreshed credentials, a
 * corrected clock.
 */
#define CAS_LOG_WARN 2

/** A call succeeded. */
#define CAS_LOG_INFO 3

/** Each request and response, without their contents. */
#define CAS_LOG_DEBUG 4

/**
 * Receives log messages.
 *
 * It runs on the thread that made the call, and on several threads at once if
 * several threads share a client. It runs in the locale of the program;
 * messages are English and UTF-8 in every locale. It may call other clients
 * and cas_client_cancel; every other call of the same client on this thread
 * fails at once with CAS_ERR_INVALID_ARGUMENT. It must not wait for another
 * thread that calls the same client, and must not free the client. It must
 * return: a C++ exception or pthread_exit that leaves it ends the process, and
 * so may longjmp. It must not allow pthread_cancel.
 *
 * @param user_data  the pointer passed to cas_config_set_log
 * @param level      the level of the message
 * @param message    the message; valid until the function returns
 * @since 0.1.0
 */
typedef void (*cas_log_fn)(void *user_data,
                           cas_log_level level,
                           const char *message);

/**
 * Sends the log messages of clients made from this configuration to a
 * function. Default: no function.
 *
 * @param config     the configuration
 * @param log        the function, or NULL to turn logging off
 * @param user_data  passed to the function as it is; may be NULL. What it
 *                   points to must outlive the clients
 * @param max        the highest level to send, a CAS_LOG_ constant
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_config_set_log(cas_config *config,
                              cas_log_fn log,
                              void *user_data,
                              cas_log_level max);

/* =============================================================================
 * Client
 * =============================================================================
 */

/**
 * Creates a client. It sends nothing.
 *
 * Fails with the status of cas_config_error if that is not NULL.
 *
 * @param config  the configuration, or NULL for every default; you may change
 *                or free it afterwards
 * @param out     receives the client; free it with cas_client_free
 * @param err     receives the error; may be NULL
 * @return CAS_OK, CAS_ERR_INVALID_ARGUMENT if an option is invalid, CAS_ERR_IO
 *         if the file of cas_config_set_ca_file cannot be read, or another
 *         status
 * @since 0.1.0
 */
CAS_WARN_UNUSED_RESULT
cas_status cas_client_new(const cas_config *config,
                          cas_client **out,
                          cas_error **err);

/**
 * Ends every call that is in progress on a client.
 *
 * Each of them returns within 100 ms, whether it is looking up a host name,
 * connecting, sending, waiting for a response, for its turn, for the next
 * attempt or for an access key, also one that another thread is fetching. Two
 * things are not interrupted: the exchange of an OAuth refresh token, because
 * losing the new token ends the sign-in, and the reading of a file.
 *
 * A call returns CAS_ERR_CANCELLED if it changed nothing at the service,
 * CAS_ERR_OUTCOME_UNKNOWN if it may have, and its usual status if its end was
 * already certain: an upload that has stored the certificate and is cancelled
 * while it deletes another one returns CAS_OK with CAS_OUTCOME_CREATED.
 *
 * Calls that begin later are not affected: the client stays usable. The
 * function may be called from any thread, from the log function and from a
 * signal handler. It returns at once. A child of fork cancels its own calls
 * only.
 *
 * @param client  the client
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_client_cancel(const cas_client *client);

/**
 * Closes the connections of a client and frees it. No call may be using the
 * client: not on another thread, and not the one whose log function is running.
 *
 * @param client  a client, or NULL
 * @since 0.1.0
 */
void cas_client_free(cas_client *client);

/* =============================================================================
 * Request
 * =============================================================================
 *
 * Set a name, a certificate and a key; everything else is optional.
 *
 * If a setter or loader fails, for whatever reason, an upload of the request
 * fails with that status and reason, until the value is set or loaded
 * successfully. Nothing is sent, so a program may ignore what these functions
 * return. The last call that sets or loads the certificate counts, and so does
 * the last one for the key. PKCS#12 sets both.
 */

/**
 * Creates a request with nothing set.
 *
 * @return a request; free it with cas_request_free
 * @since 0.1.0
 */
cas_request *cas_request_new(void);

/**
 * Frees a request and wipes its key.
 *
 * @param request  a request, or NULL
 * @since 0.1.0
 */
void cas_request_free(cas_request *request);

/**
 * Returns why an upload would refuse the request: the error of the first setter
 * or loader that failed and was not called again successfully.
 *
 * @param request  a request, or NULL
 * @return the error, or NULL if none failed; valid until the next call of a
 *         setter, a loader or cas_request_free. Do not free it
 * @since 0.1.0
 */
const cas_error *cas_request_error(const cas_request *request);

/* --- Required ------------------------------------------------------------- */

/**
 * Sets the name under which the service stores the certificate.
 *
 * Names are unique within an account.
 *
 * @param request  the request
 * @param name     at most 128 bytes; the newest documentation of the service
 *                 says 63 characters
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_set_name(cas_request *request, const char *name);

/**
 * Sets the certificate and its chain from PEM text, in any order and layout.
 *
 * The upload reads, tidies and checks the text as cas_inspect does. What source
 * code, mail, diffs, listings or web pages put around the lines of PEM is
 * removed and noted. DER and PKCS#12 are accepted here; the upload then fails
 * with CAS_ERR_CERTIFICATE and says what to do. For PKCS#12 there is
 * cas_request_set_pkcs12.
 *
 * @param request  the request
 * @param pem      the text, at most 2 MiB; libcas copies it
 * @param len      its length in bytes, without a terminating NUL
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_set_cert_pem(cas_request *request,
                                    const char *pem,
                                    size_t len);

/**
 * Sets the private key from unencrypted PEM text.
 *
 * @param request  the request
 * @param pem      the text, at most 2 MiB; libcas copies it
 * @param len      its length in bytes, without a terminating NUL
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_set_key_pem(cas_request *request,
                                   const char *pem,
                                   size_t len);

/**
 * Reads the certificate and its chain from a PEM file, before the call
 * returns. A file that is not text, such as DER, is refused here; the upload
 * checks the text.
 *
 * @param request  the request
 * @param path     the path of a file or pipe of at most 1 MiB; it need not be
 *                 UTF-8
 * @param err      receives the error; may be NULL
 * @return CAS_OK, CAS_ERR_IO if the file cannot be read, CAS_ERR_CERTIFICATE
 *         if it is not text, or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_load_cert_file(cas_request *request,
                                      const char *path,
                                      cas_error **err);

/**
 * Reads the private key from a PEM file, before the call returns.
 *
 * @param request  the request
 * @param path     the path of a file or pipe of at most 1 MiB; it need not be
 *                 UTF-8
 * @param err      receives the error; may be NULL
 * @return CAS_OK, CAS_ERR_IO if the file cannot be read, CAS_ERR_CERTIFICATE
 *         if it is not text, or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_load_key_file(cas_request *request,
                                     const char *path,
                                     cas_error **err);

/**
 * Sets the certificate, its chain and the private key from PKCS#12 data (.pfx,
 * .p12) as Windows, Java, macOS and OpenSSL write them.
 *
 * libcas decrypts the data before the call returns. The certificates may be in
 * any order; the upload tidies and checks them as it does PEM. Of several
 * private keys, it takes the one that belongs to the certificate; if several
 * certificates have one, the call fails and names them. Certificates that Java
 * marks as trusted are left out.
 *
 * libcas reads RC2, 3DES and AES in CBC mode, with MACs of SHA-1, SHA-256,
 * SHA-384 and SHA-512 or none. It refuses data that asks for more than
 * 10,000,000 iterations.
 *
 * @param request   the request
 * @param data      the data, at most 2 MiB
 * @param len       its length in bytes
 * @param password  the password in UTF-8; NULL or "" for none. libcas wipes its
 *                  copies before the call returns
 * @return CAS_OK, CAS_ERR_CERTIFICATE if the password is wrong or the data
 *         cannot be used, or CAS_ERR_INVALID_ARGUMENT; cas_request_error says
 *         why
 * @since 0.1.0
 */
cas_status cas_request_set_pkcs12(cas_request *request,
                                  const void *data,
                                  size_t len,
                                  const char *password);

/**
 * Reads the certificate, its chain and the private key from a PKCS#12 file, as
 * cas_request_set_pkcs12 does.
 *
 * @param request   the request
 * @param path      the path of a file or pipe of at most 1 MiB; it need not be
 *                  UTF-8
 * @param password  the password in UTF-8; NULL or "" for none. libcas wipes its
 *                  copies before the call returns
 * @param err       receives the error; may be NULL
 * @return CAS_OK, CAS_ERR_IO if the file cannot be read, CAS_ERR_CERTIFICATE
 *         if the password is wrong or the file cannot be used, or
 *         CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_load_pkcs12_file(cas_request *request,
                                        const char *path,
                                        const char *password,
                                        cas_error **err);

/* --- Optional ------------------------------------------------------------- */

/**
 * Makes this an upload of SM2 double certificates: the certificate and the key
 * of the request are the signing pair, and these are the encryption pair.
 *
 * libcas checks both pairs; what it finds in the encryption pair begins with
 * "encryption certificate". Both are stored under one name and one CertId. The
 * signing certificate alone decides whether a stored certificate is the same:
 * to replace only the encryption pair, delete the stored one first.
 *
 * Only version 2020-04-07 of the API has double certificates: a client with
 * CAS_API_AUTO uses it for this upload, and with CAS_API_2018_07_13 the upload
 * fails with CAS_ERR_INVALID_ARGUMENT before anything is sent. The pair
 * cannot be removed again: make a new request for other certificates.
 *
 * CAs may deliver the encryption key in an envelope, encrypted for the signing
 * key (GM/T 0009, GM/T 0010); open it first.
 *
 * @param request   the request
 * @param cert      the encryption certificate, with or without its chain: PEM,
 *                  at most 2 MiB; libcas copies it
 * @param cert_len  its length in bytes, without a terminating NUL
 * @param key       the private key of the encryption certificate: unencrypted
 *                  PEM, at most 2 MiB; libcas copies it
 * @param key_len   its length in bytes, without a terminating NUL
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_set_sm2_encryption(cas_request *request,
                                          const char *cert,
                                          size_t cert_len,
                                          const char *key,
                                          size_t key_len);

/**
 * Sets the language of the messages of the service.
 *
 * @param request  the request
 * @param lang     "zh", the default of the service, or "en"
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_set_lang(cas_request *request, const char *lang);

/**
 * Sets the IP address of the person on whose behalf the program makes the
 * call, for the audit trail of the service.
 *
 * @param request  the request
 * @param ip       an IPv4 or IPv6 address
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_set_source_ip(cas_request *request, const char *ip);

/**
 * What to do if another certificate already has the name. libcas compares the
 * certificates themselves to decide whether they are the same, never their
 * names.
 *
 * @since 0.1.0
 */
typedef int32_t cas_on_conflict;

/**
 * The same certificate under this name is a success; a different one is
 * CAS_ERR_NAME_TAKEN.
 */
#define CAS_ON_CONFLICT_REUSE 0

/**
 * Any certificate under this name is CAS_ERR_NAME_TAKEN, unless this call
 * stored it.
 */
#define CAS_ON_CONFLICT_FAIL 1

/**
 * A different certificate keeps its name. libcas stores this one as
 * NAME-<first 8 hex digits of its SHA-256>, which is nine characters longer:
 * the service must allow a name of that length.
 */
#define CAS_ON_CONFLICT_RENAME 2

/**
 * As CAS_ON_CONFLICT_RENAME; libcas then deletes the certificate that had the
 * name before the call. If none had it, libcas stores this one under NAME and
 * then deletes the one that an earlier call left under NAME-<8 hex digits>: if
 * there is exactly one, whose subject alternative names and key type are the
 * same and whose validity begins earlier. libcas deletes no other certificate;
 * a log message names those that are left. If the deletion fails, this
 * certificate stays stored, the outcome is CAS_OUTCOME_CREATED, and a log
 * message says why.
 */
#define CAS_ON_CONFLICT_REPLACE 3

/**
 * Sets what to do if another certificate has the name. Default:
 * CAS_ON_CONFLICT_REUSE.
 *
 * Every other rule reads the list of certificates before it sends anything,
 * and needs permission to do so.
 *
 * @param request      the request
 * @param on_conflict  a CAS_ON_CONFLICT_ constant
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_set_on_conflict(cas_request *request,
                                       cas_on_conflict on_conflict);

/**
 * Accepts the same certificate under any other name as well. Default: false.
 *
 * If it is on, libcas reads the list of certificates before it sends anything.
 *
 * @param request  the request
 * @param reuse    true to accept it
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_set_reuse_any_name(cas_request *request, bool reuse);

/**
 * Sends certificate and key without reading them, byte for byte as you set
 * them, even if the local checks would refuse them. Default: false.
 *
 * libcas still refuses an empty name and a name with control characters:
 * names are public, and such a name may be a private key. Certificates are
 * public as well: if you skip the checks, make sure that the certificate text
 * holds no key.
 *
 * @param request  the request
 * @param skip     true to skip the checks
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_set_skip_checks(cas_request *request, bool skip);

/**
 * Allows a refused finding by its identifier, as in "ca-as-leaf": the upload
 * continues in spite of it. Call it once for each finding to allow.
 *
 * Everything else is checked as ever, and what libcas sends is tidied. It logs
 * an allowed finding at CAS_LOG_WARN. docs/findings.md says which findings can
 * be allowed, and what is sent then: none that would send a private key as
 * something public, or that leaves nothing to send. Allowing a warning or a
 * note does nothing, since neither prevents an upload.
 *
 * @param request  the request
 * @param id       the identifier of a finding
 * @return CAS_OK, or CAS_ERR_INVALID_ARGUMENT for an unknown identifier or a
 *         finding that cannot be allowed; cas_request_error says why
 * @since 0.1.0
 */
cas_status cas_request_allow_finding(cas_request *request, const char *id);

/**
 * Sets how long the upload may take, retries included. Default: 0, the timeout
 * of the client (cas_config_set_timeout_ms).
 *
 * @param request  the request
 * @param ms       the timeout in milliseconds, or 0
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
cas_status cas_request_set_timeout_ms(cas_request *request, uint32_t ms);

/* =============================================================================
 * Upload
 * =============================================================================
 *
 * docs/exactly-once.md describes what libcas does if a response is lost.
 */

/**
 * Stores a certificate with its chain and key under a name, with the default
 * options of a cas_request. Thread-safe.
 *
 * @param client    the client
 * @param name      the name, as for cas_request_set_name
 * @param cert_pem  the certificate and its chain: PEM, NUL-terminated
 * @param key_pem   the private key: PEM, NUL-terminated
 * @param cert_id   receives the ID of the certificate
 * @param err       receives the error; may be NULL
 * @return CAS_OK or any other status
 * @since 0.1.0
 */
CAS_WARN_UNUSED_RESULT
cas_status cas_upload_certificate(const cas_client *client,
                                  const char *name,
                                  const char *cert_pem,
                                  const char *key_pem,
                                  int64_t *cert_id,
                                  cas_error **err);

/**
 * Stores a certificate exactly once, whatever the network does. Thread-safe.
 *
 * If a response is lost, libcas checks whether the certificate is stored
 * before it sends anything again. Sends nothing, and fails with the status of
 * cas_request_error, if that is not NULL.
 *
 * @param client   the client
 * @param request  the request; you may use it again or free it afterwards
 * @param out      receives the result; free it with cas_result_free
 * @param err      receives the error; may be NULL
 * @return CAS_OK or any other status
 * @since 0.1.0
 */
CAS_WARN_UNUSED_RESULT
cas_status cas_create_user_certificate(const cas_client *client,
                                       const cas_request *request,
                                       cas_result **out,
                                       cas_error **err);

/* =============================================================================
 * Result of an upload
 * =============================================================================
 */

/**
 * What an upload did.
 *
 * @since 0.1.0
 */
typedef int32_t cas_outcome;

/**
 * The certificate is stored and, as far as libcas can know, was not stored
 * before the call. A certificate that libcas finds after a lost response
 * counts as created.
 */
#define CAS_OUTCOME_CREATED 0

/** The same certificate was already stored. */
#define CAS_OUTCOME_REUSED 1

/** The certificate is stored, and the one that it replaces is deleted. */
#define CAS_OUTCOME_REPLACED 2

/**
 * Returns the ID of the stored certificate (CertId).
 *
 * @param result  a result, or NULL
 * @return the ID; 0 for NULL
 * @since 0.1.0
 */
int64_t cas_result_cert_id(const cas_result *result);

/**
 * Returns the name of the certificate at the service: the requested name, or
 * the name that CAS_ON_CONFLICT_RENAME, CAS_ON_CONFLICT_REPLACE or
 * cas_request_set_reuse_any_name led to.
 *
 * @param result  a result, or NULL
 * @return the name, or NULL for NULL; valid until cas_result_free
 * @since 0.1.0
 */
const char *cas_result_name(const cas_result *result);

/**
 * Returns "<CertId>-<region>", the identifier that OSS, CDN and SLB take.
 *
 * @param result  a result, or NULL
 * @return the identifier, or NULL for NULL; valid until cas_result_free
 * @since 0.1.0
 */
const char *cas_result_cert_identifier(const cas_result *result);

/**
 * Returns the ID by which Alibaba Cloud support finds the request.
 *
 * @param result  a result, or NULL
 * @return the RequestId, or NULL if there is none; valid until cas_result_free
 * @since 0.1.0
 */
const char *cas_result_request_id(const cas_result *result);

/**
 * Returns what the upload did.
 *
 * @param result  a result, or NULL
 * @return a CAS_OUTCOME_ constant; CAS_OUTCOME_CREATED for NULL
 * @since 0.1.0
 */
cas_outcome cas_result_outcome(const cas_result *result);

/**
 * Returns the version of the API that the call used.
 *
 * @param result  a result, or NULL
 * @return a CAS_API_ constant; 0 for NULL
 * @since 0.1.0
 */
cas_api cas_result_api(const cas_result *result);

/**
 * Returns how many times libcas sent the certificate or tried to send it.
 * Look-ups do not count.
 *
 * @param result  a result, or NULL
 * @return the number of attempts; 0 if a look-up came first and found the
 *         certificate already stored, and for NULL
 * @since 0.1.0
 */
uint32_t cas_result_attempts(const cas_result *result);

/**
 * Frees a result and the strings that came from it.
 *
 * @param result  a result, or NULL
 * @since 0.1.0
 */
void cas_result_free(cas_result *result);

/* =============================================================================
 * Certificates at the service
 * =============================================================================
 *
 * Strings of a certificate are never NULL, except that a getter returns NULL
 * for a NULL certificate. They are valid until the certificate is freed, or the
 * list that it belongs to.
 */

/* --- Get, list and delete ------------------------------------------------- */

/**
 * Fetches what the service reports about one certificate. Thread-safe.
 *
 * @param client   the client
 * @param cert_id  the ID of the certificate; positive
 * @param out      receives the certificate; free it with cas_certificate_free
 * @param err      receives the error; may be NULL
 * @return CAS_OK, CAS_ERR_NOT_FOUND if the service has no certificate with
 *         this ID, or another status
 * @since 0.1.0
 */
CAS_WARN_UNUSED_RESULT
cas_status cas_get_certificate(const cas_client *client,
                               int64_t cert_id,
                               cas_certificate **out,
                               cas_error **err);

/**
 * Frees a certificate from cas_get_certificate, and its strings. Do not pass
 * one that belongs to a list.
 *
 * @param certificate  a certificate, or NULL
 * @since 0.1.0
 */
void cas_certificate_free(cas_certificate *certificate);

/**
 * Fetches the whole list, page by page: uploaded and issued certificates,
 * including expired ones. Thread-safe.
 *
 * @param client  the client
 * @param out     receives the list; free it with cas_certificate_list_free
 * @param err     receives the error; may be NULL
 * @return CAS_OK or any other status
 * @since 0.1.0
 */
CAS_WARN_UNUSED_RESULT
cas_status cas_list_certificates(const cas_client *client,
                                 cas_certificate_list **out,
                                 cas_error **err);

/**
 * Returns how many certificates a list holds.
 *
 * @param list  a list, or NULL
 * @return the number of certificates; 0 for NULL
 * @since 0.1.0
 */
size_t cas_certificate_list_len(const cas_certificate_list *list);

/**
 * Returns one certificate of a list.
 *
 * @param list   a list, or NULL
 * @param index  the position, from 0
 * @return the certificate, or NULL past the end; valid until
 *         cas_certificate_list_free. Do not free it
 * @since 0.1.0
 */
const cas_certificate *
cas_certificate_list_get(const cas_certificate_list *list, size_t index);

/**
 * Frees a list, its certificates and their strings.
 *
 * @param list  a list, or NULL
 * @since 0.1.0
 */
void cas_certificate_list_free(cas_certificate_list *list);

/**
 * Deletes a certificate and its key at the service. Thread-safe.
 *
 * @param client   the client
 * @param cert_id  the ID of the certificate; positive
 * @param err      receives the error; may be NULL
 * @return CAS_OK, CAS_ERR_NOT_FOUND if the service has no certificate with
 *         this ID, or another status
 * @since 0.1.0
 */
CAS_WARN_UNUSED_RESULT
cas_status cas_delete_certificate(const cas_client *client,
                                  int64_t cert_id,
                                  cas_error **err);

/* --- What the service reports --------------------------------------------- */

/**
 * Returns the ID of a certificate (CertId).
 *
 * @param certificate  a certificate, or NULL
 * @return the ID; 0 for NULL
 * @since 0.1.0
 */
int64_t cas_certificate_id(const cas_certificate *certificate);

/**
 * Returns the name of a certificate in the account.
 *
 * @param certificate  a certificate, or NULL
 * @return the name, empty if the service reports none
 * @since 0.1.0
 */
const char *cas_certificate_name(const cas_certificate *certificate);

/**
 * Returns the common name of the subject.
 *
 * @param certificate  a certificate, or NULL
 * @return the common name, empty if the service reports none
 * @since 0.1.0
 */
const char *cas_certificate_common_name(const cas_certificate *certificate);

/**
 * Returns the subject alternative names.
 *
 * @param certificate  a certificate, or NULL
 * @return the names, comma-separated, empty if the service reports none
 * @since 0.1.0
 */
const char *cas_certificate_sans(const cas_certificate *certificate);

/**
 * Returns the issuer.
 *
 * @param certificate  a certificate, or NULL
 * @return the issuer, empty if the service reports none
 * @since 0.1.0
 */
const char *cas_certificate_issuer(const cas_certificate *certificate);

/**
 * Returns the SHA-1 fingerprint of the leaf.
 *
 * @param certificate  a certificate, or NULL
 * @return 40 uppercase hexadecimal digits, empty if the service reports none
 * @since 0.1.0
 */
const char *cas_certificate_fingerprint(const cas_certificate *certificate);

/**
 * Returns the first day on which a certificate is valid.
 *
 * @param certificate  a certificate, or NULL
 * @return "YYYY-MM-DD", empty if the service reports none
 * @since 0.1.0
 */
const char *cas_certificate_not_before(const cas_certificate *certificate);

/**
 * Returns the last day on which a certificate is valid.
 *
 * @param certificate  a certificate, or NULL
 * @return "YYYY-MM-DD", empty if the service reports none
 * @since 0.1.0
 */
const char *cas_certificate_not_after(const cas_certificate *certificate);

/**
 * Tells whether the last day of validity has passed, according to the service.
 *
 * @param certificate  a certificate, or NULL
 * @return true if it has; false for NULL
 * @since 0.1.0
 */
bool cas_certificate_expired(const cas_certificate *certificate);

/* =============================================================================
 * Inspection
 * =============================================================================
 *
 * Checks a certificate without a network. Strings of the leaf are empty if
 * there is nothing to report or libcas could read no certificate. They are NULL
 * for a NULL inspection, and valid until cas_inspection_free.
 */

/**
 * Reads a certificate with its chain and, optionally, its key, as an upload
 * does before it sends anything. Thread-safe.
 *
 * CAS_OK means that libcas looked at them. It does not mean that they are fit
 * for an upload, or that there was anything to read: see the findings.
 *
 * Without a key, what depends on the key is not found: a self-signed CA
 * certificate is ca-as-leaf, although libcas uploads it with its own key.
 *
 * @param cert_pem  the certificate and its chain as PEM text, at most 2 MiB
 * @param cert_len  the length of cert_pem in bytes, without a terminating NUL
 * @param key_pem   the private key as PEM text, at most 2 MiB, or NULL for
 *                  none
 * @param key_len   the length of key_pem in bytes, without a terminating NUL
 * @param out       receives the inspection; free it with cas_inspection_free
 * @param err       receives the error; may be NULL
 * @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
 * @since 0.1.0
 */
CAS_WARN_UNUSED_RESULT
cas_status cas_inspect(const char *cert_pem,
                       size_t cert_len,
                       const char *key_pem,
                       size_t key_len,
                       cas_inspection **out,
                       cas_error **err);

/**
 * Frees an inspection and the strings that came from it.
 *
 * @param inspection  an inspection, or NULL
 * @since 0.1.0
 */
void cas_inspection_free(cas_inspection *inspection);

/* --- Leaf ----------------------------------------------------------------- */

/**
 * Returns the most specific common name of the leaf.
 *
 * @param inspection  an inspection, or NULL
 * @return the common name, or empty
 * @since 0.1.0
 */
const char *cas_inspection_common_name(const cas_inspection *inspection);

/**
 * Returns the names that the leaf is valid for. URIs and distinguished names
 * may contain commas: cas_inspection_san returns the names one by one.
 *
 * @param inspection  an inspection, or NULL
 * @return the names, comma-separated, or empty
 * @since 0.1.0
 */
const char *cas_inspection_sans(const cas_inspection *inspection);

/**
 * Returns how many names the leaf is valid for: its subject alternative names.
 *
 * @param inspection  an inspection, or NULL
 * @return the number of names; 0 for NULL
 * @since 0.1.0
 */
size_t cas_inspection_san_count(const cas_inspection *inspection);

/**
 * Returns one of the names that the leaf is valid for, in the order of the
 * certificate: a domain, an IP address, an e-mail address, a URI, a
 * distinguished name, or the object identifier of another kind of name.
 *
 * @param inspection  an inspection, or NULL
 * @param index       the position of the name, from 0
 * @return the name, or NULL past the end; valid until cas_inspection_free
 * @since 0.1.0
 */
const char *cas_inspection_san(const cas_inspection *inspection, size_t index);

/**
 * Returns the issuer of the leaf.
 *
 * @param inspection  an inspection, or NULL
 * @return the issuer, as in "C=CN, O=Example, CN=Example CA", or empty
 * @since 0.1.0
 */
const char *cas_inspection_issuer(const cas_inspection *inspection);

/**
 * Returns the serial number of the leaf.
 *
 * @param inspection  an inspection, or NULL
 * @return uppercase hexadecimal digits, two for each byte, after "-" if the
 *         number is negative; or empty
 * @since 0.1.0
 */
const char *cas_inspection_serial(const cas_inspection *inspection);

/**
 * Returns when the leaf becomes valid.
 *
 * @param inspection  an inspection, or NULL
 * @return RFC 3339 in UTC, as in "2024-01-01T00:00:00Z", or empty
 * @since 0.1.0
 */
const char *cas_inspection_not_before(const cas_inspection *inspection);

/**
 * Returns when the leaf expires.
 *
 * @param inspection  an inspection, or NULL
 * @return RFC 3339 in UTC, as in "2024-01-01T00:00:00Z", or empty
 * @since 0.1.0
 */
const char *cas_inspection_not_after(const cas_inspection *inspection);

/**
 * Returns the SHA-1 fingerprint of the leaf.
 *
 * @param inspection  an inspection, or NULL
 * @return 40 uppercase hexadecimal digits, or empty
 * @since 0.1.0
 */
const char *cas_inspection_sha1(const cas_inspection *inspection);

/**
 * Returns the SHA-256 fingerprint of the leaf.
 *
 * @param inspection  an inspection, or NULL
 * @return 64 uppercase hexadecimal digits, or empty
 * @since 0.1.0
 */
const char *cas_inspection_sha256(const cas_inspection *inspection);

/**
 * Returns the type and size of the key of the leaf.
 *
 * @param inspection  an inspection, or NULL
 * @return "RSA-2048", "EC-P256", "Ed25519", "SM2" and so on; an object
 *         identifier for a type that libcas has no name for; or empty
 * @since 0.1.0
 */
const char *cas_inspection_key_type(const cas_inspection *inspection);

/* --- Chain ---------------------------------------------------------------- */

/**
 * Returns how many certificates an upload would send.
 *
 * @param inspection  an inspection, or NULL
 * @return the number of certificates; 0 if libcas could read none, and for
 *         NULL
 * @since 0.1.0
 */
size_t cas_inspection_chain_len(const cas_inspection *inspection);

/**
 * Returns the chain as an upload would send it: tidied, leaf first, each
 * issuer after its subject.
 *
 * @param inspection  an inspection, or NULL
 * @return PEM text, or empty if libcas could read no certificate
 * @since 0.1.0
 */
const char *cas_inspection_cert_pem(const cas_inspection *inspection);

/* --- Findings ------------------------------------------------------------- */

/**
 * The importance of a finding. docs/findings.md lists all findings.
 *
 * @since 0.1.0
 */
typedef int32_t cas_severity;

/** libcas tidied something, or could not check it. */
#define CAS_SEVERITY_NOTE 0

/** libcas sends it, but it may not do what you intend. */
#define CAS_SEVERITY_WARNING 1

/**
 * libcas does not send it, unless cas_request_allow_finding allows the finding
 * or cas_request_set_skip_checks is on.
 */
#define CAS_SEVERITY_REFUSED 2

/**
 * Returns how many findings there are. Refusals come first, notes last.
 *
 * @param inspection  an inspection, or NULL
 * @return the number of findings; 0 for NULL
 * @since 0.1.0
 */
size_t cas_inspection_finding_count(const cas_inspection *inspection);

/**
 * Returns a finding: its identifier, which never changes, and a sentence, as
 * in "expired: not valid after 2024-01-01T00:00:00Z".
 *
 * @param inspection  an inspection, or NULL
 * @param index       the position of the finding, from 0
 * @return the finding, or NULL past the end; valid until cas_inspection_free
 * @since 0.1.0
 */
const char *cas_inspection_finding(const cas_inspection *inspection,
                                   size_t index);

/**
 * Returns the identifier of a finding, as in "expired". docs/findings.md has
 * them all; they never change.
 *
 * @param inspection  an inspection, or NULL
 * @param index       the position of the finding, from 0
 * @return the identifier, or NULL past the end; valid until
 *         cas_inspection_free
 * @since 0.1.0
 */
const char *cas_inspection_finding_id(const cas_inspection *inspection,
                                      size_t index);

/**
 * Returns what to do about a finding.
 *
 * @param inspection  an inspection, or NULL
 * @param index       the position of the finding, from 0
 * @return the hint, or NULL past the end; valid until cas_inspection_free
 * @since 0.1.0
 */
const char *cas_inspection_hint(const cas_inspection *inspection, size_t index);

/**
 * Returns the importance of a finding.
 *
 * @param inspection  an inspection, or NULL
 * @param index       the position of the finding, from 0
 * @return a CAS_SEVERITY_ constant; CAS_SEVERITY_NOTE past the end
 * @since 0.1.0
 */
cas_severity cas_inspection_severity(const cas_inspection *inspection,
                                     size_t index);

#ifdef __cplusplus
}
#endif

#ifdef CAS_POP_DIAGNOSTICS
#undef CAS_POP_DIAGNOSTICS
#pragma clang diagnostic pop
#endif

#endif
