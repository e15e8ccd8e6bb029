//! Partitions: where models live, and which configurations of data sources share one.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use md5::{Digest, Md5};

use crate::error::{Result, Status};

use super::clock;
use super::fallible::beginning;
use super::index::MAX_SEQUENCE;
use super::names::{KEYS, NameCounts, SLOT_BYTES};
use super::places::{Label, OF_OWNER, Places, RESERVED, Slot};
use super::state::NONE;

/// The label of the partition of models that have no other.
pub const GLOBAL: &str = "global";
/// Index of `global`; it always exists.
pub(crate) const GLOBAL_INDEX: u32 = 0;
/// The longest label or tenant code, in bytes.
pub const MAX_LABEL: usize = 255;
/// The longest field of a configuration, in bytes.
pub const MAX_FIELD: usize = 1024;
/// The longest name of a connector, in bytes: it is part of a label.
pub const MAX_CONNECTOR: usize = MAX_LABEL - 40;
/// The longest URL, in bytes.
pub const MAX_URL: usize = 8192;

/// The connector of a data source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Connector {
    /// The data source has none.
    #[default]
    None,
    /// It has one without a name.
    Unnamed,
    /// It has one of this name.
    Named(String),
}

/// What a host says of a data source's configuration. An empty text is an absent setting.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DataSourceConfig {
    /// The connector.
    pub connector: Connector,
    /// The host.
    pub host: String,
    /// The port, as text.
    pub port: String,
    /// The database.
    pub database: String,
    /// A URL, whose last path segment stands for an absent database.
    pub url: String,
}

/// The four fields that tell configurations apart, defaults filled in.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Fields {
    connector: String,
    host: String,
    port: String,
    database: String,
}

impl DataSourceConfig {
    pub(crate) fn fields(&self) -> Fields {
        let or = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
        Fields {
            connector: match &self.connector {
                Connector::None => "none".to_owned(),
                Connector::Unnamed => "unknown".to_owned(),
                Connector::Named(name) => or(name, "unknown"),
            },
            host: or(&self.host, "localhost"),
            port: self.port.clone(),
            database: or(if self.database.is_empty() { last_segment(&self.url) } else { &self.database }, "default"),
        }
    }
}

/// The last segment of a URL's path, without the query.
fn last_segment(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or_default();
    let path = match path.split_once("://") {
        // After the authority; a URL that ends with it has no path.
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => path,
    };
    path.rsplit('/').next().unwrap_or_default()
}

impl Fields {
    /// The label that the original gives: `ds_<connector>_<8 hex digits of the MD5>`.
    fn label(&self) -> String {
        let text = format!("{}:{}:{}:{}", self.connector, self.host, self.port, self.database);
        let digest = Md5::digest(text.as_bytes());
        let mut label = format!("ds_{}_", self.connector);
        for byte in &digest[..4] {
            let _ = write!(label, "{byte:02x}");
        }
        label
    }

    /// The connector, the host, the port and the database.
    pub(crate) fn all(&self) -> [&str; 4] {
        [&self.connector, &self.host, &self.port, &self.database]
    }

    fn bytes(&self) -> usize {
        self.connector.len() + self.host.len() + self.port.len() + self.database.len()
    }
}

/// How long a tick lasts at the least, in milliseconds.
pub(super) const TICK: u64 = 1000;
/// How many ticks that lasted longer are remembered.
const LONG_TICKS: usize = 64;

/// A partition.
pub(crate) struct Partition {
    /// The atom of the label.
    pub label: u32,
    pub data_source: bool,
    /// Partitions in the order they came to be; `global` is 0.
    pub sequence: u64,
    /// Owners that count in it.
    pub members: u32,
    /// The models in it, oldest and newest.
    pub first: u32,
    pub last: u32,
    pub models: u32,
    /// Distinct names in it.
    pub names: u32,
    /// Distinct structures in it.
    pub structures: u32,
    /// Models without a structure, which count as one structure.
    pub plain: u32,
    /// Models whose `user_data` has a destructor or goes into a release queue.
    pub due: u32,
    /// The apps that have models here, if there ever was one.
    pub apps: Option<Box<Apps>>,
    /// Whether there was no memory to list one of them.
    pub unlisted: bool,
    pub created_at: i64,
    last_used_at: i64,
    /// The same on the clock that idle time is measured by.
    last_used: u64,
}

