/*
 * report NAME CERT KEY [TIMES]: uploads with the full call and prints everything that the library says, one
 * `field=value` a line. Settings come from the environment, as the functions are named: CAS_ENDPOINT,
 * CAS_REGION, CAS_CA_FILE, CAS_CONNECT_TIMEOUT_MS, CAS_TIMEOUT_MS, CAS_MAX_ATTEMPTS, CAS_USER_AGENT, CAS_LANG,
 * CAS_SOURCE_IP, CAS_SKIP_CHECKS, CAS_ALLOW_PLAINTEXT, CAS_LOG (a level), CAS_API, CAS_RATE_LIMIT,
 * CAS_ON_CONFLICT, CAS_REUSE_ANY_NAME, CAS_SIGNATURE, CAS_PROXY, CAS_PROFILE, CAS_VPC.
 * With TIMES, the upload is made that often on one client, as NAME-1, NAME-2, …; with CAS_STEP each waits for a
 * line on standard input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cas.h"

static void must(cas_status status, const char *what)
{
    if (status != CAS_OK) {
        printf("setting=%s\nstatus=%s\n", what, cas_status_name(status));
        exit(3);
    }
}

static unsigned number(const char *name)
{
    return (unsigned)strtoul(getenv(name), NULL, 10);
}

static void print_text(const char *field, const char *text)
{
    printf("%s=%s\n", field, text == NULL ? "(none)" : text);
}

static void print_error(const cas_error *error)
{
    printf("status=%s\n", cas_status_name(cas_error_status(error)));
    print_text("message", cas_error_message(error));
    print_text("hint", cas_error_hint(error));
    print_text("service_code", cas_error_service_code(error));
    print_text("service_message", cas_error_service_message(error));
    print_text("request_id", cas_error_request_id(error));
    printf("http_status=%d\n", (int)cas_error_http_status(error));
    printf("attempts=%u\n", (unsigned)cas_error_attempts(error));
    printf("retryable=%d\n", cas_error_retryable(error) ? 1 : 0);
}

static void print_result(const cas_result *result)
{
    printf("status=CAS_OK\n");
    printf("cert_id=%lld\n", (long long)cas_result_cert_id(result));
    print_text("name", cas_result_name(result));
    print_text("cert_identifier", cas_result_cert_identifier(result));
    print_text("request_id", cas_result_request_id(result));
    printf("outcome=%d\n", (int)cas_result_outcome(result));
    printf("api=%d\n", (int)cas_result_api(result));
    printf("attempts=%u\n", (unsigned)cas_result_attempts(result));
}

static void log_line(void *user_data, cas_log_level level, const char *message)
{
    fprintf((FILE *)user_data, "log=%d %s\n", (int)level, message);
}

static void configure(cas_config *config)
{
#define TEXT(variable, set) if (getenv(variable) != NULL) must(set(config, getenv(variable)), variable)
#define NUMBER(variable, set) if (getenv(variable) != NULL) must(set(config, number(variable)), variable)
    TEXT("CAS_ENDPOINT", cas_config_set_endpoint);
    TEXT("CAS_PROFILE", cas_config_set_profile);
    TEXT("CAS_REGION", cas_config_set_region);
    TEXT("CAS_CA_FILE", cas_config_set_ca_file);
    TEXT("CAS_PROXY", cas_config_set_proxy);
    TEXT("CAS_USER_AGENT", cas_config_set_user_agent);
    NUMBER("CAS_CONNECT_TIMEOUT_MS", cas_config_set_connect_timeout_ms);
    NUMBER("CAS_TIMEOUT_MS", cas_config_set_timeout_ms);
    NUMBER("CAS_MAX_ATTEMPTS", cas_config_set_max_attempts);
    NUMBER("CAS_RATE_LIMIT", cas_config_set_rate_limit);
    if (getenv("CAS_API") != NULL)
        must(cas_config_set_api(config, (cas_api)number("CAS_API")), "CAS_API");
    if (getenv("CAS_SIGNATURE") != NULL)
        must(cas_config_set_signature(config, (cas_signature)number("CAS_SIGNATURE")), "CAS_SIGNATURE");
    if (getenv("CAS_VPC") != NULL)
        must(cas_config_set_vpc(config, true), "CAS_VPC");
    if (getenv("CAS_ALLOW_PLAINTEXT") != NULL)
        must(cas_config_set_allow_plaintext(config, true), "CAS_ALLOW_PLAINTEXT");
    if (getenv("CAS_LOG") != NULL)
        must(cas_config_set_log(config, log_line, stdout, (cas_log_level)number("CAS_LOG")), "CAS_LOG");
}

static cas_status upload(const cas_client *client, const char *name, char **argv, cas_error **error)
{
    cas_request *request = cas_request_new();
    cas_result *result = NULL;
    cas_status status = CAS_OK;

    must(cas_request_set_name(request, name), "name");
    if (getenv("CAS_LANG") != NULL)
        must(cas_request_set_lang(request, getenv("CAS_LANG")), "CAS_LANG");
    if (getenv("CAS_SOURCE_IP") != NULL)
        must(cas_request_set_source_ip(request, getenv("CAS_SOURCE_IP")), "CAS_SOURCE_IP");
    if (getenv("CAS_ON_CONFLICT") != NULL)
        must(cas_request_set_on_conflict(request, (cas_on_conflict)number("CAS_ON_CONFLICT")), "CAS_ON_CONFLICT");
    if (getenv("CAS_REUSE_ANY_NAME") != NULL)
        must(cas_request_set_reuse_any_name(request, true), "CAS_REUSE_ANY_NAME");
    if (getenv("CAS_SKIP_CHECKS") != NULL)
        must(cas_request_set_skip_checks(request, true), "CAS_SKIP_CHECKS");
    if ((status = cas_request_load_cert_file(request, argv[2], error)) == CAS_OK &&
        (status = cas_request_load_key_file(request, argv[3], error)) == CAS_OK &&
        (status = cas_create_user_certificate(client, request, &result, error)) == CAS_OK)
        print_result(result);
    cas_result_free(result);
    cas_request_free(request);
    return status;
}

int main(int argc, char **argv)
{
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    cas_error *error = NULL;
    long times, i;
    int failed = 0;

    if (argc < 4)
        return 2;
    times = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
    configure(config);
    if (cas_client_new(config, &client, &error) != CAS_OK) {
        failed = 1;
    } else if (times == 0) {
        failed = upload(client, argv[1], argv, &error) != CAS_OK;
    }
    for (i = 1; i <= times && !failed; i++) {
        char name[128], line[8];
        if (getenv("CAS_STEP") != NULL && fgets(line, sizeof line, stdin) == NULL)
            return 3;
        snprintf(name, sizeof name, "%s-%ld", argv[1], i);
        failed = upload(client, name, argv, &error) != CAS_OK;
    }
    if (failed)
        print_error(error);
    cas_error_free(error);
    cas_client_free(client);
    cas_config_free(config);
    return failed;
}
