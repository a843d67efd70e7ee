/*
 * list_and_prune [--delete] PREFIX [ENDPOINT]
 *
 * Lists the certificates whose names begin with PREFIX, and deletes those of them that have
 * expired. Without --delete it only says which ones it would delete.
 *
 * libcas finds the access key where Alibaba Cloud's own tools do: see docs/credentials.md. The key
 * needs the RAM actions that docs/security.md lists for the list and for deletions.
 *
 * Build:
 *   cc list_and_prune.c $(pkg-config --cflags --libs libcas) -o list_and_prune
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cas.h"

/* Prints what failed, how to fix it, and what Alibaba Cloud's support asks for. */
static void print_error(const cas_error *error)
{
    fprintf(stderr, "%s: %s\n", cas_status_name(cas_error_status(error)), cas_error_message(error));
    if (cas_error_hint(error) != NULL)
        fprintf(stderr, "  What to do: %s\n", cas_error_hint(error));
    if (cas_error_request_id(error) != NULL)
        fprintf(stderr, "  RequestId: %s\n", cas_error_request_id(error));
}

/* Deletes one certificate. Returns false if the service still has it, or may have it. */
static bool delete_one(const cas_client *client, const cas_certificate *certificate)
{
    cas_error *error = NULL;
    cas_status status = cas_delete_certificate(client, cas_certificate_id(certificate), &error);

    /* Another program may have deleted it since the list was read. */
    if (status != CAS_OK && status != CAS_ERR_NOT_FOUND)
        print_error(error);
    cas_error_free(error);
    return status == CAS_OK || status == CAS_ERR_NOT_FOUND;
}

/* Goes through the list. Returns false if a deletion failed. */
static bool prune(const cas_client *client, const cas_certificate_list *list, const char *prefix,
                  bool delete)
{
    size_t i, expired = 0, failed = 0;

    for (i = 0; i < cas_certificate_list_len(list); i++) {
        const cas_certificate *certificate = cas_certificate_list_get(list, i);
        const char *action = "keep";

        if (strncmp(cas_certificate_name(certificate), prefix, strlen(prefix)) != 0)
            continue;
        /* The service decides what has expired: the clock of this machine may be wrong. */
        if (cas_certificate_expired(certificate)) {
            expired++;
            action = "would delete";
            if (delete) {
                action = "deleted";
                /* A failure does not keep the others from being deleted. */
                if (!delete_one(client, certificate)) {
                    failed++;
                    action = "failed to delete";
                }
            }
        }
        printf("%s %lld %s, valid until %s\n", action, (long long)cas_certificate_id(certificate),
               cas_certificate_name(certificate), cas_certificate_not_after(certificate));
    }
    if (expired > 0 && !delete)
        printf("Nothing was deleted. Add --delete to delete %lu.\n", (unsigned long)expired);
    return failed == 0;
}

int main(int argc, char **argv)
{
    bool delete = argc > 1 && strcmp(argv[1], "--delete") == 0;
    char **arguments = argv + 1 + delete;
    int count = argc - 1 - delete;
    cas_config *config = NULL;
    cas_client *client = NULL;
    cas_certificate_list *list = NULL;
    cas_error *error = NULL;
    int exit_status = EXIT_FAILURE;

    /* An empty prefix would match every certificate of the account. */
    if (count < 1 || count > 2 || arguments[0][0] == '\0' || arguments[0][0] == '-') {
        fprintf(stderr, "usage: %s [--delete] PREFIX [ENDPOINT]\n", argv[0]);
        return 2;
    }

    config = cas_config_new();
    if (count == 2)
        cas_config_set_endpoint(config, arguments[1]); /* cas_client_new reports a failure */
    if (cas_client_new(config, &client, &error) != CAS_OK ||
        cas_list_certificates(client, &list, &error) != CAS_OK)
        print_error(error);
    else if (prune(client, list, arguments[0], delete))
        exit_status = EXIT_SUCCESS;

    cas_error_free(error);
    cas_certificate_list_free(list);
    cas_client_free(client);
    cas_config_free(config);
    return exit_status;
}
