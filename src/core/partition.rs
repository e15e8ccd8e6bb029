//! Partitions: where models live, and which configurations of data sources share one.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use md5::{Digest, Md5};

use super::clock;
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

/// A partition.
pub(crate) struct Partition {
    pub label: Arc<str>,
    /// Partitions in the order they came to be; `global` is 0.
    pub sequence: u64,
    pub data_source: bool,
    /// Owners that count in it.
    pub members: u32,
    /// The models in it, oldest and newest.
    pub first: u32,
    pub last: u32,
    pub models: u32,
    /// Distinct names in it.
    pub names: u32,
    /// How many of its models have a structure, by its address; 0 stands for having none.
    pub structures: HashMap<usize, u32>,
    pub created_at: i64,
    pub last_used_at: i64,
    /// The same on the clock that idle time is measured by.
    pub last_used: u64,
}

struct Configuration {
    fields: Fields,
    label: Arc<str>,
    owners: u32,
}

/// A registry's partitions, and the labels that are taken.
pub(crate) struct Partitions {
    slots: Vec<Option<Partition>>,
    free: Vec<u32>,
    by_label: HashMap<Arc<str>, u32>,
    by_sequence: BTreeMap<u64, u32>,
    next_sequence: u64,
    configurations: Vec<Option<Configuration>>,
    free_configurations: Vec<u32>,
    by_fields: HashMap<Fields, u32>,
    /// Labels that stand for a configuration or an owner, also while they have no partition.
    reserved: HashMap<Arc<str>, ()>,
    next_owner_id: u64,
    /// Where the clock that idle time is measured by was made to stand; `None` for the system's.
    clock: Option<u64>,
    pub text_bytes: usize,
}

impl Default for Partitions {
    fn default() -> Self {
        let mut partitions = Partitions::none();
        partitions.make(GLOBAL.into(), false);
        partitions.text_bytes = 0;
        partitions
    }
}

impl Partitions {
    /// Those of no registry: not even `global`, and no memory.
    pub fn none() -> Self {
        Partitions {
            slots: Vec::new(),
            free: Vec::new(),
            by_label: HashMap::new(),
            by_sequence: BTreeMap::new(),
            next_sequence: 0,
            configurations: Vec::new(),
            free_configurations: Vec::new(),
            by_fields: HashMap::new(),
            reserved: HashMap::new(),
            next_owner_id: 1,
            clock: None,
            text_bytes: 0,
        }
    }

    /// Milliseconds on the clock that idle time is measured by.
    pub fn now(&self) -> u64 {
        self.clock.unwrap_or_else(clock::monotonic_ms)
    }

    /// Lets that clock stand at a number of milliseconds, or run as the system's does. What was used later than it says
    /// now counts as used now: a clock that was put back keeps nothing for longer.
    pub fn set_clock(&mut self, milliseconds: Option<u64>) {
        self.clock = milliseconds;
        let now = self.now();
        for partition in self.slots.iter_mut().flatten() {
            partition.last_used = partition.last_used.min(now);
        }
    }

    pub fn get(&self, index: u32) -> Option<&Partition> {
        self.slots.get(index as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, index: u32) -> Option<&mut Partition> {
        self.slots.get_mut(index as usize)?.as_mut()
    }

    /// The partition with this label.
    pub fn find(&self, label: &str) -> Option<u32> {
        if label == GLOBAL { Some(GLOBAL_INDEX) } else { self.by_label.get(label).copied() }
    }

    /// The partition with this sequence number.
    pub fn by_sequence(&self, sequence: u64) -> Option<u32> {
        self.by_sequence.get(&sequence).copied()
    }

    /// All partitions in the order they came to be, from this sequence number on.
    pub fn since(&self, sequence: u64) -> impl Iterator<Item = u32> + Clone + '_ {
        self.by_sequence.range(sequence..).map(|(_, index)| *index)
    }

    /// How many there are, without `global`.
    pub fn count(&self) -> usize {
        self.by_sequence.len().saturating_sub(1)
    }

