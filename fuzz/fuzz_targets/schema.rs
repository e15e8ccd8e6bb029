//! Model definitions: whatever the bytes are, the answer is a status of those that the header names, with a place that
//! is in the input; and what is accepted can be read, written, and read back as an equal schema.
//!
//! The first byte chooses the options, the rest is the definition.

#![no_main]

#[path = "../../tests/support_c_api/mod.rs"]
mod support_c_api;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use modelreg::capi::{
    MREG_STRUCTURE_ARRAY, MREG_STRUCTURE_INVALID, mreg_error, mreg_schema_info, mreg_schema_options, mreg_status,
};
use serde_json::Value;
use support_c_api::*;

const SCHEMA: i32 = 31;
const TOO_DEEP: i32 = 32;
const UNKNOWN_BASE: i32 = 33;

/// The schemas among which a base is looked for, where the first byte says so.
static BASES: LazyLock<[u64; 2]> = LazyLock::new(|| {
    [
        schema(r#"{"name": "Base", "properties": {"a": "string", "b": {"c": ["number"]}}, "hidden": ["a"]}"#),
        schema(
            r#"{"name": "Strict", "base": "Model", "strict": true, "properties": {"id": {"type": "x", "id": true}}}"#,
        ),
    ]
});

fn parse(json: &[u8], choice: u8) -> (mreg_status, mreg_error, u64) {
    let mut options = made::<mreg_schema_options>(capi::mreg_schema_options_init);
    if choice & 1 != 0 {
        options.default_name = text("NoName");
    }
    if choice & 2 != 0 {
        (options.bases, options.base_count) = (BASES.as_ptr(), BASES.len());
    }
    let options = if choice & 4 != 0 { &raw const options } else { std::ptr::null() };
    let (mut error, mut schema) = (fresh_error(), u64::MAX);
    // SAFETY: the bytes, the options and the places for results live through the call.
    let status = unsafe { capi::mreg_schema_parse(json.as_ptr().cast(), json.len(), options, &mut schema, &mut error) };
    (status, error, schema)
}

/// Line and column of a byte, counted anew.
fn place(json: &[u8], offset: usize) -> (u32, u32) {
    let mark = if json.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let before = &json[..offset];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(mark, |at| at + 1);
    (line as u32, (offset.saturating_sub(begin) + 1) as u32)
}

fn check_error(json: &[u8], status: mreg_status, error: &mreg_error) {
    outcome(status, error).expect_err("it is an error");
    let known = [JSON, SCHEMA, TOO_DEEP, UNKNOWN_BASE, INVALID_UTF8, INVALID_NAME, TOO_LONG];
    assert!(known.contains(&status), "status {status} of {:?}", text_of(&error.message));
    text_of(&error.name);
    if error.line == 0 {
        assert!(status != JSON && status != INVALID_UTF8 && status != SCHEMA, "an error without a place");
        return;
    }
    let offset = usize::try_from(error.offset).expect("an offset in memory");
    assert!(offset <= json.len(), "the place is not in the input");
    assert_eq!((error.line, error.column), place(json, offset), "offset {offset}, {:?}", text_of(&error.message));
    match std::str::from_utf8(json) {
        Err(bad) => assert_eq!((status, offset), (INVALID_UTF8, bad.valid_up_to())),
        Ok(_) => assert_ne!(status, INVALID_UTF8),
    }
}

/// What another reader says of the same text.
fn check_against_other_reader(json: &[u8], status: mreg_status, kind: mreg_status) {
    let text = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    // The other reader has a name of its own for numbers, and takes a member of that name for one.
    if std::str::from_utf8(json).is_err()
        || text.windows(14).any(|part| part == b"$serde_json::p")
        || text.contains(&b'\\')
    {
        return;
    }
    match serde_json::from_slice::<Value>(text) {
        Ok(_) => assert!(status != JSON && kind == OK, "{status} and {kind} for what is JSON"),
        Err(error) if error.to_string().starts_with("recursion") => assert_eq!((status, kind), (TOO_DEEP, TOO_DEEP)),
        Err(error) => assert_eq!((status, kind), (JSON, JSON), "{error}"),
    }
}

fn classify(json: &[u8]) -> mreg_status {
    let (mut error, mut kind, mut depth) = (fresh_error(), u32::MAX, u32::MAX);
    // SAFETY: the bytes and the places for results live through the call.
    let status =
        unsafe { capi::mreg_schema_classify(json.as_ptr().cast(), json.len(), &mut kind, &mut depth, &mut error) };
    if status != OK {
        check_error(json, status, &error);
        assert_eq!((kind, depth), (0, 0));
        return status;
    }
    let first = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json).trim_ascii_start().first();
    match first {
        Some(b'[') => assert_eq!(kind, MREG_STRUCTURE_ARRAY),
        Some(b'{') => assert!(kind < MREG_STRUCTURE_ARRAY),
        _ => assert_eq!((kind, depth), (MREG_STRUCTURE_INVALID, 0)),
    }
    status
}

