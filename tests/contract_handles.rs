//! Every function with every wrong pointer and every wrong handle, from one table that the header is compared with.

mod support_c_api;

use std::collections::BTreeSet;

use support_c_api::arguments::{Arguments, Fixture, finds_nothing, functions, run};
use support_c_api::table::{HANDLES, Parameter, SHARED_TAG, calls, declared, tag_of};
use support_c_api::*;

/// Functions that cannot fail.
const WITHOUT_ERROR: [&str; 24] = [
    "mreg_error_init",
    "mreg_version",
    "mreg_version_string",
    "mreg_status_name",
    "mreg_status_text",
    "mreg_registry_options_init",
    "mreg_registry_stats_init",
    "mreg_memory_init",
    "mreg_find_options_init",
    "mreg_owner_options_init",
    "mreg_owner_is_valid",
    "mreg_model_options_init",
    "mreg_model_is_valid",
    "mreg_tenant_info_init",
    "mreg_sweeper_options_init",
    "mreg_sweeper_info_init",
    "mreg_schema_options_init",
    "mreg_schema_info_init",
    "mreg_load_options_init",
    "mreg_load_info_init",
    "mreg_problem_init",
    "mreg_due_init",
    "mreg_change_init",
    "mreg_watcher_options_init",
];

/// Functions for which a null handle is nothing, and succeeds.
const NULL_IS_NOTHING: [&str; 11] = [
    "mreg_registry_destroy",
    "mreg_owner_release",
    "mreg_model_unregister",
    "mreg_model_unhold",
    "mreg_snapshot_free",
    "mreg_schema_free",
    "mreg_load_report_free",
    "mreg_builder_free",
    "mreg_queue_free",
    "mreg_watcher_free",
    // All of its arguments are 0: nobody listens.
    "mreg_log_set",
];

/// Functions without a handle that take zero for everything: the empty text, a text that is not wanted, no questions.
const ZERO_IS_TAKEN: [&str; 3] = ["mreg_tenant_set_current", "mreg_tenant_current", "mreg_owner_get_many"];

/// Pointers that may be NULL.
fn may_be_null(function: &str, parameter: &Parameter) -> bool {
    match parameter.name.as_str() {
        "length" | "stamp" | "stamps" | "statuses" | "dropped" | "user_data" if parameter.kind != "void **" => true,
        "count" => function == "mreg_registry_leak_report",
        "owner" | "data_source" | "app" => function == "mreg_model_owners",
        "options" => {
            let taken = [
                "mreg_registry_create",
                "mreg_schema_parse",
                "mreg_application_load",
                "mreg_watcher_create",
                "mreg_sweeper_start",
            ];
            taken.contains(&function)
        }
        _ => false,
    }
}

#[test]
fn the_table_has_every_function_that_the_header_declares() {
    let (calls, declared) = (calls(), declared());
    assert!(declared.len() > 80, "the header was read: {}", declared.len());
    let mut in_header = BTreeSet::new();
    for function in &declared {
        assert!(in_header.insert(function.name.as_str()), "{} is declared twice", function.name);
        match calls.get(function.name.as_str()) {
            Some((arguments, _)) => {
                assert!(function.has_error, "{} has no error", function.name);
                assert_eq!(*arguments, function.parameters.len(), "{}", function.name);
            }
            None => {
                assert!(WITHOUT_ERROR.contains(&function.name.as_str()), "{} is not in the table", function.name);
                assert!(!function.has_error, "{} can fail, and is in no table", function.name);
            }
        }
    }
    for name in calls.keys().chain(&WITHOUT_ERROR) {
        assert!(in_header.contains(name), "{name} is in a table, and not in the header");
    }
}

#[test]
fn good_arguments_are_taken() {
    for (function, call) in functions() {
        let fixture = Fixture::new();
        let arguments = Arguments::good(&fixture, &function);
        let status = run(call, &arguments);
        assert!(status == OK || finds_nothing(&function, status), "{}: {status}", function.name);
        if function.name == "mreg_registry_create" {
            destroy(arguments.memory[1][0]).expect("destroy");
        }
    }
}

