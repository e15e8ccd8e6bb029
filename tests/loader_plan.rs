//! Reading application directories: the collected ones, and fixtures for every rule.

use modelreg::error::{Error, Status};
use modelreg::loader::{Connector, LoadOptions, ModelPlan, Plan, Problem, read_application};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read_as(dir: &Path, environment: &str) -> Result<Plan, Error> {
    read_application(dir, &LoadOptions { environment: Some(environment.to_owned()), name_app: false })
}

fn load(name: &str) -> Plan {
    read_as(&fixture(name), "").unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// An application in a directory of its own that goes with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, files: &[(&str, &[u8])]) -> Self {
        let dir = std::env::temp_dir().join(format!("modelreg-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a directory");
        for (file, content) in files {
            let path = dir.join(file);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, content).expect("a file");
        }
        Scratch(dir)
    }

    fn load(&self) -> Plan {
        read_as(&self.0, "").unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn model<'p>(plan: &'p Plan, name: &str) -> &'p ModelPlan {
    plan.models.iter().find(|model| model.name == name).unwrap_or_else(|| panic!("no model {name}"))
}

fn types(model: &ModelPlan) -> Vec<String> {
    model.schema.properties().map(|property| format!("{}: {}", property.name, property.ty)).collect()
}

fn nothing(plan: &Plan) -> &Error {
    assert!(plan.models.is_empty() && plan.data_sources.is_empty());
    plan.nothing.as_ref().expect("nothing to load")
}

fn found(problem: &Problem) -> (&str, Status, u32, u32) {
    let (line, column) = problem.error.detail().map_or((0, 0), |detail| (detail.line, detail.column));
    (&problem.file, problem.error.status(), line, column)
}

fn problems(plan: &Plan) -> Vec<(&str, Status, u32, u32)> {
    assert_eq!(plan.counts.problems, plan.problems.len());
    for problem in &plan.problems {
        assert!(!problem.file.is_empty() && !problem.error.message().is_empty());
        assert!(!problem.error.message().starts_with(&problem.file), "the file is said once: {}", problem.error);
    }
    plan.problems.iter().map(found).collect()
}

#[test]
fn spellings() {
    let plan = load("spellings");
    assert_eq!(problems(&plan), []);
    let names: Vec<_> = plan.models.iter().map(|model| (&*model.file, &*model.name)).collect();
    assert_eq!(
        names,
        [
            ("models/data-source-definition.json", "DataSourceDefinition"),
            ("models/hyphen.json", "with-hyphen"),
            ("models/mark.json", "Marked"),
            ("models/model-config.json", "ModelConfig"),
            ("models/shapes.json", "Shapes"),
            ("models/twice.json", "Twice"),
        ]
    );
    assert_eq!(
        types(model(&plan, "Shapes")),
        [
            "empty: {}",
            "emptyObject: {}",
            "tags: [string]",
            "anything: []",
            "typed: {type: string, size: number}",
            "list: [{type: number}]",
            "nested: {a: {b: {c: date}}}",
        ]
    );
    let flags: Vec<_> = model(&plan, "Marked").schema.properties().map(|p| (p.id, p.required)).collect();
    assert_eq!(flags, [(true, false), (false, true), (false, false)]);
    assert_eq!(types(model(&plan, "Twice")), ["a: number", "b: string"]);
    assert_eq!(model(&plan, "Twice").schema.counts().own_declared, 2);
    assert_eq!(plan.counts.models, 6);
    assert_eq!(plan.counts.properties, 1 + 1 + 3 + 1 + 7 + 2);
}

