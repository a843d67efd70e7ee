/* nulls ENDPOINT CERT KEY: every function with every NULL, with text that is not UTF-8, with impossible values. */
#include <stdint.h>
#include <string.h>

#include "cas.h"
#include "check.h"

static const char *const BAD_TEXT = "caf\xe9";
#define INVALID(call) CHECK((call) == CAS_ERR_INVALID_ARGUMENT)

/* An error that says in words which argument is wrong, and is the caller's to free. */
#define INVALID_WITH_ERROR(call_with_error, part)                          \
    do {                                                                   \
        cas_error *error = NULL;                                           \
        CHECK((call_with_error) == CAS_ERR_INVALID_ARGUMENT);              \
        CHECK(error != NULL);                                              \
        CHECK(cas_error_status(error) == CAS_ERR_INVALID_ARGUMENT);        \
        CHECK(strstr(cas_error_message(error), part) != NULL);             \
        CHECK(cas_error_attempts(error) == 0);                             \
        CHECK(cas_error_http_status(error) == 0);                          \
        CHECK(!cas_error_retryable(error));                                \
        CHECK(cas_error_service_code(error) == NULL);                      \
        CHECK(cas_error_service_message(error) == NULL);                   \
        CHECK(cas_error_request_id(error) == NULL);                        \
        cas_error_free(error);                                             \
    } while (0)

static void library(void)
{
    int number;
    CHECK(strcmp(cas_version(), "0.1.0") == 0);
    for (number = 0; number <= 14; number++)
        CHECK(strncmp(cas_status_name(number), "CAS_", 4) == 0 && strcmp(cas_status_name(number), "CAS_ERR_UNKNOWN") != 0);
    CHECK(strcmp(cas_status_name(CAS_OK), "CAS_OK") == 0);
    CHECK(strcmp(cas_status_name(CAS_ERR_PERMISSION), "CAS_ERR_PERMISSION") == 0);
    CHECK(strcmp(cas_status_name(-1), "CAS_ERR_UNKNOWN") == 0);
    CHECK(strcmp(cas_status_name(15), "CAS_ERR_UNKNOWN") == 0);
    CHECK(strcmp(cas_status_name(INT32_MAX), "CAS_ERR_UNKNOWN") == 0);
}

static void errors(void)
{
    CHECK(cas_error_status(NULL) == CAS_ERR_INVALID_ARGUMENT);
    CHECK(cas_error_message(NULL) != NULL);
    CHECK(cas_error_hint(NULL) == NULL);
    CHECK(cas_error_service_code(NULL) == NULL);
    CHECK(cas_error_service_message(NULL) == NULL);
    CHECK(cas_error_request_id(NULL) == NULL);
    CHECK(cas_error_http_status(NULL) == 0);
    CHECK(cas_error_attempts(NULL) == 0);
    CHECK(!cas_error_retryable(NULL));
    cas_error_free(NULL);
}

static void no_log(void *user_data, cas_log_level level, const char *message)
{
    (void)user_data, (void)level, (void)message;
}

