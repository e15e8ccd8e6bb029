/*
 * threads: readers ask what a data source has, while a writer changes it in every way there is. No answer may be older
 * than the last change that was finished before the question, and none may mix two moments.
 *
 *     threads [ROUNDS]
 *
 * How an answer is judged. The writer works in rounds. In each round it registers MODELS models, one after the other, with
 * the number of the round and of the model as their names: "7.0", "7.1", ... Then it takes all of them away, at once or
 * one after the other from the front, and the next round begins. A change of the list is one step, and steps are counted:
 *
 *     step                       the list
 *     7 * STEPS                  nothing (what round 6 had is gone)
 *     7 * STEPS + 1              7.0
 *     ...
 *     7 * STEPS + MODELS         7.0 7.1 7.2 7.3        full
 *     7 * STEPS + MODELS + 1     7.1 7.2 7.3            only where they are taken away one after the other
 *     ...
 *     8 * STEPS                  nothing, and so on
 *
 * So a list tells its own step: the empty list aside, each content occurs at one step only. The writer notes in `begun`
 * the step that it is about to take, and in `finished` the step that it has taken. A reader notes `finished` before it
 * asks, and `begun` when it has the answer. What it got must be the list of a step between the two, both included:
 *
 *   - an older one is out of date, since the change away from it had finished before the question;
 *   - a younger one is impossible, since the change to it had not begun when the answer was there;
 *   - a list that has two rounds, or a gap, is no list of any step.
 *
 * No pause is needed for this, and a right registry can never fail: a change takes effect somewhere between the writer's
 * two notes, and an answer is of some moment between the reader's two. Taking all away by clear, release and the like is
 * one change of the registry and therefore one step, which goes from "full" to the next round's "nothing" directly.
 *
 * Readers ask in four ways: for the names, for a held snapshot of what the data source has or of what is on it (they read
 * the names by position, and use each model's user_data, which must not be destroyed while they hold it), and for an
 * answer that they kept, which they use again without a call for as long as both freshness words are what they were.
 *
 * With THREADS_CACHE_WITHOUT_CHECK defined the last kind uses its answer again without looking at the words. That is
 * wrong, and the program must find it: this shows that the judgement above has teeth.
 *
 * The exit status is 0 when all answers were right and each user_data was destroyed exactly once, else 1.
 */

#define _POSIX_C_SOURCE 200809L /* for sched_yield beside -std=c11 */

#include <modelreg.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READERS = 4,
    MODELS = 4,
    /* Full after MODELS steps, and empty again after as many: the last of them is the next round's step 0. */
    STEPS = 2 * MODELS,
    /* Each round registers its first model twice, so that replacing is among the changes. */
    RECORDS_A_ROUND = MODELS + 1,
    DEFAULT_ROUNDS = 2000,
    LIST_SIZE = 256
};

/* What stands for the host's own model: the library keeps a pointer to it and says when nothing needs it any more. */
struct record {
    unsigned long round;
    atomic_int destroyed;
};

/* What the readers and the writer share. */
static mreg_registry registry;
static _Atomic mreg_owner source;      /* the data source that is asked about; a release puts another in its place */
static mreg_owner elsewhere;           /* where models are moved to */
static _Atomic unsigned long begun;    /* the step that the writer is about to take */
static _Atomic unsigned long finished; /* the step that it has taken */
static atomic_bool stop;               /* the writer is done, or something was wrong */
static atomic_int readers_ready;       /* readers that have asked once */
static atomic_bool failed;

/* ---- Failing ------------------------------------------------------------------------------------------------------ */

static pthread_mutex_t report_lock = PTHREAD_MUTEX_INITIALIZER;

/* The first report is printed; the others would say the same. Everyone stops. */
static void fail(const char *what, const char *list, unsigned long low, unsigned long high)
{
    pthread_mutex_lock(&report_lock);
    if (!atomic_load(&failed))
        fprintf(stderr,
                "WRONG: %s: [%s]\n"
                "  finished before the question: step %lu of round %lu; begun when the answer was there: step %lu of round %lu\n",
                what, list, low % STEPS, low / STEPS, high % STEPS, high / STEPS);
    atomic_store(&failed, true);
    atomic_store(&stop, true);
    pthread_mutex_unlock(&report_lock);
}

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

