/* A destructor that is left with longjmp, in every call that runs destructors: the library works on, and the other
 * destructors that were due run at the thread's next such call, or when the registry is destroyed. The same with a watcher's
 * callback and the log's. */

#include "check.h"

#include <setjmp.h>

static jmp_buf landing;
static int runs;
static int jumps;

static void jump(void *user_data)
{
    (void)user_data;
    runs++;
    if (jumps > 0) {
        jumps--;
        longjmp(landing, 1);
    }
}

enum way { UNREGISTER, REPLACE, RELEASE, RELEASE_SOURCE, CLEAR, DROP, LEAVE, SWEEP, UNHOLD, FREE, DESTROY, FAIL, OWNER, WAYS };

struct scene {
    mreg_registry registry;
    mreg_owner app, source;
    mreg_model model;
    mreg_snapshot snapshot;
};

static mreg_model on_both(struct scene *scene, const char *name)
{
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model model = MREG_NULL;
    options.name = text_of(name);
    options.app = scene->app;
    options.data_source = scene->source;
    options.destroy = jump;
    OK(mreg_model_register(scene->registry, &options, &model, NULL));
    return model;
}

static void let_go(struct scene *scene, enum way way)
{
    static const char label[] = "ds_mysql_33511a21";
    switch (way) {
    case UNREGISTER:
        mreg_model_unregister(scene->model, NULL);
        break;
    case REPLACE:
        on_both(scene, "One");
        break;
    case RELEASE:
        mreg_owner_release(scene->app, NULL);
        break;
    case RELEASE_SOURCE:
        mreg_owner_release(scene->source, NULL);
        break;
    case CLEAR:
        mreg_registry_clear(scene->registry, NULL);
        break;
    case DROP:
        mreg_tenant_drop(scene->registry, label, MREG_NUL_TERMINATED, MREG_NULL, NULL, NULL);
        break;
    case LEAVE:
        mreg_tenant_drop(scene->registry, label, MREG_NUL_TERMINATED, scene->source, NULL, NULL);
        break;
    case SWEEP:
        mreg_tenant_drop_idle(scene->registry, 0, NULL, NULL);
        break;
    case UNHOLD:
        mreg_model_unhold(scene->model, NULL);
        break;
    case FREE:
        mreg_snapshot_free(scene->snapshot, NULL);
        break;
    case DESTROY:
        mreg_registry_destroy(scene->registry, NULL);
        break;
    case FAIL: {
        mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
        mreg_model model = MREG_NULL;
        options.destroy = jump;
        mreg_model_register(scene->registry, &options, &model, NULL);
        break;
    }
    default: {
        mreg_owner_options options = MREG_OWNER_OPTIONS_INIT;
        mreg_owner owner = MREG_NULL;
        options.kind = 4711;
        options.destroy = jump;
        mreg_owner_create(scene->registry, &options, &owner, NULL);
        break;
    }
    }
}

/* How many destructors the way makes due. */
static int due_of(enum way way)
{
    switch (way) {
    case UNREGISTER:
    case REPLACE:
    case UNHOLD:
    case FAIL:
    case OWNER:
        return 1;
    default:
        return 3;
    }
}

static void begin(struct scene *scene, enum way way)
{
    scene->registry = new_registry();
    scene->app = new_owner(scene->registry, MREG_KIND_APP, "");
    scene->source = new_owner(scene->registry, MREG_KIND_DATA_SOURCE, "mysql");
    scene->model = on_both(scene, "One");
    on_both(scene, "Two");
    on_both(scene, "Three");
    scene->snapshot = MREG_NULL;
    if (way == UNHOLD) {
        OK(mreg_model_hold(scene->model, NULL));
        OK(mreg_model_unregister(scene->model, NULL));
    }
    if (way == FREE) {
        OK(mreg_owner_hold_models(scene->app, MREG_KIND_ANY, &scene->snapshot, NULL));
        OK(mreg_registry_clear(scene->registry, NULL));
    }
}

static struct scene scene;
static volatile int way;

static volatile int told, destroyed, told_jumps;

static void jump_when_told(void *user_data, const mreg_change *change)
{
    (void)user_data;
    told++;
    CHECK(change->sequence == (uint64_t)told && destroyed == 0);
    if (told_jumps > 0) {
        told_jumps--;
        longjmp(landing, 1);
    }
}

