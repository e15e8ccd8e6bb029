//! What the tests that go through C share: the library itself, compilers, runs with a time limit, the header's text.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod header;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Prints a line that the test harness does not swallow: what ran and what was skipped is to be seen.
pub fn say(line: &str) {
    // Not `eprintln!`, which the harness captures.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The library that C programs are linked to.
pub struct Library {
    /// `libmodelreg.so`, under its soname, so that the loader finds it.
    pub shared: PathBuf,
    /// `libmodelreg.a`.
    pub archive: PathBuf,
    /// What the static library needs of the system, as options for the linker.
    pub native: Vec<String>,
}

/// The profile of this build, as cargo names it in the target directory, and that directory.
fn profile() -> (String, PathBuf) {
    let exe = std::env::current_exe().expect("a test knows its own path");
    let directory = exe.ancestors().nth(2).expect("a test is in <target>/<profile>/deps");
    let name = directory.file_name().and_then(|name| name.to_str()).expect("a profile has a name").to_owned();
    (name, directory.parent().expect("a profile is in a target directory").to_owned())
}

/// The cargo features of this build.
fn features() -> Vec<&'static str> {
    let all =
        [("test-hooks", cfg!(feature = "test-hooks")), ("small-generations", cfg!(feature = "small-generations"))];
    all.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect()
}

/// The library with the profile and the features of this test.
pub fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| build(&features()))
}

/// As [`library`], wrong on purpose: readers check nothing.
pub fn library_without_checks() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| build(&[&features()[..], &["test-unchecked-reads"]].concat()))
}

/// Builds the library with these features.
///
/// The files beside this test cannot be trusted: cargo names them alike whatever the features, and another build may
/// have overwritten them. So cargo builds them in a directory that no other build writes to, which takes no lock that a
/// cargo outside could hold; what it makes is copied away before a build with other features may begin.
fn build(features: &[&str]) -> Library {
    let (profile, target) = profile();
    let target = target.join("c-library");
    fs::create_dir_all(&target).expect("a directory can be made");
    let lock = File::create(target.join(".lock")).expect("a file can be made");
    // SAFETY: the file is open; the lock goes with it at the end of this function.
    let locked = unsafe { libc::flock(lock.as_raw_fd(), libc::LOCK_EX) };
    assert_eq!(locked, 0, "the directory cannot be locked");

    let mut cargo = Command::new(cargo());
    cargo.args(["rustc", "--lib", "--offline", "--color", "never", "--manifest-path"]);
    cargo.arg(root().join("Cargo.toml")).arg("--target-dir").arg(&target);
    cargo.args(["--profile", if profile == "debug" { "dev" } else { &profile }]);
    cargo.args(["--features", &features.join(","), "--", "--print", "native-static-libs"]);
    // A triple would put the libraries elsewhere.
    cargo.env_remove("CARGO_BUILD_TARGET");
    let output = cargo.output().expect("cargo can be run");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the library cannot be built: {cargo:?}\n{log}");
    // Cargo repeats the note where there was nothing to build.
    let note = log.lines().filter_map(|line| line.split_once("native-static-libs:")).next_back();
    let native = note.unwrap_or_else(|| panic!("rustc says nothing of native libraries:\n{log}")).1;

    let name = if features.is_empty() { "default".to_owned() } else { features.join("+") };
    let directory = target.join(format!("{profile}-{name}"));
    fs::create_dir_all(&directory).expect("a directory can be made");
    let copy = |from: &str, to: &str| {
        // Renamed into its place, where programs may be running with the one before.
        let (new, to) = (directory.join(format!("{to}.new")), directory.join(to));
        fs::copy(target.join(&profile).join(from), &new).expect("a library can be copied");
        fs::rename(new, &to).expect("a library can be renamed");
        to
    };
    Library {
        shared: copy("libmodelreg.so", &format!("libmodelreg.so.{}", soname_version())),
        archive: copy("libmodelreg.a", "libmodelreg.a"),
        native: native.split_whitespace().map(str::to_owned).collect(),
    }
}

fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// The part of the version that the soname carries: `0.<minor>` while the major version is 0, then `<major>`.
pub fn soname_version() -> String {
    let [major, minor] = [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR")];
    if major == "0" { format!("0.{minor}") } else { major.to_owned() }
}

/// An empty directory for what a test makes.
pub fn scratch(name: &str) -> PathBuf {
    let mut parts = vec![name.to_owned(), profile().0];
    parts.extend(features().into_iter().map(str::to_owned));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(parts.join("-"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a directory can be made");
    path
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    C,
    Cpp,
}

/// The C compiler, or the C++ compiler if there is one. `CC`, `CXX`, `CFLAGS` and `CXXFLAGS` are respected.
pub fn compiler(language: Language) -> Option<cc::Tool> {
    static HOST: OnceLock<String> = OnceLock::new();
    let host = HOST.get_or_init(|| {
        let output = Command::new(cargo()).arg("-vV").output().expect("cargo can be run");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host").to_owned()
    });
    let mut build = cc::Build::new();
    build.cpp(language == Language::Cpp).cargo_metadata(false).warnings(false).debug(true).opt_level(1);
    build.target(host).host(host).out_dir(env!("CARGO_TARGET_TMPDIR"));
    let tool = build.try_get_compiler().ok()?;
    is_there(tool.path()).then_some(tool)
}

/// Whether a program can be run.
pub fn is_there(program: &Path) -> bool {
    let version = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    version.is_ok_and(|output| output.status.success())
}

/// The options under which everything here compiles.
pub const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-pedantic", "-Werror"];

/// Runs a compiler; its complaint if it has one.
pub fn compile(mut command: Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{command:?}\n{}", String::from_utf8_lossy(&said)))
}

/// Compiles one source file to an object beside `to`, and links it to the shared and to the static form of a library.
///
/// The programs are `<to>-shared` and `<to>-static`.
pub fn compile_twice(
    library: &Library,
    tool: &cc::Tool,
    standard: &str,
    defines: &[&str],
    source: &Path,
    to: &Path,
) -> Result<[PathBuf; 2], String> {
    let named = |end: &str| PathBuf::from(format!("{}{end}", to.display()));
    let object = named(".o");
    let mut command = tool.to_command();
    command.arg(format!("-std={standard}")).args(WARNINGS).args(defines).arg("-pthread");
    command.arg("-I").arg(root().join("include")).arg("-c").arg(source).arg("-o").arg(&object);
    compile(command)?;
    let programs = [named("-shared"), named("-static")];
    let mut rpath = std::ffi::OsString::from("-Wl,-rpath,");
    rpath.push(library.shared.parent().expect("a library is in a directory"));
    let mut command = tool.to_command();
    command.arg("-pthread").arg(&object).arg("-o").arg(&programs[0]).arg(&library.shared).arg(rpath).arg("-ldl");
    compile(command)?;
    let mut command = tool.to_command();
    command.arg("-pthread").arg(&object).arg("-o").arg(&programs[1]).arg(&library.archive).args(&library.native);
    compile(command)?;
    Ok(programs)
}

/// How a run ended.
pub struct Outcome {
    /// The exit status; none where a signal or the time limit ended it.
    pub status: Option<i32>,
    /// What that was, for people.
    pub ending: String,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Outcome {
    /// Everything that it printed, for a failure's report.
    pub fn said(&self) -> String {
        format!("--- output\n{}--- errors\n{}---", self.stdout, self.stderr)
    }

    /// The last line that it printed.
    pub fn last_line(&self) -> &str {
        let last = |text: &'_ str| text.lines().rev().find(|line| !line.trim().is_empty()).map(str::len);
        let text = if last(&self.stdout).is_some() { &self.stdout } else { &self.stderr };
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it printed nothing")
    }
}

/// Runs a program in the repository's directory, with its output in files beside `files`; ends it and what it started
/// after `limit`.
pub fn run(command: &mut Command, files: &Path, limit: Duration) -> Outcome {
    let path = |end: &str| PathBuf::from(format!("{}.{end}", files.display()));
    let create = |end: &str| File::create(path(end)).expect("a file can be made");
    command.current_dir(root()).stdin(Stdio::null()).stdout(create("stdout")).stderr(create("stderr"));
    command.env("MODELREG_LIBRARY", &library().shared).process_group(0);
    let begun = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    let mut timed_out = false;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if begun.elapsed() > limit {
            timed_out = true;
            // SAFETY: a signal to the group that the child was made the leader of, and that was not waited for yet.
            unsafe { libc::kill(-child.id().cast_signed(), libc::SIGKILL) };
            break child.wait().expect("a child can be waited for");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = |end: &str| String::from_utf8_lossy(&fs::read(path(end)).unwrap_or_default()).into_owned();
    let ending = match (timed_out, status.code(), status.signal()) {
        (true, ..) => format!("ended after {} s, the time limit", limit.as_secs()),
        (_, Some(code), _) => format!("exit status {code}"),
        (.., signal) => format!("ended by signal {}", signal.unwrap_or_default()),
    };
    let status = if timed_out { None } else { status.code() };
    Outcome { status, ending, stdout: text("stdout"), stderr: text("stderr"), took: begun.elapsed() }
}