fn info(schema: u64) -> mreg_schema_info {
    let mut info = made::<mreg_schema_info>(capi::mreg_schema_info_init);
    call!(mreg_schema_get_info(schema, &mut info)).expect("a schema");
    info
}

type GetText = unsafe extern "C" fn(u64, *mut std::ffi::c_char, usize, *mut usize, *mut mreg_error) -> mreg_status;

fn read(schema: u64, get: GetText) -> String {
    read_text(|buffer, capacity, length| {
        let mut error = fresh_error();
        // SAFETY: `read_text` gives room for as much as it says.
        let status = unsafe { get(schema, buffer, capacity, length, &mut error) };
        outcome(status, &error)
    })
    .expect("a text")
}

fn check_object(text: &str) {
    if text.contains("$serde_json::p") {
        return;
    }
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text:?} is no JSON: {error}"));
    assert!(value.is_object(), "{text:?}");
}

/// All that can be asked of a schema.
fn describe(schema: u64) -> Vec<String> {
    let about = info(schema);
    assert_eq!(about.properties, about.own + about.inherited);
    assert!(about.declared >= about.own && about.declared >= about.hidden);
    let settings = read(schema, capi::mreg_schema_settings);
    check_object(&settings);
    let mut all = vec![read(schema, capi::mreg_schema_name), read(schema, capi::mreg_schema_base), settings];
    assert!(!all[0].is_empty() && all[0].len() <= 4096 && !all[0].chars().any(char::is_control), "{:?}", all[0]);
    let counts = [about.own, about.inherited, about.declared, about.hidden, about.nested];
    let flags = [about.structure_kind, about.structure_depth, about.strict, about.id_injection, about.has_structure];
    all.push(format!("{counts:?} {flags:?} {:?}", about.fingerprint));
    for at in 0..usize::try_from(about.properties).expect("a count of things in memory") {
        let mut flags = u32::MAX;
        call!(mreg_schema_property_flags(schema, at, &mut flags)).expect("flags");
        let name = read_text(|b, c, l| call!(mreg_schema_property_name(schema, at, b, c, l))).expect("a name");
        let kind = read_text(|b, c, l| call!(mreg_schema_property_type(schema, at, b, c, l))).expect("a type");
        let rest =
            read_text(|b, c, l| call!(mreg_schema_property_attributes(schema, at, b, c, l))).expect("attributes");
        check_object(&rest);
        all.push(format!("{flags} {name:?} {kind:?} {rest}"));
    }
    let mut flags = 0;
    let past = call!(mreg_schema_property_flags(schema, about.properties as usize, &mut flags));
    assert_eq!(code(past), INVALID_ARGUMENT);
    all
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, json)) = data.split_first() else { return };
    let (status, error, schema) = parse(json, *choice);
    let kind = classify(json);
    check_against_other_reader(json, status, kind);
    if status != OK {
        assert_eq!(schema, 0);
        check_error(json, status, &error);
        return;
    }
    let described = describe(schema);
    let written = read(schema, capi::mreg_schema_to_json);
    check_object(&written);
    let (status, error, again) = parse(written.as_bytes(), *choice);
    assert_eq!(status, OK, "{written:?} does not read back: {}", text_of(&error.message));
    assert!(same_structure(schema, again) && same_structure(again, schema), "{written:?} has another structure");
    assert_eq!(described, describe(again), "{written:?}");
    assert_eq!(written, read(again, capi::mreg_schema_to_json));
    free_schema(schema).expect("a schema is freed");
    free_schema(again).expect("a schema is freed");
    assert_eq!(code(free_schema(schema)), STALE_HANDLE);
});
