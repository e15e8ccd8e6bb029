/* The process ends while threads are inside of every kind of call, with the sweeper running: by exit and by
 * quick_exit, with a function of atexit that calls the library once more. */

#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4

static mreg_registry registry;
static mreg_owner app;
static atomic_int begun;

static void nothing(void *user_data)
{
    (void)user_data;
}

static void *use(void *number)
{
    char name[16];
    snprintf(name, sizeof name, "User%d", *(int *)number);
    for (;;) {
        mreg_model model = new_model(registry, name, app, NULL, nothing);
        mreg_snapshot snapshot = MREG_NULL;
        size_t count = 0;
        OK(mreg_owner_models(app, MREG_KIND_ANY, NULL, 0, &count, NULL, NULL));
        OK(mreg_owner_hold_models(app, MREG_KIND_ANY, &snapshot, NULL));
        OK(mreg_snapshot_free(snapshot, NULL));
        OK(mreg_model_unregister(model, NULL));
        atomic_fetch_add(&begun, 1);
    }
    return NULL;
}

static void at_exit(void)
{
    mreg_registry late = new_registry();
    whole_api_works(late);
    OK(mreg_registry_destroy(late, NULL));
}

static void run_and_end(int round)
{
    static int numbers[THREADS];
    mreg_sweeper_options options = MREG_SWEEPER_OPTIONS_INIT;
    pthread_t thread;
    int at;
    alarm(60);
    CHECK(atexit(at_exit) == 0 && at_quick_exit(at_exit) == 0);
    registry = new_registry();
    app = new_owner(registry, MREG_KIND_APP, "");
    options.interval_ms = 1;
    OK(mreg_sweeper_start(registry, &options, NULL));
    for (at = 0; at < THREADS; at++) {
        numbers[at] = at;
        CHECK(pthread_create(&thread, NULL, use, &numbers[at]) == 0 && pthread_detach(thread) == 0);
    }
    while (atomic_load(&begun) < 20 + round)
        whole_api_works(registry);
    if (round % 2)
        quick_exit(0);
    exit(0);
}

int main(void)
{
    const char *sanitizer = getenv("MODELREG_SANITIZER");
    int round, rounds = getenv("MODELREG_VALGRIND") ? 4 : 40;
    if (sanitizer && strcmp(sanitizer, "thread") == 0) {
        printf("ThreadSanitizer does not take threads that a forked child makes\n");
        return 77;
    }
    for (round = 0; round < rounds; round++) {
        int status = 0;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            run_and_end(round);
        }
        CHECK(waitpid(child, &status, 0) == child);
        if (WIFSIGNALED(status))
            fprintf(stderr, "round %d was ended by signal %d\n", round, WTERMSIG(status));
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    return 0;
}
