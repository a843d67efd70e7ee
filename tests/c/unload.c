/*
 * unload LIBRARY ENDPOINT: a thread uses the library, another closes it, and the first ends afterwards. Its
 * thread-local destructors must still have their code.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>

#include "check.h"

static void *library;
static const char *endpoint;
static sem_t used, closed;

static void *use(void *argument)
{
    void *config, *client = NULL, *error = NULL;
    void *certificate = NULL;
    /* POSIX: what dlsym returns may be stored as a function's address. */
    void *(*config_new)(void);
    int32_t (*set_endpoint)(void *, const char *), (*set_access_key)(void *, const char *, const char *);
    int32_t (*client_new)(const void *, void **, void **);
    int32_t (*get)(const void *, int64_t, void **, void **);
    void (*client_free)(void *), (*config_free)(void *), (*error_free)(void *);

    (void)argument;
    *(void **)&config_new = dlsym(library, "cas_config_new");
    *(void **)&set_endpoint = dlsym(library, "cas_config_set_endpoint");
    *(void **)&set_access_key = dlsym(library, "cas_config_set_access_key");
    *(void **)&client_new = dlsym(library, "cas_client_new");
    *(void **)&get = dlsym(library, "cas_get_certificate");
    *(void **)&client_free = dlsym(library, "cas_client_free");
    *(void **)&config_free = dlsym(library, "cas_config_free");
    *(void **)&error_free = dlsym(library, "cas_error_free");
    config = config_new();
    CHECK(set_endpoint(config, endpoint) == 0);
    CHECK(set_access_key(config, "testid", "testsecret") == 0);
    CHECK(client_new(config, &client, &error) == 0);
    /* The service has none, but a whole call has been made, on a connection of its own. */
    CHECK(get(client, 1, &certificate, &error) == 13);
    error_free(error);
    client_free(client);
    config_free(config);
    sem_post(&used);
    sem_wait(&closed);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    CHECK(argc == 3);
    endpoint = argv[2];
    library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(library != NULL);
    sem_init(&used, 0, 0), sem_init(&closed, 0, 0);
    CHECK(pthread_create(&thread, NULL, use, NULL) == 0);
    sem_wait(&used);
    CHECK(dlclose(library) == 0);
    sem_post(&closed);
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}
