/* What the C programs of this folder share: checks that also work with NDEBUG, and short names for calls. */

#ifndef CHECK_H
#define CHECK_H

#include <modelreg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

/** Fails with the library's own message where the call does not give the status. */
#define EXPECT(expected, call) \
    do { \
        mreg_status expected_ = (expected), given_ = (call); \
        if (given_ != expected_) { \
            fprintf(stderr, "%s:%d: %s: %s, and not %s\n", __FILE__, __LINE__, #call, mreg_status_name(given_), \
                    mreg_status_name(expected_)); \
            exit(1); \
        } \
    } while (0)

#define OK(call) EXPECT(MREG_OK, call)

/** Bytes of the heap that are in use; 0 where that cannot be asked. */
static inline size_t heap(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 33))
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

static inline mreg_text text_of(const char *text)
{
    mreg_text made;
    made.data = text;
    made.length = MREG_NUL_TERMINATED;
    return made;
}

static inline mreg_registry new_registry(void)
{
    mreg_registry registry = MREG_NULL;
    OK(mreg_registry_create(NULL, &registry, NULL));
    return registry;
}

static inline mreg_owner new_owner(mreg_registry registry, uint32_t kind, const char *connector)
{
    mreg_owner_options options = MREG_OWNER_OPTIONS_INIT;
    mreg_owner owner = MREG_NULL;
    options.kind = kind;
    options.connector = text_of(connector);
    OK(mreg_owner_create(registry, &options, &owner, NULL));
    return owner;
}

/** Registers a model for an app, with a destructor; leaves with what the call leaves with. */
static inline mreg_model new_model(mreg_registry registry, const char *name, mreg_owner app, void *user_data,
                                   mreg_destructor destroy)
{
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model model = MREG_NULL;
    options.name = text_of(name);
    options.app = app;
    options.user_data = user_data;
    options.destroy = destroy;
    OK(mreg_model_register(registry, &options, &model, NULL));
    return model;
}

static inline size_t count_of(mreg_owner owner)
{
    size_t count = 77;
    OK(mreg_owner_models(owner, MREG_KIND_ANY, NULL, 0, &count, NULL, NULL));
    return count;
}

/** Uses every kind of function on a registry of its own and on a given one, and leaves both as they were. */
static inline void whole_api_works(mreg_registry given)
{
    mreg_registry own = new_registry();
    mreg_registry registries[2];
    size_t at;
    registries[0] = given;
    registries[1] = own;
    for (at = 0; at < 2; at++) {
        mreg_registry registry = registries[at];
        mreg_owner app = new_owner(registry, MREG_KIND_APP, "");
        mreg_owner source = new_owner(registry, MREG_KIND_DATA_SOURCE, "memory");
        mreg_model model = new_model(registry, "Works", app, NULL, NULL);
        mreg_model found = MREG_NULL;
        mreg_snapshot snapshot = MREG_NULL;
        mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
        mreg_tenant_info info = MREG_TENANT_INFO_INIT;
        uint64_t dropped = 77;
        char name[16];
        CHECK(count_of(app) == 1);
        OK(mreg_owner_get(app, MREG_KIND_APP, "Works", MREG_NUL_TERMINATED, &found, NULL));
        CHECK(found == model);
        OK(mreg_model_hold(model, NULL));
        OK(mreg_owner_hold_models(app, MREG_KIND_ANY, &snapshot, NULL));
        OK(mreg_model_move(model, source, MREG_NULL, NULL, 0, NULL));
        CHECK(count_of(app) == 0 && count_of(source) == 1);
        OK(mreg_model_name(model, name, sizeof name, NULL, NULL));
        CHECK(strcmp(name, "Works") == 0);
        OK(mreg_model_unregister(model, NULL));
        OK(mreg_model_unhold(model, NULL));
        OK(mreg_snapshot_free(snapshot, NULL));
        OK(mreg_owner_invalidate(app, NULL));
        OK(mreg_tenant_get_info(registry, "global", 6, &info, NULL));
        CHECK(info.exists == 1);
        OK(mreg_tenant_drop(registry, "nobody", 6, MREG_NULL, &dropped, NULL));
        CHECK(dropped == 0);
        OK(mreg_registry_get_stats(registry, &stats, NULL));
        OK(mreg_owner_release(app, NULL));
        OK(mreg_owner_release(source, NULL));
        OK(mreg_registry_reclaim(registry, NULL));
    }
    OK(mreg_registry_clear(own, NULL));
    OK(mreg_registry_destroy(own, NULL));
}

#endif
