/* A callback that never returns, of each kind: on every other thread the library works on, also with what the callback is
 * about, and destroying the registry does not wait for it. So does the end of the process. */

#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static atomic_int inside, runs;

static void nap(void)
{
    struct timespec millisecond = {0, 1000000};
    nanosleep(&millisecond, NULL);
}

static void stay(void)
{
    atomic_fetch_add(&inside, 1);
    for (;;)
        pause();
}

static void in_destructor(void *user_data)
{
    (void)user_data;
    stay();
}

static void in_watcher(void *user_data, const mreg_change *change)
{
    (void)user_data;
    /* Once: what others change is told on their own threads. */
    if (change->kind == MREG_CHANGE_CLEARED && atomic_load(&inside) == 1)
        stay();
}

static void in_log(void *user_data, uint32_t level, const char *message, size_t length)
{
    (void)user_data;
    (void)level;
    (void)message;
    (void)length;
    stay();
}

static void count(void *user_data)
{
    (void)user_data;
    atomic_fetch_add(&runs, 1);
}

static void *clear(void *registry)
{
    mreg_registry_clear(*(mreg_registry *)registry, NULL);
    CHECK(!"the callback never returns");
    return NULL;
}

/** Clears the registry on a thread that does not come back, and waits until it is inside of the callback. */
static void clear_elsewhere(mreg_registry *registry)
{
    pthread_t thread;
    int before = atomic_load(&inside), tries;
    CHECK(pthread_create(&thread, NULL, clear, registry) == 0);
    CHECK(pthread_detach(thread) == 0);
    for (tries = 0; atomic_load(&inside) == before; tries++) {
        CHECK(tries < 60000);
        nap();
    }
}

static void everybody_goes_on(mreg_registry registry)
{
    mreg_registry other = new_registry();
    mreg_owner app = new_owner(registry, MREG_KIND_APP, "");
    int before = atomic_load(&runs);
    whole_api_works(registry);
    whole_api_works(other);
    new_model(registry, "Another", app, NULL, count);
    OK(mreg_registry_clear(registry, NULL));
    CHECK(atomic_load(&runs) == before + 1);
    new_model(registry, "Another", app, NULL, count);
    OK(mreg_registry_destroy(registry, NULL));
    CHECK(atomic_load(&runs) == before + 2);
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_registry_clear(registry, NULL));
    OK(mreg_registry_destroy(other, NULL));
}

static mreg_registry registries[4];

static void on_the_sweeper(mreg_registry registry)
{
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_sweeper_options sweep = MREG_SWEEPER_OPTIONS_INIT;
    mreg_model model = MREG_NULL;
    int before = atomic_load(&inside), tries;
    options.name = text_of("Stays");
    options.tenant = text_of("north");
    options.destroy = in_destructor;
    OK(mreg_model_register(registry, &options, &model, NULL));
    sweep.interval_ms = 1;
    sweep.max_idle_ms = 0;
    OK(mreg_sweeper_start(registry, &sweep, NULL));
    for (tries = 0; atomic_load(&inside) == before; tries++) {
        CHECK(tries < 60000);
        nap();
    }
}

int main(void)
{
    mreg_watcher_options options = MREG_WATCHER_OPTIONS_INIT;
    mreg_watcher watcher = MREG_NULL;
    int at;
    /* What hangs here is ended. */
    alarm(100);
    for (at = 0; at < 4; at++)
        registries[at] = new_registry();

    new_model(registries[0], "Stays", MREG_NULL, NULL, in_destructor);
    clear_elsewhere(&registries[0]);
    everybody_goes_on(registries[0]);

    /* A watcher can be freed while its callback stays; its destructor would come with the callback's end. */
    options.callback = in_watcher;
    options.destroy = count;
    OK(mreg_watcher_create(registries[1], &options, &watcher, NULL));
    clear_elsewhere(&registries[1]);
    OK(mreg_watcher_free(watcher, NULL));
    CHECK(atomic_load(&runs) == 2);
    everybody_goes_on(registries[1]);

    OK(mreg_log_set(MREG_LOG_INFO, in_log, NULL, NULL));
    clear_elsewhere(&registries[2]);
    OK(mreg_log_set(MREG_LOG_OFF, NULL, NULL, NULL));
    everybody_goes_on(registries[2]);

    /* The sweeper's thread is lost to all, and its registry can be destroyed. */
    on_the_sweeper(registries[3]);
    everybody_goes_on(registries[3]);
    CHECK(atomic_load(&inside) == 4 && atomic_load(&runs) == 8);
    return 0;
}
