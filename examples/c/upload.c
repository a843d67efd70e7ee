/*
 * upload NAME CERT.pem KEY.pem [ENDPOINT]
 *
 * Uploads a certificate and its key to Alibaba Cloud CAS and prints the CertId.
 *
 * libcas finds the access key where Alibaba Cloud's own tools do, for example in
 * ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or in ~/.aliyun/config.json.
 * See docs/credentials.md.
 *
 * Build:
 *   cc -Iinclude examples/c/upload.c -Ltarget/release -lcas \
 *       -Wl,-rpath,$PWD/target/release -o upload
 */
#define _POSIX_C_SOURCE 199309L /* clock_gettime */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cas.h"

/* Prints what failed, how to fix it, and what Alibaba Cloud's support asks for. */
static void print_error(const cas_error *error)
{
    fprintf(stderr, "%s: %s\n", cas_status_name(cas_error_status(error)), cas_error_message(error));
    if (cas_error_hint(error) != NULL)
        fprintf(stderr, "  What to do: %s\n", cas_error_hint(error));
    if (cas_error_service_message(error) != NULL)
        fprintf(stderr, "  The service says: %s\n", cas_error_service_message(error));
    if (cas_error_request_id(error) != NULL)
        fprintf(stderr, "  RequestId: %s\n", cas_error_request_id(error));
}

static double milliseconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) * 1e3 +
           (double)(now.tv_nsec - start->tv_nsec) / 1e6;
}

int main(int argc, char **argv)
{
    cas_config *config = NULL;
    cas_client *client = NULL;
    cas_request *request = NULL;
    cas_result *result = NULL;
    cas_error *error = NULL;
    struct timespec start;
    int exit_status = EXIT_FAILURE;

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: %s NAME CERT.pem KEY.pem [ENDPOINT]\n", argv[0]);
        return 2;
    }

    config = cas_config_new();
    request = cas_request_new();
    /* What these functions refuse, cas_client_new and the upload report. */
    if (argc == 5)
        cas_config_set_endpoint(config, argv[4]);
    cas_request_set_name(request, argv[1]);
    cas_request_load_cert_file(request, argv[2], NULL);
    cas_request_load_key_file(request, argv[3], NULL);
    cas_request_set_lang(request, "en"); /* service messages are in Chinese by default */

    if (cas_client_new(config, &client, &error) != CAS_OK)
        goto failed;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (cas_create_user_certificate(client, request, &result, &error) != CAS_OK)
        goto failed;

    printf("Name: %s\n", cas_result_name(result));
    printf("CertIdentifier: %s\n", cas_result_cert_identifier(result));
    if (cas_result_request_id(result) != NULL)
        printf("RequestId: %s\n", cas_result_request_id(result));
    printf("Time: %.1f ms\n", milliseconds_since(&start));
    printf("CertId: %lld\n", (long long)cas_result_cert_id(result));
    exit_status = EXIT_SUCCESS;
    goto done;

failed:
    print_error(error);
done:
    cas_error_free(error);
    cas_result_free(result);
    cas_request_free(request);
    cas_client_free(client);
    cas_config_free(config);
    return exit_status;
}
