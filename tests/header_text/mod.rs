//! Makes the text of the header: cbindgen's declarations, between the conventions, the status numbers and the
//! initializers, with a banner above each noun.

use std::fmt::Write as _;
use std::path::Path;

use modelreg::error::Status;

const CONVENTIONS: &str = include_str!("conventions.h");
const INITIALIZERS: &str = include_str!("initializers.h");

/// The nouns in the order of the header: the beginning of their functions' names, and what the banner says.
const NOUNS: [(&str, &str); 14] = [
    ("mreg_error_", "Errors"),
    ("mreg_version", "Version and status names"),
    ("mreg_registry_", "Registry: one container of owners, models and tenants"),
    ("mreg_owner_", "Owner: a data source, an app, or of a kind of the host's own"),
    ("mreg_model_", "Model: a named record with a schema, settings and the host's pointer"),
    ("mreg_snapshot_", "Snapshot: models at one moment, held"),
    ("mreg_tenant_", "Tenant: a named partition of a registry"),
    ("mreg_sweeper_", "Sweeper: drops what was idle too long, from a thread of the library's"),
    ("mreg_schema_", "Schema: a parsed model definition"),
    ("mreg_builder_", "Schema builder: a schema made property by property"),
    ("mreg_application_", "Application: a directory of definitions, loaded in one call"),
    ("mreg_watcher_", "Watcher: what happens in a registry"),
    ("mreg_queue_", "Release queue: user_data that is due, for hosts that take no callbacks"),
    ("mreg_log_", "Log"),
];

/// What stands before the nouns, in its order.
const COMMON: [&str; 11] = [
    "mreg_registry",
    "mreg_owner",
    "mreg_model",
    "mreg_snapshot",
    "mreg_schema",
    "mreg_builder",
    "mreg_load_report",
    "mreg_watcher",
    "mreg_queue",
    "mreg_text",
    "mreg_destructor",
];

/// Functions and types that belong to a noun whose name they do not begin with.
fn noun_of(name: &str) -> &str {
    match name {
        _ if name.starts_with("mreg_status_") => "mreg_version",
        _ if name.starts_with("mreg_memory") || name.starts_with("mreg_find_") => "mreg_registry_",
        _ if name.starts_with("mreg_load_") || name.starts_with("mreg_problem") => "mreg_application_",
        _ => name,
    }
}

/// The whole header.
pub fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml can be read");
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(root.join("src/capi/mod.rs"))
        .generate()
        .expect("cbindgen understands src/capi");
    let mut bytes = Vec::new();
    bindings.write(&mut bytes);
    assemble(&String::from_utf8(bytes).expect("cbindgen writes UTF-8"))
}

/// A declaration with its comment, as cbindgen wrote it.
struct Block {
    comment: Vec<String>,
    code: Vec<String>,
}

impl Block {
    /// The name that it declares.
    fn name(&self) -> &str {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut names =
            self.code[0].split(|c: char| !is_part(c)).filter(|word| word.to_lowercase().starts_with("mreg_"));
        let first = names.next().unwrap_or_default();
        // The first of a function's names is its result's type, unless that is one of C's own.
        let is_function = self.code[0].contains('(') && !self.code[0].starts_with("typedef");
        if is_function && first == "mreg_status" { names.next().unwrap_or_default() } else { first }
    }

    fn is_handle(&self) -> bool {
        self.code[0].starts_with("typedef uint64_t")
    }

    /// What everything else is made of: goes before the nouns.
    fn is_common(&self) -> bool {
        self.is_handle() || ["mreg_text", "mreg_destructor"].contains(&self.name())
    }

    fn write(&self, out: &mut String) {
        write_comment(&self.comment, "", out);
        let mut fields = Vec::new();
        for line in &self.code {
            let text = line.trim_start();
            if let Some(comment) = text.strip_prefix("// ").or_else(|| text.strip_prefix("//")) {
                fields.push(comment.to_owned());
                continue;
            }
            write_comment(&std::mem::take(&mut fields), "    ", out);
            // Every struct has a typedef, which reads better where it is only named.
            let line = if line.starts_with("typedef") { line.clone() } else { line.replace("struct mreg_", "mreg_") };
            let _ = writeln!(out, "{line}");
        }
        out.push('\n');
    }
}

