/* The library is loaded twice, from two files: each copy has its own registries, sweeper and default registry, refuses every
 * handle of the other, and changes nothing over it. */

#define _GNU_SOURCE
#include <modelreg.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

typedef mreg_status (*take_handle)(uint64_t, mreg_error *);

struct copy {
    void *library;
    mreg_status (*create)(const mreg_registry_options *, mreg_registry *, mreg_error *);
    mreg_status (*by_default)(mreg_registry *, mreg_error *);
    mreg_status (*owner)(mreg_registry, const mreg_owner_options *, mreg_owner *, mreg_error *);
    mreg_status (*add)(mreg_registry, const mreg_model_options *, mreg_model *, mreg_error *);
    mreg_status (*models)(mreg_owner, uint32_t, mreg_model *, size_t, size_t *, mreg_stamp *, mreg_error *);
    mreg_status (*hold_models)(mreg_owner, uint32_t, mreg_snapshot *, mreg_error *);
    mreg_status (*parse)(const char *, size_t, const mreg_schema_options *, mreg_schema *, mreg_error *);
    mreg_status (*builder)(const char *, size_t, mreg_builder *, mreg_error *);
    mreg_status (*watcher)(mreg_registry, const mreg_watcher_options *, mreg_watcher *, mreg_error *);
    mreg_status (*queue)(mreg_queue *, mreg_error *);
    mreg_status (*stats)(mreg_registry, mreg_registry_stats *, mreg_error *);
    mreg_status (*start)(mreg_registry, const mreg_sweeper_options *, mreg_error *);
    mreg_status (*info)(mreg_registry, mreg_sweeper_info *, mreg_error *);
    uint64_t registry, app, model, snapshot, schema, made, watching, releasing;
};

/* The functions that take a handle and nothing else: what ends things among them. */
static const char *const takers[] = {
    "mreg_registry_destroy", "mreg_registry_clear", "mreg_registry_reclaim", "mreg_owner_release", "mreg_owner_touch",
    "mreg_owner_invalidate", "mreg_model_unregister", "mreg_model_hold", "mreg_model_unhold", "mreg_snapshot_free",
    "mreg_sweeper_stop", "mreg_schema_free", "mreg_builder_close", "mreg_builder_free", "mreg_load_report_free",
    "mreg_watcher_free", "mreg_queue_free",
};

/** A function of a copy; C has no cast from an object's pointer to a function's. */
static void find(const struct copy *copy, const char *name, void *function, size_t size)
{
    void *found = dlsym(copy->library, name);
    CHECK(found != NULL && sizeof found == size);
    memcpy(function, &found, size);
}

static int destroyed;

static void destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static void open_copy(struct copy *copy, const char *path)
{
    mreg_owner_options owner = MREG_OWNER_OPTIONS_INIT;
    mreg_model_options model = MREG_MODEL_OPTIONS_INIT;
    copy->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!copy->library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
#define FIND(field, name) find(copy, name, &copy->field, sizeof copy->field)
    FIND(create, "mreg_registry_create");
    FIND(by_default, "mreg_registry_default");
    FIND(owner, "mreg_owner_create");
    FIND(add, "mreg_model_register");
    FIND(models, "mreg_owner_models");
    FIND(hold_models, "mreg_owner_hold_models");
    FIND(parse, "mreg_schema_parse");
    FIND(builder, "mreg_builder_create");
    FIND(watcher, "mreg_watcher_create");
    FIND(queue, "mreg_queue_create");
    FIND(stats, "mreg_registry_get_stats");
    FIND(start, "mreg_sweeper_start");
    FIND(info, "mreg_sweeper_get_info");
    CHECK(copy->create(NULL, &copy->registry, NULL) == MREG_OK);
    owner.kind = MREG_KIND_APP;
    CHECK(copy->owner(copy->registry, &owner, &copy->app, NULL) == MREG_OK);
    model.name.data = "User";
    model.name.length = MREG_NUL_TERMINATED;
    model.app = copy->app;
    model.destroy = destroy;
    CHECK(copy->add(copy->registry, &model, &copy->model, NULL) == MREG_OK);
    CHECK(copy->hold_models(copy->app, MREG_KIND_ANY, &copy->snapshot, NULL) == MREG_OK);
    CHECK(copy->parse("{\"name\": \"A\"}", MREG_NUL_TERMINATED, NULL, &copy->schema, NULL) == MREG_OK);
    CHECK(copy->builder("A", 1, &copy->made, NULL) == MREG_OK);
    CHECK(copy->watcher(copy->registry, NULL, &copy->watching, NULL) == MREG_OK);
    CHECK(copy->queue(&copy->releasing, NULL) == MREG_OK);
}

