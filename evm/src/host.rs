//! A host for tests: the verbs over a map, for one transaction at a time.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::mem::size_of;

use revm::primitives::U256;

use crate::program::evm;
use crate::transaction::recipient_of;
use crate::verbs::{ABI_VERSION, ABSENT, GIVE_UP, Key, Number, OK, OUT_OF_BOUNDS, Verbs};

/// A state, and what one transaction does to it.
#[derive(Default)]
pub struct Host {
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
    /// How many verbs are answered before one says to give up; None for all.
    pub verbs_left: Option<usize>,
    pub verbs: usize,
    /// Whether transactions are believed (see `belief`).
    pub believes: bool,
    pub beneficiary: [u8; 20],
    /// How often the sender's nonce or balance was read.
    pub sender_reads: usize,
    pub events: Vec<u8>,
    pub gas: u64,
    /// Why the transaction failed.
    pub failure: Option<String>,
    keys: Vec<Vec<u8>>,
    changes: Changes,
    /// What they were at the savepoint that is open.
    saved: Option<Changes>,
}

#[derive(Clone, Default)]
struct Changes {
    written: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Modulo 2**256.
    added: BTreeMap<Vec<u8>, U256>,
}

impl Host {
    /// Run the program as the core does; a transaction that ends well changes the state.
    pub fn run(&mut self, sender: [u8; 20], raw: &[u8]) {
        (self.verbs, self.sender_reads, self.gas, self.failure) = (0, 0, 0, None);
        self.events.clear();
        (self.changes, self.saved) = (Changes::default(), None);
        let recipient = recipient_of(raw).map_or(sender, |recipient| recipient.0.0);
        let named = [
            (b'n', sender),
            (b'b', sender),
            (b'e', sender),
            (b'c', sender),
            (b'e', recipient),
            (b'b', recipient),
            (b'c', recipient),
            (b'e', self.beneficiary),
            (b'b', self.beneficiary),
        ];
        self.keys = named.iter().map(|(part, address)| [&[*part], address.as_slice()].concat()).collect();
        self.keys.push(b"H".to_vec());
        let mut words: Vec<_> = (0..self.keys.len() as u64).map(u64::to_le_bytes).collect();
        words.push(u64::from(self.believes).to_le_bytes());
        for bytes in [sender.as_slice(), raw] {
            words.push((bytes.len() as u64).to_le_bytes());
            let mut padded = bytes.to_vec();
            padded.resize(bytes.len().next_multiple_of(8), 0);
            words.extend(padded.chunks(8).map(|word| <[u8; 8]>::try_from(word).unwrap()));
        }
        let arguments = words.concat();
        unsafe { evm.call(&TABLE, (self as *mut Host).cast(), arguments.as_ptr(), arguments.len()) };
        if self.failure.is_none() && !self.is_over() {
            self.commit();
        }
    }

    /// Whether a verb has said to give up, for no reason of the transaction's own.
    pub fn is_over(&self) -> bool {
        self.verbs_left == Some(0)
    }

    fn commit(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        for (key, value) in changes.written {
            if value.is_empty() {
                self.state.remove(&key)
            } else {
                self.state.insert(key, value)
            };
        }
        for (key, delta) in changes.added {
            let after = self.number(&key).wrapping_add(delta);
            self.state.insert(key, after.to_be_bytes_trimmed_vec());
        }
    }

    fn number(&self, key: &[u8]) -> U256 {
        U256::from_be_slice(self.state.get(key).map_or(&[], Vec::as_slice))
    }

    fn answers(&mut self) -> bool {
        self.verbs += 1;
        if self.failure.is_some() || self.is_over() {
            return false;
        }
        if let Some(left) = &mut self.verbs_left {
            *left -= 1;
            return *left > 0;
        }
        true
    }
}

unsafe fn host<'a>(context: *mut c_void) -> &'a mut Host {
    unsafe { &mut *context.cast() }
}

unsafe fn bytes<'a>(data: *const u8, length: usize) -> &'a [u8] {
    if length == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data, length) } }
}

unsafe extern "C" fn locate(context: *mut c_void, data: *const u8, length: usize, key: *mut Key) -> i32 {
    let (host, name) = unsafe { (host(context), bytes(data, length)) };
    if !host.answers() {
        return GIVE_UP;
    }
    let place = host.keys.iter().position(|known| known == name).unwrap_or_else(|| {
        host.keys.push(name.to_vec());
        host.keys.len() - 1
    });
    unsafe { *key = place as Key };
    OK
}

unsafe extern "C" fn read(context: *mut c_void, key: Key, value: *mut *const u8, length: *mut usize) -> i32 {
    let host = unsafe { host(context) };
    if !host.answers() {
        return GIVE_UP;
    }
    host.sender_reads += usize::from(key < 2);
    let Some(found) = host.state.get(&host.keys[key as usize]) else { return ABSENT };
    unsafe { (*value, *length) = (found.as_ptr(), found.len()) };
    OK
}

