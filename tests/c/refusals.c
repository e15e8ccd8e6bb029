/*
 * Every status that a host can bring about, from C; what it was that the call could not take; and that nothing changed.
 *
 * The others have tests of their own: NO_THREAD in sweeper.c, OUT_OF_MEMORY in the tests that count allocations, INTERNAL and
 * POISONED in those that let the library panic.
 */

#define _GNU_SOURCE

#include "check.h"

#include <sys/stat.h>
#include <unistd.h>

/** Which statuses this program brought about. */
static bool seen[MREG_STATUS_LAST + 1];

/** Expects a failure, and that the error says so with a message, and with this name. */
#define REFUSES(expected, named, call) \
    do { \
        mreg_error error = MREG_ERROR_INIT; \
        EXPECT(expected, call); \
        CHECK(error.code == (expected) && error.message[0] != '\0'); \
        CHECK(strcmp(error.name, named) == 0 || !fprintf(stderr, "the name is %s\n", error.name)); \
        seen[expected] = true; \
    } while (0)

static int destroyed;

static void destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static mreg_registry registry;
static mreg_owner app, source;
static mreg_model model;

static void null_and_unaligned_pointers(void)
{
    union {
        char bytes[1024];
        uint64_t aligned;
    } room;
    uint64_t *unaligned = (uint64_t *)(void *)(room.bytes + 1);
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    size_t count = 77;
    char text[8];
    memset(&room, 0, sizeof room);
    REFUSES(MREG_ERROR_NULL_POINTER, "registry", mreg_registry_create(NULL, NULL, &error));
    REFUSES(MREG_ERROR_UNALIGNED_POINTER, "registry", mreg_registry_create(NULL, unaligned, &error));
    REFUSES(MREG_ERROR_NULL_POINTER, "options", mreg_model_register(registry, NULL, &model, &error));
    REFUSES(MREG_ERROR_UNALIGNED_POINTER, "options",
            mreg_model_register(registry, (const mreg_model_options *)(void *)unaligned, &model, &error));
    REFUSES(MREG_ERROR_NULL_POINTER, "options", mreg_owner_create(registry, NULL, &app, &error));
    REFUSES(MREG_ERROR_NULL_POINTER, "stats", mreg_registry_get_stats(registry, NULL, &error));
    REFUSES(MREG_ERROR_UNALIGNED_POINTER, "stats",
            mreg_registry_get_stats(registry, (mreg_registry_stats *)(void *)unaligned, &error));
    REFUSES(MREG_ERROR_NULL_POINTER, "models", mreg_owner_models(app, 0, NULL, 1, &count, NULL, &error));
    CHECK(count == 0);
    REFUSES(MREG_ERROR_UNALIGNED_POINTER, "models", mreg_owner_models(app, 0, unaligned, 1, &count, NULL, &error));
    REFUSES(MREG_ERROR_UNALIGNED_POINTER, "stamp",
            mreg_owner_models(app, 0, NULL, 0, &count, (mreg_stamp *)(void *)unaligned, &error));
    REFUSES(MREG_ERROR_NULL_POINTER, "name", mreg_owner_get(app, 0, NULL, 1, &model, &error));
    REFUSES(MREG_ERROR_NULL_POINTER, "buffer", mreg_owner_name(app, NULL, 1, NULL, &error));
    REFUSES(MREG_ERROR_NULL_POINTER, "options", mreg_registry_find_structure(registry, NULL, &model, &error));
    options.name.length = 1;
    REFUSES(MREG_ERROR_NULL_POINTER, "name", mreg_model_register(registry, &options, &model, &error));
    /* A struct of an error that cannot be one is left alone. */
    memset(&room, 0, sizeof room);
    EXPECT(MREG_ERROR_NULL_POINTER, mreg_registry_create(NULL, NULL, (mreg_error *)(void *)&room));
    EXPECT(MREG_ERROR_NULL_POINTER, mreg_registry_create(NULL, NULL, (mreg_error *)(void *)unaligned));
    for (count = 0; count < sizeof room; count++)
        CHECK(room.bytes[count] == 0);
    REFUSES(MREG_ERROR_NULL_POINTER, "bases",
            (mreg_schema_parse("{}", 2, &(mreg_schema_options){sizeof(mreg_schema_options), {NULL, 0}, NULL, 1},
                               &(mreg_schema){0}, &error)));
    REFUSES(MREG_ERROR_UNALIGNED_POINTER, "bases",
            (mreg_schema_parse("{}", 2, &(mreg_schema_options){sizeof(mreg_schema_options), {NULL, 0}, unaligned, 1},
                               &(mreg_schema){0}, &error)));
    REFUSES(MREG_ERROR_TOO_LONG, "bases",
            (mreg_schema_parse("{}", 2, &(mreg_schema_options){sizeof(mreg_schema_options), {NULL, 0}, &app, SIZE_MAX},
                               &(mreg_schema){0}, &error)));
    REFUSES(MREG_ERROR_TOO_LONG, "models", mreg_owner_models(app, 0, &model, SIZE_MAX, &count, NULL, &error));
    REFUSES(MREG_ERROR_TOO_LONG, "name", mreg_owner_get(app, 0, "x", SIZE_MAX - 1, &model, &error));
    REFUSES(MREG_ERROR_TOO_LONG, "buffer", mreg_owner_name(app, text, SIZE_MAX, NULL, &error));
}