static void configurations(void)
{
    cas_config *config = cas_config_new();
    CHECK(config != NULL);
    INVALID(cas_config_set_access_key(NULL, "i", "s"));
    INVALID(cas_config_set_access_key(config, NULL, "s"));
    INVALID(cas_config_set_access_key(config, "i", NULL));
    INVALID(cas_config_set_access_key(config, BAD_TEXT, "s"));
    INVALID(cas_config_set_access_key(config, "i", BAD_TEXT));
    INVALID(cas_config_set_access_key(config, "", "s"));
    INVALID(cas_config_set_access_key(config, "i", ""));
    INVALID(cas_config_set_security_token(NULL, "t"));
    INVALID(cas_config_set_security_token(config, NULL));
    INVALID(cas_config_set_security_token(config, BAD_TEXT));
    INVALID(cas_config_set_security_token(config, ""));
    /* What was refused is not replaced by a default. */
    {
        cas_config *region = cas_config_new();
        cas_client *client = NULL;
        INVALID(cas_config_set_region(region, "ap_southeast_1"));
        INVALID_WITH_ERROR(cas_client_new(region, &client, &error), "region");
        CHECK(cas_config_set_region(region, "ap-southeast-1") == CAS_OK);
        CHECK(cas_client_new(region, &client, NULL) == CAS_OK);
        cas_client_free(client);
        cas_config_free(region);
    }
    INVALID(cas_config_set_profile(NULL, "web"));
    INVALID(cas_config_set_profile(config, NULL));
    INVALID(cas_config_set_profile(config, BAD_TEXT));
    INVALID(cas_config_set_profile(config, ""));
    CHECK(cas_config_set_profile(config, "web") == CAS_OK);
    INVALID(cas_config_set_vpc(NULL, true));
    CHECK(cas_config_set_vpc(config, false) == CAS_OK);
    INVALID(cas_config_set_region(NULL, "cn-hangzhou"));
    INVALID(cas_config_set_region(config, NULL));
    INVALID(cas_config_set_region(config, BAD_TEXT));
    INVALID(cas_config_set_region(config, "../etc"));
    INVALID(cas_config_set_endpoint(NULL, "h"));
    INVALID(cas_config_set_endpoint(config, NULL));
    INVALID(cas_config_set_endpoint(config, BAD_TEXT));
    INVALID(cas_config_set_endpoint(config, ""));
    INVALID(cas_config_set_endpoint(config, "https://host/path"));
    INVALID(cas_config_set_endpoint(config, "https://user:password@host"));
    INVALID(cas_config_set_allow_plaintext(NULL, true));
    INVALID(cas_config_set_ca_file(NULL, "f"));
    INVALID(cas_config_set_ca_file(config, NULL));
    INVALID(cas_config_set_ca_file(config, BAD_TEXT));
    INVALID(cas_config_set_connect_timeout_ms(NULL, 1));
    INVALID(cas_config_set_connect_timeout_ms(config, 0));
    INVALID(cas_config_set_timeout_ms(NULL, 1));
    INVALID(cas_config_set_timeout_ms(config, 0));
    INVALID(cas_config_set_max_attempts(NULL, 1));
    INVALID(cas_config_set_max_attempts(config, 0));
    INVALID(cas_config_set_rate_limit(NULL, 1));
    CHECK(cas_config_set_rate_limit(config, 0) == CAS_OK);
    INVALID(cas_config_set_api(NULL, CAS_API_AUTO));
    INVALID(cas_config_set_api(config, 3));
    INVALID(cas_config_set_api(config, -1));
    INVALID(cas_config_set_proxy(NULL, ""));
    INVALID(cas_config_set_proxy(config, NULL));
    INVALID(cas_config_set_proxy(config, BAD_TEXT));
    INVALID(cas_config_set_proxy(config, "ftp://proxy"));
    CHECK(cas_config_set_proxy(config, "") == CAS_OK);
    INVALID(cas_config_set_signature(NULL, CAS_SIGNATURE_ACS3));
    INVALID(cas_config_set_signature(config, 2));
    INVALID(cas_config_set_signature(config, -1));
    INVALID(cas_config_set_user_agent(NULL, "a"));
    INVALID(cas_config_set_user_agent(config, NULL));
    INVALID(cas_config_set_user_agent(config, BAD_TEXT));
    INVALID(cas_config_set_user_agent(config, "a\r\nb: c"));
    INVALID(cas_config_set_log(NULL, no_log, NULL, CAS_LOG_DEBUG));
    INVALID(cas_config_set_log(config, no_log, NULL, 0));
    INVALID(cas_config_set_log(config, no_log, NULL, 5));
    CHECK(cas_config_set_log(config, NULL, NULL, CAS_LOG_DEBUG) == CAS_OK);
    CHECK(cas_config_set_log(config, no_log, NULL, CAS_LOG_DEBUG) == CAS_OK);
    cas_config_free(config);
    cas_config_free(NULL);
}

