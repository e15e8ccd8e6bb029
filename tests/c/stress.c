/* Eight threads that mix every function of the library. In one registry each thread changes owners and a tenant of its own,
 * whose answers it knows exactly, and an owner that all of them share, of which it knows its own part exactly; in a second
 * one everybody clears, drops, sweeps, destroys and makes anew, and only what holds in every order of the calls is checked;
 * a third one has a release queue. In the end every destructor ran once, and nothing is in use.
 *
 *     stress [rounds of each thread [first seed]]        150 take seconds, 100000 minutes */

#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 8
#define ITEMS 8192
#define SHADOW 24
#define SLOTS 8

/* The user_data of a model, an owner or a watcher; used again when it was destroyed. */
struct item {
    atomic_int state;
};

enum { UNUSED, HANDED, DESTROYED };

static atomic_ullong handed, destroyed_items, queued, polled;

static void destroy(void *user_data)
{
    struct item *item = user_data;
    CHECK(atomic_exchange(&item->state, DESTROYED) == HANDED);
    atomic_fetch_add(&destroyed_items, 1);
}

/* A list that one thread alone changes, or its part of a list: in the order of its registrations. */
struct shadow {
    size_t count;
    struct entry {
        mreg_model model;
        struct item *item;
        char name[24];
    } entries[SHADOW];
};

struct worker {
    pthread_t thread;
    int number;
    uint64_t random;
    struct item *items;
    size_t next_item;
    size_t names;
    mreg_owner app, source;
    struct shadow of_app, of_source, of_shared, of_tenant;
    char tenant[16];
    mreg_schema schema;
    /* The last answer about the shared owner. */
    mreg_stamp seen;
    uint64_t seen_sum;
    mreg_watcher watcher;
    uint64_t sequence;
};

static struct worker workers[THREADS];
static size_t rounds = 150;

/* The registry of exact answers, and the owner in it that all share. */
static mreg_registry exact;
static mreg_owner shared;
/* The one in which everything happens, and owners of it. */
static _Atomic mreg_registry chaos;
static _Atomic mreg_owner slots[SLOTS];
static mreg_registry polling;
static mreg_queue queue;

static uint64_t below(struct worker *self, uint64_t limit)
{
    /* xorshift64* (Vigna 2016). */
    self->random ^= self->random >> 12;
    self->random ^= self->random << 25;
    self->random ^= self->random >> 27;
    return (self->random * 0x2545F4914F6CDD1DULL >> 33) % limit;
}

static struct item *new_item(struct worker *self)
{
    for (;;) {
        struct item *item = &self->items[self->next_item++ % ITEMS];
        if (atomic_load(&item->state) != HANDED) {
            atomic_store(&item->state, HANDED);
            atomic_fetch_add(&handed, 1);
            return item;
        }
    }
}

static mreg_model add(struct worker *self, struct shadow *shadow, mreg_owner app, mreg_owner source, const char *tenant,
                      const char *name, size_t at)
{
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    struct entry *entry = &shadow->entries[at];
    struct item *before = at < shadow->count ? entry->item : NULL;
    options.name = text_of(name);
    options.app = app;
    options.data_source = source;
    options.tenant = text_of(tenant);
    options.schema = self->schema;
    options.user_data = entry->item = new_item(self);
    options.destroy = destroy;
    OK(mreg_model_register(exact, &options, &entry->model, NULL));
    snprintf(entry->name, sizeof entry->name, "%s", name);
    if (before) {
        /* Somebody may hold the one that was replaced. */
        CHECK(atomic_load(&entry->item->state) == HANDED);
    } else {
        shadow->count++;
    }
    return entry->model;
}

static void add_new(struct worker *self, struct shadow *shadow, mreg_owner app, mreg_owner source, const char *tenant)
{
    char name[24];
    if (shadow->count == SHADOW)
        return;
    snprintf(name, sizeof name, "w%d_%zu", self->number, self->names++);
    add(self, shadow, app, source, tenant, name, shadow->count);
}

static void take_out(struct shadow *shadow, size_t at)
{
    memmove(&shadow->entries[at], &shadow->entries[at + 1], (shadow->count - at - 1) * sizeof shadow->entries[0]);
    shadow->count--;
}

