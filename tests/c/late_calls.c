/* Calls of the library from where thread-locals are already gone: from the destructors of a thread's keys, and from
 * functions of atexit. */

#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <setjmp.h>

static mreg_registry registry;
static mreg_owner app;
static pthread_key_t keys[4];
static int late;

static void use(void)
{
    size_t at;
    whole_api_works(registry);
    for (at = 0; at < 10; at++) {
        CHECK(count_of(app) == 1);
    }
    late++;
}

static void of_key(void *value)
{
    use();
    /* Once more, after other keys' destructors. */
    if (*(int *)value > 0) {
        --*(int *)value;
        CHECK(pthread_setspecific(keys[0], value) == 0);
    }
}

static void destroyed(void *user_data)
{
    ++*(int *)user_data;
}

static void *work(void *first)
{
    static int again[2];
    size_t at;
    *(first ? &again[0] : &again[1]) = 2;
    for (at = 0; at < 4; at++) {
        CHECK(pthread_setspecific(keys[at], first ? &again[0] : &again[1]) == 0);
    }
    if (first) {
        use();
    }
    return NULL;
}

static mreg_registry left;
static pthread_key_t only_key;
static jmp_buf landing;
static int left_runs;

static void jump(void *user_data)
{
    (void)user_data;
    if (left_runs++ == 0)
        longjmp(landing, 1);
}

static void clear_and_leave(void *value)
{
    (void)value;
    if (setjmp(landing) == 0) {
        OK(mreg_registry_clear(left, NULL));
        CHECK(!"the destructor jumps out of the call");
    }
}

static void *set_key(void *value)
{
    CHECK(pthread_setspecific(only_key, value) == 0);
    return NULL;
}

/* A thread that first uses the library while it ends, and leaves something: its end is heard of. */
static void leave(void)
{
    pthread_t thread;
    left = new_registry();
    new_model(left, "One", MREG_NULL, NULL, jump);
    new_model(left, "Two", MREG_NULL, NULL, jump);
    CHECK(pthread_key_create(&only_key, clear_and_leave) == 0);
    CHECK(pthread_create(&thread, NULL, set_key, &left) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(left_runs == 1);
    whole_api_works(registry);
    CHECK(left_runs == 2);
    OK(mreg_registry_destroy(left, NULL));
}

static int runs;

static void at_exit(void)
{
    mreg_registry created = new_registry();
    mreg_registry by_default = MREG_NULL;
    use();
    new_model(created, "Late", MREG_NULL, &runs, destroyed);
    OK(mreg_registry_destroy(created, NULL));
    CHECK(runs == 1);
    OK(mreg_registry_default(&by_default, NULL));
    whole_api_works(by_default);
    OK(mreg_registry_destroy(registry, NULL));
}

int main(void)
{
    pthread_t thread;
    size_t at;
    mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
    /* Registered before the library's first use, so that it runs after whatever the library itself registers. */
    CHECK(atexit(at_exit) == 0);
    for (at = 0; at < 4; at++) {
        CHECK(pthread_key_create(&keys[at], of_key) == 0);
    }
    registry = new_registry();
    app = new_owner(registry, MREG_KIND_APP, "");
    new_model(registry, "Stays", app, NULL, NULL);
    count_of(app);
    /* One thread has used the library before it ends, and one has not. */
    for (at = 0; at < 2; at++) {
        CHECK(pthread_create(&thread, NULL, work, at == 0 ? &runs : NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    CHECK(late >= 9);
    OK(mreg_registry_get_stats(registry, &stats, NULL));
    CHECK(stats.cache_hits >= (uint64_t)late * 10);
    leave();
    return 0;
}
