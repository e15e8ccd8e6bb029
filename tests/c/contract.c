/* A selection of the contract, at the level of C. */

#include "check.h"

static void add_one(void *user_data)
{
    ++*(int *)user_data;
}

static void cache_and_clear(void)
{
    mreg_registry registry = new_registry();
    mreg_owner source = new_owner(registry, MREG_KIND_DATA_SOURCE, "memory");
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model model, models[4] = {7, 7, 7, 7};
    mreg_stamp before, after, again;
    const mreg_freshness_word *owner_word = NULL, *registry_word = NULL;
    size_t count = 77, length = 77;
    char names[32];
    options.name = text_of("User");
    options.data_source = source;
    OK(mreg_model_register(registry, &options, &model, NULL));
    OK(mreg_owner_models(source, MREG_KIND_ANY, models, 4, &count, &before, NULL));
    CHECK(count == 1 && models[0] == model && models[1] == 7);
    OK(mreg_owner_freshness_words(source, &owner_word, &registry_word, NULL));
    CHECK(*owner_word == before.owner_word && *registry_word == before.registry_word);
    OK(mreg_registry_clear(registry, NULL));
    CHECK(*owner_word != before.owner_word || *registry_word != before.registry_word);
    OK(mreg_owner_models(source, MREG_KIND_ANY, models, 4, &count, &after, NULL));
    CHECK(count == 0 && after.stamp != before.stamp);
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_model_unregister(model, NULL));
    options.name = text_of("Product");
    OK(mreg_model_register(registry, &options, &model, NULL));
    OK(mreg_owner_models(source, MREG_KIND_ANY, models, 4, &count, &after, NULL));
    OK(mreg_owner_models(source, MREG_KIND_ANY, models, 4, &count, &again, NULL));
    CHECK(count == 1 && models[0] == model && after.stamp == again.stamp);
    OK(mreg_owner_names(source, MREG_KIND_DATA_SOURCE, names, sizeof names, &length, &count, NULL, NULL));
    CHECK(count == 1 && length == 8 && memcmp(names, "Product", 8) == 0);
    OK(mreg_owner_models(source, MREG_KIND_APP, models, 4, &count, NULL, NULL));
    CHECK(count == 0);
    OK(mreg_registry_destroy(registry, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_owner_models(source, MREG_KIND_ANY, NULL, 0, &count, NULL, NULL));
    CHECK(*owner_word != after.owner_word || *registry_word != after.registry_word);
}

static void two_owners_of_one_configuration(void)
{
    mreg_registry registry = new_registry();
    mreg_owner one = new_owner(registry, MREG_KIND_DATA_SOURCE, "mysql");
    mreg_owner other = new_owner(registry, MREG_KIND_DATA_SOURCE, "mysql");
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model first, second;
    mreg_tenant_info info = MREG_TENANT_INFO_INIT;
    char label[64];
    uint64_t dropped = 77;
    options.name = text_of("User");
    options.data_source = one;
    OK(mreg_model_register(registry, &options, &first, NULL));
    options.data_source = other;
    OK(mreg_model_register(registry, &options, &second, NULL));
    CHECK(mreg_model_is_valid(first) && mreg_model_is_valid(second));
    OK(mreg_model_tenant(first, label, sizeof label, NULL, NULL));
    CHECK(strcmp(label, "ds_mysql_33511a21") == 0);
    OK(mreg_tenant_get_info(registry, label, MREG_NUL_TERMINATED, &info, NULL));
    CHECK(info.exists && info.is_data_source && info.models == 2 && info.names == 1 && info.owners == 2);
    OK(mreg_tenant_drop(registry, label, MREG_NUL_TERMINATED, one, &dropped, NULL));
    CHECK(dropped == 0 && !mreg_model_is_valid(first) && mreg_model_is_valid(second));
    OK(mreg_owner_release(other, NULL));
    OK(mreg_tenant_next(registry, 0, &info, NULL));
    CHECK(!info.exists);
    OK(mreg_registry_destroy(registry, NULL));
}

