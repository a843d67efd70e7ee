/* threads ENDPOINT CERT KEY THREADS UPLOADS: threads share a client; every upload gets an id of its own. */
#include <pthread.h>
#include <string.h>

#include "cas.h"
#include "check.h"

enum { MAX_THREADS = 32, MAX_UPLOADS = 200 };

static const cas_client *client;
static const char *cert_file, *key_file;
static long uploads;
static int64_t ids[MAX_THREADS][MAX_UPLOADS];
static int numbers[MAX_THREADS];

/* Log messages come on the thread that makes the call. */
static __thread long messages;

static void count_message(void *user_data, cas_log_level level, const char *message)
{
    CHECK(user_data == (void *)ids && level >= CAS_LOG_ERROR && level <= CAS_LOG_DEBUG && message[0] != '\0');
    messages++;
}

static void *work(void *argument)
{
    int number = *(int *)argument;
    long i;
    for (i = 0; i < uploads; i++) {
        char name[64];
        cas_request *request = cas_request_new();
        cas_result *result = NULL;
        cas_error *error = NULL;
        snprintf(name, sizeof name, "thread-%d-%ld", number, i);
        CHECK(cas_request_set_name(request, name) == CAS_OK);
        CHECK(cas_request_load_cert_file(request, cert_file, &error) == CAS_OK);
        CHECK(cas_request_load_key_file(request, key_file, &error) == CAS_OK);
        if (cas_create_user_certificate(client, request, &result, &error) != CAS_OK)
            fprintf(stderr, "%s\n", cas_error_message(error));
        CHECK(error == NULL);
        CHECK(strcmp(cas_result_name(result), name) == 0);
        ids[number][i] = cas_result_cert_id(result);
        cas_result_free(result);
        cas_request_free(request);
    }
    CHECK(messages == 3 * uploads); /* sent, answered, stored */
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[MAX_THREADS];
    cas_config *config = cas_config_new();
    cas_client *made = NULL;
    long count, total = 0;
    int i;
    long j, k;

    CHECK(argc == 6);
    cert_file = argv[2], key_file = argv[3];
    count = strtol(argv[4], NULL, 10), uploads = strtol(argv[5], NULL, 10);
    CHECK(count <= MAX_THREADS && uploads <= MAX_UPLOADS);
    CHECK(cas_config_set_endpoint(config, argv[1]) == CAS_OK);
    CHECK(cas_config_set_access_key(config, "testid", "testsecret") == CAS_OK);
    CHECK(cas_config_set_log(config, count_message, ids, CAS_LOG_DEBUG) == CAS_OK);
    CHECK(cas_client_new(config, &made, NULL) == CAS_OK);
    client = made;
    for (i = 0; i < count; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0);
    }
    for (i = 0; i < count; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    cas_client_free(made);
    cas_config_free(config);

    /* No id was given twice. */
    total = count * uploads;
    for (j = 0; j < total; j++) {
        CHECK(ids[j / uploads][j % uploads] > 0);
        for (k = 0; k < j; k++)
            CHECK(ids[j / uploads][j % uploads] != ids[k / uploads][k % uploads]);
    }
    printf("%ld uploads\n", total);
    return 0;
}
