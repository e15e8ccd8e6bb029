//! Sequences of C calls against the contract in its plainest form (tests/support_c_api/naive): two registries, any
//! handle at any place, in any order; watchers, a release queue and builders beside them. What a call answers is compared
//! at once, everything that can be asked at the end; then all is let go, and nothing may be in use.
//!
//! Each byte is a choice: what to do next, and with what.

#![no_main]

#[path = "../../../tests/support_c_api/mod.rs"]
mod support_c_api;

mod ask;
mod build;
mod change;
mod handles;
mod told;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use support_c_api::naive::{self, RESERVED, World};
use support_c_api::queues::Queue;
use support_c_api::*;

const TENANTS: [&str; 6] = ["north", "south", "", RESERVED, "global", "a tenant with a long code, longer than a word"];
const NAMES: [&str; 6] =
    ["User", "Order", "user", "Ünïcödé", "SeventeenBytes___", "a.name.that.is.kept.outside.of.its.slot"];
const CONNECTORS: [&str; 3] = ["memory", "mysql", ""];

/// Schemas that live as long as the process; the third has no properties, and so no structure.
static SCHEMAS: LazyLock<[u64; 3]> = LazyLock::new(|| {
    [
        schema(r#"{"name": "One", "base": "Model", "properties": {"a": "string"}}"#),
        schema(r#"{"name": "Two", "base": "Model", "properties": {"b": "number"}}"#),
        schema(r#"{"name": "None", "base": "Model", "properties": {}}"#),
    ]
});

/// The `user_data` of models and owners. They are used again for each input, so that no memory is lost.
static WITNESSES: LazyLock<Vec<&'static Witness>> = LazyLock::new(|| (0..512).map(|_| Witness::new()).collect());

/// Whether each step is to be printed, for whoever looks at a finding: set `MODELREG_FUZZ_TRACE`.
static TRACE: LazyLock<bool> = LazyLock::new(|| std::env::var_os("MODELREG_FUZZ_TRACE").is_some());

/// Choices, as many as there are bytes.
pub struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `limit`; 0 where there is none.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { usize::from(self.byte()) % limit }
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.below(from.len())]) }
    }

    pub fn word(&mut self) -> u64 {
        (0..8).fold(0, |word, _| word << 8 | u64::from(self.byte()))
    }
}

/// What is known of a partition's idle time: when it was last used for sure, and at the latest.
#[derive(Clone)]
pub struct Use {
    registry: usize,
    label: String,
    since: u64,
    until: u64,
}

pub struct Run<'a> {
    bytes: Bytes<'a>,
    world: World,
    /// The thread's current tenant.
    current: &'static str,
    witnesses: usize,
    /// The clock of every registry, in milliseconds.
    now: u64,
    uses: Vec<Use>,
    /// Every handle that this input was given, with its tag.
    given: Vec<u64>,
    /// Schemas of models that were asked for.
    schemas: Vec<(u64, bool)>,
    /// The watcher of each registry that calls; 0 for none.
    tellers: Vec<u64>,
    /// The release queue that registries may have; 0 for none.
    queue: u64,
}

fn handle_of(world: &World, owner: Option<usize>) -> u64 {
    owner.map_or(0, |owner| world.owners[owner].handle)
}

impl Run<'_> {
    fn witness(&mut self) -> &'static Witness {
        let witness = WITNESSES[self.witnesses];
        self.witnesses += 1;
        witness.reset();
        witness
    }

    fn live_registries(&self) -> Vec<usize> {
        (0..self.world.registries.len()).filter(|at| self.world.registries[*at].live).collect()
    }

    fn make_registry(&mut self, limit: usize) {
        let queue = self.queue;
        let registry =
            Registry::with(Limits { models: limit as u32, reserved: &[RESERVED], queue, ..Limits::default() });
        self.tellers.push(0);
        self.world.add_registry(registry.0, if limit == 0 { usize::MAX } else { limit });
        set_clock(registry.0, self.now);
        self.give(registry.0);
        std::mem::forget(registry);
    }

    /// Notes a handle; each is given out once.
    fn give(&mut self, handle: u64) {
        assert!(
            handle != 0 && handle >> 63 == 0 && !self.given.contains(&handle),
            "the handle {handle:#x} came before"
        );
        self.given.push(handle);
    }

    fn used(&mut self, registry: usize, label: &str, surely: bool) {
        let now = self.now;
        if *TRACE {
            eprintln!("    {label} of registry {registry} is used at {now}, surely: {surely}");
        }
        let known = self.uses.iter_mut().find(|known| known.registry == registry && known.label == label);
        match known {
            Some(known) => {
                known.until = now;
                if surely {
                    known.since = now;
                }
            }
            // Unsure of a first use, nothing is known.
            None if !surely => {}
            None => self.uses.push(Use { registry, label: label.to_owned(), since: now, until: now }),
        }
    }

    fn step(&mut self) {
        let live = self.live_registries();
        let Some(registry) = self.bytes.pick(&live) else {
            self.make_registry(0);
            return;
        };
        let step = self.bytes.below(38);
        if *TRACE {
            eprintln!("step {step} in registry {registry}, then {:?}", &self.bytes.0[..self.bytes.0.len().min(8)]);
        }
        match step {
            0..=6 => self.register(registry),
            7 | 8 => self.move_some(),
            9 => self.unregister_some(),
            10 => self.hold_some(),
            11 => self.unhold_some(),
            12 => self.snapshot_some(registry),
            13 => self.free_some(),
            14 => self.release_some(),
            15 | 16 => self.make_owner(registry),
            17 => self.drop_some_tenant(registry),
            18 => self.drop_idle(registry),
            19 => self.clear(registry),
            20 => self.change_something_else(registry),
            21 | 22 => self.wild(),
            23..=25 => self.ask_some_owner(),
            26 => self.ask_by_name(registry),
            27 => self.ask_by_structure(registry),
            28 => self.ask_registry(registry),
            29 => self.ask_some_model(),
            30 => self.ask_some_snapshot(),
            31 => self.set_current(),
            32..=34 => self.watch_some(registry),
            _ => self.build_some(),
        }
    }

    fn run(&mut self) {
        set_current_tenant("").expect("no tenant");
        let choice = self.bytes.byte();
        if choice & 2 != 0 {
            self.queue = std::mem::ManuallyDrop::new(Queue::new()).0;
            self.give(self.queue);
        }
        self.make_registry(0);
        if choice & 1 != 0 {
            let limit = 1 + self.bytes.below(4);
            self.make_registry(limit);
        }
        let mut steps = 0;
        while !self.bytes.0.is_empty() && steps < 100 {
            self.step();
            self.check_told();
            self.check_destructors();
            steps += 1;
        }
        self.check_all();
        self.let_all_go();
    }
}

fuzz_target!(|data: &[u8]| {
    let mut run = Run {
        bytes: Bytes(data),
        world: World::default(),
        current: "",
        witnesses: 0,
        now: 1_000_000,
        uses: Vec::new(),
        given: SCHEMAS.to_vec(),
        schemas: Vec::new(),
        tellers: Vec::new(),
        queue: 0,
    };
    run.run();
});
