// Destructors on the sweeper's thread: an exception that leaves one ends the process, and after mreg_sweeper_stop none is called,
// so that what they need can go, as the statics of C++ do at the end of a process.

#include "check.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

mreg_registry registry;

void nap(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

void add(const char *name, void *user_data, mreg_destructor destroy)
{
    mreg_model_options options;
    mreg_model_options_init(&options);
    mreg_model made = MREG_NULL;
    options.name = text_of(name);
    options.tenant = text_of("north");
    options.user_data = user_data;
    options.destroy = destroy;
    OK(mreg_model_register(registry, &options, &made, nullptr));
}

void start()
{
    mreg_sweeper_options options;
    mreg_sweeper_options_init(&options);
    options.interval_ms = 1;
    options.max_idle_ms = 0;
    OK(mreg_sweeper_start(registry, &options, nullptr));
}

extern "C" void throwing(void *) { throw std::runtime_error("from a destructor"); }

void an_exception_ends_the_process()
{
    pid_t child = fork();
    if (child == 0) {
        // It is meant to, and nothing to keep.
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        CHECK(freopen("/dev/null", "w", stderr) != nullptr);
        registry = new_registry();
        add("One", nullptr, throwing);
        start();
        nap(60000);
        _exit(0);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/// What destructors need: gone when the process ends.
struct Host {
    std::atomic<bool> is_there{true};
    std::atomic<bool> is_used{false};
    std::atomic<int> calls{0};

    ~Host();
};

Host host;

void need_host()
{
    if (!host.is_there) {
        fprintf(stderr, "called after the stop\n");
        _exit(1);
    }
}

/// Registers the next one, so that there is always one to drop; takes so long that the process ends meanwhile.
extern "C" void next_one(void *user_data)
{
    need_host();
    host.is_used = true;
    nap(5);
    need_host();
    host.is_used = false;
    host.calls++;
    add("Next", user_data, next_one);
}

Host::~Host()
{
    OK(mreg_sweeper_stop(registry, nullptr));
    is_there = false;
    int before = calls;
    nap(30);
    if (before < 3 || calls != before) {
        fprintf(stderr, "%d calls before the stop, and %d after it\n", before, calls.load());
        _exit(1);
    }
}

} // namespace

int main()
{
    an_exception_ends_the_process();
    registry = new_registry();
    add("First", nullptr, next_one);
    start();
    for (int tries = 0; host.calls < 3 || !host.is_used; tries++) {
        CHECK(tries < 60000);
        nap(1);
    }
    // The statics go while the sweeper is at work.
    return 0;
}
