/*
 * two_tenants: models that share a name, and keep apart.
 *
 * 1. Two data sources with the same configuration share one partition, and each has its own model User.
 * 2. A tenant is dropped, and the cached list of its data source does not hand out what was dropped.
 * 3. Two tenants named by code each have a model Invoice.
 *
 * Every line says what was asked and what the registry answered, after "ok" or "NOT OK"; the exit status is 1 where one
 * answer is not what it must be.
 */

#include <modelreg.h>

#include <stdarg.h>
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

static int wrong_answers = 0;

/* Prints one line, and remembers whether the answer was right. */
static void expect(bool right, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    printf("%-6s  ", right ? "ok" : "NOT OK");
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    if (!right)
        wrong_answers++;
}

/* What stands for the host's own model here: the library keeps the pointer, and says when nothing needs it any more. */
struct record {
    const char *whose;
    int destroyed;
};

static void destroy_record(void *user_data)
{
    struct record *record = user_data;
    record->destroyed++;
}

static mreg_owner open_data_source(mreg_registry registry, const char *name, const char *database)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_owner_options options = MREG_OWNER_OPTIONS_INIT;
    mreg_owner owner = MREG_NULL;

    options.kind = MREG_KIND_DATA_SOURCE;
    options.name = text(name);
    options.connector = text("mysql");
    options.host = text("db.example");
    options.port = text("3306");
    options.database = text(database);
    check(mreg_owner_create(registry, &options, &owner, &error), &error);
    return owner;
}

/* A model of a data source, or, where that is MREG_NULL, of the tenant with this code. */
static mreg_model register_model(mreg_registry registry, const char *name, mreg_owner data_source, const char *tenant,
                                 struct record *record)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model model = MREG_NULL;

    options.name = text(name);
    options.data_source = data_source;
    options.tenant = text(tenant);
    options.user_data = record;
    options.destroy = destroy_record;
    check(mreg_model_register(registry, &options, &model, &error), &error);
    return model;
}

/* What an owner has: "[User]" for people, the stamp to tell snapshots apart, and whose the first model's record is. */
struct answer {
    char list[256];
    char whose[32];
    uint64_t stamp;
};

static struct answer models_of(mreg_owner owner)
{
    mreg_error error = MREG_ERROR_INIT;
    struct answer answer = {"", "nobody's", 0};
    char names[256] = "";
    mreg_stamp stamp;
    size_t count = 0;
    size_t written = 0;

    /* The names come one after the other, each with a NUL at its end. They are few and short here. */
    check(mreg_owner_names(owner, MREG_KIND_ANY, names, sizeof names, NULL, &count, &stamp, &error), &error);
    answer.stamp = stamp.stamp;
    const char *name = names;
    written += (size_t)snprintf(answer.list, sizeof answer.list, "[");
    for (size_t position = 0; position < count; position++) {
        if (written < sizeof answer.list)
            written += (size_t)snprintf(answer.list + written, sizeof answer.list - written, "%s%s",
                                        position == 0 ? "" : ", ", name);
        name += strlen(name) + 1;
    }
    if (written < sizeof answer.list)
        snprintf(answer.list + written, sizeof answer.list - written, "]");

    /* A name holds nothing. A held snapshot holds its models, so their user_data may be used until it is freed. */
    mreg_snapshot snapshot = MREG_NULL;
    check(mreg_owner_hold_models(owner, MREG_KIND_ANY, &snapshot, &error), &error);
    check(mreg_snapshot_models(snapshot, NULL, 0, &count, NULL, &error), &error);
    if (count != 0) {
        void *user_data = NULL;
        check(mreg_snapshot_user_data(snapshot, 0, &user_data, &error), &error);
        snprintf(answer.whose, sizeof answer.whose, "%s", ((struct record *)user_data)->whose);
    }
    check(mreg_snapshot_free(snapshot, &error), &error);
    return answer;
}

static mreg_tenant_info tenant_info(mreg_registry registry, const char *code)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_tenant_info info = MREG_TENANT_INFO_INIT;
    check(mreg_tenant_get_info(registry, code, MREG_NUL_TERMINATED, &info, &error), &error);
    return info;
}

