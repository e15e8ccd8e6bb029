//! What hosts cannot see of partitions, or only at length: ticks, what is counted as memory, and when it is given back.

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

/// Partitions of a new registry with these reserved codes.
fn opened(places: &'static Places, reserved: &[&str]) -> Partitions {
    let mut partitions = Partitions::none();
    let reserved: Vec<String> = reserved.iter().map(|code| (*code).to_owned()).collect();
    partitions.open(places, &reserved).expect("there is memory");
    partitions
}

/// Makes the partition of a tenant's code.
fn make(partitions: &mut Partitions, code: &str) -> u32 {
    let label = partitions.prepare_code(code).expect("there is memory");
    partitions.make(label, false)
}

#[test]
fn another_configuration_with_the_same_label_is_numbered() {
    static PLACES: Places = Places::new();
    let mut partitions = opened(&PLACES, &[]);
    let one = DataSourceConfig::default().fields();
    let label = one.label();
    let taken = partitions.intern(&label).expect("there is memory");
    partitions.mark(taken, OF_OWNER);
    let mut label_of = |fields: &Fields| {
        let (_, atom) = partitions.enter(fields.clone()).expect("there is memory");
        partitions.label(atom).expect("there is memory")
    };
    assert_eq!(label_of(&one), format!("{label}_2"));
    assert_eq!(label_of(&one), format!("{label}_2"), "the same configuration keeps it");
    let other = DataSourceConfig { host: "elsewhere".into(), ..DataSourceConfig::default() }.fields();
    assert_eq!(label_of(&other), other.label());
}

/// Partitions with one of the code `north`, and the clock standing at 0 as a tick begins.
fn ticking(places: &'static Places) -> (Partitions, u32) {
    let mut partitions = opened(places, &[]);
    partitions.set_clock(Some(0));
    let north = make(&mut partitions, "north");
    (partitions, north)
}

/// Lets the clock go on while nobody writes.
fn pass_to(places: &Places, milliseconds: u64) {
    places.standing.store(milliseconds + 1, Ordering::Relaxed);
}

fn note_of(places: &Places, index: u32) -> u64 {
    places.slots.get(index).map_or(0, |slot| slot.note.load(Ordering::Relaxed))
}

#[test]
fn a_read_notes_use_at_most_once_a_tick() {
    static PLACES: Places = Places::new();
    let (mut partitions, north) = ticking(&PLACES);
    let idle = |partitions: &Partitions| partitions.last_used(north).idle_ms;
    pass_to(&PLACES, 10);
    PLACES.note(north);
    let noted = note_of(&PLACES, north);
    pass_to(&PLACES, 500);
    PLACES.note(north);
    assert_eq!(note_of(&PLACES, north), noted, "nothing is stored in the same tick");
    pass_to(&PLACES, 900);
    assert_eq!(idle(&partitions), 890);
    partitions.advance(900);
    PLACES.note(north);
    assert_eq!(note_of(&PLACES, north), noted, "the tick lasts a second");
    pass_to(&PLACES, 1000);
    partitions.advance(1000);
    PLACES.note(north);
    assert_ne!(note_of(&PLACES, north), noted);
    assert_eq!(idle(&partitions), 0);
    pass_to(&PLACES, 2500);
    assert_eq!(idle(&partitions), 1500);
}

#[test]
fn what_readers_use_while_nobody_writes_is_not_idle() {
    static PLACES: Places = Places::new();
    let (mut partitions, north) = ticking(&PLACES);
    let idle = |partitions: &Partitions| partitions.last_used(north).idle_ms;
    pass_to(&PLACES, 5000);
    assert_eq!(idle(&partitions), 5000, "nobody read");
    PLACES.note(north);
    // It may have been read until now, without a note.
    pass_to(&PLACES, 60_000);
    assert_eq!(idle(&partitions), 0);
    partitions.advance(60_000);
    pass_to(&PLACES, 61_000);
    assert_eq!(idle(&partitions), 1000, "the long tick has ended");
    partitions.advance(61_000);
    pass_to(&PLACES, 90_000);
    assert_eq!(idle(&partitions), 30_000);
    // More long ticks than are remembered: none makes it idle for longer than it can be.
    for tick in 0..2 * LONG_TICKS as u64 {
        pass_to(&PLACES, 90_000 + tick * 10_000);
        partitions.advance(90_000 + tick * 10_000);
    }
    assert!(idle(&partitions) <= 2 * LONG_TICKS as u64 * 10_000 + 30_000);
    assert_eq!(partitions.long_ticks.len(), LONG_TICKS);
}
#[test]
fn a_tick_of_twice_its_length_is_not_yet_a_long_one() {
    static PLACES: Places = Places::new();
    let (mut partitions, north) = ticking(&PLACES);
    let idle = |partitions: &Partitions| partitions.last_used(north).idle_ms;
    pass_to(&PLACES, 10);
    PLACES.note(north);
    pass_to(&PLACES, 2000);
    assert_eq!(idle(&partitions), 1990);
    pass_to(&PLACES, 2001);
    assert_eq!(idle(&partitions), 0, "it may have been read until now");
    partitions.advance(2000);
    pass_to(&PLACES, 3000);
    assert_eq!(idle(&partitions), 2990, "the tick was not long when it ended");
    PLACES.note(north);
    partitions.advance(4001);
    pass_to(&PLACES, 5000);
    assert_eq!(idle(&partitions), 999, "this one was");
}

