/* What the other programs do not ask from C: owners' attributes, memory, the sweeper by hand, the current tenant. */

#include "check.h"

static void owners(void)
{
    mreg_registry registry = new_registry(), found = MREG_NULL;
    mreg_owner_options options, same = MREG_OWNER_OPTIONS_INIT;
    mreg_owner owner = MREG_NULL, plain;
    mreg_model model;
    mreg_stamp stamp;
    uint64_t generation = 77;
    uint32_t kind = 77, again = 77;
    size_t count = 77;
    bool has = false;
    void *user_data = NULL;
    int mine = 7;
    OK(mreg_registry_generation(registry, &generation, NULL));
    CHECK(generation == 1);
    OK(mreg_registry_clear(registry, NULL));
    OK(mreg_registry_generation(registry, &generation, NULL));
    CHECK(generation == 2);
    OK(mreg_owner_kind_register(registry, "desk", 4, &kind, NULL));
    OK(mreg_owner_kind_register(registry, "desk", 4, &again, NULL));
    CHECK(kind == again && kind >= MREG_KIND_HOST_FIRST);
    mreg_owner_options_init(&options);
    CHECK(memcmp(&options, &same, sizeof options) == 0);
    options.kind = kind;
    options.user_data = &mine;
    OK(mreg_owner_create(registry, &options, &owner, NULL));
    OK(mreg_owner_user_data(owner, &user_data, NULL));
    OK(mreg_owner_registry(owner, &found, NULL));
    CHECK(user_data == &mine && found == registry);
    model = new_model(registry, "User", owner, NULL, NULL);
    OK(mreg_owner_has(owner, kind, "User", 4, &has, NULL));
    CHECK(has);
    OK(mreg_owner_has(owner, MREG_KIND_APP, "User", 4, &has, NULL));
    CHECK(!has);
    OK(mreg_owner_has(owner, MREG_KIND_ANY, "a name that is longer than any slot has room for", MREG_NUL_TERMINATED, &has, NULL));
    CHECK(!has);
    OK(mreg_owner_models_on(owner, MREG_KIND_ANY, NULL, 0, &count, &stamp, NULL));
    CHECK(count == 0);
    /* No data source, asked as one. */
    OK(mreg_owner_models_on(owner, MREG_KIND_DATA_SOURCE, NULL, 0, &count, &stamp, NULL));
    CHECK(count == 0 && stamp.stamp == 0);
    plain = new_owner(registry, MREG_KIND_DATA_SOURCE, "");
    OK(mreg_model_move(model, plain, MREG_NULL, NULL, 0, NULL));
    OK(mreg_owner_models_on(plain, MREG_KIND_APP, NULL, 0, &count, &stamp, NULL));
    CHECK(count == 0);
    OK(mreg_owner_models_on(plain, MREG_KIND_DATA_SOURCE, NULL, 0, &count, &stamp, NULL));
    CHECK(count == 1);
    OK(mreg_registry_destroy(registry, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_owner_user_data(owner, &user_data, NULL));
    CHECK(user_data == NULL);
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_owner_registry(owner, &found, NULL));
    CHECK(found == MREG_NULL);
}

static void names_that_do_not_fit(void)
{
    mreg_registry registry = new_registry();
    mreg_owner app = new_owner(registry, MREG_KIND_APP, "");
    char names[32];
    size_t length, count, room;
    new_model(registry, "One", app, NULL, NULL);
    new_model(registry, "Fifteen letters", app, NULL, NULL);
    for (room = 0; room <= sizeof names; room++) {
        memset(names, 'x', sizeof names);
        OK(mreg_owner_names(app, MREG_KIND_ANY, room == 0 ? NULL : names, room, &length, &count, NULL, NULL));
        CHECK(count == 2 && length == 20);
        CHECK(room < 4 || memcmp(names, "One", 4) == 0);
        CHECK(room < 20 || memcmp(names + 4, "Fifteen letters", 16) == 0);
        CHECK(room == sizeof names || names[room] == 'x');
    }
    OK(mreg_registry_destroy(registry, NULL));
}