static void same_configuration(mreg_registry registry)
{
    mreg_error error = MREG_ERROR_INIT;
    struct record of_first = {"the first's", 0};
    struct record of_second = {"the second's", 0};
    struct answer answer;

    printf("Two data sources with the same configuration, each with its own User\n");
    printf("(in the original the second User takes the name from the first, whose list then comes back empty)\n");
    mreg_owner first = open_data_source(registry, "first", "shop");
    mreg_owner second = open_data_source(registry, "second", "shop");
    mreg_model users_first = register_model(registry, "User", first, "", &of_first);
    mreg_model users_second = register_model(registry, "User", second, "", &of_second);

    char label[256];
    char other_label[256];
    check(mreg_owner_tenant(first, label, sizeof label, NULL, &error), &error);
    check(mreg_owner_tenant(second, other_label, sizeof other_label, NULL, &error), &error);
    expect(strcmp(label, other_label) == 0, "they live in the partitions %s and %s", label, other_label);

    mreg_tenant_info info = tenant_info(registry, label);
    expect(info.exists == 1 && info.is_data_source == 1 && info.models == 2 && info.names == 1 && info.owners == 2,
           "in it: %llu models, %llu name, %llu owners", (unsigned long long)info.models,
           (unsigned long long)info.names, (unsigned long long)info.owners);

    answer = models_of(first);
    expect(strcmp(answer.list, "[User]") == 0 && strcmp(answer.whose, of_first.whose) == 0,
           "the first has %s, which is %s", answer.list, answer.whose);
    answer = models_of(second);
    expect(strcmp(answer.list, "[User]") == 0 && strcmp(answer.whose, of_second.whose) == 0,
           "the second has %s, which is %s", answer.list, answer.whose);
    expect(users_first != users_second && mreg_model_is_valid(users_first) && mreg_model_is_valid(users_second),
           "two models, %s", users_first != users_second ? "each with a handle of its own" : "and one handle");

    check(mreg_owner_release(second, &error), &error);
    expect(!mreg_owner_is_valid(second) && !mreg_model_is_valid(users_second) && of_second.destroyed == 1,
           "the second is released: its handle is %s, its User destroyed %d time",
           mreg_owner_is_valid(second) ? "valid" : "stale", of_second.destroyed);
    answer = models_of(first);
    expect(strcmp(answer.list, "[User]") == 0 && strcmp(answer.whose, of_first.whose) == 0 && of_first.destroyed == 0
               && mreg_model_is_valid(users_first),
           "the first still has %s, which is %s", answer.list, answer.whose);

    check(mreg_owner_release(first, &error), &error);
    info = tenant_info(registry, label);
    expect(info.exists == 0 && of_first.destroyed == 1, "the first is released too: the partition is %s",
           info.exists ? "still there" : "gone");
}

static void dropped_tenant(mreg_registry registry)
{
    mreg_error error = MREG_ERROR_INIT;
    struct record of_users = {"the old one's", 0};
    struct record of_orders = {"the old one's", 0};
    struct record of_new = {"the new one's", 0};

    printf("\nA tenant is dropped\n");
    printf("(in the original the cached list goes on handing out the dropped models)\n");
    mreg_owner source = open_data_source(registry, "third", "archive");
    mreg_model user = register_model(registry, "User", source, "", &of_users);
    mreg_model order = register_model(registry, "Order", source, "", &of_orders);

    struct answer before = models_of(source);
    struct answer again = models_of(source);
    expect(strcmp(before.list, "[User, Order]") == 0 && before.stamp == again.stamp,
           "asked twice: %s, %s", before.list,
           before.stamp == again.stamp ? "the same snapshot, from the cache" : "two snapshots");

    char label[256];
    uint64_t dropped = 0;
    check(mreg_owner_tenant(source, label, sizeof label, NULL, &error), &error);
    check(mreg_tenant_drop(registry, label, MREG_NUL_TERMINATED, MREG_NULL, &dropped, &error), &error);
    expect(dropped == 2, "dropped %s: %llu names went", label, (unsigned long long)dropped);

    struct answer after = models_of(source);
    expect(strcmp(after.list, "[]") == 0 && after.stamp != before.stamp, "asked again: %s, %s", after.list,
           after.stamp == before.stamp ? "the snapshot of before" : "a new snapshot");
    expect(!mreg_model_is_valid(user) && !mreg_model_is_valid(order), "the handles of User and Order are %s",
           !mreg_model_is_valid(user) && !mreg_model_is_valid(order) ? "stale" : "valid");
    expect(of_users.destroyed == 1 && of_orders.destroyed == 1, "their destructors ran %d and %d time",
           of_users.destroyed, of_orders.destroyed);

    /* The owner is still registered, and its partition comes back with the next model. */
    register_model(registry, "User", source, "", &of_new);
    after = models_of(source);
    expect(strcmp(after.list, "[User]") == 0 && strcmp(after.whose, of_new.whose) == 0,
           "registered anew: %s, which is %s", after.list, after.whose);
    check(mreg_owner_release(source, &error), &error);
    expect(of_new.destroyed == 1, "released: its destructor ran %d time", of_new.destroyed);
}