#[test]
fn when_a_reader_used_it_follows_from_how_long_ago_that_was() {
    static PLACES: Places = Places::new();
    let (mut partitions, north) = ticking(&PLACES);
    partitions.get_mut(north).expect("it is there").last_used_at = 0;
    pass_to(&PLACES, 100_000);
    partitions.advance(100_000);
    PLACES.note(north);
    pass_to(&PLACES, 101_500);
    let used = partitions.last_used(north);
    assert_eq!(used.idle_ms, 1500);
    let ago = clock::wall_ms() - used.at_ms;
    assert!((1500..60_000).contains(&ago), "{ago}");
}

#[test]
fn a_clock_that_is_put_back_counts_later_use_as_use_now() {
    static PLACES: Places = Places::new();
    let (mut partitions, north) = ticking(&PLACES);
    let idle = |partitions: &Partitions| partitions.last_used(north).idle_ms;
    pass_to(&PLACES, 5000);
    PLACES.note(north);
    pass_to(&PLACES, 60_000);
    partitions.advance(60_000);
    partitions.set_clock(Some(60_000));
    assert_eq!(idle(&partitions), 0, "long ticks are remembered while the clock stands");
    partitions.set_clock(Some(100));
    assert_eq!(idle(&partitions), 0);
    partitions.set_clock(Some(300));
    assert_eq!(idle(&partitions), 200);
}

#[test]
fn configurations_and_partitions_are_counted_as_long_as_they_take_memory() {
    static PLACES: Places = Places::new();
    let mut partitions = opened(&PLACES, &[]);
    assert_eq!(partitions.bytes(), 0);
    let [connector, host, port, database] = [2, 3, 5, 7].map(|length| "a".repeat(length));
    let fields = Fields { connector, host, port, database };
    let configured = size_of::<Configuration>() + size_of::<Fields>() + 2 + 3 + 5 + 7;
    let (configuration, label) = partitions.enter(fields.clone()).expect("there is memory");
    assert_eq!(partitions.bytes(), configured);
    partitions.enter(fields).expect("there is memory");
    assert_eq!(partitions.bytes(), configured, "two owners have one configuration");
    partitions.prepare(label).expect("there is memory");
    partitions.make(label, true);
    assert_eq!(partitions.bytes(), configured + size_of::<Partition>());
    partitions.clear();
    assert_eq!(partitions.bytes(), configured + size_of::<Partition>(), "it is left behind");
    partitions.reclaim(u32::MAX);
    partitions.leave(configuration);
    assert_eq!(partitions.bytes(), configured, "one of the owners is left");
    partitions.leave(configuration);
    assert_eq!((partitions.bytes(), partitions.label_bytes()), (0, 0));
}

#[test]
fn what_slots_keep_is_reserved_for_the_next_registry_as_well() {
    static PLACES: Places = Places::new();
    let mut partitions = opened(&PLACES, &["trap"]);
    let first = make(&mut partitions, "north");
    let sequence = partitions.sequence(first);
    // Two labels, and the partition beside `global`.
    let slots = 2 * (SLOT_BYTES + size_of::<Label>()) + 2 * size_of::<Slot>();
    assert_eq!(partitions.reserved_bytes(), slots + size_of::<u64>(), "with the name of the reserved code");
    assert_eq!(partitions.label_bytes(), size_of::<u64>(), "without it");
    partitions.remove(first);
    partitions.close();
    assert_eq!(partitions.reserved_bytes(), slots);
    partitions.open(&PLACES, &[]).expect("there is memory");
    assert_eq!(partitions.reserved_bytes(), slots);
    assert!(!partitions.is_taken("trap"), "another registry had reserved it");
    let second = make(&mut partitions, "north");
    assert_eq!((second, partitions.reserved_bytes()), (first, slots), "slots are used again");
    assert!(partitions.sequence(second) > sequence, "sequence numbers go on");
}