static void structs_of_other_versions(void)
{
    struct {
        mreg_model_options options;
        uint64_t more[2];
    } newer = {MREG_MODEL_OPTIONS_INIT, {0, 0}};
    struct {
        mreg_registry_stats stats;
        uint64_t more[2];
    } larger = {MREG_REGISTRY_STATS_INIT, {7, 7}};
    mreg_model made = MREG_NULL;
    mreg_registry_stats small = MREG_REGISTRY_STATS_INIT;
    mreg_registry_options few = MREG_REGISTRY_OPTIONS_INIT;
    mreg_text codes[1];
    newer.options.struct_size = sizeof newer;
    newer.options.name = text_of("Newer");
    newer.options.destroy = destroy;
    OK(mreg_model_register(registry, &newer.options, &made, NULL));
    OK(mreg_model_unregister(made, NULL));
    CHECK(destroyed == 1);
    newer.more[1] = 1;
    REFUSES(MREG_ERROR_STRUCT_SIZE, "options", mreg_model_register(registry, &newer.options, &made, &error));
    newer.options.struct_size = 8;
    REFUSES(MREG_ERROR_STRUCT_SIZE, "options", mreg_model_register(registry, &newer.options, &made, &error));
    newer.options.struct_size = SIZE_MAX;
    REFUSES(MREG_ERROR_STRUCT_SIZE, "options", mreg_model_register(registry, &newer.options, &made, &error));
    CHECK(destroyed == 1);
    small.struct_size = 4;
    REFUSES(MREG_ERROR_STRUCT_SIZE, "stats", mreg_registry_get_stats(registry, &small, &error));
    larger.stats.struct_size = sizeof larger;
    OK(mreg_registry_get_stats(registry, &larger.stats, NULL));
    CHECK(larger.stats.struct_size == sizeof larger && larger.more[0] == 0 && larger.more[1] == 0);
    few.reserved_tenants = codes;
    few.reserved_tenant_count = 1025;
    REFUSES(MREG_ERROR_INVALID_ARGUMENT, "reserved_tenant_count", mreg_registry_create(&few, &made, &error));
    few.reserved_tenant_count = 1;
    codes[0] = text_of("a\nb");
    REFUSES(MREG_ERROR_INVALID_NAME, "reserved tenant code", mreg_registry_create(&few, &made, &error));
}