#[test]
fn null_for_every_pointer() {
    let (mut tried, mut left) = (0, Vec::new());
    for (function, call) in functions() {
        for (at, parameter) in function.parameters.iter().enumerate().filter(|(_, one)| one.is_pointer()) {
            let fixture = Fixture::new();
            let mut arguments = Arguments::good(&fixture, &function);
            arguments.values[at] = 0;
            tried += 1;
            let status = run(call, &arguments);
            if may_be_null(&function.name, parameter) {
                let taken = status == OK || finds_nothing(&function, status);
                assert!(taken, "{}: {} may be NULL: {status}", function.name, parameter.name);
            } else {
                assert_eq!(status, NULL_POINTER, "{}: {} is NULL", function.name, parameter.name);
                left.extend(arguments.left(&function, at, &format!("NULL for {}", parameter.name)));
            }
        }
    }
    assert!(tried > 100, "{tried}");
    assert_eq!(left, Vec::<String>::new(), "results are null, 0 or false when the call fails");
}

#[test]
fn the_error_may_be_null_everywhere() {
    for (function, call) in functions() {
        let fixture = Fixture::new();
        let mut arguments = Arguments::good(&fixture, &function);
        let status = call(&arguments.values, std::ptr::null_mut());
        assert!(status == OK || finds_nothing(&function, status), "{}: {status}", function.name);
        if function.parameters.is_empty() {
            continue;
        }
        arguments.values.fill(0);
        let status = call(&arguments.values, std::ptr::null_mut());
        let nothing = [&NULL_IS_NOTHING[..], &ZERO_IS_TAKEN].concat();
        assert!(status != OK || nothing.contains(&function.name.as_str()), "{}", function.name);
    }
}

#[test]
fn all_pointers_null_at_once() {
    for (function, call) in functions() {
        let fixture = Fixture::new();
        let mut arguments = Arguments::good(&fixture, &function);
        for (value, parameter) in arguments.values.iter_mut().zip(&function.parameters) {
            if parameter.is_pointer() {
                *value = 0;
            }
        }
        let status = run(call, &arguments);
        if function.parameters.iter().any(|one| one.is_pointer() && !may_be_null(&function.name, one)) {
            assert_eq!(status, NULL_POINTER, "{}", function.name);
        }
    }
}

#[test]
fn an_unaligned_pointer_for_every_pointer() {
    let mut left = Vec::new();
    for (function, call) in functions() {
        for (at, parameter) in function.parameters.iter().enumerate() {
            if !parameter.is_pointer()
                || matches!(parameter.kind.as_str(), "const char *" | "char *" | "bool *" | "void *")
            {
                continue;
            }
            for by in [1, 2, 4] {
                if by == 4 && matches!(parameter.kind.as_str(), "uint32_t *" | "mreg_status *") {
                    continue;
                }
                let fixture = Fixture::new();
                let mut arguments = Arguments::good(&fixture, &function);
                arguments.values[at] += by;
                let status = run(call, &arguments);
                assert_eq!(status, UNALIGNED_POINTER, "{}: {} by {by}", function.name, parameter.name);
                left.extend(arguments.left(&function, at, &format!("{} by {by}", parameter.name)));
            }
        }
    }
    assert_eq!(left, Vec::<String>::new(), "results are null, 0 or false when the call fails");
}

const REGISTRY_SHIFT: u32 = 47;

/// The handles that a function has to refuse, and with which status.
fn wrong_handles(kind: &str, fixture: &Fixture, other: &Fixture, stale: &[(&str, u64)]) -> Vec<(u64, i32, String)> {
    let good = fixture.handle(kind);
    let tag = HANDLES.iter().find(|(name, _)| *name == kind).expect("a handle").1;
    let mut wrong = vec![(0, NULL_HANDLE, "null".to_owned())];
    for (name, _) in HANDLES.iter().filter(|(name, _)| *name != kind) {
        wrong.push((fixture.handle(name), WRONG_HANDLE_TYPE, format!("the handle of another type: {name}")));
        wrong.push((other.handle(name), WRONG_HANDLE_TYPE, format!("another registry's, of another type: {name}")));
    }
    for (name, handle) in stale {
        let status = if *name == kind { STALE_HANDLE } else { WRONG_HANDLE_TYPE };
        wrong.push((*handle, status, format!("a stale {name}")));
    }
    wrong.push((good & !(7 << 60), FORGED_HANDLE, "a type that there is not: 0".to_owned()));
    // Types that share tag 7 have small numbers in the registry's place.
    let unknown = 7 << 60 | 4711 << REGISTRY_SHIFT | good & ((1 << REGISTRY_SHIFT) - 1);
    wrong.push((unknown, FORGED_HANDLE, "a type that there is not: 7 with number 4711".to_owned()));
    wrong.push((good | 1 << 63, FORGED_HANDLE, "the top bit".to_owned()));
    wrong.push((good & 0xFFFF_FFFF, FORGED_HANDLE, "the low half alone".to_owned()));
    // A number that no registry here has; what belongs to the process has number 0, or its type's.
    if tag < SHARED_TAG {
        let number = good >> REGISTRY_SHIFT & 0x1FFF;
        let far = if number == 0 { 4711 } else { (number + 4000) % 8191 + 1 };
        let foreign = tag << 60 | far << REGISTRY_SHIFT | good & ((1 << REGISTRY_SHIFT) - 1);
        wrong.push((foreign, FOREIGN_HANDLE, "of a registry that there is not".to_owned()));
    }
    // One generation on from the newest was not given out yet.
    let generations = match kind {
        "mreg_registry" => (1 << REGISTRY_SHIFT) - 1,
        _ if cfg!(feature = "small-generations") => 7,
        _ => 0x3F_FFFF,
    };
    let next = good & !generations | (good + 1) & generations;
    wrong.push((next, FORGED_HANDLE, "a generation that was not given out yet".to_owned()));
    if kind != "mreg_registry" {
        wrong.push((good | 0x1FF_FFFF << 22, FORGED_HANDLE, "an index that was never used".to_owned()));
    }
    // What is left of a handle may be nothing: of few generations one in eight is 0.
    wrong.iter_mut().filter(|(handle, ..)| *handle == 0).for_each(|(_, status, _)| *status = NULL_HANDLE);
    wrong
}

