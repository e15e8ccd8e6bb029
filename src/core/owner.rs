//! Owners: data sources, apps, and the kinds that a host registers.

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result, Status};

use super::change::{Change, Kind, MAX_TOLD};
use super::clock;
use super::due::{Due, DueList, UserData};
use super::fallible;
use super::handle::{self, MAX_SLOTS, MAX_USES, Parts, Tag};
pub use super::list::DATA_SOURCE;
use super::list::{INLINE, List, live_identity};
use super::log::{self, Level};
use super::names::MAX_NAME;
use super::partition::{DataSourceConfig, MAX_CONNECTOR, MAX_FIELD, MAX_LABEL};
use super::registry::{self, Locked, Registry, misfit};
use super::short;
use super::state::{NONE, OwnerRecord};

/// The kind of an app.
pub const APP: u32 = 2;
/// The first kind that a host can register.
pub const FIRST_HOST_KIND: u32 = 1000;
/// How many kinds a host can register in a registry.
pub const MAX_HOST_KINDS: usize = 1000;

/// What a new owner is to be.
pub struct NewOwner<'a> {
    /// [`DATA_SOURCE`], [`APP`] or a registered kind.
    pub kind: u32,
    /// The owner's name; may be empty.
    pub name: &'a str,
    /// The configuration of a data source; ignored for other kinds.
    pub config: DataSourceConfig,
    /// The host's pointer.
    pub user_data: UserData,
}

/// Whether a text is printable ASCII alone.
#[inline(always)]
pub fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 0xFF;
    // A byte below a space borrows into its highest bit, where that was clear; one past the tilde carries into it, or had it.
    let others = |word: u64| word.wrapping_sub(ONES * 0x20) | word.wrapping_add(ONES) | word;
    match short::pack(text) {
        // Fewer than four bytes do not fill a word.
        Some([first, second]) if text.len() >= 4 => (others(first) | others(second)) & (ONES * 0x80) == 0,
        _ => text.iter().all(|byte| matches!(byte, b' '..=b'~')),
    }
}

/// Checks a text that names something: no control characters, not longer than `limit` bytes.
///
/// # Errors
/// `ERROR_TOO_LONG`, `ERROR_INVALID_NAME` with the byte offset.
pub fn check_text(what: &str, text: &str, limit: usize) -> Result<()> {
    if text.len() > limit {
        return Err(Error::new(
            Status::ERROR_TOO_LONG,
            what,
            format!("{what}: {} bytes are too long (the limit is {limit})", text.len()),
        ));
    }
    if !is_plain(text.as_bytes())
        && let Some((offset, found)) = text.char_indices().find(|(_, found)| found.is_control())
    {
        return Err(Error::new(
            Status::ERROR_INVALID_NAME,
            what,
            format!("{what}: control character U+{:04X} at byte {offset} (names are printable text)", found as u32),
        )
        .at(offset as u64, 0, 0));
    }
    Ok(())
}

/// Finds the registry and the slot of an owner's handle without any lock.
#[inline(always)]
pub(crate) fn locate(value: u64) -> std::result::Result<(&'static Registry, Parts), Status> {
    let parts = handle::decode(value, Tag::Owner)?;
    match registry::by_number(parts.registry) {
        Some(registry) => Ok((registry, parts)),
        None => Err(Status::ERROR_FOREIGN_HANDLE),
    }
}

/// As [`locate`], with an error that says what is wrong with the handle.
#[inline(always)]
pub(crate) fn find(value: u64) -> Result<(&'static Registry, Parts)> {
    locate(value).map_err(|status| handle::error(Tag::Owner, value, status))
}

/// Why an owner's handle does not fit its slot.
#[cold]
pub(crate) fn gone(registry: &'static Registry, parts: Parts) -> Error {
    match registry.lock() {
        Ok(locked) => locked.owner_index(parts).err().unwrap_or_else(|| {
            handle::error(Tag::Owner, handle::encode(Tag::Owner, parts), Status::ERROR_STALE_HANDLE)
        }),
        Err(error) => error,
    }
}

/// Whether the handle is of a registered owner.
#[inline(always)]
pub fn is_valid(value: u64) -> bool {
    let Ok((registry, parts)) = locate(value) else { return false };
    registry.owners.get(parts.index).is_some_and(|slot| slot.is_of(parts.generation))
}

/// The kind of an owner.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle.
pub fn kind(value: u64) -> Result<u32> {
    let (registry, parts) = find(value)?;
    let identity = registry.owners.get(parts.index).map_or(0, |slot| slot.identity.load(Ordering::Acquire));
    if identity as u32 != live_identity(parts.generation) {
        return Err(gone(registry, parts));
    }
    Ok((identity >> 32) as u32)
}