#[test]
fn what_slots_keep_is_given_back_with_the_last_partition_and_not_before() {
    static PLACES: Places = Places::new();
    let mut partitions = opened(&PLACES, &[]);
    // Enough for pages of their own, which is what the system takes back.
    let made: Vec<u32> = (0..600).map(|number| make(&mut partitions, &format!("tenant{number}"))).collect();
    let reserved = partitions.reserved_bytes();
    partitions.shrink();
    assert_eq!(partitions.reserved_bytes(), reserved);
    assert!(made.iter().all(|index| partitions.get(*index).is_some()));
    made.into_iter().for_each(|index| partitions.remove(index));
    partitions.shrink();
    assert!(cfg!(miri) || partitions.reserved_bytes() < reserved, "{} bytes", partitions.reserved_bytes());
    let slots = partitions.slots_used;
    assert!(cfg!(miri) || slots < 600, "{slots} slots");
}

#[test]
fn slots_are_used_again_also_after_the_last_ones_were_given_back() {
    static PLACES: Places = Places::new();
    let mut partitions = opened(&PLACES, &[]);
    let fields = |host: &str| DataSourceConfig { host: host.to_owned(), ..DataSourceConfig::default() }.fields();
    let made = ["a", "b", "c", "d"].map(|code| make(&mut partitions, code));
    let known = ["a", "b", "c", "d"].map(|host| partitions.enter(fields(host)).expect("there is memory").0);
    for gone in [0, 2, 3] {
        partitions.remove(made[gone]);
        partitions.leave(known[gone]);
    }
    partitions.shrink();
    assert_eq!(partitions.since(1).collect::<Vec<_>>(), [made[1]]);
    assert_eq!(partitions.find("b"), Some(made[1]));
    assert_eq!(["e", "f", "g"].map(|code| make(&mut partitions, code)), [made[0], made[2], made[3]]);
    let again = ["e", "f", "g"].map(|host| partitions.enter(fields(host)).expect("there is memory").0);
    assert_eq!(again, [known[0], known[2], known[3]]);
}

#[test]
fn the_order_is_moved_together_when_more_than_half_of_it_is_gone() {
    static PLACES: Places = Places::new();
    let mut partitions = opened(&PLACES, &[]);
    let made: Vec<u32> = (0..9).map(|number| make(&mut partitions, &format!("tenant{number}"))).collect();
    let mut lengths = Vec::new();
    for (gone, index) in made.iter().enumerate() {
        partitions.remove(*index);
        assert_eq!(partitions.since(1).collect::<Vec<_>>(), made[gone + 1..]);
        lengths.push(partitions.order.len());
    }
    assert_eq!(lengths, [9, 9, 9, 9, 4, 4, 4, 1, 0]);
}

#[test]
fn what_a_clear_leaves_behind_is_taken_back_and_no_more() {
    static PLACES: Places = Places::new();
    let mut partitions = opened(&PLACES, &[]);
    assert!(!partitions.is_left_behind());
    let gone = make(&mut partitions, "gone");
    partitions.remove(gone);
    partitions.clear();
    assert!(partitions.is_left_behind(), "the memory of the order");
    partitions.reclaim(1);
    assert!(!partitions.is_left_behind());
    for code in ["a", "b", "c"] {
        make(&mut partitions, code);
    }
    partitions.clear();
    let b = make(&mut partitions, "b");
    for left in [3, 2, 1] {
        assert_eq!((partitions.records(), partitions.is_left_behind()), (left + 1, true));
        partitions.reclaim(1);
    }
    partitions.reclaim(1);
    assert_eq!((partitions.records(), partitions.is_left_behind()), (1, false));
    assert_eq!(partitions.find("b"), Some(b));
    assert_eq!(partitions.since(1).collect::<Vec<_>>(), [b]);
}
