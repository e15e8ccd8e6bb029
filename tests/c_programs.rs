//! Every program of `examples/` and `tests/c/`, linked to the shared and to the static library, runs and ends well.
//!
//! Exit status 0 is a pass; 77 says that this machine lacks something, and is printed. Where `examples/expected/` has a
//! text of the program's name, that is what it has to print.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use support::{Language, Library, root, say};

const LIMIT: Duration = Duration::from_secs(120);

/// A program with its arguments, and what it has to do.
struct Case {
    /// What it is called in the output; also the name of the file that is compiled.
    name: String,
    source: PathBuf,
    language: Language,
    library: fn() -> &'static Library,
    defines: &'static [&'static str],
    arguments: Vec<String>,
    /// The exit status that it has to have.
    status: i32,
}

impl Case {
    fn new(source: PathBuf) -> Case {
        let name = source.file_stem().and_then(|name| name.to_str()).expect("a source has a name").to_owned();
        let language = if source.extension().is_some_and(|end| end == "cpp") { Language::Cpp } else { Language::C };
        // A small run is enough for what needs arguments.
        let arguments: &[&str] = if name == "threads" { &["200"] } else { &[] };
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Case { name, source, language, library: support::library, defines: &[], arguments, status: 0 }
    }

    fn is_example(&self) -> bool {
        self.source.parent() == Some(&root().join("examples"))
    }

    /// Compiles and runs it in both ways; what is wrong with each.
    fn run(&self, scratch: &Path) -> Vec<String> {
        let Some(tool) = support::compiler(self.language) else {
            say(&format!("skipped: {} because there is no {:?} compiler", self.name, self.language));
            assert!(self.language == Language::Cpp, "a C compiler is needed: install gcc or clang, or set CC");
            return Vec::new();
        };
        let standard = if self.language == Language::C { "c11" } else { "c++17" };
        let to = scratch.join(self.name.replace('/', "_"));
        let programs = match support::compile_twice((self.library)(), &tool, standard, self.defines, &self.source, &to)
        {
            Ok(programs) => programs,
            Err(complaint) => {
                say(&format!("FAILED {}: it does not compile", self.name));
                return vec![format!("{}: it does not compile: {complaint}", self.name)];
            }
        };
        let linkages = ["shared", "static"].into_iter().zip(&programs);
        linkages.filter_map(|(linkage, program)| self.run_one(linkage, program).err()).collect()
    }

    fn run_one(&self, linkage: &str, program: &Path) -> Result<(), String> {
        let name = format!("{linkage}/{}", self.name);
        let outcome = support::run(Command::new(program).args(&self.arguments), program, LIMIT);
        let took = outcome.took.as_secs_f64();
        if outcome.status == Some(77) && self.status == 0 {
            say(&format!("skipped: {name} because {}", outcome.last_line()));
            return Ok(());
        }
        let mut wrong = Vec::new();
        if outcome.status != Some(self.status) {
            wrong.push(format!("{}, and not {}", outcome.ending, self.status));
        }
        let expected = root().join("examples/expected").join(format!("{}.txt", self.name));
        if self.is_example() && expected.is_file() {
            let expected = fs::read_to_string(&expected).expect("an expected output can be read");
            if let Some(difference) = difference(&outcome.stdout, &expected) {
                wrong.push(format!("the output is not as expected: {difference}"));
            }
        }
        if wrong.is_empty() {
            say(&format!("passed: {name} ({took:.1} s)"));
            return Ok(());
        }
        say(&format!("FAILED {name}: {}", wrong.join("; ")));
        Err(format!("{name} {:?}: {}\n{}", self.arguments, wrong.join("; "), outcome.said()))
    }
}

/// The first line that differs, if one does.
fn difference(made: &str, expected: &str) -> Option<String> {
    if made == expected {
        return None;
    }
    let lines = made.lines().count().max(expected.lines().count());
    let line = |text: &str, at| text.lines().nth(at).map_or("nothing".to_owned(), |line: &str| format!("{line:?}"));
    let at = (0..lines).find(|at| line(made, *at) != line(expected, *at));
    Some(at.map_or("the last line's end differs".to_owned(), |at| {
        format!("line {} is {} instead of {}", at + 1, line(made, at), line(expected, at))
    }))
}

/// The sources with one of these endings in a directory of the repository, in the order of their names.
fn sources(directory: &str, endings: &[&str]) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root().join(directory)) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("a directory can be read").path()).collect();
    found.retain(|path| path.extension().is_some_and(|end| endings.iter().any(|ending| end == *ending)));
    found.sort();
    found
}

