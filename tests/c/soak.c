/* soak ENDPOINT CERT KEY UPLOADS: many uploads in one process; resident memory is flat after the first hundred. */
#include <string.h>
#include <unistd.h>

#include "cas.h"
#include "check.h"

static long resident_kib(void)
{
    long pages = 0, ignored = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    CHECK(statm != NULL && fscanf(statm, "%ld %ld", &ignored, &pages) == 2);
    fclose(statm);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv)
{
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    cas_request *request = cas_request_new();
    long uploads, i, early = 0;

    CHECK(argc == 5);
    uploads = strtol(argv[4], NULL, 10);
    CHECK(cas_config_set_endpoint(config, argv[1]) == CAS_OK);
    CHECK(cas_config_set_access_key(config, "testid", "testsecret") == CAS_OK);
    CHECK(cas_client_new(config, &client, NULL) == CAS_OK);
    CHECK(cas_request_load_cert_file(request, argv[2], NULL) == CAS_OK);
    CHECK(cas_request_load_key_file(request, argv[3], NULL) == CAS_OK);
    for (i = 1; i <= uploads; i++) {
        char name[64];
        cas_result *result = NULL;
        cas_error *error = NULL;
        snprintf(name, sizeof name, "soak-%ld", i);
        CHECK(cas_request_set_name(request, name) == CAS_OK);
        if (cas_create_user_certificate(client, request, &result, &error) != CAS_OK)
            fprintf(stderr, "upload %ld: %s\n", i, cas_error_message(error));
        CHECK(error == NULL);
        cas_result_free(result);
        if (i == 100)
            early = resident_kib();
    }
    printf("resident after 100 uploads: %ld KiB, after %ld: %ld KiB\n", early, uploads, resident_kib());
    CHECK(resident_kib() - early <= 256);
    cas_request_free(request);
    cas_client_free(client);
    cas_config_free(config);
    return 0;
}