/* The thread's own part of a list: in its order, with its names. */
static void check_part(const struct shadow *shadow, const mreg_model *models, size_t count)
{
    size_t at, next = 0, other;
    for (at = 0; at < count; at++) {
        CHECK(models[at] != MREG_NULL);
        for (other = 0; other < at; other++)
            CHECK(models[at] != models[other]);
        if (next < shadow->count && models[at] == shadow->entries[next].model)
            next++;
    }
    CHECK(next == shadow->count);
}

/* The same owner several times in one call. */
static void check_many(mreg_owner owner, const struct shadow *shadow)
{
    mreg_owner owners[SHADOW + 2];
    mreg_text names[SHADOW + 2];
    mreg_model models[2 * SHADOW + 2], found[SHADOW + 2];
    size_t counts[2] = {77, 77}, total = 77, at;
    for (at = 0; at < shadow->count + 2; at++) {
        owners[at] = owner;
        names[at] = text_of(at < shadow->count ? shadow->entries[at].name : "Nobody");
    }
    OK(mreg_owner_models_many(owners, 2, MREG_KIND_ANY, models, 2 * SHADOW + 2, counts, NULL, NULL, &total, NULL));
    CHECK(counts[0] == shadow->count && counts[1] == shadow->count && total == 2 * shadow->count);
    OK(mreg_owner_get_many(owners, shadow->count + 1, MREG_KIND_ANY, names, shadow->count + 1, found, NULL, NULL));
    for (at = 0; at < shadow->count; at++) {
        CHECK(models[at] == shadow->entries[at].model && models[shadow->count + at] == models[at]);
        CHECK(found[at] == models[at]);
    }
    CHECK(found[shadow->count] == MREG_NULL);
}

static void check_exactly(struct worker *self, mreg_owner owner, const struct shadow *shadow)
{
    mreg_model models[SHADOW + 1];
    mreg_stamp stamp, again;
    char names[SHADOW * 24 + 1];
    size_t count = 77, length = 77, at;
    const char *name = names;
    OK(mreg_owner_models(owner, MREG_KIND_ANY, models, SHADOW + 1, &count, &stamp, NULL));
    CHECK(count == shadow->count);
    for (at = 0; at < count; at++)
        CHECK(models[at] == shadow->entries[at].model);
    OK(mreg_owner_names(owner, MREG_KIND_ANY, names, sizeof names, &length, &count, &again, NULL));
    CHECK(count == shadow->count && again.stamp == stamp.stamp);
    check_many(owner, shadow);
    for (at = 0; at < count; at++, name += strlen(name) + 1)
        CHECK(strcmp(name, shadow->entries[at].name) == 0);
    if (shadow->count) {
        const struct entry *entry = &shadow->entries[below(self, shadow->count)];
        mreg_model found = MREG_NULL;
        mreg_owner of = MREG_NULL;
        mreg_registry registry = MREG_NULL;
        void *user_data = NULL;
        bool has = false;
        char text[32];
        OK(mreg_owner_get(owner, MREG_KIND_ANY, entry->name, MREG_NUL_TERMINATED, &found, NULL));
        OK(mreg_owner_has(owner, MREG_KIND_ANY, entry->name, MREG_NUL_TERMINATED, &has, NULL));
        CHECK(found == entry->model && has);
        OK(mreg_model_name(found, text, sizeof text, NULL, NULL));
        CHECK(strcmp(text, entry->name) == 0);
        OK(mreg_model_owners(found, &of, NULL, NULL, NULL));
        OK(mreg_model_registry(found, &registry, NULL));
        OK(mreg_model_user_data(found, &user_data, NULL));
        CHECK(of == owner && registry == exact && user_data == entry->item && mreg_model_is_valid(found));
    }
}

