/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What this library has and a map has not: held lists, freshness words, tenants, destructors, files. */

#define _GNU_SOURCE

#include "modelreg_bench.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { APPLICATION_MODELS = 50, APPLICATION_PROPERTIES = 20, ROUNDS = 3 };

struct fresh {
    const mreg_freshness_word *owner_word;
    const mreg_freshness_word *registry_word;
    mreg_stamp stamp;
};

static struct fresh *fresh;
static uint64_t answer;
static mreg_model *stale;
static char *definition;
static size_t definition_length;
static char directory[256];
static uint64_t destroyed;

static void destroy_one(void *user_data) { ++*(uint64_t *)user_data; }

static void ask_words(struct bench *bench)
{
    answer = 0;
    for (size_t at = 0; at < bench->walk_length; at++)
        answer += __atomic_load_n(fresh[at].owner_word, __ATOMIC_ACQUIRE) == fresh[at].stamp.owner_word &&
                  __atomic_load_n(fresh[at].registry_word, __ATOMIC_ACQUIRE) == fresh[at].stamp.registry_word;
}

static void measure_words(struct bench *bench)
{
    fresh = need(calloc(bench->walk_length, sizeof *fresh));
    for (size_t at = 0; at < bench->walk_length; at++) {
        size_t count;
        mreg_owner owner = bench->walk[at];
        mreg_owner_freshness_words(owner, &fresh[at].owner_word, &fresh[at].registry_word, NULL);
        mreg_owner_models(owner, MREG_KIND_ANY, bench->room, bench->models_each, &count, &fresh[at].stamp, NULL);
    }
    row(bench, "freshness words", "ns", per_operation(bench, ask_words, bench->walk_length));
    must(answer == bench->walk_length, "the words say that the lists are the answer");
    mreg_registry_clear(registry_of(bench->self), NULL);
    ask_words(bench);
    must(answer == 0, "and no longer after a clear");
    free(fresh);
}

static void hold_all(struct bench *bench)
{
    answer = 0;
    for (size_t at = 0; at < bench->walk_length; at++) {
        mreg_snapshot snapshot = MREG_NULL;
        mreg_owner_hold_models(bench->walk[at], MREG_KIND_ANY, &snapshot, NULL);
        answer += mreg_snapshot_free(snapshot, NULL) == MREG_OK && snapshot != MREG_NULL;
    }
}

static void measure_held(struct bench *bench)
{
    row(bench, "hold a list and free it", "ns", per_operation(bench, hold_all, bench->walk_length));
    must(answer == bench->walk_length, "every list could be held");
}

static void ask_stale(struct bench *bench)
{
    answer = bench->with->models_valid(bench->self, stale, bench->model_count);
}

static void copy_stale(struct bench *bench)
{
    answer = bench->with->list_many(bench->self, bench->walk, bench->walk_length, bench->room, bench->models_each);
}

/* Handles of models that a clear took, and of owners that were released. */
static void measure_stale(struct bench *bench)
{
    stale = need(malloc(bench->model_count * sizeof *stale));
    workload_fill(bench);
    memcpy(stale, bench->models, bench->model_count * sizeof *stale);
    shuffle(bench, stale, bench->model_count, sizeof *stale);
    bench->with->clear(bench->self);
    row(bench, "stale model", "ns", per_operation(bench, ask_stale, bench->model_count));
    must(answer == 0, "models that were cleared are stale");
    bench->with->reclaim(bench->self);
    workload_fill(bench);
    ask_stale(bench);
    must(answer == 0, "and stay so where their places are used again");
    bench->with->release_many(bench->self, bench->owners, bench->owner_count);
    row(bench, "list a stale owner", "ns", per_operation(bench, copy_stale, bench->walk_length));
    must(answer == 0, "owners that were released have no list");
    free(stale);
}

static size_t models_of(mreg_owner owner)
{
    mreg_model list[STRUCTURES];
    size_t count = 0;
    mreg_owner_models(owner, MREG_KIND_ANY, list, STRUCTURES, &count, NULL, NULL);
    return count;
}

