//! blockstm.h for Rust. What each verb does, and the rules for programs, stand in that file.
#![allow(dead_code)]

use std::ffi::c_void;

pub const OK: i32 = 0;
pub const GIVE_UP: i32 = 1;
pub const OUT_OF_BOUNDS: i32 = 2;
pub const ABSENT: i32 = 3;
pub const REVERTED: i32 = 4;
pub const FAILED: i32 = 5;

pub type Key = u32;

/// Four limbs, least significant first: what `as_limbs` of ruint's (and so revm's) U256 gives.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct U256(pub [u64; 4]);

#[repr(C)]
pub struct Verbs {
    abi_version: u32,
    struct_bytes: u32,
    locate: unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut Key) -> i32,
    key_bytes: unsafe extern "C" fn(*mut c_void, Key, *mut *const u8, *mut usize) -> i32,
    read: unsafe extern "C" fn(*mut c_void, Key, *mut *const u8, *mut usize) -> i32,
    write: unsafe extern "C" fn(*mut c_void, Key, *const u8, usize) -> i32,
    erase: unsafe extern "C" fn(*mut c_void, Key) -> i32,
    add: unsafe extern "C" fn(*mut c_void, Key, *const U256, i32, *const U256, *const U256) -> i32,
    emit: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32,
    charge: unsafe extern "C" fn(*mut c_void, u64) -> i32,
    gas_left: unsafe extern "C" fn(*mut c_void) -> u64,
    transaction_index: unsafe extern "C" fn(*mut c_void) -> u64,
    poll: unsafe extern "C" fn(*mut c_void) -> i32,
    revert: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32,
    fail: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32,
    savepoint_open: unsafe extern "C" fn(*mut c_void, *mut u32) -> i32,
    savepoint_keep: unsafe extern "C" fn(*mut c_void, u32) -> i32,
    savepoint_roll_back: unsafe extern "C" fn(*mut c_void, u32) -> i32,
    call: unsafe extern "C" fn(*mut c_void, u32, *const u8, usize) -> i32,
    reason: unsafe extern "C" fn(*mut c_void, *mut u8, usize, *mut usize) -> i32,
    model_work: unsafe extern "C" fn(*mut c_void, u64) -> i32,
    exists: unsafe extern "C" fn(*mut c_void, Key) -> i32,
    check: unsafe extern "C" fn(*mut c_void, Key, *const U256, *const U256) -> i32,
    scan: unsafe extern "C" fn(*mut c_void, *const u8, usize, *const u8, usize, *mut Key, usize, *mut usize) -> i32,
}

type Function = unsafe extern "C" fn(*const Verbs, *mut c_void, *const u8, usize);

#[repr(C)]
pub struct Program {
    magic: u64,
    abi_version: u32,
    verbs_bytes: u32,
    run: Function,
}

impl Program {
    pub const fn new(run: Function) -> Program {
        let magic = u64::from_le_bytes(*b"blockstm");
        Program { magic, abi_version: 1, verbs_bytes: std::mem::size_of::<Verbs>() as u32, run }
    }
}

/// The program must return, as a verb has said so. (`?` does it.)
#[derive(Debug)]
pub struct GiveUp;

pub type Outcome<T = ()> = Result<T, GiveUp>;

fn done(status: i32) -> Outcome {
    if status == OK { Ok(()) } else { Err(GiveUp) }
}

/// One run of a program.
pub struct Context<'a> {
    verbs: &'a Verbs,
    context: *mut c_void,
    arguments: &'a [u8],
}

impl<'a> Context<'a> {
    /// What the core has called the program with.
    ///
    /// # Safety
    /// They must be just that, and not be used after the program has returned.
    pub unsafe fn new(verbs: *const Verbs, context: *mut c_void, arguments: *const u8, bytes: usize) -> Self {
        let arguments = if bytes == 0 { &[] } else { unsafe { std::slice::from_raw_parts(arguments, bytes) } };
        Context { verbs: unsafe { &*verbs }, context, arguments }
    }

    /// Arguments, in the order of the parameters.
    pub fn next_u64(&mut self) -> u64 {
        let (word, rest) = self.arguments.split_at(8);
        self.arguments = rest;
        u64::from_le_bytes(word.try_into().unwrap())
    }

