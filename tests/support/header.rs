//! The public header as text: what it declares.

use std::collections::{BTreeMap, BTreeSet};

/// The header as it is in the repository.
pub fn text() -> String {
    std::fs::read_to_string(super::root().join("include/modelreg.h")).expect("the header can be read")
}

/// The header without its comments.
fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        code.push(' ');
        rest = comment.split_once("*/").expect("a comment ends").1;
    }
    code + rest
}

/// The header without comments, and without the preprocessor's lines; and those lines, each as one.
fn code_and_directives() -> (String, Vec<String>) {
    let joined = without_comments(&text()).replace("\\\n", " ");
    let (directives, code): (Vec<&str>, Vec<&str>) =
        joined.lines().partition(|line| line.trim_start().starts_with('#'));
    (code.join("\n"), directives.into_iter().map(str::to_owned).collect())
}

fn is_part_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The functions that it declares.
pub fn functions() -> BTreeSet<String> {
    parameters().into_keys().collect()
}

/// The parameters of each function that it declares, as they are written.
pub fn parameters() -> BTreeMap<String, Vec<String>> {
    let (code, _) = code_and_directives();
    let mut found = BTreeMap::new();
    for (at, _) in code.match_indices('(') {
        let before = code[..at].trim_end();
        let name = &before[before.rfind(|c| !is_part_of_name(c)).map_or(0, |at| at + 1)..];
        if name.starts_with("mreg_") {
            let parameters = code[at + 1..].split(')').next().unwrap_or_default();
            found.insert(name.to_owned(), parameters.split(',').map(|one| one.trim().to_owned()).collect());
        }
    }
    assert!(found.contains_key("mreg_version") && found.len() > 50, "the header's functions were not found: {found:?}");
    found
}

/// The comment above each function, in one line.
pub fn comments() -> BTreeMap<String, String> {
    let text = text();
    let mut found = BTreeMap::new();
    for part in text.split("/**").skip(1) {
        let (comment, code) = part.split_once("*/").expect("a comment ends");
        let words: Vec<&str> = comment.split_whitespace().filter(|word| *word != "*").collect();
        let declared = code.split_once('(').map_or("", |(before, _)| before).trim_end();
        let name = declared.rsplit(|c| !is_part_of_name(c)).next().unwrap_or_default();
        if name.starts_with("mreg_") {
            found.insert(name.to_owned(), words.join(" "));
        }
    }
    found
}

/// The structs that can grow: those that begin with their size.
pub fn growable_structs() -> BTreeSet<String> {
    let (code, _) = code_and_directives();
    let mut found = BTreeSet::new();
    for part in code.split("typedef struct ").skip(1) {
        let (name, fields) = part.split_once('{').expect("a struct has fields");
        if fields.trim_start().starts_with("size_t struct_size;") {
            found.insert(name.trim().to_owned());
        }
    }
    assert!(found.contains("mreg_error"), "the header's structs were not found: {found:?}");
    found
}

/// The names of the macros.
pub fn macros() -> BTreeSet<String> {
    let (_, directives) = code_and_directives();
    let defined = directives.iter().filter_map(|line| line.trim_start().strip_prefix("#define "));
    defined.map(|line| line.chars().take_while(|c| is_part_of_name(*c)).collect()).collect()
}

/// The status numbers by their names, without the marker of the last one.
pub fn statuses() -> BTreeMap<String, i32> {
    let (code, _) = code_and_directives();
    let mut found = BTreeMap::new();
    for part in code.split("enum {").skip(1) {
        for entry in part.split('}').next().unwrap_or_default().split(',') {
            let (name, value) = entry.split_once('=').expect("a status has a number");
            found.insert(name.trim().to_owned(), value.trim().parse().expect("a status is a number"));
        }
    }
    assert_eq!(found.remove("MREG_STATUS_LAST"), found.values().copied().max(), "MREG_STATUS_LAST is not the last");
    found
}

/// The types that are handles.
pub fn handles() -> BTreeSet<String> {
    let (code, _) = code_and_directives();
    let typedefs = code.split("typedef uint64_t ").skip(1);
    typedefs.map(|part| part.split(';').next().unwrap_or_default().trim().to_owned()).collect()
}