static void change_own(struct worker *self)
{
    mreg_model models[SHADOW];
    size_t count = 0;
    struct shadow *apps = &self->of_app, *sources = &self->of_source;
    switch (below(self, 6)) {
    case 0:
        add_new(self, apps, self->app, MREG_NULL, "");
        break;
    case 1:
        add_new(self, sources, MREG_NULL, self->source, "");
        break;
    case 2:
        if (apps->count) {
            /* In the place of one of its name: the old handle is stale. */
            size_t at = below(self, apps->count);
            mreg_model old = apps->entries[at].model;
            char name[24];
            memcpy(name, apps->entries[at].name, sizeof name);
            add(self, apps, self->app, MREG_NULL, "", name, at);
            CHECK(!mreg_model_is_valid(old) && apps->entries[at].model != old);
        }
        break;
    case 3:
        if (apps->count) {
            size_t at = below(self, apps->count);
            struct item *item = apps->entries[at].item;
            OK(mreg_model_unregister(apps->entries[at].model, NULL));
            EXPECT(MREG_ERROR_STALE_HANDLE, mreg_model_unregister(apps->entries[at].model, NULL));
            CHECK(atomic_load(&item->state) != HANDED);
            take_out(apps, at);
        }
        break;
    case 4:
        if (apps->count && sources->count < SHADOW) {
            size_t at = below(self, apps->count);
            struct entry moved = apps->entries[at];
            OK(mreg_model_move(moved.model, self->source, MREG_NULL, NULL, 0, NULL));
            take_out(apps, at);
            sources->entries[sources->count++] = moved;
        }
        break;
    default:
        if (below(self, 8) == 0) {
            mreg_owner old = self->app;
            OK(mreg_owner_release(old, NULL));
            EXPECT(MREG_ERROR_STALE_HANDLE, mreg_owner_models(old, MREG_KIND_ANY, NULL, 0, &count, NULL, NULL));
            CHECK(!mreg_owner_is_valid(old));
            self->app = new_owner(exact, MREG_KIND_APP, "");
            apps->count = 0;
        }
    }
    check_exactly(self, self->app, apps);
    check_exactly(self, self->source, sources);
    OK(mreg_owner_models_on(self->source, MREG_KIND_ANY, models, SHADOW, &count, NULL, NULL));
    CHECK(count == sources->count);
    check_part(sources, models, count);
}

static void change_tenant(struct worker *self)
{
    struct shadow *shadow = &self->of_tenant;
    mreg_model models[SHADOW + 1], found = MREG_NULL;
    mreg_tenant_info info = MREG_TENANT_INFO_INIT;
    size_t count = 77;
    uint64_t dropped = 77;
    char text[32];
    if (below(self, 10) == 0) {
        OK(mreg_tenant_drop(exact, self->tenant, MREG_NUL_TERMINATED, MREG_NULL, &dropped, NULL));
        CHECK(dropped == shadow->count);
        shadow->count = 0;
    } else {
        OK(mreg_tenant_set_current(self->tenant, MREG_NUL_TERMINATED, NULL));
        add_new(self, shadow, MREG_NULL, MREG_NULL, "");
        OK(mreg_tenant_current(text, sizeof text, NULL, NULL));
        CHECK(strcmp(text, self->tenant) == 0);
        OK(mreg_tenant_set_current(NULL, 0, NULL));
    }
    OK(mreg_tenant_touch(exact, self->tenant, MREG_NUL_TERMINATED, NULL));
    OK(mreg_tenant_models(exact, self->tenant, MREG_NUL_TERMINATED, models, SHADOW + 1, &count, NULL));
    CHECK(count == shadow->count);
    check_part(shadow, models, count);
    OK(mreg_tenant_get_info(exact, self->tenant, MREG_NUL_TERMINATED, &info, NULL));
    CHECK(info.exists == (shadow->count > 0) && info.models == shadow->count);
    if (shadow->count) {
        const struct entry *last = &shadow->entries[shadow->count - 1];
        int64_t since = 0;
        mreg_find_options structure = MREG_FIND_OPTIONS_INIT;
        OK(mreg_tenant_find_model(exact, self->tenant, MREG_NUL_TERMINATED, last->name, MREG_NUL_TERMINATED, &found, NULL));
        CHECK(found == last->model);
        OK(mreg_registry_find_model(exact, last->name, MREG_NUL_TERMINATED, &found, NULL));
        CHECK(found == last->model);
        OK(mreg_model_tenant(found, text, sizeof text, NULL, NULL));
        OK(mreg_model_registered_at(found, &since, NULL));
        CHECK(strcmp(text, self->tenant) == 0 && since > 0);
        /* The newest of this structure in the tenant; global has none. */
        structure.schema = self->schema;
        structure.tenant = text_of(self->tenant);
        OK(mreg_registry_find_structure(exact, &structure, &found, NULL));
        CHECK(found == last->model);
    }
}

