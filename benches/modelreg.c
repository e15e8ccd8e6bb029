/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* This library, as a C program that is linked with the shared library sees it. */

#include "modelreg_bench.h"

#include <string.h>

mreg_schema bench_schemas[STRUCTURES];

void check_status(mreg_status status, const mreg_error *error, const char *what)
{
    if (status == MREG_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, mreg_status_name(status), error->message);
    exit(1);
}

/* As the host does: parsed once, used by every tenant. */
static void parse_schemas(void)
{
    mreg_error error = MREG_ERROR_INIT;
    char json[256];
    for (int number = 0; number < STRUCTURES; number++) {
        if (bench_schemas[number] != MREG_NULL)
            continue;
        snprintf(json, sizeof json,
                 "{\"name\": \"S%d\", \"properties\": {\"id\": {\"type\": \"number\", \"id\": true}, "
                 "\"property%d\": \"string\", \"createdAt\": \"date\"}}",
                 number, number);
        check_status(mreg_schema_parse(json, MREG_NUL_TERMINATED, NULL, &bench_schemas[number], &error), &error, "parse");
    }
}

static void *create(void)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_registry *registry = need(malloc(sizeof *registry));
    parse_schemas();
    check_status(mreg_registry_create(NULL, registry, &error), &error, "create");
    return registry;
}

static void destroy(void *self)
{
    mreg_registry_destroy(registry_of(self), NULL);
    free(self);
}

mreg_owner bench_data_source(mreg_registry registry, const char *database)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_owner_options options = MREG_OWNER_OPTIONS_INIT;
    mreg_owner owner;
    options.kind = MREG_KIND_DATA_SOURCE;
    options.connector = (mreg_text)MREG_TEXT("mysql");
    options.database = (mreg_text){database, strlen(database)};
    check_status(mreg_owner_create(registry, &options, &owner, &error), &error, "owner");
    return owner;
}

/* One data source a tenant, each with a partition of its own. */
static uint64_t add_owner(void *self, uint64_t number)
{
    char database[32];
    snprintf(database, sizeof database, "database%llu", (unsigned long long)number);
    return bench_data_source(registry_of(self), database);
}

static void tenant_of(void *self, uint64_t owner, char *label)
{
    mreg_error error = MREG_ERROR_INIT;
    (void)self;
    check_status(mreg_owner_tenant(owner, label, TENANT_ROOM, NULL, &error), &error, "tenant");
}

static inline mreg_model register_one(mreg_registry registry, mreg_model_options *options, const struct order *order)
{
    mreg_model model = MREG_NULL;
    options->name.data = order->name;
    options->name.length = order->length;
    options->data_source = order->owner;
    options->schema = bench_schemas[order->structure];
    mreg_model_register(registry, options, &model, NULL);
    return model;
}

static void register_many(void *self, const struct order *orders, size_t count, uint64_t *models)
{
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    for (size_t at = 0; at < count; at++)
        models[at] = register_one(registry_of(self), &options, &orders[at]);
}

static uint64_t register_list_many(void *self, const struct order *orders, size_t count, uint64_t *models)
{
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model list[STRUCTURES];
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) {
        size_t length = 0;
        models[at] = register_one(registry_of(self), &options, &orders[at]);
        mreg_owner_models(orders[at].owner, MREG_KIND_ANY, list, STRUCTURES, &length, NULL, NULL);
        sum += list[length - 1];
    }
    return sum;
}

static void unregister_many(void *self, const struct order *orders, const uint64_t *models, size_t count)
{
    (void)self, (void)orders;
    for (size_t at = 0; at < count; at++)
        mreg_model_unregister(models[at], NULL);
}

static void release_many(void *self, const uint64_t *owners, size_t count)
{
    (void)self;
    for (size_t at = 0; at < count; at++)
        mreg_owner_release(owners[at], NULL);
}

static void clear(void *self) { mreg_registry_clear(registry_of(self), NULL); }
static void reclaim(void *self) { mreg_registry_reclaim(registry_of(self), NULL); }

static size_t list(void *self, uint64_t owner, uint64_t *models, size_t capacity)
{
    size_t count = 0;
    (void)self;
    mreg_owner_models(owner, MREG_KIND_ANY, models, capacity, &count, NULL, NULL);
    return count;
}

static uint64_t list_many(void *self, const uint64_t *owners, size_t count, uint64_t *room, size_t capacity)
{
    uint64_t sum = 0;
    (void)self;
    for (size_t at = 0; at < count; at++) {
        size_t length = 0;
        mreg_owner_models(owners[at], MREG_KIND_ANY, room, capacity, &length, NULL, NULL);
        sum += length ? room[length - 1] : 0;
    }
    return sum;
}

/* The top bit of a handle is always 0, which only the library knows. */
static uint64_t list_chain(void *self, const uint64_t *owners, size_t count, uint64_t *room, size_t capacity)
{
    uint64_t sum = 0, last = 0;
    (void)self;
    for (size_t at = 0; at < count; at++) {
        size_t length = 0;
        mreg_owner_models(owners[at] + (last >> 63), MREG_KIND_ANY, room, capacity, &length, NULL, NULL);
        sum += last = room[length - 1];
    }
    return sum;
}

static uint64_t get_many(void *self, const struct order *questions, size_t count)
{
    uint64_t sum = 0;
    (void)self;
    for (size_t at = 0; at < count; at++) {
        mreg_model model = MREG_NULL;
        mreg_owner_get(questions[at].owner, MREG_KIND_ANY, questions[at].name, questions[at].length, &model, NULL);
        sum += model;
    }
    return sum;
}

