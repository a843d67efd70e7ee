/*
 * threads_cancel NAME CERT.pem KEY.pem [NAME CERT.pem KEY.pem]... [ENDPOINT]
 *
 * Uploads certificates with a pool of threads that share one client. Ctrl-C (SIGINT) or SIGTERM
 * ends the uploads that are in progress and begins no others. What was interrupted can be uploaded
 * again by the same command: libcas never stores a certificate twice.
 *
 * libcas finds the access key where Alibaba Cloud's own tools do: see docs/credentials.md.
 *
 * Build:
 *   cc threads_cancel.c $(pkg-config --cflags --libs libcas) -pthread -o threads_cancel
 */
#define _POSIX_C_SOURCE 200112L /* sigtimedwait, pthread_sigmask */

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cas.h"

enum { THREADS = 4 };

/* What the threads share. The lock protects everything below it. */
struct pool {
    const cas_client *client; /* any number of threads may use it */
    char **files;             /* NAME, CERT.pem and KEY.pem of each upload */
    pthread_mutex_t lock;
    int count;   /* uploads */
    int next;    /* the first of them that no thread has begun */
    int running; /* threads that have not ended */
    int failed;
    bool stopping;
};

/* Prints in one call, because stdio keeps the lines of one call together. */
static void print_error(const char *name, const cas_error *error)
{
    const char *hint = cas_error_hint(error), *id = cas_error_request_id(error);

    fprintf(stderr, "%s: %s: %s\n%s%s%s%s%s%s", name, cas_status_name(cas_error_status(error)),
            cas_error_message(error), hint ? "  What to do: " : "", hint ? hint : "",
            hint ? "\n" : "", id ? "  RequestId: " : "", id ? id : "", id ? "\n" : "");
}

/* Uploads one certificate. A request belongs to one thread. */
static bool upload(const cas_client *client, char **files)
{
    cas_request *request = cas_request_new();
    cas_result *result = NULL;
    cas_error *error = NULL;
    cas_status status;

    /* What these functions refuse, the upload reports. */
    cas_request_set_name(request, files[0]);
    cas_request_load_cert_file(request, files[1], NULL);
    cas_request_load_key_file(request, files[2], NULL);
    status = cas_create_user_certificate(client, request, &result, &error);
    if (status == CAS_OK)
        printf("%s: CertId: %lld\n", files[0], (long long)cas_result_cert_id(result));
    else /* CAS_ERR_CANCELLED: not stored. CAS_ERR_OUTCOME_UNKNOWN: it may be. */
        print_error(files[0], error);
    cas_error_free(error);
    cas_result_free(result);
    cas_request_free(request);
    return status == CAS_OK;
}

/* Takes uploads until there are none, or until the program is told to stop. */
static void *work(void *argument)
{
    struct pool *pool = argument;

    pthread_mutex_lock(&pool->lock);
    while (pool->next < pool->count && !pool->stopping) {
        char **files = pool->files + 3 * pool->next++;
        bool done;

        pthread_mutex_unlock(&pool->lock);
        done = upload(pool->client, files);
        pthread_mutex_lock(&pool->lock);
        pool->failed += !done;
    }
    pool->running--;
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Waits for the threads. Returns the signal that stopped them, or 0. */
static int wait_for_threads(struct pool *pool, const sigset_t *signals)
{
    const struct timespec pause = {0, 20 * 1000 * 1000};
    int stopped_by = 0, running;

    do {
        int number = sigtimedwait(signals, NULL, &pause); /* -1 if there was no signal */
        if (number > 0)
            stopped_by = number;
        pthread_mutex_lock(&pool->lock);
        pool->stopping = stopped_by != 0;
        running = pool->running;
        pthread_mutex_unlock(&pool->lock);
        /* Repeated, because a thread may have looked at `stopping` before it was set and begin
           its upload only now. */
        if (stopped_by != 0)
            cas_client_cancel(pool->client);
    } while (running > 0);
    return stopped_by;
}

int main(int argc, char **argv)
{
    struct pool pool = {0};
    pthread_t threads[THREADS];
    sigset_t signals;
    cas_config *config = NULL;
    cas_client *client = NULL;
    cas_error *error = NULL;
    int i, started = 0, stopped_by = 0, exit_status = EXIT_FAILURE;

    if (argc < 4 || argc % 3 == 0) {
        fprintf(stderr, "usage: %s NAME CERT.pem KEY.pem [NAME CERT.pem KEY.pem]... [ENDPOINT]\n",
                argv[0]);
        return 2;
    }
    /* Each line at once, also in a pipe or a file. */
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    /* Blocked in every thread, since threads inherit the mask: only sigtimedwait takes them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    config = cas_config_new();
    if (argc % 3 == 2)
        cas_config_set_endpoint(config, argv[argc - 1]); /* cas_client_new reports a failure */
    if (cas_client_new(config, &client, &error) != CAS_OK) {
        print_error("client", error);
        goto done;
    }

    pool.client = client;
    pool.files = argv + 1;
    pool.count = (argc - 1) / 3;
    pthread_mutex_init(&pool.lock, NULL);
    pthread_mutex_lock(&pool.lock);
    while (started < THREADS && started < pool.count &&
           pthread_create(&threads[started], NULL, work, &pool) == 0)
        started++;
    pool.running = started;
    pthread_mutex_unlock(&pool.lock);
    if (started == 0)
        fprintf(stderr, "No thread can be started.\n");

    stopped_by = wait_for_threads(&pool, &signals);
    for (i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (pool.next < pool.count)
        fprintf(stderr, "%d not begun\n", pool.count - pool.next);
    if (pool.failed == 0 && pool.next == pool.count)
        exit_status = EXIT_SUCCESS;
    else if (stopped_by != 0)
        exit_status = 128 + stopped_by; /* as shells report a signal */
    pthread_mutex_destroy(&pool.lock);
done:
    cas_error_free(error);
    cas_client_free(client); /* no thread uses it any more */
    cas_config_free(config);
    return exit_status;
}