/// Runs all cases, several at once, and fails with everything that is wrong.
fn run_all(scratch: &str, cases: Vec<Case>) {
    let scratch = support::scratch(scratch);
    // Built before the clock of the first program ticks.
    support::library();
    let (queue, wrong) = (Mutex::new(cases.into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("nobody panics with the lock").next();
                    let Some(case) = next else { return };
                    let found = case.run(&scratch);
                    wrong.lock().expect("nobody panics with the lock").extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("nobody panics with the lock");
    assert!(wrong.is_empty(), "{} failed:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn the_examples_run() {
    let examples = sources("examples", &["c"]);
    assert!(!examples.is_empty(), "there is no program in examples/");
    run_all("examples", examples.into_iter().map(Case::new).collect());
}

#[test]
fn the_tests_in_c_run() {
    let mut cases: Vec<Case> = sources("tests/c", &["c", "cpp"]).into_iter().map(Case::new).collect();
    cases.retain(|case| {
        let because = if case.name.starts_with("hooks_") && !cfg!(feature = "test-hooks") {
            "the library is built without the feature test-hooks"
        } else if case.name == "two_copies" && cfg!(feature = "small-generations") {
            "with three bits two copies begin to count generations at one number every eighth time"
        } else {
            return true;
        };
        say(&format!("skipped: {} because {because}", case.name));
        false
    });
    run_all("tests-in-c", cases);
}

#[test]
fn the_stress_program_calls_every_function_of_the_header() {
    let read = |path| fs::read_to_string(root().join(path)).expect("a source can be read");
    let source = read("tests/c/stress.c") + &read("tests/c/check.h");
    let mut functions = support::header::functions();
    functions.retain(|name| !name.ends_with("_init") && !source.contains(&format!("{name}(")));
    assert!(functions.is_empty(), "they are not called: {functions:?}");
}

#[test]
fn a_cache_without_its_check_is_caught() {
    let source = root().join("examples/threads.c");
    assert!(source.is_file(), "examples/threads.c is not there");
    // It ends with the first wrong answer; on a busy machine that may be a while in coming.
    let arguments = vec!["50000".to_owned()];
    let in_the_host = Case {
        name: "threads -DTHREADS_CACHE_WITHOUT_CHECK".to_owned(),
        defines: &["-DTHREADS_CACHE_WITHOUT_CHECK"],
        arguments: arguments.clone(),
        status: 1,
        ..Case::new(source.clone())
    };
    let in_the_library = Case {
        name: "threads with test-unchecked-reads".to_owned(),
        library: support::library_without_checks,
        arguments,
        status: 1,
        ..Case::new(source)
    };
    run_all("broken-cache", vec![in_the_host, in_the_library]);
}

/// Applications of the shared data that have something to report.
const WITH_PROBLEMS: [&str; 2] = ["gothrive-api", "open-community-app"];

#[test]
fn loopback_app_shows_every_application() {
    let source = root().join("examples/loopback_app.c");
    assert!(source.is_file(), "examples/loopback_app.c is not there");
    let scratch = support::scratch("loopback-app");
    let case = |name: &str, directory: &Path, status| Case {
        name: format!("loopback_app {name}"),
        arguments: vec![directory.to_str().expect("a path is UTF-8").to_owned()],
        status,
        ..Case::new(source.clone())
    };
    let empty = scratch.join("empty");
    fs::create_dir(&empty).expect("a directory can be made");
    // Nothing that can be read, and two files of one name.
    let (broken, twice) = (scratch.join("broken"), scratch.join("twice"));
    for (directory, text) in [(&broken, "{,"), (&twice, r#"{"name": "Twice", "properties": {"a": "string"}}"#)] {
        fs::create_dir_all(directory.join("models")).expect("a directory can be made");
        for file in ["models/a.json", "models/b.json"] {
            fs::write(directory.join(file), text).expect("a file can be written");
        }
    }
    let mut cases = vec![
        case("an empty directory", &empty, 2),
        case("a broken application", &broken, 2),
        case("two files of one name", &twice, 1),
    ];

    let data = std::env::var_os("MODELREG_SHARED_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let applications = data.join("loopback-apps");
    match fs::read_dir(&applications) {
        Err(error) => say(&format!("skipped: loopback_app on real applications because {data:?}: {error}")),
        Ok(entries) => {
            let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a directory can be read").path()).collect();
            paths.retain(|path| path.is_dir());
            paths.sort();
            for path in paths {
                let name = path.file_name().and_then(|name| name.to_str()).expect("a path is UTF-8");
                cases.push(case(name, &path, i32::from(WITH_PROBLEMS.contains(&name))));
            }
        }
    }
    run_all("applications", cases);
}
