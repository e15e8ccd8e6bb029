//! Texts, buffers and structs that cross the boundary.

mod support_c_api;

use std::ffi::c_char;

use support_c_api::*;

/// Every function that takes a text, called with this one.
fn takers(fixture: &Fixture, data: *const c_char, length: usize) -> Vec<(&'static str, Result<()>)> {
    let (registry, owner) = (fixture.registry.0, fixture.owner);
    let (mut handle, mut kind, mut answer, mut count) = (0, 0, false, 0);
    let mut info = made(capi::mreg_tenant_info_init);
    let value = capi::mreg_text { data, length };
    let owner_options = |set: &dyn Fn(&mut capi::mreg_owner_options)| {
        let mut options = made(capi::mreg_owner_options_init);
        options.kind = DATA_SOURCE;
        set(&mut options);
        let mut made = 0;
        let result = call!(mreg_owner_create(registry, &options, &mut made));
        let _ = release(made);
        result
    };
    let model_options = |set: &dyn Fn(&mut capi::mreg_model_options)| {
        let mut options = made(capi::mreg_model_options_init);
        options.name = text("Known");
        set(&mut options);
        let mut made = 0;
        let result = call!(mreg_model_register(registry, &options, &mut made));
        let _ = unregister(made);
        result
    };
    let code = ("code".as_ptr().cast(), 4);
    vec![
        ("find_model", call!(mreg_registry_find_model(registry, data, length, &mut handle))),
        ("has", call!(mreg_owner_has(owner, ANY, data, length, &mut answer))),
        ("get", call!(mreg_owner_get(owner, ANY, data, length, &mut handle))),
        ("kind_register", call!(mreg_owner_kind_register(registry, data, length, &mut kind))),
        ("owner name", owner_options(&|options| options.name = value)),
        ("connector", owner_options(&|options| options.connector = value)),
        ("host", owner_options(&|options| options.host = value)),
        ("port", owner_options(&|options| options.port = value)),
        ("database", owner_options(&|options| options.database = value)),
        ("url", owner_options(&|options| options.url = value)),
        ("model name", model_options(&|options| options.name = value)),
        ("tenant", model_options(&|options| options.tenant = value)),
        ("settings", model_options(&|options| options.settings = value)),
        ("move", call!(mreg_model_move(fixture.model, 0, owner, data, length))),
        ("tenant info", call!(mreg_tenant_get_info(registry, data, length, &mut info))),
        ("tenant find", call!(mreg_tenant_find_model(registry, data, length, code.0, code.1, &mut handle))),
        ("tenant find name", call!(mreg_tenant_find_model(registry, code.0, code.1, data, length, &mut handle))),
        ("tenant models", call!(mreg_tenant_models(registry, data, length, std::ptr::null_mut(), 0, &mut count))),
        ("tenant drop", call!(mreg_tenant_drop(registry, data, length, 0, std::ptr::null_mut()))),
        ("builtin", call!(mreg_schema_builtin(data, length, &mut handle))),
        ("parse", call!(mreg_schema_parse(data, length, std::ptr::null(), &mut handle))),
        ("load", call!(mreg_application_load(registry, data, length, std::ptr::null(), &mut handle))),
    ]
}

struct Fixture {
    registry: Registry,
    owner: u64,
    model: u64,
}

impl Fixture {
    fn new() -> Fixture {
        let registry = Registry::new();
        let owner = registry.app();
        let model = Model::of("User", owner).add(&registry);
        Fixture { registry, owner, model }
    }
}

#[test]
fn null_with_length_zero_is_the_empty_text() {
    let fixture = Fixture::new();
    for ((what, null), (_, empty)) in
        takers(&fixture, std::ptr::null(), 0).into_iter().zip(takers(&fixture, c"x".as_ptr(), 0))
    {
        let status = |result: Result<()>| result.err().map_or(OK, |failure| failure.code);
        let (null, empty) = (status(null), status(empty));
        assert_eq!(null, empty, "{what}");
        assert_ne!(null, NULL_POINTER, "{what}");
    }
}

#[test]
fn null_with_a_length_is_refused() {
    let fixture = Fixture::new();
    for length in [1, 4096, usize::MAX] {
        for (what, result) in takers(&fixture, std::ptr::null(), length) {
            assert_eq!(code(result), NULL_POINTER, "{what} {length}");
        }
    }
}

