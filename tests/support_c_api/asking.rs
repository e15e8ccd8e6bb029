//! Questions.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};

use modelreg::capi::{mreg_memory, mreg_registry_stats, mreg_stamp, mreg_tenant_info, mreg_text};

use super::{ANY, Result, made, read_list, read_text};
use crate::call;

/// A stamp with the words that came with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    pub stamp: u64,
    pub owner_word: u64,
    pub registry_word: u64,
}

impl From<mreg_stamp> for Stamp {
    fn from(stamp: mreg_stamp) -> Self {
        Stamp { stamp: stamp.stamp, owner_word: stamp.owner_word, registry_word: stamp.registry_word }
    }
}

fn no_stamp() -> mreg_stamp {
    mreg_stamp { stamp: u64::MAX, owner_word: u64::MAX, registry_word: u64::MAX }
}

/// A list in one call, with its stamp.
pub fn stamped(owner: u64, kind: u32, on: bool) -> Result<(Vec<u64>, Stamp)> {
    let mut capacity = 64;
    loop {
        let mut list = vec![u64::MAX; capacity];
        let (mut count, mut stamp) = (usize::MAX, no_stamp());
        if on {
            call!(mreg_owner_models_on(owner, kind, list.as_mut_ptr(), capacity, &mut count, &mut stamp))?;
        } else {
            call!(mreg_owner_models(owner, kind, list.as_mut_ptr(), capacity, &mut count, &mut stamp))?;
        }
        if count <= capacity {
            list.truncate(count);
            return Ok((list, stamp.into()));
        }
        capacity = count;
    }
}

pub fn models_of(owner: u64) -> Result<Vec<u64>> {
    stamped(owner, ANY, false).map(|(list, _)| list)
}

pub fn models_on(owner: u64) -> Result<Vec<u64>> {
    stamped(owner, ANY, true).map(|(list, _)| list)
}

pub fn stamp_of(owner: u64) -> u64 {
    stamped(owner, ANY, false).expect("a list").1.stamp
}

/// The names of an owner's models, with their stamp.
pub fn stamped_names(owner: u64, kind: u32) -> Result<(Vec<String>, Stamp)> {
    let mut capacity = 256;
    loop {
        let mut bytes = vec![0x55_u8; capacity];
        let (mut length, mut count, mut stamp) = (usize::MAX, usize::MAX, no_stamp());
        let buffer = bytes.as_mut_ptr().cast();
        call!(mreg_owner_names(owner, kind, buffer, capacity, &mut length, &mut count, &mut stamp))?;
        if length <= capacity {
            let text = std::str::from_utf8(&bytes[..length]).expect("names are UTF-8");
            let names: Vec<String> = text.split_terminator('\0').map(str::to_owned).collect();
            assert_eq!(names.len(), count);
            return Ok((names, stamp.into()));
        }
        capacity = length;
    }
}

pub fn names_of(owner: u64) -> Result<Vec<String>> {
    stamped_names(owner, ANY).map(|(names, _)| names)
}

pub fn has(owner: u64, kind: u32, name: &str) -> Result<bool> {
    let mut answer = true;
    let result = call!(mreg_owner_has(owner, kind, name.as_ptr().cast(), name.len(), &mut answer));
    assert!(result.is_ok() || !answer);
    result.map(|()| answer)
}

pub fn get(owner: u64, kind: u32, name: &str) -> Result<u64> {
    let mut model = u64::MAX;
    let result = call!(mreg_owner_get(owner, kind, name.as_ptr().cast(), name.len(), &mut model));
    assert!(result.is_ok() || model == 0);
    result.map(|()| model)
}

/// The lists of many owners from one call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lists {
    /// The handles, as many as there was room for.
    pub models: Vec<u64>,
    pub counts: Vec<usize>,
    pub stamps: Vec<Stamp>,
    pub statuses: Vec<i32>,
    /// How many handles there are in all.
    pub count: usize,
}

impl Lists {
    /// Each owner's list, where all had room.
    pub fn split(&self) -> Vec<Vec<u64>> {
        let mut rest = self.models.as_slice();
        let lists = self.counts.iter().map(|count| rest.split_off(..*count).expect("all had room").to_vec()).collect();
        assert!(rest.is_empty(), "no more handles than the counts say");
        lists
    }
}