impl Partition {
    /// Notes that it was used at this time, by the clock of idle time and by the exact one.
    #[inline(always)]
    pub fn touch(&mut self, now: u64, wall_ms: i64) {
        self.last_used = now;
        self.last_used_at = wall_ms.max(self.created_at);
    }
}

/// The apps that have models with a data source in a partition.
#[derive(Default)]
pub(crate) struct Apps(pub Vec<u32>);

struct Configuration {
    fields: Fields,
    label: u32,
    owners: u32,
}

/// When a partition was last used.
#[derive(Clone, Copy)]
pub(crate) struct LastUsed {
    /// How long ago, by the clock that idle time is measured by.
    pub idle_ms: u64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// A registry's partitions, and the labels that are taken.
pub(crate) struct Partitions {
    places: &'static Places,
    labels: NameCounts,
    pub(super) slots: Vec<Option<Partition>>,
    /// How many slots were ever used, since their memory was last given back.
    slots_used: u32,
    free: Vec<u32>,
    /// Sequence numbers with the partitions' indices; `NONE` in the place of one that went, and `DROPPED` in the index of one
    /// whose models are still to be taken back.
    pub(super) order: Vec<(u64, u32)>,
    pub(super) gone_of_order: usize,
    /// Partitions whose models are still to be taken back.
    pub(super) dropped: Vec<u32>,
    /// What a clear left of it.
    old_order: Vec<(u64, u32)>,
    next_sequence: u64,
    /// How many of `slots` a clear left behind, and where to look for the next one.
    left_behind: usize,
    cursor: usize,
    configurations: Vec<Option<Configuration>>,
    free_configurations: Vec<u32>,
    by_fields: HashMap<Fields, u32, ahash::RandomState>,
    next_owner_id: u64,
    pub(super) clock: clock::Wall,
    /// What the clocks said when a partition was last used: milliseconds since 1970, and the clock of idle time.
    touched: (i64, u64),
    reserved_codes: Vec<u32>,
    /// What the reserved codes take, which is the registry's as long as it is there.
    reserved_code_bytes: usize,
    /// Ticks that lasted much longer than they should, oldest first: when they began and ended.
    long_ticks: VecDeque<(u64, u64)>,
    /// Structures of all partitions, each counted in every one that has it.
    pub structures: usize,
    field_bytes: usize,
}

/// Set in an index among those in order.
pub(super) const DROPPED: u32 = 1 << 31;

static NOWHERE: Places = Places::new();

impl Partitions {
    /// Those of no registry: not even `global`, and no memory.
    pub fn none() -> Self {
        Partitions {
            places: &NOWHERE,
            labels: NameCounts::default(),
            slots: Vec::new(),
            slots_used: 0,
            free: Vec::new(),
            order: Vec::new(),
            gone_of_order: 0,
            dropped: Vec::new(),
            old_order: Vec::new(),
            next_sequence: 0,
            left_behind: 0,
            cursor: 0,
            configurations: Vec::new(),
            free_configurations: Vec::new(),
            by_fields: HashMap::with_hasher(KEYS.clone()),
            next_owner_id: 1,
            clock: clock::Wall::default(),
            touched: (i64::MIN, 0),
            reserved_codes: Vec::new(),
            reserved_code_bytes: 0,
            long_ticks: VecDeque::new(),
            structures: 0,
            field_bytes: 0,
        }
    }

