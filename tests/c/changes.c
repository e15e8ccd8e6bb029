/*
 * Makes many changes in several threads while the sweeper drops every tenant as fast as it can and a watcher is polled, and ends
 * where it began: every destructor ran once, what went into the release queue came out of it once, nothing is in use, and the
 * heap is as it was.
 *
 * An argument is the number of changes.
 */

#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { WRITERS = 2, OWNERS = 24 };

static atomic_size_t handed_in, destroyed, released;
static atomic_int writing;

static void count_destroyed(void *user_data)
{
    CHECK(user_data == &destroyed);
    atomic_fetch_add(&destroyed, 1);
}

struct writer {
    mreg_registry registry;
    uint32_t kind;
    uint64_t random;
    size_t changes;
    mreg_schema schema;
};

static uint32_t below(struct writer *self, uint32_t limit)
{
    /* Marsaglia's xorshift (2003): the same changes in every run. */
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (uint32_t)(self->random >> 32) % limit;
}

static mreg_owner make_owner(struct writer *self)
{
    mreg_owner_options options = MREG_OWNER_OPTIONS_INIT;
    mreg_owner owner = MREG_NULL;
    char database[16];
    snprintf(database, sizeof database, "db%u", (unsigned)below(self, 8));
    options.kind = below(self, 3) == 0 ? MREG_KIND_APP : below(self, 8) == 0 ? self->kind : MREG_KIND_DATA_SOURCE;
    options.connector = text_of("memory");
    options.database = text_of(database);
    options.user_data = &destroyed;
    options.destroy = count_destroyed;
    OK(mreg_owner_create(self->registry, &options, &owner, NULL));
    atomic_fetch_add(&handed_in, 1);
    return owner;
}

static void make_model(struct writer *self, const mreg_owner *owners, mreg_model *model)
{
    static const char *const tenants[] = {"north", "south", "east", "", "west"};
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    char name[40];
    uint32_t kind = 0, at;
    snprintf(name, sizeof name, below(self, 4) == 0 ? "A model with a name of some length %u" : "M%u", (unsigned)below(self, 30));
    options.name = text_of(name);
    options.tenant = text_of(tenants[below(self, 5)]);
    options.schema = below(self, 2) == 0 ? self->schema : MREG_NULL;
    for (at = 0; at < 2; at++) {
        mreg_owner owner = owners[below(self, OWNERS)];
        OK(mreg_owner_kind(owner, &kind, NULL));
        if (kind == MREG_KIND_DATA_SOURCE)
            options.data_source = owner;
        else
            options.app = owner;
    }
    if (below(self, 6) == 0)
        options.data_source = options.app = MREG_NULL;
    /* Half of them by a destructor, half by the release queue. */
    options.user_data = &destroyed;
    options.destroy = below(self, 2) == 0 ? count_destroyed : NULL;
    OK(mreg_model_register(self->registry, &options, model, NULL));
    atomic_fetch_add(&handed_in, 1);
}

static void *write_all(void *argument)
{
    struct writer *self = argument;
    mreg_owner owners[OWNERS];
    mreg_model models[64] = {0};
    size_t at;
    mreg_error error = MREG_ERROR_INIT;
    for (at = 0; at < OWNERS; at++)
        owners[at] = make_owner(self);
    for (at = 0; at < self->changes; at++) {
        mreg_model *model = &models[below(self, 64)];
        mreg_status status = MREG_OK;
        size_t count;
        uint32_t what = below(self, 100);
        if (what < 60) {
            make_model(self, owners, model);
        } else if (what < 75) {
            status = mreg_model_unregister(*model, &error);
        } else if (what < 85) {
            mreg_owner owner = owners[below(self, OWNERS)];
            uint32_t kind = 0;
            OK(mreg_owner_kind(owner, &kind, NULL));
            status = mreg_model_move(*model, kind == MREG_KIND_DATA_SOURCE ? owner : MREG_NULL,
                                     kind == MREG_KIND_DATA_SOURCE ? MREG_NULL : owner, NULL, 0, &error);
            /* There may be none yet, or it may be gone. */
            CHECK(status == MREG_OK || status == MREG_ERROR_STALE_HANDLE || status == MREG_ERROR_NULL_HANDLE);
            status = MREG_OK;
        } else if (what < 90) {
            mreg_owner *owner = &owners[below(self, OWNERS)];
            OK(mreg_owner_release(*owner, NULL));
            *owner = make_owner(self);
        } else if (what < 97) {
            OK(mreg_owner_models(owners[below(self, OWNERS)], MREG_KIND_ANY, NULL, 0, &count, NULL, NULL));
        } else if (what < 98) {
            OK(mreg_tenant_drop(self->registry, "north", 5, MREG_NULL, NULL, NULL));
        } else if (what < 99 && below(self, 50) == 0) {
            OK(mreg_registry_clear(self->registry, NULL));
        } else {
            mreg_snapshot snapshot = MREG_NULL;
            OK(mreg_owner_hold_models(owners[below(self, OWNERS)], MREG_KIND_ANY, &snapshot, NULL));
            OK(mreg_snapshot_free(snapshot, NULL));
        }
        CHECK(status == MREG_OK || status == MREG_ERROR_STALE_HANDLE);
    }
    for (at = 0; at < OWNERS; at++)
        OK(mreg_owner_release(owners[at], NULL));
    atomic_fetch_sub(&writing, 1);
    return NULL;
}