static void jump_when_logged(void *user_data, uint32_t level, const char *message, size_t length)
{
    (void)user_data;
    CHECK(level == MREG_LOG_INFO && message[length] == 0);
    told++;
    longjmp(landing, 1);
}

static void count_destroyed(void *user_data)
{
    (void)user_data;
    destroyed++;
}

/* Three models and their tenant go: four changes, the first two of which jump, and then three destructors. */
static void watched(void)
{
    mreg_watcher_options options = MREG_WATCHER_OPTIONS_INIT;
    mreg_watcher watcher = MREG_NULL;
    mreg_registry other;
    begin(&scene, CLEAR);
    runs = told = destroyed = jumps = 0;
    options.callback = jump_when_told;
    options.destroy = count_destroyed;
    OK(mreg_watcher_create(scene.registry, &options, &watcher, NULL));
    told_jumps = 2;
    if (setjmp(landing) == 0) {
        let_go(&scene, DROP);
        CHECK(!"the callback jumps out of the call");
    }
    CHECK(told == 1 && runs == 0 && count_of(scene.app) == 0);
    if (setjmp(landing) == 0) {
        /* The callback of the first change has ended, if not by returning: the watcher can go with the next. */
        OK(mreg_model_unregister(new_model(scene.registry, "Four", scene.app, NULL, NULL), NULL));
        CHECK(!"the callback jumps out of the call");
    }
    CHECK(told == 2 && runs == 0);
    OK(mreg_watcher_free(watcher, NULL));
    CHECK(told == 2 && destroyed == 1 && runs == 3);
    other = new_registry();
    whole_api_works(other);
    whole_api_works(scene.registry);
    OK(mreg_registry_destroy(other, NULL));
    OK(mreg_registry_destroy(scene.registry, NULL));
    CHECK(told == 2 && destroyed == 1 && runs == 3);
}

static void logged(void)
{
    begin(&scene, CLEAR);
    runs = told = 0;
    OK(mreg_log_set(MREG_LOG_INFO, jump_when_logged, NULL, NULL));
    if (setjmp(landing) == 0) {
        let_go(&scene, CLEAR);
        CHECK(!"the callback jumps out of the call");
    }
    CHECK(told == 1 && runs == 0 && count_of(scene.app) == 0);
    OK(mreg_log_set(MREG_LOG_OFF, NULL, NULL, NULL));
    OK(mreg_registry_destroy(scene.registry, NULL));
    CHECK(told == 1 && runs == 3);
}

int main(void)
{
    for (way = 0; way < WAYS; way++) {
        int due = due_of((enum way)way);
        mreg_registry other;
        runs = 0;
        begin(&scene, (enum way)way);
        CHECK(runs == 0);
        jumps = 1;
        if (setjmp(landing) == 0) {
            let_go(&scene, (enum way)way);
            CHECK(!"the destructor jumps out of the call");
        }
        /* One ran, the change is complete, and no lock is held. */
        CHECK(runs == 1);
        other = new_registry();
        whole_api_works(other);
        CHECK(runs == due_of((enum way)way));
        due = runs;
        OK(mreg_registry_destroy(other, NULL));
        if (way == DESTROY) {
            EXPECT(MREG_ERROR_STALE_HANDLE, mreg_registry_clear(scene.registry, NULL));
        } else {
            whole_api_works(scene.registry);
            CHECK(runs == due);
            OK(mreg_registry_destroy(scene.registry, NULL));
        }
        /* Every model's destructor ran once; those that a failing call was handed, and the replacing one, besides. */
        CHECK(runs == 3 + (way == REPLACE || way == FAIL || way == OWNER));
    }
    /* Every destructor of one call jumps: each of the next calls runs one more. */
    begin(&scene, CLEAR);
    runs = 0;
    jumps = 2;
    for (way = 0; way < 2; way++) {
        if (setjmp(landing) == 0) {
            OK(mreg_registry_clear(scene.registry, NULL));
            CHECK(!"the destructor jumps out of the call");
        }
        CHECK(runs == way + 1);
    }
    OK(mreg_registry_destroy(scene.registry, NULL));
    CHECK(runs == 3);
    watched();
    logged();
    return 0;
}
