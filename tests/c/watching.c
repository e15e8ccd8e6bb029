/* Following what happens: watchers, a release queue, the log, the leak report. */

#include "check.h"

static mreg_watcher new_watcher(mreg_registry registry, size_t capacity)
{
    mreg_watcher_options options = MREG_WATCHER_OPTIONS_INIT;
    mreg_watcher watcher = MREG_NULL;
    options.capacity = capacity;
    OK(mreg_watcher_create(registry, &options, &watcher, NULL));
    return watcher;
}

/** The next change, which has to be of this kind. */
static mreg_change next(mreg_watcher watcher, uint32_t kind)
{
    mreg_change change = MREG_CHANGE_INIT;
    bool found = false;
    OK(mreg_watcher_poll(watcher, &change, &found, NULL));
    CHECK(found && change.kind == kind && change.struct_size == sizeof change);
    return change;
}

static void nothing_more(mreg_watcher watcher)
{
    mreg_change change = MREG_CHANGE_INIT;
    bool found = true;
    OK(mreg_watcher_poll(watcher, &change, &found, NULL));
    CHECK(!found && change.kind == 0);
}

static void polled(void)
{
    mreg_registry registry = new_registry();
    mreg_watcher watcher = new_watcher(registry, 0);
    mreg_owner app = new_owner(registry, MREG_KIND_APP, "");
    mreg_model first = new_model(registry, "User", app, NULL, NULL);
    mreg_model second = new_model(registry, "User", app, NULL, NULL);
    mreg_change change = next(watcher, MREG_CHANGE_REGISTERED);
    char tenant[64];
    OK(mreg_owner_tenant(app, tenant, sizeof tenant, NULL, NULL));
    CHECK(change.sequence == 1 && change.registry == registry && change.owner == app && change.model == first);
    CHECK(strcmp(change.name, "User") == 0 && strcmp(change.tenant, tenant) == 0 && change.at_ms > 0);
    change = next(watcher, MREG_CHANGE_REPLACED);
    CHECK(change.sequence == 2 && change.model == second && change.replaced == first);
    OK(mreg_model_move(second, MREG_NULL, MREG_NULL, "acme", 4, NULL));
    change = next(watcher, MREG_CHANGE_MOVED);
    CHECK(change.owner == MREG_NULL && strcmp(change.tenant, "acme") == 0);
    OK(mreg_tenant_drop(registry, "acme", 4, MREG_NULL, NULL, NULL));
    CHECK(next(watcher, MREG_CHANGE_REMOVED).model == second);
    change = next(watcher, MREG_CHANGE_TENANT_DROPPED);
    CHECK(change.count == 1 && strcmp(change.tenant, "acme") == 0);
    OK(mreg_registry_clear(registry, NULL));
    CHECK(next(watcher, MREG_CHANGE_CLEARED).count == 0);
    OK(mreg_owner_release(app, NULL));
    CHECK(next(watcher, MREG_CHANGE_OWNER_RELEASED).owner == app);
    nothing_more(watcher);
    OK(mreg_registry_destroy(registry, NULL));
    next(watcher, MREG_CHANGE_DESTROYED);
    nothing_more(watcher);
    OK(mreg_watcher_free(watcher, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_watcher_free(watcher, NULL));
}

static void overflowing(void)
{
    mreg_registry registry = new_registry();
    mreg_watcher watcher = new_watcher(registry, 2);
    mreg_change change;
    int at;
    for (at = 0; at < 10; at++)
        new_model(registry, "User", MREG_NULL, NULL, NULL);
    change = next(watcher, MREG_CHANGE_LOST);
    CHECK(change.count == 8 && change.sequence == 8 && change.registry == registry);
    CHECK(next(watcher, MREG_CHANGE_REPLACED).sequence == 9);
    CHECK(next(watcher, MREG_CHANGE_REPLACED).sequence == 10);
    nothing_more(watcher);
    /* What is not polled is given back. */
    new_model(registry, "User", MREG_NULL, NULL, NULL);
    OK(mreg_watcher_free(watcher, NULL));
    OK(mreg_registry_destroy(registry, NULL));
}

struct follower {
    mreg_watcher watcher;
    int told, destroyed;
};

static int models_destroyed;

static void count_model(void *user_data)
{
    (void)user_data;
    models_destroyed++;
}

static void follow(void *user_data, const mreg_change *change)
{
    struct follower *follower = user_data;
    CHECK(follower->destroyed == 0 && models_destroyed == 0);
    follower->told++;
    CHECK(change->sequence == (uint64_t)follower->told && !mreg_model_is_valid(change->model));
    if (follower->told == 1) {
        /* No lock is held. A call in here goes on with what is to be told, and then with what is due. */
        mreg_registry other = new_registry();
        whole_api_works(other);
        OK(mreg_registry_destroy(other, NULL));
        CHECK(follower->told == 2 && follower->destroyed == 0 && models_destroyed == 2);
    } else {
        OK(mreg_watcher_free(follower->watcher, NULL));
        CHECK(follower->destroyed == 0);
    }
}

static void unfollow(void *user_data)
{
    struct follower *follower = user_data;
    follower->destroyed++;
}

static void called(void)
{
    mreg_registry registry = new_registry();
    mreg_owner app = new_owner(registry, MREG_KIND_APP, "");
    mreg_watcher_options options = MREG_WATCHER_OPTIONS_INIT;
    struct follower follower = {MREG_NULL, 0, 0};
    mreg_change change = MREG_CHANGE_INIT;
    bool found = true;
    new_model(registry, "One", app, NULL, count_model);
    new_model(registry, "Two", app, NULL, count_model);
    options.callback = follow;
    options.user_data = &follower;
    options.destroy = unfollow;
    OK(mreg_watcher_create(registry, &options, &follower.watcher, NULL));
    EXPECT(MREG_ERROR_INVALID_ARGUMENT, mreg_watcher_poll(follower.watcher, &change, &found, NULL));
    CHECK(!found);
    /* Four changes, of which it hears two; then the destructors. */
    OK(mreg_owner_release(app, NULL));
    CHECK(follower.told == 2 && follower.destroyed == 1 && models_destroyed == 2);
    EXPECT(MREG_ERROR_NULL_HANDLE, mreg_watcher_create(MREG_NULL, &options, &follower.watcher, NULL));
    CHECK(follower.destroyed == 2);
    OK(mreg_registry_destroy(registry, NULL));
}

static void queued(void)
{
    mreg_registry_options options = MREG_REGISTRY_OPTIONS_INIT;
    mreg_queue queue = MREG_NULL;
    mreg_registry registry = MREG_NULL;
    mreg_due due = MREG_DUE_INIT;
    bool found = true;
    int data = 0, more = 0;
    mreg_model model;
    OK(mreg_queue_create(&queue, NULL));
    options.release_queue = queue;
    OK(mreg_registry_create(&options, &registry, NULL));
    model = new_model(registry, "One", MREG_NULL, &data, NULL);
    OK(mreg_model_hold(model, NULL));
    new_model(registry, "Two", MREG_NULL, &more, NULL);
    OK(mreg_registry_destroy(registry, NULL));
    OK(mreg_queue_poll(queue, &due, &found, NULL));
    CHECK(found && due.kind == MREG_DUE_MODEL && due.user_data == &more);
    OK(mreg_queue_poll(queue, &due, &found, NULL));
    CHECK(!found && due.user_data == NULL);
    OK(mreg_model_unhold(model, NULL));
    OK(mreg_queue_poll(queue, &due, &found, NULL));
    CHECK(found && due.handle == model && due.user_data == &data);
    /* What is left in a queue is dropped with it. */
    OK(mreg_registry_create(&options, &registry, NULL));
    new_model(registry, "One", MREG_NULL, &data, NULL);
    new_model(registry, "Two", MREG_NULL, &more, NULL);
    OK(mreg_registry_clear(registry, NULL));
    OK(mreg_queue_free(queue, NULL));
    new_model(registry, "Three", MREG_NULL, &more, NULL);
    OK(mreg_registry_destroy(registry, NULL));
}

static char last_message[256];

static void note(void *user_data, uint32_t level, const char *message, size_t length)
{
    CHECK(user_data == last_message && level >= MREG_LOG_ERROR && level <= MREG_LOG_DEBUG);
    CHECK(strlen(message) == length && length < sizeof last_message);
    memcpy(last_message, message, length + 1);
}

static void logged(void)
{
    mreg_registry registry = new_registry();
    OK(mreg_log_set(MREG_LOG_DEBUG, note, last_message, NULL));
    OK(mreg_registry_clear(registry, NULL));
    CHECK(strcmp(last_message, "cleared: 0 models went") == 0);
    OK(mreg_log_set(MREG_LOG_OFF, NULL, NULL, NULL));
    OK(mreg_registry_destroy(registry, NULL));
    CHECK(strcmp(last_message, "cleared: 0 models went") == 0);
}

static void left_over(void)
{
    mreg_registry registry = new_registry();
    mreg_owner app = new_owner(registry, MREG_KIND_APP, "");
    mreg_model model = new_model(registry, "User", app, NULL, NULL);
    char report[1024];
    size_t length = 77, count = 77;
    OK(mreg_registry_leak_report(registry, report, sizeof report, &length, &count, NULL));
    CHECK(count == 2 && strlen(report) == length && strstr(report, "model \"User\"") != NULL);
    OK(mreg_model_hold(model, NULL));
    OK(mreg_owner_release(app, NULL));
    OK(mreg_registry_leak_report(registry, report, sizeof report, &length, &count, NULL));
    CHECK(count == 1 && strstr(report, "held 1 time") != NULL);
    OK(mreg_model_unhold(model, NULL));
    OK(mreg_registry_leak_report(registry, report, sizeof report, NULL, &count, NULL));
    CHECK(count == 0 && report[0] == 0);
    OK(mreg_registry_destroy(registry, NULL));
}

static void the_macros_and_functions_give_the_same_bytes(void)
{
    mreg_change change = MREG_CHANGE_INIT, made_change;
    mreg_watcher_options options = MREG_WATCHER_OPTIONS_INIT, made_options;
    mreg_change_init(&made_change);
    mreg_watcher_options_init(&made_options);
    CHECK(memcmp(&change, &made_change, sizeof change) == 0);
    CHECK(memcmp(&options, &made_options, sizeof options) == 0);
}

int main(void)
{
    polled();
    overflowing();
    called();
    queued();
    logged();
    left_over();
    the_macros_and_functions_give_the_same_bytes();
    return 0;
}
