/*
 * cas_upload ENDPOINT CERT KEY CALLS [CAFILE]
 *
 * The same loop as curl_upload.c, on libcas. Without CAFILE it uses the system's root store.
 * With SKIP_CHECKS in the environment it sends certificate and key without checks, as the peers do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cas.h"

static void die(const char *what)
{
    fprintf(stderr, "cas_upload: %s\n", what);
    exit(1);
}

int main(int argc, char **argv)
{
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    cas_request *request = cas_request_new();
    cas_error *error = NULL;
    char prefix[48], name[80];
    long calls, i;

    if (argc != 5 && argc != 6)
        die("usage: cas_upload ENDPOINT CERT KEY CALLS [CAFILE]");
    calls = strtol(argv[4], NULL, 10);
    /* The service requires unique names, also between runs. */
    snprintf(prefix, sizeof prefix, "bench-%lx-%lx-", (long)time(NULL), (long)getpid());

    if (cas_config_set_endpoint(config, argv[1]) != CAS_OK ||
        cas_config_set_access_key(config, "testid", "testsecret") != CAS_OK ||
        (argc == 6 && cas_config_set_ca_file(config, argv[5]) != CAS_OK))
        die("invalid configuration");
    if (cas_client_new(config, &client, &error) != CAS_OK ||
        cas_request_load_cert_file(request, argv[2], &error) != CAS_OK ||
        cas_request_load_key_file(request, argv[3], &error) != CAS_OK)
        die(cas_error_message(error));

    if (getenv("SKIP_CHECKS") != NULL && cas_request_set_skip_checks(request, true) != CAS_OK)
        die("cannot skip the checks");
    for (i = 1; i <= calls; i++) {
        cas_result *result = NULL;
        snprintf(name, sizeof name, "%s%ld", prefix, i);
        if (cas_request_set_name(request, name) != CAS_OK)
            die("invalid name");
        if (cas_create_user_certificate(client, request, &result, &error) != CAS_OK)
            die(cas_error_message(error));
        if (cas_result_cert_id(result) <= 0)
            die("no CertId");
        cas_result_free(result);
    }
    return 0; /* frees nothing, like curl_upload */
}
