//! Loading an application.

use std::ffi::c_char;
use std::mem::size_of;
use std::path::Path;
use std::sync::Arc;

use once_cell::sync::OnceCell;

use crate::core::apply::Loaded;
use crate::core::current;
use crate::core::due::DueList;
use crate::core::fallible::Many;
use crate::core::handle::Tag;
use crate::core::log::Level;
use crate::core::registry::resolve_locked;
use crate::core::table::HandleTable;
use crate::error::{Error, Result, Status};
use crate::loader::{self, LoadOptions, Plan};

use super::args::{self, Growable};
use super::{Uncancellable, guard, guard_due, mreg_error, mreg_owner, mreg_registry, mreg_status, mreg_text, run_due};

/// What loading an application did, and what was wrong with its files.
pub type mreg_load_report = u64;

/// Change nothing where any problem is found.
pub const MREG_LOAD_ALL_OR_NOTHING: u32 = 1;
/// Register no owner for the application: its data sources own the models.
pub const MREG_LOAD_WITHOUT_APP: u32 = 2;

/// How an application is loaded. Begin with `MREG_LOAD_OPTIONS_INIT` or `mreg_load_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_load_options {
    /// `sizeof(mreg_load_options)`, set by the caller.
    pub struct_size: usize,
    /// Bits of `MREG_LOAD_ALL_OR_NOTHING` and `MREG_LOAD_WITHOUT_APP`.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// The environment whose files `<file>.<environment>.json` are merged; empty for none.
    pub environment: mreg_text,
    /// The name of the application's owner; empty for the name of the directory. Where no owner can have that name, it is
    /// a problem, and the name is `app`.
    pub app_name: mreg_text,
    /// The tenant of models that have neither a data source nor the app; empty for the thread's current tenant (see
    /// `mreg_tenant_set_current`), else `global`.
    pub tenant: mreg_text,
}

// SAFETY: `repr(C)`, the size first, integers and pointers for which any bytes are a value.
unsafe impl Growable for mreg_load_options {
    const FIRST_SIZE: usize = size_of::<mreg_load_options>();
    const DEFAULT: Self = mreg_load_options {
        struct_size: size_of::<mreg_load_options>(),
        flags: 0,
        reserved: 0,
        environment: mreg_text::EMPTY,
        app_name: mreg_text::EMPTY,
        tenant: mreg_text::EMPTY,
    };
}

/// What was loaded. Begin with `MREG_LOAD_INFO_INIT` or `mreg_load_info_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_load_info {
    /// `sizeof(mreg_load_info)`, set by the caller.
    pub struct_size: usize,
    /// 1 where the registry was changed; 0 where nothing could be loaded, or all or nothing was asked for, and a problem
    /// was found.
    pub loaded: u32,
    /// 0.
    pub reserved: u32,
    /// The application's owner; `MREG_NULL` where none was registered.
    pub app: mreg_owner,
    /// Data sources that the configuration has, without those that were left out.
    pub data_sources: u64,
    /// Files of `models` that define a model, also one that an earlier file defines.
    pub models: u64,
    /// Members of their own `properties`: equal keys once, inherited and nested ones apart.
    pub properties: u64,
    /// Problems that were found.
    pub problems: u64,
}

// SAFETY: `repr(C)`, the size first, integers for which any bytes are a value.
unsafe impl Growable for mreg_load_info {
    const FIRST_SIZE: usize = size_of::<mreg_load_info>();
    const DEFAULT: Self = mreg_load_info {
        struct_size: size_of::<mreg_load_info>(),
        loaded: 0,
        reserved: 0,
        app: 0,
        data_sources: 0,
        models: 0,
        properties: 0,
        problems: 0,
    };
}