static void handles_that_are_none(void)
{
    mreg_registry other = new_registry();
    mreg_owner elsewhere = new_owner(other, MREG_KIND_APP, "");
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model made = 77;
    uint64_t generation = 77, dropped = 77;
    options.name = text_of("Stray");
    options.app = elsewhere;
    options.destroy = destroy;
    REFUSES(MREG_ERROR_NULL_HANDLE, "registry", mreg_registry_clear(MREG_NULL, &error));
    REFUSES(MREG_ERROR_WRONG_HANDLE_TYPE, "registry", mreg_registry_generation(app, &generation, &error));
    CHECK(generation == 0);
    destroyed = 0;
    REFUSES(MREG_ERROR_FOREIGN_HANDLE, "app", mreg_model_register(registry, &options, &made, &error));
    CHECK(destroyed == 1 && made == MREG_NULL);
    REFUSES(MREG_ERROR_FORGED_HANDLE, "model", mreg_model_hold(model ^ (1 << 28), &error));
    REFUSES(MREG_ERROR_FOREIGN_HANDLE, "app", mreg_model_move(model, MREG_NULL, elsewhere, NULL, 0, &error));
    REFUSES(MREG_ERROR_FOREIGN_HANDLE, "owner", mreg_tenant_drop(registry, "north", 5, elsewhere, &dropped, &error));
    OK(mreg_registry_destroy(other, NULL));
    REFUSES(MREG_ERROR_STALE_HANDLE, "registry", mreg_registry_clear(other, &error));
    REFUSES(MREG_ERROR_STALE_HANDLE, "owner", mreg_owner_touch(elsewhere, &error));
    OK(mreg_owner_release(MREG_NULL, NULL));
    OK(mreg_model_unregister(MREG_NULL, NULL));
    OK(mreg_model_unhold(MREG_NULL, NULL));
    OK(mreg_snapshot_free(MREG_NULL, NULL));
    OK(mreg_registry_destroy(MREG_NULL, NULL));
    CHECK(!mreg_model_is_valid(app) && !mreg_owner_is_valid(model) && mreg_model_is_valid(model));
}

static void texts(void)
{
    static char long_name[4098];
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_error error = MREG_ERROR_INIT;
    mreg_model made = 77;
    uint32_t kind = 77;
    bool has = true;
    memset(long_name, 'x', sizeof long_name - 1);
    options.name = text_of("");
    REFUSES(MREG_ERROR_INVALID_NAME, "model", mreg_model_register(registry, &options, &made, &error));
    options.name = text_of(long_name);
    REFUSES(MREG_ERROR_TOO_LONG, "model name", mreg_model_register(registry, &options, &made, &error));
    options.name = text_of("Fine");
    options.settings = text_of("[]");
    REFUSES(MREG_ERROR_JSON, "settings", mreg_model_register(registry, &options, &made, &error));
    options.settings = text_of("{\"a\":}");
    EXPECT(MREG_ERROR_JSON, mreg_model_register(registry, &options, &made, &error));
    CHECK(error.line == 1 && error.column == 6 && error.offset == 5);
    options.settings = text_of("");
    options.flags = 64;
    REFUSES(MREG_ERROR_INVALID_ARGUMENT, "flags", mreg_model_register(registry, &options, &made, &error));
    options.flags = 0;
    options.app = source;
    REFUSES(MREG_ERROR_INVALID_ARGUMENT, "app", mreg_model_register(registry, &options, &made, &error));
    EXPECT(MREG_ERROR_INVALID_UTF8, mreg_owner_has(app, 0, "ab\xff", 3, &has, &error));
    CHECK(error.offset == 2 && !has);
    seen[MREG_ERROR_INVALID_UTF8] = true;
    EXPECT(MREG_ERROR_INVALID_UTF8, mreg_owner_get(app, 0, "a long name that ends \xff", 23, &made, &error));
    REFUSES(MREG_ERROR_INVALID_NAME, "ds", mreg_owner_kind_register(registry, "ds", 2, &kind, &error));
    CHECK(kind == 0);
    REFUSES(MREG_ERROR_INVALID_NAME, "tenant code", mreg_tenant_touch(registry, "a\nb", 3, &error));
}