static void clients(void)
{
    cas_client *client = NULL;
    cas_error *error = (cas_error *)&client; /* not NULL: success must make it so */
    cas_config *config = cas_config_new();

    INVALID_WITH_ERROR(cas_client_new(config, NULL, &error), "out");
    INVALID(cas_client_new(NULL, NULL, NULL));
    CHECK(cas_client_new(NULL, &client, &error) == CAS_OK);
    CHECK(client != NULL && error == NULL);
    cas_client_free(client);
    cas_client_free(NULL);

    client = NULL;
    CHECK(cas_config_set_endpoint(config, "http://192.0.2.1") == CAS_OK);
    INVALID_WITH_ERROR(cas_client_new(config, &client, &error), "192.0.2.1");
    CHECK(client == NULL);
    CHECK(cas_config_set_allow_plaintext(config, true) == CAS_OK);
    CHECK(cas_client_new(config, &client, NULL) == CAS_OK);
    cas_client_free(client);

    /* Nobody is called in place of an endpoint that was refused, or with another key. */
    client = NULL;
    INVALID(cas_config_set_endpoint(config, "ftp://host"));
    INVALID_WITH_ERROR(cas_client_new(config, &client, &error), "endpoint");
    CHECK(cas_config_set_endpoint(config, "127.0.0.1") == CAS_OK);
    INVALID(cas_config_set_access_key(config, "i", "s\n"));
    INVALID_WITH_ERROR(cas_client_new(config, &client, &error), "access key");
    CHECK(cas_config_set_access_key(config, "i", "s") == CAS_OK);
    CHECK(cas_client_new(config, &client, &error) == CAS_OK);
    cas_client_free(client);
    cas_config_free(config);
    config = cas_config_new();

    client = NULL;
    CHECK(cas_config_set_security_token(config, "t") == CAS_OK);
    INVALID_WITH_ERROR(cas_client_new(config, &client, &error), "security token");
    CHECK(cas_config_set_access_key(config, "i", "s") == CAS_OK);
    CHECK(cas_config_set_ca_file(config, "/nonexistent/ca.pem") == CAS_OK);
    CHECK(cas_client_new(config, &client, &error) == CAS_ERR_IO);
    CHECK(strstr(cas_error_message(error), "/nonexistent/ca.pem") != NULL);
    CHECK(cas_error_hint(error) != NULL);
    cas_error_free(error);
    CHECK(client == NULL);
    CHECK(cas_config_set_ca_file(config, "/dev/null") == CAS_OK);
    INVALID_WITH_ERROR(cas_client_new(config, &client, &error), "holds no certificate");
    cas_config_free(config);
}

static void requests(const char *cert, const char *key)
{
    cas_error *error = NULL;
    cas_request *request = cas_request_new();
    CHECK(request != NULL);
    INVALID(cas_request_set_name(NULL, "n"));
    INVALID(cas_request_set_name(request, NULL));
    INVALID(cas_request_set_name(request, BAD_TEXT));
    INVALID(cas_request_set_cert_pem(NULL, "x", 1));
    INVALID(cas_request_set_cert_pem(request, NULL, 1));
    INVALID(cas_request_set_cert_pem(request, NULL, 0));
    INVALID(cas_request_set_cert_pem(request, BAD_TEXT, 4));
    INVALID(cas_request_set_cert_pem(request, "x", SIZE_MAX));
    INVALID(cas_request_set_key_pem(NULL, "x", 1));
    INVALID(cas_request_set_key_pem(request, NULL, 1));
    INVALID(cas_request_set_key_pem(request, BAD_TEXT, 4));
    INVALID(cas_request_set_lang(NULL, "en"));
    INVALID(cas_request_set_lang(request, NULL));
    INVALID(cas_request_set_lang(request, BAD_TEXT));
    INVALID(cas_request_set_lang(request, "de"));
    INVALID(cas_request_set_source_ip(NULL, "192.0.2.1"));
    INVALID(cas_request_set_source_ip(request, NULL));
    INVALID(cas_request_set_source_ip(request, BAD_TEXT));
    INVALID(cas_request_set_source_ip(request, "not an address"));
    INVALID(cas_request_set_skip_checks(NULL, true));
    INVALID(cas_request_set_on_conflict(NULL, CAS_ON_CONFLICT_FAIL));
    INVALID(cas_request_set_on_conflict(request, 4));
    INVALID(cas_request_set_on_conflict(request, -1));
    INVALID(cas_request_set_reuse_any_name(NULL, true));
    INVALID_WITH_ERROR(cas_request_load_cert_file(NULL, cert, &error), "request");
    INVALID_WITH_ERROR(cas_request_load_cert_file(request, NULL, &error), "path");
    INVALID_WITH_ERROR(cas_request_load_cert_file(request, BAD_TEXT, &error), "path");
    INVALID_WITH_ERROR(cas_request_load_key_file(NULL, key, &error), "request");
    INVALID_WITH_ERROR(cas_request_load_key_file(request, NULL, &error), "path");
    INVALID_WITH_ERROR(cas_request_load_key_file(request, BAD_TEXT, &error), "path");
    CHECK(cas_request_load_cert_file(request, "/nonexistent/cert.pem", &error) == CAS_ERR_IO);
    CHECK(strstr(cas_error_message(error), "/nonexistent/cert.pem") != NULL);
    cas_error_free(error);
    CHECK(cas_request_load_key_file(request, "/nonexistent/key.pem", NULL) == CAS_ERR_IO);
    CHECK(cas_request_load_key_file(request, "/", NULL) == CAS_ERR_IO);
    CHECK(cas_request_load_cert_file(request, cert, NULL) == CAS_OK);
    CHECK(cas_request_load_key_file(request, key, NULL) == CAS_OK);
    cas_request_free(request);
    cas_request_free(NULL);
}