/// Something that is wrong with a file. Begin with `MREG_PROBLEM_INIT` or `mreg_problem_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_problem {
    /// `sizeof(mreg_problem)`, set by the caller.
    pub struct_size: usize,
    /// What kind of problem: one of the status numbers.
    pub code: mreg_status,
    /// Line in the file, from 1; 0 where the problem has no place.
    pub line: u32,
    /// Byte offset in the file.
    pub offset: u64,
    /// Column in the file in bytes, from 1; 0 where the problem has no place.
    pub column: u32,
    /// 0.
    pub reserved: u32,
    /// What is wrong and what to do: UTF-8, NUL-terminated, cut at a character's boundary, as the next two.
    pub message: [c_char; 512],
    /// The name of the offending thing.
    pub name: [c_char; 256],
    /// The file, relative to the directory; `.` for the directory itself.
    pub file: [c_char; 256],
}

// SAFETY: `repr(C)`, the size first, integers for which any bytes are a value.
unsafe impl Growable for mreg_problem {
    const FIRST_SIZE: usize = size_of::<mreg_problem>();
    const DEFAULT: Self = mreg_problem {
        struct_size: size_of::<mreg_problem>(),
        code: 0,
        line: 0,
        offset: 0,
        column: 0,
        reserved: 0,
        message: [0; 512],
        name: [0; 256],
        file: [0; 256],
    };
}

struct Report {
    plan: Plan,
    /// Empty where the registry was not changed.
    loaded: OnceCell<Loaded>,
}

static REPORTS: HandleTable<Report> = HandleTable::new(Tag::LoadReport);

/// Makes load options ready for use: the same bytes as `MREG_LOAD_OPTIONS_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `options` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_load_options_init(options: *mut mreg_load_options) {
    // SAFETY: as the caller promises.
    unsafe { super::init(options) }
}

/// Makes load information ready for use: the same bytes as `MREG_LOAD_INFO_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `info` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_load_info_init(info: *mut mreg_load_info) {
    // SAFETY: as the caller promises.
    unsafe { super::init(info) }
}

/// Makes a problem ready for use: the same bytes as `MREG_PROBLEM_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `problem` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_problem_init(problem: *mut mreg_problem) {
    // SAFETY: as the caller promises.
    unsafe { super::init(problem) }
}