static void change_shared(struct worker *self)
{
    struct shadow *shadow = &self->of_shared;
    mreg_model models[THREADS * SHADOW];
    mreg_snapshot snapshot = MREG_NULL;
    mreg_stamp stamp, held;
    size_t count = 0, at, next = 0;
    uint64_t sum = 0;
    const mreg_freshness_word *word = NULL, *of_registry = NULL;
    if (shadow->count < SHADOW / 2 || below(self, 2) == 0) {
        add_new(self, shadow, shared, MREG_NULL, "");
    } else {
        at = below(self, shadow->count);
        OK(mreg_model_unregister(shadow->entries[at].model, NULL));
        take_out(shadow, at);
    }
    OK(mreg_owner_models(shared, MREG_KIND_APP, models, THREADS * SHADOW, &count, &stamp, NULL));
    CHECK(count <= THREADS * SHADOW && stamp.stamp >= self->seen.stamp);
    check_part(shadow, models, count);
    for (at = 0; at < count; at++)
        sum = sum * 31 + models[at];
    /* One stamp is one list, and while the words stay the stamp does. */
    CHECK(stamp.stamp != self->seen.stamp || sum == self->seen_sum);
    CHECK(stamp.owner_word != self->seen.owner_word || stamp.registry_word != self->seen.registry_word ||
          stamp.stamp == self->seen.stamp);
    self->seen = stamp;
    self->seen_sum = sum;
    OK(mreg_owner_freshness_words(shared, &word, &of_registry, NULL));
    CHECK(__atomic_load_n(word, __ATOMIC_ACQUIRE) >= stamp.owner_word);
    CHECK(__atomic_load_n(of_registry, __ATOMIC_ACQUIRE) >= stamp.registry_word);
    if (below(self, 4) == 0) {
        OK(mreg_owner_invalidate(shared, NULL));
        OK(mreg_owner_touch(shared, NULL));
    }
    /* What is held stays as it is. */
    OK(mreg_owner_hold_models(shared, MREG_KIND_ANY, &snapshot, NULL));
    OK(mreg_snapshot_models(snapshot, models, THREADS * SHADOW, &count, &held, NULL));
    CHECK(held.stamp >= stamp.stamp);
    check_part(shadow, models, count);
    for (at = 0; at < count; at++) {
        char text[32];
        void *user_data = NULL;
        int64_t since = 0;
        mreg_schema schema = MREG_NULL;
        OK(mreg_snapshot_name(snapshot, at, text, sizeof text, NULL, NULL));
        OK(mreg_snapshot_user_data(snapshot, at, &user_data, NULL));
        CHECK(text[0] == 'w' && atomic_load(&((struct item *)user_data)->state) == HANDED);
        if (next < shadow->count && models[at] == shadow->entries[next].model) {
            CHECK(strcmp(text, shadow->entries[next].name) == 0 && user_data == shadow->entries[next].item);
            next++;
        }
        if (at == 0) {
            OK(mreg_snapshot_registered_at(snapshot, at, &since, NULL));
            OK(mreg_snapshot_settings(snapshot, at, text, sizeof text, NULL, NULL));
            OK(mreg_snapshot_schema(snapshot, at, &schema, NULL));
            CHECK(since > 0);
            OK(mreg_schema_free(schema, NULL));
        }
    }
    OK(mreg_snapshot_free(snapshot, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_snapshot_free(snapshot, NULL));
}

static void hold_one(struct worker *self)
{
    struct shadow *shadow = &self->of_app;
    struct entry entry;
    char text[32];
    mreg_schema schema = MREG_NULL;
    bool same = false;
    if (!shadow->count)
        return;
    entry = shadow->entries[shadow->count - 1];
    OK(mreg_model_hold(entry.model, NULL));
    OK(mreg_model_unregister(entry.model, NULL));
    shadow->count--;
    /* Held, it can be read still. */
    OK(mreg_model_name(entry.model, text, sizeof text, NULL, NULL));
    CHECK(strcmp(text, entry.name) == 0 && atomic_load(&entry.item->state) == HANDED);
    OK(mreg_model_settings(entry.model, text, sizeof text, NULL, NULL));
    OK(mreg_model_schema(entry.model, &schema, NULL));
    OK(mreg_schema_same_structure(schema, self->schema, &same, NULL));
    CHECK(same);
    OK(mreg_schema_free(schema, NULL));
    OK(mreg_model_unhold(entry.model, NULL));
    CHECK(atomic_load(&entry.item->state) == DESTROYED);
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_model_unhold(entry.model, NULL));
}