/** Everything of one copy is refused by the other. */
static void refuse(struct copy *copy, const struct copy *other)
{
    const uint64_t handles[] = {other->registry, other->app,  other->model,    other->snapshot,
                                other->schema,   other->made, other->watching, other->releasing};
    mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
    mreg_model_options model = MREG_MODEL_OPTIONS_INIT;
    mreg_model made = 77;
    mreg_status status;
    size_t at, with, count = 77;
    for (at = 0; at < sizeof takers / sizeof takers[0]; at++) {
        take_handle taker;
        find(copy, takers[at], &taker, sizeof taker);
        for (with = 0; with < sizeof handles / sizeof handles[0]; with++) {
            mreg_error error = MREG_ERROR_INIT;
            status = taker(handles[with], &error);
            if (status < MREG_ERROR_WRONG_HANDLE_TYPE || status > MREG_ERROR_STALE_HANDLE || !error.message[0]) {
                fprintf(stderr, "%s takes the other copy's %llx: %d\n", takers[at], (unsigned long long)handles[with],
                        (int)status);
                exit(1);
            }
        }
    }
    status = copy->models(other->app, MREG_KIND_ANY, NULL, 0, &count, NULL, NULL);
    CHECK(status >= MREG_ERROR_FOREIGN_HANDLE && status <= MREG_ERROR_STALE_HANDLE && count == 0);
    model.name.data = "Another";
    model.name.length = MREG_NUL_TERMINATED;
    model.app = other->app;
    status = copy->add(copy->registry, &model, &made, NULL);
    CHECK(status >= MREG_ERROR_FOREIGN_HANDLE && status <= MREG_ERROR_STALE_HANDLE && made == MREG_NULL);
    CHECK(copy->stats(copy->registry, &stats, NULL) == MREG_OK && stats.models == 1 && stats.owners == 1);
    CHECK(copy->models(copy->app, MREG_KIND_ANY, &made, 1, &count, NULL, NULL) == MREG_OK);
    CHECK(count == 1 && made == copy->model && destroyed == 0);
}

static void sweep(struct copy *copy)
{
    struct timespec millisecond = {0, 1000000};
    mreg_sweeper_options options = MREG_SWEEPER_OPTIONS_INIT;
    mreg_sweeper_info info = MREG_SWEEPER_INFO_INIT;
    int tries;
    options.interval_ms = 1;
    CHECK(copy->start(copy->registry, &options, NULL) == MREG_OK);
    for (tries = 0; info.sweeps < 3; tries++) {
        CHECK(tries < 60000);
        nanosleep(&millisecond, NULL);
        CHECK(copy->info(copy->registry, &info, NULL) == MREG_OK && info.running == 1);
    }
}

static void copy_file(const char *from, int to)
{
    char buffer[65536];
    FILE *file = fopen(from, "rb");
    size_t length;
    CHECK(file != NULL);
    while ((length = fread(buffer, 1, sizeof buffer, file)) > 0)
        CHECK(write(to, buffer, length) == (ssize_t)length);
    CHECK(fclose(file) == 0 && close(to) == 0);
}

int main(void)
{
    static struct copy copies[2];
    const char *path = getenv("MODELREG_LIBRARY");
    char second[] = "/tmp/modelreg-copy-XXXXXX";
    mreg_registry defaults[2];
    int file, at;
    take_handle end;
    if (!path) {
        printf("MODELREG_LIBRARY does not say where the shared library is\n");
        return 77;
    }
    CHECK((file = mkstemp(second)) >= 0);
    copy_file(path, file);
    open_copy(&copies[0], path);
    open_copy(&copies[1], second);
    CHECK(unlink(second) == 0);
    CHECK(copies[0].create != copies[1].create);
    refuse(&copies[0], &copies[1]);
    refuse(&copies[1], &copies[0]);
    for (at = 0; at < 2; at++) {
        CHECK(copies[at].by_default(&defaults[at], NULL) == MREG_OK);
        sweep(&copies[at]);
    }
    CHECK(defaults[0] != defaults[1]);
    for (at = 0; at < 2; at++) {
        find(&copies[at], "mreg_registry_destroy", &end, sizeof end);
        CHECK(end(copies[at].registry, NULL) == MREG_OK && destroyed == at);
        find(&copies[at], "mreg_snapshot_free", &end, sizeof end);
        CHECK(end(copies[at].snapshot, NULL) == MREG_OK && destroyed == at + 1);
        find(&copies[at], "mreg_schema_free", &end, sizeof end);
        CHECK(end(copies[at].schema, NULL) == MREG_OK);
    }
    return 0;
}