static void results(void)
{
    CHECK(cas_result_cert_id(NULL) == 0);
    CHECK(cas_result_name(NULL) == NULL);
    CHECK(cas_result_cert_identifier(NULL) == NULL);
    CHECK(cas_result_request_id(NULL) == NULL);
    CHECK(cas_result_outcome(NULL) == 0);
    CHECK(cas_result_api(NULL) == 0);
    CHECK(cas_result_attempts(NULL) == 0);
    cas_result_free(NULL);
}

static void certificates(const char *endpoint)
{
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    cas_certificate *certificate = NULL;
    cas_certificate_list *list = NULL;

    CHECK(cas_certificate_id(NULL) == 0);
    CHECK(cas_certificate_name(NULL) == NULL);
    CHECK(cas_certificate_common_name(NULL) == NULL);
    CHECK(cas_certificate_sans(NULL) == NULL);
    CHECK(cas_certificate_issuer(NULL) == NULL);
    CHECK(cas_certificate_fingerprint(NULL) == NULL);
    CHECK(cas_certificate_not_before(NULL) == NULL);
    CHECK(cas_certificate_not_after(NULL) == NULL);
    CHECK(!cas_certificate_expired(NULL));
    CHECK(cas_certificate_list_len(NULL) == 0);
    CHECK(cas_certificate_list_get(NULL, 0) == NULL);
    cas_certificate_free(NULL);
    cas_certificate_list_free(NULL);

    CHECK(cas_config_set_endpoint(config, endpoint) == CAS_OK);
    CHECK(cas_client_new(config, &client, NULL) == CAS_OK);
    INVALID_WITH_ERROR(cas_get_certificate(NULL, 1, &certificate, &error), "client");
    INVALID_WITH_ERROR(cas_get_certificate(client, 1, NULL, &error), "out");
    INVALID_WITH_ERROR(cas_get_certificate(client, 0, &certificate, &error), "CertId");
    INVALID_WITH_ERROR(cas_get_certificate(client, INT64_MIN, &certificate, &error), "CertId");
    INVALID_WITH_ERROR(cas_list_certificates(NULL, &list, &error), "client");
    INVALID_WITH_ERROR(cas_list_certificates(client, NULL, &error), "out");
    INVALID_WITH_ERROR(cas_delete_certificate(NULL, 1, &error), "client");
    INVALID_WITH_ERROR(cas_delete_certificate(client, -1, &error), "CertId");
    INVALID(cas_delete_certificate(NULL, 0, NULL));
    CHECK(certificate == NULL && list == NULL);
    cas_client_free(client);
    cas_config_free(config);
}

