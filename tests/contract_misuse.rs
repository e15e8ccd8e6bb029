//! Every function with every wrong text, length, buffer, position, number and option, taken from the header itself: a function
//! or a field that is new there is tried here as well. A call that fails says what is wrong, and changes nothing.

mod support_c_api;

use std::collections::BTreeMap;

use support_c_api::arguments::{Arguments, Fixture, finds_nothing, functions, struct_size};
use support_c_api::state::state_of;
use support_c_api::table::{Call, Declared, Field, Parameter, fields};
use support_c_api::*;

/// Calls; gives the status and what was said, having checked that a failing call has changed nothing.
#[track_caller]
fn try_call(call: Call, function: &Declared, arguments: &Arguments, fixture: &Fixture) -> (i32, Option<Failure>) {
    let state = || state_of(fixture.registry.0, &[fixture.owner, fixture.source], &[fixture.model]);
    state();
    let before = state();
    let mut error = fresh_error();
    let status = call(&arguments.values, &mut error);
    let failure = outcome(status, &error).err();
    if let Some(failure) = &failure {
        let known = !matches!(failure.code, 21..=23);
        assert!(known && failure.message.len() > 10, "{}: {failure:?}", function.name);
        assert_eq!(state(), before, "{} changes nothing: {failure:?}", function.name);
    }
    (status, failure)
}

/// The positions of texts: of each its pointer, with its length behind it.
fn texts(function: &Declared) -> Vec<usize> {
    let pairs = function.parameters.windows(2).enumerate();
    let is_text = |pair: &[Parameter]| pair[0].kind == "const char *" && pair[1].kind == "size_t";
    pairs.filter(|(_, pair)| is_text(pair)).map(|(at, _)| at).collect()
}

/// The options of a function that has them: where they are, and their fields.
fn options<'a>(function: &Declared, all: &'a BTreeMap<String, Vec<Field>>) -> Option<(usize, &'a [Field])> {
    function.parameters.iter().enumerate().find_map(|(at, parameter)| {
        let name = parameter.kind.strip_prefix("const ")?.strip_suffix(" *")?;
        Some((at, all.get(name)?.as_slice()))
    })
}

/// A text as it is handed in, what has to come of it, and what it is.
type Wrong<'a> = (u64, u64, &'a [i32], &'a str);

/// Texts that every function has to refuse.
fn wrong_texts() -> Vec<Wrong<'static>> {
    let text = |text: &'static [u8]| (text.as_ptr().expose_provenance() as u64, text.len() as u64);
    let (start, _) = text(b"User");
    let mut wrong: Vec<Wrong<'static>> = vec![
        (0, 1, &[NULL_POINTER], "NULL and 1"),
        (0, u64::MAX, &[NULL_POINTER], "NULL and MREG_NUL_TERMINATED"),
        (0, u64::MAX / 2 + 1, &[NULL_POINTER, TOO_LONG], "NULL and PTRDIFF_MAX + 1"),
        (start, u64::MAX - 1, &[TOO_LONG], "SIZE_MAX - 1"),
        (start, u64::MAX / 2 + 1, &[TOO_LONG], "PTRDIFF_MAX + 1"),
        (start, u64::MAX / 2, &[TOO_LONG], "PTRDIFF_MAX"),
        (start, (64 << 20) + 1, &[TOO_LONG], "a byte more than the limit"),
    ];
    for bytes in [&b"\xff"[..], b"User\xc3", b"a\xed\xa0\x80", b"\xf5\x80\x80\x80"] {
        let (start, length) = text(bytes);
        wrong.push((start, length, &[INVALID_UTF8], "invalid UTF-8"));
    }
    wrong
}

