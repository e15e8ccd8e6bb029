//! Loading an application: all of it or nothing, and a report of what is wrong in every case.

mod support_c_api;

use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use modelreg::capi::{mreg_load_info, mreg_load_options, mreg_problem};
use support_c_api::*;

const DUPLICATE_MODEL: i32 = 35;
const NOTHING_TO_LOAD: i32 = 41;
const LOAD_REFUSED: i32 = 42;
const ALL_OR_NOTHING: u32 = 1;

/// An application in a directory of its own that goes with the value.
struct Application(PathBuf);

impl Application {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let dir = std::env::temp_dir().join(format!("modelreg-load-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a directory");
        for (file, content) in files {
            let path = dir.join(file);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, content).expect("a file");
        }
        Application(dir)
    }

    fn load(&self, registry: &Registry, settings: Settings<'_>) -> (Result<()>, Option<Report>) {
        load(registry, &self.0, settings)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Default)]
struct Settings<'a> {
    flags: u32,
    app_name: &'a str,
    tenant: &'a str,
}

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

    /// File, code, line and column of every problem.
    fn problems(&self) -> Vec<(String, i32, u32, u32)> {
        let problem = |position| {
            let mut problem = made::<mreg_problem>(capi::mreg_problem_init);
            call!(mreg_load_report_problem(self.0, position, &mut problem)).expect("a problem");
            (read(&problem.file), problem.code, problem.line, problem.column)
        };
        (0..self.info().problems as usize).map(problem).collect()
    }
}

fn read(field: &[c_char]) -> String {
    let bytes: Vec<u8> = field.iter().map(|byte| *byte as u8).collect();
    let text = CStr::from_bytes_until_nul(&bytes).expect("a NUL at the end");
    text.to_str().expect("UTF-8").to_owned()
}

fn load(registry: &Registry, dir: &Path, settings: Settings<'_>) -> (Result<()>, Option<Report>) {
    let dir = dir.to_str().expect("a path is UTF-8");
    let mut options = made::<mreg_load_options>(capi::mreg_load_options_init);
    options.flags = settings.flags;
    (options.app_name, options.tenant) = (text(settings.app_name), text(settings.tenant));
    let mut report = u64::MAX;
    let result = call!(mreg_application_load(registry.0, dir.as_ptr().cast(), dir.len(), &options, &mut report));
    assert_ne!(report, u64::MAX, "the report is written in every case");
    (result, (report != 0).then_some(Report(report)))
}

/// What a call that fails must leave as it was.
fn state(registry: &Registry) -> (u64, u64, u64, u64, u64, Vec<u64>) {
    let stats = stats(registry.0);
    let models =
        all_models(registry.0).expect("models").into_iter().chain(models_in(registry.0, "global").expect("models"));
    (stats.registered_total, stats.tenants, stats.models, stats.owners, stats.bytes_in_use, models.collect())
}