#[test]
fn variants_are_merged() {
    let dir = fixture("variants");
    let plan = read_as(&dir, "").expect("a plan");
    assert_eq!(problems(&plan), []);
    let keys: Vec<_> = plan.data_sources.iter().map(|source| &*source.key).collect();
    assert_eq!(keys, ["main", "spare", "nameless", "plain", "odd", "mine"]);
    let main = &plan.data_sources[0].config;
    assert_eq!(main.connector, Connector::Named("mongodb".to_owned()));
    assert_eq!(main.host.as_deref(), Some("local.example"));
    assert_eq!(main.port.as_deref(), Some("27017"));
    assert_eq!(main.database.as_deref(), Some("shop"));
    assert_eq!(main.url, None);
    assert_eq!(plan.data_sources[2].config.connector, Connector::Unnamed);
    assert_eq!(plan.data_sources[3].config, Default::default());
    let odd = &plan.data_sources[4].config;
    assert_eq!(odd.connector, Connector::None);
    assert_eq!((odd.host.as_deref(), odd.port.as_deref()), (Some("true"), Some("1000")));
    assert_eq!((odd.database.as_deref(), odd.url.as_deref()), (Some("a,b"), None));
    let on = |plan: &Plan, name: &str| {
        let model = model(plan, name);
        (model.in_app, model.data_source.map(|place| plan.data_sources[place].key.clone()))
    };
    assert_eq!(on(&plan, "Listed"), (true, Some("main".to_owned())));
    assert_eq!(on(&plan, "Loose"), (true, None));
    assert_eq!(on(&plan, "Absent"), (false, None));

    let plan = read_as(&dir, "test").expect("a plan");
    assert_eq!(problems(&plan), []);
    let main = &plan.data_sources[0].config;
    assert_eq!(main.host.as_deref(), Some("test.example"));
    assert_eq!(main.port.as_deref(), Some("27018"));
    assert_eq!(main.database.as_deref(), Some("shop"));
    assert_eq!(plan.data_sources.last().map(|source| &*source.key), Some("fresh"));
    assert_eq!(on(&plan, "Listed"), (true, Some("fresh".to_owned())));
    assert_eq!(on(&plan, "Absent"), (true, Some("mine".to_owned())));

    let plan = read_as(&dir, "nothing-of-that-name").expect("a plan");
    assert_eq!(plan.data_sources[0].config.host.as_deref(), Some("local.example"));
    assert_eq!(read_as(&dir, "local").expect("a plan").data_sources.len(), 6);
}