    pub fn next_key(&mut self) -> Key {
        self.next_u64() as Key
    }

    pub fn next_u256(&mut self) -> U256 {
        U256([self.next_u64(), self.next_u64(), self.next_u64(), self.next_u64()])
    }

    pub fn next_bytes(&mut self) -> &'a [u8] {
        let count = self.next_u64() as usize;
        let (padded, rest) = self.arguments.split_at(count.next_multiple_of(8));
        self.arguments = rest;
        &padded[..count]
    }

    pub fn locate(&self, bytes: &[u8]) -> Outcome<Key> {
        let mut key = 0;
        done(unsafe { (self.verbs.locate)(self.context, bytes.as_ptr(), bytes.len(), &mut key) })?;
        Ok(key)
    }

    /// The value stays where it is until the program returns.
    pub fn read(&self, key: Key) -> Outcome<Option<&'a [u8]>> {
        let (mut value, mut length) = (std::ptr::null(), 0);
        match unsafe { (self.verbs.read)(self.context, key, &mut value, &mut length) } {
            OK if length == 0 => Ok(Some(&[])),
            OK => Ok(Some(unsafe { std::slice::from_raw_parts(value, length) })),
            ABSENT => Ok(None),
            _ => Err(GiveUp),
        }
    }

    pub fn write(&self, key: Key, value: &[u8]) -> Outcome {
        done(unsafe { (self.verbs.write)(self.context, key, value.as_ptr(), value.len()) })
    }

    pub fn erase(&self, key: Key) -> Outcome {
        done(unsafe { (self.verbs.erase)(self.context, key) })
    }

    /// False, and no change, where the sum would pass 2**256 - 1.
    pub fn add(&self, key: Key, delta: U256) -> Outcome<bool> {
        let none = std::ptr::null();
        match unsafe { (self.verbs.add)(self.context, key, &delta, 0, none, none) } {
            OK => Ok(true),
            OUT_OF_BOUNDS => Ok(false),
            _ => Err(GiveUp),
        }
    }

    /// Whether the key has a value, without depending on which.
    pub fn exists(&self, key: Key) -> Outcome<bool> {
        match unsafe { (self.verbs.exists)(self.context, key) } {
            OK => Ok(true),
            ABSENT => Ok(false),
            _ => Err(GiveUp),
        }
    }

    /// Whether the number at the key lies within bounds, without depending on which it is.
    pub fn check(&self, key: Key, minimum: U256, maximum: U256) -> Outcome<bool> {
        match unsafe { (self.verbs.check)(self.context, key, &minimum, &maximum) } {
            OK => Ok(true),
            OUT_OF_BOUNDS => Ok(false),
            _ => Err(GiveUp),
        }
    }

    /// The first keys from `start` up to and without `end` that have values, as many as `keys` has room for.
    pub fn scan<'k>(&self, start: &[u8], end: Option<&[u8]>, keys: &'k mut [Key]) -> Outcome<&'k [Key]> {
        let mut count = 0;
        let (end, end_length) = end.map_or((std::ptr::null(), 0), |end| (end.as_ptr(), end.len()));
        done(unsafe {
            (self.verbs.scan)(
                self.context,
                start.as_ptr(),
                start.len(),
                end,
                end_length,
                keys.as_mut_ptr(),
                keys.len(),
                &mut count,
            )
        })?;
        Ok(&keys[..count])
    }

    pub fn emit(&self, event: &[u8]) -> Outcome {
        done(unsafe { (self.verbs.emit)(self.context, event.as_ptr(), event.len()) })
    }

    pub fn charge(&self, gas: u64) -> Outcome {
        done(unsafe { (self.verbs.charge)(self.context, gas) })
    }

    pub fn poll(&self) -> Outcome {
        done(unsafe { (self.verbs.poll)(self.context) })
    }

    pub fn revert<T>(&self, reason: &str) -> Outcome<T> {
        unsafe { (self.verbs.revert)(self.context, reason.as_ptr(), reason.len()) };
        Err(GiveUp)
    }

    pub fn fail<T>(&self, reason: &str) -> Outcome<T> {
        unsafe { (self.verbs.fail)(self.context, reason.as_ptr(), reason.len()) };
        Err(GiveUp)
    }
}
