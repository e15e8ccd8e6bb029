//! The table of functions that the driver calls, made for each peer.

use std::ffi::{c_char, c_void};
use std::slice::from_raw_parts as rows;
use std::slice::from_raw_parts_mut as rows_mut;

use crate::{Finds, Peer};

/// `struct order` of `driver.h`.
#[repr(C)]
pub struct Order {
    owner: u64,
    name: *const u8,
    length: u32,
    structure: u32,
}

impl Order {
    #[inline]
    fn name(&self) -> &str {
        // SAFETY: the driver's names are ASCII of this length, and outlive the call.
        unsafe { std::str::from_utf8_unchecked(rows(self.name, self.length as usize)) }
    }
}

type Create = extern "C" fn() -> *mut c_void;
type Change = unsafe extern "C" fn(*mut c_void, *const Order, usize, *mut u64);
type Ask = unsafe extern "C" fn(*mut c_void, *const Order, usize) -> u64;
type List = unsafe extern "C" fn(*mut c_void, *const u64, usize, *mut u64, usize) -> u64;
type Valid = unsafe extern "C" fn(*mut c_void, *const u64, usize) -> u64;
type Plain = unsafe extern "C" fn(*mut c_void);

/// `struct implementation` of `driver.h`.
#[repr(C)]
pub struct Implementation {
    name: *const c_char,
    slow_writer: u64,
    create: Create,
    destroy: Plain,
    add_owner: extern "C" fn(*mut c_void, u64) -> u64,
    tenant_of: Option<Plain>,
    fill: Option<Change>,
    register_many: Change,
    register_list_many: unsafe extern "C" fn(*mut c_void, *const Order, usize, *mut u64) -> u64,
    unregister_many: unsafe extern "C" fn(*mut c_void, *const Order, *const u64, usize),
    release_many: unsafe extern "C" fn(*mut c_void, *const u64, usize),
    clear: Plain,
    reclaim: Option<Plain>,
    list: unsafe extern "C" fn(*mut c_void, u64, *mut u64, usize) -> usize,
    list_many: List,
    list_chain: List,
    get_many: Ask,
    get_chain: Ask,
    list_batch: Option<List>,
    get_batch: Option<Ask>,
    owners_valid: Option<Valid>,
    models_valid: Option<Valid>,
    find_name_many: Option<Ask>,
    find_structure_many: Option<Ask>,
    find_name_in_tenant: Option<Plain>,
    find_structure_in_tenant: Option<Plain>,
    bytes: Option<Plain>,
}

// SAFETY: it is never changed, and what its pointers point to is never changed either.
unsafe impl Sync for Implementation {}

extern "C" fn create<P: Peer>() -> *mut c_void {
    Box::into_raw(Box::<P>::default()).cast()
}

unsafe extern "C" fn destroy<P: Peer>(peer: *mut c_void) {
    // SAFETY: the driver gives back what `create` gave, once.
    drop(unsafe { Box::from_raw(peer.cast::<P>()) });
}

extern "C" fn add_owner(_: *mut c_void, number: u64) -> u64 {
    number + 1
}

/// # Safety
/// In all of the following: `peer` is what `create` of the same peer gave, and the rows are as long as `count` says.
unsafe fn peer_of<'a, P: Peer>(peer: *mut c_void) -> &'a P {
    // SAFETY: see above.
    unsafe { &*peer.cast::<P>() }
}

unsafe extern "C" fn fill<P: Peer>(peer: *mut c_void, orders: *const Order, count: usize, ids: *mut u64) {
    // SAFETY: the caller's promise.
    let (peer, orders, ids) = unsafe { (peer_of::<P>(peer), rows(orders, count), rows_mut(ids, count)) };
    peer.fill(&mut orders.iter().map(|order| (order.owner, order.name(), order.structure)), ids);
}

unsafe extern "C" fn register_many<P: Peer>(peer: *mut c_void, orders: *const Order, count: usize, ids: *mut u64) {
    // SAFETY: the caller's promise.
    let (peer, orders, ids) = unsafe { (peer_of::<P>(peer), rows(orders, count), rows_mut(ids, count)) };
    for (order, id) in orders.iter().zip(ids) {
        *id = peer.register(order.owner, order.name(), order.structure);
    }
}

unsafe extern "C" fn register_list_many<P: Peer>(
    peer: *mut c_void,
    orders: *const Order,
    count: usize,
    ids: *mut u64,
) -> u64 {
    // SAFETY: the caller's promise.
    let (peer, orders, ids) = unsafe { (peer_of::<P>(peer), rows(orders, count), rows_mut(ids, count)) };
    let mut room = [0; 10];
    let mut sum = 0u64;
    for (order, id) in orders.iter().zip(ids) {
        *id = peer.register(order.owner, order.name(), order.structure);
        let length = peer.list(order.owner, &mut room);
        sum = sum.wrapping_add(room[length - 1]);
    }
    sum
}

