/*
 * inspect: reads lines "CERT" or "CERT<tab>KEY" (names of PEM files) from standard input, and prints for each what
 * cas_inspect says of them, one `field=value` a line: status, the facts, `finding=<severity> <identifier>: …` and
 * `hint=…` for each finding, `pem=…` for each line of the tidied chain; the processor time that it took, the most memory
 * that the process has held so far; and `end=CERT` at last.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cas.h"
#include "check.h"

static char *read_file(const char *path, size_t *length)
{
    size_t room = 1 << 21;
    char *content = malloc(room);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && content != NULL);
    *length = fread(content, 1, room, file);
    CHECK(*length < room && fclose(file) == 0);
    return content;
}

/* Not ru_maxrss: that one remembers what the process was before it became this program. */
static long peak_kb(void)
{
    char line[256];
    long peak = 0;
    FILE *status = fopen("/proc/self/status", "r");
    CHECK(status != NULL);
    while (fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak = strtol(line + 6, NULL, 10);
    fclose(status);
    CHECK(peak > 0);
    return peak;
}

static void print_inspection(const cas_inspection *inspection)
{
    size_t i;
    const char *pem = cas_inspection_cert_pem(inspection);

    printf("common_name=%s\n", cas_inspection_common_name(inspection));
    printf("sans=%s\n", cas_inspection_sans(inspection));
    printf("issuer=%s\n", cas_inspection_issuer(inspection));
    printf("serial=%s\n", cas_inspection_serial(inspection));
    printf("not_before=%s\n", cas_inspection_not_before(inspection));
    printf("not_after=%s\n", cas_inspection_not_after(inspection));
    printf("sha1=%s\n", cas_inspection_sha1(inspection));
    printf("sha256=%s\n", cas_inspection_sha256(inspection));
    printf("key_type=%s\n", cas_inspection_key_type(inspection));
    printf("chain_len=%lu\n", (unsigned long)cas_inspection_chain_len(inspection));
    for (i = 0; i < cas_inspection_finding_count(inspection); i++) {
        printf("finding=%d %s\n", (int)cas_inspection_severity(inspection, i), cas_inspection_finding(inspection, i));
        printf("hint=%s\n", cas_inspection_hint(inspection, i));
    }
    while (*pem != '\0') {
        size_t length = strcspn(pem, "\n");
        printf("pem=%.*s\n", (int)length, pem);
        pem += length + (pem[length] == '\n');
    }
}

int main(void)
{
    char line[8192];

    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t cert_length, key_length = 0;
        char *cert, *key = NULL, *tab;
        cas_inspection *inspection = NULL;
        cas_error *error = NULL;
        clock_t started;

        line[strcspn(line, "\n")] = '\0';
        tab = strchr(line, '\t');
        if (tab != NULL) {
            *tab = '\0';
            key = read_file(tab + 1, &key_length);
        }
        cert = read_file(line, &cert_length);
        started = clock();
        if (cas_inspect(cert, cert_length, key, key_length, &inspection, &error) == CAS_OK) {
            printf("status=CAS_OK\n");
            print_inspection(inspection);
        } else {
            printf("status=%s\n", cas_status_name(cas_error_status(error)));
            printf("message=%s\nhint=%s\n", cas_error_message(error), cas_error_hint(error));
        }
        printf("cpu_ms=%ld\n", (long)((clock() - started) * 1000 / CLOCKS_PER_SEC));
        printf("peak_kb=%ld\n", peak_kb());
        printf("end=%s\n", line);
        fflush(stdout);
        cas_inspection_free(inspection);
        cas_error_free(error);
        free(cert);
        free(key);
    }
    return 0;
}