#[test]
fn an_absurd_length_is_refused_before_anything_is_read() {
    let fixture = Fixture::new();
    for length in [usize::MAX - 1, usize::MAX / 2 + 1, usize::MAX / 2, 1 << 40, (64 << 20) + 1] {
        for (what, result) in takers(&fixture, c"User".as_ptr(), length) {
            assert_eq!(code(result), TOO_LONG, "{what} {length}");
        }
    }
}

#[test]
fn text_that_is_not_utf_8_is_refused_with_the_offset() {
    let fixture = Fixture::new();
    for (bytes, offset) in [
        (&b"\xff"[..], 0),
        (b"abc\xfe", 3),
        (b"ab\xc3", 2),
        (b"ab\xc0\x80", 2),
        (b"a\xed\xa0\x80", 1),
        (b"\xc3\xa4\xf5\x80\x80\x80", 2),
        (b"abcd\x80e", 4),
    ] {
        for (what, result) in takers(&fixture, bytes.as_ptr().cast(), bytes.len()) {
            let failure = result.expect_err("invalid UTF-8");
            // In JSON the place counts as well; what is said of it is the parser's.
            assert_eq!(failure.code, INVALID_UTF8, "{what} {bytes:?}");
            assert_eq!(failure.offset, offset, "{what} {bytes:?}: {}", failure.message);
        }
    }
}

#[test]
fn control_characters_and_nul_are_refused_in_names_with_the_offset() {
    let fixture = Fixture::new();
    let names = [
        "kind_register",
        "owner name",
        "connector",
        "host",
        "port",
        "database",
        "model name",
        "tenant",
        "tenant info",
        "tenant find",
        "tenant models",
        "tenant drop",
    ];
    for (bad, offset) in [
        ("\0", 0),
        ("User\0", 4),
        ("Us\0er", 2),
        ("a\nb", 1),
        ("\u{1f}", 0),
        ("ab\u{7f}", 2),
        ("ä\u{85}", 2),
        ("a\tb", 1),
    ] {
        for (what, result) in takers(&fixture, bad.as_ptr().cast(), bad.len()) {
            if names.contains(&what) {
                let failure = result.expect_err(what);
                assert_eq!((failure.code, failure.offset), (INVALID_NAME, offset), "{what} {bad:?}");
            }
        }
    }
    // Beside an owner the tenant is ignored, whatever it is.
    move_to(fixture.model, 0, fixture.owner, "a\nb").expect("move");
    assert_eq!(code(move_to(fixture.model, 0, 0, "a\nb")), INVALID_NAME);
    assert_eq!(names_of(fixture.owner).expect("names"), ["User"]);
    assert_eq!(find(fixture.registry.0, "User\0"), Ok(0), "a question about such a name finds nothing");
    assert_eq!(has(fixture.owner, ANY, "Us\0er"), Ok(false));
}

#[test]
fn a_nul_terminated_text_ends_at_the_nul() {
    let fixture = Fixture::new();
    let bytes = [&b"Ends"[..], b"here", b""].join(&0);
    let name = bytes.as_ptr().cast();
    let mut options = made(capi::mreg_model_options_init);
    options.name = capi::mreg_text { data: c"Ends".as_ptr(), length: usize::MAX };
    options.app = fixture.owner;
    let mut model = 0;
    call!(mreg_model_register(fixture.registry.0, &options, &mut model)).expect("a model");
    assert_eq!(model_name(model).as_deref(), Ok("Ends"));
    let mut found = 0;
    call!(mreg_owner_get(fixture.owner, ANY, name, usize::MAX, &mut found)).expect("an answer");
    assert_eq!(found, model);
    call!(mreg_registry_find_model(fixture.registry.0, name, usize::MAX, &mut found)).expect("an answer");
    assert_eq!(found, model);
}

#[test]
fn a_text_is_read_during_the_call_only() {
    let fixture = Fixture::new();
    let mut name = *b"Changing";
    let mut options = made(capi::mreg_model_options_init);
    options.name = capi::mreg_text { data: name.as_ptr().cast(), length: name.len() };
    let mut model = 0;
    call!(mreg_model_register(fixture.registry.0, &options, &mut model)).expect("a model");
    name.fill(b'x');
    assert_eq!(model_name(model).as_deref(), Ok("Changing"));
    assert_eq!(find(fixture.registry.0, "xxxxxxxx"), Ok(0));
}

