//! What leaves the library is what the header declares, and every function that leaves it is guarded.

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::{Language, header, root, say};

/// What only the build for tests exports.
fn hooks() -> BTreeSet<String> {
    let names: &[&str] =
        if cfg!(feature = "test-hooks") { &["mreg_test_panic", "mreg_test_panic_locked"] } else { &[] };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What a tool of binutils prints.
fn tool(program: &str, arguments: &[&str], file: &Path) -> String {
    let output = Command::new(program).args(arguments).arg(file).env("LC_ALL", "C").output();
    let output = output.unwrap_or_else(|error| panic!("{program} of binutils, which comes with a C compiler: {error}"));
    assert!(output.status.success(), "{program} {file:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The names of the defined symbols that `nm` lists.
fn symbols(arguments: &[&str], file: &Path) -> BTreeSet<String> {
    let text = tool("nm", arguments, file);
    // "address type name"; a version may follow after an @.
    let names = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (_, kind, name) = (words.next()?, words.next()?, words.next()?);
        (kind.len() == 1).then(|| name.split('@').next().unwrap_or(name).to_owned())
    });
    names.collect()
}

/// Fails with the names that only one of both has.
fn assert_same(left: &BTreeSet<String>, right: &BTreeSet<String>, only_left: &str, only_right: &str) {
    let missing: Vec<&String> = left.difference(right).collect();
    let extra: Vec<&String> = right.difference(left).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{only_left}: {missing:?}; {only_right}: {extra:?}");
}

#[test]
fn the_shared_library_exports_what_the_header_declares() {
    let mut declared = header::functions();
    declared.extend(hooks());
    // Without a filter: nothing of another name leaves the library.
    let exported = symbols(&["-D", "--defined-only"], &support::library().shared);
    assert_same(&declared, &exported, "declared and not exported", "exported and not declared");
}

#[test]
fn the_static_library_exports_what_the_header_declares() {
    let mut declared = header::functions();
    declared.extend(hooks());
    let all = symbols(&["-g", "--defined-only"], &support::library().archive);
    let ours: BTreeSet<String> = all.iter().filter(|name| name.to_lowercase().starts_with("mreg")).cloned().collect();
    assert_same(&declared, &ours, "declared and not in the archive", "in the archive and not declared");
    // Nothing that C could collide with: the rest are Rust's mangled names and those that its runtime shares.
    let is_mangled = |name: &str| name.starts_with("_ZN") || name.starts_with("_R") || name.starts_with("__rust");
    let of_runtime = |name: &str| name.starts_with("rust_") || name.starts_with("__") || name.starts_with("DW.ref.");
    let other: Vec<&String> = all
        .difference(&ours)
        .filter(|name| !is_mangled(name) && !of_runtime(name))
        .filter(|name| !is_hashed(name))
        .collect();
    assert!(other.is_empty(), "names in the archive that programs could collide with: {other:?}");
}

/// Whether a name is one that the compiler makes of a hash: `anon.<hash>.<number>` and the like.
fn is_hashed(name: &str) -> bool {
    name.split('.').any(|part| part.len() >= 16 && part.chars().all(|c| c.is_ascii_hexdigit()))
}

#[test]
fn the_shared_library_has_its_soname_and_stays_loaded() {
    let text = tool("readelf", &["-d"], &support::library().shared);
    let soname = format!("[libmodelreg.so.{}]", support::soname_version());
    let line = |key: &str| text.lines().find(|line| line.contains(key)).unwrap_or_default().to_owned();
    assert!(line("(SONAME)").contains(&soname), "no soname {soname} in\n{text}");
    assert!(line("(FLAGS_1)").contains("NODELETE"), "no flag NODELETE in\n{text}");
    assert!(!text.contains("(RPATH)") && !text.contains("(RUNPATH)"), "a path to look for libraries in\n{text}");
}

/// A function that leaves the library, as it stands in the source.
struct Exported {
    name: String,
    abi: String,
    /// With that of the function that it ends with where it has no answer at once.
    body: String,
    /// Where, for people.
    file: String,
}

/// The body of the function that a function ends with, which has the same arguments, and is in the same file.
fn rest_of<'a>(body: &str, text: &'a str) -> &'a str {
    let last = body.trim_end().lines().next_back().unwrap_or_default();
    let called = last.split_once("unsafe { ").and_then(|(_, call)| call.split_once('(')).map_or("", |(name, _)| name);
    if !called.ends_with("_apart") {
        return "";
    }
    let rest = text.split_once(&format!("unsafe extern \"C\" fn {called}(")).map_or("", |(_, rest)| rest);
    rest.split_once("\n}").map_or("", |(function, _)| function)
}