static void define(struct worker *self)
{
    char name[32], text[512];
    mreg_builder builder = MREG_NULL;
    mreg_schema made = MREG_NULL, parsed = MREG_NULL, base = MREG_NULL;
    mreg_schema_info info = MREG_SCHEMA_INFO_INIT;
    uint32_t kind = 0, depth = 0, flags = 0;
    bool same = false;
    snprintf(name, sizeof name, "Built%d", self->number);
    OK(mreg_builder_create(name, MREG_NUL_TERMINATED, &builder, NULL));
    OK(mreg_builder_free(builder, NULL));
    OK(mreg_builder_create(name, MREG_NUL_TERMINATED, &builder, NULL));
    OK(mreg_schema_builtin("PersistedModel", MREG_NUL_TERMINATED, &base, NULL));
    OK(mreg_builder_set_base(builder, base, NULL));
    OK(mreg_builder_set_settings(builder, "{\"a\": 1}", MREG_NUL_TERMINATED, NULL));
    OK(mreg_builder_add(builder, "one", 3, "string", 6, NULL, 0, NULL));
    OK(mreg_builder_open_object(builder, "two", 3, NULL, 0, NULL));
    OK(mreg_builder_add(builder, "three", 5, "number", 6, NULL, 0, NULL));
    OK(mreg_builder_close(builder, NULL));
    OK(mreg_builder_open_array(builder, "four", 4, NULL, 0, NULL));
    OK(mreg_builder_add(builder, NULL, 0, "string", 6, NULL, 0, NULL));
    OK(mreg_builder_close(builder, NULL));
    OK(mreg_builder_hide(builder, "five", 4, NULL));
    OK(mreg_builder_finish(builder, &made, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_builder_free(builder, NULL));
    OK(mreg_schema_to_json(made, text, sizeof text, NULL, NULL));
    OK(mreg_schema_parse(text, MREG_NUL_TERMINATED, NULL, &parsed, NULL));
    OK(mreg_schema_same_structure(made, parsed, &same, NULL));
    OK(mreg_schema_get_info(parsed, &info, NULL));
    OK(mreg_schema_classify("{\"a\": {\"b\": 1}}", MREG_NUL_TERMINATED, &kind, &depth, NULL));
    CHECK(same && info.properties >= 3 && depth == 1);
    OK(mreg_schema_name(made, text, sizeof text, NULL, NULL));
    CHECK(strcmp(text, name) == 0);
    OK(mreg_schema_base(made, text, sizeof text, NULL, NULL));
    OK(mreg_schema_settings(made, text, sizeof text, NULL, NULL));
    OK(mreg_schema_property_name(made, 0, text, sizeof text, NULL, NULL));
    OK(mreg_schema_property_type(made, 0, text, sizeof text, NULL, NULL));
    OK(mreg_schema_property_attributes(made, 0, text, sizeof text, NULL, NULL));
    OK(mreg_schema_property_flags(made, 0, &flags, NULL));
    OK(mreg_schema_free(made, NULL));
    OK(mreg_schema_free(parsed, NULL));
    OK(mreg_schema_free(base, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_schema_free(made, NULL));
}

/* Where others destroy: whether the call found what it was about. */
static int there(mreg_status status)
{
    if (status != MREG_OK && status != MREG_ERROR_STALE_HANDLE && status != MREG_ERROR_FOREIGN_HANDLE) {
        fprintf(stderr, "a call gave %s\n", mreg_status_name(status));
        CHECK(!mreg_status_text(status));
    }
    return status == MREG_OK;
}

static void told(void *user_data, const mreg_change *change)
{
    CHECK(atomic_load(&((struct item *)user_data)->state) == HANDED);
    CHECK(change->kind >= MREG_CHANGE_REGISTERED && change->kind <= MREG_CHANGE_LOST);
}

static void logged(void *user_data, uint32_t level, const char *message, size_t length)
{
    CHECK(!user_data && level <= MREG_LOG_DEBUG && message[length] == '\0' && strlen(message) == length);
}

static mreg_registry make_chaos(void)
{
    mreg_registry_options options = MREG_REGISTRY_OPTIONS_INIT;
    mreg_registry registry = MREG_NULL;
    options.max_models = 4000;
    OK(mreg_registry_create(&options, &registry, NULL));
    return registry;
}

static void poll_watcher(struct worker *self)
{
    mreg_change change = MREG_CHANGE_INIT;
    bool found = true;
    while (found) {
        OK(mreg_watcher_poll(self->watcher, &change, &found, NULL));
        if (found) {
            CHECK(change.sequence > self->sequence);
            self->sequence = change.sequence;
        }
    }
}

static void watch(struct worker *self, mreg_registry registry)
{
    mreg_watcher_options options = MREG_WATCHER_OPTIONS_INIT;
    mreg_watcher watcher = MREG_NULL;
    options.user_data = new_item(self);
    options.destroy = destroy;
    if (below(self, 2)) {
        /* It may be called until it is freed. */
        options.callback = told;
        if (there(mreg_watcher_create(registry, &options, &watcher, NULL))) {
            mreg_registry_clear(registry, NULL);
            OK(mreg_watcher_free(watcher, NULL));
        }
        return;
    }
    options.capacity = 64;
    if (there(mreg_watcher_create(registry, &options, &watcher, NULL))) {
        if (self->watcher) {
            poll_watcher(self);
            OK(mreg_watcher_free(self->watcher, NULL));
        }
        self->watcher = watcher;
        self->sequence = 0;
    }
}

static void read_slot(mreg_owner owner)
{
    mreg_model models[512];
    mreg_stamp stamp;
    size_t count = 0, at;
    mreg_registry registry = MREG_NULL;
    uint32_t kind = 0;
    void *user_data = NULL;
    char text[300];
    if (!there(mreg_owner_models(owner, MREG_KIND_ANY, models, 512, &count, &stamp, NULL)))
        return;
    for (at = 0; at < count && at < 512; at++) {
        size_t other;
        for (other = 0; other < at; other++)
            CHECK(models[at] != models[other]);
    }
    there(mreg_owner_kind(owner, &kind, NULL));
    there(mreg_owner_name(owner, text, sizeof text, NULL, NULL));
    there(mreg_owner_tenant(owner, text, sizeof text, NULL, NULL));
    there(mreg_owner_user_data(owner, &user_data, NULL));
    there(mreg_owner_registry(owner, &registry, NULL));
    if (count && count <= 512 && mreg_model_name(models[0], text, sizeof text, NULL, NULL) == MREG_OK)
        CHECK(text[0] == 'c');
}

static void cause_chaos(struct worker *self)
{
    mreg_registry registry = atomic_load(&chaos);
    _Atomic mreg_owner *slot = &slots[below(self, SLOTS)];
    mreg_owner owner = atomic_load(slot);
    mreg_snapshot snapshot = MREG_NULL;
    mreg_model models[64];
    size_t count = 0;
    uint64_t number = 0;
    char text[2048];
    switch (below(self, 24)) {
    case 0:
    case 1: {
        mreg_owner_options options = MREG_OWNER_OPTIONS_INIT;
        mreg_owner made = MREG_NULL, old;
        options.kind = below(self, 2) ? MREG_KIND_APP : MREG_KIND_DATA_SOURCE;
        options.connector = text_of(options.kind == MREG_KIND_APP ? "" : "memory");
        options.user_data = new_item(self);
        options.destroy = destroy;
        if (there(mreg_owner_create(registry, &options, &made, NULL))) {
            old = atomic_exchange(slot, made);
            there(mreg_owner_release(old, NULL));
        }
        break;
    }
    case 2:
        there(mreg_registry_clear(registry, NULL));
        break;
    case 3:
        there(mreg_tenant_drop_idle(registry, below(self, 2) * 1000, &number, NULL));
        break;
    case 4:
        there(mreg_tenant_drop(registry, "north", 5, MREG_NULL, &number, NULL));
        break;
    case 5:
        if (below(self, 10) == 0) {
            mreg_registry made = make_chaos();
            registry = atomic_exchange(&chaos, made);
            OK(mreg_registry_destroy(registry, NULL));
            EXPECT(MREG_ERROR_STALE_HANDLE, mreg_registry_destroy(registry, NULL));
        }
        break;
    case 6:
        watch(self, registry);
        break;
    case 7: {
        mreg_sweeper_options options = MREG_SWEEPER_OPTIONS_INIT;
        mreg_sweeper_info info = MREG_SWEEPER_INFO_INIT;
        options.interval_ms = 1;
        options.max_idle_ms = 0;
        there(mreg_sweeper_start(registry, &options, NULL));
        there(mreg_sweeper_run(registry, &number, NULL));
        there(mreg_sweeper_get_info(registry, &info, NULL));
        if (below(self, 2))
            there(mreg_sweeper_stop(registry, NULL));
        break;
    }
    case 8:
        if (there(mreg_owner_hold_models_on(owner, MREG_KIND_ANY, &snapshot, NULL)))
            OK(mreg_snapshot_free(snapshot, NULL));
        if (there(mreg_registry_hold_models(registry, &snapshot, NULL)))
            OK(mreg_snapshot_free(snapshot, NULL));
        break;
    case 9: {
        mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
        mreg_memory memory = MREG_MEMORY_INIT;
        there(mreg_registry_get_stats(registry, &stats, NULL));
        there(mreg_registry_get_memory(registry, &memory, NULL));
        there(mreg_registry_generation(registry, &number, NULL));
        CHECK(stats.models <= 4000 && memory.in_use >= memory.models);
        break;
    }
    case 10:
        there(mreg_registry_reclaim(registry, NULL));
        there(mreg_registry_models(registry, models, 64, &count, NULL));
        break;
    case 11:
        there(mreg_registry_leak_report(registry, text, sizeof text, NULL, &count, NULL));
        break;
    case 12: {
        mreg_tenant_info info = MREG_TENANT_INFO_INIT;
        do {
            number = info.number;
        } while (there(mreg_tenant_next(registry, number, &info, NULL)) && info.exists);
        break;
    }
    case 13:
        OK(mreg_log_set(below(self, 2) ? MREG_LOG_DEBUG : MREG_LOG_OFF, logged, NULL, NULL));
        break;
    case 14:
        if (below(self, 16) == 0) {
            mreg_load_report report = MREG_NULL;
            mreg_load_info info = MREG_LOAD_INFO_INIT;
            mreg_problem problem = MREG_PROBLEM_INIT;
            mreg_status status =
                mreg_application_load(registry, "tests/fixtures/variants", MREG_NUL_TERMINATED, NULL, &report, NULL);
            if (status != MREG_ERROR_IO && there(status)) {
                OK(mreg_load_report_get_info(report, &info, NULL));
                CHECK(info.loaded == 1);
                mreg_load_report_problem(report, 0, &problem, NULL);
                there(mreg_load_report_data_source(report, 0, &owner, NULL));
                OK(mreg_load_report_free(report, NULL));
            }
        }
        break;
    case 15: {
        uint32_t kind = 0;
        there(mreg_owner_kind_register(registry, "worker", 6, &kind, NULL));
        there(mreg_registry_set_clock(registry, below(self, 1000000), NULL));
        break;
    }
    default: {
        mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
        mreg_model model = MREG_NULL;
        uint32_t kind = 0;
        mreg_status status;
        snprintf(text, sizeof text, "c%d", (int)below(self, 200));
        options.name = text_of(text);
        options.tenant = text_of("north");
        if (mreg_owner_kind(owner, &kind, NULL) == MREG_OK && below(self, 2))
            *(kind == MREG_KIND_DATA_SOURCE ? &options.data_source : &options.app) = owner;
        options.user_data = new_item(self);
        options.destroy = destroy;
        status = mreg_model_register(registry, &options, &model, NULL);
        if (status != MREG_ERROR_FULL && there(status) && below(self, 4) == 0)
            there(mreg_model_unregister(model, NULL));
        read_slot(owner);
    }
    }
}

/* Without destructors: what is due comes out of the queue, each pointer once. */
static void use_queue(struct worker *self)
{
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model model = MREG_NULL;
    mreg_due due = MREG_DUE_INIT;
    bool found = true;
    char name[16];
    snprintf(name, sizeof name, "q%d", (int)below(self, 40));
    options.name = text_of(name);
    options.user_data = new_item(self);
    atomic_fetch_add(&queued, 1);
    OK(mreg_model_register(polling, &options, &model, NULL));
    while (found) {
        OK(mreg_queue_poll(queue, &due, &found, NULL));
        if (found) {
            CHECK(due.kind == MREG_DUE_MODEL && !mreg_model_is_valid(due.handle));
            destroy(due.user_data);
            atomic_fetch_add(&polled, 1);
        }
    }
}

static void *work(void *at)
{
    struct worker *self = at;
    size_t round;
    for (round = 0; round < rounds; round++) {
        change_own(self);
        change_shared(self);
        change_tenant(self);
        cause_chaos(self);
        cause_chaos(self);
        use_queue(self);
        hold_one(self);
        if (round % 8 == 0)
            define(self);
        if (self->watcher)
            poll_watcher(self);
    }
    if (self->watcher)
        OK(mreg_watcher_free(self->watcher, NULL));
    return NULL;
}

static void is_empty(mreg_registry registry)
{
    mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
    OK(mreg_registry_clear(registry, NULL));
    OK(mreg_registry_reclaim(registry, NULL));
    OK(mreg_registry_get_stats(registry, &stats, NULL));
    CHECK(stats.models == 0 && stats.owners == 0 && stats.tenants == 0 && stats.bytes_in_use == 0);
}

int main(int argc, char **argv)
{
    mreg_registry_options options = MREG_REGISTRY_OPTIONS_INIT;
    mreg_registry by_default = MREG_NULL;
    mreg_due due = MREG_DUE_INIT;
    bool found = true;
    uint64_t seed = 4711;
    int at;
    if (argc > 1)
        rounds = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    CHECK(mreg_version() >> 16 == MREG_VERSION_MAJOR && mreg_version_string()[0]);
    exact = new_registry();
    shared = new_owner(exact, MREG_KIND_APP, "");
    atomic_store(&chaos, make_chaos());
    OK(mreg_queue_create(&queue, NULL));
    options.release_queue = queue;
    OK(mreg_registry_create(&options, &polling, NULL));
    OK(mreg_registry_default(&by_default, NULL));
    for (at = 0; at < SLOTS; at++)
        atomic_store(&slots[at], new_owner(atomic_load(&chaos), MREG_KIND_APP, ""));
    for (at = 0; at < THREADS; at++) {
        struct worker *self = &workers[at];
        mreg_owner_options source = MREG_OWNER_OPTIONS_INIT;
        char text[64];
        self->number = at;
        self->random = seed * 0x9E3779B97F4A7C15ULL + (uint64_t)at + 1;
        CHECK((self->items = calloc(ITEMS, sizeof *self->items)) != NULL);
        snprintf(self->tenant, sizeof self->tenant, "tenant%d", at);
        snprintf(text, sizeof text, "database%d", at);
        self->app = new_owner(exact, MREG_KIND_APP, "");
        source.kind = MREG_KIND_DATA_SOURCE;
        source.connector = text_of("mysql");
        source.database = text_of(text);
        OK(mreg_owner_create(exact, &source, &self->source, NULL));
        snprintf(text, sizeof text, "{\"name\": \"A\", \"properties\": {\"p%d\": \"string\"}}", at);
        OK(mreg_schema_parse(text, MREG_NUL_TERMINATED, NULL, &self->schema, NULL));
    }
    for (at = 0; at < THREADS; at++)
        CHECK(pthread_create(&workers[at].thread, NULL, work, &workers[at]) == 0);
    for (at = 0; at < THREADS; at++)
        CHECK(pthread_join(workers[at].thread, NULL) == 0);
    OK(mreg_log_set(MREG_LOG_OFF, NULL, NULL, NULL));
    for (at = 0; at < THREADS; at++) {
        struct worker *self = &workers[at];
        check_exactly(self, self->app, &self->of_app);
        check_exactly(self, self->source, &self->of_source);
        OK(mreg_owner_release(self->app, NULL));
        OK(mreg_owner_release(self->source, NULL));
        OK(mreg_schema_free(self->schema, NULL));
    }
    OK(mreg_owner_release(shared, NULL));
    for (at = 0; at < SLOTS; at++)
        there(mreg_owner_release(atomic_load(&slots[at]), NULL));
    /* The sweeper may be at it: after the stop it is not. */
    OK(mreg_sweeper_stop(atomic_load(&chaos), NULL));
    is_empty(exact);
    is_empty(polling);
    OK(mreg_registry_destroy(exact, NULL));
    OK(mreg_registry_destroy(atomic_load(&chaos), NULL));
    OK(mreg_registry_destroy(polling, NULL));
    while (found) {
        OK(mreg_queue_poll(queue, &due, &found, NULL));
        if (found) {
            destroy(due.user_data);
            atomic_fetch_add(&polled, 1);
        }
    }
    OK(mreg_queue_free(queue, NULL));
    CHECK(atomic_load(&queued) == atomic_load(&polled));
    CHECK(atomic_load(&handed) == atomic_load(&destroyed_items));
    printf("%d threads, %zu rounds, %llu destructors, each once\n", THREADS, rounds, atomic_load(&handed));
    for (at = 0; at < THREADS; at++)
        free(workers[at].items);
    return 0;
}