/* ---- Judging a list ----------------------------------------------------------------------------------------------- */

/* A list as a reader got it: names with a space between. */
struct list {
    char names[LIST_SIZE];
    size_t used;
    size_t count;
};

static void add_name(struct list *list, const char *name)
{
    if (list->used < sizeof list->names)
        list->used += (size_t)snprintf(list->names + list->used, sizeof list->names - list->used, "%s%s",
                                       list->count == 0 ? "" : " ", name);
    list->count++;
}

/*
 * The step of a list that is not empty, into `*step`. False for a list that is no step's: of two rounds, or with models
 * missing at a place where none can be.
 */
static bool step_of(const struct list *list, unsigned long *step)
{
    const char *place = list->names;
    unsigned long round = 0;
    unsigned long first = 0;

    for (size_t position = 0; position < list->count; position++) {
        char *end = NULL;
        unsigned long this_round = strtoul(place, &end, 10);
        if (*end != '.')
            return false;
        unsigned long number = strtoul(end + 1, &end, 10);
        place = end + (*end == ' ' ? 1 : 0);
        if (position == 0) {
            round = this_round;
            first = number;
        }
        if (this_round != round || number != first + position)
            return false;
    }
    if (first == 0)
        *step = round * STEPS + list->count; /* on the way up, or full */
    else if (first + list->count == MODELS)
        *step = round * STEPS + MODELS + first; /* on the way down: `first` models are gone, and nothing behind them */
    else
        return false;
    return true;
}

static void judge(const struct list *list, unsigned long low, unsigned long high)
{
    unsigned long step = 0;

    if (list->count == 0) {
        /* Nothing is the list of each step 0: of the last one before `high` rather than of any other. */
        if (high / STEPS * STEPS < low)
            fail("an empty list, while there were models all the time", list->names, low, high);
    } else if (!step_of(list, &step)) {
        fail("a list of no single moment", list->names, low, high);
    } else if (step < low) {
        fail("a list that was out of date before it was asked for", list->names, low, high);
    } else if (step > high) {
        fail("a list of what had not begun", list->names, low, high);
    }
}

/* ---- Readers ------------------------------------------------------------------------------------------------------ */

struct reader {
    pthread_t thread;
    unsigned long names_asked;
    unsigned long snapshots_held;
    unsigned long kept_used;
    unsigned long found_released;
    /* The answer that the reader keeps, and what it needs to know whether that is still right. */
    bool has_kept;
    struct list kept;
    mreg_stamp kept_stamp;
    mreg_owner kept_owner;
    const mreg_freshness_word *owner_word;
    const mreg_freshness_word *registry_word;
    /* The last held snapshot: held into the next rounds, and beyond the registry's end. */
    mreg_snapshot held;
};

/*
 * A data source that is released while it is asked about is stale, and that is the answer. It must have been released
 * after the question began, since the writer names the new one before it notes the step as finished.
 */
static bool was_released(struct reader *reader, mreg_status status, const mreg_error *error, unsigned long low)
{
    if (status != MREG_ERROR_STALE_HANDLE) {
        check(status, error);
        return false;
    }
    unsigned long high = atomic_load(&begun);
    if (high == low)
        fail("a data source that nobody released is stale", "", low, high);
    reader->found_released++;
    return true;
}

/* Copies the names that the data source has. False where it was released meanwhile. */
static bool ask_names(struct reader *reader, mreg_owner owner, unsigned long low, struct list *list, mreg_stamp *stamp)
{
    mreg_error error = MREG_ERROR_INIT;
    char buffer[LIST_SIZE];
    const char *name = buffer;
    size_t length = 0;
    size_t count = 0;

    mreg_status status = mreg_owner_names(owner, MREG_KIND_ANY, buffer, sizeof buffer, &length, &count, stamp, &error);
    if (was_released(reader, status, &error, low))
        return false;
    memset(list, 0, sizeof *list);
    if (length > sizeof buffer) {
        fail("a list that is too long for any moment", "", low, atomic_load(&begun));
        return false;
    }
    for (size_t position = 0; position < count; position++) {
        add_name(list, name);
        name += strlen(name) + 1;
    }
    return true;
}