const UNTOUCHED: u64 = 0xAAAA_AAAA_AAAA_AAAA;

/// Asks for many lists, with room for so many handles; checks that nothing is written past any end.
#[track_caller]
pub fn models_many(owners: &[u64], kind: u32, capacity: usize) -> Lists {
    const PAST: usize = 3;
    let asked = owners.len();
    let mut room = vec![UNTOUCHED; capacity + PAST];
    let mut counts = vec![UNTOUCHED as usize; asked + PAST];
    let mut stamps = vec![no_stamp(); asked + PAST];
    let mut statuses = vec![-77; asked + PAST];
    let mut count = usize::MAX;
    let (models, each) = (room.as_mut_ptr(), counts.as_mut_ptr());
    let (stamp, status) = (stamps.as_mut_ptr(), statuses.as_mut_ptr());
    call!(mreg_owner_models_many(owners.as_ptr(), asked, kind, models, capacity, each, stamp, status, &mut count))
        .expect("lists");
    let written = count.min(capacity);
    assert!(room[written..].iter().all(|model| *model == UNTOUCHED), "nothing is written past the handles");
    assert!(counts[asked..].iter().all(|count| *count == UNTOUCHED as usize));
    assert!(stamps[asked..].iter().all(|stamp| *stamp == no_stamp()));
    assert!(statuses[asked..].iter().all(|status| *status == -77));
    room.truncate(written);
    counts.truncate(asked);
    statuses.truncate(asked);
    assert_eq!(counts.iter().sum::<usize>(), count, "the number of all is the sum of the counts");
    let stamps = stamps[..asked].iter().map(|stamp| (*stamp).into()).collect();
    Lists { models: room, counts, stamps, statuses, count }
}

/// Asks for many names: the model and the status of each; checks that nothing is written past any end.
pub fn get_many(owners: &[u64], kind: u32, names: &[mreg_text]) -> Result<Vec<(u64, i32)>> {
    let asked = match (owners.len(), names.len()) {
        (1, count) | (count, 1) => count,
        (count, _) => count,
    };
    let (mut models, mut statuses) = (vec![UNTOUCHED; asked + 3], vec![-77; asked + 3]);
    let (model, status) = (models.as_mut_ptr(), statuses.as_mut_ptr());
    let (owner_count, name_count) = (owners.len(), names.len());
    let result =
        call!(mreg_owner_get_many(owners.as_ptr(), owner_count, kind, names.as_ptr(), name_count, model, status));
    let written = if result.is_ok() { asked } else { 0 };
    assert!(models[written..].iter().all(|model| *model == UNTOUCHED), "nothing is written past the answers");
    assert!(statuses[written..].iter().all(|status| *status == -77));
    result.map(|()| models.into_iter().zip(statuses).take(asked).collect())
}

pub fn hold_models(owner: u64, kind: u32, on: bool) -> Result<u64> {
    let mut snapshot = u64::MAX;
    let result = if on {
        call!(mreg_owner_hold_models_on(owner, kind, &mut snapshot))
    } else {
        call!(mreg_owner_hold_models(owner, kind, &mut snapshot))
    };
    assert!(result.is_ok() || snapshot == 0);
    result.map(|()| snapshot)
}

pub fn hold_all(registry: u64) -> Result<u64> {
    let mut snapshot = u64::MAX;
    call!(mreg_registry_hold_models(registry, &mut snapshot)).map(|()| snapshot)
}

pub fn snapshot_models(snapshot: u64) -> Result<(Vec<u64>, Stamp)> {
    let mut stamp = no_stamp();
    let out = &raw mut stamp;
    let list =
        read_list(|models, capacity, count| call!(mreg_snapshot_models(snapshot, models, capacity, count, out)))?;
    Ok((list, stamp.into()))
}

pub fn snapshot_name(snapshot: u64, position: usize) -> Result<String> {
    read_text(|buffer, capacity, length| call!(mreg_snapshot_name(snapshot, position, buffer, capacity, length)))
}

pub fn snapshot_names(snapshot: u64) -> Vec<String> {
    let count = snapshot_models(snapshot).expect("a snapshot").0.len();
    (0..count).map(|position| snapshot_name(snapshot, position).expect("a name")).collect()
}

