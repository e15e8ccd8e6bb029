/*
 * loopback_app: loads a LoopBack application into a registry and shows what every owner has; then it clears the registry
 * and asks the same again, to show that nothing of before is left.
 *
 *     loopback_app [DIRECTORY] [--environment NAME] [--without-app] [--all-or-nothing]
 *
 * DIRECTORY holds datasources.json, model-config.json and the folder models; without one, the sample application beside
 * this file is loaded. The exit status is 0 when nothing was wrong with it, 1 when problems were reported, 2 when nothing
 * could be loaded, and 3 when the registry's answers do not fit together.
 */

#include <modelreg.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the sample application is; from the root of the repository, unless the build says it better. */
#ifndef MODELREG_SAMPLE_APP
#define MODELREG_SAMPLE_APP "examples/sample-app"
#endif

enum { EXIT_CLEAN = 0, EXIT_PROBLEMS = 1, EXIT_NOT_LOADED = 2, EXIT_CONTRADICTION = 3 };

/* Lines of names are broken here. A name in a table is cut where it is longer than a cell. */
enum { LINE_WIDTH = 100, CELL_WIDTH = 48 };

/* ---- Calling the library ------------------------------------------------------------------------------------------ */

/* Every call answers with a status and says in `error` what was wrong. What fails here should never fail: we give up. */
static void check(mreg_status status, const mreg_error *error)
{
    if (status == MREG_OK)
        return;
    fprintf(stderr, "%s: %s", mreg_status_name(status), error->message);
    if (error->line != 0)
        fprintf(stderr, " (line %u, column %u)", (unsigned)error->line, (unsigned)error->column);
    fputc('\n', stderr);
    exit(EXIT_CONTRADICTION);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size);
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(EXIT_CONTRADICTION);
    }
    return memory;
}

/* The library takes texts as a pointer and a length; this is how a C string is given. */
static mreg_text text(const char *string)
{
    mreg_text text = {string, MREG_NUL_TERMINATED};
    return text;
}

/* All functions that give a text of a handle look alike, since all handles are 64-bit numbers. */
typedef mreg_status text_function(uint64_t handle, char *buffer, size_t capacity, size_t *length, mreg_error *error);

/* Asks how long the text is, makes room, and asks again. The caller frees it. */
static char *text_of(text_function *ask, uint64_t handle)
{
    mreg_error error = MREG_ERROR_INIT;
    size_t length = 0;

    check(ask(handle, NULL, 0, &length, &error), &error);
    char *buffer = allocate(length + 1, 1);
    check(ask(handle, buffer, length + 1, &length, &error), &error);
    return buffer;
}

/* ---- Tables ------------------------------------------------------------------------------------------------------- */

struct table {
    const char *alignment; /* one character for each column: 'l' or 'r' */
    size_t columns;
    char **cells;          /* row by row */
    size_t count;
    size_t room;
};

static struct table table_begin(const char *alignment)
{
    struct table table = {alignment, strlen(alignment), NULL, 0, 0};
    return table;
}

/* How many columns of a terminal a character takes: none for an accent of its own, two for East Asian ones and emoji. */
static size_t character_width(unsigned long character)
{
    if (character >= 0x300 && character <= 0x36F)
        return 0;
    if ((character >= 0x1100 && character <= 0x115F) || (character >= 0x2E80 && character <= 0xA4CF)
        || (character >= 0xAC00 && character <= 0xD7A3) || (character >= 0xF900 && character <= 0xFAFF)
        || (character >= 0xFE30 && character <= 0xFE6F) || (character >= 0xFF00 && character <= 0xFF60)
        || (character >= 0x1F300 && character <= 0x1FAFF) || (character >= 0x20000 && character <= 0x3FFFD))
        return 2;
    return 1;
}

