//! The README keeps what it promises: its program compiles as it stands, and prints what the README says.

mod support;

use std::process::Command;
use std::time::Duration;

use support::{Language, root};

/// The first fenced block of this language after a place in a text, and where it ends.
fn fenced<'a>(text: &'a str, language: &str, from: usize) -> (&'a str, usize) {
    let open = format!("\n```{language}\n");
    let begin = from + text[from..].find(&open).expect("the block is there") + open.len();
    let end = begin + text[begin..].find("```").expect("the block ends");
    (&text[begin..end], end)
}

#[test]
fn the_program_in_the_readme_prints_what_the_readme_says() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README can be read");
    let (program, end) = fenced(&readme, "c", 0);
    let (expected, _) = fenced(&readme, "text", end);
    let scratch = support::scratch("readme");
    let source = scratch.join("readme.c");
    std::fs::write(&source, program).expect("the program can be written");
    let tool = support::compiler(Language::C).expect("there is a C compiler");
    let programs = support::compile_twice(support::library(), &tool, "c11", &[], &source, &scratch.join("readme"))
        .unwrap_or_else(|complaint| panic!("{complaint}"));
    for program in programs {
        let outcome = support::run(&mut Command::new(&program), &program, Duration::from_secs(60));
        assert_eq!(outcome.status, Some(0), "{}", outcome.said());
        assert_eq!(outcome.stdout, expected);
    }
}

#[test]
fn the_commands_in_the_readme_are_there() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README can be read");
    for word in readme.split(['`', ' ', '\n', '(', ')', '[', ']', ',']) {
        let is_path = word.contains('/')
            && word.contains('.')
            && !word.contains("://")
            && !word.starts_with("path/")
            && !word.contains('\'');
        if is_path {
            assert!(root().join(word.trim_end_matches('.')).exists(), "the README names {word}, which is not there");
        }
    }
    for program in ["cache_invalidation", "two_tenants", "threads", "loopback_app"] {
        assert!(readme.contains(program) && root().join(format!("examples/{program}.c")).exists(), "{program}");
    }
}