pub fn snapshot_settings(snapshot: u64, position: usize) -> Result<String> {
    read_text(|buffer, capacity, length| call!(mreg_snapshot_settings(snapshot, position, buffer, capacity, length)))
}

pub fn snapshot_user_data(snapshot: u64, position: usize) -> Result<usize> {
    let mut pointer: *mut c_void = std::ptr::null_mut();
    call!(mreg_snapshot_user_data(snapshot, position, &mut pointer)).map(|()| pointer.addr())
}

pub fn snapshot_registered_at(snapshot: u64, position: usize) -> Result<i64> {
    let mut at = 0;
    call!(mreg_snapshot_registered_at(snapshot, position, &mut at)).map(|()| at)
}

pub fn snapshot_schema(snapshot: u64, position: usize) -> Result<u64> {
    let mut schema = 0;
    call!(mreg_snapshot_schema(snapshot, position, &mut schema)).map(|()| schema)
}

pub fn find(registry: u64, name: &str) -> Result<u64> {
    let mut model = u64::MAX;
    call!(mreg_registry_find_model(registry, name.as_ptr().cast(), name.len(), &mut model)).map(|()| model)
}

pub fn find_in(registry: u64, code: &str, name: &str) -> Result<u64> {
    let mut model = u64::MAX;
    let (code, code_length) = (code.as_ptr().cast(), code.len());
    call!(mreg_tenant_find_model(registry, code, code_length, name.as_ptr().cast(), name.len(), &mut model))
        .map(|()| model)
}

pub fn all_models(registry: u64) -> Result<Vec<u64>> {
    read_list(|models, capacity, count| call!(mreg_registry_models(registry, models, capacity, count)))
}

pub fn models_in(registry: u64, code: &str) -> Result<Vec<u64>> {
    let (code, code_length) = (code.as_ptr().cast(), code.len());
    read_list(|models, capacity, count| call!(mreg_tenant_models(registry, code, code_length, models, capacity, count)))
}

/// What is known of a tenant; `None` where there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tenant {
    pub code: String,
    pub number: u64,
    pub is_data_source: bool,
    pub models: u64,
    pub names: u64,
    pub structures: u64,
    pub owners: u64,
    pub created_at: i64,
    pub last_used_at: i64,
    pub idle: u64,
}

fn tenant_of(info: &mreg_tenant_info) -> Option<Tenant> {
    let code = super::text_of(&info.code);
    if info.exists == 0 {
        let zero = (info.number, info.models, info.names, info.structures, info.owners, info.idle_ms);
        assert_eq!((zero, code.as_str()), ((0, 0, 0, 0, 0, 0), ""), "what is not there has nothing");
        return None;
    }
    Some(Tenant {
        code,
        number: info.number,
        is_data_source: info.is_data_source == 1,
        models: info.models,
        names: info.names,
        structures: info.structures,
        owners: info.owners,
        created_at: info.created_at_ms,
        last_used_at: info.last_used_at_ms,
        idle: info.idle_ms,
    })
}

pub fn tenant(registry: u64, code: &str) -> Result<Option<Tenant>> {
    let mut info = made(super::capi::mreg_tenant_info_init);
    call!(mreg_tenant_get_info(registry, code.as_ptr().cast(), code.len(), &mut info))?;
    Ok(tenant_of(&info))
}

/// All tenants but `global`, in the order they came to be.
pub fn tenants(registry: u64) -> Vec<Tenant> {
    let mut all: Vec<Tenant> = Vec::new();
    loop {
        let mut info = made(super::capi::mreg_tenant_info_init);
        let after = all.last().map_or(0, |last| last.number);
        call!(mreg_tenant_next(registry, after, &mut info)).expect("the next tenant");
        match tenant_of(&info) {
            Some(next) => {
                assert!(next.number > after);
                all.push(next);
            }
            None => return all,
        }
    }
}

pub fn tenant_codes(registry: u64) -> Vec<String> {
    tenants(registry).into_iter().map(|tenant| tenant.code).collect()
}

pub fn stats(registry: u64) -> mreg_registry_stats {
    let mut stats = made(super::capi::mreg_registry_stats_init);
    call!(mreg_registry_get_stats(registry, &mut stats)).expect("statistics");
    stats
}

pub fn memory(registry: u64) -> mreg_memory {
    let mut memory = made(super::capi::mreg_memory_init);
    call!(mreg_registry_get_memory(registry, &mut memory)).expect("memory");
    memory
}