static void uploads(const char *endpoint, const char *cert, const char *key)
{
    static const char CERT[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    static const char KEY[] = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    cas_request *request = cas_request_new();
    cas_result *result = NULL;
    cas_error *error = NULL;
    int64_t id = -7;

    CHECK(cas_config_set_endpoint(config, endpoint) == CAS_OK);
    CHECK(cas_config_set_access_key(config, "testid", "testsecret") == CAS_OK);
    CHECK(cas_client_new(config, &client, &error) == CAS_OK);

    INVALID_WITH_ERROR(cas_upload_certificate(NULL, "n", CERT, KEY, &id, &error), "client");
    INVALID_WITH_ERROR(cas_upload_certificate(client, NULL, CERT, KEY, &id, &error), "name");
    INVALID_WITH_ERROR(cas_upload_certificate(client, "n", NULL, KEY, &id, &error), "cert_pem");
    INVALID_WITH_ERROR(cas_upload_certificate(client, "n", CERT, NULL, &id, &error), "key_pem");
    INVALID_WITH_ERROR(cas_upload_certificate(client, "n", CERT, KEY, NULL, &error), "cert_id");
    INVALID_WITH_ERROR(cas_upload_certificate(client, BAD_TEXT, CERT, KEY, &id, &error), "name");
    INVALID_WITH_ERROR(cas_upload_certificate(client, "n", BAD_TEXT, KEY, &id, &error), "cert_pem");
    INVALID_WITH_ERROR(cas_upload_certificate(client, "n", CERT, BAD_TEXT, &id, &error), "key_pem");
    INVALID_WITH_ERROR(cas_upload_certificate(client, "", CERT, KEY, &id, &error), "no name");
    INVALID_WITH_ERROR(cas_upload_certificate(client, "n", "", KEY, &id, &error), "no certificate");
    INVALID(cas_upload_certificate(NULL, NULL, NULL, NULL, NULL, NULL));
    CHECK(cas_upload_certificate(client, KEY, CERT, KEY, &id, NULL) == CAS_ERR_CERTIFICATE);
    CHECK(cas_upload_certificate(client, "n", KEY, CERT, &id, NULL) == CAS_ERR_CERTIFICATE);

    INVALID_WITH_ERROR(cas_create_user_certificate(NULL, request, &result, &error), "client");
    INVALID_WITH_ERROR(cas_create_user_certificate(client, NULL, &result, &error), "request");
    INVALID_WITH_ERROR(cas_create_user_certificate(client, request, NULL, &error), "out");
    INVALID_WITH_ERROR(cas_create_user_certificate(client, request, &result, &error), "no name");
    CHECK(cas_request_set_name(request, "n") == CAS_OK);
    INVALID_WITH_ERROR(cas_create_user_certificate(client, request, &result, &error), "no private key");
    CHECK(cas_request_load_key_file(request, key, NULL) == CAS_OK);
    INVALID_WITH_ERROR(cas_create_user_certificate(client, request, &result, &error), "no certificate");
    CHECK(id == -7 && result == NULL);

    /* The same request works once it is whole. A NUL counted in does no harm. */
    CHECK(cas_request_load_cert_file(request, cert, NULL) == CAS_OK);
    CHECK(cas_create_user_certificate(client, request, &result, NULL) == CAS_OK);
    CHECK(cas_result_cert_id(result) > 0);
    cas_result_free(result);
    result = NULL;
    CHECK(cas_request_set_cert_pem(request, CERT, sizeof CERT) == CAS_OK);
    CHECK(cas_create_user_certificate(client, request, &result, NULL) == CAS_ERR_CERTIFICATE);
    CHECK(cas_request_set_skip_checks(request, true) == CAS_OK);
    CHECK(cas_create_user_certificate(client, request, &result, &error) == CAS_ERR_SERVICE);
    CHECK(result == NULL);
    cas_error_free(error);

    cas_request_free(request);
    cas_client_free(client);
    cas_config_free(config);
}

static void inspections(void)
{
    static const char DER[] = {0x30, (char)0x82, 0x01, 0x00, (char)0xff};
    cas_inspection *inspection = NULL;
    cas_error *error = NULL;

    INVALID_WITH_ERROR(cas_inspect(NULL, 0, NULL, 0, &inspection, &error), "cert_pem");
    INVALID_WITH_ERROR(cas_inspect("x", SIZE_MAX, NULL, 0, &inspection, &error), "cert_pem");
    INVALID_WITH_ERROR(cas_inspect("x", 1, "x", SIZE_MAX, &inspection, &error), "key_pem");
    INVALID_WITH_ERROR(cas_inspect("x", 1, NULL, 0, NULL, &error), "out");
    INVALID_WITH_ERROR(cas_inspect(BAD_TEXT, 4, NULL, 0, &inspection, &error), "cert_pem is not text");
    INVALID_WITH_ERROR(cas_inspect("x", 1, BAD_TEXT, 4, &inspection, &error), "key_pem is not text");
    INVALID(cas_inspect(BAD_TEXT, 4, NULL, 0, &inspection, NULL));
    CHECK(inspection == NULL);

    /* What cannot be read has findings, and empty texts. */
    CHECK(cas_inspect(DER, sizeof DER, NULL, 0, &inspection, &error) == CAS_OK);
    CHECK(error == NULL);
    CHECK(cas_inspection_finding_count(inspection) == 1);
    CHECK(strncmp(cas_inspection_finding(inspection, 0), "der: ", 5) == 0);
    CHECK(strstr(cas_inspection_hint(inspection, 0), "-inform der") != NULL);
    CHECK(cas_inspection_severity(inspection, 0) == CAS_SEVERITY_REFUSED);
    CHECK(cas_inspection_finding(inspection, 1) == NULL && cas_inspection_hint(inspection, 1) == NULL);
    CHECK(cas_inspection_severity(inspection, 1) == CAS_SEVERITY_NOTE);
    CHECK(cas_inspection_chain_len(inspection) == 0);
#define EMPTY(text) CHECK((text) != NULL && *(text) == '\0')
    EMPTY(cas_inspection_common_name(inspection));
    EMPTY(cas_inspection_sans(inspection));
    EMPTY(cas_inspection_issuer(inspection));
    EMPTY(cas_inspection_serial(inspection));
    EMPTY(cas_inspection_not_before(inspection));
    EMPTY(cas_inspection_not_after(inspection));
    EMPTY(cas_inspection_sha1(inspection));
    EMPTY(cas_inspection_sha256(inspection));
    EMPTY(cas_inspection_key_type(inspection));
    EMPTY(cas_inspection_cert_pem(inspection));
    cas_inspection_free(inspection);

    CHECK(cas_inspection_common_name(NULL) == NULL);
    CHECK(cas_inspection_sans(NULL) == NULL);
    CHECK(cas_inspection_issuer(NULL) == NULL);
    CHECK(cas_inspection_serial(NULL) == NULL);
    CHECK(cas_inspection_not_before(NULL) == NULL);
    CHECK(cas_inspection_not_after(NULL) == NULL);
    CHECK(cas_inspection_sha1(NULL) == NULL);
    CHECK(cas_inspection_sha256(NULL) == NULL);
    CHECK(cas_inspection_key_type(NULL) == NULL);
    CHECK(cas_inspection_cert_pem(NULL) == NULL);
    CHECK(cas_inspection_chain_len(NULL) == 0);
    CHECK(cas_inspection_finding_count(NULL) == 0);
    CHECK(cas_inspection_finding(NULL, 0) == NULL);
    CHECK(cas_inspection_hint(NULL, 0) == NULL);
    CHECK(cas_inspection_severity(NULL, 0) == CAS_SEVERITY_NOTE);
    cas_inspection_free(NULL);
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    library();
    errors();
    configurations();
    clients();
    requests(argv[2], argv[3]);
    inspections();
    results();
    certificates(argv[1]);
    uploads(argv[1], argv[2], argv[3]);
    return 0;
}