/* Goes one character of a UTF-8 text further. What the library gives out is always valid UTF-8. */
static const char *next_character(const char *place, unsigned long *character)
{
    const unsigned char *bytes = (const unsigned char *)place;
    size_t more = bytes[0] >= 0xF0 ? 3 : bytes[0] >= 0xE0 ? 2 : bytes[0] >= 0xC0 ? 1 : 0;
    size_t used = 1;

    *character = more == 3 ? bytes[0] & 0x07u : more == 2 ? bytes[0] & 0x0Fu : more == 1 ? bytes[0] & 0x1Fu : bytes[0];
    while (used <= more && (bytes[used] & 0xC0u) == 0x80u)
        *character = *character << 6 | (bytes[used++] & 0x3Fu);
    return place + used;
}

static size_t text_width(const char *string)
{
    size_t width = 0;
    unsigned long character;

    while (*string != '\0') {
        string = next_character(string, &character);
        width += character_width(character);
    }
    return width;
}

/* Cuts a text that is too wide for a cell, and marks the cut. */
static void fit_into_cell(char *string)
{
    const char *place = string;
    char *cut = string;
    size_t width = 0;
    unsigned long character;

    if (text_width(string) <= CELL_WIDTH)
        return;
    while (*place != '\0') {
        place = next_character(place, &character);
        width += character_width(character);
        if (width > CELL_WIDTH - 3)
            break;
        cut = string + (place - string);
    }
    strcpy(cut, "...");
}

static void add_cell(struct table *table, const char *format, ...)
{
    va_list arguments;

    if (table->count == table->room) {
        table->room = table->room == 0 ? 64 : table->room * 2;
        table->cells = realloc(table->cells, table->room * sizeof *table->cells);
        if (table->cells == NULL) {
            fprintf(stderr, "out of memory\n");
            exit(EXIT_CONTRADICTION);
        }
    }
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *cell = allocate((size_t)length + 1, 1);
    va_start(arguments, format);
    vsnprintf(cell, (size_t)length + 1, format, arguments);
    va_end(arguments);
    fit_into_cell(cell);
    table->cells[table->count++] = cell;
}

static void add_text(struct table *table, text_function *ask, uint64_t handle)
{
    char *string = text_of(ask, handle);
    add_cell(table, "%s", string);
    free(string);
}

/* Prints the rows with every column as wide as its widest cell, and frees the table. */
static void table_end(struct table *table)
{
    for (size_t cell = 0; cell < table->count; cell++) {
        size_t column = cell % table->columns;
        size_t width = text_width(table->cells[cell]);
        size_t widest = 0;
        bool last = column == table->columns - 1;

        for (size_t other = column; other < table->count; other += table->columns) {
            size_t other_width = text_width(table->cells[other]);
            widest = other_width > widest ? other_width : widest;
        }
        int padding = (int)(widest - width);
        if (table->alignment[column] == 'r')
            printf("  %*s%s%s", padding, "", table->cells[cell], last ? "\n" : "");
        else
            printf("  %s%*s%s", table->cells[cell], last ? 0 : padding, "", last ? "\n" : "");
    }
    for (size_t cell = 0; cell < table->count; cell++)
        free(table->cells[cell]);
    free(table->cells);
}