    /// Those of a new registry, with tenant codes that stand for `global`.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`.
    pub fn open(&mut self, places: &'static Places, reserved: &[String]) -> Result<()> {
        // Sequence numbers and how often labels were used go on: a reader may still look at what was.
        let (labels, next, slots_used) = (std::mem::take(&mut self.labels), self.next_sequence.max(1), self.slots_used);
        *self = Partitions { places, labels, next_sequence: next, slots_used, ..Partitions::none() };
        places.first.store(next, Ordering::Relaxed);
        places.standing.store(0, Ordering::Relaxed);
        self.begin_tick(self.now());
        self.reserve(NO_LABEL)?;
        self.make_global();
        for code in reserved {
            let atom = self.intern(code)?;
            self.reserved_codes.push(atom);
            self.mark(atom, RESERVED);
        }
        self.reserved_code_bytes = self.labels.bytes();
        Ok(())
    }

    /// Gives everything up.
    pub fn close(&mut self) {
        for atom in std::mem::take(&mut self.reserved_codes) {
            self.unmark(atom);
        }
        // What is left of the labels is what their slots keep.
        let (labels, next, slots_used) = (std::mem::take(&mut self.labels), self.next_sequence, self.slots_used);
        *self = Partitions { labels, next_sequence: next, slots_used, ..Partitions::none() };
    }

    fn intern(&mut self, label: &str) -> Result<u32> {
        let atom = self.places.labels.intern(&mut self.labels, label.as_bytes())?;
        let room = self.places.by_label.reserve(atom);
        if let Err(status) = room {
            self.places.labels.release(&mut self.labels, atom);
            return Err(status.into());
        }
        Ok(atom)
    }

    fn mark(&self, atom: u32, means: u32) {
        if let Some(label) = self.places.by_label.get(atom) {
            label.means.store(means, Ordering::Relaxed);
        }
    }

    /// Takes back what a label means, and the use of it.
    fn unmark(&mut self, atom: u32) {
        self.mark(atom, 0);
        self.places.labels.release(&mut self.labels, atom);
    }

    /// Milliseconds on the clock that idle time is measured by.
    pub fn now(&self) -> u64 {
        self.places.standing.load(Ordering::Relaxed).checked_sub(1).unwrap_or_else(clock::monotonic_ms)
    }

    /// Begins a new tick, if this one has lasted long enough.
    pub fn advance(&mut self, now: u64) {
        let begun = self.places.tick.load(Ordering::Relaxed).saturating_sub(1);
        if now >= begun.saturating_add(TICK) {
            self.end_tick(begun, now);
            self.begin_tick(now);
        }
    }

    fn begin_tick(&self, now: u64) {
        self.places.tick.store(now.saturating_add(1), Ordering::Relaxed);
    }

    fn end_tick(&mut self, begun: u64, now: u64) {
        if now <= begun.saturating_add(2 * TICK) || self.long_ticks.try_reserve(1).is_err() {
            return;
        }
        self.long_ticks.push_back((begun, now));
        // Two become one: what was used in them counts as used at the end of the later one.
        if self.long_ticks.len() > LONG_TICKS
            && let Some((oldest, _)) = self.long_ticks.pop_front()
            && let Some((begun, _)) = self.long_ticks.front_mut()
        {
            *begun = oldest;
        }
    }

    /// Lets that clock stand at a number of milliseconds, or run as the system's does. What was used later than it says
    /// now counts as used now: a clock that was put back keeps nothing for longer.
    pub fn set_clock(&mut self, milliseconds: Option<u64>) {
        let places = self.places;
        self.touched.0 = i64::MIN;
        let (before, begun) = (self.now(), places.tick.load(Ordering::Relaxed).saturating_sub(1));
        self.end_tick(begun, before);
        places.standing.store(milliseconds.map_or(0, |standing| standing.saturating_add(1)), Ordering::Relaxed);
        let now = self.now();
        if now < before {
            self.long_ticks.clear();
            for (index, partition) in (0..).zip(&mut self.slots) {
                if let Some(partition) = partition {
                    partition.last_used = partition.last_used.min(now);
                }
                if let Some(slot) = places.slots.get(index) {
                    slot.note.fetch_min(now + 1, Ordering::Relaxed);
                }
            }
        }
        self.begin_tick(now);
    }

