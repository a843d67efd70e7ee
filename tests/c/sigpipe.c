/*
 * sigpipe ENDPOINT CERT KEY: uploads, unchecked and within a second, with SIGPIPE at its default, which would end the
 * process; prints the status.
 */
#include <signal.h>

#include "cas.h"
#include "check.h"

static void check_default(void)
{
    struct sigaction action;
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0);
    CHECK(action.sa_handler == SIG_DFL);
}

int main(int argc, char **argv)
{
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    cas_request *request = cas_request_new();
    cas_result *result = NULL;
    cas_error *error = NULL;
    cas_status status;

    CHECK(argc == 4);
    check_default();
    CHECK(cas_config_set_endpoint(config, argv[1]) == CAS_OK);
    CHECK(cas_config_set_access_key(config, "testid", "testsecret") == CAS_OK);
    CHECK(cas_config_set_timeout_ms(config, 1000) == CAS_OK);
    CHECK(cas_client_new(config, &client, NULL) == CAS_OK);
    CHECK(cas_request_set_name(request, "web") == CAS_OK);
    CHECK(cas_request_set_skip_checks(request, true) == CAS_OK);
    CHECK(cas_request_load_cert_file(request, argv[2], NULL) == CAS_OK);
    CHECK(cas_request_load_key_file(request, argv[3], NULL) == CAS_OK);
    status = cas_create_user_certificate(client, request, &result, &error);
    printf("%s\n", cas_status_name(status));
    cas_error_free(error);
    cas_request_free(request);
    cas_client_free(client);
    cas_config_free(config);
    check_default();
    return 0;
}
