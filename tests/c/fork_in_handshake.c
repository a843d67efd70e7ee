/*
 * fork_in_handshake ENDPOINT CERT KEY ROOTS WORK: the process forks while a thread of it reads the trusted roots,
 * which it never finishes. The child, in which that thread does not exist, must not wait for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cas.h"
#include "check.h"

static const cas_client *client;
static char **arguments;

static cas_status upload(const char *name)
{
    cas_request *request = cas_request_new();
    cas_result *result = NULL;
    cas_error *error = NULL;
    cas_status status;
    CHECK(cas_request_set_name(request, name) == CAS_OK);
    CHECK(cas_request_load_cert_file(request, arguments[2], NULL) == CAS_OK);
    CHECK(cas_request_load_key_file(request, arguments[3], NULL) == CAS_OK);
    status = cas_create_user_certificate(client, request, &result, &error);
    if (error != NULL)
        fprintf(stderr, "%s: %s\n", name, cas_error_message(error));
    cas_error_free(error);
    cas_result_free(result);
    cas_request_free(request);
    return status;
}

static void *hang(void *unused)
{
    (void)unused;
    upload("the thread that hangs");
    return NULL;
}

int main(int argc, char **argv)
{
    char roots[512];
    cas_config *config = cas_config_new();
    cas_client *made = NULL;
    pthread_t thread;
    pid_t child;
    int status, writer;

    CHECK(argc == 6);
    arguments = argv;
    snprintf(roots, sizeof roots, "%s/roots", argv[5]);
    CHECK(mkfifo(roots, 0600) == 0);
    CHECK(setenv("SSL_CERT_FILE", roots, 1) == 0);
    CHECK(cas_config_set_endpoint(config, argv[1]) == CAS_OK);
    CHECK(cas_client_new(config, &made, NULL) == CAS_OK);
    client = made;
    CHECK(pthread_create(&thread, NULL, hang, NULL) == 0);

    /* A pipe without a reader cannot be opened like this; once it can, the thread is reading the roots. */
    while ((writer = open(roots, O_WRONLY | O_NONBLOCK)) < 0) {
        CHECK(errno == ENXIO);
        sched_yield();
    }
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(writer);
        /* From here on the roots are a file that can be read to its end. */
        CHECK(unlink(roots) == 0 && symlink(argv[4], roots) == 0);
        alarm(60); /* in place of a hang */
        _exit(upload("child") == CAS_OK ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    _exit(0); /* the thread still hangs, as was wanted */
}
