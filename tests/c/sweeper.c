/* The sweeper's thread beside readers and writers: which signals it takes, what it is called, that each destructor runs once,
 * what a fork leaves of it, and what happens where no thread can be had. */

#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITERS 2
#define ROUNDS 1500
#define OF_ROUND 300
#define THREAD_NAME "modelreg-sweep"

static mreg_registry registry;
static atomic_int runs[WRITERS][ROUNDS];
static atomic_int runs_on_sweeper;
static atomic_int handled_on_sweeper;
static atomic_int ended;

static int is_sanitizer(const char *kind)
{
    const char *sanitizer = getenv("MODELREG_SANITIZER");
    return sanitizer && strcmp(sanitizer, kind) == 0;
}

static void nap(void)
{
    struct timespec millisecond = {0, 1000000};
    nanosleep(&millisecond, NULL);
}

static int is_on_sweeper(void)
{
    char name[16] = "";
    CHECK(pthread_getname_np(pthread_self(), name, sizeof name) == 0);
    return strcmp(name, THREAD_NAME) == 0;
}

static void count(void *user_data)
{
    atomic_fetch_add((atomic_int *)user_data, 1);
    if (is_on_sweeper()) {
        atomic_fetch_add(&runs_on_sweeper, 1);
    }
}

static void register_named(mreg_registry where, const char *name, const char *tenant, void *user_data)
{
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model model = MREG_NULL;
    options.name = text_of(name);
    options.tenant = text_of(tenant);
    options.user_data = user_data;
    options.destroy = count;
    OK(mreg_model_register(where, &options, &model, NULL));
}

static void register_in(mreg_registry where, const char *tenant, void *user_data)
{
    register_named(where, "User", tenant, user_data);
}

static mreg_sweeper_info info_of(mreg_registry of)
{
    mreg_sweeper_info info = MREG_SWEEPER_INFO_INIT;
    OK(mreg_sweeper_get_info(of, &info, NULL));
    return info;
}

static void start(mreg_registry of)
{
    mreg_sweeper_options options = MREG_SWEEPER_OPTIONS_INIT;
    options.interval_ms = 1;
    options.max_idle_ms = 0;
    OK(mreg_sweeper_start(of, &options, NULL));
}

/** Waits until the sweeper has swept so often more. */
static void wait_for_sweeps(mreg_registry of, uint64_t more)
{
    uint64_t until = info_of(of).sweeps + more;
    int tries;
    for (tries = 0; info_of(of).sweeps < until; tries++) {
        CHECK(tries < 60000);
        nap();
    }
}

/** Reads one line of a thread's file that begins with `key`, without the key. */
static int read_line(const char *thread, const char *file, const char *key, char *line, size_t size)
{
    char path[300];
    FILE *opened;
    int found = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/%s", thread, file);
    opened = fopen(path, "r");
    while (opened && !found && fgets(line, (int)size, opened)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            memmove(line, line + strlen(key), strlen(line + strlen(key)) + 1);
            line[strcspn(line, "\n")] = '\0';
            found = 1;
        }
    }
    if (opened) {
        fclose(opened);
    }
    return found;
}

/** How many threads of the sweeper's name there are; the signals that the last of them blocks. */
static int sweeper_threads(unsigned long long *blocked)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int found = 0;
    CHECK(tasks);
    while ((task = readdir(tasks)) != NULL) {
        char line[256];
        if (task->d_name[0] == '.' || !read_line(task->d_name, "comm", "", line, sizeof line) ||
            strcmp(line, THREAD_NAME) != 0 || !read_line(task->d_name, "status", "SigBlk:", line, sizeof line)) {
            continue;
        }
        found++;
        if (blocked) {
            CHECK(sscanf(line, "%llx", blocked) == 1);
        }
    }
    closedir(tasks);
    return found;
}

static void wait_for_threads(int number)
{
    int tries;
    for (tries = 0; sweeper_threads(NULL) != number; tries++) {
        CHECK(tries < 60000);
        nap();
    }
}

static void handler(int signal)
{
    (void)signal;
    if (is_on_sweeper()) {
        atomic_fetch_add(&handled_on_sweeper, 1);
    }
}