    /// When a partition was last used.
    pub fn last_used(&self, index: u32) -> LastUsed {
        let Some(partition) = self.get(index) else { return LastUsed { idle_ms: 0, at_ms: 0 } };
        let now = self.now();
        let noted = self.places.slots.get(index).and_then(|slot| slot.note.load(Ordering::Relaxed).checked_sub(1));
        let read = noted.map_or(0, |noted| self.end_of_use(noted, now)).min(now);
        if read > partition.last_used {
            let at_ms = clock::coarse_wall_ms().saturating_sub_unsigned(now - read);
            return LastUsed { idle_ms: now - read, at_ms: at_ms.max(partition.last_used_at) };
        }
        LastUsed { idle_ms: now.saturating_sub(partition.last_used), at_ms: partition.last_used_at }
    }

    /// Until when a partition may have been used, that a reader first used in some tick at this time. In a tick that lasted too
    /// long, because nobody wrote, it may have been used until the end: what is in use must not be taken for idle.
    fn end_of_use(&self, noted: u64, now: u64) -> u64 {
        let begun = self.places.tick.load(Ordering::Relaxed).saturating_sub(1);
        if noted >= begun {
            return if now > begun.saturating_add(2 * TICK) { now } else { noted };
        }
        let tick = self.long_ticks.iter().find(|(begun, ended)| (*begun..*ended).contains(&noted));
        tick.map_or(noted, |(_, ended)| *ended)
    }

    #[inline(always)]
    pub fn get(&self, index: u32) -> Option<&Partition> {
        let partition = self.slots.get(index as usize)?.as_ref()?;
        self.places.is_there(index).then_some(partition)
    }

    #[inline(always)]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Partition> {
        if !self.places.is_there(index) {
            return None;
        }
        self.slots.get_mut(index as usize)?.as_mut()
    }

    /// A partition that a model is put into, which is there.
    #[inline(always)]
    pub fn in_use(&mut self, index: u32) -> Option<&mut Partition> {
        self.slots.get_mut(index as usize)?.as_mut()
    }

    /// The partition with this label.
    pub fn find(&self, label: &str) -> Option<u32> {
        if label == GLOBAL {
            return Some(GLOBAL_INDEX);
        }
        self.find_atom(self.places.labels.known(label.as_bytes())?)
    }

    /// The partition whose label is this atom's.
    pub fn find_atom(&self, label: u32) -> Option<u32> {
        self.places.partition_of(label)
    }

    /// A partition's label, or an owner's.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`.
    pub fn label(&self, atom: u32) -> Result<String> {
        if atom != NO_LABEL {
            return self.places.labels.text(atom);
        }
        beginning(GLOBAL, MAX_LABEL).ok_or(Status::ERROR_OUT_OF_MEMORY.into())
    }

    /// The same for a message, where no error can be reported: empty where there is no memory.
    pub fn shown(&self, atom: u32) -> String {
        self.label(atom).unwrap_or_default()
    }

    pub(super) fn order_of(&self, sequence: u64) -> Option<usize> {
        self.order.binary_search_by_key(&sequence, |(sequence, _)| *sequence).ok()
    }

    /// The partition with this sequence number.
    pub fn by_sequence(&self, sequence: u64) -> Option<u32> {
        if sequence == 0 {
            return Some(GLOBAL_INDEX);
        }
        self.order_of(sequence).map(|at| self.order[at].1).filter(|index| index & DROPPED == 0)
    }

