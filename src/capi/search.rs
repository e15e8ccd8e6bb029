//! Searching a registry by structure.

use std::mem::size_of;

use crate::core::current;
use crate::core::query::{self, StructureSearch};
use crate::core::quick;
use crate::error::{Error, Result, Status};

use super::args::{self, Growable};
use super::{guard, mreg_error, mreg_model, mreg_registry, mreg_schema, mreg_status, mreg_text, schema};

/// The model of this name. No model has a name that is not UTF-8, nor has a tenant such a code, so that is looked at only where there is none
/// at once.
#[inline(always)]
pub(super) fn find_model(registry: mreg_registry, tenant: Option<&[u8]>, name: &[u8]) -> Result<mreg_model> {
    if let Some(model) = quick::find_model(registry, tenant, name) {
        return Ok(model);
    }
    let tenant = tenant.map(|code| args::check_utf8(code, "code")).transpose()?;
    query::find_model(registry, tenant, args::check_utf8(name, "name")?.as_bytes())
}

/// The asker is strict: models that are not as strict are passed over. Without it those that are strict are.
pub const MREG_FIND_STRICT: u32 = 1;

/// What `mreg_registry_find_structure` looks for. Begin with `MREG_FIND_OPTIONS_INIT` or `mreg_find_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_find_options {
    /// `sizeof(mreg_find_options)`, set by the caller.
    pub struct_size: usize,
    /// A schema of the structure; its name, base and settings do not count.
    pub schema: mreg_schema,
    /// The current tenant's code; empty for the thread's (see `mreg_tenant_set_current`), else for none. A reserved code searches
    /// `global` alone.
    pub tenant: mreg_text,
    /// 0 or `MREG_FIND_STRICT`.
    pub flags: u32,
    /// Models that have one of these marks are passed over.
    pub pass_over: u32,
    /// Outside of `global`, models that have one of these marks are passed over as well.
    pub pass_over_outside_global: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, the size first, integers and pointers for which any bytes are a value.
unsafe impl Growable for mreg_find_options {
    const FIRST_SIZE: usize = size_of::<mreg_find_options>();
    const DEFAULT: Self = mreg_find_options {
        struct_size: size_of::<mreg_find_options>(),
        schema: 0,
        tenant: mreg_text::EMPTY,
        flags: 0,
        pass_over: 0,
        pass_over_outside_global: 0,
        reserved: 0,
    };
}

/// Makes find options ready for use: the same bytes as `MREG_FIND_OPTIONS_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `options` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_find_options_init(options: *mut mreg_find_options) {
    // SAFETY: as the caller promises.
    unsafe { super::init(options) }
}

/// The model whose properties have the same structure as those of `options->schema`: names in any order, types and
/// attributes. `*model` is `MREG_NULL` where there is none; that is no error.
///
/// Without a current tenant `global` is searched, then all partitions in the order they came to be; with one, `global` and
/// then that tenant alone, so that tenants never share a model with one another. In each the model wins that was registered
/// last. A schema without properties finds nothing. An answer counts in `reused_total`, and as use of the partition. Two
/// structures are compared, not their fingerprints alone.
///
/// This is how anonymous models are shared: the second use of a structure in a tenant finds the model that was registered
/// for the first. The handle holds nothing: the model may be gone when it is used.
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
/// `MREG_ERROR_INVALID_ARGUMENT` for an unknown flag, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`,
/// `MREG_ERROR_INVALID_NAME`, `MREG_ERROR_POISONED`; for the registry and the schema `MREG_ERROR_NULL_HANDLE`,
/// `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`. Any
/// thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_find_structure(
    registry: mreg_registry,
    options: *const mreg_find_options,
    model: *mut mreg_model,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(model, 0, "model") }?;
        if options.is_null() {
            return Err(Error::new(Status::ERROR_NULL_POINTER, "options", "options: the pointer is NULL"));
        }
        // SAFETY: as the caller promises.
        let options = unsafe { args::read_struct(options, "options") }?;
        if options.flags & !MREG_FIND_STRICT != 0 {
            return Err(args::unknown_flags(options.flags));
        }
        args::unused(options.reserved, "MREG_FIND_OPTIONS_INIT")?;
        // SAFETY: as the caller promises.
        let tenant = unsafe { args::text_in(options.tenant, "tenant") }?;
        let mut current = None;
        let tenant = current::named_or_current(tenant, &mut current);
        let structure = schema::structure_number(options.schema)?;
        let ask = StructureSearch {
            structure: structure.number as u32,
            tenant,
            strict: options.flags & MREG_FIND_STRICT != 0,
            pass_over: options.pass_over,
            pass_over_outside_global: options.pass_over_outside_global,
        };
        if let Some(model) = quick::find_structure(registry, &ask)
            && schema::still(options.schema, structure).is_ok()
        {
            query::count_reuse(registry);
            out.put(model);
            return Ok(());
        }
        out.put(query::find_structure(registry, &ask, || schema::still(options.schema, structure))?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}
