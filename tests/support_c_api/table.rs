//! Every function of the header, to be called with arguments that a test chooses one by one.

use std::collections::BTreeMap;

use super::capi;
use modelreg::capi::mreg_error;

/// A parameter as the header declares it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameter {
    pub kind: String,
    pub name: String,
}

/// A function as the header declares it, without its `error`.
#[derive(Clone, Debug)]
pub struct Declared {
    pub name: String,
    pub parameters: Vec<Parameter>,
    pub has_error: bool,
}

/// The header without its comments.
fn header() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/include/modelreg.h");
    let mut text = std::fs::read_to_string(path).expect("the header can be read");
    while let Some(begin) = text.find("/*") {
        let end = text[begin..].find("*/").expect("a comment ends") + begin + 2;
        text.replace_range(begin..end, " ");
    }
    text
}

/// What the header declares.
pub fn declared() -> Vec<Declared> {
    let text = header();
    let mut functions = Vec::new();
    for (at, _) in text.match_indices("mreg_") {
        let name: String = text[at..].chars().take_while(|one| one.is_ascii_alphanumeric() || *one == '_').collect();
        let rest = &text[at + name.len()..];
        let preceded = text[..at].ends_with(|one: char| one.is_ascii_alphanumeric() || one == '_');
        if preceded || !rest.starts_with('(') {
            continue;
        }
        let Some(end) = rest.find(");") else { continue };
        let mut parameters: Vec<Parameter> = rest[1..end].split(',').map(parameter).collect();
        parameters.retain(|one| one.kind != "void");
        let has_error = parameters.last().is_some_and(|last| last.kind == "mreg_error *" && name != "mreg_error_init");
        if has_error {
            parameters.pop();
        }
        functions.push(Declared { name, parameters, has_error });
    }
    functions
}

/// A field of a struct as the header declares it.
#[derive(Clone, Debug)]
pub struct Field {
    pub kind: String,
    pub name: String,
    /// Where it lies, in bytes.
    pub offset: usize,
}

/// The fields of the header's structs that the host fills in, laid out as C does.
pub fn fields() -> BTreeMap<String, Vec<Field>> {
    let mut structs = BTreeMap::new();
    for part in header().split("typedef struct ").skip(1) {
        let Some((name, body)) = part.split_once('{') else { continue };
        let name = name.trim().to_owned();
        if !name.ends_with("_options") {
            continue;
        }
        let body = body.split('}').next().expect("a struct ends");
        let mut offset: usize = 0;
        let fields = body.split(';').filter(|field| !field.trim().is_empty()).map(|field| {
            let Parameter { kind, name } = parameter(field);
            let (size, align) = match kind.as_str() {
                "uint32_t" => (4, 4),
                "mreg_text" => (16, 8),
                _ => (8, 8),
            };
            let at = offset.next_multiple_of(align);
            offset = at + size;
            Field { kind, name, offset: at }
        });
        structs.insert(name, fields.collect());
    }
    structs
}

fn parameter(text: &str) -> Parameter {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let split = text.rfind([' ', '*']).map_or(text.len(), |at| at + 1);
    Parameter { kind: text[..split].trim().to_owned(), name: text[split..].to_owned() }.or_void(&text)
}

impl Parameter {
    fn or_void(self, text: &str) -> Parameter {
        if text == "void" { Parameter { kind: text.to_owned(), name: String::new() } } else { self }
    }

    pub fn is_handle(&self) -> bool {
        HANDLES.iter().any(|(kind, _)| *kind == self.kind)
    }

    pub fn is_pointer(&self) -> bool {
        self.kind.ends_with('*')
    }

    /// Text or a struct that the function reads, or the host's own pointer.
    pub fn is_input(&self) -> bool {
        (self.kind.starts_with("const ") && !self.kind.ends_with("**")) || self.kind == "void *"
    }

    /// The room for a list or a text, with a capacity beside it, or for as many results as there are questions.
    pub fn is_buffer(&self) -> bool {
        matches!(self.name.as_str(), "buffer" | "models" | "counts" | "stamps" | "statuses")
    }
}

/// The types of handles, with their tags: what a handle has above bit 59, and what shares tag 7 is told apart by.
pub const HANDLES: [(&str, u64); 9] = [
    ("mreg_registry", 1),
    ("mreg_owner", 2),
    ("mreg_model", 3),
    ("mreg_schema", 4),
    ("mreg_snapshot", 5),
    ("mreg_load_report", 6),
    ("mreg_watcher", 7 | 1 << 3),
    ("mreg_builder", 7 | 3 << 3),
    ("mreg_queue", 7 | 2 << 3),
];

/// The tag that several types share, which have a number of their own in the place of the registry.
pub const SHARED_TAG: u64 = 7;

/// The tag of a handle, as [`HANDLES`] has it.
pub fn tag_of(handle: u64) -> u64 {
    let tag = handle >> 60;
    if tag == SHARED_TAG { tag | (handle >> 47 & 0x1FFF) << 3 } else { tag }
}

pub type Call = fn(&[u64], *mut mreg_error) -> i32;

