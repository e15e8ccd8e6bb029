// A C++ exception that a destructor throws passes through every call that runs destructors; the library works on, and
// the other destructors that were due run at the thread's next such call, or when the registry is destroyed. The same with
// what a watcher's callback and the log's throw: what was to be told after it comes with the next call, before what is due.

#include "check.h"

#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

namespace {

int runs;
int throws;

extern "C" void throwing(void *user_data)
{
    runs++;
    if (throws > 0) {
        throws--;
        throw std::runtime_error(*static_cast<std::string *>(user_data));
    }
}

std::string message = "from a destructor";

struct Scene {
    mreg_registry registry = new_registry();
    mreg_owner app = owner(MREG_KIND_APP);
    mreg_owner source = owner(MREG_KIND_DATA_SOURCE);
    mreg_model model = add("One");
    mreg_snapshot snapshot = MREG_NULL;

    Scene()
    {
        add("Two");
        add("Three");
    }

    mreg_owner owner(uint32_t kind)
    {
        mreg_owner_options options;
        mreg_owner_options_init(&options);
        mreg_owner made = MREG_NULL;
        options.kind = kind;
        options.connector = text_of("mysql");
        options.user_data = &message;
        options.destroy = throwing;
        OK(mreg_owner_create(registry, &options, &made, nullptr));
        return made;
    }

    mreg_model add(const char *name)
    {
        mreg_model_options options;
        mreg_model_options_init(&options);
        mreg_model made = MREG_NULL;
        options.name = text_of(name);
        options.app = app;
        options.data_source = source;
        options.user_data = &message;
        options.destroy = throwing;
        OK(mreg_model_register(registry, &options, &made, nullptr));
        return made;
    }
};

constexpr char label[] = "ds_mysql_33511a21";

struct Way {
    const char *name;
    void (*prepare)(Scene &);
    void (*let_go)(Scene &);
    int due;
};

void nothing(Scene &) {}

void hold_one(Scene &scene)
{
    OK(mreg_model_hold(scene.model, nullptr));
    OK(mreg_model_unregister(scene.model, nullptr));
}

void hold_all(Scene &scene)
{
    OK(mreg_owner_hold_models(scene.app, MREG_KIND_ANY, &scene.snapshot, nullptr));
    OK(mreg_registry_clear(scene.registry, nullptr));
}

// What a failing call was handed counts besides the scene's own five.
const Way ways[] = {
    {"unregister", nothing, [](Scene &s) { mreg_model_unregister(s.model, nullptr); }, 1},
    {"replace", nothing, [](Scene &s) { s.add("One"); }, 1},
    {"move",
     [](Scene &s) {
         mreg_model_options options;
         mreg_model_options_init(&options);
         options.name = text_of("One");
         OK(mreg_model_register(s.registry, &options, &s.model, nullptr));
     },
     [](Scene &s) { mreg_model_move(s.model, s.source, s.app, nullptr, 0, nullptr); }, 1},
    {"release of the app", nothing, [](Scene &s) { mreg_owner_release(s.app, nullptr); }, 4},
    {"release of the data source", nothing, [](Scene &s) { mreg_owner_release(s.source, nullptr); }, 4},
    {"clear", nothing, [](Scene &s) { mreg_registry_clear(s.registry, nullptr); }, 3},
    {"drop", nothing,
     [](Scene &s) { mreg_tenant_drop(s.registry, label, MREG_NUL_TERMINATED, MREG_NULL, nullptr, nullptr); }, 3},
    {"leave", nothing,
     [](Scene &s) { mreg_tenant_drop(s.registry, label, MREG_NUL_TERMINATED, s.source, nullptr, nullptr); }, 3},
    {"sweep", nothing, [](Scene &s) { mreg_tenant_drop_idle(s.registry, 0, nullptr, nullptr); }, 3},
    {"unhold", hold_one, [](Scene &s) { mreg_model_unhold(s.model, nullptr); }, 1},
    {"free", hold_all, [](Scene &s) { mreg_snapshot_free(s.snapshot, nullptr); }, 3},
    {"destroy", nothing, [](Scene &s) { mreg_registry_destroy(s.registry, nullptr); }, 5},
    {"a failing register", nothing,
     [](Scene &s) {
         mreg_model_options options;
         mreg_model_options_init(&options);
         mreg_model made = MREG_NULL;
         options.user_data = &message;
         options.destroy = throwing;
         mreg_model_register(s.registry, &options, &made, nullptr);
     },
     1},
    {"a failing owner", nothing,
     [](Scene &s) {
         mreg_owner_options options;
         mreg_owner_options_init(&options);
         mreg_owner made = MREG_NULL;
         options.kind = 4711;
         options.user_data = &message;
         options.destroy = throwing;
         mreg_owner_create(s.registry, &options, &made, nullptr);
     },
     1},
};

// True where an exception came out of the call; it has to be the destructor's own.
bool caught(const Way &way, Scene &scene)
{
    try {
        way.let_go(scene);
    } catch (const std::runtime_error &error) {
        CHECK(error.what() == message);
        return true;
    }
    return false;
}

// A watcher and the log, which throw.

int told;
int destroyed;
int throws_when_told;
mreg_watcher to_free;

extern "C" void telling(void *, const mreg_change *change)
{
    told++;
    CHECK(destroyed == 0 && change->sequence == static_cast<uint64_t>(told));
    if (throws_when_told > 0) {
        throws_when_told--;
        // A call in here goes on with what is due.
        if (to_free != MREG_NULL) {
            OK(mreg_watcher_free(to_free, nullptr));
        }
        throw std::runtime_error("from a callback");
    }
}

extern "C" void destroying(void *)
{
    destroyed++;
}

extern "C" void logging(void *, uint32_t, const char *, size_t)
{
    told++;
    throw std::runtime_error("from the log");
}

template <typename Call> bool throws_out_of(Call call)
{
    try {
        call();
    } catch (const std::runtime_error &) {
        return true;
    }
    return false;
}

void watched()
{
    // With `freed`, the watcher is freed in the callback before that throws.
    for (int freed = 0; freed <= 1; freed++) {
        runs = throws = told = destroyed = 0;
        Scene scene;
        mreg_watcher_options options;
        mreg_watcher_options_init(&options);
        options.callback = telling;
        options.destroy = destroying;
        mreg_watcher watcher = MREG_NULL;
        OK(mreg_watcher_create(scene.registry, &options, &watcher, nullptr));
        to_free = freed ? watcher : MREG_NULL;
        throws_when_told = 1;
        CHECK(throws_out_of([&] {
            mreg_tenant_drop(scene.registry, label, MREG_NUL_TERMINATED, MREG_NULL, nullptr, nullptr);
        }));
        CHECK(told == 1 && runs == (freed ? 3 : 0) && destroyed == 0 && count_of(scene.app) == 0);
        mreg_registry other = new_registry();
        OK(mreg_registry_clear(other, nullptr));
        CHECK(told == (freed ? 1 : 4) && runs == 3 && destroyed == freed);
        whole_api_works(scene.registry);
        EXPECT(freed ? MREG_ERROR_STALE_HANDLE : MREG_OK, mreg_watcher_free(watcher, nullptr));
        CHECK(destroyed == 1);
        OK(mreg_registry_destroy(scene.registry, nullptr));
        OK(mreg_registry_destroy(other, nullptr));
        CHECK(runs == 5 && destroyed == 1);
    }
}

void logged()
{
    runs = throws = told = 0;
    Scene scene;
    OK(mreg_log_set(MREG_LOG_INFO, logging, nullptr, nullptr));
    CHECK(throws_out_of([&] { mreg_registry_clear(scene.registry, nullptr); }));
    CHECK(told == 1 && runs == 0);
    OK(mreg_log_set(MREG_LOG_OFF, nullptr, nullptr, nullptr));
    OK(mreg_registry_destroy(scene.registry, nullptr));
    CHECK(told == 1 && runs == 5);
}

} // namespace