#[test]
fn a_load_that_fails_leaves_what_was_there() {
    let app = Application::new(
        "fails",
        &[
            ("datasources.json", r#"{"db": {"connector": "memory"}}"#),
            ("model-config.json", r#"{"Owned": {"dataSource": "db"}}"#),
            ("models/a.json", r#"{"name": "Keep", "properties": {"new": "string"}}"#),
            ("models/b.json", r#"{"name": "Owned"}"#),
            ("models/c.json", r#"{"name": "Other"}"#),
        ],
    );
    let registry = Registry::with(Limits { models: 3, owners: 3, ..Limits::default() });
    let before = registry.app();
    let label = owner_tenant(before).expect("a label");
    let keep = Model::new("Keep").add(&registry);
    let kept = state(&registry);
    let bad_name = "x\ny";
    for (settings, status) in [
        (Settings { app_name: bad_name, ..Settings::default() }, INVALID_NAME),
        (Settings { app_name: &"x".repeat(4097), ..Settings::default() }, TOO_LONG),
        (Settings { tenant: bad_name, ..Settings::default() }, INVALID_NAME),
        (Settings { tenant: &"x".repeat(256), ..Settings::default() }, TOO_LONG),
        (Settings { tenant: &label, ..Settings::default() }, INVALID_NAME),
        // In it no model is replaced, so that there are four in the end.
        (Settings { tenant: "elsewhere", ..Settings::default() }, FULL),
    ] {
        let (result, report) = app.load(&registry, settings);
        let failure = result.expect_err("a load that fails");
        assert_eq!(failure.code, status, "{failure:?}");
        assert!(report.is_none());
        assert_eq!(state(&registry), kept, "{failure:?}");
        assert!(model_is_valid(keep) && owner_is_valid(before));
    }
    // The one that is replaced does not count twice.
    let (result, report) = app.load(&registry, Settings::default());
    result.expect("three models fit");
    let info = report.expect("a report").info();
    assert_eq!((info.loaded, info.models, info.problems), (1, 3, 0));
    assert!(!model_is_valid(keep));
    let names: Vec<_> = models_in(registry.0, "global").expect("models").into_iter().map(model_name).collect();
    assert_eq!(names, [Ok("Keep".to_owned()), Ok("Other".to_owned())]);
    // And now there is no room for another one's owners.
    let full = state(&registry);
    assert_eq!(code(app.load(&registry, Settings::default()).0), FULL);
    assert_eq!(state(&registry), full);
}

#[test]
fn the_label_that_the_app_gets_is_no_tenant() {
    let app = Application::new("label", &[("datasources.json", r#"{"db": {}}"#), ("models/a.json", "{}")]);
    let registry = Registry::new();
    let empty = state(&registry);
    let failure = app.load(&registry, Settings { tenant: "app_1", ..Settings::default() }).0.expect_err("a label");
    assert_eq!(failure.code, INVALID_NAME);
    assert!(failure.message.contains("label of an owner's partition"), "{failure:?}");
    assert_eq!(state(&registry), empty);
}

#[test]
fn a_bad_name_costs_one_model() {
    let long = format!(r#"{{"name": "{}"}}"#, "n".repeat(5000));
    let app = Application::new(
        "bad-name",
        &[
            ("datasources.json", "{\"db\": {},\n\"bad\": {\"host\": \"a\\tb\"}}"),
            ("model-config.json", r#"{"Fine": {"dataSource": "bad"}}"#),
            ("models/a.json", r#"{"name": "Fine"}"#),
            ("models/b.json", &long),
        ],
    );
    let registry = Registry::new();
    let (result, report) = app.load(&registry, Settings::default());
    result.expect("the rest");
    let report = report.expect("a report");
    assert_eq!(
        report.problems(),
        [
            ("datasources.json".to_owned(), INVALID_NAME, 2, 9),
            ("model-config.json".to_owned(), 34, 1, 11),
            ("models/b.json".to_owned(), TOO_LONG, 1, 2),
        ]
    );
    let info = report.info();
    assert_eq!((info.data_sources, info.models), (1, 1));
    assert_eq!(names_of(info.app).expect("names"), ["Fine"]);
}

#[test]
fn what_is_wrong_is_told_where_nothing_is_left() {
    let app = Application::new(
        "broken",
        &[("datasources.json", "{}"), ("models/a.json", "{,"), ("models/b.json", "{\"name\":\n5}")],
    );
    let registry = Registry::new();
    for flags in [0, ALL_OR_NOTHING] {
        let (result, report) = app.load(&registry, Settings { flags, ..Settings::default() });
        let failure = result.expect_err("nothing");
        assert_eq!((failure.code, &*failure.name), (NOTHING_TO_LOAD, "models/a.json"));
        assert!(failure.message.contains("2 problems found; the first is in models/a.json: not valid JSON at line 1"));
        let report = report.expect("a report");
        let problems = [("models/a.json".to_owned(), JSON, 1, 2), ("models/b.json".to_owned(), 31, 1, 2)];
        assert_eq!(report.problems(), problems);
        let info = report.info();
        assert_eq!((info.loaded, info.app, info.data_sources, info.models, info.problems), (0, 0, 0, 0, 2));
    }
    assert_eq!(stats(registry.0).owners, 0);
    let empty = Application::new("empty", &[]);
    let (result, report) = empty.load(&registry, Settings::default());
    assert_eq!(code(result), NOTHING_TO_LOAD);
    assert!(report.is_none(), "there is nothing to read");
}

#[test]
fn all_or_nothing() {
    let app = Application::new(
        "all-or-nothing",
        &[("models/a.json", r#"{"name": "M"}"#), ("models/b.json", r#"{"name": "M", "properties": {"a": "any"}}"#)],
    );
    let registry = Registry::new();
    let (result, report) = app.load(&registry, Settings { flags: ALL_OR_NOTHING, ..Settings::default() });
    assert_eq!(code(result), LOAD_REFUSED);
    let report = report.expect("a report");
    assert_eq!(report.problems(), [("models/b.json".to_owned(), DUPLICATE_MODEL, 1, 2)]);
    assert_eq!((report.info().loaded, report.info().models, report.info().properties), (0, 2, 1));
    assert_eq!(stats(registry.0).models, 0);
    let (result, report) = app.load(&registry, Settings::default());
    result.expect("the first");
    assert_eq!((report.expect("a report").info().models, stats(registry.0).models), (2, 1));
}

#[test]
fn the_app_is_called_after_its_directory() {
    let app =
        Application::new("named", &[("datasources.json", r#"{"db": {}}"#), ("a\nb/datasources.json", r#"{"db": {}}"#)]);
    let registry = Registry::new();
    let name = |dir: &Path, app_name: &str| {
        let (result, report) = load(&registry, dir, Settings { app_name, ..Settings::default() });
        result.expect("a load");
        let report = report.expect("a report");
        (owner_name(report.info().app).expect("a name"), report.problems())
    };
    let real = app.0.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    for dir in [app.0.clone(), app.0.join("."), app.0.join("a\nb/..")] {
        assert_eq!(name(&dir, ""), (real.clone(), vec![]));
    }
    assert_eq!(name(&app.0.join("a\nb"), ""), ("app".to_owned(), vec![(".".to_owned(), INVALID_NAME, 0, 0)]));
    assert_eq!(name(&app.0.join("a\nb"), "mine"), ("mine".to_owned(), vec![]));
}

#[test]
fn who_searches_while_an_application_is_loaded_sees_all_of_it_or_nothing() {
    let files: Vec<(String, String)> = (100..200)
        .map(|number| (format!("models/m{number}.json"), format!(r#"{{"name": "Model{number}"}}"#)))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(file, content)| (file.as_str(), content.as_str())).collect();
    let app = Application::new("searched", &files);
    let registry = Registry::new();
    let tenants: Vec<String> = (0..30).map(|number| format!("tenant{number}")).collect();
    let loading = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while let Some(tenant) = tenants.get(loading.load(Ordering::Relaxed)) {
                let first = find_in(registry.0, tenant, "Model100").expect("an answer");
                let last = find_in(registry.0, tenant, "Model199").expect("an answer");
                assert!(
                    first == 0 || last != 0,
                    "the first model of the application is there, and the last one is not"
                );
            }
        });
        for (number, tenant) in tenants.iter().enumerate() {
            app.load(&registry, Settings { tenant, ..Settings::default() }).0.expect("a load");
            loading.store(number + 1, Ordering::Relaxed);
        }
    });
}