#[test]
fn every_wrong_handle_for_every_handle() {
    let (other, stale) = (Fixture::new(), Fixture::new().end());
    let (mut tried, mut left) = (0, Vec::new());
    for (function, call) in functions() {
        for (at, parameter) in function.parameters.iter().enumerate().filter(|(_, one)| one.is_handle()) {
            let fixture = Fixture::new();
            for (handle, expected, what) in wrong_handles(&parameter.kind, &fixture, &other, &stale) {
                let mut arguments = Arguments::good(&fixture, &function);
                arguments.values[at] = handle;
                let optional = at > 0 && parameter.kind == "mreg_owner";
                if handle == 0 && (optional || NULL_IS_NOTHING.contains(&function.name.as_str())) {
                    assert_eq!(run(call, &arguments), OK, "{}: {} is null", function.name, parameter.name);
                    continue;
                }
                let status = run(call, &arguments);
                let message = format!("{}: {}: {what}: {handle:#x}", function.name, parameter.name);
                // The registry that a stale owner was of may be another one than the call's: that is looked at first.
                let other_registry = optional && expected == STALE_HANDLE && status == FOREIGN_HANDLE;
                assert!(status == expected || other_registry, "{message}: {status}, and not {expected}");
                left.extend(arguments.left(&function, at, &message));
                tried += 1;
            }
            let kept = owner_is_valid(fixture.owner) && model_is_valid(fixture.model);
            assert!(kept, "{}: what fails changes nothing", function.name);
        }
    }
    assert!(tried > 900, "{tried}");
    assert_eq!(left, Vec::<String>::new(), "results are null, 0 or false when the call fails");
}

#[test]
fn every_wrong_handle_among_many() {
    let (other, stale) = (Fixture::new(), Fixture::new().end());
    let fixture = Fixture::new();
    let wrong = wrong_handles("mreg_owner", &fixture, &other, &stale);
    // A good one before, between and after them.
    let mut owners = vec![fixture.owner];
    wrong.iter().for_each(|(handle, ..)| owners.extend([*handle, fixture.owner]));
    let lists = models_many(&owners, ANY, owners.len());
    let found = get_many(&owners, ANY, &[text("User")]).expect("answers");
    for (at, owner) in owners.iter().enumerate() {
        let expected = if at % 2 == 0 { OK } else { wrong[at / 2].1 };
        let count = usize::from(expected == OK);
        assert_eq!((lists.statuses[at], lists.counts[at]), (expected, count), "{owner:#x}");
        assert_eq!(found[at], (fixture.model * count as u64, expected), "{owner:#x}");
    }
    assert_eq!(lists.models, vec![fixture.model; wrong.len() + 1]);
}

#[test]
fn an_owner_of_another_registry_is_foreign() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    for (data_source, app) in [(other.source, 0), (0, other.owner), (fixture.source, other.owner)] {
        assert_eq!(code(move_to(fixture.model, data_source, app, "")), FOREIGN_HANDLE);
        let model = Model { data_source, app, ..Model::new("Another") };
        assert_eq!(code(model.register(fixture.registry.0)), FOREIGN_HANDLE);
    }
    assert_eq!(code(drop_tenant(fixture.registry.0, "global", other.owner)), FOREIGN_HANDLE);
}

