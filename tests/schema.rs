//! Reading model definitions: every rule of the grammar, structure, fingerprints and the way back to JSON.

use modelreg::error::{Error, Status};
use modelreg::schema::json::{self, Json, Object};
use modelreg::schema::{
    Builtin, Draft, MAX_BASE_DEPTH, MAX_TYPE_DEPTH, ParseOptions, Schema, StructureKind, Type, builtin, type_text,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn none(_: &str) -> Option<Arc<Schema>> {
    None
}

fn parse(text: &str) -> Result<Arc<Schema>, Error> {
    Schema::parse(text.as_bytes(), &ParseOptions { default_name: None, resolve_base: &none })
}

fn parsed(text: &str) -> Arc<Schema> {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn with_properties(properties: &str) -> Arc<Schema> {
    parsed(&format!(r#"{{"name":"Order","properties":{properties}}}"#))
}

fn refused(text: &str) -> Error {
    match parse(text) {
        Ok(_) => panic!("{text} was taken"),
        Err(error) => error,
    }
}

fn types(schema: &Schema) -> Vec<String> {
    schema.properties().map(|property| format!("{}: {}", property.name, property.ty)).collect()
}

fn place(error: &Error) -> (u64, u32, u32) {
    error.detail().map_or((0, 0, 0), |detail| (detail.offset, detail.line, detail.column))
}

#[test]
fn names_of_types() {
    for builtin in Builtin::ALL {
        for name in [builtin.name().to_owned(), builtin.name().to_uppercase()] {
            let schema = with_properties(&format!(r#"{{"a":"{name}"}}"#));
            assert_eq!(schema.property("a").expect("a").ty, Type::Builtin(*builtin));
        }
    }
    assert_eq!(Builtin::ALL.len(), 13);
    let schema = with_properties(r#"{"a":"Order","b":{"type":"order"},"c":"hyphen-name"}"#);
    assert_eq!(types(&schema), ["a: Order", "b: order", "c: hyphen-name"]);
}

#[test]
fn spellings_of_types() {
    for (written, read) in [
        (r#""string""#, "string"),
        (r#"{"type":"String"}"#, "string"),
        (r#"["string"]"#, "[string]"),
        (r#"[{"type":"string"}]"#, "[string]"),
        (r#"[{"type":"string","required":true}]"#, "[string]"),
        (r#"{"type":["string"]}"#, "[string]"),
        (r#"[["number","number"]]"#, "[[number]]"),
        ("[]", "[]"),
        (r#"{"type":[]}"#, "[]"),
        ("{}", "{}"),
        (r#"{"type":{}}"#, "{}"),
        (r#"{"a":"string","b":["Order"]}"#, "{a: string, b: [Order]}"),
        (r#"[{"name":"string","n":"number"}]"#, "[{name: string, n: number}]"),
        (r#"{"type":{"type":"string"}}"#, "{type: string}"),
        (r#"{"type":{"type":{"type":"number"}}}"#, "{type: number}"),
        (r#"[{"type":{"type":"number"}}]"#, "[{type: number}]"),
        (r#"{"type":false,"a":"date"}"#, "{a: date}"),
        (r#"{"type":null}"#, "{}"),
        (r#"{"type":""}"#, "{type: }"),
        (r#"{"mysql":{"dataType":"TEXT"},"required":false}"#, "{mysql: {dataType: text}}"),
    ] {
        let schema = with_properties(&format!(r#"{{"p":{written}}}"#));
        assert_eq!(type_text(&schema.property("p").expect("p").ty).expect("a text"), read, "{written}");
        let again = parsed(&schema.to_json().expect("text"));
        assert_eq!(*again, *schema, "{written}");
    }
}

#[test]
fn attributes_and_flags() {
    let schema = with_properties(
        r#"{"a":{"required":"true","type":"string","x":[1,{"y":null}]},"b":{"type":"number","id":"false","required":true},
            "c":{"type":"string","id":1},"d":{"type":"string","id":true},"e":{"type":"string","required":0}}"#,
    );
    let flags: Vec<_> = schema.properties().map(|p| (p.id, p.required)).collect();
    assert_eq!(flags, [(false, true), (false, true), (true, false), (true, false), (false, false)]);
    let attributes = schema.property("a").expect("a").property().attributes.to_text().expect("text");
    assert_eq!(attributes, r#"{"required":"true","x":[1,{"y":null}]}"#);
    assert!(schema.property("b").expect("b").attributes.get("type").is_none());
}

#[test]
fn impossible_types_are_named() {
    let error = refused("{\"name\":\"Order\",\n \"properties\": {\"total\": 30000}}");
    assert_eq!(error.status(), Status::ERROR_SCHEMA);
    assert_eq!(
        error.message(),
        "model \"Order\": property \"total\": type 30000 is not a type (expected a name, an array or an object)"
    );
    assert_eq!(place(&error), (33, 2, 17));
    for (properties, path, value) in [
        (r#"{"meta":{"index":1}}"#, "meta.index", "1"),
        (r#"{"meta":{"type":{"a":{"b":true}}}}"#, "meta.a.b", "true"),
        (r#"{"a":[5]}"#, "a[0]", "5"),
        (r#"{"a":[{"b":true}]}"#, "a[0].b", "true"),
        (r#"{"a":[null]}"#, "a[0]", "null"),
        (r#"{"a":{"type":7}}"#, "a", "7"),
        (r#"{"a":{"type":true}}"#, "a", "true"),
        (r#"{"a":{"type":0}}"#, "a.type", "0"),
    ] {
        let error = refused(&format!(r#"{{"name":"Order","properties":{properties}}}"#));
        assert_eq!(error.status(), Status::ERROR_SCHEMA);
        let expected = format!("property \"{path}\": type {value} is not a type");
        assert!(error.message().contains(&expected), "{properties}: {error}");
        assert_eq!(error.detail().expect("detail").name, path);
    }
    let error = refused(r#"{"name":"Order","properties":{"a":{"b.c":"string"}}}"#);
    assert!(error.message().contains("property \"a.b.c\": a property name must not hold a \".\""), "{error}");
}

#[test]
fn not_a_definition() {
    for (text, status) in [
        ("[]", Status::ERROR_SCHEMA),
        ("5", Status::ERROR_SCHEMA),
        (r#"{"name":5}"#, Status::ERROR_SCHEMA),
        (r#"{"name":"A","base":5}"#, Status::ERROR_SCHEMA),
        (r#"{"name":"A","properties":[]}"#, Status::ERROR_SCHEMA),
        (r#"{"name":"A","properties":"x"}"#, Status::ERROR_SCHEMA),
        (r#"{"name":"A","options":[]}"#, Status::ERROR_SCHEMA),
        ("{}", Status::ERROR_INVALID_NAME),
        (r#"{"name":""}"#, Status::ERROR_INVALID_NAME),
        (r#"{"name":"a\u0000b"}"#, Status::ERROR_INVALID_NAME),
        (r#"{"name":"A","base":"Nobody"}"#, Status::ERROR_UNKNOWN_BASE),
        (r#"{"name":"A","base":"A"}"#, Status::ERROR_UNKNOWN_BASE),
        ("", Status::ERROR_JSON),
    ] {
        let error = refused(text);
        assert_eq!(error.status(), status, "{text}: {error}");
        assert!(place(&error).1 > 0, "{text}: {error} has no place");
    }
    let error = refused("{\"name\":\"A\",\n  \"base\":\"Nobody\"}");
    assert_eq!(place(&error), (15, 2, 3));
}

#[test]
fn odd_json() {
    let deep = "[".repeat(100_000);
    for (text, status, offset) in [
        (&b"{\"name\":\"\xff\"}"[..], Status::ERROR_INVALID_UTF8, 9),
        (b"{\"name\":\"\\ud800\"}", Status::ERROR_JSON, 9),
        (b"{\"name\":\"\\udc00x\"}", Status::ERROR_JSON, 9),
        (b"{} {}", Status::ERROR_JSON, 3),
        (b"{\"a\":01}", Status::ERROR_JSON, 6),
        (b"{\"a\":1,}", Status::ERROR_JSON, 7),
        (b"{\"a\":1 // no\n}", Status::ERROR_JSON, 7),
        (b"{\"a\":\n1", Status::ERROR_JSON, 7),
        (b"{\"a\": NaN}", Status::ERROR_JSON, 6),
        (deep.as_bytes(), Status::ERROR_TOO_DEEP, 127),
    ] {
        let error = json::parse(text).expect_err("odd JSON");
        let shown = String::from_utf8_lossy(&text[..text.len().min(30)]);
        assert_eq!(error.status(), status, "{shown}: {error}");
        assert_eq!(place(&error).0, offset, "{shown}: {:?}", error.detail());
    }
    assert_eq!(json::parse(&vec![b' '; json::MAX_JSON_LENGTH + 1]).expect_err("long").status(), Status::ERROR_TOO_LONG);
}

#[test]
fn where_json_ends_too_early() {
    let place_of = |text: &str| place(&json::parse(text.as_bytes()).expect_err(text));
    // A closing quote is missing: its line ends there.
    assert_eq!(place_of("{\n\"a\": 1,\n\"b\": \"no end,\n\"c\": 2\n}"), (23, 3, 14));
    assert_eq!(place_of("{\n\"a\": 1,\n\"b\": \"no end,\r\n\"c\": 2\r\n}"), (23, 3, 14));
    assert_eq!(place_of("{\"a\": tru\n}"), (9, 1, 10));
    assert_eq!(place_of("{\"a\": -\n}"), (7, 1, 8));
    // Behind the last byte, whether or not a line ends with it.
    assert_eq!(place_of("{\n\"a\": 1"), (8, 2, 7));
    assert_eq!(place_of("{\n\"a\": nul"), (10, 2, 9));
    assert_eq!(place_of("{\n\"a"), (4, 2, 3));
    assert_eq!(place_of("{\"a\": 1\n"), (8, 2, 1));
    assert_eq!(place_of("\u{feff}["), (4, 1, 2));
    assert_eq!(place_of(""), (0, 1, 1));
    assert_eq!(place_of("\u{feff}"), (3, 1, 1));
}

#[test]
fn escapes_that_stand_for_nothing() {
    for (text, offset) in [
        (r#"["\\", "\x"]"#, 8),
        (r#"["ab\"]"#, 7),
        (r#"["\u12g4"]"#, 2),
        (r#"["\u+123"]"#, 2),
        (r#"["\ud83d\ude00\ud83d"]"#, 14),
        (r#"["\ud83d\n"]"#, 2),
        (r#"["\ud83d\ud83d"]"#, 2),
        (r#"["\\ud800", "a\\\udc00"]"#, 16),
        (r#"{"a": 1, "\q": 2}"#, 10),
    ] {
        let error = json::parse(text.as_bytes()).expect_err(text);
        assert_eq!((error.status(), place(&error).0), (Status::ERROR_JSON, offset), "{text}: {error}");
    }
}

#[test]
fn members_know_their_place() {
    let text =
        r#"{"a": "\"x\"", "\u0062": ["\\", "{\"", "plain"], "\"c\\": {"d": 1e400, "\n": 1}, "e": "", "\t": "\t"}"#;
    fn check(object: &Object<'_>, text: &str, seen: &mut Vec<String>) {
        for member in object.members() {
            let mut reader = serde_json::Deserializer::from_str(&text[member.offset as usize..]).into_iter::<String>();
            let key = reader.next().expect("a key").expect("a text");
            assert_eq!(key, *member.key);
            seen.push(key);
            if let Json::Object(object) = &member.value {
                check(object, text, seen);
            }
        }
    }
    for text in [text.to_owned(), format!("\u{feff}{text}")] {
        let value = json::parse(text.as_bytes()).expect("an object");
        let mut seen = Vec::new();
        check(value.as_object().expect("an object"), &text, &mut seen);
        assert_eq!(seen, ["a", "b", "\"c\\", "d", "\n", "e", "\t"]);
    }
    let error = refused("{\"name\":\"A\",\n\"properties\":{\n\"x\":\"number\",\n\"caf\\u00e9\":30000}}");
    assert_eq!((place(&error).1, place(&error).2), (4, 1));
}

#[test]
fn what_is_false_to_javascript_is_not_there() {
    let whole = parsed(r#"{"name":"A","strict":true,"properties":{"a":"string"}}"#);
    for falsy in ["false", "null", "0", "-0.0", "\"\""] {
        let text =
            format!(r#"{{"name":"A","strict":true,"base":{falsy},"options":{falsy},"properties":{{"a":"string"}}}}"#);
        assert_eq!(*parsed(&text), *whole, "{falsy}");
        assert_eq!(types(&parsed(&format!(r#"{{"name":"A","properties":{falsy}}}"#))), [""; 0], "{falsy}");
    }
    for member in ["base", "options", "properties"] {
        for value in ["true", "1", "[]", "{}", "\"x\""] {
            let fits = matches!((member, value), ("base", "\"x\"") | ("options" | "properties", "{}"));
            let text = format!(r#"{{"name":"A","{member}":{value},"other":{{}}}}"#);
            let draft = Draft::read(text.as_bytes(), None, false);
            assert_eq!(draft.is_ok(), fits, "{text}");
            if let Err(error) = draft {
                assert_eq!((error.status(), place(&error)), (Status::ERROR_SCHEMA, (12, 1, 13)), "{text}");
            }
        }
    }
}

#[test]
fn the_rest_of_a_definition_is_used() {
    let text = br#"{"name":"A","options":[],"base":5,"properties":"x","plural":"As"}"#;
    let draft = Draft::read(text, None, true).expect("a draft");
    let messages: Vec<_> = draft.problems().iter().map(Error::message).collect();
    assert_eq!(
        messages,
        [
            "model \"A\": \"options\" is an array; it must be an object",
            "model \"A\": \"base\" is a number; it must be the name of a model",
            "model \"A\": \"properties\" is a string; it must be an object",
        ]
    );
    assert_eq!(draft.problems().iter().map(|error| place(error).0).collect::<Vec<_>>(), [12, 25, 34]);
    let schema = draft.build(None).expect("a schema");
    assert_eq!((schema.base_name(), schema.settings()), (Some("PersistedModel"), r#"{"plural":"As"}"#));

    let text = br#"{"name":"A","base":"Model","options":{"base":true,"x":1},"properties":{"a":"any"}}"#;
    let draft = Draft::read(text, None, true).expect("a draft");
    assert_eq!(draft.problems().iter().map(|error| place(error).0).collect::<Vec<_>>(), [38]);
    let schema = draft.build(None).expect("a schema");
    assert_eq!((schema.base_name(), schema.settings()), (Some("Model"), r#"{"x":1}"#));
    assert_eq!(types(&schema), ["a: any"]);
}

#[test]
fn json_nests_to_a_limit() {
    let nested = |levels: u32| {
        let (open, close) = ("[".repeat(levels as usize - 1), "]".repeat(levels as usize - 1));
        format!("{{\"name\":\"A\",\n\"x\":{open}{close}}}")
    };
    parsed(&nested(json::MAX_JSON_DEPTH));
    let error = refused(&nested(json::MAX_JSON_DEPTH + 1));
    assert_eq!(error.status(), Status::ERROR_TOO_DEEP);
    assert!(error.message().contains("arrays and objects") && error.message().contains("limit of 127"), "{error}");
    assert_eq!((place(&error).1, place(&error).2), (2, 4 + json::MAX_JSON_DEPTH));
}

#[test]
fn numbers_are_exact() {
    let text = r#"[18446744073709551615,18446744073709551616,-9223372036854775809,1e400,-0,0.10,1e+2,5E-3,123456789012345678901234567890.5]"#;
    let value = json::parse(text.as_bytes()).expect("numbers");
    assert_eq!(value.to_text().expect("text"), text.replace('E', "e").replace("e+", "e"));
    // Each alone: where one is unusual, all of the text is read in another way.
    for number in text.trim_matches(['[', ']']).split(',') {
        let value = json::parse(number.as_bytes()).expect("a number");
        assert_eq!(value.to_text().expect("text"), number.replace('E', "e").replace("e+", "e"));
    }
    let schema = with_properties(r#"{"a":{"type":"number","default":1e400,"max":18446744073709551616}}"#);
    let attributes = schema.property("a").expect("a").property().attributes.to_text().expect("text");
    assert_eq!(attributes, r#"{"default":1e400,"max":18446744073709551616}"#);
    let other = with_properties(r#"{"a":{"type":"number","default":1e400,"max":18446744073709551617}}"#);
    assert_ne!(schema.fingerprint(), other.fingerprint());
    assert!(!schema.same_structure(&other));
}

#[test]
fn the_parser_s_private_key_is_an_ordinary_one() {
    for text in [
        r#"{"$serde_json::private::Number":"5"}"#,
        r#"{"$serde_json::private::Number":1e400}"#,
        r#"{"$serde_json::private::Number":5,"a":6}"#,
        r#"[{"\u0024serde_json::private::Number":"5"}]"#,
    ] {
        let value = json::parse(text.as_bytes()).expect("an object");
        assert_eq!(value.to_text().expect("text"), text.replace("\\u0024", "$"));
    }
}

#[test]
fn equal_keys() {
    let value = json::parse(br#"{"a":1,"b":2,"a":3,"c":4,"b":5,"a":6}"#).expect("an object");
    assert_eq!(value.to_text().expect("text"), r#"{"a":6,"b":5,"c":4}"#);
    assert_eq!(value.as_object().and_then(|object| object.member("a")).map(|member| member.offset), Some(31));

    let mut text = String::from("{");
    let mut expected = String::from("{");
    for round in 0..3 {
        for key in 0..100 {
            text += &format!("\"k{key}\":{round},");
            if round == 2 {
                expected += &format!("\"k{key}\":2,");
            }
        }
    }
    text += "\"last\":0}";
    expected += "\"last\":0}";
    let value = json::parse(text.as_bytes()).expect("an object");
    assert_eq!(value.to_text().expect("text"), expected);

    let schema = with_properties(r#"{"a":"string","b":"string","a":"number"}"#);
    assert_eq!(types(&schema), ["a: number", "b: string"]);
    assert_eq!(schema.counts().own_declared, 2);
}

#[test]
fn many_names_keep_their_order_and_are_found() {
    for shape in ["name", "", "a-rather-long-common-beginning-"] {
        let names: Vec<_> = (0..500u32).map(|n| format!("{shape}{}", n.wrapping_mul(2_654_435_761) % 10_007)).collect();
        let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":\"string\"")).collect();
        let schema = with_properties(&format!("{{{}}}", members.join(",")));
        assert!(schema.properties().map(|property| property.name.to_string()).eq(names.iter().cloned()));
        assert!(names.iter().all(|name| schema.property(name).is_some_and(|property| *property.name == **name)));
        let reversed: Vec<_> = members.into_iter().rev().collect();
        assert!(schema.same_structure(&with_properties(&format!("{{{}}}", reversed.join(",")))));
    }
}

#[test]
fn text_is_escaped_on_the_way_back() {
    let text = r#"{"a\"\\\n\u0001é":"\u0000 \\ / \ud83d\ude00"}"#;
    let value = json::parse(text.as_bytes()).expect("an object");
    let again = value.to_text().expect("text");
    assert_eq!(again, "{\"a\\\"\\\\\\n\\u0001é\":\"\\u0000 \\\\ / 😀\"}");
    assert_eq!(json::parse(again.as_bytes()).expect("again"), value);
}

#[test]
fn byte_order_mark() {
    let schema = parsed("\u{feff}{\"name\":\"A\"}");
    assert_eq!(schema.name(), "A");
    let error = refused("\u{feff}{\"name\":\"A\",\"base\":\"B\"}");
    assert_eq!(place(&error), (15, 1, 13));
    assert_eq!(refused("\u{feff}\u{feff}{}").status(), Status::ERROR_JSON);
    assert_eq!(place(&refused("\u{feff}{,}")), (4, 1, 2));
}

#[test]
fn settings() {
    let schema = parsed(
        r#"{"name":"A","strict":"filter","plural":"As","base":"Model","x":1,"properties":{},
            "options":{"strict":true,"y":2,"base":"TransientModel","name":"n","options":{},"z":3}}"#,
    );
    assert_eq!(schema.base_name(), Some("TransientModel"));
    assert!(schema.strict());
    assert_eq!(schema.settings(), r#"{"strict":true,"plural":"As","x":1,"y":2,"z":3,"name":"n","options":{}}"#);
    let again = parsed(&schema.to_json().expect("text"));
    assert_eq!(*again, *schema);
    assert_eq!(again.heap_bytes(), schema.heap_bytes());

    assert!(!parsed(r#"{"name":"A","strict":"true"}"#).strict());
    assert!(!parsed(r#"{"name":"A","strict":1}"#).strict());
    assert!(!parsed(r#"{"name":"A","strict":true,"options":{"strict":"filter"}}"#).strict());
    assert!(parsed(r#"{"name":"A","anonymous":true}"#).anonymous());
    for absent in ["", r#","base":null"#, r#","base":"""#, r#","base":"Model","options":{"base":null}"#] {
        let schema = parsed(&format!(r#"{{"name":"A"{absent}}}"#));
        assert_eq!(schema.base_chain().collect::<Vec<_>>(), ["PersistedModel", "Model"]);
    }
    let named = Schema::parse(b"{}", &ParseOptions { default_name: Some("FromFile"), resolve_base: &none });
    assert_eq!(named.expect("a schema").name(), "FromFile");
}

#[test]
fn inheritance() {
    let base = parsed(
        r#"{"name":"Base","strict":true,"idInjection":false,
            "properties":{"a":"string","b":"number","c":{"type":"date","id":true},"d":"any"}}"#,
    );
    let resolve = |name: &str| (name == "Base").then(|| base.clone());
    let options = ParseOptions { default_name: None, resolve_base: &resolve };
    let text = br#"{"name":"Sub","base":"Base","properties":{"x":"string","b":["string"],"c":false,"gone":null,"e":{"n":{"m":"any"}}}}"#;
    let sub = Schema::parse(text, &options).expect("a schema");
    assert_eq!(types(&sub), ["a: string", "b: [string]", "d: any", "x: string", "e: {n: {m: any}}"]);
    let by: Vec<_> = sub.properties().map(|p| (p.inherited(), p.declared_by())).collect();
    assert_eq!(by, [(true, "Base"), (false, "Sub"), (true, "Base"), (false, "Sub"), (false, "Sub")]);
    assert!(sub.strict() && !sub.id_injection());
    assert_eq!(sub.base_chain().collect::<Vec<_>>(), ["Base", "PersistedModel", "Model"]);
    let counts = sub.counts();
    assert_eq!((counts.own_declared, counts.own, counts.inherited, counts.hidden, counts.nested), (5, 3, 2, 2, 2));
    assert_eq!(*Schema::parse(sub.to_json().expect("text").as_bytes(), &options).expect("again"), *sub);

    let sub = sub.clone();
    let resolve = |name: &str| (name == "Sub").then(|| sub.clone());
    let text = br#"{"name":"Third","base":"Sub","strict":null,"properties":{"a":false,"c":"string"}}"#;
    let third = Schema::parse(text, &ParseOptions { default_name: None, resolve_base: &resolve }).expect("a schema");
    assert_eq!(types(&third), ["b: [string]", "d: any", "x: string", "e: {n: {m: any}}", "c: string"]);
    assert_eq!(third.property("d").map(|p| p.declared_by()), Some("Base"));
    assert!(third.property("a").is_none());
    assert!(!third.strict());

    let alone = Schema::parse_without_base(text, None).expect("a schema");
    assert_eq!(types(&alone), ["c: string"]);
    assert_eq!(alone.base_chain().collect::<Vec<_>>(), ["Sub"]);
}

#[test]
fn own_name_as_base_is_the_built_in() {
    let other = parsed(r#"{"name":"User","properties":{"mine":"string"}}"#);
    let resolve = |_: &str| Some(other.clone());
    let options = ParseOptions { default_name: None, resolve_base: &resolve };
    let user = Schema::parse(br#"{"name":"User","base":"User"}"#, &options).expect("a schema");
    assert!(user.property("mine").is_none());
    assert!(user.property("password").expect("password").required);
    assert_eq!(user.base_chain().collect::<Vec<_>>(), ["User", "PersistedModel", "Model"]);
    let mine = Schema::parse(br#"{"name":"Mine","base":"User"}"#, &options).expect("a schema");
    assert!(mine.property("mine").is_some());
}

#[test]
fn id_injection() {
    for (text, injects) in [
        (r#"{"name":"A"}"#, true),
        (r#"{"name":"A","base":"User"}"#, true),
        (r#"{"name":"A","base":"Model"}"#, false),
        (r#"{"name":"A","base":"Model","idInjection":true}"#, true),
        (r#"{"name":"A","idInjection":false}"#, false),
        (r#"{"name":"A","options":{"idInjection":false}}"#, false),
    ] {
        assert_eq!(parsed(text).id_injection(), injects, "{text}");
    }
}

#[test]
fn depth_is_limited() {
    let levels = MAX_TYPE_DEPTH as usize;
    let arrays = |levels: usize| format!(r#"{{"a":{}"string"{}}}"#, "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!(r#"{{"a":{}"string"{}}}"#, r#"{"b":"#.repeat(levels), "}".repeat(levels));
    for properties in [arrays(levels), objects(levels)] {
        let schema = with_properties(&properties);
        assert_eq!(schema.structure_depth(), MAX_TYPE_DEPTH);
        assert_eq!(*parsed(&schema.to_json().expect("text")), *schema);
    }
    for properties in [arrays(levels + 1), objects(levels + 1)] {
        let error = refused(&format!(r#"{{"name":"A","properties":{properties}}}"#));
        assert_eq!(error.status(), Status::ERROR_TOO_DEEP);
    }
    let mut base = parsed(r#"{"name":"M"}"#);
    let next = |base: &Arc<Schema>| {
        let resolve = |_: &str| Some(base.clone());
        let text = br#"{"name":"N","base":"M","properties":{"a":"string"}}"#;
        Schema::parse(text, &ParseOptions { default_name: None, resolve_base: &resolve })
    };
    for _ in 0..MAX_BASE_DEPTH - 2 {
        base = next(&base).expect("not too deep");
    }
    assert_eq!(base.base_chain().count() as u32, MAX_BASE_DEPTH);
    assert_eq!(next(&base).expect_err("too deep").status(), Status::ERROR_TOO_DEEP);
}

#[test]
fn structures() {
    let same = [
        [r#"{"name":"string"}"#, r#"{"name":{"type":"String"}}"#],
        [r#"{"a":"string","b":"number"}"#, r#"{"b":"number","a":"string"}"#],
        [r#"{"a":{"type":"number","default":1,"max":2}}"#, r#"{"a":{"max":2.0,"type":"number","default":10e-1}}"#],
        [r#"{"a":["string"]}"#, r#"{"a":[{"type":"STRING","x":1},"number"]}"#],
        [r#"{"a":{"b":"string","c":"any"}}"#, r#"{"a":{"type":{"c":"any","b":{"type":"string"}}}}"#],
        [r#"{"a":"string"}"#, r#"{"a":"string","b":false}"#],
        [r#"{"a":{"type":"string","x":{"b":1,"c":[]}}}"#, r#"{"a":{"type":"string","x":{"c":[],"b":1}}}"#],
    ];
    for [a, b] in same {
        let (left, right) = (with_properties(a), with_properties(b));
        assert_eq!(left.fingerprint(), right.fingerprint(), "{a} {b}");
        assert!(left.same_structure(&right) && right.same_structure(&left), "{a} {b}");
    }
    let different = [
        r#"{"a":"string"}"#,
        r#"{"a":"number"}"#,
        r#"{"b":"string"}"#,
        r#"{"a":"Order"}"#,
        r#"{"a":"order"}"#,
        r#"{"a":["string"]}"#,
        r#"{"a":[["string"]]}"#,
        r#"{"a":[]}"#,
        r#"{"a":"array"}"#,
        r#"{"a":{}}"#,
        r#"{"a":"object"}"#,
        r#"{"a":[{}]}"#,
        r#"{"a":{"b":"string"}}"#,
        r#"{"a":{"b":{"type":"string","x":1}}}"#,
        r#"{"a":{"type":"string","required":true}}"#,
        r#"{"a":{"type":"string","required":"true"}}"#,
        r#"{"a":{"type":"string","required":false}}"#,
        r#"{"a":{"type":"string","x":null}}"#,
        r#"{"a":{"type":"string","x":0}}"#,
        r#"{"a":{"type":"string","x":-1}}"#,
        r#"{"a":{"type":"string","x":1}}"#,
        r#"{"a":{"type":"string","x":10}}"#,
        r#"{"a":{"type":"string","x":"1"}}"#,
        r#"{"a":{"type":"string","x":[1]}}"#,
        r#"{"a":{"type":"string","x":[]}}"#,
        r#"{"a":{"type":"string","x":[1,2]}}"#,
        r#"{"a":{"type":"string","x":[2,1]}}"#,
        r#"{"a":{"type":"string","x":{}}}"#,
        r#"{"a":{"type":"string","x":{"y":1}}}"#,
        r#"{"a":{"type":"string","y":1}}"#,
        r#"{"a":"string","ab":"string"}"#,
        r#"{"a":"string","b":"string"}"#,
    ];
    let schemas: Vec<_> = different.iter().map(|text| with_properties(text)).collect();
    for (i, left) in schemas.iter().enumerate() {
        for (j, right) in schemas.iter().enumerate() {
            assert_eq!(left.same_structure(right), i == j, "{} {}", different[i], different[j]);
            assert_eq!(left.fingerprint() == right.fingerprint(), i == j, "{} {}", different[i], different[j]);
        }
    }
    assert!(with_properties(r#"{"a":"string"}"#).has_structure());
    let empty = with_properties("{}");
    assert!(!empty.has_structure());
    assert_eq!(empty.fingerprint(), parsed(r#"{"name":"B","properties":{"a":false}}"#).fingerprint());
}

#[test]
fn many_attributes_compare_in_any_order() {
    let attributes = |order: &mut dyn Iterator<Item = u32>| {
        let members: Vec<_> = order.map(|n| format!("\"k{n}\":{n}")).collect();
        with_properties(&format!(r#"{{"a":{{"type":"string",{}}}}}"#, members.join(",")))
    };
    let (up, down) = (attributes(&mut (0..500)), attributes(&mut (0..500).rev()));
    assert!(up.same_structure(&down));
    assert_eq!(up.fingerprint(), down.fingerprint());
    assert!(!up.same_structure(&attributes(&mut (1..501))));
}

#[test]
fn kind_and_depth_of_structures() {
    for (properties, kind, depth) in [
        ("{}", StructureKind::Simple, 0),
        (r#"{"a":"string","b":{"type":"Order","required":true}}"#, StructureKind::Simple, 0),
        (r#"{"a":["string"]}"#, StructureKind::Complex, 1),
        (r#"{"a":{"b":"string"}}"#, StructureKind::Complex, 1),
        (r#"{"a":[{"b":["string"]}],"c":"any"}"#, StructureKind::Complex, 3),
    ] {
        let schema = with_properties(properties);
        assert_eq!((schema.structure_kind(), schema.structure_depth()), (kind, depth), "{properties}");
    }
    let kind = |text: &str| StructureKind::of(&json::parse(text.as_bytes()).expect("JSON"));
    assert_eq!(kind("[]"), StructureKind::Array);
    assert_eq!(kind("5"), StructureKind::Invalid);
    assert_eq!(kind("{\"a\":1}"), StructureKind::Simple);
    assert_eq!(kind("{\"a\":{}}"), StructureKind::Complex);
}

#[test]
fn schemas_are_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&parsed(r#"{"name":"A"}"#));
}

/// The definitions that were collected from public applications, where they are present.
fn data(test: &str) -> Option<PathBuf> {
    let dir = match std::env::var_os("MODELREG_SHARED_DATA") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let apps = dir.join("loopback-apps");
    if apps.is_dir() {
        return Some(apps);
    }
    println!("skipped: {test} because {} is absent", apps.display());
    None
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

#[test]
fn every_collected_definition_survives_the_way_back() {
    let Some(apps) = data("every_collected_definition_survives_the_way_back") else { return };
    let mut count = 0;
    for app in std::fs::read_dir(apps).expect("a directory").map(|entry| entry.expect("entry").path()) {
        let models = app.join("models");
        if !models.is_dir() {
            continue;
        }
        for file in files(&models) {
            let input = std::fs::read(&file).expect("a file");
            let standing_in = builtin::get("User");
            let resolve = |name: &str| if builtin::get(name).is_some() { None } else { standing_in.clone() };
            let options = ParseOptions { default_name: Some("FromFile"), resolve_base: &resolve };
            let schema = Schema::parse(&input, &options).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            let text = schema.to_json().expect("text");
            let again = Schema::parse(text.as_bytes(), &options).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            assert_eq!(*again, *schema, "{}", file.display());
            assert_eq!(again.fingerprint(), schema.fingerprint(), "{}", file.display());
            assert!(again.same_structure(&schema));
            assert_eq!(again.heap_bytes(), schema.heap_bytes(), "{}", file.display());
            assert_eq!(again.counts(), schema.counts(), "{}", file.display());

            let value = json::parse(&input).expect("JSON");
            assert_eq!(json::parse(value.to_text().expect("text").as_bytes()).expect("JSON"), value);
            count += 1;
        }
    }
    assert_eq!(count, 270);
}

#[test]
fn built_in_models_are_those_of_the_library() {
    let mut roots: Vec<_> =
        builtin::names().filter(|name| builtin::get(name).is_some_and(|m| m.base().is_none())).collect();
    assert_eq!(roots, ["Model"]);
    roots =
        builtin::names().filter(|name| builtin::get(name).is_some_and(|m| m.base_name() == Some("Model"))).collect();
    assert_eq!(roots, ["PersistedModel", "TransientModel", "KeyValueModel", "Email"]);
    assert!(builtin::get("user").is_none());

    let Some(apps) = data("built_in_models_are_those_of_the_library") else { return };
    let mut checked = 0;
    for file in files(&apps.join("loopback-builtin/models")) {
        let schema = Schema::parse(
            &std::fs::read(&file).expect("a file"),
            &ParseOptions { default_name: None, resolve_base: &none },
        )
        .expect("a schema");
        let ours = builtin::get(schema.name()).unwrap_or_else(|| panic!("{} is missing", schema.name()));
        assert_eq!(ours.base_name(), schema.base_name(), "{}", schema.name());
        assert_eq!(ours.counts(), schema.counts(), "{}", schema.name());
        assert_eq!(ours.id_injection(), schema.id_injection(), "{}", schema.name());
        for (ours, theirs) in ours.properties().zip(schema.properties()) {
            assert_eq!(ours.name, theirs.name, "{}", schema.name());
            assert_eq!(type_text(&ours.ty).ok(), type_text(&theirs.ty).ok(), "{}.{}", schema.name(), ours.name);
            let attributes = |property: &modelreg::schema::Property| -> BTreeMap<String, String> {
                let kept = property.attributes.members().iter().filter(|member| &*member.key != "description");
                kept.map(|member| (member.key.to_string(), member.value.to_text().expect("text"))).collect()
            };
            assert_eq!(attributes(&ours), attributes(&theirs), "{}.{}", schema.name(), ours.name);
            assert_eq!((ours.id, ours.required), (theirs.id, theirs.required), "{}.{}", schema.name(), ours.name);
        }
        checked += 1;
    }
    assert_eq!(checked, builtin::names().len() - 3);
}

#[test]
fn objects_are_equal_in_any_order() {
    fn read(text: &str) -> Json<'_> {
        json::parse(text.as_bytes()).expect("JSON")
    }
    assert_eq!(read(r#"{"a":1,"b":[2,{}]}"#), read(r#"{"b":[2.0,{}],"a":1}"#));
    assert_ne!(read(r#"{"a":1}"#), read(r#"{"a":"1"}"#));
    assert_ne!(read("[1,2]"), read("[2,1]"));
    assert!(matches!(read("null"), Json::Null));
}