/// The addresses of an owner's and its registry's freshness words. They stay readable as long as the process lives.
///
/// # Errors
/// As [`kind`].
pub fn freshness_words(value: u64) -> Result<(&'static AtomicU64, &'static AtomicU64)> {
    kind(value)?;
    let (registry, parts) = find(value)?;
    let slot = registry.owners.get(parts.index).ok_or(Status::ERROR_FORGED_HANDLE)?;
    Ok((&slot.freshness, &registry.word))
}

impl Locked {
    /// The index of the owner with this handle.
    pub fn owner_index(&self, parts: Parts) -> Result<u32> {
        let record = self.owners.get(parts.index as usize);
        match record {
            Some(record) if record.live && handle::generation(record.uses) == parts.generation => Ok(parts.index),
            _ => Err(misfit(Tag::Owner, parts, self.owner_uses(parts.index))),
        }
    }

    /// The index of the owner with this handle, which has to be of this registry; `NONE` for a null handle.
    pub fn optional_owner(&self, value: u64) -> Result<u32> {
        if value == 0 {
            return Ok(NONE);
        }
        let misfit = |status| handle::error(Tag::Owner, value, status);
        let parts = handle::decode(value, Tag::Owner).map_err(misfit)?;
        if parts.registry != self.registry.number {
            return Err(misfit(Status::ERROR_FOREIGN_HANDLE));
        }
        self.owner_index(parts)
    }

