/*
 * same ENDPOINT CERT KEY THREADS: says "ready", waits for a line on standard input, and then uploads the certificate as
 * "same" from all threads at once, on one client. Prints each CertId.
 */
#include <pthread.h>

#include "cas.h"
#include "check.h"

enum { MAX_THREADS = 32 };

static const cas_client *client;
static char **arguments;
static pthread_barrier_t barrier;
static int64_t ids[MAX_THREADS];

static void *work(void *argument)
{
    cas_request *request = cas_request_new();
    cas_result *result = NULL;
    cas_error *error = NULL;

    CHECK(cas_request_set_name(request, "same") == CAS_OK);
    CHECK(cas_request_load_cert_file(request, arguments[2], &error) == CAS_OK);
    CHECK(cas_request_load_key_file(request, arguments[3], &error) == CAS_OK);
    pthread_barrier_wait(&barrier);
    if (cas_create_user_certificate(client, request, &result, &error) != CAS_OK)
        fprintf(stderr, "%s\n", cas_error_message(error));
    CHECK(error == NULL);
    *(int64_t *)argument = cas_result_cert_id(result);
    cas_result_free(result);
    cas_request_free(request);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[MAX_THREADS];
    cas_config *config = cas_config_new();
    cas_client *made = NULL;
    char line[8];
    int count, i;

    CHECK(argc == 5);
    arguments = argv;
    count = (int)strtol(argv[4], NULL, 10);
    CHECK(count > 0 && count <= MAX_THREADS);
    CHECK(cas_config_set_endpoint(config, argv[1]) == CAS_OK);
    CHECK(cas_config_set_access_key(config, "testid", "testsecret") == CAS_OK);
    CHECK(cas_client_new(config, &made, NULL) == CAS_OK);
    client = made;
    CHECK(pthread_barrier_init(&barrier, NULL, (unsigned)count) == 0);
    printf("ready\n");
    fflush(stdout);
    CHECK(fgets(line, sizeof line, stdin) != NULL);
    for (i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], NULL, work, &ids[i]) == 0);
    for (i = 0; i < count; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        printf("%lld\n", (long long)ids[i]);
    }
    cas_client_free(made);
    cas_config_free(config);
    return 0;
}