static void question_names(struct reader *reader)
{
    struct list list;
    mreg_stamp stamp;
    unsigned long low = atomic_load(&finished);

    if (!ask_names(reader, atomic_load(&source), low, &list, &stamp))
        return;
    judge(&list, low, atomic_load(&begun));
    reader->names_asked++;
}

typedef mreg_status hold_function(mreg_owner owner, uint32_t kind, mreg_snapshot *snapshot, mreg_error *error);

static void question_snapshot(struct reader *reader, hold_function *hold)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_snapshot snapshot = MREG_NULL;
    struct list list = {"", 0, 0};
    size_t count = 0;
    unsigned long low = atomic_load(&finished);

    mreg_status status = hold(atomic_load(&source), MREG_KIND_ANY, &snapshot, &error);
    if (was_released(reader, status, &error, low))
        return;
    unsigned long high = atomic_load(&begun);

    check(mreg_snapshot_models(snapshot, NULL, 0, &count, NULL, &error), &error);
    for (size_t position = 0; position < count; position++) {
        char name[64];
        void *user_data = NULL;
        check(mreg_snapshot_name(snapshot, position, name, sizeof name, NULL, &error), &error);
        check(mreg_snapshot_user_data(snapshot, position, &user_data, &error), &error);
        add_name(&list, name);
        /* The snapshot holds the model: its record is there, whatever the writer does meanwhile. */
        const struct record *record = user_data;
        if (atomic_load(&record->destroyed) != 0)
            fail("a held model whose user_data is destroyed", name, low, high);
        if (record->round != strtoul(name, NULL, 10))
            fail("a held model with the user_data of another", name, low, high);
    }
    judge(&list, low, high);
    reader->snapshots_held++;

    /* This may be the last that holds the models of a round long gone; then their destructors run here. */
    check(mreg_snapshot_free(reader->held, &error), &error);
    reader->held = snapshot;
}

#ifndef THREADS_CACHE_WITHOUT_CHECK

static uint64_t read_word(const mreg_freshness_word *word)
{
#if defined(__GNUC__)
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
#else
    return *word;
#endif
}

/* Whether the kept answer is still right. It is asked without a call, and that is what the words are for. */
static bool kept_is_fresh(const struct reader *reader)
{
    return reader->has_kept && read_word(reader->owner_word) == reader->kept_stamp.owner_word
        && read_word(reader->registry_word) == reader->kept_stamp.registry_word;
}

#else

/* The wrong host: an answer once, an answer for ever. */
static bool kept_is_fresh(const struct reader *reader)
{
    return reader->has_kept;
}

#endif


static void question_kept(struct reader *reader)
{
    mreg_error error = MREG_ERROR_INIT;
    unsigned long low = atomic_load(&finished);

    if (kept_is_fresh(reader)) {
        judge(&reader->kept, low, atomic_load(&begun));
        reader->kept_used++;
        return;
    }

    mreg_owner owner = atomic_load(&source);
    struct list list;
    mreg_stamp stamp;
    reader->has_kept = false;
    if (owner != reader->kept_owner) {
        mreg_status status =
            mreg_owner_freshness_words(owner, &reader->owner_word, &reader->registry_word, &error);
        if (was_released(reader, status, &error, low)) {
            reader->kept_owner = MREG_NULL;
            return;
        }
        reader->kept_owner = owner;
        reader->kept.count = 0;
        reader->kept_stamp.stamp = 0;
    }
    if (!ask_names(reader, owner, low, &list, &stamp))
        return;
    judge(&list, low, atomic_load(&begun));
    /* A stamp is the number of one snapshot of an owner: the same stamp, the same list. */
    if (stamp.stamp == reader->kept_stamp.stamp && strcmp(list.names, reader->kept.names) != 0)
        fail("two lists with the same stamp, the second", list.names, low, atomic_load(&begun));
    reader->kept = list;
    reader->kept_stamp = stamp;
    reader->has_kept = true;
    reader->names_asked++;
}