/* Whose model a tenant has under this name; "nobody's" where it has none. */
static const char *whose_in(mreg_registry registry, const char *code, const char *name)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_model model = MREG_NULL;
    void *user_data = NULL;

    check(mreg_tenant_find_model(registry, code, MREG_NUL_TERMINATED, name, MREG_NUL_TERMINATED, &model, &error), &error);
    if (model == MREG_NULL)
        return "nobody's";
    /* A handle holds nothing: hold the model before its user_data is used. */
    check(mreg_model_hold(model, &error), &error);
    check(mreg_model_user_data(model, &user_data, &error), &error);
    const char *whose = ((struct record *)user_data)->whose;
    check(mreg_model_unhold(model, &error), &error);
    return whose;
}

static size_t count_in(mreg_registry registry, const char *code)
{
    mreg_error error = MREG_ERROR_INIT;
    size_t count = 0;
    check(mreg_tenant_models(registry, code, MREG_NUL_TERMINATED, NULL, 0, &count, &error), &error);
    return count;
}

static void tenants_by_code(mreg_registry registry)
{
    mreg_error error = MREG_ERROR_INIT;
    struct record of_north = {"north's", 0};
    struct record of_south = {"south's", 0};
    uint64_t dropped = 0;

    printf("\nTwo tenants named by code, each with its own Invoice\n");
    register_model(registry, "Invoice", MREG_NULL, "north", &of_north);
    register_model(registry, "Invoice", MREG_NULL, "south", &of_south);
    const char *in_north = whose_in(registry, "north", "Invoice");
    const char *in_south = whose_in(registry, "south", "Invoice");
    expect(strcmp(in_north, of_north.whose) == 0, "in north, Invoice is %s", in_north);
    expect(strcmp(in_south, of_south.whose) == 0, "in south, Invoice is %s", in_south);
    in_north = whose_in(registry, "east", "Invoice");
    expect(strcmp(in_north, "nobody's") == 0, "in east, which never was, it is %s", in_north);

    check(mreg_tenant_drop(registry, "north", MREG_NUL_TERMINATED, MREG_NULL, &dropped, &error), &error);
    expect(dropped == 1 && count_in(registry, "north") == 0 && of_north.destroyed == 1,
           "north is dropped: %zu models in it", count_in(registry, "north"));
    in_south = whose_in(registry, "south", "Invoice");
    expect(count_in(registry, "south") == 1 && strcmp(in_south, of_south.whose) == 0 && of_south.destroyed == 0,
           "south is left alone: %zu model in it, which is %s", count_in(registry, "south"), in_south);

    check(mreg_registry_clear(registry, &error), &error);
    expect(count_in(registry, "south") == 0 && of_south.destroyed == 1, "the registry is cleared: %zu models in south",
           count_in(registry, "south"));
}

int main(void)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_registry registry = MREG_NULL;

    check(mreg_registry_create(NULL, &registry, &error), &error);
    same_configuration(registry);
    dropped_tenant(registry);
    tenants_by_code(registry);
    check(mreg_registry_destroy(registry, &error), &error);

    printf("\n%s\n", wrong_answers == 0 ? "Every answer is right." : "Some answers are WRONG.");
    return wrong_answers == 0 ? 0 : 1;
}