pub fn generation(registry: u64) -> Result<u64> {
    let mut generation = u64::MAX;
    call!(mreg_registry_generation(registry, &mut generation)).map(|()| generation)
}

pub fn owner_is_valid(owner: u64) -> bool {
    // Takes any bits.
    super::capi::mreg_owner_is_valid(owner)
}

pub fn owner_kind(owner: u64) -> Result<u32> {
    let mut kind = u32::MAX;
    call!(mreg_owner_kind(owner, &mut kind)).map(|()| kind)
}

pub fn owner_name(owner: u64) -> Result<String> {
    read_text(|buffer, capacity, length| call!(mreg_owner_name(owner, buffer, capacity, length)))
}

pub fn owner_tenant(owner: u64) -> Result<String> {
    read_text(|buffer, capacity, length| call!(mreg_owner_tenant(owner, buffer, capacity, length)))
}

pub fn model_is_valid(model: u64) -> bool {
    super::capi::mreg_model_is_valid(model)
}

pub fn model_name(model: u64) -> Result<String> {
    read_text(|buffer, capacity, length| call!(mreg_model_name(model, buffer, capacity, length)))
}

pub fn model_settings(model: u64) -> Result<String> {
    read_text(|buffer, capacity, length| call!(mreg_model_settings(model, buffer, capacity, length)))
}

pub fn model_tenant(model: u64) -> Result<String> {
    read_text(|buffer, capacity, length| call!(mreg_model_tenant(model, buffer, capacity, length)))
}

pub fn model_user_data(model: u64) -> Result<usize> {
    let mut pointer: *mut c_void = std::ptr::null_mut();
    call!(mreg_model_user_data(model, &mut pointer)).map(|()| pointer.addr())
}

pub fn model_registered_at(model: u64) -> Result<i64> {
    let mut at = 0;
    call!(mreg_model_registered_at(model, &mut at)).map(|()| at)
}

pub fn model_schema(model: u64) -> Result<u64> {
    let mut schema = u64::MAX;
    call!(mreg_model_schema(model, &mut schema)).map(|()| schema)
}

/// The one that owns the model, its data source and its app.
pub fn model_owners(model: u64) -> Result<[u64; 3]> {
    let mut owners = [u64::MAX; 3];
    let [owner, data_source, app] = &mut owners;
    call!(mreg_model_owners(model, owner, data_source, app))?;
    Ok(owners)
}

pub fn same_structure(schema: u64, other: u64) -> bool {
    let mut same = false;
    call!(mreg_schema_same_structure(schema, other, &mut same)).expect("two schemas");
    same
}

/// What is searched for by structure.
#[derive(Clone, Copy, Default)]
pub struct Search<'a> {
    pub schema: u64,
    pub tenant: &'a str,
    pub strict: bool,
    pub pass_over: u32,
    pub outside: u32,
}

pub fn find_structure(registry: u64, search: Search<'_>) -> Result<u64> {
    let mut options = made(super::capi::mreg_find_options_init);
    options.schema = search.schema;
    options.tenant = super::text(search.tenant);
    options.flags = u32::from(search.strict) * super::capi::MREG_FIND_STRICT;
    (options.pass_over, options.pass_over_outside_global) = (search.pass_over, search.outside);
    let mut model = u64::MAX;
    call!(mreg_registry_find_structure(registry, &options, &mut model)).map(|()| model)
}

/// The two freshness words of an owner, to be read without a call.
#[derive(Clone, Copy)]
pub struct Words {
    owner: &'static AtomicU64,
    registry: &'static AtomicU64,
}

impl Words {
    pub fn of(owner: u64) -> Words {
        let (mut word, mut registry) = (std::ptr::null(), std::ptr::null());
        call!(mreg_owner_freshness_words(owner, &mut word, &mut registry)).expect("words");
        // SAFETY: both addresses are of aligned 64-bit words that stay readable as long as the process lives.
        let [owner, registry] = [word, registry].map(|word| unsafe { AtomicU64::from_ptr(word.cast_mut()) });
        Words { owner, registry }
    }

    /// The owner's value and the registry's.
    pub fn read(self) -> (u64, u64) {
        (self.owner.load(Ordering::Acquire), self.registry.load(Ordering::Acquire))
    }
}