static void *read_on(void *argument)
{
    struct reader *reader = argument;

    /* The first list is full. The writer goes on when every reader keeps it: so each keeps one that will be out of date. */
    question_kept(reader);
    atomic_fetch_add(&readers_ready, 1);
    while (!atomic_load(&stop)) {
        unsigned long step = atomic_load(&finished);
        question_kept(reader);
        question_names(reader);
        question_snapshot(reader, mreg_owner_hold_models);
        question_kept(reader);
        question_snapshot(reader, mreg_owner_hold_models_on);
        /* Where nothing changed meanwhile, the writer wants the processor more than we do. */
        if (atomic_load(&finished) == step)
            sched_yield();
    }
    if (!atomic_load(&failed))
        question_kept(reader); /* once more when all is done: nobody changes anything, so one answer is right */
    return NULL;
}

/* ---- The writer --------------------------------------------------------------------------------------------------- */

/*
 * The writer asks as well, when a round is full and when it is empty: then nothing changes meanwhile and exactly one answer
 * is right, so that a registry that answers from a list of before is found out however the threads are scheduled.
 */
static struct reader writer;

static void destroy_record(void *user_data)
{
    struct record *record = user_data;
    atomic_fetch_add(&record->destroyed, 1);
}

static mreg_owner open_data_source(const char *database)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_owner_options options = MREG_OWNER_OPTIONS_INIT;
    mreg_owner owner = MREG_NULL;

    options.kind = MREG_KIND_DATA_SOURCE;
    options.connector = text("memory");
    options.database = text(database);
    check(mreg_owner_create(registry, &options, &owner, &error), &error);
    return owner;
}

static void begin_step(unsigned long step)
{
    atomic_store(&begun, step);
}

static void finish_step(unsigned long step)
{
    atomic_store(&finished, step);
    /* Lets a reader see this very step, also where there are fewer processors than threads. */
    sched_yield();
}

static mreg_model register_model(unsigned long round, int number, struct record *record)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model model = MREG_NULL;
    char name[64];

    snprintf(name, sizeof name, "%lu.%d", round, number);
    record->round = round;
    options.name = text(name);
    options.data_source = atomic_load(&source);
    options.user_data = record;
    options.destroy = destroy_record;
    check(mreg_model_register(registry, &options, &model, &error), &error);
    return model;
}

enum way { CLEAR, RELEASE, DROP_TENANT, LEAVE_TENANT, DROP_IDLE, UNREGISTER, MOVE, WAYS };

/* Takes all models away by one change. */
static void take_away_at_once(enum way way, unsigned long next_step)
{
    mreg_error error = MREG_ERROR_INIT;
    mreg_owner owner = atomic_load(&source);
    char tenant[256];

    check(mreg_owner_tenant(owner, tenant, sizeof tenant, NULL, &error), &error);
    begin_step(next_step);
    switch (way) {
    case CLEAR:
        check(mreg_registry_clear(registry, &error), &error);
        break;
    case RELEASE:
        check(mreg_owner_release(owner, &error), &error);
        sched_yield(); /* so that readers meet the stale handle */
        atomic_store(&source, open_data_source("main"));
        break;
    case DROP_TENANT:
        check(mreg_tenant_drop(registry, tenant, MREG_NUL_TERMINATED, MREG_NULL, NULL, &error), &error);
        break;
    case LEAVE_TENANT:
        check(mreg_tenant_drop(registry, tenant, MREG_NUL_TERMINATED, owner, NULL, &error), &error);
        break;
    default:
        check(mreg_tenant_drop_idle(registry, 0, NULL, &error), &error);
        break;
    }
    finish_step(next_step);
}

/* Takes the models away one after the other, from the front. */
static void take_away_one_by_one(enum way way, unsigned long full_step, const mreg_model *models)
{
    mreg_error error = MREG_ERROR_INIT;

    for (unsigned long number = 0; number < MODELS; number++) {
        begin_step(full_step + number + 1);
        if (way == UNREGISTER)
            check(mreg_model_unregister(models[number], &error), &error);
        else
            check(mreg_model_move(models[number], elsewhere, MREG_NULL, "", 0, &error), &error);
        finish_step(full_step + number + 1);
    }
}