/// Calls with each text of the function in turn, also those in its options.
fn with_each_text(values: &[Wrong<'_>], check: impl Fn(&str, &Wrong<'_>, i32, Option<Failure>)) -> usize {
    let (all, mut tried) = (fields(), 0);
    for (function, call) in functions() {
        for wrong in values {
            for at in texts(&function) {
                let fixture = Fixture::new();
                let mut arguments = Arguments::good(&fixture, &function);
                (arguments.values[at], arguments.values[at + 1]) = (wrong.0, wrong.1);
                let (status, failure) = try_call(call, &function, &arguments, &fixture);
                check(&format!("{}: {}", function.name, function.parameters[at].name), wrong, status, failure);
                tried += 1;
            }
            let Some((at, fields)) = options(&function, &all) else { continue };
            for field in fields.iter().filter(|field| field.kind == "mreg_text") {
                let fixture = Fixture::new();
                let mut arguments = Arguments::good(&fixture, &function);
                (arguments.memory[at][field.offset / 8], arguments.memory[at][field.offset / 8 + 1]) =
                    (wrong.0, wrong.1);
                let (status, failure) = try_call(call, &function, &arguments, &fixture);
                check(&format!("{}: options.{}", function.name, field.name), wrong, status, failure);
                tried += 1;
            }
        }
    }
    tried
}

#[test]
fn every_wrong_text_for_every_text() {
    let wrong = wrong_texts();
    let tried = with_each_text(&wrong, |place, (_, _, expected, what), status, failure| {
        assert!(expected.contains(&status), "{place}: {what}: {status}");
        let name = place.rsplit([' ', '.']).next().expect("a name");
        let failure = failure.expect("a failure");
        // Of JSON it is the place that counts.
        let named = failure.message.contains(name) || failure.message.contains("line 1");
        assert!(named, "{place}: {what}: {:?} names what is wrong", failure.message);
    });
    assert!(tried > 400, "{tried}");
}

#[test]
fn null_and_zero_is_the_empty_text_everywhere() {
    let empty = b"x".as_ptr().expose_provenance() as u64;
    let statuses = std::cell::RefCell::new(BTreeMap::<String, Vec<(i32, Option<String>)>>::new());
    with_each_text(&[(0, 0, &[], "NULL and 0"), (empty, 0, &[], "empty")], |place, _, status, failure| {
        let message = failure.map(|failure| failure.message);
        assert_ne!(status, NULL_POINTER, "{place}");
        statuses.borrow_mut().entry(place.to_owned()).or_default().push((status, message));
    });
    for (place, both) in statuses.into_inner() {
        assert_eq!(both[0], both[1], "{place}");
    }
}

#[test]
fn nul_and_control_characters_are_found_by_nobody_and_put_nowhere() {
    let texts: [&[u8]; 4] = [b"a\0b", b"\x01", b"a\x1f", "a\u{85}".as_bytes()];
    let wrong: Vec<Wrong<'_>> = texts
        .iter()
        .map(|text| (text.as_ptr().expose_provenance() as u64, text.len() as u64, &[][..], "a control character"))
        .collect();
    with_each_text(&wrong, |place, wrong, status, failure| {
        if status != OK {
            return;
        }
        // What only asks finds nothing; a URL and a path are the host's. Whatever makes or names something refuses.
        let makes = ["create", "register", "move", "set_current"];
        let makes = makes.iter().any(|verb| place.contains(verb)) && !place.ends_with("url");
        // Beside an owner the tenant does not count; a property may have any name that JSON can write.
        let makes = makes && place != "mreg_model_move: tenant" && !place.starts_with("mreg_builder_");
        assert!(!makes, "{place}: {wrong:?} was taken {failure:?}");
    });
}

/// The position of a buffer whose size the caller says; others have room for as many as are asked about.
fn sized_buffer(function: &Declared) -> Option<usize> {
    function.parameters.windows(2).position(|two| two[0].is_buffer() && two[1].name == "capacity")
}