static const char *plural(uint64_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

/* ---- What the registry has ---------------------------------------------------------------------------------------- */

/* An owner, and the freshness words for which `owns` and `on` were the answers. */
struct owner {
    mreg_owner handle;
    char *name;
    bool is_app;
    size_t owns;
    size_t on;
    mreg_stamp stamp;
};

struct application {
    mreg_registry registry;
    mreg_load_info info;
    struct owner *owners; /* the app, where there is one, then the data sources in the order of the configuration */
    size_t owner_count;
    mreg_model *models;   /* those of each owner, then those that have none */
    size_t model_count;
    uint64_t duplicates; /* files that define a model which an earlier one defines */
};

static uint64_t read_word(const mreg_freshness_word *word)
{
#if defined(__GNUC__)
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
#else
    return *word;
#endif
}

/*
 * Whether the answers that we keep about an owner are still the right ones. This takes no call: the two words lie in
 * memory that stays readable as long as the process lives.
 */
static bool is_fresh(const struct owner *owner)
{
    mreg_error error = MREG_ERROR_INIT;
    const mreg_freshness_word *owner_word = NULL;
    const mreg_freshness_word *registry_word = NULL;

    check(mreg_owner_freshness_words(owner->handle, &owner_word, &registry_word, &error), &error);
    return read_word(owner_word) == owner->stamp.owner_word && read_word(registry_word) == owner->stamp.registry_word;
}

/* (NULL, 0) asks for the numbers only. */
static void count_models(struct owner *owner)
{
    mreg_error error = MREG_ERROR_INIT;
    check(mreg_owner_models(owner->handle, MREG_KIND_ANY, NULL, 0, &owner->owns, &owner->stamp, &error), &error);
    check(mreg_owner_models_on(owner->handle, MREG_KIND_ANY, NULL, 0, &owner->on, NULL, &error), &error);
}

static void collect_owners(struct application *app, mreg_load_report report)
{
    mreg_error error = MREG_ERROR_INIT;

    app->owners = allocate((size_t)app->info.data_sources + 1, sizeof *app->owners);
    if (app->info.app != MREG_NULL)
        app->owners[app->owner_count++].handle = app->info.app;
    for (size_t position = 0; position < app->info.data_sources; position++) {
        mreg_owner *handle = &app->owners[app->owner_count++].handle;
        check(mreg_load_report_data_source(report, position, handle, &error), &error);
    }
    for (size_t position = 0; position < app->owner_count; position++) {
        struct owner *owner = &app->owners[position];
        owner->is_app = owner->handle == app->info.app;
        owner->name = text_of(mreg_owner_name, owner->handle);
        count_models(owner);
    }
}

static void collect_models(struct application *app)
{
    mreg_error error = MREG_ERROR_INIT;
    size_t without_owner = 0;
    size_t total = 0;
    size_t count = 0;

    check(mreg_tenant_models(app->registry, "global", MREG_NUL_TERMINATED, NULL, 0, &without_owner, &error), &error);
    total = without_owner;
    for (size_t position = 0; position < app->owner_count; position++)
        total += app->owners[position].owns;

    /* The handles hold nothing. Here that is enough, since nobody else changes this registry. */
    app->models = allocate(total, sizeof *app->models);
    for (size_t position = 0; position < app->owner_count; position++) {
        check(mreg_owner_models(app->owners[position].handle, MREG_KIND_ANY, app->models + app->model_count,
                                total - app->model_count, &count, NULL, &error), &error);
        app->model_count += count;
    }
    check(mreg_tenant_models(app->registry, "global", MREG_NUL_TERMINATED, app->models + app->model_count,
                             total - app->model_count, &count, &error), &error);
    app->model_count += count;
}

/* ---- Printing ----------------------------------------------------------------------------------------------------- */

static void print_summary(const struct application *app, const char *directory)
{
    printf("%s: %llu data %s, %llu %s, %llu %s, %llu %s\n",
           app->info.app != MREG_NULL ? app->owners[0].name : directory,
           (unsigned long long)app->info.data_sources, plural(app->info.data_sources, "source", "sources"),
           (unsigned long long)app->info.models, plural(app->info.models, "model", "models"),
           (unsigned long long)app->info.properties, plural(app->info.properties, "property", "properties"),
           (unsigned long long)app->info.problems, plural(app->info.problems, "problem", "problems"));
}

static void print_problems(struct application *app, mreg_load_report report)
{
    mreg_error error = MREG_ERROR_INIT;

    if (app->info.problems != 0)
        printf("\nProblems\n\n");
    for (size_t position = 0; position < app->info.problems; position++) {
        mreg_problem problem = MREG_PROBLEM_INIT;
        check(mreg_load_report_problem(report, position, &problem, &error), &error);
        if (problem.code == MREG_ERROR_DUPLICATE_MODEL)
            app->duplicates++;

        /* A message is complete in itself and begins with the file; here the file stands before the place. */
        const char *reason = problem.message;
        size_t length = strlen(problem.file);
        if (strncmp(reason, problem.file, length) == 0 && strncmp(reason + length, ": ", 2) == 0)
            reason += length + 2;
        if (problem.line != 0)
            printf("  %s:%u:%u: %s\n", problem.file, (unsigned)problem.line, (unsigned)problem.column, reason);
        else
            printf("  %s: %s\n", problem.file, reason);
    }
}

static void print_owners(const struct application *app)
{
    struct table table = table_begin("lllrr");
    const char *headings[] = {"OWNER", "KIND", "PARTITION", "OWNS", "ON IT"};

    for (size_t column = 0; column < table.columns; column++)
        add_cell(&table, "%s", headings[column]);
    for (size_t position = 0; position < app->owner_count; position++) {
        const struct owner *owner = &app->owners[position];
        add_cell(&table, "%s", owner->name);
        add_cell(&table, "%s", owner->is_app ? "app" : "data source");
        add_text(&table, mreg_owner_tenant, owner->handle);
        add_cell(&table, "%zu", owner->owns);
        add_cell(&table, owner->is_app ? "-" : "%zu", owner->on);
    }
    table_end(&table);
}

/* One line of names, or as many as they need. `heading` stands before the first. */
static void print_names(const char *heading, const mreg_model *models, size_t count)
{
    size_t indent = text_width(heading);
    size_t width = indent;

    if (count == 0)
        return;
    printf("%s", heading);
    for (size_t position = 0; position < count; position++) {
        char *name = text_of(mreg_model_name, models[position]);
        size_t name_width = text_width(name) + 1;
        if (position != 0 && width + 1 + name_width > LINE_WIDTH) {
            printf("\n%*s", (int)indent, "");
            width = indent;
        } else if (position != 0) {
            printf(" ");
            width++;
        }
        printf("%s%s", name, position + 1 < count ? "," : "");
        width += name_width;
        free(name);
    }
    printf("\n");
}

/* The names of what each owner has, and of what is on each data source. */
static void print_lists(const struct application *app)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_model *models = allocate(app->model_count, sizeof *models);
    size_t count = 0;

    for (size_t position = 0; position < app->owner_count; position++) {
        const struct owner *owner = &app->owners[position];
        printf("\n%s\n", owner->name);
        check(mreg_owner_models(owner->handle, MREG_KIND_ANY, models, app->model_count, &count, NULL, &error), &error);
        print_names("  owns   ", models, count);
        check(mreg_owner_models_on(owner->handle, MREG_KIND_ANY, models, app->model_count, &count, NULL, &error), &error);
        print_names("  on it  ", models, count);
        if (owner->owns == 0 && owner->on == 0)
            printf("  nothing\n");
    }
    check(mreg_tenant_models(app->registry, "global", MREG_NUL_TERMINATED, models, app->model_count, &count, &error),
          &error);
    if (count != 0) {
        printf("\nwithout an owner, in the partition global\n");
        print_names("  ", models, count);
    }
    free(models);
}