/// The exported functions of `src/capi`.
fn exported() -> Vec<Exported> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("src/capi")).expect("the source is there") {
        let path = entry.expect("a directory can be read").path();
        let text = fs::read_to_string(&path).expect("the source can be read");
        for part in text.split("#[unsafe(no_mangle)]").skip(1) {
            let head = part.split('{').next().expect("a function has a body");
            // rustfmt puts the end of a function at the beginning of a line.
            let end = part.find("\n}").expect("a function has an end");
            let word_after = |key: &str| {
                let rest = head.split_once(key).unwrap_or_else(|| panic!("{path:?}: no {key:?} in {head}")).1;
                rest.split(['(', '"', ' ', '<']).next().unwrap_or_default().to_owned()
            };
            let body = &part[head.len()..end];
            let code = [body, rest_of(body, &text)].join("\n");
            let code = code.lines().map(|line| line.split("//").next().unwrap_or_default());
            found.push(Exported {
                name: word_after(" fn "),
                abi: word_after("extern \""),
                body: code.collect::<Vec<_>>().join("\n"),
                file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            });
        }
    }
    found
}

/// Functions that do nothing that could panic, and have no guard.
const CANNOT_PANIC: [&str; 7] = [
    "mreg_error_init",
    "mreg_model_is_valid",
    "mreg_owner_is_valid",
    "mreg_status_name",
    "mreg_status_text",
    "mreg_version",
    "mreg_version_string",
];

/// The helpers of `src/capi` that leave an exported function nothing to panic with.
const GUARDS: [&str; 5] = ["guard", "guard_text", "guard_due", "guard_change", "init"];

/// Whether the code calls a function of this name.
fn calls(code: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code.match_indices(&format!("{name}(")).any(|(at, _)| !code[..at].ends_with(is_part))
}

#[test]
fn the_source_exports_what_the_header_declares() {
    let names: BTreeSet<String> = exported().into_iter().map(|function| function.name).collect();
    let mut declared = header::functions();
    declared.extend(["mreg_test_panic", "mreg_test_panic_locked"].map(str::to_owned));
    assert_same(&declared, &names, "declared and not in src/capi", "in src/capi and not declared");
}