static void holding(void)
{
    mreg_registry registry = new_registry();
    mreg_owner app = new_owner(registry, MREG_KIND_APP, "");
    int runs = 0;
    mreg_model model = new_model(registry, "User", app, &runs, add_one);
    mreg_snapshot snapshot = MREG_NULL;
    void *user_data = NULL;
    OK(mreg_owner_hold_models(app, MREG_KIND_ANY, &snapshot, NULL));
    new_model(registry, "User", app, &runs, add_one);
    CHECK(runs == 0 && !mreg_model_is_valid(model));
    OK(mreg_registry_destroy(registry, NULL));
    CHECK(runs == 1);
    OK(mreg_snapshot_user_data(snapshot, 0, &user_data, NULL));
    CHECK(user_data == &runs);
    EXPECT(MREG_ERROR_INVALID_ARGUMENT, mreg_snapshot_user_data(snapshot, 1, &user_data, NULL));
    CHECK(user_data == NULL);
    OK(mreg_snapshot_free(snapshot, NULL));
    CHECK(runs == 2);
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_snapshot_free(snapshot, NULL));
    CHECK(runs == 2);
}

static void a_failing_call(void)
{
    mreg_registry registry = new_registry();
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_error error = MREG_ERROR_INIT;
    mreg_model model = 77;
    int runs = 0;
    static const char bad[] = {'a', 'b', (char)0xC3, 'c'};
    options.name.data = bad;
    options.name.length = sizeof bad;
    options.user_data = &runs;
    options.destroy = add_one;
    EXPECT(MREG_ERROR_INVALID_UTF8, mreg_model_register(registry, &options, &model, &error));
    CHECK(runs == 1 && model == MREG_NULL);
    CHECK(error.code == MREG_ERROR_INVALID_UTF8 && error.offset == 2 && error.message[0] != 0);
    options.name.length = SIZE_MAX / 2 + 1;
    EXPECT(MREG_ERROR_TOO_LONG, mreg_model_register(registry, &options, &model, &error));
    options.name.length = SIZE_MAX - 1;
    EXPECT(MREG_ERROR_TOO_LONG, mreg_model_register(registry, &options, &model, &error));
    options.name = text_of("");
    EXPECT(MREG_ERROR_INVALID_NAME, mreg_model_register(registry, &options, &model, &error));
    CHECK(runs == 4);
    OK(mreg_registry_clear(registry, &error));
    CHECK(error.code == MREG_ERROR_INVALID_NAME);
    OK(mreg_registry_destroy(registry, NULL));
}

static void the_macros_and_functions_give_the_same_bytes(void)
{
    mreg_error error = MREG_ERROR_INIT, made_error;
    mreg_owner_options owner = MREG_OWNER_OPTIONS_INIT, made_owner;
    mreg_model_options model = MREG_MODEL_OPTIONS_INIT, made_model;
    mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT, made_stats;
    mreg_tenant_info info = MREG_TENANT_INFO_INIT, made_info;
    mreg_due due = MREG_DUE_INIT, made_due;
    mreg_error_init(&made_error);
    mreg_owner_options_init(&made_owner);
    mreg_model_options_init(&made_model);
    mreg_registry_stats_init(&made_stats);
    mreg_tenant_info_init(&made_info);
    CHECK(memcmp(&error, &made_error, sizeof error) == 0);
    CHECK(memcmp(&owner, &made_owner, sizeof owner) == 0);
    CHECK(memcmp(&model, &made_model, sizeof model) == 0);
    CHECK(memcmp(&stats, &made_stats, sizeof stats) == 0);
    CHECK(memcmp(&info, &made_info, sizeof info) == 0);
    mreg_due_init(&made_due);
    CHECK(memcmp(&due, &made_due, sizeof due) == 0);
}

int main(void)
{
    mreg_registry unused = new_registry();
    cache_and_clear();
    two_owners_of_one_configuration();
    holding();
    a_failing_call();
    the_macros_and_functions_give_the_same_bytes();
    whole_api_works(unused);
    OK(mreg_registry_destroy(unused, NULL));
    return 0;
}