static void flags_and_kinds(void)
{
    mreg_owner_options options = MREG_OWNER_OPTIONS_INIT;
    mreg_find_options find = MREG_FIND_OPTIONS_INIT;
    mreg_sweeper_options sweeper = MREG_SWEEPER_OPTIONS_INIT;
    mreg_load_options load = MREG_LOAD_OPTIONS_INIT;
    mreg_load_report report = 77;
    mreg_owner made = 77;
    mreg_model found = 77;
    options.kind = 999;
    REFUSES(MREG_ERROR_INVALID_ARGUMENT, "kind", mreg_owner_create(registry, &options, &made, &error));
    options.kind = MREG_KIND_APP;
    options.flags = 64;
    REFUSES(MREG_ERROR_INVALID_ARGUMENT, "flags", mreg_owner_create(registry, &options, &made, &error));
    CHECK(made == MREG_NULL);
    find.flags = 64;
    REFUSES(MREG_ERROR_INVALID_ARGUMENT, "flags", mreg_registry_find_structure(registry, &find, &found, &error));
    find.flags = 0;
    find.reserved = 1;
    REFUSES(MREG_ERROR_INVALID_ARGUMENT, "reserved", mreg_registry_find_structure(registry, &find, &found, &error));
    sweeper.interval_ms = 0;
    REFUSES(MREG_ERROR_INVALID_ARGUMENT, "interval_ms", mreg_sweeper_start(registry, &sweeper, &error));
    load.flags = 64;
    REFUSES(MREG_ERROR_INVALID_ARGUMENT, "flags", mreg_application_load(registry, ".", 1, &load, &report, &error));
    REFUSES(MREG_ERROR_INVALID_NAME, "directory", mreg_application_load(registry, "a\0b", 3, NULL, &report, &error));
    REFUSES(MREG_ERROR_INVALID_ARGUMENT, "model", mreg_model_unhold(model, &error));
    OK(mreg_registry_default(&made, NULL));
    REFUSES(MREG_ERROR_INVALID_ARGUMENT, "registry", mreg_registry_destroy(made, &error));
}

static void limits(void)
{
    mreg_registry_options options = MREG_REGISTRY_OPTIONS_INIT, same;
    mreg_registry full = MREG_NULL;
    mreg_owner_options owner = MREG_OWNER_OPTIONS_INIT;
    mreg_model_options one = MREG_MODEL_OPTIONS_INIT;
    mreg_text reserved[2];
    mreg_owner made = MREG_NULL;
    mreg_model first = MREG_NULL;
    reserved[0] = text_of("trap");
    reserved[1] = text_of("net");
    mreg_registry_options_init(&same);
    CHECK(memcmp(&options, &same, sizeof same) == 0);
    options.max_models = options.max_owners = 1;
    options.reserved_tenants = reserved;
    options.reserved_tenant_count = 2;
    OK(mreg_registry_create(&options, &full, NULL));
    owner.kind = MREG_KIND_APP;
    owner.destroy = destroy;
    OK(mreg_owner_create(full, &owner, &made, NULL));
    destroyed = 0;
    REFUSES(MREG_ERROR_FULL, "owners", mreg_owner_create(full, &owner, &made, &error));
    CHECK(destroyed == 1);
    one.name = text_of("One");
    one.tenant = text_of("net");
    OK(mreg_model_register(full, &one, &first, NULL));
    one.name = text_of("Two");
    REFUSES(MREG_ERROR_FULL, "models", mreg_model_register(full, &one, &first, &error));
    OK(mreg_registry_destroy(full, NULL));
    CHECK(destroyed == 2);
}