#[test]
fn every_exported_function_is_guarded() {
    let mut wrong = Vec::new();
    for Exported { name, abi, body, file } in exported() {
        let guards = GUARDS.iter().filter(|guard| calls(&body, guard)).count();
        let is_listed = CANNOT_PANIC.contains(&name.as_str());
        if is_listed == (guards > 0) {
            let what =
                if is_listed { "is guarded, and on the list of those that need no guard" } else { "has no guard" };
            wrong.push(format!("{file}: {name} {what}"));
        }
        // A panic of ours must not pass through, an exception of the host's must: the two come together.
        let runs_host_code = calls(&body, "run_due");
        if runs_host_code != (abi == "C-unwind") {
            wrong.push(format!(
                "{file}: {name} is extern {abi:?}, and {} run_due",
                if runs_host_code { "calls" } else { "does not call" }
            ));
        }
        if runs_host_code != calls(&body, "guard_due") {
            wrong.push(format!("{file}: {name} has one of guard_due and run_due without the other"));
        }
        // After the guarded part, and not inside of it.
        if runs_host_code && body.rfind("guard_due(") > body.rfind("run_due(") {
            wrong.push(format!("{file}: {name} calls run_due before its guarded part has ended"));
        }
        if runs_host_code && !body.contains("\n    run_due(") {
            wrong.push(format!("{file}: {name} calls run_due inside of something else"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_guards_catch_panics() {
    let text = ["src/capi/mod.rs", "src/capi/builder.rs"]
        .map(|file| fs::read_to_string(root().join(file)).expect("the source can be read"))
        .concat();
    let body = |name: &str| {
        let (_, rest) = text.split_once(&format!("unsafe fn {name}")).unwrap_or_else(|| panic!("{name} is not there"));
        rest.split_once("\n}").expect("a function has an end").0.split_once("{\n").expect("a function has a body").1
    };
    assert!(body("guard(").contains("catch_unwind(AssertUnwindSafe(work))"));
    for name in ["guard_text", "guard_due", "guard_change"] {
        assert!(calls(body(name), "guard"), "{name} does not go through guard");
    }
    // This one stores a constant.
    assert!(body("init<").contains("pointer.write_unaligned(T::DEFAULT)"));
}

#[test]
fn the_header_says_which_functions_run_destructors() {
    let comments = header::comments();
    let mut wrong = Vec::new();
    for function in exported().into_iter().filter(|function| !function.name.starts_with("mreg_test_")) {
        let comment = comments.get(&function.name).map(String::as_str).unwrap_or_default();
        let says = comment.contains("Runs destructors") || comment.contains("`options->destroy` is called");
        if says != (function.abi == "C-unwind") {
            wrong.push(format!("{}: extern {:?}, and its comment says {comment:?}", function.name, function.abi));
        }
        if !comment.contains("Since ") || !comment.contains("Any thread") {
            wrong.push(format!("{}: its comment does not say from which threads, and since when", function.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_header_says_that_a_handle_of_a_model_holds_nothing() {
    let comments = header::comments();
    let gives = |parameter: &String| parameter == "mreg_model *model" || parameter == "mreg_model *models";
    let mut giving: BTreeSet<String> =
        header::parameters().into_iter().filter(|(_, all)| all.iter().any(gives)).map(|(name, _)| name).collect();
    assert!(giving.remove("mreg_model_register"), "what was just registered is the caller's own");
    assert!(giving.contains("mreg_owner_models") && giving.contains("mreg_owner_get"), "{giving:?}");
    giving.retain(|name| {
        let comment = comments.get(name).map(String::as_str).unwrap_or_default();
        !comment.contains("The handles hold nothing") && !comment.contains("The handle holds nothing")
    });
    assert!(giving.is_empty(), "these give out handles of models, and do not say that they hold nothing: {giving:?}");
}

#[test]
fn a_missing_guard_is_caught() {
    assert!(calls("unsafe { guard(error, work) }", "guard"));
    assert!(calls("super::init(options)", "init"));
    assert!(!calls("unsafe { reguard(error, work) }", "guard"));
    assert!(!calls("mreg_error_init(error)", "init"));
    assert!(!calls("guard_due(error, work)", "guard"));
}

/// A program that compares what the header says with what the library does.
fn program_of_constants() -> String {
    let mut text = "#include \"modelreg.h\"\n#include <stdio.h>\n#include <string.h>\n\n\
        static int wrong;\n\
        static void check(int holds, const char *what) {\n\
        \x20   if (!holds) {\n\
        \x20       printf(\"%s\\n\", what);\n\
        \x20       wrong = 1;\n\
        \x20   }\n\
        }\n\n"
        .to_owned();
    let statuses = header::statuses();
    text += "static int is_used(int32_t number) {\n    switch (number) {\n";
    for name in statuses.keys() {
        writeln!(text, "    case {name}:").expect("a string takes all");
    }
    text += "        return 1;\n    default:\n        return 0;\n    }\n}\n\nint main(void) {\n    int32_t number;\n";
    let mut check = |condition: String| {
        let what = condition.replace('"', "'");
        writeln!(text, "    check({condition}, \"{what}\");").expect("a string takes all");
    };
    let [major, minor, patch] =
        [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")];
    check(format!("MREG_VERSION_MAJOR == {major} && MREG_VERSION_MINOR == {minor} && MREG_VERSION_PATCH == {patch}"));
    check(format!("mreg_version() == (((uint32_t){major} << 16) | ({minor} << 8) | {patch})"));
    check("mreg_version() == MREG_VERSION_NUMBER".to_owned());
    check(format!("strcmp(mreg_version_string(), \"{}\") == 0", env!("CARGO_PKG_VERSION")));
    for (name, value) in &statuses {
        check(format!("{name} == {value}"));
        check(format!("strcmp(mreg_status_name({name}), \"{name}\") == 0"));
        check(format!("strlen(mreg_status_text({name})) > 3"));
        check(format!("strcmp(mreg_status_text({name}), \"unknown status\") != 0"));
    }
    check("MREG_OK == 0 && sizeof(mreg_status) == 4".to_owned());
    check("MREG_NULL == 0 && sizeof(MREG_NULL) == 8".to_owned());
    check("MREG_NUL_TERMINATED == SIZE_MAX && sizeof(MREG_NUL_TERMINATED) == sizeof(size_t)".to_owned());
    for name in header::handles() {
        check(format!("sizeof({name}) == 8 && ({name})-1 > 0"));
    }
    text += "    for (number = -1000; number < 5000; number++) {\n\
             \x20       if (is_used(number)) continue;\n\
             \x20       check(strcmp(mreg_status_name(number), \"MREG_UNKNOWN_STATUS\") == 0, \"an unused number has a name\");\n\
             \x20       check(strcmp(mreg_status_text(number), \"unknown status\") == 0, \"an unused number has a text\");\n\
             \x20       check(number <= MREG_STATUS_LAST || !is_used(number), \"a number is past the last\");\n\
             \x20   }\n    return wrong;\n}\n";
    text
}

#[test]
fn versions_statuses_and_constants_agree() {
    let scratch = support::scratch("constants");
    let source = scratch.join("constants.c");
    fs::write(&source, program_of_constants()).expect("a file can be written");
    let tool = support::compiler(Language::C).expect("a C compiler is needed: install gcc or clang, or set CC");
    let programs = support::compile_twice(support::library(), &tool, "c11", &[], &source, &scratch.join("constants"));
    for program in programs.unwrap_or_else(|complaint| panic!("{complaint}")) {
        let outcome = support::run(&mut Command::new(&program), &program, Duration::from_secs(60));
        assert_eq!(outcome.status, Some(0), "{}: {}\n{}", program.display(), outcome.ending, outcome.said());
        say(&format!("passed: {}", program.file_name().unwrap_or_default().to_string_lossy()));
    }
}

/// As the header writes them, the numbers of a kind do not come twice.
#[test]
fn no_status_number_is_used_twice() {
    let statuses = header::statuses();
    let numbers: BTreeSet<i32> = statuses.values().copied().collect();
    assert_eq!(numbers.len(), statuses.len());
    assert!(numbers.iter().all(|number| (0..1000).contains(number)), "1000 to 1999 are left to the host");
    assert_eq!(modelreg::capi::MREG_NULL, 0);
    assert_eq!(modelreg::capi::MREG_NUL_TERMINATED, usize::MAX);
    let of_rust: BTreeSet<i32> = modelreg::error::Status::ALL.iter().map(|status| *status as i32).collect();
    assert_eq!(numbers, of_rust);
}
