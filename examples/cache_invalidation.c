/*
 * cache_invalidation: a list that was cached before clear() is never the answer after it.
 *
 * One data source has one model, User. We ask what it has, clear the registry, ask again, define another model and ask
 * twice. Everything printed is an answer of the registry; the exit status is 1 where one of them is not what it must be.
 */

#include <modelreg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every call answers with a status and says in `error` what was wrong. Here we give up at the first failure. */
static void check(mreg_status status, const mreg_error *error)
{
    if (status == MREG_OK)
        return;
    fprintf(stderr, "%s: %s", mreg_status_name(status), error->message);
    if (error->line != 0)
        fprintf(stderr, " (line %u, column %u)", (unsigned)error->line, (unsigned)error->column);
    fputc('\n', stderr);
    exit(1);
}

/* The library takes texts as a pointer and a length; this is how a C string is given. */
static mreg_text text(const char *string)
{
    mreg_text text = {string, MREG_NUL_TERMINATED};
    return text;
}

static mreg_model register_model(mreg_registry registry, mreg_owner data_source, const char *name)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model model = MREG_NULL;

    options.name = text(name);
    options.data_source = data_source;
    check(mreg_model_register(registry, &options, &model, &error), &error);
    return model;
}

/* What an owner has at one moment. */
struct answer {
    size_t count;
    char list[256]; /* "[User]" */
    uint64_t stamp; /* the number of the snapshot: no other one of this owner ever has the same */
};

static struct answer models_of(mreg_owner owner)
{
    mreg_error error = MREG_ERROR_INIT;
    struct answer answer = {0, "", 0};
    char names[256] = "";
    mreg_stamp stamp;
    size_t written = 0;

    /* The names come one after the other, each with a NUL at its end. They are few and short here. */
    check(mreg_owner_names(owner, MREG_KIND_ANY, names, sizeof names, NULL, &answer.count, &stamp, &error), &error);
    answer.stamp = stamp.stamp;

    const char *name = names;
    written += (size_t)snprintf(answer.list, sizeof answer.list, "[");
    for (size_t position = 0; position < answer.count; position++) {
        if (written < sizeof answer.list)
            written += (size_t)snprintf(answer.list + written, sizeof answer.list - written, "%s%s",
                                        position == 0 ? "" : ", ", name);
        name += strlen(name) + 1;
    }
    if (written < sizeof answer.list)
        snprintf(answer.list + written, sizeof answer.list - written, "]");
    return answer;
}

static const char *number_word(uint64_t number)
{
    return number == 0 ? "no" : number == 1 ? "one" : "more than one";
}

int main(void)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_registry registry = MREG_NULL;
    check(mreg_registry_create(NULL, &registry, &error), &error);

    mreg_owner_options source = MREG_OWNER_OPTIONS_INIT;
    source.kind = MREG_KIND_DATA_SOURCE;
    source.name = text("db");
    source.connector = text("memory");
    mreg_owner data_source = MREG_NULL;
    check(mreg_owner_create(registry, &source, &data_source, &error), &error);

    mreg_model user = register_model(registry, data_source, "User");
    char user_name[64];
    check(mreg_model_name(user, user_name, sizeof user_name, NULL, &error), &error);
    mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
    check(mreg_registry_get_stats(registry, &stats, &error), &error);
    printf("%s data source, %s model %s\n", number_word(stats.owners), number_word(stats.models), user_name);

    /* The first question builds the list, and the registry caches it. */
    struct answer before = models_of(data_source);
    printf("Before clear: models_of -> %s\n", before.list);

    /* We also hold the very snapshot that the answer came from, to see below that clear() takes nothing out of our hands. */
    mreg_snapshot held = MREG_NULL;
    mreg_stamp held_stamp;
    size_t held_count = 0;
    check(mreg_owner_hold_models(data_source, MREG_KIND_ANY, &held, &error), &error);
    check(mreg_snapshot_models(held, NULL, 0, &held_count, &held_stamp, &error), &error);

    printf("clear()\n");
    check(mreg_registry_clear(registry, &error), &error);

    /* The owner is still there and can be asked. What was cached for it is no answer any more. */
    struct answer after = models_of(data_source);
    printf("After clear:  models_of -> %-14ssame snapshot? %s\n", after.list,
           after.stamp == before.stamp ? "yes" : "no");

    mreg_model product = register_model(registry, data_source, "Product");
    char product_name[64];
    mreg_owner product_source = MREG_NULL;
    check(mreg_model_name(product, product_name, sizeof product_name, NULL, &error), &error);
    check(mreg_model_owners(product, NULL, &product_source, NULL, &error), &error);
    printf("define %s on %s data source\n", product_name, product_source == data_source ? "the same" : "another");

    /* While nothing changes, asking again gives the same snapshot: that is the cache at work. */
    struct answer first = models_of(data_source);
    struct answer second = models_of(data_source);
    bool same_list = strcmp(first.list, second.list) == 0;
    printf("models_of -> %s, twice: %s\n", same_list ? first.list : "two different lists",
           first.stamp == second.stamp ? "the same snapshot both times" : "another snapshot each time");

    /* What we held before clear() is ours: unchanged, though the model's handle is of something that is gone. */
    char held_name[64] = "";
    check(mreg_snapshot_name(held, 0, held_name, sizeof held_name, NULL, &error), &error);

    bool as_it_must_be = stats.owners == 1 && stats.models == 1
        && strcmp(before.list, "[User]") == 0
        && after.count == 0 && after.stamp != before.stamp
        && product_source == data_source
        && strcmp(first.list, "[Product]") == 0 && same_list
        && first.stamp == second.stamp && first.stamp != after.stamp && first.stamp != before.stamp
        && held_count == 1 && held_stamp.stamp == before.stamp && strcmp(held_name, "User") == 0
        && !mreg_model_is_valid(user) && mreg_model_is_valid(product);

    check(mreg_snapshot_free(held, &error), &error);
    check(mreg_registry_destroy(registry, &error), &error);

    if (!as_it_must_be)
        fprintf(stderr, "the registry did not answer as it must\n");
    return as_it_must_be ? 0 : 1;
}