#[test]
fn random_bits_for_every_handle() {
    let fixture = Fixture::new();
    let mut random = Random::new(4711);
    let before = stats(fixture.registry.0);
    for (function, call) in functions() {
        for (at, parameter) in function.parameters.iter().enumerate().filter(|(_, one)| one.is_handle()) {
            let good = fixture.handle(&parameter.kind);
            for step in 0..300 {
                let handle = match step % 3 {
                    0 => random.word(),
                    // A handle with a bit or two turned over.
                    1 => good ^ (1 << random.below(64)),
                    _ => good ^ (1 << random.below(64)) ^ (1 << random.below(64)),
                };
                // Turned over bits can make a handle that was given out; the tag says of what kind. Of few generations any may be.
                let is_tag = |tag| HANDLES.iter().any(|(_, known)| *known == tag);
                let generation = handle & 0x3F_FFFF;
                let is_near = generation == good & 0x3F_FFFF || (cfg!(feature = "small-generations") && generation < 8);
                if handle == 0 || handle == good || (is_tag(tag_of(handle)) && is_near) {
                    continue;
                }
                let mut arguments = Arguments::good(&fixture, &function);
                arguments.values[at] = handle;
                let status = run(call, &arguments);
                // Another handle of the process, of this type, that another test was given.
                let most = if cfg!(feature = "small-generations") { 1 << 14 } else { 64 };
                let taken = status == OK || finds_nothing(&function, status);
                let others = taken && tag_of(handle) == tag_of(good) && handle >> 22 & 0x1FF_FFFF < most;
                let refused = (NULL_HANDLE..=STALE_HANDLE).contains(&status);
                assert!(refused || others, "{}: {} {handle:#x}: {status}", function.name, parameter.name);
            }
        }
    }
    let now = stats(fixture.registry.0);
    assert_eq!((now.models, now.owners), (before.models, before.owners));
    for _ in 0..100_000 {
        let handle = random.word();
        assert!(!owner_is_valid(handle) && !model_is_valid(handle), "{handle:#x}");
    }
}

#[test]
fn a_generation_that_was_never_given_out_for_every_handle() {
    let fixture = Fixture::new();
    for (function, call) in functions() {
        for (at, parameter) in function.parameters.iter().enumerate().filter(|(_, one)| one.is_handle()) {
            // The highest bit of the generation: no slot was used so often.
            let bit = match parameter.kind.as_str() {
                "mreg_registry" => 46,
                _ if cfg!(feature = "small-generations") => continue,
                _ => 21,
            };
            let mut arguments = Arguments::good(&fixture, &function);
            arguments.values[at] ^= 1 << bit;
            assert_eq!(run(call, &arguments), FORGED_HANDLE, "{}: {}", function.name, parameter.name);
        }
    }
}

#[test]
fn an_owner_s_place_with_nobody_in_it_answers_to_no_handle() {
    let registry = Registry::new();
    let app = registry.app();
    release(app).expect("release");
    // What is empty reads as zeros, and these bits of a handle say which use of the place is meant.
    let forged = app & !0x3F_FFFF;
    assert!(!owner_is_valid(forged));
    for refused in [code(models_of(forged)), code(names_of(forged)), code(has(forged, ANY, "User"))] {
        assert!([STALE_HANDLE, FORGED_HANDLE].contains(&refused), "{refused}");
    }
}

#[test]
fn a_handle_fits_a_signed_number_and_its_low_half_is_none() {
    let fixture = Fixture::new();
    for (kind, tag) in HANDLES {
        let handle = fixture.handle(kind);
        assert_eq!(handle >> 63, 0, "{kind}: the top bit is 0");
        assert_eq!(tag_of(handle), tag, "{kind}");
        for half in [handle & 0xFFFF_FFFF, handle as u32 as i32 as i64 as u64] {
            assert!(!owner_is_valid(half) && !model_is_valid(half), "{kind}");
            assert_ne!(call!(mreg_registry_clear(half)), Ok(()), "{kind}");
        }
    }
}

/// Ends what a handle stands for.
fn end(kind: &str, handle: u64) -> Result<()> {
    match kind {
        "mreg_registry" => destroy(handle),
        "mreg_owner" => release(handle),
        "mreg_model" => unregister(handle),
        "mreg_schema" => free_schema(handle),
        "mreg_snapshot" => free_snapshot(handle),
        "mreg_load_report" => call!(mreg_load_report_free(handle)),
        "mreg_watcher" => call!(mreg_watcher_free(handle)),
        "mreg_builder" => call!(mreg_builder_free(handle)),
        "mreg_queue" => call!(mreg_queue_free(handle)),
        _ => panic!("{kind} is no handle"),
    }
}

