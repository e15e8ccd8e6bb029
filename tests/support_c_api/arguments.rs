//! Arguments for every function of the header: something of every type, and values with which a call has nothing to refuse.

use super::table::{Call, Declared, HANDLES, calls, declared};
use super::*;
use crate::call;

/// Something of every type that there are handles of.
pub struct Fixture {
    pub registry: Registry,
    pub owner: u64,
    pub source: u64,
    pub model: u64,
    pub schema: u64,
    pub snapshot: u64,
    pub report: u64,
    pub watcher: u64,
    pub builder: u64,
    pub queue: u64,
}

pub const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/variants");

impl Fixture {
    pub fn new() -> Fixture {
        let registry = Registry::new();
        let (owner, source) = (registry.app(), registry.data_source("mysql"));
        let schema = schema(r#"{"name": "One", "base": "Model", "properties": {"a": "string"}}"#);
        let model = Model { schema, ..Model::of("User", owner) }.add(&registry);
        hold(model).expect("hold");
        let snapshot = hold_models(owner, ANY, false).expect("a snapshot");
        let mut report = 0;
        let (start, length) = (DIRECTORY.as_ptr().cast(), DIRECTORY.len());
        call!(mreg_application_load(registry.0, start, length, std::ptr::null(), &mut report)).expect("a report");
        let (mut watcher, mut builder, mut queue) = (0, 0, 0);
        call!(mreg_watcher_create(registry.0, std::ptr::null(), &mut watcher)).expect("a watcher");
        call!(mreg_builder_create(TEXT.as_ptr().cast(), TEXT.len(), &mut builder)).expect("a builder");
        call!(mreg_queue_create(&mut queue)).expect("a queue");
        Fixture { registry, owner, source, model, schema, snapshot, report, watcher, builder, queue }
    }

    pub fn handle(&self, kind: &str) -> u64 {
        match kind {
            "mreg_registry" => self.registry.0,
            "mreg_owner" => self.owner,
            "mreg_model" => self.model,
            "mreg_schema" => self.schema,
            "mreg_snapshot" => self.snapshot,
            "mreg_load_report" => self.report,
            "mreg_watcher" => self.watcher,
            "mreg_builder" => self.builder,
            "mreg_queue" => self.queue,
            _ => panic!("{kind} is no handle"),
        }
    }

    /// Lets all of it go; gives the handles, stale now.
    pub fn end(self) -> [(&'static str, u64); HANDLES.len()] {
        let stale = HANDLES.map(|(kind, _)| (kind, self.handle(kind)));
        drop(self);
        stale
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // A function that was tried may have let it go.
        let _ = unhold(self.model);
        let _ = free_snapshot(self.snapshot);
        let _ = free_schema(self.schema);
        let _ = call!(mreg_load_report_free(self.report));
        let _ = call!(mreg_watcher_free(self.watcher));
        let _ = call!(mreg_builder_free(self.builder));
        let _ = call!(mreg_queue_free(self.queue));
        let _ = destroy(self.registry.0);
    }
}

pub const TEXT: &str = r#"{"name": "User"}"#;
/// As long as the other one.
pub const SETTINGS: &str = r#"{"plural": "Us"}"#;

/// Memory for the arguments of one call.
pub struct Arguments {
    pub values: Vec<u64>,
    pub memory: Vec<Box<[u64; 512]>>,
}

fn write<T>(memory: &mut [u64; 512], value: T) {
    assert!(size_of::<T>() <= size_of_val(memory));
    // SAFETY: the memory is aligned for every struct of the header, and large enough.
    unsafe { memory.as_mut_ptr().cast::<T>().write(value) };
}

impl Arguments {
    /// Arguments with which the call has nothing to refuse.
    pub fn good(fixture: &Fixture, function: &Declared) -> Arguments {
        let mut arguments = Arguments { values: Vec::new(), memory: Vec::new() };
        for parameter in &function.parameters {
            let mut memory = Box::new([0xAAAA_AAAA_AAAA_AAAA_u64; 512]);
            let value = match (parameter.kind.as_str(), parameter.name.as_str()) {
                ("mreg_owner", "data_source") => fixture.source,
                (kind, _) if parameter.is_handle() => fixture.handle(kind),
                ("size_t", "capacity") => 64,
                ("size_t", "position") | ("uint64_t" | "uint32_t", _) => 0,
                ("size_t", "directory_length") => DIRECTORY.len() as u64,
                ("size_t", _) => TEXT.len() as u64,
                ("const char *", "directory") => DIRECTORY.as_ptr().expose_provenance() as u64,
                ("const char *", "settings") => SETTINGS.as_ptr().expose_provenance() as u64,
                ("const char *", _) => TEXT.as_ptr().expose_provenance() as u64,
                (kind, _) => {
                    fill(&mut memory, kind, fixture);
                    memory.as_mut_ptr().expose_provenance() as u64
                }
            };
            arguments.values.push(value);
            arguments.memory.push(memory);
        }
        arguments
    }

    /// Which results are not null, 0 or false, or were written past.
    pub fn left(&self, function: &Declared, but: usize, what: &str) -> Vec<String> {
        let mut left = Vec::new();
        for (at, parameter) in function.parameters.iter().enumerate() {
            if at == but || !parameter.is_pointer() || parameter.is_input() || parameter.is_buffer() {
                continue;
            }
            let (skip, bytes) = match parameter.kind.as_str() {
                "bool *" => (0, 1),
                "uint32_t *" => (0, 4),
                "mreg_stamp *" => (0, 24),
                kind if struct_size(kind) > 0 => (8, struct_size(kind)),
                _ => (0, 8),
            };
            let memory: Vec<u8> = self.memory[at].iter().flat_map(|word| word.to_ne_bytes()).collect();
            let (result, after) = (&memory[skip..bytes], &memory[bytes..]);
            if result.iter().any(|byte| *byte != 0) || after.iter().any(|byte| *byte != 0xAA) {
                left.push(format!("{}: {} after {what}", function.name, parameter.name));
            }
        }
        left
    }
}

pub fn struct_size(kind: &str) -> usize {
    match kind {
        "mreg_registry_stats *" => size_of::<capi::mreg_registry_stats>(),
        "mreg_memory *" => size_of::<capi::mreg_memory>(),
        "mreg_tenant_info *" => size_of::<capi::mreg_tenant_info>(),
        "mreg_sweeper_info *" => size_of::<capi::mreg_sweeper_info>(),
        "mreg_schema_info *" => size_of::<capi::mreg_schema_info>(),
        "mreg_load_info *" => size_of::<capi::mreg_load_info>(),
        "mreg_problem *" => size_of::<capi::mreg_problem>(),
        "mreg_due *" => size_of::<capi::mreg_due>(),
        "mreg_change *" => size_of::<capi::mreg_change>(),
        _ => 0,
    }
}

/// Makes a struct ready; leaves room for a result as it is.
pub fn fill(memory: &mut [u64; 512], kind: &str, fixture: &Fixture) {
    match kind {
        "const mreg_registry_options *" => write(memory, made(capi::mreg_registry_options_init)),
        "const mreg_sweeper_options *" => write(memory, made(capi::mreg_sweeper_options_init)),
        "const mreg_schema_options *" => write(memory, made(capi::mreg_schema_options_init)),
        "const mreg_load_options *" => write(memory, made(capi::mreg_load_options_init)),
        "const mreg_watcher_options *" => write(memory, made(capi::mreg_watcher_options_init)),
        "const mreg_owner_options *" => {
            let mut options = made(capi::mreg_owner_options_init);
            options.kind = APP;
            write(memory, options);
        }
        "const mreg_model_options *" => {
            let mut options = made(capi::mreg_model_options_init);
            options.name = text("Another");
            write(memory, options);
        }
        "const mreg_owner *" => memory.fill(fixture.owner),
        "const mreg_text *" => write(memory, [text("User"); TEXT.len()]),
        "const mreg_find_options *" => {
            let mut options = made(capi::mreg_find_options_init);
            options.schema = fixture.schema;
            write(memory, options);
        }
        kind if struct_size(kind) > 0 => memory[0] = struct_size(kind) as u64,
        _ => {}
    }
}

/// Calls with an error struct and checks it.
#[track_caller]
pub fn run(call: Call, arguments: &Arguments) -> i32 {
    let mut error = fresh_error();
    let status = call(&arguments.values, &mut error);
    let _ = outcome(status, &error);
    status
}

pub fn functions() -> Vec<(Declared, Call)> {
    let calls = calls();
    declared()
        .into_iter()
        .filter_map(|function| calls.get(function.name.as_str()).map(|(_, call)| (function.clone(), *call)))
        .collect()
}

/// The report of the fixture has no problem, so there is none at any position; its builder has nothing open.
pub fn finds_nothing(function: &Declared, status: i32) -> bool {
    matches!(function.name.as_str(), "mreg_load_report_problem" | "mreg_builder_close") && status == INVALID_ARGUMENT
}
