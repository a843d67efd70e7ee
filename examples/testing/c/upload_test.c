/* Uploads with libcas. CAS_TEST_CERT and CAS_TEST_KEY are files for the test. */
#include <assert.h>

#include "cas.h"
#include "emulator.h"

/* Uploads to an emulator with this fault. */
static cas_status upload(const char *fault, cas_outcome *outcome)
{
    emulator running = emulator_start(fault);
    cas_config *config = cas_config_new();
    cas_request *request = cas_request_new();
    cas_client *client = NULL;
    cas_result *result = NULL;
    cas_error *error = NULL;
    cas_status status;
    *outcome = CAS_OUTCOME_CREATED;
    cas_config_set_endpoint(config, running.url);
    cas_config_set_access_key(config, "testid", "testsecret");
    cas_config_set_timeout_ms(config, 10000);
    cas_request_set_name(request, "www");
    cas_request_load_cert_file(request, getenv("CAS_TEST_CERT"), NULL);
    cas_request_load_key_file(request, getenv("CAS_TEST_KEY"), NULL);
    status = cas_client_new(config, &client, &error);
    if (status == CAS_OK)
        status = cas_create_user_certificate(client, request, &result, &error);
    if (status == CAS_OK)
        *outcome = cas_result_outcome(result);
    else
        fprintf(stderr, "%s\n", cas_error_message(error));
    cas_error_free(error);
    cas_result_free(result);
    cas_client_free(client);
    cas_request_free(request);
    cas_config_free(config);
    emulator_stop(&running);
    return status;
}

int main(void)
{
    const char *lost = "{\"action\":\"*\",\"kind\":\"drop-after\",\"times\":1}";
    const char *full = "{\"action\":\"CreateUserCertificate\",\"kind\":\"error\",\"status\":400,"
                       "\"code\":\"InsufficientQuota\"}";
    cas_outcome outcome;
    assert(upload(NULL, &outcome) == CAS_OK && outcome == CAS_OUTCOME_CREATED);
    /* The response is lost, and libcas finds what it stored. */
    assert(upload(lost, &outcome) == CAS_OK);
    assert(upload(full, &outcome) != CAS_OK);
    puts("ok");
    return 0;
}