static void deep_and_odd_definitions(void)
{
    char deep[1024] = "{\"name\":\"A\",\"properties\":{\"a\":";
    size_t length = strlen(deep);
    mreg_schema schema = 77;
    mreg_error error = MREG_ERROR_INIT;
    memset(deep + length, '[', 100);
    memset(deep + length + 100, ']', 100);
    strcpy(deep + length + 200, "}}");
    EXPECT(MREG_ERROR_TOO_DEEP, mreg_schema_parse(deep, MREG_NUL_TERMINATED, NULL, &schema, &error));
    CHECK(strncmp(error.name, "a[0]", 4) == 0);
    seen[MREG_ERROR_TOO_DEEP] = true;
    REFUSES(MREG_ERROR_SCHEMA, "p",
            mreg_schema_parse("{\"name\":\"A\",\"properties\":{\"p\":7}}", MREG_NUL_TERMINATED, NULL, &schema, &error));
    REFUSES(MREG_ERROR_UNKNOWN_BASE, "Nobody",
            mreg_schema_parse("{\"name\":\"A\",\"base\":\"Nobody\"}", MREG_NUL_TERMINATED, NULL, &schema, &error));
    CHECK(schema == MREG_NULL);
}

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[512];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void remove_all(const char *directory)
{
    static const char *const names[] = {"datasources.json", "model-config.json", "models/a.json", "models/b.json", "models", "."};
    char path[512];
    size_t at;
    for (at = 0; at < sizeof names / sizeof *names; at++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[at]);
        if (remove(path) != 0)
            rmdir(at == 5 ? directory : path);
    }
}