    /// Makes a partition that is not there yet.
    pub fn make(&mut self, label: Arc<str>, data_source: bool) -> u32 {
        let (sequence, now) = (self.next_sequence, clock::wall_ms());
        self.next_sequence += 1;
        self.text_bytes += label.len();
        let partition = Partition {
            label: label.clone(),
            sequence,
            data_source,
            members: 0,
            first: NONE,
            last: NONE,
            models: 0,
            names: 0,
            structures: HashMap::new(),
            created_at: now,
            last_used_at: now,
            last_used: self.now(),
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        self.slots[index as usize] = Some(partition);
        if &*label != GLOBAL {
            self.by_label.insert(label, index);
        }
        self.by_sequence.insert(sequence, index);
        index
    }

    /// Takes a partition away; its models are no longer in it.
    pub fn remove(&mut self, index: u32) {
        if let Some(partition) = self.slots[index as usize].take() {
            self.text_bytes -= partition.label.len();
            self.by_label.remove(&partition.label);
            self.by_sequence.remove(&partition.sequence);
            self.free.push(index);
        }
    }

    /// Forgets every partition; `global` is there again, empty.
    pub fn clear(&mut self) {
        self.text_bytes = self.configurations.iter().flatten().map(|known| known.fields.bytes()).sum();
        self.slots.clear();
        self.free.clear();
        self.by_label.clear();
        self.by_sequence.clear();
        let (text_bytes, next) = (self.text_bytes, self.next_sequence);
        self.next_sequence = 0;
        self.make(GLOBAL.into(), false);
        self.next_sequence = next;
        self.text_bytes = text_bytes;
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
        self.slots.shrink_to_fit();
        self.free.shrink_to_fit();
        self.configurations.shrink_to_fit();
        self.free_configurations.shrink_to_fit();
        self.by_label.shrink_to_fit();
        self.by_fields.shrink_to_fit();
        self.reserved.shrink_to_fit();
    }

    /// A data source of this configuration begins: gives the configuration's index and label.
    pub fn enter(&mut self, fields: Fields) -> (u32, Arc<str>) {
        if let Some(index) = self.by_fields.get(&fields).copied()
            && let Some(known) = &mut self.configurations[index as usize]
        {
            known.owners += 1;
            return (index, known.label.clone());
        }
        let first = fields.label();
        let mut label: Arc<str> = first.as_str().into();
        let mut number = 2;
        while self.reserved.contains_key(&label) || self.by_label.contains_key(&label) {
            label = format!("{first}_{number}").into();
            number += 1;
        }
        self.reserved.insert(label.clone(), ());
        self.text_bytes += fields.bytes();
        let index = self.free_configurations.pop().unwrap_or_else(|| {
            self.configurations.push(None);
            self.configurations.len() as u32 - 1
        });
        self.by_fields.insert(fields.clone(), index);
        self.configurations[index as usize] = Some(Configuration { fields, label: label.clone(), owners: 1 });
        (index, label)
    }

    /// A data source of this configuration ends; with the last one its label is free again.
    pub fn leave(&mut self, configuration: u32) {
        let slot = &mut self.configurations[configuration as usize];
        let Some(known) = slot else { return };
        known.owners -= 1;
        if known.owners == 0 {
            self.reserved.remove(&known.label);
            self.by_fields.remove(&known.fields);
            self.text_bytes -= known.fields.bytes();
            *slot = None;
            self.free_configurations.push(configuration);
        }
    }

    /// The label of a new app, or of a new owner of a host's kind.
    pub fn reserve_owner_label(&mut self, kind: &str) -> Arc<str> {
        loop {
            let label: Arc<str> = format!("{kind}_{}", self.next_owner_id).into();
            self.next_owner_id += 1;
            if !self.reserved.contains_key(&label) && !self.by_label.contains_key(&label) {
                self.reserved.insert(label.clone(), ());
                return label;
            }
        }
    }

    /// Whether a label stands for a configuration or an owner.
    pub fn is_reserved(&self, label: &str) -> bool {
        self.reserved.contains_key(label)
    }

    /// The label of an owner that ended.
    pub fn free_owner_label(&mut self, label: &str) {
        self.reserved.remove(label);
    }

    /// Notes that a partition was used now.
    pub fn touch(&mut self, index: u32) {
        self.touch_at(index, clock::coarse_wall_ms());
    }

    /// Notes that a partition was used now, which the caller has read off the exact clock.
    pub fn touch_at(&mut self, index: u32, wall_ms: i64) {
        let now = self.now();
        if let Some(partition) = self.get_mut(index) {
            partition.last_used = now;
            partition.last_used_at = wall_ms.max(partition.created_at);
        }
    }

    /// How many structures its partitions have, each counted in every partition that has it.
    pub fn structures(&self) -> usize {
        self.slots.iter().flatten().map(|partition| partition.structures.len()).sum()
    }

    pub fn configurations(&self) -> usize {
        self.by_fields.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(url: &str) -> String {
        DataSourceConfig { url: url.to_owned(), ..DataSourceConfig::default() }.fields().database
    }

    #[test]
    fn the_database_defaults_to_the_last_path_segment_of_the_url() {
        assert_eq!(database("mongodb://user:secret@host:27017/shop?retryWrites=true"), "shop");
        assert_eq!(database("mongodb://host/a/b"), "b");
        assert_eq!(database("mongodb://host/shop?authSource=x/y"), "shop");
        for without in ["", "mongodb://host:27017", "mongodb://host/", "mongodb://host?x=/y"] {
            assert_eq!(database(without), "default", "{without}");
        }
    }

    #[test]
    fn the_label_is_the_md5_of_the_four_fields() {
        // printf 'mysql:localhost::default' | md5sum
        let config = DataSourceConfig { connector: Connector::Named("mysql".into()), ..DataSourceConfig::default() };
        assert_eq!(config.fields().label(), "ds_mysql_33511a21");
    }

    #[test]
    fn another_configuration_with_the_same_label_is_numbered() {
        let mut partitions = Partitions::default();
        let one = DataSourceConfig::default().fields();
        let label = one.label();
        partitions.reserved.insert(label.as_str().into(), ());
        assert_eq!(&*partitions.enter(one.clone()).1, format!("{label}_2"));
        assert_eq!(&*partitions.enter(one).1, format!("{label}_2"), "the same configuration keeps it");
        let other = DataSourceConfig { host: "elsewhere".into(), ..DataSourceConfig::default() }.fields();
        assert_eq!(&*partitions.enter(other.clone()).1, other.label());
    }
}