fn write_comment(comment: &[String], indent: &str, out: &mut String) {
    // What Rust calls safety is what every C programmer knows: pointers point to what their types say.
    let end = comment.iter().position(|line| line == "# Safety").unwrap_or(comment.len());
    let lines = comment[..end].iter().rev().skip_while(|line| line.is_empty()).collect::<Vec<_>>();
    match lines.as_slice() {
        [] => {}
        [only] if indent.len() + only.len() < 112 => {
            let _ = writeln!(out, "{indent}/** {only} */");
        }
        _ => {
            let _ = writeln!(out, "{indent}/**");
            for line in lines.iter().rev() {
                let _ = writeln!(out, "{indent} * {line}").map(|()| trim_end(out));
            }
            let _ = writeln!(out, "{indent} */");
        }
    }
}

fn trim_end(out: &mut String) {
    let kept = out.trim_end().len();
    out.truncate(kept);
    out.push('\n');
}

fn blocks(raw: &str) -> Vec<Block> {
    let declarations = raw
        .split("\n\n")
        .map(|part| part.trim_matches('\n'))
        .filter(|part| !part.starts_with('#') || part.starts_with("#define MREG_"));
    declarations
        .filter(|part| !part.is_empty() && !part.starts_with("#define MODELREG_H"))
        .map(|part| {
            let (comment, code): (Vec<_>, Vec<_>) = {
                let lines: Vec<&str> = part.lines().collect();
                let split = lines.iter().position(|line| !line.starts_with("//")).unwrap_or(lines.len());
                (lines[..split].to_vec(), lines[split..].to_vec())
            };
            Block {
                comment: comment.into_iter().map(|line| line.trim_start_matches("//").trim().to_owned()).collect(),
                code: code.into_iter().map(str::to_owned).collect(),
            }
        })
        .filter(|block| !block.code.is_empty() && block.code[0].contains("mreg_") | block.code[0].contains("MREG_"))
        .collect()
}

fn banner(title: &str, out: &mut String) {
    let line = "=".repeat(100);
    let _ = writeln!(out, "/* {line}\n * {title}\n * {line} */\n");
}

fn assemble(raw: &str) -> String {
    let blocks = blocks(raw);
    let mut out =
        String::from("/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n\n#ifndef MODELREG_H\n#define MODELREG_H\n\n");
    out.push_str(CONVENTIONS);
    out.push_str("\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    banner("Status numbers", &mut out);
    status_numbers(&mut out);
    banner("Handles and texts", &mut out);
    let mut common: Vec<_> = blocks.iter().filter(|block| block.is_common()).collect();
    common.sort_by_key(|block| COMMON.iter().position(|name| *name == block.name()));
    common.iter().for_each(|block| block.write(&mut out));
    let mut written = common.len();
    for (noun, title) in NOUNS {
        let of_noun = |block: &&Block| !block.is_common() && belongs(block.name(), noun);
        if !blocks.iter().any(|block| of_noun(&block)) {
            continue;
        }
        banner(title, &mut out);
        for block in blocks.iter().filter(of_noun) {
            block.write(&mut out);
            written += 1;
        }
    }
    let left: Vec<_> = blocks.iter().map(Block::name).collect();
    assert_eq!(written, blocks.len(), "every declaration is under one noun: {left:?}");
    banner("Initializers of the structs above: the same bytes as their _init functions give", &mut out);
    out.push_str(INITIALIZERS);
    out.push_str("\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* MODELREG_H */\n");
    out
}

/// Whether a declaration stands under a noun.
fn belongs(name: &str, noun: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let lower = match lower.as_str() {
        "mreg_stamp" | "mreg_kind_any" | "mreg_kind_data_source" | "mreg_kind_app" | "mreg_kind_host_first" => {
            "mreg_owner_"
        }
        "mreg_error" => "mreg_error_",
        other if other.starts_with("mreg_change") => "mreg_watcher_",
        other if other.starts_with("mreg_due") => "mreg_queue_",
        "mreg_clock_system" => "mreg_registry_",
        other if other.starts_with("mreg_structure_") || other.starts_with("mreg_property_") => "mreg_schema_",
        other => noun_of(other),
    };
    lower.starts_with(noun)
}

fn status_numbers(out: &mut String) {
    out.push_str(
        "/**\n * What a call answers: one of the numbers below. 0 is success; numbers are never reused. Those from 1000 to 1999 are\n \
         * never used by the library: they are left to the host's own callbacks.\n */\ntypedef int32_t mreg_status;\n\nenum {\n",
    );
    for status in Status::ALL {
        let _ = writeln!(out, "    /** {} */", status.documentation().trim());
        let _ = writeln!(out, "    {} = {},", status.c_name().to_str().expect("ASCII"), *status as i32);
    }
    let last = Status::ALL.last().expect("there are statuses");
    let _ = writeln!(
        out,
        "    /** The last number that this version uses. */\n    MREG_STATUS_LAST = {}\n}};\n",
        *last as i32
    );
}