/** What was found wrong in an application, and the statuses that the loader alone has. */
static void applications(void)
{
    char directory[] = "/tmp/modelreg-refusals-XXXXXX", path[512];
    mreg_load_options options, same = MREG_LOAD_OPTIONS_INIT;
    mreg_load_info info, same_info = MREG_LOAD_INFO_INIT;
    mreg_problem problem, same_problem = MREG_PROBLEM_INIT;
    mreg_registry_stats before = MREG_REGISTRY_STATS_INIT, after = MREG_REGISTRY_STATS_INIT;
    mreg_load_report report = 77;
    mreg_error error = MREG_ERROR_INIT;
    mreg_owner owner = 77;
    uint64_t at;
    CHECK(mkdtemp(directory) != NULL);
    REFUSES(MREG_ERROR_NOTHING_TO_LOAD, directory,
            mreg_application_load(registry, directory, MREG_NUL_TERMINATED, NULL, &report, &error));
    CHECK(report == MREG_NULL);
    snprintf(path, sizeof path, "%s/missing", directory);
    REFUSES(MREG_ERROR_IO, path, mreg_application_load(registry, path, MREG_NUL_TERMINATED, NULL, &report, &error));
    snprintf(path, sizeof path, "%s/models", directory);
    CHECK(mkdir(path, 0700) == 0);
    write_file(directory, "datasources.json", "{\"db\": {\"connector\": \"memory\"}}");
    write_file(directory, "model-config.json", "{\"Twice\": {\"dataSource\": \"nowhere\"}}");
    write_file(directory, "models/a.json", "{\"name\": \"Twice\", \"properties\": {\"a\": \"string\"}}");
    write_file(directory, "models/b.json", "{\"name\": \"Twice\"}");
    OK(mreg_registry_get_stats(registry, &before, NULL));
    mreg_load_options_init(&options);
    CHECK(memcmp(&options, &same, sizeof same) == 0);
    options.flags = MREG_LOAD_ALL_OR_NOTHING;
    EXPECT(MREG_ERROR_LOAD_REFUSED,
           mreg_application_load(registry, directory, MREG_NUL_TERMINATED, &options, &report, &error));
    seen[MREG_ERROR_LOAD_REFUSED] = true;
    OK(mreg_registry_get_stats(registry, &after, NULL));
    CHECK(before.owners == after.owners && before.models == after.models && strstr(error.message, "2 problems"));
    mreg_load_info_init(&info);
    CHECK(memcmp(&info, &same_info, sizeof same_info) == 0);
    OK(mreg_load_report_get_info(report, &info, NULL));
    CHECK(info.loaded == 0 && info.app == MREG_NULL && info.problems == 2 && info.models == 2);
    mreg_problem_init(&problem);
    CHECK(memcmp(&problem, &same_problem, sizeof same_problem) == 0);
    for (at = 0; at < info.problems; at++) {
        OK(mreg_load_report_problem(report, at, &problem, NULL));
        CHECK(problem.line == 1 && problem.message[0] != '\0' && problem.file[0] != '\0');
        seen[problem.code] = true;
    }
    CHECK(seen[MREG_ERROR_DUPLICATE_MODEL] && seen[MREG_ERROR_UNKNOWN_DATA_SOURCE]);
    EXPECT(MREG_ERROR_INVALID_ARGUMENT, mreg_load_report_problem(report, at, &problem, NULL));
    OK(mreg_load_report_data_source(report, 0, &owner, NULL));
    CHECK(owner == MREG_NULL);
    EXPECT(MREG_ERROR_INVALID_ARGUMENT, mreg_load_report_data_source(report, 1, &owner, NULL));
    OK(mreg_load_report_free(report, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_load_report_free(report, NULL));
    OK(mreg_load_report_free(MREG_NULL, NULL));
    /* One problem alone, and nothing to load. */
    remove_all(directory);
    CHECK(mkdir(directory, 0700) == 0);
    write_file(directory, "datasources.json", "{");
    REFUSES(MREG_ERROR_NOTHING_TO_LOAD, "datasources.json",
            mreg_application_load(registry, directory, MREG_NUL_TERMINATED, NULL, &report, &error));
    CHECK(report != MREG_NULL);
    OK(mreg_load_report_free(report, NULL));
    remove_all(directory);
}

static void names_of_statuses(void)
{
    mreg_status status;
    CHECK(strcmp(mreg_status_name(MREG_ERROR_FULL), "MREG_ERROR_FULL") == 0);
    CHECK(strcmp(mreg_status_name(77), "MREG_UNKNOWN_STATUS") == 0);
    CHECK(strcmp(mreg_status_text(-1), "unknown status") == 0);
    CHECK(mreg_version() == MREG_VERSION_NUMBER && mreg_version_string()[0] == '0' + MREG_VERSION_MAJOR);
    for (status = 1; status <= MREG_STATUS_LAST; status++) {
        const char *name = mreg_status_name(status);
        if (strcmp(name, "MREG_UNKNOWN_STATUS") == 0)
            continue;
        CHECK(mreg_status_text(status)[0] != '\0');
        if (status == MREG_ERROR_OUT_OF_MEMORY || status == MREG_ERROR_POISONED || status == MREG_ERROR_INTERNAL ||
            status == MREG_ERROR_NO_THREAD)
            continue;
        CHECK(seen[status] || !fprintf(stderr, "nothing brought about %s\n", name));
    }
}

int main(void)
{
    mreg_registry_stats before = MREG_REGISTRY_STATS_INIT, after = MREG_REGISTRY_STATS_INIT;
    registry = new_registry();
    app = new_owner(registry, MREG_KIND_APP, "");
    source = new_owner(registry, MREG_KIND_DATA_SOURCE, "memory");
    model = new_model(registry, "Kept", app, NULL, NULL);
    CHECK(count_of(app) == 1);
    {
        /* Calls that fail set their results to null. */
        mreg_owner kept_app = app;
        mreg_model kept = model;
        OK(mreg_registry_get_stats(registry, &before, NULL));
        null_and_unaligned_pointers();
        app = kept_app;
        model = kept;
    }
    structs_of_other_versions();
    handles_that_are_none();
    texts();
    flags_and_kinds();
    limits();
    deep_and_odd_definitions();
    applications();
    names_of_statuses();
    OK(mreg_registry_get_stats(registry, &after, NULL));
    CHECK(before.models == after.models && before.owners == after.owners && count_of(app) == 1);
    CHECK(mreg_model_is_valid(model));
    OK(mreg_registry_destroy(registry, NULL));
    puts("refusals: passed");
    return 0;
}