macro_rules! table {
    ($($function:ident $($at:literal)*;)*) => {
        /// How each function that can fail is called, each argument given as a 64-bit number.
        pub fn calls() -> BTreeMap<&'static str, (usize, Call)> {
            let mut calls: BTreeMap<&'static str, (usize, Call)> = BTreeMap::new();
            $(
                // SAFETY: the tests give pointers to memory of theirs, or ones that the function has to refuse.
                let call: Call = |a, error| unsafe { let _ = a; capi::$function($(a[$at] as _,)* error) };
                let arguments: &[usize] = &[$($at),*];
                calls.insert(stringify!($function), (arguments.len(), call));
            )*
            // A number is no function; none is given.
            // SAFETY: without a callback there is nothing that could be called with the pointer.
            let log_set: Call = |a, error| unsafe { capi::mreg_log_set(a[0] as _, None, a[2] as _, error) };
            calls.insert("mreg_log_set", (3, log_set));
            calls
        }
    };
}

table! {
    mreg_registry_create 0 1;
    mreg_registry_default 0;
    mreg_registry_destroy 0;
    mreg_registry_clear 0;
    mreg_registry_reclaim 0;
    mreg_registry_generation 0 1;
    mreg_registry_get_stats 0 1;
    mreg_registry_get_memory 0 1;
    mreg_registry_find_structure 0 1 2;
    mreg_registry_models 0 1 2 3;
    mreg_registry_hold_models 0 1;
    mreg_registry_find_model 0 1 2 3;
    mreg_registry_set_clock 0 1;
    mreg_owner_kind_register 0 1 2 3;
    mreg_owner_create 0 1 2;
    mreg_owner_release 0;
    mreg_owner_kind 0 1;
    mreg_owner_name 0 1 2 3;
    mreg_owner_tenant 0 1 2 3;
    mreg_owner_user_data 0 1;
    mreg_owner_registry 0 1;
    mreg_owner_freshness_words 0 1 2;
    mreg_owner_invalidate 0;
    mreg_owner_touch 0;
    mreg_owner_models 0 1 2 3 4 5;
    mreg_owner_models_on 0 1 2 3 4 5;
    mreg_owner_names 0 1 2 3 4 5 6;
    mreg_owner_has 0 1 2 3 4;
    mreg_owner_get 0 1 2 3 4;
    mreg_owner_models_many 0 1 2 3 4 5 6 7 8;
    mreg_owner_get_many 0 1 2 3 4 5 6;
    mreg_owner_hold_models 0 1 2;
    mreg_owner_hold_models_on 0 1 2;
    mreg_model_register 0 1 2;
    mreg_model_unregister 0;
    mreg_model_move 0 1 2 3 4;
    mreg_model_hold 0;
    mreg_model_unhold 0;
    mreg_model_name 0 1 2 3;
    mreg_model_settings 0 1 2 3;
    mreg_model_schema 0 1;
    mreg_model_user_data 0 1;
    mreg_model_registered_at 0 1;
    mreg_model_owners 0 1 2 3;
    mreg_model_tenant 0 1 2 3;
    mreg_model_registry 0 1;
    mreg_snapshot_free 0;
    mreg_snapshot_models 0 1 2 3 4;
    mreg_snapshot_name 0 1 2 3 4;
    mreg_snapshot_settings 0 1 2 3 4;
    mreg_snapshot_schema 0 1 2;
    mreg_snapshot_registered_at 0 1 2;
    mreg_snapshot_user_data 0 1 2;
    mreg_tenant_get_info 0 1 2 3;
    mreg_tenant_next 0 1 2;
    mreg_tenant_find_model 0 1 2 3 4 5;
    mreg_tenant_models 0 1 2 3 4 5;
    mreg_tenant_touch 0 1 2;
    mreg_tenant_set_current 0 1;
    mreg_tenant_current 0 1 2;
    mreg_tenant_drop 0 1 2 3 4;
    mreg_tenant_drop_idle 0 1 2;
    mreg_sweeper_start 0 1;
    mreg_sweeper_stop 0;
    mreg_sweeper_run 0 1;
    mreg_sweeper_get_info 0 1;
    mreg_schema_parse 0 1 2 3;
    mreg_schema_builtin 0 1 2;
    mreg_schema_free 0;
    mreg_schema_get_info 0 1;
    mreg_schema_name 0 1 2 3;
    mreg_schema_base 0 1 2 3;
    mreg_schema_settings 0 1 2 3;
    mreg_schema_to_json 0 1 2 3;
    mreg_schema_classify 0 1 2 3;
    mreg_schema_same_structure 0 1 2;
    mreg_schema_property_flags 0 1 2;
    mreg_schema_property_name 0 1 2 3 4;
    mreg_schema_property_type 0 1 2 3 4;
    mreg_schema_property_attributes 0 1 2 3 4;
    mreg_builder_create 0 1 2;
    mreg_builder_set_base 0 1;
    mreg_builder_set_settings 0 1 2;
    mreg_builder_add 0 1 2 3 4 5 6;
    mreg_builder_hide 0 1 2;
    mreg_builder_open_object 0 1 2 3 4;
    mreg_builder_open_array 0 1 2 3 4;
    mreg_builder_close 0;
    mreg_builder_finish 0 1;
    mreg_builder_free 0;
    mreg_application_load 0 1 2 3 4;
    mreg_load_report_free 0;
    mreg_load_report_get_info 0 1;
    mreg_load_report_data_source 0 1 2;
    mreg_load_report_problem 0 1 2;
    mreg_registry_leak_report 0 1 2 3 4;
    mreg_watcher_create 0 1 2;
    mreg_watcher_poll 0 1 2;
    mreg_watcher_free 0;
    mreg_queue_create 0;
    mreg_queue_poll 0 1 2;
    mreg_queue_free 0;
}
