/*
 * Opens, fills, asks and drops many data sources, of one configuration and of different ones, and ends where it began: nothing in
 * use, the heap as it was, and no more reserved by a second round than by the first.
 *
 * An argument is the number of data sources.
 */

#include "check.h"

static mreg_registry_stats stats_of(mreg_registry registry)
{
    mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
    OK(mreg_registry_get_stats(registry, &stats, NULL));
    return stats;
}

struct peak {
    size_t heap;
    uint64_t in_use;
};

static struct peak open_and_fill(mreg_registry registry, mreg_schema schema, mreg_owner *sources, size_t count, int different)
{
    static const char *const names[] = {"User", "Order", "A product with a name longer than a slot has room for"};
    struct peak peak;
    size_t at, name, listed;
    for (at = 0; at < count; at++) {
        mreg_owner_options options = MREG_OWNER_OPTIONS_INIT;
        mreg_model models[4];
        mreg_stamp stamp;
        char database[32];
        snprintf(database, sizeof database, "database_%zu", different ? at : 0);
        options.kind = MREG_KIND_DATA_SOURCE;
        options.connector = text_of("memory");
        options.database = text_of(database);
        OK(mreg_owner_create(registry, &options, &sources[at], NULL));
        for (name = 0; name < 3; name++) {
            mreg_model_options model = MREG_MODEL_OPTIONS_INIT;
            model.name = text_of(names[name]);
            model.data_source = sources[at];
            model.schema = schema;
            OK(mreg_model_register(registry, &model, &models[name], NULL));
        }
        OK(mreg_owner_models(sources[at], MREG_KIND_ANY, models, 4, &listed, &stamp, NULL));
        CHECK(listed == 3);
    }
    CHECK(stats_of(registry).tenants == (different ? count : 1));
    peak.heap = heap();
    peak.in_use = stats_of(registry).bytes_in_use;
    return peak;
}

static void drop(mreg_registry registry, const mreg_owner *sources, size_t count)
{
    size_t at;
    for (at = 0; at < count; at++)
        OK(mreg_owner_release(sources[at], NULL));
    OK(mreg_registry_reclaim(registry, NULL));
}

int main(int argc, char **argv)
{
    int watched = getenv("MODELREG_VALGRIND") != NULL || getenv("MODELREG_SANITIZER") != NULL;
    size_t count = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : watched ? 500 : 20000;
    mreg_registry registry = new_registry();
    mreg_owner *sources = malloc(count * sizeof *sources);
    mreg_schema schema = MREG_NULL;
    int different, round;
    CHECK(count > 0 && sources != NULL);
    OK(mreg_schema_parse("{\"name\": \"Some\", \"properties\": {\"name\": \"string\", \"sizes\": [\"number\"]}}",
                         MREG_NUL_TERMINATED, NULL, &schema, NULL));
    for (different = 0; different < 2; different++) {
        uint64_t reserved = 0;
        size_t begun = 0;
        for (round = 0; round < 3; round++) {
            struct peak peak;
            mreg_registry_stats end;
            size_t left;
            /* The first round makes what stays reserved; from then on each ends where it began. */
            peak = open_and_fill(registry, schema, sources, count, different);
            drop(registry, sources, count);
            end = stats_of(registry);
            left = heap();
            CHECK(peak.in_use > count * 100 && end.bytes_in_use == 0);
            CHECK(end.models == 0 && end.owners == 0 && end.tenants == 0);
            if (round > 0) {
                size_t grown = left > begun ? left - begun : 0;
                CHECK(end.bytes_reserved == reserved);
                if (!watched && grown > (peak.heap - begun) / 100) {
                    fprintf(stderr, "the heap had %zu bytes, then %zu, and %zu in the end\n", begun, peak.heap, left);
                    return 1;
                }
            }
            reserved = end.bytes_reserved;
            begun = left;
            CHECK(end.bytes_reserved <= (uint64_t)(4 * count + 64) * 32);
        }
    }
    OK(mreg_schema_free(schema, NULL));
    OK(mreg_registry_destroy(registry, NULL));
    free(sources);
    return 0;
}