static const char *structure_name(uint32_t kind)
{
    return kind == MREG_STRUCTURE_SIMPLE ? "simple" : kind == MREG_STRUCTURE_COMPLEX ? "complex" : "other";
}

/*
 * One line for each model, with its data source where it has one, and the sums below. Gives the number of properties
 * that the models declare.
 */
static uint64_t print_models(const struct application *app)
{
    mreg_error error = MREG_ERROR_INIT;
    struct table table = table_begin("lllrrrrll");
    const char *headings[] = {"MODEL", "BASE", "ON", "OWN", "INHERITED", "NESTED", "DEPTH", "STRUCTURE",
                              "FINGERPRINT"};
    mreg_schema_info sum = MREG_SCHEMA_INFO_INIT;

    for (size_t column = 0; column < table.columns; column++)
        add_cell(&table, "%s", headings[column]);
    for (size_t position = 0; position < app->model_count; position++) {
        mreg_model model = app->models[position];
        mreg_owner data_source = MREG_NULL;
        mreg_schema schema = MREG_NULL;
        mreg_schema_info info = MREG_SCHEMA_INFO_INIT;

        check(mreg_model_owners(model, NULL, &data_source, NULL, &error), &error);
        check(mreg_model_schema(model, &schema, &error), &error);
        check(mreg_schema_get_info(schema, &info, &error), &error);

        add_text(&table, mreg_model_name, model);
        add_text(&table, mreg_schema_base, schema);
        if (data_source == MREG_NULL)
            add_cell(&table, "-");
        else
            add_text(&table, mreg_owner_name, data_source);
        add_cell(&table, "%llu", (unsigned long long)info.own);
        add_cell(&table, "%llu", (unsigned long long)info.inherited);
        add_cell(&table, "%llu", (unsigned long long)info.nested);
        add_cell(&table, "%u", (unsigned)info.structure_depth);
        add_cell(&table, "%s", structure_name(info.structure_kind));
        /* The first half tells the models of one application apart; the registry compares all 128 bits and more. */
        const uint8_t *print = info.fingerprint;
        if (info.has_structure)
            add_cell(&table, "%02x%02x%02x%02x%02x%02x%02x%02x", print[0], print[1], print[2], print[3], print[4],
                     print[5], print[6], print[7]);
        else
            add_cell(&table, "no properties");

        sum.declared += info.declared;
        sum.own += info.own;
        sum.inherited += info.inherited;
        sum.nested += info.nested;
        sum.hidden += info.hidden;
        check(mreg_schema_free(schema, &error), &error);
    }
    table_end(&table);

    printf("\n  %llu %s declared: %llu own", (unsigned long long)sum.declared,
           plural(sum.declared, "property is", "properties are"), (unsigned long long)sum.own);
    if (sum.hidden != 0)
        printf(", %llu that %s an inherited one", (unsigned long long)sum.hidden, plural(sum.hidden, "hides", "hide"));
    if (sum.declared > sum.own + sum.hidden)
        printf(", %llu left out", (unsigned long long)(sum.declared - sum.own - sum.hidden));
    printf("; beside them %llu inherited, %llu nested.\n", (unsigned long long)sum.inherited,
           (unsigned long long)sum.nested);
    return sum.declared;
}

