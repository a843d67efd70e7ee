/* A fixture for programs in C: starts cas-emulator on a free port. Include it in one file. */
#ifndef CAS_TEST_EMULATOR_H
#define CAS_TEST_EMULATOR_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    pid_t pid;
    /* The endpoint; the access key is testid, testsecret. */
    char url[128];
} emulator;

/* Starts one with a fault as JSON, or NULL. Ends the program if that fails. */
static emulator emulator_start(const char *fault)
{
    const char *program = getenv("CAS_EMULATOR");
    emulator started = {-1, ""};
    char line[256] = "";
    int ends[2];
    FILE *output;
    if (program == NULL) program = "cas-emulator";
    if (pipe(ends) != 0 || (started.pid = fork()) < 0) {
        perror("cas-emulator");
        exit(1);
    }
    if (started.pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        if (fault == NULL)
            execlp(program, program, "--quiet", "--listen", "127.0.0.1:0", (char *)NULL);
        else
            execlp(program, program, "--quiet", "--listen", "127.0.0.1:0", "--fault", fault,
                   (char *)NULL);
        perror(program);
        _exit(127);
    }
    close(ends[1]);
    output = fdopen(ends[0], "r");
    if (output == NULL || fgets(line, sizeof line, output) == NULL ||
        sscanf(line, "cas-emulator listening on %127s", started.url) != 1) {
        fprintf(stderr, "cas-emulator did not start: %s\n", line);
        exit(1);
    }
    fclose(output);
    return started;
}

static void emulator_stop(emulator *running)
{
    kill(running->pid, SIGTERM);
    waitpid(running->pid, NULL, 0);
}

#endif
