/* A thread that is cancelled while it is inside the library: the call finishes, no lock stays taken, and the thread ends
 * at the host's own next cancellation point. */

#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>

static mreg_registry registry;
static int reached;

static void count(void *user_data)
{
    (void)user_data;
    reached++;
}

static void *work(void *first)
{
    /* The cancellation is pending, and acted on at the first cancellation point that the thread comes to. */
    CHECK(pthread_cancel(pthread_self()) == 0);
    if (first) {
        mreg_registry created = new_registry();
        new_model(created, "User", MREG_NULL, NULL, count);
        OK(mreg_registry_destroy(created, NULL));
    }
    whole_api_works(registry);
    {
        /* Files are opened and read here: cancellation points of the C library's own. */
        mreg_load_report report = MREG_NULL;
        mreg_schema schema = MREG_NULL;
        EXPECT(MREG_ERROR_IO, mreg_application_load(registry, "/nowhere", MREG_NUL_TERMINATED, NULL, &report, NULL));
        EXPECT(MREG_ERROR_NOTHING_TO_LOAD, mreg_application_load(registry, "/dev", MREG_NUL_TERMINATED, NULL, &report, NULL));
        OK(mreg_schema_builtin("User", 4, &schema, NULL));
        OK(mreg_schema_free(schema, NULL));
    }
    reached++;
    pthread_testcancel();
    CHECK(!"the thread is cancelled");
    return NULL;
}

int main(void)
{
    int round;
    for (round = 0; round < 10; round++) {
        pthread_t thread;
        void *result = NULL;
        if (round == 0) {
            registry = new_registry();
        }
        reached = 0;
        CHECK(pthread_create(&thread, NULL, work, round % 2 ? &reached : NULL) == 0);
        CHECK(pthread_join(thread, &result) == 0);
        CHECK(result == PTHREAD_CANCELED);
        CHECK(reached == (round % 2 ? 2 : 1));
        whole_api_works(registry);
    }
    OK(mreg_registry_destroy(registry, NULL));
    return 0;
}
