/*
 * A library that panics: inside of a call, which is an internal error and nothing else; and under a registry's lock, which
 * leaves that registry poisoned. It can be destroyed, what was built can be read, and every other registry works.
 *
 * Only for a library with the feature test-hooks.
 */

#include "check.h"

mreg_status mreg_test_panic(mreg_error *error);
mreg_status mreg_test_panic_locked(mreg_registry registry, mreg_error *error);

static int destroyed;

static void destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static void inside_of_a_call(mreg_registry registry)
{
    mreg_error error = MREG_ERROR_INIT;
    EXPECT(MREG_ERROR_INTERNAL, mreg_test_panic(&error));
    CHECK(error.code == MREG_ERROR_INTERNAL && strstr(error.message, "a panic on purpose"));
    EXPECT(MREG_ERROR_INTERNAL, mreg_test_panic(NULL));
    whole_api_works(registry);
}

static void under_the_lock(mreg_registry other)
{
    mreg_registry registry = new_registry();
    mreg_owner app = new_owner(registry, MREG_KIND_APP, "");
    mreg_model model, found = MREG_NULL;
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
    mreg_error error = MREG_ERROR_INIT;
    int mine = 0;
    model = new_model(registry, "User", app, &mine, destroy);
    CHECK(count_of(app) == 1);
    EXPECT(MREG_ERROR_INTERNAL, mreg_test_panic_locked(registry, &error));
    CHECK(strstr(error.message, "under the lock"));
    EXPECT(MREG_ERROR_POISONED, mreg_registry_clear(registry, &error));
    CHECK(error.code == MREG_ERROR_POISONED && error.message[0] != '\0');
    EXPECT(MREG_ERROR_POISONED, mreg_model_hold(model, NULL));
    EXPECT(MREG_ERROR_POISONED, mreg_model_unregister(model, NULL));
    EXPECT(MREG_ERROR_POISONED, mreg_registry_get_stats(registry, &stats, NULL));
    options.name = text_of("Order");
    options.app = app;
    options.user_data = &mine;
    options.destroy = destroy;
    EXPECT(MREG_ERROR_POISONED, mreg_model_register(registry, &options, &found, NULL));
    /* What a call that fails was handed is destroyed here too. */
    CHECK(destroyed == 1 && found == MREG_NULL);
    CHECK(count_of(app) == 1);
    whole_api_works(other);
    OK(mreg_registry_destroy(registry, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_registry_clear(registry, NULL));
}

int main(void)
{
    mreg_registry registry = new_registry();
    inside_of_a_call(registry);
    under_the_lock(registry);
    OK(mreg_registry_destroy(registry, NULL));
    puts("panics: passed");
    return 0;
}
