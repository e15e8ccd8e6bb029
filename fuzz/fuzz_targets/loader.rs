//! Applications: whatever the files hold, a load changes all that it says or nothing, every problem has a place that is
//! in its file, and nothing is left when the owners are released.
//!
//! The first byte chooses the options. What follows are files, with a byte 0xFF between two: of each the first byte
//! chooses the name and whether something else lies in the file's place, and the rest is what is in it.

#![no_main]

#[path = "../../tests/support_c_api/mod.rs"]
mod support_c_api;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use libfuzzer_sys::fuzz_target;
use modelreg::capi::{mreg_load_info, mreg_load_options, mreg_problem};
use support_c_api::*;

const DUPLICATE_MODEL: i32 = 35;
/// What a problem can be: no JSON, no definition, too deep, no base, no data source, twice, unreadable, and texts.
const PROBLEMS: [i32; 10] = [INVALID_UTF8, INVALID_NAME, TOO_LONG, JSON, 31, 32, 33, 34, DUPLICATE_MODEL, 40];
const NOTHING_TO_LOAD: i32 = 41;
const LOAD_REFUSED: i32 = 42;

const ALL_OR_NOTHING: u32 = 1;
const WITHOUT_APP: u32 = 2;

const NAMES: [&str; 16] = [
    "datasources.json",
    "datasources.local.json",
    "datasources.test.json",
    "model-config.json",
    "model-config.local.json",
    "model-config.test.json",
    "other.json",
    "models/a.json",
    "models/order-item.json",
    "models/2nd.json",
    "models/User.json",
    "models/z.json",
    "models/_left-out.json",
    "models/left-out.js",
    "models/\u{fc}.json",
    "models/.json",
];

#[derive(Clone, PartialEq, Eq, Default)]
enum Thing {
    #[default]
    Nothing,
    File(Vec<u8>),
    Directory,
    /// A link to nothing.
    Link,
}

/// The directory that is loaded, with what lies in it: from one input to the next only what differs is written.
struct Folder {
    path: PathBuf,
    things: [Thing; NAMES.len()],
}

static FOLDER: Mutex<Option<Folder>> = Mutex::new(None);
static PATH: OnceLock<PathBuf> = OnceLock::new();

unsafe extern "C" {
    fn atexit(callback: extern "C" fn()) -> i32;
}

extern "C" fn remove_folder() {
    if let Some(path) = PATH.get() {
        let _ = fs::remove_dir_all(path);
    }
}

impl Folder {
    fn new() -> Folder {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let path = PATH.get_or_init(|| parent.join(format!("modelreg-fuzz-{}", std::process::id()))).clone();
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory can be made");
        // SAFETY: the function takes nothing and may be called at any time.
        unsafe { atexit(remove_folder) };
        Folder { path, things: Default::default() }
    }

    fn lay(&mut self, wanted: [Thing; NAMES.len()]) {
        let models = self.path.join("models");
        let in_models = |at: usize| NAMES[at].starts_with("models/");
        if (0..NAMES.len()).any(|at| in_models(at) && wanted[at] != Thing::Nothing) {
            let _ = fs::create_dir(&models);
        }
        for (at, new) in wanted.into_iter().enumerate() {
            let (path, old) = (self.path.join(NAMES[at]), &mut self.things[at]);
            if new == *old {
                continue;
            }
            match old {
                Thing::Nothing => {}
                Thing::File(_) if matches!(new, Thing::File(_)) => {}
                Thing::File(_) | Thing::Link => fs::remove_file(&path).expect("a file can be removed"),
                Thing::Directory => fs::remove_dir(&path).expect("a directory can be removed"),
            }
            match &new {
                Thing::Nothing => {}
                Thing::File(content) => fs::write(&path, content).expect("a file can be written"),
                Thing::Directory => fs::create_dir(&path).expect("a directory can be made"),
                Thing::Link => std::os::unix::fs::symlink("nowhere", &path).expect("a link can be made"),
            }
            *old = new;
        }
        if (0..NAMES.len()).all(|at| !in_models(at) || self.things[at] == Thing::Nothing) {
            let _ = fs::remove_dir(&models);
        }
    }
}

