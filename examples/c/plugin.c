/*
 * plugin NAME CERT.pem KEY.pem [ENDPOINT]
 *
 * Loads libcas at run time, for programs that should also start where it is not installed. Uploads
 * a certificate with it and prints the CertId. The program is not linked with libcas; cas.h only
 * gives the types.
 *
 * libcas finds the access key where Alibaba Cloud's own tools do: see docs/credentials.md.
 *
 * Build:
 *   cc plugin.c $(pkg-config --cflags libcas) -ldl -o plugin
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "cas.h"

/* The functions that this program uses, each as RESULT, NAME, PARAMETERS. */
#define FUNCTIONS(F)                                                                       \
    F(const char *, status_name, (cas_status))                                             \
    F(cas_status, error_status, (const cas_error *))                                       \
    F(const char *, error_message, (const cas_error *))                                    \
    F(const char *, error_hint, (const cas_error *))                                       \
    F(void, error_free, (cas_error *))                                                     \
    F(cas_config *, config_new, (void))                                                    \
    F(cas_status, config_set_endpoint, (cas_config *, const char *))                       \
    F(void, config_free, (cas_config *))                                                   \
    F(cas_status, client_new, (const cas_config *, cas_client **, cas_error **))           \
    F(void, client_free, (cas_client *))                                                   \
    F(cas_request *, request_new, (void))                                                  \
    F(cas_status, request_set_name, (cas_request *, const char *))                         \
    F(cas_status, request_load_cert_file, (cas_request *, const char *, cas_error **))     \
    F(cas_status, request_load_key_file, (cas_request *, const char *, cas_error **))      \
    F(void, request_free, (cas_request *))                                                 \
    F(cas_status, create_user_certificate,                                                 \
      (const cas_client *, const cas_request *, cas_result **, cas_error **))              \
    F(int64_t, result_cert_id, (const cas_result *))                                       \
    F(void, result_free, (cas_result *))

struct libcas {
    void *library;
#define MEMBER(result, name, parameters) result(*name) parameters;
    FUNCTIONS(MEMBER)
};

/* Compares the table with cas.h: the compiler warns of a type that differs. */
#define SAME_TYPE(result, name, parameters) \
    typedef char name##_is_in_cas_h[sizeof(((struct libcas *)0)->name == cas_##name)];
FUNCTIONS(SAME_TYPE)

/* Loads the library and fills the table. Returns 0, or -1 after it has said why not. */
static int load(struct libcas *cas)
{
    /* The name with the number: every libcas.so.0 has these functions with these meanings.
       RTLD_LOCAL keeps its symbols apart from those of the program and of other plug-ins. */
    cas->library = dlopen("libcas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (cas->library == NULL) {
        fprintf(stderr, "libcas is not available: %s\n", dlerror());
        return -1;
    }
/* POSIX lets a function pointer be stored as an object pointer; ISO C has no conversion. */
#define LOAD(result, name, parameters)                                  \
    *(void **)&cas->name = dlsym(cas->library, "cas_" #name);           \
    if (cas->name == NULL) {                                            \
        fprintf(stderr, "libcas is older than 0.1.0: %s\n", dlerror()); \
        dlclose(cas->library);                                          \
        return -1;                                                      \
    }
    FUNCTIONS(LOAD)
    return 0;
}

int main(int argc, char **argv)
{
    struct libcas cas;
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
    if (load(&cas) != 0)
        return EXIT_FAILURE;

    config = cas.config_new();
    request = cas.request_new();
    /* What these functions refuse, client_new and the upload report. */
    if (argc == 5)
        cas.config_set_endpoint(config, argv[4]);
    cas.request_set_name(request, argv[1]);
    cas.request_load_cert_file(request, argv[2], NULL);
    cas.request_load_key_file(request, argv[3], NULL);

    if (cas.client_new(config, &client, &error) == CAS_OK &&
        cas.create_user_certificate(client, request, &result, &error) == CAS_OK) {
        printf("CertId: %lld\n", (long long)cas.result_cert_id(result));
        exit_status = EXIT_SUCCESS;
    } else {
        fprintf(stderr, "%s: %s\n", cas.status_name(cas.error_status(error)),
                cas.error_message(error));
        if (cas.error_hint(error) != NULL)
            fprintf(stderr, "  What to do: %s\n", cas.error_hint(error));
    }

    cas.error_free(error);
    cas.result_free(result);
    cas.request_free(request);
    cas.client_free(client);
    cas.config_free(config);
    dlclose(cas.library); /* libcas stays mapped all the same, for threads that have used it */
    return exit_status;
}