unsafe extern "C" fn unregister_many<P: Peer>(peer: *mut c_void, orders: *const Order, ids: *const u64, count: usize) {
    // SAFETY: the caller's promise.
    let (peer, orders, ids) = unsafe { (peer_of::<P>(peer), rows(orders, count), rows(ids, count)) };
    for (order, &id) in orders.iter().zip(ids) {
        peer.unregister(order.owner, order.name(), id);
    }
}

unsafe extern "C" fn release_many<P: Peer>(peer: *mut c_void, owners: *const u64, count: usize) {
    // SAFETY: the caller's promise.
    let (peer, owners) = unsafe { (peer_of::<P>(peer), rows(owners, count)) };
    for &owner in owners {
        peer.release(owner);
    }
}

unsafe extern "C" fn clear<P: Peer>(peer: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { peer_of::<P>(peer) }.clear();
}

unsafe extern "C" fn list<P: Peer>(peer: *mut c_void, owner: u64, room: *mut u64, capacity: usize) -> usize {
    // SAFETY: the caller's promise.
    let (peer, room) = unsafe { (peer_of::<P>(peer), rows_mut(room, capacity)) };
    peer.list(owner, room)
}

/// Lists each owner; `CHAIN`: the next question depends on the answer.
unsafe extern "C" fn list_rows<P: Peer, const CHAIN: bool>(
    peer: *mut c_void,
    owners: *const u64,
    count: usize,
    room: *mut u64,
    capacity: usize,
) -> u64 {
    // SAFETY: the caller's promise.
    let (peer, owners, room) = unsafe { (peer_of::<P>(peer), rows(owners, count), rows_mut(room, capacity)) };
    let (mut sum, mut last) = (0u64, 0);
    for &owner in owners {
        let length = peer.list(owner + if CHAIN { last >> 63 } else { 0 }, room);
        last = if length == 0 { 0 } else { room[length.min(capacity) - 1] };
        sum = sum.wrapping_add(last);
    }
    sum
}

unsafe extern "C" fn get_rows<P: Peer, const CHAIN: bool>(
    peer: *mut c_void,
    questions: *const Order,
    count: usize,
) -> u64 {
    // SAFETY: the caller's promise.
    let (peer, questions) = unsafe { (peer_of::<P>(peer), rows(questions, count)) };
    let (mut sum, mut last) = (0u64, 0);
    for question in questions {
        last = peer.get(question.owner + if CHAIN { last >> 63 } else { 0 }, question.name());
        sum = sum.wrapping_add(last);
    }
    sum
}

unsafe extern "C" fn models_valid<P: Finds>(peer: *mut c_void, ids: *const u64, count: usize) -> u64 {
    // SAFETY: the caller's promise.
    let (peer, ids) = unsafe { (peer_of::<P>(peer), rows(ids, count)) };
    ids.iter().filter(|&&id| peer.valid(id)).count() as u64
}

unsafe extern "C" fn find_names<P: Finds>(peer: *mut c_void, questions: *const Order, count: usize) -> u64 {
    // SAFETY: the caller's promise.
    let (peer, questions) = unsafe { (peer_of::<P>(peer), rows(questions, count)) };
    questions.iter().fold(0, |sum: u64, question| sum.wrapping_add(peer.find_name(question.name())))
}

unsafe extern "C" fn find_structures<P: Finds>(peer: *mut c_void, questions: *const Order, count: usize) -> u64 {
    // SAFETY: the caller's promise.
    let (peer, questions) = unsafe { (peer_of::<P>(peer), rows(questions, count)) };
    questions.iter().fold(0, |sum: u64, question| sum.wrapping_add(peer.find_structure(question.structure)))
}

/// The table for a peer.
pub const fn implementation<P: Peer>(name: &'static std::ffi::CStr) -> Implementation {
    Implementation {
        name: name.as_ptr(),
        slow_writer: 0,
        create: create::<P>,
        destroy: destroy::<P>,
        add_owner,
        tenant_of: None,
        fill: None,
        register_many: register_many::<P>,
        register_list_many: register_list_many::<P>,
        unregister_many: unregister_many::<P>,
        release_many: release_many::<P>,
        clear: clear::<P>,
        reclaim: None,
        list: list::<P>,
        list_many: list_rows::<P, false>,
        list_chain: list_rows::<P, true>,
        get_many: get_rows::<P, false>,
        get_chain: get_rows::<P, true>,
        list_batch: None,
        get_batch: None,
        owners_valid: None,
        models_valid: None,
        find_name_many: None,
        find_structure_many: None,
        find_name_in_tenant: None,
        find_structure_in_tenant: None,
        bytes: None,
    }
}

impl Implementation {
    /// With the questions that need more indices.
    pub const fn finding<P: Finds>(mut self) -> Self {
        self.models_valid = Some(models_valid::<P>);
        self.find_name_many = Some(find_names::<P>);
        self.find_structure_many = Some(find_structures::<P>);
        self
    }

    /// For a peer whose every change copies everything: it is filled at once.
    pub const fn slow<P: Peer>(mut self) -> Self {
        self.slow_writer = 1;
        self.fill = Some(fill::<P>);
        self
    }
}