static void memory(void)
{
    mreg_registry registry = new_registry();
    mreg_memory memory, same = MREG_MEMORY_INIT;
    mreg_registry_stats stats, same_stats = MREG_REGISTRY_STATS_INIT;
    mreg_model model;
    char report[512];
    size_t length = 77, count = 77;
    mreg_memory_init(&memory);
    CHECK(memcmp(&memory, &same, sizeof memory) == 0);
    mreg_registry_stats_init(&stats);
    CHECK(memcmp(&stats, &same_stats, sizeof stats) == 0);
    OK(mreg_registry_get_memory(registry, &memory, NULL));
    CHECK(memory.in_use == 0);
    model = new_model(registry, "User", MREG_NULL, NULL, NULL);
    OK(mreg_model_hold(model, NULL));
    OK(mreg_registry_get_memory(registry, &memory, NULL));
    CHECK(memory.models > 0 && memory.names > 0 && memory.in_use >= memory.models + memory.names);
    OK(mreg_registry_leak_report(registry, report, sizeof report, &length, &count, NULL));
    CHECK(count == 1 && strstr(report, "User") && report[length - 1] == '\n');
    OK(mreg_registry_leak_report(registry, report, 8, &length, NULL, NULL));
    CHECK(strlen(report) == 7 && length > 7);
    OK(mreg_model_unregister(model, NULL));
    OK(mreg_model_unhold(model, NULL));
    OK(mreg_registry_reclaim(registry, NULL));
    OK(mreg_registry_get_memory(registry, &memory, NULL));
    CHECK(memory.in_use == 0 && memory.reserved > 0);
    OK(mreg_registry_leak_report(registry, report, sizeof report, &length, &count, NULL));
    CHECK(count == 0 && length == 0 && report[0] == '\0');
    OK(mreg_registry_destroy(registry, NULL));
}

static void tenants(void)
{
    mreg_registry registry = new_registry();
    mreg_model_options options = MREG_MODEL_OPTIONS_INIT;
    mreg_sweeper_info info, same_info = MREG_SWEEPER_INFO_INIT;
    mreg_sweeper_options sweeper, same_sweeper = MREG_SWEEPER_OPTIONS_INIT;
    mreg_tenant_info tenant, same_tenant = MREG_TENANT_INFO_INIT;
    mreg_model north, found = 77, models[2] = {7, 7};
    mreg_snapshot all = MREG_NULL;
    uint64_t dropped = 77;
    size_t count = 77, length = 77;
    char current[16];
    mreg_sweeper_info_init(&info);
    CHECK(memcmp(&info, &same_info, sizeof info) == 0);
    mreg_sweeper_options_init(&sweeper);
    CHECK(memcmp(&sweeper, &same_sweeper, sizeof sweeper) == 0);
    mreg_tenant_info_init(&tenant);
    CHECK(memcmp(&tenant, &same_tenant, sizeof tenant) == 0);
    OK(mreg_registry_set_clock(registry, 1000, NULL));
    OK(mreg_tenant_set_current("north", 5, NULL));
    OK(mreg_tenant_current(current, sizeof current, &length, NULL));
    CHECK(length == 5 && strcmp(current, "north") == 0);
    EXPECT(MREG_ERROR_INVALID_NAME, mreg_tenant_set_current("\n", 1, NULL));
    options.name = text_of("User");
    OK(mreg_model_register(registry, &options, &north, NULL));
    OK(mreg_tenant_set_current(NULL, 0, NULL));
    OK(mreg_tenant_find_model(registry, "north", 5, "User", 4, &found, NULL));
    CHECK(found == north);
    OK(mreg_tenant_models(registry, "north", 5, models, 2, &count, NULL));
    CHECK(count == 1 && models[0] == north && models[1] == 7);
    OK(mreg_registry_models(registry, models, 2, &count, NULL));
    CHECK(count == 1 && models[0] == north);
    OK(mreg_registry_hold_models(registry, &all, NULL));
    OK(mreg_tenant_next(registry, 0, &tenant, NULL));
    CHECK(tenant.exists == 1 && strcmp(tenant.code, "north") == 0 && tenant.models == 1);
    OK(mreg_tenant_next(registry, tenant.number, &tenant, NULL));
    CHECK(tenant.exists == 0 && tenant.code[0] == '\0');
    OK(mreg_tenant_get_info(registry, "nobody", 6, &tenant, NULL));
    CHECK(tenant.exists == 0);
    OK(mreg_registry_set_clock(registry, 2000, NULL));
    OK(mreg_tenant_touch(registry, "north", 5, NULL));
    OK(mreg_tenant_drop_idle(registry, 1000, &dropped, NULL));
    CHECK(dropped == 0);
    OK(mreg_registry_set_clock(registry, 1802000, NULL));
    OK(mreg_sweeper_run(registry, &dropped, NULL));
    CHECK(dropped == 1 && !mreg_model_is_valid(north));
    OK(mreg_sweeper_run(registry, NULL, NULL));
    OK(mreg_sweeper_get_info(registry, &info, NULL));
    CHECK(info.sweeps == 2 && info.dropped == 1 && info.running == 0);
    OK(mreg_snapshot_free(all, NULL));
    OK(mreg_tenant_drop_idle(registry, 0, NULL, NULL));
    OK(mreg_registry_set_clock(registry, MREG_CLOCK_SYSTEM, NULL));
    OK(mreg_registry_destroy(registry, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_sweeper_run(registry, &dropped, NULL));
    CHECK(dropped == 0);
}

int main(void)
{
    owners();
    names_that_do_not_fit();
    memory();
    tenants();
    puts("attributes: passed");
    return 0;
}
