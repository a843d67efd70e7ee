/*
 * syslog NAME CERT.pem KEY.pem [ENDPOINT]
 *
 * Uploads a certificate as a daemon or a cron job does: what libcas logs and what fails goes to
 * syslog. Prints the CertId.
 *
 * libcas finds the access key where Alibaba Cloud's own tools do: see docs/credentials.md. No log
 * message holds a key, a secret, a token or a signature.
 *
 * Build:
 *   cc syslog.c $(pkg-config --cflags --libs libcas) -o syslog
 */
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "cas.h"

/*
 * Runs on the thread that made the call; syslog may be called from any thread. If your program
 * uses pthread_cancel, disable it around syslog (pthread_setcancelstate): a log function must
 * return.
 */
static void log_to_syslog(void *user_data, cas_log_level level, const char *message)
{
    int priority = level == CAS_LOG_ERROR  ? LOG_ERR
                   : level == CAS_LOG_WARN ? LOG_WARNING
                   : level == CAS_LOG_INFO ? LOG_INFO
                                           : LOG_DEBUG;

    (void)user_data;
    /* Never as the format: messages quote names and paths, which may contain '%'. */
    syslog(priority, "%s", message);
}

static void log_error(const cas_error *error)
{
    syslog(LOG_ERR, "%s: %s", cas_status_name(cas_error_status(error)), cas_error_message(error));
    if (cas_error_hint(error) != NULL)
        syslog(LOG_ERR, "What to do: %s", cas_error_hint(error));
    if (cas_error_request_id(error) != NULL)
        syslog(LOG_ERR, "RequestId: %s", cas_error_request_id(error));
}

int main(int argc, char **argv)
{
    cas_config *config = NULL;
    cas_client *client = NULL;
    cas_request *request = NULL;
    cas_result *result = NULL;
    cas_error *error = NULL;
    int exit_status = EXIT_FAILURE;

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: %s NAME CERT.pem KEY.pem [ENDPOINT]\n", argv[0]);
        return 2;
    }
    /* LOG_PERROR prints each message on standard error as well: omit it in a daemon. */
    openlog("cas-upload", LOG_PID | LOG_PERROR, LOG_DAEMON);

    config = cas_config_new();
    request = cas_request_new();
    /* What these functions refuse, cas_client_new and the upload report. */
    if (argc == 5)
        cas_config_set_endpoint(config, argv[4]);
    cas_config_set_log(config, log_to_syslog, NULL, CAS_LOG_INFO);
    cas_request_set_name(request, argv[1]);
    cas_request_load_cert_file(request, argv[2], NULL);
    cas_request_load_key_file(request, argv[3], NULL);

    if (cas_client_new(config, &client, &error) != CAS_OK ||
        cas_create_user_certificate(client, request, &result, &error) != CAS_OK) {
        log_error(error);
    } else {
        syslog(LOG_NOTICE, "\"%s\" is uploaded, CertId %lld", cas_result_name(result),
               (long long)cas_result_cert_id(result));
        printf("CertId: %lld\n", (long long)cas_result_cert_id(result));
        exit_status = EXIT_SUCCESS;
    }

    cas_error_free(error);
    cas_result_free(result);
    cas_request_free(request);
    cas_client_free(client);
    cas_config_free(config);
    closelog(); /* after the last call of libcas, which may log */
    return exit_status;
}