/* ---- Checking ----------------------------------------------------------------------------------------------------- */

static int contradictions = 0;

static void expect_equal(uint64_t found, uint64_t expected, const char *what)
{
    if (found != expected) {
        fprintf(stderr, "%s: %llu and %llu\n", what, (unsigned long long)found, (unsigned long long)expected);
        contradictions++;
    }
}

/* What the report counted must be what the registry has, by each way of asking. */
static void cross_check(struct application *app, uint64_t properties)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
    size_t elsewhere = 0;
    size_t global = 0;
    /* The report counts files; of those that define the same model only the first is loaded. */
    uint64_t loaded = app->info.models - app->duplicates;

    check(mreg_registry_get_stats(app->registry, &stats, &error), &error);
    check(mreg_registry_models(app->registry, NULL, 0, &elsewhere, &error), &error);
    check(mreg_tenant_models(app->registry, "global", MREG_NUL_TERMINATED, NULL, 0, &global, &error), &error);
    expect_equal(app->model_count, loaded, "models listed, and loaded");
    expect_equal(stats.models, loaded, "models counted, and loaded");
    expect_equal(elsewhere + global, loaded, "models in all partitions, and loaded");
    expect_equal(stats.owners, app->owner_count, "owners counted, and loaded");
    if (app->duplicates == 0)
        expect_equal(properties, app->info.properties, "properties of the models, and loaded");

    /* Nothing changed, so each owner's list is the snapshot that it was, even where a freshness word moved. */
    for (size_t position = 0; position < app->owner_count; position++) {
        struct owner *owner = &app->owners[position];
        uint64_t stamp = owner->stamp.stamp;
        count_models(owner);
        expect_equal(owner->stamp.stamp, stamp, "stamps of one owner's list, asked twice");
    }
}