#[test]
fn names_at_the_limit_and_one_above() {
    let registry = Registry::new();
    let source = |owner: Owner<'_>| owner.create(registry.0).map(release);
    let text = |length: usize| "n".repeat(length);
    for over in [false, true] {
        let check = |what: &str, status: Option<i32>| {
            assert_eq!(status, over.then_some(TOO_LONG), "{what}");
        };
        let more = usize::from(over);
        let of = |result: Result<u64>| result.err().map(|failure| failure.code);
        check("model", of(Model::new(&text(4096 + more)).register(registry.0)));
        check("tenant", of(Model::tenant("User", &text(255 + more)).register(registry.0)));
        let kind = registry.kind(&text(231 + more)).map(u64::from);
        check("kind", of(kind.clone()));
        if let Ok(kind) = kind {
            let owner = Owner { kind: kind as u32, ..Owner::default() }.create(registry.0).expect("an owner");
            let model = Model::of("User", owner).add(&registry);
            let label = model_tenant(model).expect("a label");
            assert!(tenant(registry.0, &label).expect("an answer").is_some_and(|info| info.code == label));
        }
        for (what, owner) in [
            ("name", Owner { name: &text(4096 + more), ..Owner::data_source() }),
            ("connector", Owner { connector: &text(215 + more), ..Owner::data_source() }),
            ("host", Owner { host: &text(1024 + more), ..Owner::data_source() }),
            ("port", Owner { port: &text(1024 + more), ..Owner::data_source() }),
            ("database", Owner { database: &text(1024 + more), ..Owner::data_source() }),
            ("database in the URL", Owner { url: &format!("a://b/{}", text(1024 + more)), ..Owner::data_source() }),
        ] {
            check(what, source(owner).err().map(|failure| failure.code));
        }
    }
}

/// Asks for a text with a capacity; gives the bytes of the buffer and the length.
fn cut(model: u64, capacity: usize) -> ([u8; 32], usize) {
    let mut buffer = [0x55_u8; 32];
    let mut length = usize::MAX;
    call!(mreg_model_name(model, buffer.as_mut_ptr().cast(), capacity, &mut length)).expect("a name");
    (buffer, length)
}

#[test]
fn a_text_fits_its_buffer_or_is_cut_at_a_character() {
    let registry = Registry::new();
    let model = Model::new("Näme").add(&registry);
    for (capacity, expected) in
        [(1, "\0"), (2, "N\0"), (3, "N\0"), (4, "Nä\0"), (5, "Näm\0"), (6, "Näme\0"), (7, "Näme\0"), (20, "Näme\0")]
    {
        let (buffer, length) = cut(model, capacity);
        assert_eq!(length, 5, "the whole length, without the NUL");
        assert_eq!(&buffer[..expected.len()], expected.as_bytes(), "{capacity}");
        assert!(buffer[capacity..].iter().all(|byte| *byte == 0x55), "nothing past the end at {capacity}");
    }
    let (buffer, length) = cut(model, 0);
    assert_eq!((buffer, length), ([0x55; 32], 5), "no room, nothing written");
}

#[test]
fn a_list_fits_its_array_or_is_a_part() {
    let registry = Registry::new();
    let app = registry.app();
    let models = ["A", "B", "C"].map(|name| Model { app, ..Model::new(name) }.add(&registry));
    let snapshot = hold_models(app, ANY, false).expect("a snapshot");
    let label = owner_tenant(app).expect("a label");
    for capacity in 0..6 {
        let asks: [&dyn Fn(*mut u64, *mut usize) -> Result<()>; 4] = [
            &|list, count| call!(mreg_owner_models(app, ANY, list, capacity, count, std::ptr::null_mut())),
            &|list, count| call!(mreg_registry_models(registry.0, list, capacity, count)),
            &|list, count| call!(mreg_snapshot_models(snapshot, list, capacity, count, std::ptr::null_mut())),
            &|list, count| {
                call!(mreg_tenant_models(registry.0, label.as_ptr().cast(), label.len(), list, capacity, count))
            },
        ];
        for ask in asks {
            let (mut list, mut count) = ([u64::MAX; 8], usize::MAX);
            ask(list.as_mut_ptr(), &mut count).expect("a list");
            let copied = capacity.min(3);
            assert_eq!(count, 3);
            assert_eq!(list[..copied], models[..copied]);
            assert!(list[copied..].iter().all(|rest| *rest == u64::MAX), "nothing past the end at {capacity}");
        }
    }
    free_snapshot(snapshot).expect("free");
}