static void name_and_signals(void)
{
    unsigned long long blocked = 0;
    int signal_number, tries;
    sigset_t now;
    wait_for_threads(1);
    CHECK(sweeper_threads(&blocked) == 1);
    for (signal_number = 1; signal_number < 64; signal_number++) {
        /* Two that nobody blocks, and those that the C library keeps for itself. */
        if (signal_number == SIGKILL || signal_number == SIGSTOP || (signal_number >= 32 && signal_number < SIGRTMIN)) {
            continue;
        }
        /* valgrind keeps the signals of threads itself, and the system knows others. */
        CHECK(getenv("MODELREG_VALGRIND") || (blocked >> (signal_number - 1) & 1));
    }
    /* The thread that started it takes signals as before. */
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &now) == 0);
    CHECK(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGTERM));
    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    for (tries = 0; tries < 200; tries++) {
        CHECK(kill(getpid(), SIGUSR1) == 0);
    }
    wait_for_sweeps(registry, 2);
    CHECK(atomic_load(&handled_on_sweeper) == 0);
}

static void *write_models(void *at)
{
    int writer = *(int *)at, round;
    for (round = 0; round < ROUNDS; round++) {
        char tenant[32];
        snprintf(tenant, sizeof tenant, "tenant-%d-%d", writer, round % 7);
        register_in(registry, tenant, &runs[writer][round]);
        if (round % 100 == 0) {
            OK(mreg_tenant_touch(registry, tenant, MREG_NUL_TERMINATED, NULL));
            nap();
        }
    }
    return NULL;
}

static void *read_models(void *app)
{
    while (!atomic_load(&ended)) {
        mreg_model found = MREG_NULL;
        mreg_tenant_info tenant = MREG_TENANT_INFO_INIT;
        count_of(*(mreg_owner *)app);
        OK(mreg_owner_touch(*(mreg_owner *)app, NULL));
        OK(mreg_registry_find_model(registry, "User", 4, &found, NULL));
        OK(mreg_tenant_get_info(registry, "tenant-0-0", MREG_NUL_TERMINATED, &tenant, NULL));
        CHECK(info_of(registry).running == 1);
    }
    return NULL;
}

static int total(void)
{
    int writer, round, sum = 0;
    for (writer = 0; writer < WRITERS; writer++) {
        for (round = 0; round < ROUNDS; round++) {
            int often = atomic_load(&runs[writer][round]);
            CHECK(often <= 1);
            sum += often;
        }
    }
    return sum;
}

/** In the child of a fork. */
static void use_in_child(mreg_registry by_default)
{
    mreg_registry own = new_registry();
    atomic_int here = 0;
    /* The thread did not come along. */
    CHECK(sweeper_threads(NULL) == 0);
    CHECK(info_of(registry).running == 0 && info_of(registry).interval_ms == 1);
    whole_api_works(registry);
    register_in(registry, "child", &here);
    OK(mreg_sweeper_stop(registry, NULL));
    OK(mreg_sweeper_run(registry, NULL, NULL));
    CHECK(atomic_load(&here) == 1);
    /* Started anew, it sweeps. */
    register_in(registry, "child", &here);
    start(registry);
    start(by_default);
    wait_for_sweeps(registry, 2);
    OK(mreg_sweeper_stop(registry, NULL));
    CHECK(atomic_load(&here) == 2);
    CHECK(sweeper_threads(NULL) == 1);
    OK(mreg_sweeper_stop(by_default, NULL));
    start(own);
    OK(mreg_registry_destroy(registry, NULL));
    OK(mreg_registry_destroy(own, NULL));
    whole_api_works(by_default);
}

static void expect_success(pid_t child)
{
    int status = 0;
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "the child was ended by signal %d\n", WTERMSIG(status));
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/** Ends a child, past the check of a sanitizer, which takes what threads of the parent have for lost. */
static void end_child(void)
{
    syscall(SYS_exit_group, 0);
}