unsafe extern "C" fn write(context: *mut c_void, key: Key, data: *const u8, length: usize) -> i32 {
    let (host, value) = unsafe { (host(context), bytes(data, length)) };
    if !host.answers() {
        return GIVE_UP;
    }
    host.changes.written.insert(host.keys[key as usize].clone(), value.to_vec());
    OK
}

unsafe extern "C" fn erase(context: *mut c_void, key: Key) -> i32 {
    unsafe { write(context, key, std::ptr::null(), 0) }
}

unsafe extern "C" fn add(
    context: *mut c_void, key: Key, delta: *const Number, negative: i32, minimum: *const Number,
    maximum: *const Number,
) -> i32 {
    let number = |number: *const Number, default| {
        if number.is_null() { default } else { U256::from_limbs(unsafe { *number.cast() }) }
    };
    let host = unsafe { host(context) };
    if !host.answers() {
        return GIVE_UP;
    }
    let key = host.keys[key as usize].clone();
    let added = host.changes.added.get(&key).copied().unwrap_or_default();
    let (before, delta) = (host.number(&key).wrapping_add(added), number(delta, U256::ZERO));
    let after = if negative == 0 { before.checked_add(delta) } else { before.checked_sub(delta) };
    let allowed = number(minimum, U256::ZERO)..=number(maximum, U256::MAX);
    if !after.is_some_and(|after| allowed.contains(&after)) {
        return OUT_OF_BOUNDS;
    }
    let delta = if negative == 0 { delta } else { delta.wrapping_neg() };
    host.changes.added.insert(key, added.wrapping_add(delta));
    OK
}

unsafe extern "C" fn savepoint_open(context: *mut c_void, savepoint: *mut u32) -> i32 {
    let host = unsafe { host(context) };
    if !host.answers() {
        return GIVE_UP;
    }
    assert!(host.saved.is_none());
    host.saved = Some(host.changes.clone());
    unsafe { *savepoint = 7 };
    OK
}

unsafe extern "C" fn savepoint_keep(context: *mut c_void, savepoint: u32) -> i32 {
    let host = unsafe { host(context) };
    assert!(savepoint == 7 && host.saved.take().is_some());
    if host.answers() { OK } else { GIVE_UP }
}

unsafe extern "C" fn savepoint_roll_back(context: *mut c_void, savepoint: u32) -> i32 {
    let host = unsafe { host(context) };
    assert_eq!(savepoint, 7);
    host.changes = host.saved.take().unwrap();
    if host.answers() { OK } else { GIVE_UP }
}

unsafe extern "C" fn emit(context: *mut c_void, data: *const u8, length: usize) -> i32 {
    let (host, event) = unsafe { (host(context), bytes(data, length)) };
    host.events.extend_from_slice(event);
    if host.answers() { OK } else { GIVE_UP }
}

unsafe extern "C" fn charge(context: *mut c_void, gas: u64) -> i32 {
    let host = unsafe { host(context) };
    host.gas += gas;
    if host.answers() { OK } else { GIVE_UP }
}

unsafe extern "C" fn charge_time(context: *mut c_void, _: u64) -> i32 {
    if unsafe { host(context) }.answers() { OK } else { GIVE_UP }
}

unsafe extern "C" fn poll(context: *mut c_void) -> i32 {
    if unsafe { host(context) }.answers() { OK } else { GIVE_UP }
}

unsafe extern "C" fn fail(context: *mut c_void, data: *const u8, length: usize) -> i32 {
    let (host, reason) = unsafe { (host(context), bytes(data, length)) };
    if !host.is_over() {
        host.failure = Some(String::from_utf8(reason.to_vec()).unwrap());
    }
    GIVE_UP
}

// Verbs that the program does not use.
unsafe extern "C" fn no_bytes(_: *mut c_void, _: Key, _: *mut *const u8, _: *mut usize) -> i32 {
    GIVE_UP
}
unsafe extern "C" fn no_number(_: *mut c_void) -> u64 {
    0
}
unsafe extern "C" fn no_call(_: *mut c_void, _: u32, _: *const u8, _: usize) -> i32 {
    GIVE_UP
}
unsafe extern "C" fn no_reason(_: *mut c_void, _: *mut u8, _: usize, _: *mut usize) -> i32 {
    GIVE_UP
}

static TABLE: Verbs = Verbs {
    abi_version: ABI_VERSION,
    struct_bytes: size_of::<Verbs>() as u32,
    locate,
    key_bytes: no_bytes,
    read,
    write,
    erase,
    add,
    emit,
    charge,
    gas_left: no_number,
    transaction_index: no_number,
    poll,
    revert: fail,
    fail,
    savepoint_open,
    savepoint_keep,
    savepoint_roll_back,
    call: no_call,
    reason: no_reason,
    model_work: charge_time,
};
