#define MREG_ERROR_INIT {sizeof(mreg_error), 0, 0, 0, 0, 0, "", ""}
#define MREG_TEXT_EMPTY {NULL, 0}
/** Initializes an mreg_text with a NUL-terminated string. */
#define MREG_TEXT(string) {(string), MREG_NUL_TERMINATED}
#define MREG_REGISTRY_OPTIONS_INIT {sizeof(mreg_registry_options), 0, 0, NULL, 0, 0}
#define MREG_REGISTRY_STATS_INIT {sizeof(mreg_registry_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
#define MREG_OWNER_OPTIONS_INIT \
    {sizeof(mreg_owner_options), 0, 0, MREG_TEXT_EMPTY, MREG_TEXT_EMPTY, MREG_TEXT_EMPTY, MREG_TEXT_EMPTY, \
     MREG_TEXT_EMPTY, MREG_TEXT_EMPTY, NULL, NULL}
#define MREG_MEMORY_INIT {sizeof(mreg_memory), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
#define MREG_FIND_OPTIONS_INIT {sizeof(mreg_find_options), 0, MREG_TEXT_EMPTY, 0, 0, 0, 0}
#define MREG_MODEL_OPTIONS_INIT \
    {sizeof(mreg_model_options), MREG_TEXT_EMPTY, 0, 0, MREG_TEXT_EMPTY, 0, MREG_TEXT_EMPTY, NULL, NULL, 0, 0}
#define MREG_TENANT_INFO_INIT {sizeof(mreg_tenant_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ""}
#define MREG_SWEEPER_OPTIONS_INIT {sizeof(mreg_sweeper_options), 300000, 1800000}
#define MREG_SWEEPER_INFO_INIT {sizeof(mreg_sweeper_info), 0, 0, 0, 0, 0, 0, 0}
#define MREG_SCHEMA_OPTIONS_INIT {sizeof(mreg_schema_options), MREG_TEXT_EMPTY, NULL, 0}
#define MREG_SCHEMA_INFO_INIT {sizeof(mreg_schema_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}}
#define MREG_LOAD_OPTIONS_INIT \
    {sizeof(mreg_load_options), 0, 0, MREG_TEXT_EMPTY, MREG_TEXT_EMPTY, MREG_TEXT_EMPTY}
#define MREG_LOAD_INFO_INIT {sizeof(mreg_load_info), 0, 0, 0, 0, 0, 0, 0}
#define MREG_PROBLEM_INIT {sizeof(mreg_problem), 0, 0, 0, 0, 0, "", "", ""}
#define MREG_CHANGE_INIT {sizeof(mreg_change), 0, 0, 0, 0, 0, 0, 0, 0, 0, "", ""}
#define MREG_WATCHER_OPTIONS_INIT {sizeof(mreg_watcher_options), 0, NULL, NULL, NULL}
#define MREG_DUE_INIT {sizeof(mreg_due), 0, 0, 0, NULL}