static void fork_beside_sweeps(mreg_registry by_default)
{
    int round, rounds = getenv("MODELREG_VALGRIND") ? 10 : 60;
    for (round = 0; round < rounds; round++) {
        atomic_int of_round[OF_ROUND];
        int at, sum, tries;
        pid_t child;
        for (at = 0; at < OF_ROUND; at++) {
            char name[16];
            atomic_init(&of_round[at], 0);
            snprintf(name, sizeof name, "Round%d", at);
            register_named(registry, name, "round", &of_round[at]);
        }
        /* Half of the forks while destructors are being called, the others at any moment. */
        while (round % 2 && atomic_load(&of_round[0]) == 0 && atomic_load(&of_round[OF_ROUND / 2]) == 0) {
            /* Where threads take turns, as under valgrind, the other one needs its turn. */
            sched_yield();
        }
        child = fork();
        if (child == 0) {
            /* What hangs here is ended. */
            alarm(60);
            use_in_child(by_default);
            for (at = 0, sum = 0; at < OF_ROUND; at++) {
                CHECK(atomic_load(&of_round[at]) <= 1);
                sum += atomic_load(&of_round[at]);
            }
            /* All but the one that the thread may have been calling when it was left behind. */
            CHECK(sum >= OF_ROUND - 1);
            end_child();
        }
        expect_success(child);
        for (tries = 0, sum = 0; sum < OF_ROUND; tries++) {
            CHECK(tries < 60000);
            for (at = 0, sum = 0; at < OF_ROUND; at++) {
                CHECK(atomic_load(&of_round[at]) <= 1);
                sum += atomic_load(&of_round[at]);
            }
            nap();
        }
    }
}

/* A destructor on the sweeper's thread that forks: in the child that thread is the only one. */
static atomic_int forked;

static void fork_here(void *user_data)
{
    pid_t child;
    CHECK(is_on_sweeper());
    child = fork();
    if (child == 0) {
        alarm(60);
        CHECK(info_of(registry).running == 0);
        whole_api_works(registry);
        start(registry);
        wait_for_sweeps(registry, 1);
        OK(mreg_sweeper_stop(registry, NULL));
        OK(mreg_registry_destroy(registry, NULL));
        end_child();
    }
    expect_success(child);
    atomic_store((atomic_int *)user_data, 1);
}

static void fork_on_the_sweeper(void)
{
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_model model = MREG_NULL;
    int tries;
    options.name = text_of("Forks");
    options.tenant = text_of("forks");
    options.user_data = &forked;
    options.destroy = fork_here;
    OK(mreg_model_register(registry, &options, &model, NULL));
    for (tries = 0; !atomic_load(&forked); tries++) {
        CHECK(tries < 60000);
        nap();
    }
}

static atomic_int left[3];

/* What the sweeper has let go and not yet destroyed when somebody forks. */
static atomic_int is_inside, may_leave;

static void stay(void *user_data)
{
    atomic_fetch_add((atomic_int *)user_data, 1);
    atomic_store(&is_inside, 1);
    while (!atomic_load(&may_leave)) {
        nap();
    }
}

static void fork_while_a_destructor_runs(void)
{
    static const mreg_destructor destructors[3] = {stay, count, count};
    mreg_registry own = new_registry();
    mreg_sweeper_options sweep = MREG_SWEEPER_OPTIONS_INIT;
    int at, tries;
    pid_t child;
    OK(mreg_registry_set_clock(own, 0, NULL));
    for (at = 0; at < 3; at++) {
        mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
        mreg_model model = MREG_NULL;
        char name[8];
        snprintf(name, sizeof name, "Left%d", at);
        options.name = text_of(name);
        options.tenant = text_of("left");
        options.user_data = &left[at];
        options.destroy = destructors[at];
        OK(mreg_model_register(own, &options, &model, NULL));
    }
    OK(mreg_registry_set_clock(own, 1, NULL));
    sweep.interval_ms = 1;
    sweep.max_idle_ms = 1;
    OK(mreg_sweeper_start(own, &sweep, NULL));
    for (tries = 0; !atomic_load(&is_inside); tries++) {
        CHECK(tries < 60000);
        nap();
    }
    CHECK(atomic_load(&left[0]) == 1 && atomic_load(&left[1]) == 0 && atomic_load(&left[2]) == 0);
    child = fork();
    if (child == 0) {
        alarm(60);
        /* The thread that let them go is not here any more: they are destroyed by whoever comes next. */
        OK(mreg_sweeper_stop(own, NULL));
        OK(mreg_registry_destroy(own, NULL));
        CHECK(atomic_load(&left[0]) == 1 && atomic_load(&left[1]) == 1 && atomic_load(&left[2]) == 1);
        end_child();
    }
    expect_success(child);
    /* Here that thread destroys them, and nobody else. */
    OK(mreg_registry_destroy(own, NULL));
    CHECK(atomic_load(&left[1]) == 0 && atomic_load(&left[2]) == 0);
    atomic_store(&may_leave, 1);
    for (tries = 0; atomic_load(&left[1]) + atomic_load(&left[2]) < 2; tries++) {
        CHECK(tries < 60000);
        nap();
    }
}