/// Calls a function that writes into a buffer, with room for so many; gives the status, how many there are, and what was
/// written past the room.
fn with_room(function: &Declared, call: Call, room: u64) -> (i32, u64, bool) {
    let fixture = Fixture::new();
    let mut arguments = Arguments::good(&fixture, &function.clone());
    let buffer = sized_buffer(function).expect("a buffer");
    arguments.values[buffer + 1] = room;
    let (status, _) = try_call(call, function, &arguments, &fixture);
    let count = function.parameters.iter().position(|one| matches!(one.name.as_str(), "length" | "count"));
    let count = arguments.memory[count.expect("how many there are")][0];
    let size = if function.parameters[buffer].kind == "char *" { 1 } else { 8 };
    let bytes: Vec<u8> = arguments.memory[buffer].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let past = (room.min(4096) as usize * size).min(bytes.len());
    let ends = size > 1 || past == 0 || status != OK || bytes[..past].contains(&0);
    assert!(ends, "{}: a text of {count} bytes ends with a NUL in room for {room}", function.name);
    (status, count, bytes[past..].iter().any(|byte| *byte != 0xAA))
}

#[test]
fn every_buffer_one_too_small_as_it_should_be_and_one_too_large() {
    let mut tried = 0;
    for (function, call) in functions() {
        if sized_buffer(&function).is_none() {
            continue;
        }
        tried += 1;
        let (status, needed, past) = with_room(&function, call, 0);
        assert!(status == OK && !past, "{}: {status}", function.name);
        let most = (needed + 2).min(500);
        for room in 0..=most {
            let (status, again, past) = with_room(&function, call, room);
            assert_eq!((status, again, past), (OK, needed, false), "{}: room for {room}", function.name);
        }
        let is_text = function.parameters.iter().any(|one| one.name == "buffer");
        let absurd = if is_text { u64::MAX / 2 + 1 } else { u64::MAX / 16 + 1 };
        for room in [u64::MAX, u64::MAX - 1, absurd] {
            let (status, _, past) = with_room(&function, call, room);
            assert!(status == TOO_LONG && !past, "{}: room for {room}: {status}", function.name);
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn every_position_past_the_end() {
    let mut tried = 0;
    for (function, call) in functions() {
        let Some(at) = function.parameters.iter().position(|one| one.name == "position") else { continue };
        for position in [1 << 20, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX / 2 + 1, u64::MAX] {
            let fixture = Fixture::new();
            let mut arguments = Arguments::good(&fixture, &function);
            arguments.values[at] = position;
            let (status, _) = try_call(call, &function, &arguments, &fixture);
            assert_eq!(status, INVALID_ARGUMENT, "{}: {position}", function.name);
            assert_eq!(arguments.left(&function, at, "a position past the end"), Vec::<String>::new());
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn every_number_that_stands_for_nothing() {
    let (all, mut tried) = (fields(), 0);
    for (function, call) in functions() {
        for number in [3_u64, 0x8000_0000, 0xFFFF_FFFF] {
            for (at, parameter) in function.parameters.iter().enumerate().filter(|(_, one)| one.kind == "uint32_t") {
                let fixture = Fixture::new();
                let mut arguments = Arguments::good(&fixture, &function);
                arguments.values[at] = number;
                let (status, _) = try_call(call, &function, &arguments, &fixture);
                let is_level = parameter.name == "max_level" && number == 3;
                assert!(
                    if is_level { status == OK } else { matches!(status, OK | INVALID_ARGUMENT) },
                    "{}: {} {number:#x}: {status}",
                    function.name,
                    parameter.name
                );
                tried += 1;
            }
            let Some((at, fields)) = options(&function, &all) else { continue };
            for field in fields.iter().filter(|field| field.kind == "uint32_t") {
                let fixture = Fixture::new();
                let mut arguments = Arguments::good(&fixture, &function);
                let word = &mut arguments.memory[at][field.offset / 8];
                let shift = field.offset % 8 * 8;
                *word = *word & !(0xFFFF_FFFF << shift) | number << shift;
                let (status, _) = try_call(call, &function, &arguments, &fixture);
                let is_bits = matches!(field.name.as_str(), "flags" | "kind" | "reserved");
                let is_mask = field.name == "flags" && number == 3;
                let place = format!("{}: options.{} {number:#x}", function.name, field.name);
                assert!(matches!(status, OK | INVALID_ARGUMENT | TOO_LONG), "{place}: {status}");
                assert!(!is_bits || is_mask || status == INVALID_ARGUMENT, "{place}: {status}");
                tried += 1;
                destroy_made(&function, &arguments);
            }
        }
    }
    assert!(tried > 50, "{tried}");
}

/// A registry that a call has made belongs to nobody else.
fn destroy_made(function: &Declared, arguments: &Arguments) {
    if function.name == "mreg_registry_create" {
        let _ = destroy(arguments.memory[1][0]);
    }
}

#[test]
fn every_size_of_every_struct() {
    let mut tried = 0;
    for (function, call) in functions() {
        for (at, parameter) in function.parameters.iter().enumerate() {
            let fixture = Fixture::new();
            let mut arguments = Arguments::good(&fixture, &function);
            let is_struct = parameter.kind.starts_with("const mreg_") && parameter.kind.ends_with("options *")
                || struct_size(&parameter.kind) > 0;
            if !is_struct {
                continue;
            }
            let good = arguments.memory[at][0];
            for size in [0, 1, 7, u64::MAX, u64::MAX / 2 + 1, (64 << 10) + 1] {
                arguments.memory[at][0] = size;
                let (status, _) = try_call(call, &function, &arguments, &fixture);
                assert_eq!(status, STRUCT_SIZE, "{}: {} of {size} bytes", function.name, parameter.name);
                tried += 1;
            }
            if parameter.is_input() {
                // A later version, with a field that is not zero.
                arguments.memory[at][0] = good + 8;
                arguments.memory[at][good as usize / 8] = 1;
                let (status, failure) = try_call(call, &function, &arguments, &fixture);
                assert_eq!(status, STRUCT_SIZE, "{}: {}: {failure:?}", function.name, parameter.name);
                arguments.memory[at][good as usize / 8] = 0;
                let (status, failure) = try_call(call, &function, &arguments, &fixture);
                let taken = status == OK || finds_nothing(&function, status);
                assert!(taken, "{}: {}: {failure:?}", function.name, parameter.name);
                destroy_made(&function, &arguments);
            }
        }
    }
    assert!(tried > 80, "{tried}");
}

#[test]
fn every_array_in_options_of_an_absurd_length() {
    let (all, mut tried) = (fields(), 0);
    for (function, call) in functions() {
        let Some((at, fields)) = options(&function, &all) else { continue };
        for pair in fields.windows(2).filter(|pair| pair[0].kind.ends_with('*') && pair[1].name.ends_with("_count")) {
            let element = Box::new([0_u64; 2]);
            let start = element.as_ptr().expose_provenance() as u64;
            for (pointer, count, expected) in [
                (0, 0, &[OK][..]),
                (start, 0, &[OK]),
                (0, 1, &[NULL_POINTER]),
                (0, u64::MAX, &[NULL_POINTER, INVALID_ARGUMENT]),
                (start + 1, 1, &[UNALIGNED_POINTER]),
                // One that has a limit of its own says so.
                (start, u64::MAX, &[TOO_LONG, INVALID_ARGUMENT]),
                (start, u64::MAX / 2 + 1, &[TOO_LONG, INVALID_ARGUMENT]),
                (start, u64::MAX / 16 + 1, &[TOO_LONG, INVALID_ARGUMENT]),
            ] {
                let fixture = Fixture::new();
                let mut arguments = Arguments::good(&fixture, &function);
                arguments.memory[at][pair[0].offset / 8] = pointer;
                arguments.memory[at][pair[1].offset / 8] = count;
                let (status, _) = try_call(call, &function, &arguments, &fixture);
                let place = format!("{}: options.{}: {pointer:#x}, {count:#x}", function.name, pair[0].name);
                assert!(expected.contains(&status), "{place}: {status}");
                destroy_made(&function, &arguments);
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 16, "reserved_tenants and bases");
}