/// Loads a LoopBack application into a registry: the directory that holds `datasources.json`, `model-config.json` and
/// the definitions in `models`.
///
/// Each data source becomes an owner of its name, and the application one, unless `MREG_LOAD_WITHOUT_APP` is set. Each
/// model is registered for the data source that `model-config.json` gives it, and for the app where that file lists it.
/// `<file>.local.json`, and with an environment `<file>.<environment>.json`, are merged over the two configuration
/// files; files whose name begins with `_` are skipped. A base is looked for among the application's models, then among
/// LoopBack's built-in ones. The change is one: nobody sees a part of it.
///
/// A file that is not JSON, a base that nothing defines, a property of an impossible type, a data source that is not
/// configured, a name that two files define and an entry of `model-config.json` that is no object are problems: they are
/// listed in the report with file, line, column and reason, and the rest is loaded, unless `MREG_LOAD_ALL_OR_NOTHING`
/// is set. So are names and settings that `mreg_owner_create` and `mreg_model_register` would refuse; a data source
/// with one is left out, and the models on it then have none. JSON nests at most 127 arrays and objects deep. Of the
/// problems with the properties of one definition at most 1,000 are listed, and one more that counts the others. Of the
/// files that define one name, the first in the order of the files' names wins.
///
/// Models are registered in the order of their files' names, those without an owner last. A definition without a name
/// takes its file's in upper camel case (`data-source.json`: `DataSource`); a model that `model-config.json` does not
/// list has no app, and without a data source lives in `options->tenant`. Entries of `model-config.json` that no file
/// defines are ignored, also those of built-in models; so is an environment that no file belongs to. Each call makes
/// new owners: release those of the call before.
///
/// `options` may be NULL. `*report` is the caller's to free with `mreg_load_report_free`; it is also filled where the
/// call gives `MREG_ERROR_LOAD_REFUSED`, and `MREG_ERROR_NOTHING_TO_LOAD` where there are problems to read. The owners
/// stay until they are released. Runs destructors of models that were replaced.
///
/// Errors: `MREG_ERROR_IO` for a directory that cannot be read, `MREG_ERROR_NOTHING_TO_LOAD` where it has neither a
/// data source nor a model that could be loaded, `MREG_ERROR_LOAD_REFUSED` where all or nothing was asked for and a
/// problem was found, `MREG_ERROR_INVALID_ARGUMENT` for an unknown flag and for an environment that cannot be part of a
/// file's name, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_NULL_POINTER`,
/// `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_INVALID_NAME`,
/// `MREG_ERROR_TOO_LONG`, `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`; nothing is changed. Any thread. Since
/// 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `directory` to `directory_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_application_load(
    registry: mreg_registry,
    directory: *const c_char,
    directory_length: usize,
    options: *const mreg_load_options,
    report: *mut mreg_load_report,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            let out = args::out(report, 0, "report")?;
            let directory = args::text(directory, directory_length, "directory")?;
            if let Some(offset) = directory.find('\0') {
                let message = format!("directory: NUL at byte {offset} (a path ends there for the system)");
                return Err(Error::new(Status::ERROR_INVALID_NAME, "directory", message).at(offset as u64, 0, 0));
            }
            let options = args::read_struct(options, "options")?;
            if options.flags & !(MREG_LOAD_ALL_OR_NOTHING | MREG_LOAD_WITHOUT_APP) != 0 {
                return Err(args::unknown_flags(options.flags));
            }
            args::unused(options.reserved, "MREG_LOAD_OPTIONS_INIT")?;
            let mut current = None;
            let settings = LoadSettings {
                environment: args::text_in(options.environment, "environment")?,
                app_name: args::text_in(options.app_name, "app_name")?,
                tenant: current::named_or_current(args::text_in(options.tenant, "tenant")?, &mut current),
                flags: options.flags,
            };
            *of = registry;
            let _cancelled_later = Uncancellable::begin();
            let plan = read(directory, &settings)?;
            log_problems(directory, &plan, gone);
            let report = Arc::new(Report { plan, loaded: OnceCell::new() });
            // Before anything is changed: after it nothing may fail.
            let handle = REPORTS.insert(report.clone()).map_err(|(status, _)| status)?;
            let result = load(registry, directory, &settings, &report, gone);
            let to_read = match &result {
                Ok(()) => true,
                Err(error) => match error.status() {
                    Status::ERROR_LOAD_REFUSED => true,
                    Status::ERROR_NOTHING_TO_LOAD => !report.plan.problems.is_empty(),
                    _ => false,
                },
            };
            if to_read {
                out.put(handle);
            } else {
                REPORTS.remove(handle)?;
            }
            result
        })
    };
    run_due(batch, 0);
    status
}

struct LoadSettings<'a> {
    environment: &'a str,
    app_name: &'a str,
    tenant: &'a str,
    flags: u32,
}

fn read(directory: &str, settings: &LoadSettings<'_>) -> Result<Plan> {
    let environment = (!settings.environment.is_empty()).then(|| settings.environment.to_owned());
    let name_app = settings.flags & MREG_LOAD_WITHOUT_APP == 0 && settings.app_name.is_empty();
    loader::read_application(Path::new(directory), &LoadOptions { environment, name_app })
}

fn log_problems(directory: &str, plan: &Plan, gone: &mut DueList) {
    for problem in &plan.problems {
        let (file, error) = (&problem.file, &problem.error);
        let (line, column) = error.detail().map_or((0, 0), |detail| (detail.line, detail.column));
        gone.log(Level::Warning, format_args!("{directory}/{file}:{line}:{column}: {error}"));
    }
}