/* ---- After clear -------------------------------------------------------------------------------------------------- */

static void clear_and_ask_again(struct application *app)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_registry_stats stats = MREG_REGISTRY_STATS_INIT;
    mreg_snapshot held = MREG_NULL;
    size_t held_count = 0;
    size_t still_readable = 0;
    size_t stale = 0;

    /* What we hold stays ours. Remember its names, to compare them afterwards. */
    check(mreg_registry_hold_models(app->registry, &held, &error), &error);
    check(mreg_snapshot_models(held, NULL, 0, &held_count, NULL, &error), &error);
    mreg_model *handles = allocate(held_count, sizeof *handles);
    char **names = allocate(held_count, sizeof *names);
    check(mreg_snapshot_models(held, handles, held_count, &held_count, NULL, &error), &error);
    for (size_t position = 0; position < held_count; position++)
        names[position] = text_of(mreg_model_name, handles[position]);

    check(mreg_registry_clear(app->registry, &error), &error);

    printf("\nAfter clear\n\n");
    if (app->owner_count == 0)
        printf("  no owners\n");
    struct table table = table_begin("lllrrl");
    const char *headings[] = {"OWNER", "KIND", "PARTITION", "OWNS", "ON IT", "CACHED ANSWER"};
    for (size_t column = 0; column < table.columns && app->owner_count != 0; column++)
        add_cell(&table, "%s", headings[column]);
    for (size_t position = 0; position < app->owner_count; position++) {
        struct owner *owner = &app->owners[position];
        bool fresh = is_fresh(owner);

        count_models(owner);
        add_cell(&table, "%s", owner->name);
        add_cell(&table, "%s", owner->is_app ? "app" : "data source");
        add_text(&table, mreg_owner_tenant, owner->handle);
        add_cell(&table, "%zu", owner->owns);
        add_cell(&table, owner->is_app ? "-" : "%zu", owner->on);
        add_cell(&table, "%s", fresh ? "TAKEN FOR FRESH" : "known to be old");
        expect_equal(fresh, 0, "an owner's answer from before clear, is fresh");
        expect_equal(owner->owns, 0, "models of an owner after clear");
        expect_equal(owner->on, 0, "models on an owner after clear");
    }
    if (app->owner_count != 0)
        table_end(&table);
    printf("\n");

    for (size_t position = 0; position < app->model_count; position++)
        stale += mreg_model_is_valid(app->models[position]) ? 0 : 1;
    for (size_t position = 0; position < held_count; position++) {
        char name[4097]; /* no name is longer */
        check(mreg_snapshot_name(held, position, name, sizeof name, NULL, &error), &error);
        still_readable += strcmp(name, names[position]) == 0 ? 1 : 0;
        free(names[position]);
    }
    check(mreg_registry_get_stats(app->registry, &stats, &error), &error);
    printf("  %zu of %zu model handles from before are stale.\n", stale, app->model_count);
    printf("  The registry counts %llu models and %llu tenants, and is in generation %llu.\n",
           (unsigned long long)stats.models, (unsigned long long)stats.tenants, (unsigned long long)stats.generation);
    printf("  A snapshot held from before still reads %zu of its %zu models.\n", still_readable, held_count);
    expect_equal(stale, app->model_count, "stale handles, and models from before clear");
    expect_equal(stats.models, 0, "models counted after clear");
    expect_equal(stats.tenants, 0, "tenants counted after clear");
    expect_equal(still_readable, held_count, "models readable, and models held");

    free(names);
    free(handles);
    check(mreg_snapshot_free(held, &error), &error);
}

/* ---- The program -------------------------------------------------------------------------------------------------- */