#[test]
fn an_absurd_capacity_is_refused() {
    let fixture = Fixture::new();
    let mut list = [0_u64; 1];
    let mut count = 0;
    for capacity in [usize::MAX, usize::MAX / 2 + 1, usize::MAX / 8 + 1] {
        let result =
            call!(mreg_owner_models(fixture.owner, ANY, list.as_mut_ptr(), capacity, &mut count, std::ptr::null_mut()));
        assert_eq!(code(result), TOO_LONG);
    }
    let mut buffer: [c_char; 4] = [0; 4];
    for capacity in [usize::MAX, usize::MAX / 2 + 1] {
        let result = call!(mreg_model_name(fixture.model, buffer.as_mut_ptr(), capacity, &mut count));
        assert_eq!(code(result), TOO_LONG);
    }
}

/// A struct of the caller's with bytes behind it.
#[repr(C, align(8))]
struct Grown<T> {
    value: T,
    extra: [u8; 64],
}

macro_rules! grown {
    ($init:ident) => {
        Grown { value: made(capi::$init), extra: [0; 64] }
    };
}

#[test]
fn a_struct_of_a_later_version_is_taken_while_its_unknown_fields_are_zero() {
    let registry = Registry::new();
    let witness = Witness::new();
    macro_rules! inputs {
        ($($init:ident, |$options:ident| $call:expr;)*) => {$({
            let mut $options = grown!($init);
            let ours = $options.value.struct_size;
            for (theirs, byte, expected) in [
                (ours, 7, OK),
                (ours + 8, 0, OK),
                (ours + 64, 0, OK),
                (ours + 8, 1, STRUCT_SIZE),
                (ours + 64, 1, STRUCT_SIZE),
                (0, 0, STRUCT_SIZE),
                (7, 0, STRUCT_SIZE),
                (ours - 1, 0, STRUCT_SIZE),
                (usize::MAX, 0, STRUCT_SIZE),
                (1 << 31, 0, STRUCT_SIZE),
            ] {
                $options.value.struct_size = theirs;
                $options.extra = [0; 64];
                // The last byte that the struct says it has, or one past it.
                let at = if theirs == ours { 0 } else { theirs.wrapping_sub(ours).wrapping_sub(1).min(63) };
                $options.extra[at] = byte;
                let result: Result<()> = $call;
                assert_eq!(result.err().map_or(OK, |failure| failure.code), expected, "{} {theirs}", stringify!($init));
            }
        })*};
    }
    let mut made_owner = 0;
    let mut model = 0;
    let mut new = 0;
    let json = r#"{"name": "User"}"#;
    inputs! {
        mreg_owner_options_init, |options| {
            options.value.kind = APP;
            let result = call!(mreg_owner_create(registry.0, &options.value, &mut made_owner));
            release(made_owner).expect("release");
            result
        };
        mreg_model_options_init, |options| {
            options.value.name = text("User");
            options.value.user_data = witness.pointer();
            call!(mreg_model_register(registry.0, &options.value, &mut model))
        };
        mreg_registry_options_init, |options| {
            let result = call!(mreg_registry_create(&options.value, &mut new));
            destroy(new).expect("destroy");
            result
        };
        mreg_schema_options_init, |options| {
            let result = call!(mreg_schema_parse(json.as_ptr().cast(), json.len(), &options.value, &mut new));
            free_schema(new).expect("free");
            result
        };
    }
}