fn things(data: &[u8]) -> [Thing; NAMES.len()] {
    let mut things: [Thing; NAMES.len()] = Default::default();
    for file in data.split(|byte| *byte == 0xFF) {
        let Some((first, content)) = file.split_first() else { continue };
        things[usize::from(first & 15)] = match first >> 4 {
            14 => Thing::Directory,
            15 => Thing::Link,
            _ => Thing::File(content.to_vec()),
        };
    }
    things
}

/// A report that is freed with the value.
struct Report(u64);

impl Drop for Report {
    fn drop(&mut self) {
        let _ = call!(mreg_load_report_free(self.0));
    }
}

impl Report {
    fn info(&self) -> mreg_load_info {
        let mut info = made::<mreg_load_info>(capi::mreg_load_info_init);
        call!(mreg_load_report_get_info(self.0, &mut info)).expect("information");
        info
    }

    fn data_source(&self, at: u64) -> Result<u64> {
        let mut owner = u64::MAX;
        call!(mreg_load_report_data_source(self.0, at as usize, &mut owner)).map(|()| owner)
    }

    fn problem(&self, at: u64) -> Result<mreg_problem> {
        let mut problem = made::<mreg_problem>(capi::mreg_problem_init);
        call!(mreg_load_report_problem(self.0, at as usize, &mut problem)).map(|()| problem)
    }
}

fn check_problem(folder: &Folder, problem: &mreg_problem) {
    assert!(PROBLEMS.contains(&problem.code), "a problem of status {}", problem.code);
    assert!(!text_of(&problem.message).is_empty() && !text_of(&problem.name).is_empty());
    let file = text_of(&problem.file);
    if file == "." || file == "models" {
        assert_eq!(problem.line, 0);
        return;
    }
    let at = NAMES.iter().position(|name| *name == file).unwrap_or_else(|| panic!("there is no file {file:?}"));
    let Thing::File(content) = &folder.things[at] else {
        assert_eq!((problem.code, problem.line), (40, 0));
        return;
    };
    if problem.line == 0 {
        assert_eq!((problem.offset, problem.column), (0, 0));
        return;
    }
    let offset = usize::try_from(problem.offset).expect("an offset in memory");
    assert!(offset <= content.len(), "the place is not in the file");
    let mark = if content.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let before = &content[..offset];
    let line = before.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
    let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(mark, |at| at + 1);
    let column = offset.saturating_sub(begin) as u32 + 1;
    assert_eq!((problem.line, problem.column), (line, column), "{}", text_of(&problem.message));
}

/// What a load that fails must leave as it was.
fn state(registry: u64) -> [u64; 6] {
    let stats = stats(registry);
    [stats.registered_total, stats.tenants, stats.models, stats.owners, stats.bytes_in_use, stats.unique_structures]
}

fn load(registry: u64, folder: &Folder, choice: u8) -> (Result<()>, Option<Report>) {
    let mut options = made::<mreg_load_options>(capi::mreg_load_options_init);
    options.flags = u32::from(choice & 3);
    options.environment = text(if choice & 4 != 0 { "test" } else { "" });
    options.tenant = text(if choice & 8 != 0 { "north" } else { "" });
    options.app_name = text(if choice & 16 != 0 { "App" } else { "" });
    let path = folder.path.to_str().expect("the path is UTF-8");
    let mut report = u64::MAX;
    let result = call!(mreg_application_load(registry, path.as_ptr().cast(), path.len(), &options, &mut report));
    (result, (report != 0).then_some(Report(report)))
}

fn check_model(model: u64, owner: u64) {
    let owners = model_owners(model).expect("a registered model");
    assert!(owner == 0 || owners[0] == owner || owners[1] == owner);
    assert!(!model_name(model).expect("a name").is_empty());
    model_settings(model).expect("settings");
    let schema = model_schema(model).expect("a schema");
    assert_ne!(schema, 0, "a model that was loaded has a schema");
    free_schema(schema).expect("a schema is freed");
}