struct arguments {
    const char *directory;
    const char *environment;
    uint32_t flags;
};

static void print_usage(FILE *stream)
{
    fprintf(stream, "usage: loopback_app [DIRECTORY] [--environment NAME] [--without-app] [--all-or-nothing]\n");
}

static struct arguments parse_arguments(int argc, char **argv)
{
    struct arguments arguments = {NULL, "", 0};

    for (int position = 1; position < argc; position++) {
        const char *argument = argv[position];
        if (strcmp(argument, "--help") == 0) {
            print_usage(stdout);
            exit(EXIT_CLEAN);
        } else if (strcmp(argument, "--environment") == 0 && position + 1 < argc) {
            arguments.environment = argv[++position];
        } else if (strcmp(argument, "--without-app") == 0) {
            arguments.flags |= MREG_LOAD_WITHOUT_APP;
        } else if (strcmp(argument, "--all-or-nothing") == 0) {
            arguments.flags |= MREG_LOAD_ALL_OR_NOTHING;
        } else if (argument[0] != '-' && arguments.directory == NULL) {
            arguments.directory = argument;
        } else {
            fprintf(stderr, "loopback_app: what is to be done with '%s'?\n", argument);
            print_usage(stderr);
            exit(EXIT_NOT_LOADED);
        }
    }
    if (arguments.directory == NULL)
        arguments.directory = MODELREG_SAMPLE_APP;
    return arguments;
}

int main(int argc, char **argv)
{
    struct arguments arguments = parse_arguments(argc, argv);
    struct application app = {MREG_NULL, MREG_LOAD_INFO_INIT, NULL, 0, NULL, 0, 0};
    mreg_error error = MREG_ERROR_INIT;
    mreg_load_report report = MREG_NULL;
    int result = EXIT_CLEAN;

    check(mreg_registry_create(NULL, &app.registry, &error), &error);

    mreg_load_options options = MREG_LOAD_OPTIONS_INIT;
    options.flags = arguments.flags;
    options.environment = text(arguments.environment);
    mreg_status status = mreg_application_load(app.registry, arguments.directory, MREG_NUL_TERMINATED, &options, &report,
                                               &error);
    if (status != MREG_OK)
        fprintf(stderr, "loopback_app: %s: %s\n", mreg_status_name(status), error.message);
    if (status == MREG_ERROR_IO && strcmp(arguments.directory, MODELREG_SAMPLE_APP) == 0)
        fprintf(stderr, "loopback_app: give a directory, or run it where the sample application is found\n");

    /* A load that was refused for its problems, or left nothing to load, has a report of them all the same. */
    if (report != MREG_NULL) {
        check(mreg_load_report_get_info(report, &app.info, &error), &error);
        if (app.info.loaded)
            collect_owners(&app, report);
        print_summary(&app, arguments.directory);
        print_problems(&app, report);
        result = app.info.problems == 0 ? EXIT_CLEAN : EXIT_PROBLEMS;
    }
    if (status != MREG_OK && status != MREG_ERROR_LOAD_REFUSED)
        result = EXIT_NOT_LOADED;

    if (status == MREG_OK) {
        collect_models(&app);
        printf("\nOwners\n\n");
        if (app.owner_count == 0)
            printf("  none\n");
        else
            print_owners(&app);
        print_lists(&app);
        printf("\nModels\n\n");
        uint64_t properties = print_models(&app);
        cross_check(&app, properties);
        clear_and_ask_again(&app);
    } else if (status == MREG_ERROR_LOAD_REFUSED) {
        printf("\nNothing was loaded, as it was to be all or nothing.\n");
    }

    for (size_t position = 0; position < app.owner_count; position++)
        free(app.owners[position].name);
    free(app.owners);
    free(app.models);
    check(mreg_load_report_free(report, &error), &error);
    check(mreg_registry_destroy(app.registry, &error), &error);
    return contradictions != 0 ? EXIT_CONTRADICTION : result;
}
