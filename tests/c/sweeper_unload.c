/* The library is loaded and unloaded again and again while its sweeper's thread runs: it stays where it is. */

#define _GNU_SOURCE
#include <modelreg.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

typedef mreg_status (*create_function)(const mreg_registry_options *, mreg_registry *, mreg_error *);
typedef mreg_status (*start_function)(mreg_registry, const mreg_sweeper_options *, mreg_error *);
typedef mreg_status (*info_function)(mreg_registry, mreg_sweeper_info *, mreg_error *);
typedef mreg_status (*end_function)(mreg_registry, mreg_error *);

/** A function of the library that is loaded; C has no cast from an object's pointer to a function's. */
#define LOAD(type, library, name) \
    do { \
        void *found_ = dlsym(library, #name); \
        CHECK(found_ != NULL && sizeof found_ == sizeof(type)); \
        memcpy(&name##_, &found_, sizeof found_); \
    } while (0)

int main(void)
{
    const char *path = getenv("MODELREG_LIBRARY");
    mreg_registry running = MREG_NULL;
    int round, tries;
    if (!path) {
        printf("MODELREG_LIBRARY does not say where the shared library is\n");
        return 77;
    }
    for (round = 0; round < 100; round++) {
        struct timespec millisecond = {0, 1000000};
        mreg_sweeper_options options = MREG_SWEEPER_OPTIONS_INIT;
        mreg_sweeper_info info = MREG_SWEEPER_INFO_INIT;
        create_function mreg_registry_create_;
        start_function mreg_sweeper_start_;
        info_function mreg_sweeper_get_info_;
        end_function mreg_sweeper_stop_, mreg_registry_destroy_;
        uint64_t before;
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        LOAD(create_function, library, mreg_registry_create);
        LOAD(start_function, library, mreg_sweeper_start);
        LOAD(info_function, library, mreg_sweeper_get_info);
        LOAD(end_function, library, mreg_sweeper_stop);
        LOAD(end_function, library, mreg_registry_destroy);
        options.interval_ms = 1;
        if (round == 0) {
            CHECK(mreg_registry_create_(NULL, &running, NULL) == MREG_OK);
            CHECK(mreg_sweeper_start_(running, &options, NULL) == MREG_OK);
        }
        /* What was left running runs. */
        CHECK(mreg_sweeper_get_info_(running, &info, NULL) == MREG_OK);
        before = info.sweeps;
        for (tries = 0; info.sweeps == before; tries++) {
            CHECK(tries < 60000);
            nanosleep(&millisecond, NULL);
            CHECK(mreg_sweeper_get_info_(running, &info, NULL) == MREG_OK);
        }
        if (round % 10 == 9) {
            /* Its thread ends while the library is unloaded. */
            mreg_registry next = MREG_NULL;
            CHECK(mreg_registry_create_(NULL, &next, NULL) == MREG_OK);
            CHECK(mreg_sweeper_stop_(running, NULL) == MREG_OK);
            CHECK(mreg_sweeper_start_(next, &options, NULL) == MREG_OK);
            CHECK(mreg_registry_destroy_(running, NULL) == MREG_OK);
            running = next;
        }
        CHECK(dlclose(library) == 0);
    }
    return 0;
}
