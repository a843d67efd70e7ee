/*
 * cas_inspect CERT KEY CALLS
 *
 * Inspects a chain and its key again and again, on libcas. The chain has to be tidy and the key its
 * own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cas.h"
#include "read_file.h"

int main(int argc, char **argv)
{
    char *chain, *key;
    long calls, i;

    if (argc != 4)
        die("usage: cas_inspect CERT KEY CALLS");
    chain = read_file(argv[1]);
    key = read_file(argv[2]);
    calls = strtol(argv[3], NULL, 10);
    for (i = 0; i < calls; i++) {
        cas_inspection *inspection = NULL;
        cas_error *error = NULL;

        if (cas_inspect(chain, strlen(chain), key, strlen(key), &inspection, &error) != CAS_OK)
            die(cas_error_message(error));
        if (cas_inspection_finding_count(inspection) != 0)
            die(cas_inspection_finding(inspection, 0));
        if (strcmp(cas_inspection_cert_pem(inspection), chain) != 0)
            die("the chain was changed");
        cas_inspection_free(inspection);
    }
    return 0;
}
