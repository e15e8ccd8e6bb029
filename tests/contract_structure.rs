//! The contract's sentences on structure: what is one structure, who finds whom, and schemas that are built.

mod support_c_api;

use support_c_api::building::*;
use support_c_api::*;

const STRICT: u32 = capi::MREG_MODEL_STRICT;
const SCHEMA: i32 = 31;
const TOO_DEEP: i32 = 32;

/// A schema of a model with these properties and no inherited ones.
fn of(properties: &str) -> u64 {
    schema(&format!(r#"{{"name": "Some", "base": "Model", "properties": {properties}}}"#))
}

fn free(schemas: &[u64]) {
    for schema in schemas {
        free_schema(*schema).expect("free");
    }
}

fn search(schema: u64) -> Search<'static> {
    Search { schema, ..Search::default() }
}

#[track_caller]
fn found(registry: &Registry, search: Search<'_>) -> u64 {
    find_structure(registry.0, search).expect("an answer")
}

#[track_caller]
fn one_structure(one: &str, other: &str, expected: bool) {
    let (one, other) = (of(one), of(other));
    assert_eq!(same_structure(one, other), expected);
    assert_eq!(info(one).fingerprint == info(other).fingerprint, expected, "the fingerprints say the same");
    let registry = Registry::new();
    let model = Model { schema: one, ..Model::new("One") }.add(&registry);
    assert_eq!(found(&registry, search(other)), if expected { model } else { 0 });
    free_schema(one).expect("free");
    free_schema(other).expect("free");
}

fn info(schema: u64) -> capi::mreg_schema_info {
    let mut info = made(capi::mreg_schema_info_init);
    call!(mreg_schema_get_info(schema, &mut info)).expect("info");
    info
}

#[test]
fn names_types_and_options_make_a_structure_and_their_order_does_not() {
    one_structure(r#"{"a": "string", "b": "number"}"#, r#"{"b": "number", "a": "string"}"#, true);
    one_structure(r#"{"name": "string"}"#, r#"{"name": {"type": "string"}}"#, true);
    one_structure(r#"{"name": "string"}"#, r#"{"name": {"type": "string", "required": true}}"#, false);
    one_structure(r#"{"name": {"type": "string", "id": true}}"#, r#"{"name": {"id": true, "type": "string"}}"#, true);
    one_structure(r#"{"a": {"type": "string", "default": 1}}"#, r#"{"a": {"type": "string", "default": 2}}"#, false);
    one_structure(r#"{"a": "string"}"#, r#"{"a": "number"}"#, false);
    one_structure(r#"{"a": "string"}"#, r#"{"A": "string"}"#, false);
    one_structure(r#"{"a": "string"}"#, r#"{"a": "string", "b": "string"}"#, false);
}

#[test]
fn arrays_and_nested_objects_compare_element_by_element() {
    one_structure(r#"{"a": ["string"]}"#, r#"{"a": {"type": ["string"]}}"#, true);
    one_structure(r#"{"a": ["string"]}"#, r#"{"a": ["number"]}"#, false);
    one_structure(r#"{"a": ["string"]}"#, r#"{"a": "string"}"#, false);
    one_structure(r#"{"a": {"x": "string", "y": "number"}}"#, r#"{"a": {"y": "number", "x": "string"}}"#, true);
    one_structure(r#"{"a": {"x": "string"}}"#, r#"{"a": {"x": "number"}}"#, false);
    one_structure(r#"{"a": [{"x": "string"}]}"#, r#"{"a": {"x": "string"}}"#, false);
    let with = |list: &str| format!(r#"{{"a": {{"type": "string", "enum": {list}}}}}"#);
    one_structure(&with("[1, 2]"), &with("[1, 2]"), true);
    one_structure(&with("[1, 2]"), &with("[2, 1]"), false);
}

#[test]
fn a_built_in_type_counts_without_regard_to_case_and_any_other_with() {
    one_structure(r#"{"a": "STRING", "b": "GeoPoint"}"#, r#"{"a": "string", "b": "geopoint"}"#, true);
    one_structure(r#"{"a": "Order"}"#, r#"{"a": "order"}"#, false);
}

#[test]
fn kind_and_depth_of_any_json() {
    use capi::{MREG_STRUCTURE_ARRAY, MREG_STRUCTURE_COMPLEX, MREG_STRUCTURE_INVALID, MREG_STRUCTURE_SIMPLE};
    let classify = |text: &str| {
        let (mut kind, mut depth) = (77, 77);
        call!(mreg_schema_classify(text.as_ptr().cast(), text.len(), &mut kind, &mut depth)).map(|()| (kind, depth))
    };
    for (text, expected) in [
        ("{}", (MREG_STRUCTURE_SIMPLE, 0)),
        (r#"{"a": "string", "b": 1, "c": null}"#, (MREG_STRUCTURE_SIMPLE, 0)),
        (r#"{"a": {"type": "string"}}"#, (MREG_STRUCTURE_COMPLEX, 1)),
        (r#"{"a": [], "b": {"c": {"d": [1]}}}"#, (MREG_STRUCTURE_COMPLEX, 3)),
        ("[]", (MREG_STRUCTURE_ARRAY, 0)),
        (r#"[{"a": 1}]"#, (MREG_STRUCTURE_ARRAY, 1)),
        ("5", (MREG_STRUCTURE_INVALID, 0)),
        ("null", (MREG_STRUCTURE_INVALID, 0)),
        (r#""text""#, (MREG_STRUCTURE_INVALID, 0)),
    ] {
        assert_eq!(classify(text), Ok(expected), "{text}");
    }
    assert_eq!(code(classify("{")), JSON);
}

#[test]
fn a_model_without_properties_is_registered_and_never_found() {
    let registry = Registry::new();
    let (none, other) = (of("{}"), of("{}"));
    let model = Model { schema: none, ..Model::new("None") }.add(&registry);
    Model::new("Bare").add(&registry);
    assert!(model_is_valid(model));
    assert_eq!((found(&registry, search(none)), found(&registry, search(other))), (0, 0));
    assert_eq!(stats(registry.0).unique_structures, 1, "all such count as one");
    assert_eq!(stats(registry.0).reused_total, 0);
    free(&[none, other]);
}

#[test]
fn parsed_schemas_are_shared() {
    // What a registry uses of them counts once, however often the text was parsed.
    let registry = Registry::new();
    let app = registry.app();
    let text = r#"{"name": "Shared", "base": "Model", "properties": {"a": "string", "b": ["number"]}}"#;
    let mut used = Vec::new();
    for number in 0..20 {
        let schema = schema(text);
        Model { schema, ..Model::of(&format!("Model{number}"), app) }.add(&registry);
        free_schema(schema).expect("free");
        used.push(memory(registry.0).schemas);
    }
    assert!(used[0] > 0);
    assert!(used.iter().all(|bytes| *bytes == used[0]), "{used:?}");
    let other = schema(r#"{"name": "Other", "base": "Model", "properties": {"a": "string", "b": ["number"]}}"#);
    Model { schema: other, ..Model::of("Other", app) }.add(&registry);
    assert!(memory(registry.0).schemas > used[0], "another name is another schema, of the same structure");
    assert_ne!(found(&registry, search(other)), 0);
    free_schema(other).expect("free");
}

#[test]
fn the_kinds_of_memory_add_up_and_are_nothing_in_the_end() {
    let registry = Registry::new();
    let fresh = memory(registry.0);
    assert_eq!(fresh.in_use, 0);
    let (app, source) = (registry.app(), registry.data_source("mysql"));
    let long = "A name that is longer than what its slot has room for";
    let schema = of(r#"{"a": "string"}"#);
    for name in ["Short", long] {
        Model { schema, settings: r#"{"plural": "Others"}"#, ..Model::of(name, app) }.add(&registry);
        Model { schema, settings: r#"{"plural": "Others"}"#, data_source: source, ..Model::of(name, app) }
            .add(&registry);
    }
    let snapshot = hold_models(app, ANY, false).expect("a snapshot");
    let now = memory(registry.0);
    let kinds =
        [now.models, now.indices, now.owners, now.lists, now.names, now.schemas, now.snapshots, now.tenants, now.texts];
    assert!(kinds.iter().all(|bytes| *bytes > 0), "{kinds:?}");
    assert_eq!(now.in_use, kinds.iter().sum::<u64>());
    let stats = stats(registry.0);
    assert_eq!((stats.bytes_in_use, stats.bytes_reserved), (now.in_use, now.reserved));
    free_schema(schema).expect("free");
    free_snapshot(snapshot).expect("free");
    release(app).expect("release");
    release(source).expect("release");
    registry.reclaim();
    let end = memory(registry.0);
    assert_eq!((end.in_use, end.models, end.indices, end.names, end.schemas, end.lists), (0, 0, 0, 0, 0, 0));
}

#[test]
fn without_a_tenant_global_comes_first_and_then_every_partition_in_order() {
    let registry = Registry::new();
    let schema = of(r#"{"a": "string"}"#);
    let add = |name, tenant| Model { schema, ..Model::tenant(name, tenant) }.add(&registry);
    let (south, north) = (add("A", "south"), add("A", "north"));
    let later = add("B", "south");
    assert_eq!(found(&registry, search(schema)), later, "the partition that came first, and its newest model");
    let global = add("A", "");
    assert_eq!(found(&registry, search(schema)), global);
    for (gone, next) in [(global, later), (later, south), (south, north), (north, 0)] {
        assert_eq!(found(&registry, search(schema)), gone);
        unregister(gone).expect("unregister");
        assert_eq!(found(&registry, search(schema)), next);
    }
    free_schema(schema).expect("free");
}

#[test]
fn with_a_tenant_only_global_and_that_tenant_are_searched() {
    let registry = Registry::with(Limits { reserved: &["trap"], ..Limits::default() });
    let schema = of(r#"{"a": "string"}"#);
    let add = |name, tenant| Model { schema, ..Model::tenant(name, tenant) }.add(&registry);
    let north = add("A", "north");
    let within = |tenant| found(&registry, Search { tenant, ..search(schema) });
    assert_eq!(within("north"), north);
    assert_eq!(within("south"), 0, "tenants never share one");
    assert_eq!(within("trap"), 0, "a reserved code searches global only");
    assert_eq!(within(""), north, "an empty one is no tenant");
    let south = add("A", "south");
    assert_eq!((within("north"), within("south")), (north, south));
    let global = add("A", "");
    assert_eq!((within("north"), within("south"), within("trap"), within("global")), (global, global, global, global));
    assert_eq!(code(find_structure(registry.0, Search { tenant: "a\nb", ..search(schema) })), INVALID_NAME);
    free_schema(schema).expect("free");
}

#[test]
fn the_current_tenant_of_the_thread_is_searched_where_the_call_names_none() {
    let registry = Registry::new();
    let schema = of(r#"{"a": "string"}"#);
    let add = |name, tenant| Model { schema, ..Model::tenant(name, tenant) }.add(&registry);
    let (south, north) = (add("A", "south"), add("A", "north"));
    assert_eq!(found(&registry, search(schema)), south);
    set_current_tenant("north").expect("a tenant");
    assert_eq!(found(&registry, search(schema)), north);
    assert_eq!(found(&registry, Search { tenant: "south", ..search(schema) }), south, "the call names another one");
    assert_eq!(found(&registry, Search { tenant: "global", ..search(schema) }), 0);
    set_current_tenant("").expect("none");
    assert_eq!(found(&registry, search(schema)), south);
    free(&[schema]);
}

#[test]
fn the_second_use_of_an_anonymous_structure_in_a_tenant_finds_the_first() {
    let registry = Registry::new();
    let schema = of(r#"{"street": "string", "zip": "string"}"#);
    let use_in = |name: &str, tenant: &str| {
        let known = found(&registry, Search { tenant, ..search(schema) });
        if known != 0 {
            return known;
        }
        Model { schema, settings: r#"{"anonymous": true}"#, ..Model::tenant(name, tenant) }.add(&registry)
    };
    let first = use_in("AnonymousModel_1", "north");
    assert_eq!(use_in("AnonymousModel_2", "north"), first);
    let other = use_in("AnonymousModel_3", "south");
    assert_ne!(other, first);
    assert_eq!((use_in("AnonymousModel_4", "south"), use_in("AnonymousModel_5", "north")), (other, first));
    assert_eq!(stats(registry.0).reused_total, 3);
    drop_tenant(registry.0, "north", 0).expect("drop");
    assert_ne!(use_in("AnonymousModel_6", "north"), first);
    free_schema(schema).expect("free");
}

#[test]
fn a_model_of_another_strictness_is_passed_over_and_the_search_goes_on() {
    let registry = Registry::new();
    let schema = of(r#"{"a": "string"}"#);
    let strict = |strict| found(&registry, Search { strict, ..search(schema) });
    let add = |name, settings, flags| Model { schema, settings, flags, ..Model::new(name) }.add(&registry);
    let plain = add("Plain", "", 0);
    let exact = add("Exact", r#"{"strict": true}"#, 0);
    assert_eq!((strict(false), strict(true)), (plain, exact));
    for text in [r#"{"strict": "true"}"#, r#"{"strict": 1}"#, r#"{"strict": "filter"}"#, r#"{"strict": false}"#] {
        let inexact = add("Inexact", text, 0);
        assert_eq!((strict(false), strict(true)), (inexact, exact), "{text}");
        unregister(inexact).expect("unregister");
    }
    let builder = add("Builder", r#"{"strict": false}"#, STRICT);
    assert_eq!((strict(false), strict(true)), (plain, builder), "its builder is strict");
    let of_schema =
        support_c_api::schema(r#"{"name": "S", "base": "Model", "strict": true, "properties": {"a": "string"}}"#);
    let of_definition = Model { schema: of_schema, ..Model::new("Definition") }.add(&registry);
    assert_eq!((strict(false), strict(true)), (plain, of_definition), "its definition is strict");
    let own = Model { schema: of_schema, settings: r#"{"strict": false}"#, ..Model::new("Own") }.add(&registry);
    assert_eq!(strict(false), own, "its own settings say otherwise");
    free(&[schema, of_schema]);
}

#[test]
fn marks_of_the_host_pass_models_over() {
    let registry = Registry::new();
    let schema = of(r#"{"a": "string"}"#);
    let add = |name, tenant, marks| Model { schema, marks, ..Model::tenant(name, tenant) }.add(&registry);
    let (old, new) = (add("Old", "north", 0), add("New", "north", 5));
    let passing = |pass_over, outside| found(&registry, Search { pass_over, outside, ..search(schema) });
    assert_eq!((passing(0, 0), passing(2, 2), passing(1, 0), passing(0, 4)), (new, new, old, old));
    let global = add("Global", "", 4);
    assert_eq!((passing(0, 4), passing(4, 0)), (global, old), "in global the second set does not count");
    free_schema(schema).expect("free");
}

#[test]
fn the_most_recent_registration_wins_also_by_a_move_or_a_replacement() {
    let registry = Registry::new();
    let app = registry.app();
    let schema = of(r#"{"a": "string"}"#);
    let (first, second) = (
        Model { schema, ..Model::of("First", app) }.add(&registry),
        Model { schema, ..Model::of("Second", app) }.add(&registry),
    );
    assert_eq!(found(&registry, search(schema)), second);
    move_to(first, 0, app, "").expect("move");
    assert_eq!(found(&registry, search(schema)), first, "a move counts as a registration");
    let replacing = Model { schema, ..Model::of("Second", app) }.add(&registry);
    assert_eq!(found(&registry, search(schema)), replacing);
    let other = of(r#"{"a": "number"}"#);
    Model { schema: other, ..Model::of("Second", app) }.add(&registry);
    assert_eq!(found(&registry, search(schema)), first, "what was replaced is not found");
    registry.clear();
    assert_eq!((found(&registry, search(schema)), found(&registry, search(other))), (0, 0));
    free(&[schema, other]);
}

#[test]
fn each_success_counts_as_reused_and_as_use() {
    let registry = Registry::new();
    let schema = of(r#"{"a": "string"}"#);
    Model { schema, ..Model::tenant("A", "north") }.add(&registry);
    for expected in 1..5 {
        assert_ne!(found(&registry, search(schema)), 0);
        assert_eq!(found(&registry, Search { tenant: "south", ..search(schema) }), 0);
        assert_eq!(stats(registry.0).reused_total, expected);
    }
    registry.clear();
    assert_eq!(stats(registry.0).reused_total, 0);
    free_schema(schema).expect("free");
}

#[test]
fn a_schema_that_is_built_is_the_one_that_is_parsed() {
    let builder = Builder::new("Order");
    let base =
        schema(r#"{"name": "Document", "base": "Model", "properties": {"number": "string", "draft": "boolean"}}"#);
    builder.base(base).expect("a base");
    builder.settings(r#"{"plural": "Orders", "strict": true}"#).expect("settings");
    builder.add("total", "number", r#"{"required": true, "default": 0}"#).expect("a property");
    builder.add("customer", "Customer", "").expect("a property");
    builder.object("address", r#"{"description": "where to"}"#).expect("an object");
    builder.add("street", "String", "").expect("a property");
    builder.add("type", "string", "").expect("a property of that name");
    builder.close().expect("close");
    builder.array("lines", "").expect("an array");
    builder.object("", "").expect("its element");
    builder.add("product", "Product", "").expect("a property");
    builder.array("tags", "").expect("an array");
    builder.add("", "string", "").expect("its element");
    builder.close().expect("tags");
    builder.close().expect("the element");
    builder.close().expect("lines");
    builder.array("anything", "").expect("an array");
    builder.close().expect("of anything");
    builder.hide("draft").expect("hide");
    let built = builder.finish().expect("a schema");
    let text = r#"{"name": "Order", "base": "Document", "plural": "Orders", "strict": true, "properties": {
        "total": {"type": "number", "required": true, "default": 0},
        "customer": "Customer",
        "address": {"type": {"street": "string", "type": "string"}, "description": "where to"},
        "lines": [{"product": "Product", "tags": ["string"]}],
        "anything": [],
        "draft": false
    }}"#;
    let mut options = made(capi::mreg_schema_options_init);
    (options.bases, options.base_count) = (&base, 1);
    let mut parsed = 0;
    call!(mreg_schema_parse(text.as_ptr().cast(), text.len(), &options, &mut parsed)).expect("a schema");
    assert_eq!(json(built), json(parsed));
    assert!(same_structure(built, parsed));
    let info = info(built);
    assert_eq!((info.own, info.inherited, info.hidden, info.nested, info.strict), (5, 1, 1, 4, 1));
    assert_eq!((info.structure_kind, info.structure_depth), (capi::MREG_STRUCTURE_COMPLEX, 3));
    assert_eq!(code(builder.finish()), STALE_HANDLE, "it is used up");
    free(&[base, built, parsed]);
}

#[test]
fn a_builder_refuses_what_is_no_schema_and_stays_as_it_was() {
    let builder = Builder::new("Order");
    builder.add("a", "string", "").expect("a property");
    let refused = [
        (builder.add("a.b", "string", ""), SCHEMA),
        (builder.add("b", "", ""), SCHEMA),
        (builder.add("b", "string", "[]"), SCHEMA),
        (builder.add("b", "string", r#"{"type": "number"}"#), SCHEMA),
        (builder.add("b", "string", "{"), JSON),
        (builder.object("b.c", ""), SCHEMA),
        (builder.array("b", "7"), SCHEMA),
        (builder.settings("[]"), SCHEMA),
        (builder.settings(r#"{"base": "Model"}"#), SCHEMA),
        (builder.settings("{"), JSON),
        (builder.close(), INVALID_ARGUMENT),
    ];
    for (at, (result, status)) in refused.into_iter().enumerate() {
        assert_eq!(code(result), status, "{at}");
    }
    builder.array("list", "").expect("an array");
    assert_eq!(code(builder.finish()), INVALID_ARGUMENT, "something is open");
    assert_eq!(code(builder.add("named", "string", "")), SCHEMA, "an element has no name");
    assert_eq!(code(builder.add("", "string", r#"{"x": 1}"#)), SCHEMA, "an element has no attributes");
    assert_eq!(code(builder.hide("")), SCHEMA);
    builder.add("", "string", "").expect("the element");
    assert_eq!(code(builder.add("", "string", "")), SCHEMA, "it has one");
    builder.close().expect("close");
    let built = builder.finish().expect("a schema");
    let expected = of(r#"{"a": "string", "list": ["string"]}"#);
    assert!(same_structure(built, expected));
    free(&[built, expected]);
    for (name, status) in [("", INVALID_NAME), ("a\u{1}", INVALID_NAME)] {
        let mut none = u64::MAX;
        let result = call!(mreg_builder_create(name.as_ptr().cast(), name.len(), &mut none));
        assert_eq!((code(result), none), (status, 0));
    }
}

#[test]
fn the_last_of_two_properties_of_one_name_counts() {
    let builder = Builder::new("Order");
    builder.add("a", "string", "").expect("a property");
    builder.add("a", "number", "").expect("again");
    let (built, expected) = (builder.finish().expect("a schema"), of(r#"{"a": "number"}"#));
    assert!(same_structure(built, expected));
    free(&[built, expected]);
}

#[test]
fn a_builder_nests_as_deep_as_json() {
    let deepest = |first: &str, inner: &str, open: &dyn Fn(&Builder, &str) -> Result<()>| {
        let builder = Builder::new("Deep");
        open(&builder, first).expect("the first");
        for _ in 1..64 {
            open(&builder, inner).expect("64 types nest");
        }
        assert_eq!(code(open(&builder, inner)), TOO_DEEP);
        for _ in 0..64 {
            builder.close().expect("close");
        }
        builder.finish().expect("a schema")
    };
    let arrays = deepest("a", "", &|builder, name| builder.array(name, ""));
    let objects = deepest("a", "a", &|builder, name| builder.object(name, ""));
    let parsed = [of(&nested("[", "]", 64)), of(&nested(r#"{"a":"#, "}", 63).replace("null", "{}"))];
    assert!(same_structure(arrays, parsed[0]) && same_structure(objects, parsed[1]));
    assert_eq!((info(arrays).structure_depth, info(objects).structure_depth), (64, 64));
    free(&[arrays, objects, parsed[0], parsed[1]]);
}

/// A property whose type nests so deep.
fn nested(begin: &str, end: &str, depth: usize) -> String {
    let inner = if begin == "[" { "" } else { "null" };
    format!(r#"{{"a": {}{inner}{}}}"#, begin.repeat(depth), end.repeat(depth))
}

#[test]
fn an_object_with_a_member_called_type_is_an_object() {
    let builder = Builder::new("Typed");
    builder.object("a", "").expect("an object");
    builder.object("type", "").expect("an object of that name");
    builder.add("type", "string", "").expect("and a property");
    builder.close().expect("close");
    builder.add("other", "number", r#"{"required": true}"#).expect("a property");
    builder.close().expect("close");
    builder.array("b", r#"{"required": true}"#).expect("an array");
    builder.object("", "").expect("its element");
    builder.add("type", "date", "").expect("a property");
    builder.close().expect("close");
    builder.close().expect("close");
    let built = builder.finish().expect("a schema");
    let parsed = of(r#"{
        "a": {"type": {"type": {"type": {"type": "string"}}, "other": {"type": "number", "required": true}}},
        "b": {"type": [{"type": {"type": "date"}}], "required": true}
    }"#);
    assert_eq!(info(built).nested, info(parsed).nested);
    assert!(same_structure(built, parsed), "{} {}", json(built), json(parsed));
    let destroyed = Builder::new("Free");
    call!(mreg_builder_free(destroyed.0)).expect("free");
    call!(mreg_builder_free(0)).expect("nothing");
    free(&[built, parsed]);
}