struct times {
    double returned[ROUNDS];
    double reclaimed[ROUNDS];
    double visible[ROUNDS];
};

static void report(struct bench *bench, const char *what, struct times *times)
{
    char name[64];
    snprintf(name, sizeof name, "%s", what);
    row(bench, name, "ns", median(times->returned, ROUNDS));
    snprintf(name, sizeof name, "%s: reclaim a model", what);
    row(bench, name, "ns", median(times->reclaimed, ROUNDS) / (double)bench->model_count);
}

static char label[TENANT_ROOM];
static uint64_t dropped;
static uint64_t returned_after;

static void drop(struct bench *bench)
{
    uint64_t begun = now();
    mreg_tenant_drop(registry_of(bench->self), label, strlen(label), MREG_NULL, &dropped, NULL);
    returned_after = now() - begun;
}

/* All owners in one partition, by one configuration: to drop it takes all models. */
static void drop_once(struct bench *bench, struct times *times, int round, bool watched)
{
    mreg_registry registry;
    uint64_t begun;
    bench->self = bench->with->create();
    registry = registry_of(bench->self);
    for (size_t at = 0; at < bench->owner_count; at++)
        bench->owners[at] = bench_data_source(registry, "common");
    for (size_t at = 0; at < bench->model_count; at++)
        bench->orders[at].owner = bench->owners[at / bench->models_each];
    workload_fill(bench);
    must(models_of(bench->owners[0]) > 0, "there is something to drop");
    bench->with->tenant_of(bench->self, bench->owners[0], label);
    if (watched)
        times->visible[round] = until_empty(bench, drop);
    else
        drop(bench);
    times->returned[round] = (double)returned_after;
    must(dropped > 0 && models_of(bench->owners[0]) == 0 && models_of(bench->owners[bench->owner_count - 1]) == 0,
         "a dropped tenant has no models");
    begun = now();
    mreg_registry_reclaim(registry, NULL);
    times->reclaimed[round] = (double)(now() - begun);
    workload_close(bench);
}

static void measure_drop(struct bench *bench)
{
    struct times times;
    for (int round = 0; round < ROUNDS; round++)
        drop_once(bench, &times, round, false);
    report(bench, "drop a tenant of all models", &times);
    if (!two_cores(bench))
        return;
    for (int round = 0; round < ROUNDS; round++)
        drop_once(bench, &times, round, true);
    median(times.visible, ROUNDS);
    /* The shortest, as for a clear. */
    row(bench, "drop a tenant of all models until visible", "ns", times.visible[0]);
}

static void clear_once(struct bench *bench, struct times *times, int round)
{
    mreg_registry registry = registry_of(bench->self);
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    uint64_t begun;
    for (size_t at = 0; at < bench->model_count; at++) {
        const struct order *order = &bench->orders[at];
        options.name = (mreg_text){order->name, order->length};
        options.data_source = order->owner;
        options.schema = bench_schemas[order->structure];
        options.user_data = &destroyed;
        options.destroy = destroy_one;
        mreg_model_register(registry, &options, &bench->models[at], NULL);
    }
    destroyed = 0;
    begun = now();
    mreg_registry_clear(registry, NULL);
    times->returned[round] = (double)(now() - begun) / (double)bench->model_count;
    must(destroyed == bench->model_count, "a clear runs every destructor before it returns");
    begun = now();
    mreg_registry_reclaim(registry, NULL);
    times->reclaimed[round] = (double)(now() - begun);
}

static void measure_destructors(struct bench *bench)
{
    struct times times;
    for (int round = 0; round < ROUNDS; round++)
        clear_once(bench, &times, round);
    report(bench, "clear with destructors of a model", &times);
}

static FILE *in_directory(const char *name)
{
    char path[640];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "w");
    must(file != NULL, "a file of the sample application can be written");
    return file;
}

