/* order ENDPOINT CERT KEY: everything is freed in the order that looks wrong, and what remains still works. */
#include <string.h>

#include "cas.h"
#include "check.h"

int main(int argc, char **argv)
{
    cas_config *config = cas_config_new();
    cas_request *request = cas_request_new();
    cas_client *client = NULL;
    cas_result *result = NULL;
    cas_error *error = NULL;
    char scratch[64];

    CHECK(argc == 4);
    CHECK(cas_config_set_endpoint(config, argv[1]) == CAS_OK);

    /* Strings are copied: the caller's may change at once. */
    strcpy(scratch, "testsecret");
    CHECK(cas_config_set_access_key(config, "testid", scratch) == CAS_OK);
    memset(scratch, 'x', sizeof scratch - 1);

    CHECK(cas_client_new(config, &client, &error) == CAS_OK);
    CHECK(cas_config_set_access_key(config, "testid", "changed-afterwards") == CAS_OK);
    cas_config_free(config);

    strcpy(scratch, "order");
    CHECK(cas_request_set_name(request, scratch) == CAS_OK);
    memset(scratch, 0, sizeof scratch);
    CHECK(cas_request_load_cert_file(request, argv[2], &error) == CAS_OK);
    CHECK(cas_request_load_key_file(request, argv[3], &error) == CAS_OK);
    CHECK(cas_create_user_certificate(client, request, &result, &error) == CAS_OK);
    CHECK(cas_create_user_certificate(client, request, NULL, &error) == CAS_ERR_INVALID_ARGUMENT);

    cas_request_free(request);
    cas_client_free(client);
    CHECK(cas_result_cert_id(result) > 0);
    CHECK(strcmp(cas_result_name(result), "order") == 0);
    CHECK(strstr(cas_result_cert_identifier(result), "-cn-hangzhou") != NULL);
    CHECK(cas_result_request_id(result) != NULL);
    CHECK(cas_result_outcome(result) == CAS_OUTCOME_CREATED);
    CHECK(cas_result_api(result) == CAS_API_2018_07_13);
    CHECK(cas_result_attempts(result) == 1);
    cas_result_free(result);
    CHECK(cas_error_status(error) == CAS_ERR_INVALID_ARGUMENT);
    cas_error_free(error);
    return 0;
}