static uint64_t get_chain(void *self, const struct order *questions, size_t count)
{
    uint64_t sum = 0;
    mreg_model model = MREG_NULL;
    (void)self;
    for (size_t at = 0; at < count; at++) {
        mreg_owner owner = questions[at].owner + (model >> 63);
        mreg_owner_get(owner, MREG_KIND_ANY, questions[at].name, questions[at].length, &model, NULL);
        sum += model;
    }
    return sum;
}

static size_t batch_at(size_t at, size_t count) { return count - at < BATCH ? count - at : BATCH; }

static uint64_t list_batch(void *self, const uint64_t *owners, size_t count, uint64_t *room, size_t capacity)
{
    size_t counts[BATCH];
    uint64_t sum = 0;
    (void)self;
    for (size_t at = 0; at < count; at += BATCH) {
        size_t asked = batch_at(at, count), end = 0, total;
        mreg_owner_models_many(owners + at, asked, MREG_KIND_ANY, room, capacity, counts, NULL, NULL, &total, NULL);
        for (size_t one = 0; one < asked; one++) {
            end += counts[one];
            sum += counts[one] ? room[end - 1] : 0;
        }
    }
    return sum;
}

/* What a host has its questions in is its own affair, so that they are put into arrays is part of the time. */
static uint64_t get_batch(void *self, const struct order *questions, size_t count)
{
    mreg_owner owners[BATCH];
    mreg_text names[BATCH];
    mreg_model models[BATCH];
    uint64_t sum = 0;
    (void)self;
    for (size_t at = 0; at < count; at += BATCH) {
        size_t asked = batch_at(at, count);
        for (size_t one = 0; one < asked; one++) {
            owners[one] = questions[at + one].owner;
            names[one] = (mreg_text){questions[at + one].name, questions[at + one].length};
        }
        mreg_owner_get_many(owners, asked, MREG_KIND_ANY, names, asked, models, NULL, NULL);
        for (size_t one = 0; one < asked; one++)
            sum += models[one];
    }
    return sum;
}

static uint64_t owners_valid(void *self, const uint64_t *owners, size_t count)
{
    uint64_t valid = 0;
    (void)self;
    for (size_t at = 0; at < count; at++)
        valid += mreg_owner_is_valid(owners[at]);
    return valid;
}

static uint64_t models_valid(void *self, const uint64_t *models, size_t count)
{
    uint64_t valid = 0;
    (void)self;
    for (size_t at = 0; at < count; at++)
        valid += mreg_model_is_valid(models[at]);
    return valid;
}

static uint64_t find_name_many(void *self, const struct order *questions, size_t count)
{
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) {
        mreg_model model = MREG_NULL;
        mreg_registry_find_model(registry_of(self), questions[at].name, questions[at].length, &model, NULL);
        sum += model;
    }
    return sum;
}

static uint64_t find_structure_many(void *self, const struct order *questions, size_t count)
{
    mreg_find_options options = MREG_FIND_OPTIONS_INIT;
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) {
        mreg_model model = MREG_NULL;
        options.schema = bench_schemas[questions[at].structure];
        mreg_registry_find_structure(registry_of(self), &options, &model, NULL);
        sum += model;
    }
    return sum;
}

static uint64_t find_name_in_tenant(void *self, const struct place *questions, size_t count)
{
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) {
        const struct place *place = &questions[at];
        mreg_model model = MREG_NULL;
        mreg_tenant_find_model(registry_of(self), place->tenant, place->tenant_length, place->name, place->length,
                               &model, NULL);
        sum += model;
    }
    return sum;
}

static uint64_t find_structure_in_tenant(void *self, const struct place *questions, size_t count)
{
    mreg_find_options options = MREG_FIND_OPTIONS_INIT;
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) {
        mreg_model model = MREG_NULL;
        options.schema = bench_schemas[questions[at].structure];
        options.tenant.data = questions[at].tenant;
        options.tenant.length = questions[at].tenant_length;
        mreg_registry_find_structure(registry_of(self), &options, &model, NULL);
        sum += model;
    }
    return sum;
}

static void bytes(void *self, uint64_t *in_use, uint64_t *reserved)
{
    mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
    mreg_registry_get_stats(registry_of(self), &stats, NULL);
    *in_use = stats.bytes_in_use;
    *reserved = stats.bytes_reserved;
}

const struct implementation bench_modelreg = {
    .name = "modelreg",
    .create = create,
    .destroy = destroy,
    .add_owner = add_owner,
    .tenant_of = tenant_of,
    .register_many = register_many,
    .register_list_many = register_list_many,
    .unregister_many = unregister_many,
    .release_many = release_many,
    .clear = clear,
    .reclaim = reclaim,
    .list = list,
    .list_many = list_many,
    .list_chain = list_chain,
    .get_many = get_many,
    .get_chain = get_chain,
    .list_batch = list_batch,
    .get_batch = get_batch,
    .owners_valid = owners_valid,
    .models_valid = models_valid,
    .find_name_many = find_name_many,
    .find_structure_many = find_structure_many,
    .find_name_in_tenant = find_name_in_tenant,
    .find_structure_in_tenant = find_structure_in_tenant,
    .bytes = bytes,
};

const struct implementation *const implementations[] = {&bench_modelreg, NULL};
