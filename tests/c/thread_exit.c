/* A destructor that ends its thread, or in which its thread is cancelled: the library works on, and what else was due runs
 * when the registry is destroyed. The same with a watcher's callback: what was to be told and what is due comes with the next
 * call of any thread. */

#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>

static mreg_registry registry;
static mreg_owner app;
static int runs;
static int ends;
static int by_cancellation;

static void end_thread(void *user_data)
{
    (void)user_data;
    runs++;
    if (ends > 0) {
        ends--;
        if (by_cancellation) {
            CHECK(pthread_cancel(pthread_self()) == 0);
            pthread_testcancel();
        }
        pthread_exit(NULL);
    }
}

static int told;
static int destroyed;

static void end_thread_when_told(void *user_data, const mreg_change *change)
{
    (void)user_data;
    told++;
    CHECK(change->sequence == (uint64_t)told && destroyed == 0);
    if (told == 1)
        pthread_exit(NULL);
}

static void count_destroyed(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static void *drop(void *unused)
{
    (void)unused;
    OK(mreg_owner_release(app, NULL));
    CHECK(!"the callback ends the thread");
    return NULL;
}

static void *clear(void *unused)
{
    (void)unused;
    OK(mreg_registry_clear(registry, NULL));
    CHECK(!"the destructor ends the thread");
    return NULL;
}

int main(void)
{
    pthread_t thread;
    mreg_watcher_options options = MREG_WATCHER_OPTIONS_INIT;
    mreg_watcher watcher = MREG_NULL;
    int round;
    for (round = 0; round < 20; round++) {
        registry = new_registry();
        app = new_owner(registry, MREG_KIND_APP, "");
        new_model(registry, "One", app, NULL, end_thread);
        new_model(registry, "Two", app, NULL, end_thread);
        new_model(registry, "Three", app, NULL, end_thread);
        runs = 0;
        by_cancellation = round % 2;
        ends = 1;
        CHECK(pthread_create(&thread, NULL, clear, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(runs == 1);
        CHECK(count_of(app) == 0);
        whole_api_works(registry);
        OK(mreg_registry_destroy(registry, NULL));
        CHECK(runs == 3);
    }

    registry = new_registry();
    app = new_owner(registry, MREG_KIND_APP, "");
    new_model(registry, "One", app, NULL, end_thread);
    new_model(registry, "Two", app, NULL, end_thread);
    options.callback = end_thread_when_told;
    options.destroy = count_destroyed;
    OK(mreg_watcher_create(registry, &options, &watcher, NULL));
    runs = 0;
    CHECK(pthread_create(&thread, NULL, drop, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(told == 1 && runs == 0 && destroyed == 0);
    OK(mreg_registry_clear(registry, NULL));
    /* Two models, their tenant and the owner; then the clear. */
    CHECK(told == 5 && runs == 2);
    OK(mreg_watcher_free(watcher, NULL));
    CHECK(destroyed == 1);
    OK(mreg_registry_destroy(registry, NULL));
    return 0;
}