    pub fn list_of(&self, owner: u32) -> Option<&'static List> {
        self.registry.lists.get(owner)
    }

    /// The list of models on a data source, where it is kept apart.
    pub fn list_on(&self, owner: u32) -> Option<&'static List> {
        if self.owners[owner as usize].lists_differ { self.registry.lists_on.get(owner) } else { None }
    }

    /// Raises the owner's freshness word; gives its new value.
    #[inline(always)]
    pub fn refresh(&self, owner: u32) -> u64 {
        let (slot, list) = (self.registry.owners.get(owner), self.list_of(owner));
        slot.zip(list).map_or(0, |(slot, list)| slot.refresh(list))
    }

    /// Tells both lists of an owner its freshness.
    pub fn note_freshness(&self, owner: u32) {
        let freshness = self.registry.owners.get(owner).map_or(0, |slot| slot.freshness.load(Ordering::Relaxed));
        for list in [self.list_of(owner), self.list_on(owner)].into_iter().flatten() {
            list.note_freshness(freshness);
        }
    }

    /// Counts that a list was changed that had been asked before.
    pub fn count_invalidation(&mut self, was_asked: bool) {
        self.invalidations += u64::from(was_asked);
    }

    /// Empties an owner's lists of what went with a clear or with a tenant, if that has not been done.
    #[inline(always)]
    pub fn renew(&mut self, owner: u32) {
        let epoch = self.registry.epoch.load(Ordering::Relaxed);
        if let Some(list) = self.list_of(owner)
            && !list.is_valid(epoch)
        {
            self.renew_list(owner, list, epoch);
        }
    }

    #[cold]
    fn renew_list(&mut self, owner: u32, list: &'static List, epoch: u64) {
        let cleared = self.registry.cleared.load(Ordering::Relaxed);
        if list.is_valid(cleared) {
            self.outlive(owner);
            return;
        }
        if let Some(on) = self.list_on(owner) {
            self.run_bytes -= on.close();
        }
        self.join_lists(owner);
        self.owners[owner as usize].homes = None;
        self.owners[owner as usize].has_dropped = false;
        self.owners[owner as usize].snapshots = [Weak::new(), Weak::new()];
        self.run_bytes -= list.reset(epoch, cleared);
    }

    /// Notes that the models on a data source are not listed apart any more.
    fn join_lists(&mut self, owner: u32) {
        if std::mem::take(&mut self.owners[owner as usize].lists_differ) {
            self.parted_owners -= 1;
        }
    }

    /// Registers an owner; takes `due` when it succeeds.
    pub fn add_owner(&mut self, new: NewOwner<'_>, due: &mut Option<Box<Due>>) -> Result<u64> {
        check_text("owner name", new.name, MAX_NAME)?;
        let kind_name = self.kind_name(new.kind)?;
        let fields = new.config.fields();
        if new.kind == DATA_SOURCE {
            fields.check()?;
        }
        if self.live_owners >= self.options.max_owners {
            return Err(self.full("owners", self.options.max_owners));
        }
        let index = self.take_owner_record()?;
        let taken = (self.registry.owners.reserve(index), self.registry.lists.reserve(index));
        let (Ok(slot), Ok(list)) = taken else {
            self.list_free_owner(index);
            return Err(taken.0.err().or(taken.1.err()).unwrap_or(Status::ERROR_OUT_OF_MEMORY).into());
        };
        let labelled = if new.kind == DATA_SOURCE {
            self.partitions.enter(fields)
        } else {
            self.partitions.reserve_owner_label(&kind_name).map(|label| (NONE, label))
        };
        let (configuration, label) = labelled.inspect_err(|_| self.list_free_owner(index))?;
        self.text_bytes += new.name.len();
        let record = &mut self.owners[index as usize];
        record.uses += 1;
        record.live = true;
        record.kind = new.kind;
        record.name = new.name.into();
        record.registered_at = clock::coarse_wall_ms();
        record.configuration = configuration;
        record.label = label;
        record.counted_in = 0;
        record.user_data = new.user_data;
        record.due = due.take();
        let (uses, generation) = (record.uses, handle::generation(record.uses));
        let handle = self.registry.owner_handle(index, uses);
        if let Some(due) = &mut self.owners[index as usize].due {
            due.name(handle);
        }
        self.live_owners += 1;
        self.owners_made += 1;
        let freshness = self.refresh(index);
        let epoch = self.registry.epoch.load(Ordering::Relaxed);
        list.open(generation, new.kind, epoch, freshness, self.version_floor);
        slot.identity.store(u64::from(live_identity(generation)) | u64::from(new.kind) << 32, Ordering::Release);
        Ok(handle)
    }

    fn take_owner_record(&mut self) -> Result<u32> {
        if self.free_owner != NONE {
            let index = self.free_owner;
            self.free_owner = self.owners[index as usize].next;
            return Ok(index);
        }
        loop {
            let index = self.owners.len() as u32;
            if index >= MAX_SLOTS {
                return Err(self.full("owners", MAX_SLOTS));
            }
            self.owners.try_reserve(1).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
            let uses = self.owner_uses(index).unwrap_or(0);
            self.owners.push(OwnerRecord::free(uses));
            if uses < MAX_USES {
                return Ok(index);
            }
        }
    }

    fn list_free_owner(&mut self, index: u32) {
        // A slot whose generations are used up is retired: it is never listed as free again.
        let next = self.free_owner;
        let record = &mut self.owners[index as usize];
        if record.uses < MAX_USES {
            record.next = next;
            self.free_owner = index;
        }
    }

    /// The error for a limit that is reached.
    pub fn full(&self, what: &str, limit: u32) -> Error {
        Error::new(
            Status::ERROR_FULL,
            what,
            format!("{what}: the registry is full ({limit} at once, see the options of mreg_registry_create)"),
        )
    }

    /// Registers a kind of owner; the same name gives the same number again.
    ///
    /// # Errors
    /// `ERROR_INVALID_NAME` for `ds`, `app`, `global` and what is no name, `ERROR_FULL`.
    pub fn register_kind(&mut self, name: &str) -> Result<u32> {
        if name.is_empty() {
            return Err(Error::new(Status::ERROR_INVALID_NAME, "kind", "owner kind: the name is empty"));
        }
        check_text("owner kind", name, MAX_LABEL - 24)?;
        if matches!(name, "ds" | "app" | "global") {
            return Err(Error::new(
                Status::ERROR_INVALID_NAME,
                name,
                format!("owner kind \"{name}\": the name is the library's own (choose another)"),
            ));
        }
        if let Some(at) = self.kinds.iter().position(|known| &**known == name) {
            return Ok(FIRST_HOST_KIND + at as u32);
        }
        if self.kinds.len() >= MAX_HOST_KINDS {
            return Err(Error::new(
                Status::ERROR_FULL,
                name,
                format!("owner kind \"{name}\": {MAX_HOST_KINDS} kinds are registered, which is the limit"),
            ));
        }
        self.kinds.push(name.into());
        Ok(FIRST_HOST_KIND + self.kinds.len() as u32 - 1)
    }

    fn kind_name(&self, kind: u32) -> Result<String> {
        match kind {
            DATA_SOURCE => Ok("ds".to_owned()),
            APP => Ok("app".to_owned()),
            _ => kind
                .checked_sub(FIRST_HOST_KIND)
                .and_then(|at| self.kinds.get(at as usize))
                .map(|name| name.to_string())
                .ok_or_else(|| unknown_kind(kind)),
        }
    }

    /// Releases an owner: its models go, its place in its partition goes, its handle is stale.
    pub fn release_owner(&mut self, parts: Parts, due: &mut DueList) -> Result<()> {
        let index = self.owner_index(parts)?;
        self.renew(index);
        let frozen = self.freeze(self.models_about(index), &[index]);
        // Gone for every reader first, so that none sees it with some of its models; but not before the change has begun, or who
        // sees that it is gone could still find them.
        if let Some(slot) = self.registry.owners.get(index) {
            slot.identity.store(0, Ordering::Release);
        }
        let freshness = self.refresh(index);
        for list in [self.list_of(index), self.list_on(index)].into_iter().flatten() {
            self.count_invalidation(list.hide(freshness));
        }
        let names = self.names_beside(index);
        self.drop_models_about(index, None, due);
        self.thaw(frozen);
        self.leave_partition(index, names, due);
        for list in [self.list_of(index), self.list_on(index)].into_iter().flatten() {
            self.run_bytes -= list.close();
        }
        self.join_lists(index);
        let record = &mut self.owners[index as usize];
        record.live = false;
        record.homes = None;
        record.has_dropped = false;
        record.snapshots = [Weak::new(), Weak::new()];
        let (name, label, configuration) =
            (std::mem::take(&mut record.name), std::mem::take(&mut record.label), record.configuration);
        due.extend(record.due.take());
        if log::wants(Level::Debug) {
            let tenant = self.partitions.shown(label);
            due.log(Level::Debug, format_args!("owner \"{name}\" of tenant \"{tenant}\" was released"));
        }
        if self.is_watched() {
            let owner = handle::encode(Tag::Owner, parts);
            let (name, tenant) = (fallible::beginning(&name, MAX_TOLD), self.partitions.label(label).ok());
            let change = Change { owner, name, tenant, ..Change::new(Kind::OwnerReleased) };
            self.tell(Some(change), due);
        }
        self.text_bytes -= name.len();
        if configuration == NONE {
            self.partitions.free_owner_label(label);
        } else {
            self.partitions.leave(configuration);
        }
        self.live_owners -= 1;
        self.list_free_owner(index);
        Ok(())
    }

    /// The models that an owner has, and those that are on it where it is a data source.
    pub fn models_about(&self, owner: u32) -> impl Iterator<Item = u32> + use<> {
        let list = self.list_on(owner).or(self.list_of(owner));
        let used = list.map_or(0, |list| list.used());
        // Taking one out of a short list moves the others; in a long one it leaves a gap.
        let short = list.filter(|list| !list.is_long());
        let short: [u64; INLINE] = std::array::from_fn(|at| short.map_or(0, |list| list.id_at(at)));
        let ids = (0..used).filter_map(move |at| match list {
            Some(list) if list.is_long() => Some(list.id_at(at)),
            _ => short.get(at).copied(),
        });
        ids.filter(|id| *id != 0).map(index_of)
    }

    /// Drops an owner's models and those that are on it; with a partition given, only those that live there.
    pub fn drop_models_about(&mut self, owner: u32, partition: Option<u32>, due: &mut DueList) {
        self.models_about(owner).for_each(|model| self.prefetch_places(model));
        for model in self.models_about(owner) {
            if partition.is_none_or(|partition| self.partition_of(model) == partition) {
                self.drop_model(model, due);
            }
        }
    }

    /// Marks one owner's lists as changed, though they did not.
    pub fn invalidate(&mut self, parts: Parts) -> Result<()> {
        let index = self.owner_index(parts)?;
        self.renew(index);
        for list in [self.list_of(index), self.list_on(index)].into_iter().flatten() {
            let freshness = self.refresh(index);
            self.count_invalidation(list.invalidate(freshness));
        }
        self.note_freshness(index);
        Ok(())
    }
}

