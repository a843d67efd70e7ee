/* fork ENDPOINT CERT KEY: parent and child upload with one client that has an open connection and an access key. */
#include <sys/wait.h>
#include <unistd.h>

#include "cas.h"
#include "check.h"

static void upload(const cas_client *client, const char *name, char **argv)
{
    cas_request *request = cas_request_new();
    cas_result *result = NULL;
    CHECK(cas_request_set_name(request, name) == CAS_OK);
    CHECK(cas_request_load_cert_file(request, argv[2], NULL) == CAS_OK);
    CHECK(cas_request_load_key_file(request, argv[3], NULL) == CAS_OK);
    CHECK(cas_create_user_certificate(client, request, &result, NULL) == CAS_OK);
    cas_result_free(result);
    cas_request_free(request);
}

int main(int argc, char **argv)
{
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    pid_t child;
    int status;

    CHECK(argc == 4);
    CHECK(cas_config_set_endpoint(config, argv[1]) == CAS_OK);
    CHECK(cas_client_new(config, &client, NULL) == CAS_OK);
    cas_config_free(config);
    upload(client, "before", argv);
    child = fork();
    CHECK(child >= 0);
    upload(client, child == 0 ? "child-1" : "parent-1", argv);
    upload(client, child == 0 ? "child-2" : "parent-2", argv);
    cas_client_free(client);
    if (child == 0)
        return 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}
