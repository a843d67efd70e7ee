/* minimal NAME CERT.pem KEY.pem ENDPOINT: an upload in one call. For access keys see upload.c. */
#include <stdio.h>
#include "cas.h"

static const char *read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "rb");
    text[file == NULL ? 0 : fread(text, 1, size - 1, file)] = '\0';
    if (file != NULL) fclose(file); else perror(path);
    return text;
}

int main(int argc, char **argv)
{
    static char cert[65536], key[65536];
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    cas_error *error = NULL;
    int64_t id = 0;
    if (argc == 5 && cas_config_set_endpoint(config, argv[4]) == CAS_OK &&
        cas_client_new(config, &client, &error) == CAS_OK &&
        cas_upload_certificate(client, argv[1], read_file(argv[2], cert, sizeof cert),
                               read_file(argv[3], key, sizeof key), &id, &error) == CAS_OK)
        printf("CertId: %lld\n", (long long)id);
    else
        fprintf(stderr, "%s\n", error ? cas_error_message(error) : "usage: NAME CERT KEY ENDPOINT");
    cas_error_free(error), cas_client_free(client), cas_config_free(config);
    return id == 0;
}