/// The error for a kind of owner that stands for nothing.
pub(crate) fn unknown_kind(kind: u32) -> Error {
    Error::new(
        Status::ERROR_INVALID_ARGUMENT,
        "kind",
        format!("owner kind {kind}: no such kind (1 data source, 2 app, or one of mreg_owner_kind_register)"),
    )
}

/// The index in a handle of the registry's own making.
pub(crate) fn index_of(id: u64) -> u32 {
    handle::decode(id, Tag::Model).map_or(NONE, |parts| parts.index)
}

impl super::partition::Fields {
    pub(super) fn check(&self) -> Result<()> {
        let [connector, rest @ ..] = self.all();
        check_text("data source connector", connector, MAX_CONNECTOR)?;
        for (what, text) in ["host", "port", "database"].into_iter().zip(rest) {
            check_text(&format!("data source {what}"), text, MAX_FIELD)?;
        }
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::is_plain;

    #[test]
    fn plain_text_is_printable_ascii_wherever_the_other_byte_stands() {
        for length in 0..=17 {
            let plain: Vec<u8> = (0..length).map(|at| if at % 2 == 0 { b' ' } else { b'~' }).collect();
            assert!(is_plain(&plain), "{length} bytes");
            for at in 0..length {
                for byte in [0, 1, 0x1F, b' ', b'A', b'~', 0x7F, 0x80, 0xA0, 0xFF] {
                    let mut text = plain.clone();
                    text[at] = byte;
                    assert_eq!(is_plain(&text), matches!(byte, b' '..=b'~'), "byte {byte:#04x} at {at} of {length}");
                }
            }
        }
    }
}
