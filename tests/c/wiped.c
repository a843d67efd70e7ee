/*
 * wiped ENDPOINT CERT KEY STATUS KRAM HEX...: uploads, which has to end with STATUS, frees everything, and looks for a
 * piece of the key in all of its own memory. KRAM is that piece backwards, so that the program itself has it
 * nowhere the right way round. Each HEX is a number of the key, in the order that its bytes have in memory; of
 * these nothing may be left once the call has returned.
 */
#include <string.h>

#include "cas.h"
#include "check.h"

static int found_at(const char *memory, const char *backwards, size_t length)
{
    size_t i;
    for (i = 0; i < length; i++)
        if (memory[i] != backwards[length - 1 - i])
            return 0;
    return 1;
}

/* How often the piece stands in memory that can be written. */
static long count(const char *backwards, size_t length)
{
    char line[512];
    long times = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL && length >= 32);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long start, end, at;
        char mode[8];
        CHECK(sscanf(line, "%lx-%lx %7s", &start, &end, mode) == 3);
        if (strncmp(mode, "rw", 2) != 0 || strstr(line, "[vvar]") != NULL)
            continue;
        for (at = start; at + length <= end; at++)
            times += found_at((const char *)at, backwards, length);
    }
    fclose(maps);
    return times;
}

/* The bytes that are written in hexadecimal, backwards. */
static size_t backwards_of(const char *hex, char *bytes)
{
    size_t length = strlen(hex) / 2, i;
    for (i = 0; i < length; i++) {
        unsigned byte;
        CHECK(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        bytes[length - 1 - i] = (char)byte;
    }
    return length;
}

int main(int argc, char **argv)
{
    char number[512];
    int i;
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    cas_request *request = cas_request_new();
    cas_result *result = NULL;
    cas_error *error = NULL;
    cas_status status;

    CHECK(argc >= 6);
    CHECK(cas_config_set_endpoint(config, argv[1]) == CAS_OK);
    CHECK(cas_config_set_max_attempts(config, 2) == CAS_OK);
    CHECK(cas_client_new(config, &client, &error) == CAS_OK);
    CHECK(cas_request_set_name(request, "wiped") == CAS_OK);
    CHECK(cas_request_load_cert_file(request, argv[2], NULL) == CAS_OK);
    CHECK(cas_request_load_key_file(request, argv[3], NULL) == CAS_OK);
    CHECK(count(argv[5], strlen(argv[5])) == 1); /* the request's own copy: the search finds what is there */
    status = cas_create_user_certificate(client, request, &result, &error);
    if (strcmp(cas_status_name(status), argv[4]) != 0)
        fprintf(stderr, "%s: %s\n", cas_status_name(status), error ? cas_error_message(error) : "");
    CHECK(strcmp(cas_status_name(status), argv[4]) == 0);
    CHECK(count(argv[5], strlen(argv[5])) == 1);
    for (i = 6; i < argc; i++)
        CHECK(count(number, backwards_of(argv[i], number)) == 0);
    cas_error_free(error);
    cas_result_free(result);
    cas_request_free(request);
    CHECK(count(argv[5], strlen(argv[5])) == 0);
    cas_client_free(client);
    cas_config_free(config);
    return 0;
}
