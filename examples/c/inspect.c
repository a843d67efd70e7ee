/*
 * inspect CERT.pem [KEY.pem]
 *
 * Shows what libcas finds in a certificate and its key before an upload. Sends nothing.
 * Exits with 1 if an upload would be refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include "cas.h"

/* Returns the content of the file, to be freed by the caller, or NULL if it cannot be read. */
static char *read_file(const char *path, size_t *length)
{
    enum { MAX_LENGTH = 1 << 20 };
    char *text = malloc(MAX_LENGTH);
    FILE *file = fopen(path, "rb");
    *length = file == NULL || text == NULL ? 0 : fread(text, 1, MAX_LENGTH, file);
    if (file == NULL || ferror(file)) {
        perror(path);
        free(text);
        text = NULL;
    }
    if (file != NULL)
        fclose(file);
    return text;
}

/* Prints the facts and findings. Returns 1 if an upload would be refused. */
static int print(const cas_inspection *inspection)
{
    static const char *const severities[] = {"note", "warning", "refused"};
    size_t i;
    int refused = 0;

    if (cas_inspection_chain_len(inspection) > 0) {
        printf("%s (%s), for %s\n", cas_inspection_common_name(inspection),
               cas_inspection_key_type(inspection), cas_inspection_sans(inspection));
        printf("issued by %s\n", cas_inspection_issuer(inspection));
        printf("valid until %s, SHA-256 %s\n", cas_inspection_not_after(inspection),
               cas_inspection_sha256(inspection));
        printf("%lu certificates would be sent\n",
               (unsigned long)cas_inspection_chain_len(inspection));
    }
    for (i = 0; i < cas_inspection_finding_count(inspection); i++) {
        cas_severity severity = cas_inspection_severity(inspection, i);
        printf("%s: %s\n    %s\n", severities[severity], cas_inspection_finding(inspection, i),
               cas_inspection_hint(inspection, i));
        refused |= severity == CAS_SEVERITY_REFUSED;
    }
    return refused;
}

int main(int argc, char **argv)
{
    size_t cert_length = 0, key_length = 0;
    char *cert = argc > 1 ? read_file(argv[1], &cert_length) : NULL;
    char *key = argc > 2 ? read_file(argv[2], &key_length) : NULL;
    cas_inspection *inspection = NULL;
    cas_error *error = NULL;
    int failed = 1;

    if (argc != 2 && argc != 3)
        fprintf(stderr, "usage: inspect CERT.pem [KEY.pem]\n");
    else if (cert == NULL || (argc == 3 && key == NULL))
        fprintf(stderr, "Nothing was inspected.\n");
    else if (cas_inspect(cert, cert_length, key, key_length, &inspection, &error) == CAS_OK)
        failed = print(inspection);
    else
        fprintf(stderr, "%s\n%s\n", cas_error_message(error),
                cas_error_hint(error) ? cas_error_hint(error) : "");
    cas_inspection_free(inspection);
    cas_error_free(error);
    free(cert);
    free(key);
    return failed;
}
