/* Schemas, made of JSON and property by property, and all that can be asked of one. */

#include "check.h"

/** Asks for a text in every size of buffer, and compares it. */
#define TEXT(expected, function, ...) \
    do { \
        char text_[256]; \
        size_t length_ = 77, room_; \
        OK(function(__VA_ARGS__, NULL, 0, &length_, NULL)); \
        CHECK(length_ == strlen(expected) && length_ < sizeof text_); \
        for (room_ = 1; room_ <= length_ + 1; room_++) { \
            memset(text_, 'x', sizeof text_); \
            OK(function(__VA_ARGS__, text_, room_, NULL, NULL)); \
            CHECK(memcmp(text_, expected, room_ - 1) == 0 && text_[room_ - 1] == '\0' && text_[room_] == 'x'); \
        } \
    } while (0)

static mreg_schema parsed(const char *json)
{
    mreg_schema schema = MREG_NULL;
    OK(mreg_schema_parse(json, MREG_NUL_TERMINATED, NULL, &schema, NULL));
    return schema;
}

static void what_a_schema_is(void)
{
    mreg_schema schema = parsed("{\"name\": \"Order\", \"base\": \"Model\", \"plural\": \"orders\", \"strict\": true,"
                                " \"properties\": {\"number\": {\"type\": \"Number\", \"id\": true, \"required\": true},"
                                " \"lines\": [{\"product\": \"Product\"}], \"note\": false}}");
    mreg_schema_info info, same = MREG_SCHEMA_INFO_INIT;
    uint32_t flags = 77;
    mreg_schema_info_init(&info);
    CHECK(memcmp(&info, &same, sizeof info) == 0);
    OK(mreg_schema_get_info(schema, &info, NULL));
    CHECK(info.properties == 2 && info.own == 2 && info.inherited == 0 && info.declared == 3 && info.hidden == 1);
    CHECK(info.nested == 1 && info.structure_kind == MREG_STRUCTURE_COMPLEX && info.strict == 1);
    CHECK(info.has_structure == 1);
    TEXT("Order", mreg_schema_name, schema);
    TEXT("Model", mreg_schema_base, schema);
    TEXT("{\"plural\":\"orders\",\"strict\":true}", mreg_schema_settings, schema);
    TEXT("number", mreg_schema_property_name, schema, 0);
    TEXT("number", mreg_schema_property_type, schema, 0);
    TEXT("{\"id\":true,\"required\":true}", mreg_schema_property_attributes, schema, 0);
    TEXT("[{product: Product}]", mreg_schema_property_type, schema, 1);
    OK(mreg_schema_property_flags(schema, 0, &flags, NULL));
    CHECK(flags == (MREG_PROPERTY_ID | MREG_PROPERTY_REQUIRED));
    EXPECT(MREG_ERROR_INVALID_ARGUMENT, mreg_schema_property_flags(schema, 2, &flags, NULL));
    CHECK(flags == 0);
    EXPECT(MREG_ERROR_INVALID_ARGUMENT, mreg_schema_property_name(schema, 2, NULL, 0, NULL, NULL));
    OK(mreg_schema_free(schema, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_schema_free(schema, NULL));
    OK(mreg_schema_free(MREG_NULL, NULL));
}

static void written_and_read_back(void)
{
    mreg_schema first = parsed("{\"name\": \"A\", \"properties\": {\"a\": \"string\", \"b\": {\"c\": [\"date\"]}}}");
    mreg_schema second, other = parsed("{\"name\": \"A\", \"properties\": {\"a\": \"string\"}}");
    char json[512];
    size_t length = 77;
    bool same = false;
    OK(mreg_schema_to_json(first, json, sizeof json, &length, NULL));
    CHECK(length < sizeof json);
    second = parsed(json);
    OK(mreg_schema_same_structure(first, second, &same, NULL));
    CHECK(same);
    OK(mreg_schema_same_structure(first, other, &same, NULL));
    CHECK(!same);
    EXPECT(MREG_ERROR_NULL_HANDLE, mreg_schema_same_structure(first, MREG_NULL, &same, NULL));
    OK(mreg_schema_free(first, NULL));
    OK(mreg_schema_free(second, NULL));
    OK(mreg_schema_free(other, NULL));
}

static void bases(void)
{
    mreg_schema user = MREG_NULL, none = 77, member, bases[2];
    mreg_schema_options options, same = MREG_SCHEMA_OPTIONS_INIT;
    mreg_schema_info info = MREG_SCHEMA_INFO_INIT;
    mreg_error error = MREG_ERROR_INIT;
    uint32_t flags = 77;
    mreg_schema_options_init(&options);
    CHECK(memcmp(&options, &same, sizeof options) == 0);
    OK(mreg_schema_builtin("User", 4, &user, NULL));
    OK(mreg_schema_builtin("Usher", 5, &none, NULL));
    CHECK(user != MREG_NULL && none == MREG_NULL);
    bases[0] = parsed("{\"name\": \"Person\", \"base\": \"Model\", \"properties\": {\"name\": \"string\"}}");
    bases[1] = user;
    options.bases = bases;
    options.base_count = 2;
    options.default_name = text_of("Member");
    OK(mreg_schema_parse("{\"base\": \"Person\", \"properties\": {\"since\": \"date\"}}", MREG_NUL_TERMINATED, &options,
                         &member, NULL));
    TEXT("Member", mreg_schema_name, member);
    TEXT("Person", mreg_schema_base, member);
    OK(mreg_schema_get_info(member, &info, NULL));
    CHECK(info.inherited == 1 && info.own == 1);
    OK(mreg_schema_property_flags(member, 0, &flags, NULL));
    CHECK(flags == MREG_PROPERTY_INHERITED);
    OK(mreg_schema_free(member, NULL));
    EXPECT(MREG_ERROR_UNKNOWN_BASE,
           mreg_schema_parse("{\"name\": \"A\", \"base\": \"Nobody\"}", MREG_NUL_TERMINATED, &options, &member, &error));
    CHECK(member == MREG_NULL && error.code == MREG_ERROR_UNKNOWN_BASE && error.line == 1);
    OK(mreg_schema_free(bases[0], NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_schema_parse("{\"name\": \"A\"}", MREG_NUL_TERMINATED, &options, &member, NULL));
    OK(mreg_schema_free(user, NULL));
}

static void classified(void)
{
    static const struct {
        const char *json;
        uint32_t kind, depth;
    } cases[] = {
        {"{\"a\": 1}", MREG_STRUCTURE_SIMPLE, 0},
        {"{\"a\": {\"b\": [1]}}", MREG_STRUCTURE_COMPLEX, 2},
        {"[1, {\"a\": 1}]", MREG_STRUCTURE_ARRAY, 1},
        {"7", MREG_STRUCTURE_INVALID, 0},
    };
    mreg_error error = MREG_ERROR_INIT;
    uint32_t kind = 77, depth = 77;
    char deep[301];
    size_t at;
    for (at = 0; at < sizeof cases / sizeof *cases; at++) {
        OK(mreg_schema_classify(cases[at].json, strlen(cases[at].json), &kind, &depth, NULL));
        CHECK(kind == cases[at].kind && depth >= cases[at].depth);
    }
    EXPECT(MREG_ERROR_JSON, mreg_schema_classify("{\n  ]", 5, &kind, &depth, &error));
    CHECK(kind == 0 && depth == 0 && error.line == 2 && error.column == 3 && error.offset == 4);
    memset(deep, '[', 300);
    EXPECT(MREG_ERROR_TOO_DEEP, mreg_schema_classify(deep, 300, &kind, &depth, NULL));
    EXPECT(MREG_ERROR_INVALID_UTF8, mreg_schema_classify("[\"\xff\"]", 5, &kind, &depth, &error));
    CHECK(error.offset == 2);
}

static void built(void)
{
    mreg_builder builder = MREG_NULL, other = MREG_NULL;
    mreg_schema schema = MREG_NULL, base = MREG_NULL, json;
    bool same = false;
    OK(mreg_schema_builtin("Model", MREG_NUL_TERMINATED, &base, NULL));
    OK(mreg_builder_create("Order", 5, &builder, NULL));
    OK(mreg_builder_set_base(builder, base, NULL));
    OK(mreg_builder_set_settings(builder, "{\"strict\": true}", MREG_NUL_TERMINATED, NULL));
    OK(mreg_builder_add(builder, "number", 6, "Number", 6, "{\"required\": true}", MREG_NUL_TERMINATED, NULL));
    OK(mreg_builder_open_array(builder, "lines", 5, NULL, 0, NULL));
    OK(mreg_builder_open_object(builder, NULL, 0, NULL, 0, NULL));
    OK(mreg_builder_add(builder, "product", 7, "Product", 7, NULL, 0, NULL));
    EXPECT(MREG_ERROR_INVALID_ARGUMENT, mreg_builder_finish(builder, &schema, NULL));
    OK(mreg_builder_close(builder, NULL));
    OK(mreg_builder_close(builder, NULL));
    EXPECT(MREG_ERROR_INVALID_ARGUMENT, mreg_builder_close(builder, NULL));
    OK(mreg_builder_hide(builder, "note", 4, NULL));
    EXPECT(MREG_ERROR_SCHEMA, mreg_builder_add(builder, "a.b", 3, "string", 6, NULL, 0, NULL));
    EXPECT(MREG_ERROR_JSON, mreg_builder_set_settings(builder, "{", 1, NULL));
    EXPECT(MREG_ERROR_INVALID_UTF8, mreg_builder_hide(builder, "\xff", 1, NULL));
    OK(mreg_builder_finish(builder, &schema, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_builder_close(builder, NULL));
    json = parsed("{\"name\": \"Order\", \"base\": \"Model\", \"properties\":"
                  " {\"number\": {\"type\": \"number\", \"required\": true}, \"lines\": [{\"product\": \"Product\"}]}}");
    OK(mreg_schema_same_structure(schema, json, &same, NULL));
    CHECK(same);
    OK(mreg_builder_create("Other", 5, &other, NULL));
    OK(mreg_builder_free(other, NULL));
    EXPECT(MREG_ERROR_STALE_HANDLE, mreg_builder_free(other, NULL));
    OK(mreg_builder_free(MREG_NULL, NULL));
    EXPECT(MREG_ERROR_INVALID_NAME, mreg_builder_create("", 0, &other, NULL));
    OK(mreg_schema_free(schema, NULL));
    OK(mreg_schema_free(base, NULL));
    OK(mreg_schema_free(json, NULL));
}

static void from_models_and_snapshots(void)
{
    mreg_registry registry = new_registry(), found_registry = MREG_NULL;
    mreg_owner app = new_owner(registry, MREG_KIND_APP, "");
    mreg_schema schema = parsed("{\"name\": \"A\", \"base\": \"Model\", \"properties\": {\"a\": \"string\"}}"), again = MREG_NULL;
    mreg_model_options options;
    mreg_model_options same = MREG_MODEL_OPTIONS_INIT;
    mreg_find_options find, same_find = MREG_FIND_OPTIONS_INIT;
    mreg_model model, other, found = 77;
    mreg_snapshot snapshot = MREG_NULL;
    int64_t at = 0, held_at = 0;
    mreg_model_options_init(&options);
    CHECK(memcmp(&options, &same, sizeof options) == 0);
    options.name = text_of("A");
    options.app = app;
    options.schema = schema;
    options.settings = text_of("{\"strict\": true}");
    OK(mreg_model_register(registry, &options, &model, NULL));
    options.name = text_of("B");
    options.schema = MREG_NULL;
    options.settings = text_of("");
    OK(mreg_model_register(registry, &options, &other, NULL));
    mreg_find_options_init(&find);
    CHECK(memcmp(&find, &same_find, sizeof find) == 0);
    find.schema = schema;
    OK(mreg_registry_find_structure(registry, &find, &found, NULL));
    CHECK(found == MREG_NULL);
    find.flags = MREG_FIND_STRICT;
    OK(mreg_registry_find_structure(registry, &find, &found, NULL));
    CHECK(found == model);
    TEXT("{\"strict\": true}", mreg_model_settings, model);
    OK(mreg_model_registered_at(model, &at, NULL));
    OK(mreg_model_registry(model, &found_registry, NULL));
    CHECK(at > 0 && found_registry == registry);
    OK(mreg_model_schema(other, &again, NULL));
    CHECK(again == MREG_NULL);
    OK(mreg_owner_hold_models(app, MREG_KIND_ANY, &snapshot, NULL));
    OK(mreg_registry_destroy(registry, NULL));
    TEXT("{\"strict\": true}", mreg_snapshot_settings, snapshot, 0);
    OK(mreg_snapshot_registered_at(snapshot, 0, &held_at, NULL));
    CHECK(held_at == at);
    OK(mreg_snapshot_schema(snapshot, 1, &again, NULL));
    CHECK(again == MREG_NULL);
    OK(mreg_snapshot_schema(snapshot, 0, &again, NULL));
    TEXT("A", mreg_schema_name, again);
    OK(mreg_schema_free(again, NULL));
    EXPECT(MREG_ERROR_INVALID_ARGUMENT, mreg_snapshot_schema(snapshot, 2, &again, NULL));
    EXPECT(MREG_ERROR_INVALID_ARGUMENT, mreg_snapshot_registered_at(snapshot, 2, &held_at, NULL));
    OK(mreg_snapshot_free(snapshot, NULL));
    OK(mreg_schema_free(schema, NULL));
}

int main(void)
{
    what_a_schema_is();
    written_and_read_back();
    bases();
    classified();
    built();
    from_models_and_snapshots();
    puts("schemas: passed");
    return 0;
}