#[test]
fn only_a_variant() {
    let app = Scratch::new(
        "only-a-variant",
        &[("datasources.test.json", br#"{"db":{"connector":"memory"}}"#), ("model-config.local.json", b"{}")],
    );
    assert_eq!(read_as(&app.0, "test").expect("a plan").data_sources.len(), 1);
    assert_eq!(nothing(&app.load()).status(), Status::ERROR_NOTHING_TO_LOAD);
}

#[test]
fn environments() {
    for bad in ["../x", "a/b", "a\\b", "a\0b"] {
        let error = read_as(&fixture("variants"), bad).expect_err("a bad environment");
        assert_eq!(error.status(), Status::ERROR_INVALID_ARGUMENT, "{bad:?}");
    }
}

#[test]
fn what_is_wrong_with_models() {
    let plan = load("wrong-models");
    assert_eq!(
        problems(&plan),
        [
            ("models/a-not-json.json", Status::ERROR_JSON, 3, 3),
            ("models/b-not-an-object.json", Status::ERROR_SCHEMA, 2, 1),
            ("models/c-types.json", Status::ERROR_SCHEMA, 4, 5),
            ("models/c-types.json", Status::ERROR_SCHEMA, 7, 7),
            ("models/c-types.json", Status::ERROR_SCHEMA, 10, 30),
            ("models/c-types.json", Status::ERROR_SCHEMA, 12, 5),
            ("models/d-base.json", Status::ERROR_UNKNOWN_BASE, 3, 3),
            ("models/e-again.json", Status::ERROR_DUPLICATE_MODEL, 1, 2),
            ("models/f-name.json", Status::ERROR_SCHEMA, 1, 3),
            ("models/g-self.json", Status::ERROR_UNKNOWN_BASE, 1, 20),
            ("models/h-properties.json", Status::ERROR_SCHEMA, 1, 17),
        ]
    );
    let text: Vec<_> = plan.problems.iter().map(|problem| problem.error.message()).collect();
    assert_eq!(
        text[2],
        "model \"Types\": property \"total\": type 30000 is not a type (expected a name, an array or an object)"
    );
    assert!(text[3].contains("property \"meta.index\": type 1 is not"), "{}", text[3]);
    assert!(text[4].contains("property \"list[0].flag\": type true is not"), "{}", text[4]);
    assert!(text[5].contains("property \"dotted.name\""), "{}", text[5]);
    assert!(text[7].contains("models/d-base.json"), "{}", text[7]);

    let kept = model(&plan, "Types");
    assert_eq!(types(kept), ["kept: string", "meta: {mysql: {dataType: text}}", "list: [{n: number}]", "last: any"]);
    let counts = kept.schema.counts();
    assert_eq!((counts.own_declared, counts.own, counts.hidden), (7, 4, 1));
    let lone = model(&plan, "Lone");
    assert_eq!(types(lone), ["a: string"]);
    assert_eq!(lone.schema.base_chain().collect::<Vec<_>>(), ["Nobody"]);
    assert_eq!(types(model(&plan, "OnLone")), ["a: string", "b: string"]);
    assert_eq!(types(model(&plan, "Bad")), [""; 0]);
    assert_eq!(plan.models.len(), 5);
    assert_eq!(plan.counts.models, 6);
    assert_eq!(plan.counts.properties, 7 + 1 + 1 + 1);
}

#[test]
fn bases() {
    let plan = load("bases");
    assert_eq!(
        problems(&plan),
        [
            ("models/cycle-a.json", Status::ERROR_SCHEMA, 1, 18),
            ("models/cycle-b.json", Status::ERROR_SCHEMA, 1, 18),
            ("models/cycle-c.json", Status::ERROR_SCHEMA, 1, 18),
        ]
    );
    assert!(plan.problems[0].error.message().contains("(CycleA -> CycleB -> CycleC -> CycleA)"));
    assert!(plan.problems[1].error.message().contains("(CycleB -> CycleC -> CycleA -> CycleB)"));
    assert_eq!(types(model(&plan, "CycleB")), ["b: string"]);
    assert_eq!(types(model(&plan, "OnCycle")), ["a: string", "z: string"]);
    assert_eq!(
        types(model(&plan, "Admin")),
        [
            "realm: string",
            "username: string",
            "email: string",
            "emailVerified: boolean",
            "verificationToken: string",
            "nick: string",
            "level: number"
        ]
    );
    let chain: Vec<_> = model(&plan, "Admin").schema.base_chain().map(str::to_owned).collect();
    assert_eq!(chain, ["User", "User", "PersistedModel", "Model"]);
    let by: BTreeSet<_> =
        model(&plan, "Admin").schema.properties().map(|p| (p.inherited(), p.name.to_string())).collect();
    assert!(by.contains(&(false, "email".to_owned())) && by.contains(&(true, "nick".to_owned())));
}

#[test]
fn a_long_chain_of_bases() {
    let files: Vec<_> = (0..300)
        .map(|n| {
            let text = format!(r#"{{"name":"M{n:03}","base":"M{:03}","properties":{{"p{n}":"any"}}}}"#, n + 1);
            (format!("models/m{n:03}.json"), text.into_bytes())
        })
        .collect();
    let mut files: Vec<_> = files.iter().map(|(file, text)| (&**file, &**text)).collect();
    files.push(("models/m300.json", br#"{"name":"M300"}"#));
    let plan = Scratch::new("chain", &files).load();
    assert_eq!(plan.models.len(), 301);
    let statuses: BTreeSet<_> = problems(&plan).into_iter().map(|problem| problem.1 as i32).collect();
    assert_eq!(statuses, [Status::ERROR_TOO_DEEP as i32].into());
    assert_eq!(plan.problems.len(), 2);
}

#[test]
fn what_is_wrong_with_configuration() {
    let plan = load("wrong-config");
    assert_eq!(
        problems(&plan),
        [
            ("datasources.local.json", Status::ERROR_JSON, 2, 1),
            ("datasources.json", Status::ERROR_SCHEMA, 3, 3),
            ("model-config.local.json", Status::ERROR_UNKNOWN_DATA_SOURCE, 3, 5),
            ("model-config.json", Status::ERROR_UNKNOWN_DATA_SOURCE, 4, 14),
            ("model-config.json", Status::ERROR_SCHEMA, 5, 3),
            ("model-config.local.json", Status::ERROR_UNKNOWN_DATA_SOURCE, 5, 16),
        ]
    );
    assert_eq!(plan.data_sources.len(), 1);
    assert!(model(&plan, "Thing").in_app);
    assert_eq!(model(&plan, "Thing").data_source, None);
    assert!(!model(&plan, "Other").in_app);
}

#[test]
fn nothing_to_load() {
    type Files<'f> = &'f [(&'f str, &'f [u8])];
    let cases: [(&str, Files<'_>); 5] = [
        ("empty", &[]),
        ("objects", &[("datasources.json", b"{}"), ("model-config.json", b"{}")]),
        ("broken", &[("datasources.json", b"{"), ("models/a.json", b"[")]),
        ("elsewhere", &[("models/sub/a.json", b"{}"), ("models/a.js", b"{}"), ("models/_a.json", b"{}")]),
        ("sub", &[("server/datasources.json", br#"{"db":{}}"#)]),
    ];
    for (name, files) in cases {
        let app = Scratch::new(&format!("nothing-{name}"), files);
        let plan = app.load();
        let error = nothing(&plan);
        assert_eq!(error.status(), Status::ERROR_NOTHING_TO_LOAD, "{name}");
        let broken = error.message().contains("2 problems found; the first is in datasources.json: not valid JSON");
        assert_eq!(broken, name == "broken", "{error}");
        let found: &[_] = match name {
            "broken" => &[("datasources.json", Status::ERROR_JSON, 1, 2), ("models/a.json", Status::ERROR_JSON, 1, 2)],
            _ => &[],
        };
        assert_eq!(problems(&plan), found, "{name}");
    }
    let app = Scratch::new("models-only", &[("models/a.json", b"{}"), ("datasources.json", b"{}")]);
    assert_eq!(model(&app.load(), "A").name, "A");
    assert_eq!(read_as(&app.0.join("models/a.json"), "").expect_err("a file").status(), Status::ERROR_IO);
    assert_eq!(read_as(&app.0.join("nowhere"), "").expect_err("nothing").status(), Status::ERROR_IO);
}

/// What is wrong in each of the settings that a data source can have, and where that is.
#[test]
fn data_sources_that_no_owner_can_be() {
    let long = |length: usize| "x".repeat(length);
    let source = |key: &str, setting: &str, value: &str| {
        format!("{{\n\"fine\":{{}},\n{}:{{\"name\":1,\n {}:{}}}}}", json(key), json(setting), json(value))
    };
    let cases = [
        (source("a\tb", "host", ""), Status::ERROR_INVALID_NAME, 3, 1, "\"a\\tb\" is left out: its name: control"),
        (source(&long(4097), "host", ""), Status::ERROR_TOO_LONG, 3, 1, "its name: 4097 bytes"),
        (
            source("db", "connector", "my\tsql"),
            Status::ERROR_INVALID_NAME,
            4,
            2,
            "\"db\" is left out: connector: control",
        ),
        (source("db", "connector", &long(216)), Status::ERROR_TOO_LONG, 4, 2, "connector: 216 bytes"),
        (source("db", "host", "a\nb"), Status::ERROR_INVALID_NAME, 4, 2, "host: control character U+000A at byte 1"),
        (source("db", "host", &long(1025)), Status::ERROR_TOO_LONG, 4, 2, "host: 1025 bytes"),
        (source("db", "port", "1\0"), Status::ERROR_INVALID_NAME, 4, 2, "port: control"),
        (source("db", "database", "\u{85}"), Status::ERROR_INVALID_NAME, 4, 2, "database: control"),
        (source("db", "url", "x://h/a\nb?c"), Status::ERROR_INVALID_NAME, 4, 2, "the database in its url: control"),
        (source("db", "url", &format!("x://h/{}", long(1025))), Status::ERROR_TOO_LONG, 4, 2, "in its url: 1025 bytes"),
        (source("db", "url", &format!("x://{}/a", long(8192))), Status::ERROR_TOO_LONG, 4, 2, "url: 8198 bytes"),
    ];
    for (at, (text, status, line, column, message)) in cases.iter().enumerate() {
        let app = Scratch::new(
            &format!("bad-source-{at}"),
            &[
                ("datasources.json", text.as_bytes()),
                ("model-config.json", br#"{"A": {"dataSource": "fine"}, "B": {"dataSource": "db"}}"#),
                ("models/a.json", b"{}"),
                ("models/b.json", b"{}"),
            ],
        );
        let plan = app.load();
        let found = problems(&plan);
        assert_eq!(found[0], ("datasources.json", *status, *line, *column), "{message}");
        assert!(plan.problems[0].error.message().contains(message), "{message}: {}", plan.problems[0].error);
        assert_eq!(found[1..], [("model-config.json", Status::ERROR_UNKNOWN_DATA_SOURCE, 1, 37)], "{message}");
        let left_out = plan.problems[1].error.message().contains("\"db\" was left out");
        assert_eq!(left_out, text.contains("\"db\""), "{}", plan.problems[1].error);
        assert_eq!(plan.data_sources.iter().map(|source| &*source.key).collect::<Vec<_>>(), ["fine"]);
        let on: Vec<_> = plan.models.iter().map(|model| (model.in_app, model.data_source)).collect();
        assert_eq!(on, [(true, Some(0)), (true, None)], "{message}");
    }
    // What says nothing is not looked at, and what is as long as it may be is taken.
    let text = format!(
        r#"{{"db": {{"database": {}, "url": "x\ny", "password": "\n"}}, {}: {{"connector": {}}}}}"#,
        json(&long(1024)),
        json(&long(4096)),
        json(&long(215))
    );
    let plan = Scratch::new("long-source", &[("datasources.json", text.as_bytes())]).load();
    assert_eq!((problems(&plan), plan.data_sources.len()), (vec![], 2));
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("JSON")
}

#[test]
fn names_of_models() {
    let long = format!("{{\n \"name\": \"{}\"}}", "n".repeat(4097));
    let longest = format!("{{\"name\": \"{}\"}}", "n".repeat(4096));
    let app = Scratch::new(
        "names",
        &[
            ("models/a.json", long.as_bytes()),
            ("models/b.json", b"{\n\n\"name\": \"a\\nb\"}"),
            ("models/c.json", longest.as_bytes()),
            ("models/d.json", b"{\"name\": \"\\u0085\"}"),
            ("models/e.json", b"{}"),
        ],
    );
    let plan = app.load();
    assert_eq!(
        problems(&plan),
        [
            ("models/a.json", Status::ERROR_TOO_LONG, 2, 2),
            ("models/b.json", Status::ERROR_INVALID_NAME, 3, 1),
            ("models/d.json", Status::ERROR_INVALID_NAME, 1, 2),
        ]
    );
    assert!(plan.problems[0].error.message().contains("of 4097 bytes is too long (the limit is 4096)"));
    assert_eq!(plan.models.iter().map(|model| model.name.len()).collect::<Vec<_>>(), [4096, 1]);
    assert_eq!(plan.counts.models, 2);
}

#[test]
fn several_files_of_one_name() {
    let app = Scratch::new(
        "one-name",
        &[
            ("models/a.json", br#"{"name": "M", "properties": {"a": "string", "bad": 5}}"#),
            (
                "models/b.json",
                b"{\n \"name\": \"M\",\n \"properties\": {\"c\": \"string\", \"d\": 7, \"e\": \"any\"}\n}",
            ),
            ("models/c.json", br#"{"name": "M", "base": "Nobody"}"#),
            ("models/d.json", br#"{"name": "OnM", "base": "M"}"#),
            ("models/on-m.json", b"{}"),
        ],
    );
    let plan = app.load();
    assert_eq!(
        problems(&plan),
        [
            ("models/a.json", Status::ERROR_SCHEMA, 1, 45),
            ("models/b.json", Status::ERROR_DUPLICATE_MODEL, 2, 2),
            ("models/b.json", Status::ERROR_SCHEMA, 3, 32),
            ("models/c.json", Status::ERROR_DUPLICATE_MODEL, 1, 2),
            ("models/c.json", Status::ERROR_UNKNOWN_BASE, 1, 15),
            ("models/on-m.json", Status::ERROR_DUPLICATE_MODEL, 1, 1),
        ]
    );
    assert!(plan.problems[1].error.message().contains("already defined by models/a.json, which wins"));
    assert_eq!(plan.models.iter().map(|model| &*model.name).collect::<Vec<_>>(), ["M", "OnM"]);
    assert_eq!(types(model(&plan, "OnM")), ["a: string"]);
    assert_eq!((plan.counts.models, plan.counts.properties), (5, 2 + 3));
}

#[test]
fn entries_that_are_no_objects() {
    let config = br#"{
  "A": "db", "B": true,
  "C": [], "D": null, "E": false, "F": 0, "G": "",
  "Stray": "db", "$promise": [1], "_meta": true
}"#;
    let models = ["A", "B", "C", "D", "E", "F", "G"].map(|name| format!("models/{name}.json"));
    let mut files: Vec<(&str, &[u8])> = models.iter().map(|file| (&**file, &b"{}"[..])).collect();
    files.push(("model-config.json", config));
    let plan = Scratch::new("entries", &files).load();
    assert_eq!(
        problems(&plan),
        [
            ("model-config.json", Status::ERROR_SCHEMA, 2, 3),
            ("model-config.json", Status::ERROR_SCHEMA, 2, 14),
            ("model-config.json", Status::ERROR_SCHEMA, 3, 3),
        ]
    );
    assert!(plan.problems[0].error.message().starts_with("model \"A\": its entry is a string"));
    assert!(plan.models.iter().all(|model| !model.in_app));
}

#[test]
fn parts_of_a_wrong_kind() {
    let app = Scratch::new(
        "wrong-kinds",
        &[
            ("models/a.json", b"{\"options\": 1,\n\"base\": [],\n\"properties\": {\"a\": \"string\"}}"),
            ("models/b.json", b"{\"base\": \"A\",\n\"properties\": true}"),
            ("models/c.json", br#"{"base": 0, "options": "", "properties": false}"#),
        ],
    );
    let plan = app.load();
    assert_eq!(
        problems(&plan),
        [
            ("models/a.json", Status::ERROR_SCHEMA, 1, 2),
            ("models/a.json", Status::ERROR_SCHEMA, 2, 1),
            ("models/b.json", Status::ERROR_SCHEMA, 2, 1),
        ]
    );
    assert_eq!(types(model(&plan, "B")), ["a: string"]);
    assert_eq!(model(&plan, "C").schema.base_name(), Some("PersistedModel"));
}

#[test]
fn the_name_of_the_directory() {
    let app = Scratch::new("named", &[("datasources.json", br#"{"db": {}}"#), ("models/sub/x", b"")]);
    let named = |dir: PathBuf| {
        let options = LoadOptions { environment: None, name_app: true };
        let plan = read_application(&dir, &options).expect("a plan");
        (plan.app_name.clone().expect("a name"), problems(&plan).iter().map(|p| (p.0.to_owned(), p.1)).collect())
    };
    let name = app.0.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let fine: Vec<(String, Status)> = Vec::new();
    assert_eq!(named(app.0.clone()), (name.clone(), fine.clone()));
    assert_eq!(named(app.0.join(".")), (name.clone(), fine.clone()));
    assert_eq!(named(app.0.join("models/..")), (name.clone(), fine.clone()));
    assert_eq!(named(app.0.join("models/../models/sub/../..")), (name, fine));
    assert_eq!(app.load().app_name, None);

    let odd = Scratch::new("odd", &[("a\nb/datasources.json", br#"{"db": {}}"#), ("c\td/x", b"")]);
    assert_eq!(named(odd.0.join("a\nb")), ("app".to_owned(), vec![(".".to_owned(), Status::ERROR_INVALID_NAME)]));
    assert_eq!(named(odd.0.join("c\td")).1, [], "nothing is loaded, so that nothing needs the name");
    assert_eq!(read_as(&odd.0.join("a\nb"), "").expect("a plan").problems.len(), 0);
}

#[test]
fn what_cannot_be_read() {
    let app = Scratch::new(
        "unreadable",
        &[("models", b"no directory"), ("model-config.json/x", b""), ("datasources.json", br#"{"db":{}}"#)],
    );
    let plan = app.load();
    let found: Vec<_> = problems(&plan).iter().map(|problem| (problem.0, problem.1)).collect();
    assert_eq!(found, [("model-config.json", Status::ERROR_IO), ("models", Status::ERROR_IO)]);

    let app = Scratch::new("directory-as-model", &[("models/a.json/b.json", b"{}"), ("models/c.json", b"{}")]);
    assert_eq!(app.load().models.len(), 1);
    assert_eq!(problems(&app.load()), []);
}

#[cfg(unix)]
#[test]
fn a_link_to_nowhere() {
    let app = Scratch::new("link", &[("models/a.json", b"{}")]);
    std::os::unix::fs::symlink(app.0.join("nowhere"), app.0.join("models/b.json")).expect("a link");
    std::os::unix::fs::symlink(app.0.join("models/a.json"), app.0.join("models/c.json")).expect("a link");
    let plan = app.load();
    assert_eq!(problems(&plan), [("models/b.json", Status::ERROR_IO, 0, 0)]);
    assert_eq!(plan.models.iter().map(|model| &*model.name).collect::<Vec<_>>(), ["A", "C"]);
}

/// The applications that were collected, where they are present.
fn data(test: &str) -> Option<PathBuf> {
    let dir = match std::env::var_os("MODELREG_SHARED_DATA") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let apps = dir.join("loopback-apps");
    if apps.is_dir() {
        return Some(apps);
    }
    println!("skipped: {test} because {} is absent", apps.display());
    None
}

/// The tree of serde_json, where the last of equal keys wins.
fn value(file: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(file).ok()?;
    serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()
}

fn overlay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                overlay(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

fn merged(app: &Path, stem: &str, environment: &str) -> Value {
    let mut all = Value::Object(Default::default());
    for file in [format!("{stem}.json"), format!("{stem}.local.json"), format!("{stem}.{environment}.json")] {
        if let Some(variant) = value(&app.join(file)) {
            overlay(&mut all, variant);
        }
    }
    all
}

/// Counts by the plain tree what the plan must have.
fn compare_with_the_files(app: &Path, environment: &str) -> Plan {
    let plan = read_as(app, environment).unwrap_or_else(|error| panic!("{}: {error}", app.display()));
    let sources = merged(app, "datasources", environment);
    let sources = sources.as_object().expect("an object");
    assert_eq!(plan.data_sources.len(), sources.len(), "{}", app.display());
    for source in &plan.data_sources {
        let settings = &sources[&source.key];
        let text = |key: &str| match &settings[key] {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        assert_eq!(source.config.host, text("host"));
        assert_eq!(source.config.port, text("port"));
        assert_eq!(source.config.database, text("database"));
        assert_eq!(source.config.url, text("url"));
        assert_eq!(source.config.connector, text("connector").map_or(Connector::None, Connector::Named));
    }
    let config = merged(app, "model-config", environment);
    let mut expected = BTreeMap::new();
    for file in std::fs::read_dir(app.join("models")).expect("models").map(|entry| entry.expect("entry").path()) {
        if file.extension().is_some_and(|extension| extension == "json") {
            let name = format!("models/{}", file.file_name().and_then(|name| name.to_str()).expect("a name"));
            expected.insert(name, value(&file).expect("JSON"));
        }
    }
    assert_eq!(plan.models.len(), expected.len(), "{}", app.display());
    assert_eq!(plan.counts.models, expected.len(), "{}", app.display());
    let mut properties = 0;
    for (plan_of, (file, definition)) in plan.models.iter().zip(&expected) {
        assert_eq!(plan_of.file, *file);
        if let Some(name) = definition["name"].as_str() {
            assert_eq!(plan_of.name, name);
        }
        let none = Default::default();
        let declared = definition["properties"].as_object().unwrap_or(&none);
        assert_eq!(plan_of.schema.counts().own_declared, declared.len(), "{}/{file}", app.display());
        for property in plan_of.schema.properties().filter(|property| !property.inherited()) {
            assert!(declared.contains_key(&*property.name), "{}/{file}: {}", app.display(), property.name);
        }
        properties += declared.len();
        let entry = &config[&plan_of.name];
        assert_eq!(plan_of.in_app, entry.is_object(), "{}/{file}", app.display());
        let source = plan_of.data_source.map(|place| &*plan.data_sources[place].key);
        assert_eq!(source, entry["dataSource"].as_str(), "{}/{file}", app.display());
    }
    assert_eq!(plan.counts.properties, properties, "{}", app.display());
    plan
}

#[test]
fn the_collected_applications() {
    let Some(apps) = data("the_collected_applications") else { return };
    let mut folders = 0;
    let mut models = 0;
    for app in std::fs::read_dir(apps).expect("a directory").map(|entry| entry.expect("entry").path()) {
        if !app.is_dir() {
            continue;
        }
        let plan = compare_with_the_files(&app, "");
        let name = app.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let expected = if matches!(name, "gothrive-api" | "open-community-app") { 2 } else { 0 };
        let found = problems(&plan);
        assert_eq!(found.len(), expected, "{name}: {found:?}");
        assert!(found.iter().all(|problem| problem.1 == Status::ERROR_UNKNOWN_BASE && problem.2 > 0), "{found:?}");
        folders += 1;
        models += plan.models.len();
    }
    assert_eq!((folders, models), (13, 270));
}

#[test]
fn the_collected_applications_in_an_environment() {
    let Some(apps) = data("the_collected_applications_in_an_environment") else { return };
    let plan = compare_with_the_files(&apps.join("cloudcontracts"), "production");
    assert_eq!(problems(&plan), [("model-config.production.json", Status::ERROR_JSON, 18, 5)]);
    assert!(plan.problems[0].error.message().contains("line 18, column 5"));
    let plan = compare_with_the_files(&apps.join("cloudcontracts"), "development");
    assert_eq!(problems(&plan), []);
    assert!(plan.models.iter().any(|model| model.data_source.is_some()));
}