#[test]
fn a_result_struct_is_written_as_far_as_both_sides_know_it() {
    let registry = Registry::new();
    macro_rules! outputs {
        ($($init:ident, |$info:ident| $call:expr;)*) => {$({
            let mut $info = grown!($init);
            let ours = $info.value.struct_size;
            for (theirs, expected) in [
                (ours, OK),
                (ours + 8, OK),
                (ours + 64, OK),
                (0, STRUCT_SIZE),
                (ours - 1, STRUCT_SIZE),
                (usize::MAX, STRUCT_SIZE),
            ] {
                $info.value.struct_size = theirs;
                $info.extra = [0x55; 64];
                let result: Result<()> = $call;
                assert_eq!(result.err().map_or(OK, |failure| failure.code), expected, "{} {theirs}", stringify!($init));
                assert_eq!($info.value.struct_size, theirs, "the caller's size stays");
                let known = if expected == OK { theirs - ours } else { 0 };
                assert!($info.extra[..known].iter().all(|byte| *byte == 0), "what we do not know is zeroed");
                assert!($info.extra[known..].iter().all(|byte| *byte == 0x55), "nothing past the end");
            }
        })*};
    }
    let schema = schema(r#"{"name": "User"}"#);
    outputs! {
        mreg_registry_stats_init, |info| call!(mreg_registry_get_stats(registry.0, &mut info.value));
        mreg_tenant_info_init, |info| call!(mreg_tenant_get_info(registry.0, c"global".as_ptr(), 6, &mut info.value));
        mreg_tenant_info_init, |info| call!(mreg_tenant_next(registry.0, 0, &mut info.value));
        mreg_schema_info_init, |info| call!(mreg_schema_get_info(schema, &mut info.value));
    }
    free_schema(schema).expect("free");
}

#[test]
fn an_error_struct_of_any_size_is_filled_as_far_as_it_goes() {
    let fixture = Fixture::new();
    let whole = size_of::<capi::mreg_error>();
    let long = "x".repeat(4097);
    for theirs in [0, 1, 8, 12, 16, 24, 32, 40, 41, 100, 551, 552, 553, whole - 1, whole, whole + 8, whole + 64] {
        let mut memory = vec![0x5555_5555_5555_5555_u64; whole / 8 + 16];
        memory[0] = theirs as u64;
        let (start, mut model) = (memory.as_mut_ptr(), 0);
        let mut options = made(capi::mreg_model_options_init);
        options.name = text(&long);
        // SAFETY: the options and the result are the test's; the memory has more room than its first field says.
        let status = unsafe { capi::mreg_model_register(fixture.registry.0, &options, &mut model, start.cast()) };
        assert_eq!(status, TOO_LONG);
        let bytes: Vec<u8> = memory.iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(memory[0], theirs as u64, "the caller's size stays");
        assert!(bytes[theirs.max(8)..].iter().all(|byte| *byte == 0x55), "nothing past the end of {theirs} bytes");
        if theirs >= 12 {
            assert_eq!(bytes[8..12], TOO_LONG.to_ne_bytes(), "{theirs}");
        }
    }
    let mut memory = vec![0x55_u8; whole + 16];
    memory[1..9].copy_from_slice(&whole.to_ne_bytes());
    // SAFETY: room for the struct at an odd address.
    let status = unsafe { capi::mreg_registry_clear(0, memory.as_mut_ptr().add(1).cast()) };
    assert_eq!((status, &memory[9..13]), (NULL_HANDLE, &NULL_HANDLE.to_ne_bytes()[..]), "at any address");
    assert!(memory[0] == 0x55 && memory[whole + 1..].iter().all(|byte| *byte == 0x55));
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let registry = Registry::new();
    for shift in 0..4 {
        let connector = format!("{}{}", "x".repeat(shift), "ü€𝄞".repeat(500));
        let failure = Owner { connector: &connector, ..Owner::data_source() }.create(registry.0).expect_err("too long");
        assert_eq!(failure.code, TOO_LONG);
        let name = format!("{}{}", "x".repeat(shift), "ü€𝄞".repeat(20)) + "\u{7}";
        assert_eq!(code(registry.kind(&name)), INVALID_NAME);
        // `ds` and the like come back in the message; a long one would be cut, and the wrapper checks that it is UTF-8.
        let json = format!(r#"{{"name": "{name}", "base": "{}"}}"#, "ü€𝄞".repeat(200)).replace('\u{7}', "");
        let mut schema = 0;
        let failure = call!(mreg_schema_parse(json.as_ptr().cast(), json.len(), std::ptr::null(), &mut schema));
        assert!(failure.expect_err("an unknown base").message.len() < 512);
    }
}

#[test]
fn more_reserved_codes_than_there_may_be_are_refused() {
    let codes: Vec<String> = (0..1025).map(|number| format!("code{number}")).collect();
    for (count, expected) in [(1024, OK), (1025, INVALID_ARGUMENT), (usize::MAX, INVALID_ARGUMENT)] {
        let texts: Vec<_> = codes.iter().map(|code| text(code)).collect();
        let mut options = made(capi::mreg_registry_options_init);
        (options.reserved_tenants, options.reserved_tenant_count) = (texts.as_ptr(), count);
        let mut registry = 0;
        let result = call!(mreg_registry_create(&options, &mut registry));
        assert_eq!(result.err().map_or(OK, |failure| failure.code), expected);
        destroy(registry).expect("destroy");
    }
    for (bad, expected) in [("a\u{1}", INVALID_NAME), (&*"x".repeat(256), TOO_LONG)] {
        let texts = [text("good"), text(bad)];
        let mut options = made(capi::mreg_registry_options_init);
        (options.reserved_tenants, options.reserved_tenant_count) = (texts.as_ptr(), 2);
        let mut registry = u64::MAX;
        assert_eq!(code(call!(mreg_registry_create(&options, &mut registry))), expected);
        assert_eq!(registry, 0);
    }
}