static void poll_queue(mreg_queue queue)
{
    bool found = true;
    while (found) {
        mreg_due due = MREG_DUE_INIT;
        OK(mreg_queue_poll(queue, &due, &found, NULL));
        if (found) {
            CHECK(due.user_data == &destroyed && due.kind == MREG_DUE_MODEL);
            atomic_fetch_add(&released, 1);
        }
    }
}

static void poll_watcher(mreg_watcher watcher, uint64_t *last)
{
    bool found = true;
    while (found) {
        mreg_change change = MREG_CHANGE_INIT;
        OK(mreg_watcher_poll(watcher, &change, &found, NULL));
        if (found) {
            CHECK(change.sequence > *last);
            *last = change.sequence;
        }
    }
}

static void once(size_t changes, mreg_schema schema)
{
    mreg_registry_options options = MREG_REGISTRY_OPTIONS_INIT;
    mreg_sweeper_options sweeping = MREG_SWEEPER_OPTIONS_INIT;
    mreg_sweeper_info info = MREG_SWEEPER_INFO_INIT;
    mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
    mreg_registry registry = MREG_NULL;
    mreg_watcher watcher = MREG_NULL;
    mreg_queue queue = MREG_NULL;
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    uint64_t last = 0;
    uint32_t kind = 0;
    size_t at;
    OK(mreg_queue_create(&queue, NULL));
    options.release_queue = queue;
    OK(mreg_registry_create(&options, &registry, NULL));
    OK(mreg_owner_kind_register(registry, "desk", 4, &kind, NULL));
    OK(mreg_watcher_create(registry, NULL, &watcher, NULL));
    sweeping.interval_ms = 1;
    sweeping.max_idle_ms = 0;
    OK(mreg_sweeper_start(registry, &sweeping, NULL));
    atomic_store(&writing, WRITERS);
    for (at = 0; at < WRITERS; at++) {
        writers[at].registry = registry;
        writers[at].kind = kind;
        writers[at].random = 88172645463325252u + at * 1000003u;
        writers[at].changes = changes / WRITERS;
        writers[at].schema = schema;
        CHECK(pthread_create(&threads[at], NULL, write_all, &writers[at]) == 0);
    }
    while (atomic_load(&writing) > 0) {
        poll_queue(queue);
        poll_watcher(watcher, &last);
        /* Where threads take turns, as under valgrind, the writers need theirs. */
        sched_yield();
    }
    for (at = 0; at < WRITERS; at++)
        CHECK(pthread_join(threads[at], NULL) == 0);
    OK(mreg_sweeper_get_info(registry, &info, NULL));
    CHECK(info.running == 1);
    OK(mreg_sweeper_stop(registry, NULL));
    OK(mreg_registry_clear(registry, NULL));
    OK(mreg_registry_reclaim(registry, NULL));
    poll_queue(queue);
    poll_watcher(watcher, &last);
    OK(mreg_registry_get_stats(registry, &stats, NULL));
    CHECK(stats.bytes_in_use == 0 && stats.models == 0 && stats.owners == 0);
    CHECK(atomic_load(&destroyed) + atomic_load(&released) == atomic_load(&handed_in));
    CHECK(atomic_load(&released) > 0 && atomic_load(&destroyed) > 0 && last > 0);
    OK(mreg_watcher_free(watcher, NULL));
    OK(mreg_registry_destroy(registry, NULL));
    OK(mreg_queue_free(queue, NULL));
}

int main(int argc, char **argv)
{
    int watched = getenv("MODELREG_VALGRIND") != NULL || getenv("MODELREG_SANITIZER") != NULL;
    size_t changes = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : watched ? 2000 : 100000;
    mreg_schema schema = MREG_NULL;
    size_t begun, left;
    CHECK(changes > 0);
    OK(mreg_schema_parse("{\"name\": \"Some\", \"properties\": {\"name\": \"string\"}}", MREG_NUL_TERMINATED, NULL, &schema, NULL));
    /* What is made once and stays: slots, locks, counter lines. */
    once(changes / 4 + 1, schema);
    begun = heap();
    once(changes, schema);
    left = heap();
    if (!watched && left > begun + (size_t)1000000) {
        fprintf(stderr, "the heap had %zu bytes, and %zu in the end\n", begun, left);
        return 1;
    }
    OK(mreg_schema_free(schema, NULL));
    return 0;
}