fn load(
    registry: mreg_registry,
    directory: &str,
    settings: &LoadSettings<'_>,
    report: &Report,
    gone: &mut DueList,
) -> Result<()> {
    if let Some(nothing) = &report.plan.nothing {
        return Err(nothing.clone());
    }
    let problems = &report.plan.problems;
    if settings.flags & MREG_LOAD_ALL_OR_NOTHING != 0
        && let Some(first) = problems.first()
    {
        let count = if problems.len() == 1 { "1 problem".to_owned() } else { format!("{} problems", problems.len()) };
        let message =
            format!("{directory}: {count} found and nothing loaded; the first is in {}: {}", first.file, first.error);
        return Err(Error::new(Status::ERROR_LOAD_REFUSED, &first.file, message));
    }
    let app = match settings.app_name {
        _ if settings.flags & MREG_LOAD_WITHOUT_APP != 0 => None,
        "" => report.plan.app_name.as_deref(),
        name => Some(name),
    };
    let loaded = resolve_locked(registry)?.apply(&report.plan, app, settings.tenant, gone)?;
    let [models, sources] = [report.plan.models.len(), report.plan.data_sources.len()].map(|count| count as u64);
    let (models, sources) = (Many(models, "model"), Many(sources, "data source"));
    gone.log(Level::Info, format_args!("{directory}: loaded {models} and {sources}"));
    report.loaded.set(loaded).map_err(|_| Status::ERROR_INTERNAL)?;
    Ok(())
}

/// Frees a report; what was loaded stays. `MREG_NULL` does nothing and succeeds.
///
/// Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
/// `MREG_ERROR_STALE_HANDLE` where it was freed before. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_load_report_free(report: mreg_load_report, error: *mut mreg_error) -> mreg_status {
    let work = || {
        if report != 0 {
            REPORTS.remove(report)?;
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// What was loaded. `info->struct_size` is set by the caller.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`,
/// `MREG_ERROR_STRUCT_SIZE`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_load_report_get_info(
    report: mreg_load_report,
    info: *mut mreg_load_info,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out_struct(info, "info") }?;
        let report = REPORTS.get(report)?;
        out.put(mreg_load_info {
            loaded: u32::from(report.loaded.get().is_some()),
            app: report.loaded.get().map_or(0, |loaded| loaded.app),
            data_sources: report.plan.data_sources.len() as u64,
            models: report.plan.counts.models as u64,
            properties: report.plan.counts.properties as u64,
            problems: report.plan.problems.len() as u64,
            ..mreg_load_info::DEFAULT
        });
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The owner of the data source at a position, in the order of the configuration; `MREG_NULL` where nothing was loaded.
/// Its name is the one that the configuration gives it.
///
/// Errors: as `mreg_load_report_get_info`, but for the struct's; `MREG_ERROR_INVALID_ARGUMENT` for a position past the
/// end. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_load_report_data_source(
    report: mreg_load_report,
    position: usize,
    owner: *mut mreg_owner,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(owner, 0, "owner") }?;
        let report = REPORTS.get(report)?;
        past_the_end(position, report.plan.data_sources.len(), "data sources")?;
        out.put(report.loaded.get().map_or(0, |loaded| loaded.data_sources[position]));
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The problem at a position. `problem->struct_size` is set by the caller.
///
/// Errors: as `mreg_load_report_get_info`; `MREG_ERROR_INVALID_ARGUMENT` for a position past the end. Any thread. Since
/// 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_load_report_problem(
    report: mreg_load_report,
    position: usize,
    problem: *mut mreg_problem,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out_struct(problem, "problem") }?;
        let report = REPORTS.get(report)?;
        past_the_end(position, report.plan.problems.len(), "problems")?;
        let found = &report.plan.problems[position];
        let mut ours = mreg_problem { code: found.error.status() as mreg_status, ..mreg_problem::DEFAULT };
        super::error::fill(&mut ours.file, &found.file);
        super::error::fill(&mut ours.message, found.error.message());
        if let Some(detail) = found.error.detail() {
            (ours.offset, ours.line, ours.column) = (detail.offset, detail.line, detail.column);
            super::error::fill(&mut ours.name, &detail.name);
        }
        out.put(ours);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

fn past_the_end(position: usize, count: usize, what: &str) -> Result<()> {
    if position < count {
        return Ok(());
    }
    Err(Error::new(
        Status::ERROR_INVALID_ARGUMENT,
        "position",
        format!("position {position}: the report has {count} {what}"),
    ))
}