int main()
{
    watched();
    logged();
    for (const Way &way : ways) {
        for (int count = 1; count <= 3; count++) {
            runs = 0;
            throws = 0;
            Scene scene;
            way.prepare(scene);
            CHECK(runs == 0);
            throws = count;
            if (!caught(way, scene)) {
                std::fprintf(stderr, "%s: the exception did not pass through\n", way.name);
                return 1;
            }
            CHECK(runs == 1);
            // The next calls of this kind run the rest, and throw for each that throws.
            mreg_registry other = new_registry();
            for (int more = 2; more <= count && more <= way.due; more++) {
                bool again = false;
                try {
                    mreg_registry_clear(other, nullptr);
                } catch (const std::runtime_error &) {
                    again = true;
                }
                CHECK(again && runs == more);
            }
            throws = 0;
            OK(mreg_registry_clear(other, nullptr));
            if (runs != way.due) {
                std::fprintf(stderr, "%s: %d destructors ran, and not %d\n", way.name, runs, way.due);
                return 1;
            }
            whole_api_works(other);
            OK(mreg_registry_destroy(other, nullptr));
            bool destroyed = std::strcmp(way.name, "destroy") == 0;
            if (!destroyed) {
                whole_api_works(scene.registry);
            }
            EXPECT(destroyed ? MREG_ERROR_STALE_HANDLE : MREG_OK, mreg_registry_destroy(scene.registry, nullptr));
            bool handed = std::strncmp(way.name, "a failing", 9) == 0 || std::strcmp(way.name, "replace") == 0;
            CHECK(runs == 5 + (handed ? 1 : 0));
        }
    }
    return 0;
}