/// Loads, and gives the owners that were made, with the counts of the report.
fn check_load(registry: u64, folder: &Folder, choice: u8, limited: bool) -> (Vec<u64>, [u64; 4]) {
    let before = state(registry);
    let (result, report) = load(registry, folder, choice);
    let status = result.map_or_else(|failure| failure.code, |()| OK);
    let Some(report) = report else {
        assert!(status == NOTHING_TO_LOAD || (status == FULL && limited), "status {status} without a report");
        assert_eq!(before, state(registry));
        return (Vec::new(), [0; 4]);
    };
    let info = report.info();
    let counts = [info.data_sources, info.models, info.properties, info.problems];
    let mut duplicates = 0;
    for at in 0..info.problems {
        let problem = report.problem(at).expect("a problem");
        check_problem(folder, &problem);
        duplicates += u64::from(problem.code == DUPLICATE_MODEL);
    }
    assert_eq!(code(report.problem(info.problems).map(|_| ())), INVALID_ARGUMENT);
    assert_eq!(code(report.data_source(info.data_sources)), INVALID_ARGUMENT);
    let refused = u32::from(choice) & ALL_OR_NOTHING != 0 && info.problems > 0;
    if status != OK {
        assert!(status == NOTHING_TO_LOAD || (status == LOAD_REFUSED && refused), "status {status} with a report");
        assert!(info.loaded == 0 && info.app == 0 && info.problems > 0);
        assert!((0..info.data_sources).all(|at| report.data_source(at) == Ok(0)));
        assert_eq!(before, state(registry), "nothing was loaded, and something changed");
        return (Vec::new(), counts);
    }
    assert!(info.loaded == 1 && !refused);
    assert_eq!(info.app == 0, u32::from(choice) & WITHOUT_APP != 0);
    let mut owners: Vec<u64> = (0..info.data_sources).map(|at| report.data_source(at).expect("an owner")).collect();
    assert!(owners.iter().all(|owner| owner_kind(*owner) == Ok(DATA_SOURCE)));
    if info.app != 0 {
        assert_eq!(owner_kind(info.app), Ok(APP));
        owners.push(info.app);
    }
    let after = state(registry);
    assert_eq!(after[3] - before[3], owners.len() as u64);
    let registered = after[0] - before[0];
    assert!(registered <= info.models && registered + duplicates >= info.models, "{registered} of {counts:?}");
    let mut seen = 0;
    for owner in &owners {
        let listed = models_of(*owner).expect("a list");
        seen += listed.len() as u64;
        for model in listed.into_iter().chain(models_on(*owner).expect("a list")) {
            check_model(model, *owner);
        }
    }
    let rest = models_in(registry, if choice & 8 != 0 { "north" } else { "global" }).expect("models");
    let rest: Vec<u64> = rest.into_iter().filter(|model| model_owners(*model).expect("a model")[0] == 0).collect();
    rest.iter().for_each(|model| check_model(*model, 0));
    assert!(seen + rest.len() as u64 >= registered, "a model that was loaded is nowhere");
    (owners, counts)
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, files)) = data.split_first() else { return };
    let mut folder = FOLDER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = folder.get_or_insert_with(Folder::new);
    folder.lay(things(files));
    let limited = choice & 32 != 0;
    let registry = Registry::with(Limits { models: if limited { 2 } else { 0 }, ..Limits::default() });
    let (mut owners, counts) = check_load(registry.0, folder, *choice, limited);
    if choice & 64 != 0 {
        let (more, again) = check_load(registry.0, folder, *choice, limited);
        assert!(limited || counts == again, "the same files, and {again:?} instead of {counts:?}");
        owners.extend(more);
    }
    if choice & 128 != 0 {
        registry.clear();
    }
    for owner in owners {
        release(owner).expect("an owner is released");
    }
    registry.clear();
    registry.reclaim();
    assert_eq!(stats(registry.0).bytes_in_use, 0, "something is in use when all is let go");
});
