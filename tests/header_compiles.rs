//! C and C++ take the header without a warning, in every standard, and its initializers give what the functions give.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::{Language, WARNINGS, root, say};

/// A compiler with a standard.
struct Setting {
    program: PathBuf,
    language: Language,
    standard: String,
}

impl Setting {
    fn name(&self) -> String {
        let compiler = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("{compiler} -std={}", self.standard)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(format!("-std={}", self.standard)).args(WARNINGS);
        command.arg("-I").arg(root().join("include"));
        command
    }

    fn file_end(&self) -> &'static str {
        if self.language == Language::C { "c" } else { "cpp" }
    }
}

/// Every standard with every compiler that is there; prints what is not.
fn settings(scratch: &Path) -> Vec<Setting> {
    let mut found = Vec::new();
    for (language, clang, standards) in [
        (Language::C, "clang", &["c99", "c11", "c17", "c23"][..]),
        (Language::Cpp, "clang++", &["c++11", "c++17", "c++20"][..]),
    ] {
        let mut programs = Vec::new();
        match support::compiler(language) {
            Some(tool) => programs.push(tool.path().to_owned()),
            None => say(&format!("skipped: the header with the {language:?} compiler because there is none")),
        }
        if support::is_there(Path::new(clang)) {
            programs.push(PathBuf::from(clang));
        } else {
            say(&format!("skipped: the header with {clang} because it is not installed"));
        }
        for program in programs {
            for standard in standards {
                // Before it was finished, C23 was called C2x.
                let spellings = if *standard == "c23" { vec!["c23", "c2x"] } else { vec![*standard] };
                let setting =
                    |standard: &str| Setting { program: program.clone(), language, standard: standard.into() };
                match spellings.into_iter().map(setting).find(|setting| takes(setting, scratch)) {
                    Some(setting) => found.push(setting),
                    None => say(&format!("skipped: {} because it does not know {standard}", program.display())),
                }
            }
        }
    }
    assert!(found.iter().any(|setting| setting.language == Language::C), "a C compiler is needed");
    found
}

/// Whether the compiler knows the standard.
fn takes(setting: &Setting, scratch: &Path) -> bool {
    let source = scratch.join(format!("nothing.{}", setting.file_end()));
    fs::write(&source, "int mreg_nothing;\n").expect("a file can be written");
    let mut command = setting.command();
    command.arg("-c").arg(&source).arg("-o").arg(scratch.join("nothing.o"));
    support::compile(command).is_ok()
}

/// Compiles one text in every setting; what is wrong.
fn compile_everywhere(scratch: &Path, settings: &[Setting], name: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for setting in settings {
        let source = scratch.join(format!("{name}.{}", setting.file_end()));
        fs::write(&source, text).expect("a file can be written");
        let mut command = setting.command();
        command.arg("-c").arg(&source).arg("-o").arg(scratch.join(format!("{name}.o")));
        match support::compile(command) {
            Ok(()) => say(&format!("passed: {name} with {}", setting.name())),
            Err(complaint) => {
                say(&format!("FAILED {name} with {}", setting.name()));
                wrong.push(complaint);
            }
        }
    }
    wrong
}

#[test]
fn the_header_compiles_alone_and_twice() {
    let scratch = support::scratch("header");
    let settings = settings(&scratch);
    let once = "#include \"modelreg.h\"\n";
    let mut wrong = compile_everywhere(&scratch, &settings, "header-alone", once);
    wrong.extend(compile_everywhere(&scratch, &settings, "header-twice", &once.repeat(2)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_header_with_a_warning_is_caught() {
    let scratch = support::scratch("header-bad");
    for setting in settings(&scratch) {
        let source = scratch.join(format!("bad.{}", setting.file_end()));
        fs::write(&source, "#include \"modelreg.h\"\nstatic int mreg_bad(int unused) { return 0; }\n")
            .expect("a file can be written");
        let mut command = setting.command();
        command.arg("-c").arg(&source).arg("-o").arg(scratch.join("bad.o"));
        assert!(support::compile(command).is_err(), "{} does not mind what nobody uses", setting.name());
    }
}

/// The macro and the function that belong to a struct that can grow.
fn initializers(of: &str) -> (String, String) {
    (format!("{}_INIT", of.to_uppercase()), format!("{of}_init"))
}

#[test]
fn every_struct_that_can_grow_has_both_initializers() {
    let structs = support::header::growable_structs();
    let (macros, functions) = (support::header::macros(), support::header::functions());
    for name in &structs {
        let (init_macro, init_function) = initializers(name);
        assert!(macros.contains(&init_macro), "{name} has no {init_macro}");
        assert!(functions.contains(&init_function), "{name} has no {init_function}");
    }
    let made: usize = macros.iter().filter(|name| name.ends_with("_INIT")).count();
    assert_eq!(made, structs.len(), "a macro _INIT is of no struct that can grow");
    let made: usize = functions.iter().filter(|name| name.ends_with("_init")).count();
    assert_eq!(made, structs.len(), "a function _init is of no struct that can grow");
}

/// A program that compares the bytes of every macro with those of its function.
fn program_of_initializers() -> String {
    let mut text = "#include \"modelreg.h\"\n#include <stdio.h>\n#include <string.h>\n\n".to_owned();
    for name in support::header::growable_structs() {
        let (init_macro, init_function) = initializers(&name);
        // Memory that is no zero shows what the function leaves out.
        text += &format!(
            "static int check_{name}(void) {{\n\
             \x20   static const {name} from_macro = {init_macro};\n\
             \x20   {name} from_function;\n\
             \x20   memset(&from_function, 0xA5, sizeof from_function);\n\
             \x20   {init_function}(&from_function);\n\
             \x20   {init_function}(NULL);\n\
             \x20   if (from_function.struct_size != sizeof({name}) ||\n\
             \x20       memcmp(&from_macro, &from_function, sizeof from_macro) != 0) {{\n\
             \x20       printf(\"{init_macro} and {init_function} give different bytes\\n\");\n\
             \x20       return 1;\n\
             \x20   }}\n\
             \x20   return 0;\n\
             }}\n\n"
        );
    }
    text += "int main(void) {\n    int wrong = 0;\n";
    for name in support::header::growable_structs() {
        text += &format!("    wrong += check_{name}();\n");
    }
    text + "    return wrong != 0;\n}\n"
}

#[test]
fn macros_and_functions_give_the_same_bytes() {
    let scratch = support::scratch("initializers");
    let settings = settings(&scratch);
    let text = program_of_initializers();
    let mut wrong = compile_everywhere(&scratch, &settings, "initializers", &text);
    for (language, standard) in [(Language::C, "c11"), (Language::Cpp, "c++17")] {
        let Some(tool) = support::compiler(language) else { continue };
        let source = scratch.join(if language == Language::C { "initializers.c" } else { "initializers.cpp" });
        let to = scratch.join(format!("initializers-{standard}"));
        match support::compile_twice(support::library(), &tool, standard, &[], &source, &to) {
            Err(complaint) => wrong.push(complaint),
            Ok(programs) => {
                for program in programs {
                    let outcome = support::run(&mut Command::new(&program), &program, Duration::from_secs(60));
                    if outcome.status != Some(0) {
                        wrong.push(format!("{}: {}\n{}", program.display(), outcome.ending, outcome.said()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