/** Where the system gives no thread, that is said, and nothing is changed. */
static void no_thread(void)
{
    pid_t child = fork();
    if (child == 0) {
        mreg_error error = MREG_ERROR_INIT;
        mreg_sweeper_options options = MREG_SWEEPER_OPTIONS_INIT;
        struct rlimit limit = {0, 0}, before;
        unsigned long pages = 0;
        FILE *sizes = fopen("/proc/self/statm", "r");
        CHECK(sizes && fscanf(sizes, "%lu", &pages) == 1);
        fclose(sizes);
        options.interval_ms = 4711;
        CHECK(getrlimit(RLIMIT_AS, &before) == 0);
        /* Less than the stack of a thread. */
        limit.rlim_max = before.rlim_max;
        limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (512 << 10);
        CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
        EXPECT(MREG_ERROR_NO_THREAD, mreg_sweeper_start(registry, &options, &error));
        CHECK(error.code == MREG_ERROR_NO_THREAD && strstr(error.message, "thread"));
        CHECK(info_of(registry).running == 0 && info_of(registry).interval_ms == 300000);
        OK(mreg_sweeper_stop(registry, NULL));
        CHECK(setrlimit(RLIMIT_AS, &before) == 0);
        start(registry);
        wait_for_sweeps(registry, 1);
        OK(mreg_registry_destroy(registry, NULL));
        end_child();
    }
    expect_success(child);
}

static pid_t parent;

static void at_exit(void)
{
    mreg_registry own;
    static atomic_int here;
    if (getpid() != parent) {
        return;
    }
    /* The thread is at work; calls work as ever. */
    own = new_registry();
    whole_api_works(own);
    register_in(registry, "late", &here);
    start(own);
    wait_for_sweeps(registry, 2);
    OK(mreg_registry_destroy(own, NULL));
    CHECK(atomic_load(&here) == 1);
    register_in(registry, "late", &here);
}

int main(void)
{
    mreg_registry by_default = MREG_NULL;
    mreg_owner app;
    pthread_t threads[2 * WRITERS];
    int numbers[WRITERS], at;
    parent = getpid();
    CHECK(atexit(at_exit) == 0);
    registry = new_registry();
    OK(mreg_registry_default(&by_default, NULL));
    /* These need much more of the address space than the limit would leave. */
    if (!getenv("MODELREG_SANITIZER") && !getenv("MODELREG_VALGRIND")) {
        no_thread();
    }
    app = new_owner(registry, MREG_KIND_APP, "");
    CHECK(sweeper_threads(NULL) == 0);
    start(registry);
    name_and_signals();

    for (at = 0; at < WRITERS; at++) {
        numbers[at] = at;
        CHECK(pthread_create(&threads[at], NULL, write_models, &numbers[at]) == 0);
        CHECK(pthread_create(&threads[WRITERS + at], NULL, read_models, &app) == 0);
    }
    for (at = 0; at < WRITERS; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
    }
    wait_for_sweeps(registry, 2);
    atomic_store(&ended, 1);
    for (at = 0; at < WRITERS; at++) {
        CHECK(pthread_join(threads[WRITERS + at], NULL) == 0);
    }
    /* After the stop nothing of the registry runs on the thread any more. */
    OK(mreg_sweeper_stop(registry, NULL));
    CHECK(total() == WRITERS * ROUNDS);
    CHECK(atomic_load(&runs_on_sweeper) > 0);
    wait_for_threads(0);

    start(registry);
    if (is_sanitizer("thread")) {
        printf("without forks: ThreadSanitizer does not take threads that a forked child makes\n");
    } else {
        fork_beside_sweeps(by_default);
        fork_on_the_sweeper();
        fork_while_a_destructor_runs();
    }
    wait_for_threads(1);
    /* It runs on while the process ends. */
    return 0;
}