#[test]
fn handles_that_were_freed_stay_stale() {
    let mut stale = Vec::new();
    for _ in 0..200 {
        stale.push(Fixture::new().end());
        if stale.len().is_multiple_of(25) {
            let now = Fixture::new();
            for (kind, handle) in stale.iter().flatten() {
                assert_eq!(code(end(kind, *handle)), STALE_HANDLE, "{kind}: {handle:#x}");
            }
            drop(now);
        }
    }
}

#[test]
fn the_message_says_what_is_wrong_with_a_handle() {
    let (fixture, stale) = (Fixture::new(), Fixture::new().end());
    let said = |kind: &str, handle| end(kind, handle).expect_err("a wrong handle").message;
    let known = [
        ("mreg_registry", "registry", "it was destroyed"),
        ("mreg_owner", "owner", "it was released, or its registry destroyed"),
        ("mreg_model", "model", "it was unregistered, replaced, dropped or cleared"),
        ("mreg_schema", "schema", "it was freed"),
        ("mreg_snapshot", "snapshot", "it was freed"),
        ("mreg_load_report", "load report", "it was freed"),
        ("mreg_watcher", "watcher", "it was freed"),
        ("mreg_builder", "schema builder", "it was freed"),
        ("mreg_queue", "release queue", "it was freed"),
    ];
    for ((kind, word, ending), (of, old)) in known.into_iter().zip(stale) {
        assert_eq!(kind, of);
        assert_eq!(said(kind, old), format!("{word}: handle {old:#x} is stale: {ending}"));
        for (other, of_type, _) in known.into_iter().filter(|(other, ..)| *other != kind) {
            let handle = fixture.handle(other);
            let expected = format!("{word}: handle {handle:#x} is of another type: it is of type {of_type}");
            assert_eq!(said(kind, handle), expected);
        }
        let good = fixture.handle(kind);
        let (half, top) = (good & 0xFFFF_FFFF | 1, good | 1 << 63);
        let expected = format!("{word}: {half:#x} is no handle (handles are 64 bits wide; was it cut to 32?)");
        assert_eq!(said(kind, half), expected);
        assert_eq!(said(kind, top), format!("{word}: handle {top:#x}: no such handle was ever given out"));
    }
    let foreign = fixture.owner ^ 1 << (REGISTRY_SHIFT + 12);
    let expected = format!("owner: handle {foreign:#x} belongs to another registry, or to another copy of the library");
    assert_eq!(said("mreg_owner", foreign), expected);
    assert_eq!(models_of(0).expect_err("null").message, "owner: the handle is null");
}

#[test]
fn init_functions_take_null_and_unaligned_memory() {
    macro_rules! init {
        ($($function:ident $kind:ident;)*) => {$({
            let mut memory = vec![0x55_u8; size_of::<capi::$kind>() + 16];
            // SAFETY: NULL does nothing; the memory has room for the struct at an odd address.
            unsafe {
                capi::$function(std::ptr::null_mut());
                capi::$function(memory.as_mut_ptr().add(1).cast());
            }
            let size = usize::from_ne_bytes(memory[1..9].try_into().expect("eight bytes"));
            assert_eq!(size, size_of::<capi::$kind>());
            let zero = memory[9..=size].iter().all(|byte| *byte == 0);
            assert_eq!(zero, stringify!($kind) != "mreg_sweeper_options", "{}", stringify!($function));
            assert_eq!((memory[0], memory[size + 1]), (0x55, 0x55), "{}", stringify!($function));
        })*};
    }
    init! {
        mreg_error_init mreg_error;
        mreg_registry_options_init mreg_registry_options;
        mreg_registry_stats_init mreg_registry_stats;
        mreg_owner_options_init mreg_owner_options;
        mreg_model_options_init mreg_model_options;
        mreg_tenant_info_init mreg_tenant_info;
        mreg_sweeper_options_init mreg_sweeper_options;
        mreg_sweeper_info_init mreg_sweeper_info;
        mreg_schema_options_init mreg_schema_options;
        mreg_schema_info_init mreg_schema_info;
        mreg_load_options_init mreg_load_options;
        mreg_load_info_init mreg_load_info;
        mreg_problem_init mreg_problem;
        mreg_due_init mreg_due;
        mreg_change_init mreg_change;
        mreg_watcher_options_init mreg_watcher_options;
    }
}