static void write_definition(FILE *file, int number)
{
    static const char *const types[] = {"string", "number", "date", "boolean"};
    fprintf(file, "{\n  \"name\": \"Model%d\",\n  \"base\": \"PersistedModel\",\n  \"strict\": true,\n  \"properties\": {\n",
            number);
    for (int at = 0; at < APPLICATION_PROPERTIES; at++)
        fprintf(file,
                "    \"property%d\": {\n      \"type\": \"%s\",\n      \"required\": %s,\n      \"description\": "
                "\"What the property of this number is there for\"\n    }%s\n",
                at, types[(at + number) % 4], at % 3 ? "false" : "true", at + 1 < APPLICATION_PROPERTIES ? "," : "");
    fprintf(file, "  },\n  \"validations\": [],\n  \"relations\": {},\n  \"acls\": [],\n  \"methods\": {}\n}\n");
}

static void write_application(void)
{
    FILE *file;
    char name[320];
    const char *temporary = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/modelreg-bench-XXXXXX", temporary ? temporary : "/tmp");
    must(mkdtemp(directory) != NULL, "there is a directory for the sample application");
    snprintf(name, sizeof name, "%s/models", directory);
    must(mkdir(name, 0700) == 0, "and one for its models");
    file = in_directory("datasources.json");
    fputs("{\"db\": {\"name\": \"db\", \"connector\": \"memory\"}}\n", file);
    fclose(file);
    file = in_directory("model-config.json");
    for (int number = 0; number < APPLICATION_MODELS; number++)
        fprintf(file, "%c\"Model%d\": {\"dataSource\": \"db\", \"public\": true}\n", number ? ',' : '{', number);
    fputs("}\n", file);
    fclose(file);
    for (int number = 0; number < APPLICATION_MODELS; number++) {
        snprintf(name, sizeof name, "models/model-%d.json", number);
        file = in_directory(name);
        write_definition(file, number);
        fclose(file);
    }
}

static void remove_application(void)
{
    char path[320];
    for (int number = 0; number < APPLICATION_MODELS; number++) {
        snprintf(path, sizeof path, "%s/models/model-%d.json", directory, number);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/models", directory);
    rmdir(path);
    snprintf(path, sizeof path, "%s/datasources.json", directory);
    unlink(path);
    snprintf(path, sizeof path, "%s/model-config.json", directory);
    unlink(path);
    rmdir(directory);
}

static void load_once(struct bench *bench)
{
    mreg_load_info info = MREG_LOAD_INFO_INIT;
    mreg_error error = MREG_ERROR_INIT;
    mreg_load_report load;
    mreg_registry registry;
    (void)bench;
    check_status(mreg_registry_create(NULL, &registry, &error), &error, "create");
    check_status(mreg_application_load(registry, directory, strlen(directory), NULL, &load, &error), &error, "load");
    mreg_load_report_get_info(load, &info, NULL);
    must(info.models == APPLICATION_MODELS && info.problems == 0, "the sample application is loaded");
    mreg_load_report_free(load, NULL);
    mreg_registry_destroy(registry, NULL);
}

static void parse_once(struct bench *bench)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_schema schema;
    (void)bench;
    check_status(mreg_schema_parse(definition, definition_length, NULL, &schema, &error), &error, "parse");
    mreg_schema_free(schema, NULL);
}

static void measure_files(struct bench *bench)
{
    FILE *memory = open_memstream(&definition, &definition_length);
    must(memory != NULL, "there is memory for a definition");
    write_definition(memory, 1);
    fclose(memory);
    row(bench, "parse a definition", "MB/s", 1e3 / per_operation(bench, parse_once, definition_length));
    free(definition);
    write_application();
    row(bench, "load an application of 50 models", "us", per_operation(bench, load_once, 1) / 1e3);
    remove_application();
}

void measure_extra(struct bench *bench)
{
    workload_open(bench);
    workload_fill(bench);
    workload_questions(bench);
    measure_held(bench);
    measure_words(bench);
    bench->with->reclaim(bench->self);
    measure_stale(bench);
    workload_close(bench);
    workload_open(bench);
    measure_destructors(bench);
    workload_close(bench);
    measure_drop(bench);
    measure_files(bench);
}
