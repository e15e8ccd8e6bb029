//! What hosts cannot see of lists: what readers find while somebody is at one, and how versions go on.

use super::super::memory::Table;
use super::*;

#[test]
fn a_list_that_is_frozen_answers_nobody_and_any_other_at_once() {
    static LISTS: Table<List> = Table::new();
    let list = LISTS.reserve(0).expect("there is memory");
    let word = AtomicU64::new(1);
    let ask = Ask { generation: 7, kind: ANY_KIND, epoch: &word, cleared: &word, registry_word: &word };
    let room = || [MaybeUninit::uninit(); INLINE];
    let copy = || list.copy(&ask, Which::Owned, &mut room(), &mut Stamp::default());
    let at_once = |kind: u32| {
        let words = (&word, &word);
        let copied = list.copy_at_once::<true, false>(7, kind, words, &mut room());
        let short = list.copy_at_once::<true, true>(7, kind, words, &mut room());
        assert_eq!(short, copied);
        let found = list.find_at_once::<false>(7, kind, &word, 1);
        assert_eq!(list.find_at_once::<true>(7, kind, &word, 1), found);
        (copied.map(|(answer, _)| answer.count), found)
    };
    let kinds = [ANY_KIND, DATA_SOURCE];
    list.open(7, DATA_SOURCE, 1, 5, 0);
    list.push(10, 1, 6);
    list.is_first(copy().expect("an answer").unasked.expect("the first"), |_| ());
    assert_eq!(kinds.map(at_once), [(Some(1), Some(10)); 2]);
    assert!(list.is_of(7) && !list.is_of(8));
    assert!(list.freeze() && !list.freeze(), "once");
    let contended = Miss::Contended;
    assert_eq!((copy(), list.find(&ask, 1), list.kind(7)), (Err(contended), Err(contended), Err(contended)));
    assert_eq!(kinds.map(at_once), [(None, None); 2]);
    list.thaw();
    list.thaw();
    assert_eq!(kinds.map(at_once), [(Some(1), Some(10)); 2], "let in once");
    // Who is the first to ask has something to say, and what a long list has for its names takes a call to look at.
    let without_a_call = || {
        let copied = list.copy_at_once::<false, true>(7, ANY_KIND, (&word, &word), &mut room());
        (copied.map(|(answer, _)| answer.count), list.find_at_once::<true>(7, ANY_KIND, &word, 1))
    };
    list.push(20, 2, 7);
    assert_eq!(without_a_call(), (None, Some(10)));
    list.is_first(copy().expect("an answer").unasked.expect("the first"), |_| ());
    assert_eq!(without_a_call(), (Some(2), Some(10)));
    for number in 3..=INLINE as u64 + 1 {
        list.reserve(|_, _| ()).expect("there is memory");
        list.push(number * 10, number as u32, 5 + number);
    }
    assert_eq!(without_a_call(), (None, None));
    list.is_first(copy().expect("an answer").unasked.expect("the first"), |_| ());
    assert_eq!(without_a_call(), (Some(INLINE + 1), None));
    assert_eq!(list.find_at_once::<false>(7, ANY_KIND, &word, 1), Some(10));
    // A gap is closed before anybody is answered.
    list.remove(3, 100);
    assert_eq!(without_a_call(), (None, None));
    assert_eq!(copy(), Err(Miss::Unbuilt));
    list.build(|_, _| ());
    assert_eq!(without_a_call(), (Some(INLINE), None), "who builds it has asked");
}

#[test]
fn no_version_comes_back() {
    static LISTS: Table<List> = Table::new();
    let list = LISTS.reserve(0).expect("there is memory");
    let mut last = list.version();
    for floor in [0, 0, 1000, 0] {
        list.open(7, DATA_SOURCE, 1, 5, floor);
        assert!(list.version() > last.max(floor), "{last} {floor}");
        last = list.version();
        list.close();
    }
}

#[test]
fn a_list_that_was_cleared_answers_the_same_before_and_after_it_was_looked_at() {
    static LISTS: Table<List> = Table::new();
    let list = LISTS.reserve(0).expect("there is memory");
    let (epoch, registry_word) = (AtomicU64::new(1), AtomicU64::new(1));
    let cleared = AtomicU64::new(1);
    let ask = Ask { generation: 7, kind: ANY_KIND, epoch: &epoch, cleared: &cleared, registry_word: &registry_word };
    let stamp_of = || {
        let (mut room, mut stamp) = ([MaybeUninit::uninit(); INLINE], Stamp::default());
        let answer = list.copy(&ask, Which::Owned, &mut room, &mut stamp).map(|answer| answer.count);
        (answer, stamp)
    };
    list.open(7, DATA_SOURCE, 1, 5, 0);
    list.reserve(|_, _| ()).expect("there is room");
    list.push(10, 1, 6);
    assert_eq!(stamp_of(), (Ok(1), Stamp { stamp: 6, owner: 6, registry: 1 }));
    assert_eq!(list.find(&ask, 1), Ok(Some(10)));
    // A tenant was dropped, and nothing cleared: it takes the lock to tell what is left.
    epoch.store(2, Ordering::Relaxed);
    assert_eq!((stamp_of().0, list.find(&ask, 1)), (Err(Miss::Unbuilt), Err(Miss::Unbuilt)));
    let mut seen = vec![6];
    for now in 2..5 {
        // A tenant is dropped beside each clear, which is none for this list.
        epoch.store(2 * now + 1, Ordering::Relaxed);
        cleared.store(2 * now, Ordering::Relaxed);
        let (answer, emptied) = stamp_of();
        assert_eq!(answer, Err(Miss::Emptied));
        assert_eq!(list.find(&ask, 1), Ok(None));
        assert!(!seen.contains(&emptied.stamp), "no stamp comes back");
        seen.push(emptied.stamp);
        // Not every clear is followed by a question that gets the lock.
        if now != 3 {
            list.reset(2 * now + 1, 2 * now);
            assert_eq!(stamp_of(), (Ok(0), emptied));
        }
    }
    assert!(list.last_stamp() >= *seen.last().expect("stamps"), "the next change goes on behind them");
}