/* The first half of a round: from nothing to full. */
static void fill(unsigned long round, struct record *records, mreg_model *models)
{
    mreg_error error = MREG_ERROR_INIT;
    struct record *record = &records[round * RECORDS_A_ROUND];

    for (int number = 0; number < MODELS; number++) {
        unsigned long step = round * STEPS + (unsigned long)number + 1;
        begin_step(step);
        models[number] = register_model(round, number, record++);
        finish_step(step);
    }
    /* These two change no name in the list, so they are no step: before, between and after, the list is full. */
    models[0] = register_model(round, 0, record);
    check(mreg_owner_invalidate(atomic_load(&source), &error), &error);
    question_names(&writer);
}

/* The second half: from full to nothing, which is the next round's. Each round has its way. */
static void empty(unsigned long round, const mreg_model *models)
{
    enum way way = (enum way)(round % WAYS);

    if (way == UNREGISTER || way == MOVE)
        take_away_one_by_one(way, round * STEPS + MODELS, models);
    else
        take_away_at_once(way, (round + 1) * STEPS);
    question_names(&writer);
}

/* ---- The program -------------------------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    mreg_error error = MREG_ERROR_INIT;
    static struct reader readers[READERS];
    unsigned long rounds = DEFAULT_ROUNDS;

    if (argc > 1) {
        char *end = NULL;
        rounds = strtoul(argv[1], &end, 10);
        if (argc > 2 || end == argv[1] || *end != '\0' || rounds == 0 || rounds > 10000000) {
            fprintf(stderr, "usage: threads [ROUNDS], from 1 to 10000000\n");
            return 2;
        }
    }
    struct record *records = calloc(rounds * RECORDS_A_ROUND, sizeof *records);
    if (records == NULL) {
        fprintf(stderr, "out of memory\n");
        return 1;
    }

    check(mreg_registry_create(NULL, &registry, &error), &error);
    atomic_store(&source, open_data_source("main"));
    elsewhere = open_data_source("elsewhere");

    mreg_model models[MODELS];
    fill(0, records, models);
    for (int reader = 0; reader < READERS; reader++) {
        if (pthread_create(&readers[reader].thread, NULL, read_on, &readers[reader]) != 0) {
            fprintf(stderr, "a thread could not be started\n");
            return 1;
        }
    }
    while (atomic_load(&readers_ready) < READERS)
        sched_yield();
    empty(0, models);
    for (unsigned long round = 1; round < rounds && !atomic_load(&stop); round++) {
        fill(round, records, models);
        empty(round, models);
    }
    atomic_store(&stop, true);
    for (int reader = 0; reader < READERS; reader++)
        pthread_join(readers[reader].thread, NULL);

    /* The registry goes first, and what was held from it after it: any order is right. */
    check(mreg_registry_destroy(registry, &error), &error);
    struct reader sum = {.names_asked = 0};
    for (int reader = 0; reader < READERS; reader++) {
        check(mreg_snapshot_free(readers[reader].held, &error), &error);
        sum.names_asked += readers[reader].names_asked;
        sum.snapshots_held += readers[reader].snapshots_held;
        sum.kept_used += readers[reader].kept_used;
        sum.found_released += readers[reader].found_released;
    }

    /* Nothing holds any model now. Each user_data was destroyed, once. */
    unsigned long once = 0;
    for (unsigned long number = 0; number < rounds * RECORDS_A_ROUND; number++) {
        int destroyed = atomic_load(&records[number].destroyed);
        once += destroyed == 1 ? 1 : 0;
        if (destroyed != 1 && !atomic_load(&failed)) {
            fprintf(stderr, "WRONG: the user_data of round %lu was destroyed %d times\n", number / RECORDS_A_ROUND,
                    destroyed);
            atomic_store(&failed, true);
        }
    }
    free(records);
    if (atomic_load(&failed))
        return 1;

    printf("%lu rounds of %d models, with %d readers\n", rounds, MODELS, READERS);
    printf("  %10lu lists of names\n", sum.names_asked);
    printf("  %10lu held snapshots\n", sum.snapshots_held);
    printf("  %10lu kept answers used again, both freshness words being equal\n", sum.kept_used);
    printf("  %10lu questions about a data source that was just released\n", sum.found_released);
    printf("  %10lu of %lu user_data destroyed exactly once\n", once, rounds * RECORDS_A_ROUND);
    printf("No answer was out of date or of two moments.\n");
    return 0;
}
