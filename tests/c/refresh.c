/*
 * refresh CERT KEY: for each number on standard input, so many threads upload at once with one client, each under a name of
 * its own. Prints "stored", or what one of them says; log messages stand before it, as "log=LEVEL MESSAGE".
 * CAS_ENDPOINT is the endpoint, CAS_TIMEOUT_MS the deadline, CAS_LOG the most that is logged.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cas.h"
#include "check.h"

#define MOST 64

struct upload {
    const cas_client *client;
    const char *cert, *key;
    int number;
    cas_error *error;
};

static void log_line(void *user_data, cas_log_level level, const char *message)
{
    fprintf((FILE *)user_data, "log=%d %s\n", (int)level, message);
}

static void *run(void *argument)
{
    struct upload *upload = (struct upload *)argument;
    cas_request *request = cas_request_new();
    cas_result *result = NULL;
    char name[32];

    snprintf(name, sizeof name, "refresh-%d", upload->number);
    CHECK(cas_request_set_name(request, name) == CAS_OK);
    CHECK(cas_request_load_cert_file(request, upload->cert, NULL) == CAS_OK);
    CHECK(cas_request_load_key_file(request, upload->key, NULL) == CAS_OK);
    cas_create_user_certificate(upload->client, request, &result, &upload->error);
    cas_result_free(result);
    cas_request_free(request);
    return NULL;
}

int main(int argc, char **argv)
{
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    char line[16];
    int number = 0;

    if (argc < 3)
        return 2;
    CHECK(cas_config_set_endpoint(config, getenv("CAS_ENDPOINT")) == CAS_OK);
    if (getenv("CAS_TIMEOUT_MS") != NULL)
        CHECK(cas_config_set_timeout_ms(config, (uint32_t)atoi(getenv("CAS_TIMEOUT_MS"))) == CAS_OK);
    if (getenv("CAS_LOG") != NULL)
        CHECK(cas_config_set_log(config, log_line, stdout, (cas_log_level)atoi(getenv("CAS_LOG"))) == CAS_OK);
    CHECK(cas_client_new(config, &client, NULL) == CAS_OK);
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct upload uploads[MOST];
        pthread_t threads[MOST];
        const cas_error *failure = NULL;
        int count = atoi(line), i;

        CHECK(count > 0 && count <= MOST);
        for (i = 0; i < count; i++) {
            struct upload upload = {client, argv[1], argv[2], number++, NULL};
            uploads[i] = upload;
            CHECK(pthread_create(&threads[i], NULL, run, &uploads[i]) == 0);
        }
        for (i = 0; i < count; i++) {
            CHECK(pthread_join(threads[i], NULL) == 0);
            if (uploads[i].error != NULL)
                failure = uploads[i].error;
        }
        if (failure == NULL)
            puts("stored");
        else
            printf("%s: %s\n", cas_status_name(cas_error_status(failure)), cas_error_message(failure));
        fflush(stdout);
        for (i = 0; i < count; i++)
            cas_error_free(uploads[i].error);
    }
    cas_client_free(client);
    cas_config_free(config);
    return 0;
}