    /// All partitions but `global` in the order they came to be, from this sequence number on.
    pub fn since(&self, sequence: u64) -> impl Iterator<Item = u32> + Clone + '_ {
        let from = self.order.partition_point(|(other, _)| *other < sequence);
        self.order[from..].iter().map(|(_, index)| *index).filter(|index| index & DROPPED == 0)
    }

    /// The sequence number of a partition that is there, or that was dropped and still has entries in the indices.
    #[inline(always)]
    pub fn sequence(&self, index: u32) -> u64 {
        match self.places.slots.get(index).map_or(0, |slot| slot.sequence.load(Ordering::Relaxed)) {
            0 => self.slots.get(index as usize).and_then(Option::as_ref).map_or(0, |partition| partition.sequence),
            sequence => sequence,
        }
    }

    /// How many there are, without `global`.
    pub fn count(&self) -> usize {
        self.order.len() - self.gone_of_order
    }

    /// How many there are memory for: those that are there, and those that were left behind.
    pub fn records(&self) -> usize {
        self.count() + self.dropped.len() + self.left_behind
    }

    fn next_index(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.slots.len() as u32)
    }

    /// Makes sure that a partition with this label can be made.
    fn reserve(&mut self, label: u32) -> Result<()> {
        if self.next_sequence >= MAX_SEQUENCE {
            return Err(Status::ERROR_FULL.into());
        }
        let full = |_| Status::ERROR_OUT_OF_MEMORY;
        self.slots.try_reserve(1).map_err(full)?;
        // As many can be listed as free as there are.
        self.free.try_reserve(self.slots.capacity()).map_err(full)?;
        self.order.try_reserve(1).map_err(full)?;
        self.places.slots.reserve(self.next_index())?;
        self.places.by_label.reserve(label)?;
        Ok(())
    }

    /// Makes sure that the partition of an owner's label can be made.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`.
    pub fn prepare(&mut self, label: u32) -> Result<()> {
        self.reserve(label)?;
        self.places.labels.hold(&mut self.labels, label);
        Ok(())
    }

    /// Makes sure that the partition of a tenant's code can be made; gives its label.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`.
    pub fn prepare_code(&mut self, code: &str) -> Result<u32> {
        let label = self.intern(code)?;
        self.reserve(label).inspect_err(|_| self.places.labels.release(&mut self.labels, label))?;
        Ok(label)
    }

    /// Takes back what was prepared.
    pub fn unprepare(&mut self, label: u32) {
        self.places.labels.release(&mut self.labels, label);
    }

    /// Makes a partition that is not there yet and was prepared.
    pub fn make(&mut self, label: u32, data_source: bool) -> u32 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let index = self.next_index();
        if self.free.pop().is_none() {
            self.slots.push(None);
        }
        self.slots_used = self.slots_used.max(index + 1);
        self.order.push((sequence, index));
        self.begin(index, label, sequence, data_source);
        if let Some(label) = self.places.by_label.get(label) {
            label.partition.store(index + 1, Ordering::Relaxed);
        }
        index
    }

    fn make_global(&mut self) {
        if self.slots.is_empty() {
            self.slots.push(None);
        }
        self.begin(GLOBAL_INDEX, NO_LABEL, 0, false);
    }

    fn begin(&mut self, index: u32, label: u32, sequence: u64, data_source: bool) {
        let wall = self.clock.ms();
        let now = self.idle_clock(wall);
        let partition = Partition {
            label,
            data_source,
            sequence,
            members: 0,
            first: NONE,
            last: NONE,
            models: 0,
            names: 0,
            structures: 0,
            plain: 0,
            due: 0,
            apps: None,
            unlisted: false,
            created_at: wall,
            last_used_at: wall,
            last_used: now,
        };
        self.slots[index as usize] = Some(partition);
        if let Some(slot) = self.places.slots.get(index) {
            slot.note.store(0, Ordering::Relaxed);
            slot.sequence.store(sequence, Ordering::Relaxed);
        }
    }

    /// Takes a partition away; its models are no longer in it.
    pub fn remove(&mut self, index: u32) {
        let Some(partition) = self.get(index) else { return };
        let (label, sequence) = (partition.label, partition.sequence);
        if let Some(at) = self.order_of(sequence) {
            self.order[at].1 = NONE;
            self.gone_of_order += 1;
        }
        self.tidy_order();
        self.take_out(index, label);
    }

    pub(super) fn tidy_order(&mut self) {
        let dropped = self.dropped.len();
        if (self.gone_of_order - dropped) * 2 > self.order.len() {
            self.order.retain(|(_, index)| *index != NONE);
            self.gone_of_order = dropped;
        }
    }

    /// Lets nobody find a partition any more.
    pub(super) fn hide(&self, index: u32, label: u32) {
        if let Some(slot) = self.places.slots.get(index) {
            slot.sequence.store(0, Ordering::Relaxed);
        }
        if let Some(known) = self.places.by_label.get(label)
            && known.partition.load(Ordering::Relaxed) == index + 1
        {
            known.partition.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn take_out(&mut self, index: u32, label: u32) {
        self.hide(index, label);
        self.slots[index as usize] = None;
        self.places.labels.release(&mut self.labels, label);
        self.free.push(index);
    }

    /// Forgets every partition, whatever their number; `global` is there again, empty.
    pub fn clear(&mut self) {
        self.places.first.store(self.next_sequence, Ordering::Relaxed);
        self.left_behind += self.count() + self.dropped.len();
        self.dropped.clear();
        self.cursor = 0;
        // Letting the memory of a long one go takes its time.
        let order = std::mem::take(&mut self.order);
        if order.capacity() > self.old_order.capacity() {
            self.old_order = order;
        }
        self.gone_of_order = 0;
        self.structures = 0;
        self.make_global();
    }

    /// Whether a clear left partitions behind.
    pub fn is_left_behind(&self) -> bool {
        self.left_behind > 0 || self.old_order.capacity() > 0
    }

    /// Takes back what a clear left behind: looks at so many partitions.
    pub fn reclaim(&mut self, steps: u32) {
        for _ in 0..steps {
            if self.left_behind == 0 {
                self.old_order = Vec::new();
                return;
            }
            self.cursor += 1;
            let index = self.cursor as u32;
            let Some(slot) = self.slots.get(self.cursor) else { return };
            if let Some(partition) = slot
                && partition.sequence < self.places.first.load(Ordering::Relaxed)
            {
                let label = partition.label;
                self.left_behind -= 1;
                self.take_out(index, label);
            }
        }
    }

    /// Gives memory back that nothing needs now.
    pub fn shrink(&mut self) {
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        let slots = self.slots.len() as u32;
        self.free.retain(|index| *index < slots);
        while self.configurations.last().is_some_and(Option::is_none) {
            self.configurations.pop();
        }
        let configurations = self.configurations.len() as u32;
        self.free_configurations.retain(|index| *index < configurations);
        self.order.retain(|(_, index)| *index != NONE);
        self.gone_of_order = self.dropped.len();
        self.dropped.shrink_to_fit();
        self.slots.shrink_to_fit();
        self.free.shrink_to_fit();
        self.order.shrink_to_fit();
        self.configurations.shrink_to_fit();
        self.free_configurations.shrink_to_fit();
        self.by_fields.shrink_to_fit();
        if self.labels.is_empty() {
            // What is not given back reads as zeros as well.
            self.places.by_label.discard(u32::MAX);
            self.places.labels.discard(&mut self.labels);
        }
        if self.slots.len() <= 1 {
            self.slots_used = self.places.slots.discard(self.slots_used);
        }
    }

    /// A data source of this configuration begins: gives the configuration's index and label.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`.
    pub fn enter(&mut self, fields: Fields) -> Result<(u32, u32)> {
        if let Some(index) = self.by_fields.get(&fields).copied()
            && let Some(known) = &mut self.configurations[index as usize]
        {
            known.owners += 1;
            return Ok((index, known.label));
        }
        let full = |_| Status::ERROR_OUT_OF_MEMORY;
        self.configurations.try_reserve(1).map_err(full)?;
        // As many can be listed as free as there are.
        self.free_configurations.try_reserve(self.configurations.capacity()).map_err(full)?;
        self.by_fields.try_reserve(1).map_err(full)?;
        let first = fields.label();
        let mut label = first.clone();
        let mut number = 2;
        while self.is_taken(&label) {
            label = format!("{first}_{number}");
            number += 1;
        }
        let atom = self.intern(&label)?;
        self.mark(atom, OF_OWNER);
        self.field_bytes += fields.bytes();
        let index = self.free_configurations.pop().unwrap_or_else(|| {
            self.configurations.push(None);
            self.configurations.len() as u32 - 1
        });
        self.by_fields.insert(fields.clone(), index);
        self.configurations[index as usize] = Some(Configuration { fields, label: atom, owners: 1 });
        Ok((index, atom))
    }

    /// A data source of this configuration ends; with the last one its label is free again.
    pub fn leave(&mut self, configuration: u32) {
        let slot = &mut self.configurations[configuration as usize];
        let Some(known) = slot else { return };
        known.owners -= 1;
        if known.owners == 0 {
            let label = known.label;
            self.by_fields.remove(&known.fields);
            self.field_bytes -= known.fields.bytes();
            *slot = None;
            self.free_configurations.push(configuration);
            self.unmark(label);
        }
    }

    /// The label of a new app, or of a new owner of a host's kind.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`.
    pub fn reserve_owner_label(&mut self, kind: &str) -> Result<u32> {
        loop {
            let label = format!("{kind}_{}", self.next_owner_id);
            self.next_owner_id += 1;
            if !self.is_taken(&label) {
                let atom = self.intern(&label)?;
                self.mark(atom, OF_OWNER);
                return Ok(atom);
            }
        }
    }

    fn means(&self, label: &str) -> u32 {
        let known = self.places.labels.known(label.as_bytes()).and_then(|atom| self.places.by_label.get(atom));
        known.map_or(0, |label| label.means.load(Ordering::Relaxed))
    }

    /// Whether a label is an owner's, a partition's, or was reserved by the host.
    fn is_taken(&self, label: &str) -> bool {
        self.means(label) != 0 || self.find(label).is_some()
    }

    /// Whether a label stands for a configuration or an owner.
    pub fn is_of_owner(&self, label: &str) -> bool {
        self.means(label) & OF_OWNER != 0
    }

    /// The label of an owner that ended.
    pub fn free_owner_label(&mut self, label: u32) {
        self.unmark(label);
    }

    /// Notes that a partition was used now.
    pub fn touch(&mut self, index: u32) {
        let wall_ms = self.clock.ms();
        let now = self.idle_clock(wall_ms);
        if let Some(partition) = self.get_mut(index) {
            partition.touch(now, wall_ms);
        }
    }

    /// What the clock of idle time says when the exact one, which the caller has read, says this.
    #[inline(always)]
    pub fn idle_clock(&mut self, wall_ms: i64) -> u64 {
        // Within the same millisecond it says the same.
        if self.touched.0 != wall_ms {
            self.read_idle_clock(wall_ms);
        }
        self.touched.1
    }

    #[cold]
    fn read_idle_clock(&mut self, wall_ms: i64) {
        let now = self.now();
        self.advance(now);
        self.touched = (wall_ms, now);
    }

    /// What partitions and configurations take, in bytes.
    pub fn bytes(&self) -> usize {
        self.records() * size_of::<Partition>()
            + self.by_fields.len() * (size_of::<Configuration>() + size_of::<Fields>())
            + self.field_bytes
    }

    /// What labels take, in bytes.
    pub fn label_bytes(&self) -> usize {
        self.labels.bytes().saturating_sub(self.reserved_code_bytes)
    }

    /// What slots keep that were used once, in bytes.
    pub fn reserved_bytes(&self) -> usize {
        self.labels.slots() * (SLOT_BYTES + size_of::<Label>())
            + self.slots_used as usize * size_of::<Slot>()
            + self.reserved_code_bytes
    }
}

/// In the place of the atom of `global`'s label, which no table has.
pub(crate) const NO_LABEL: u32 = 0;

#[cfg(test)]
mod tests;
