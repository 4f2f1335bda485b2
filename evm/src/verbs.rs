//! The verb interface of blockstm (blockstm/native/blockstm.h), with a safe face.
//!
//! Verbs are methods that return an `Outcome`, so `?` returns at once where a verb says so. What each does, and the
//! rules for programs, stand in the header.

use std::ffi::c_void;
use std::fmt;
use std::mem::{align_of, offset_of, size_of};

use revm::database_interface::DBErrorMarker;
use revm::primitives::U256;

pub const ABI_VERSION: u32 = 1;
pub const OK: i32 = 0;
#[cfg(test)]
pub const GIVE_UP: i32 = 1;
pub const OUT_OF_BOUNDS: i32 = 2;
pub const ABSENT: i32 = 3;
/// The most bytes of an event.
pub const EVENT_BYTES_MAX: usize = 1 << 16;

/// A key that was looked up, for one run of the program.
pub type Key = u32;

/// Four limbs, least significant first.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Number([u64; 4]);

impl From<U256> for Number {
    fn from(number: U256) -> Self {
        Number(*number.as_limbs())
    }
}

/// By how much a number changes.
#[derive(Clone, Copy)]
pub enum Change {
    Plus(U256),
    Minus(U256),
}

/// The table of verbs, as the core lays it out.
#[repr(C)]
pub struct Verbs {
    pub abi_version: u32,
    pub struct_bytes: u32,
    pub locate: unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut Key) -> i32,
    pub key_bytes: unsafe extern "C" fn(*mut c_void, Key, *mut *const u8, *mut usize) -> i32,
    pub read: unsafe extern "C" fn(*mut c_void, Key, *mut *const u8, *mut usize) -> i32,
    pub write: unsafe extern "C" fn(*mut c_void, Key, *const u8, usize) -> i32,
    pub erase: unsafe extern "C" fn(*mut c_void, Key) -> i32,
    pub add: unsafe extern "C" fn(*mut c_void, Key, *const Number, i32, *const Number, *const Number) -> i32,
    pub emit: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32,
    pub charge: unsafe extern "C" fn(*mut c_void, u64) -> i32,
    pub gas_left: unsafe extern "C" fn(*mut c_void) -> u64,
    pub transaction_index: unsafe extern "C" fn(*mut c_void) -> u64,
    pub poll: unsafe extern "C" fn(*mut c_void) -> i32,
    pub revert: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32,
    pub fail: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32,
    pub savepoint_open: unsafe extern "C" fn(*mut c_void, *mut u32) -> i32,
    pub savepoint_keep: unsafe extern "C" fn(*mut c_void, u32) -> i32,
    pub savepoint_roll_back: unsafe extern "C" fn(*mut c_void, u32) -> i32,
    pub call: unsafe extern "C" fn(*mut c_void, u32, *const u8, usize) -> i32,
    pub reason: unsafe extern "C" fn(*mut c_void, *mut u8, usize, *mut usize) -> i32,
    pub model_work: unsafe extern "C" fn(*mut c_void, u64) -> i32,
}

/// What the core calls.
pub type Function = unsafe extern "C" fn(*const Verbs, *mut c_void, *const u8, usize);

/// What a library exports under a program's name.
#[repr(C)]
pub struct Program {
    magic: u64,
    abi_version: u32,
    verbs_bytes: u32,
    run: Function,
}

impl Program {
    pub const fn new(run: Function) -> Self {
        let magic = u64::from_le_bytes(*b"blockstm");
        Program { magic, abi_version: ABI_VERSION, verbs_bytes: size_of::<Verbs>() as u32, run }
    }

    /// Call the program as the core does.
    ///
    /// # Safety
    /// As of `Context::new` and `Arguments::new`.
    #[cfg(test)]
    pub unsafe fn call(&self, verbs: *const Verbs, context: *mut c_void, arguments: *const u8, bytes: usize) {
        unsafe { (self.run)(verbs, context, arguments, bytes) }
    }
}

// What the header's structures take on the machines that blockstm runs on, which have 64 bits.
const _: () = assert!(size_of::<Verbs>() == 8 + 19 * 8 && align_of::<Verbs>() == 8);
const _: () = assert!(offset_of!(Verbs, locate) == 8 && offset_of!(Verbs, model_work) == 8 + 18 * 8);
const _: () = assert!(size_of::<Program>() == 24 && offset_of!(Program, run) == 16);
const _: () = assert!(size_of::<Number>() == 32);

/// The program must return: its incarnation is in vain, or its outcome is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GiveUp;

impl fmt::Display for GiveUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a verb said to give up")
    }
}
impl std::error::Error for GiveUp {}
impl DBErrorMarker for GiveUp {}

pub type Outcome<T = ()> = Result<T, GiveUp>;

fn done(status: i32) -> Outcome {
    if status == OK { Ok(()) } else { Err(GiveUp) }
}

/// One run of the program.
pub struct Context {
    verbs: *const Verbs,
    context: *mut c_void,
}

impl Context {
    /// What the core has called the program with.
    ///
    /// # Safety
    /// They are just that, and the context is not used once the program has returned.
    pub unsafe fn new(verbs: *const Verbs, context: *mut c_void) -> Self {
        Context { verbs, context }
    }

    fn verbs(&self) -> &Verbs {
        // SAFETY: `new` was promised that it is the core's table.
        unsafe { &*self.verbs }
    }

    pub fn locate(&self, key: &[u8]) -> Outcome<Key> {
        let mut found = 0;
        // SAFETY: the pointers are good for the time of the call; so it is below.
        done(unsafe { (self.verbs().locate)(self.context, key.as_ptr(), key.len(), &mut found) })?;
        Ok(found)
    }

    /// A key's value; None where it is absent.
    pub fn read(&self, key: Key) -> Outcome<Option<&[u8]>> {
        let (mut value, mut length) = (std::ptr::null(), 0);
        match unsafe { (self.verbs().read)(self.context, key, &mut value, &mut length) } {
            OK if length == 0 => Ok(Some(&[])),
            // SAFETY: the value stays where it is until the program returns.
            OK => Ok(Some(unsafe { std::slice::from_raw_parts(value, length) })),
            ABSENT => Ok(None),
            _ => Err(GiveUp),
        }
    }

    pub fn write(&self, key: Key, value: &[u8]) -> Outcome {
        done(unsafe { (self.verbs().write)(self.context, key, value.as_ptr(), value.len()) })
    }

    pub fn erase(&self, key: Key) -> Outcome {
        done(unsafe { (self.verbs().erase)(self.context, key) })
    }

    /// Add without reading; fails the transaction where the sum does not fit 256 bits.
    pub fn add(&self, key: Key, delta: U256) -> Outcome {
        let (delta, none) = (Number::from(delta), std::ptr::null());
        match unsafe { (self.verbs().add)(self.context, key, &delta, 0, none, none) } {
            OUT_OF_BOUNDS => self.fail("ValidationError: a balance does not fit 256 bits"),
            status => done(status),
        }
    }

    /// Add to a number, or subtract from it, without reading it; false, and no change, where the sum lies out of bounds.
    pub fn add_within(&self, key: Key, change: Change, minimum: U256, maximum: U256) -> Outcome<bool> {
        let (delta, is_negative) = match change {
            Change::Plus(delta) => (Number::from(delta), 0),
            Change::Minus(delta) => (Number::from(delta), 1),
        };
        let (minimum, maximum) = (Number::from(minimum), Number::from(maximum));
        match unsafe { (self.verbs().add)(self.context, key, &delta, is_negative, &minimum, &maximum) } {
            OUT_OF_BOUNDS => Ok(false),
            status => done(status).map(|()| true),
        }
    }

    /// Do something that may be taken back: it is where it returns false.
    pub fn attempt(&self, action: impl FnOnce() -> Outcome<bool>) -> Outcome<bool> {
        let mut savepoint = 0;
        done(unsafe { (self.verbs().savepoint_open)(self.context, &mut savepoint) })?;
        let has_succeeded = action()?;
        let close = if has_succeeded { self.verbs().savepoint_keep } else { self.verbs().savepoint_roll_back };
        done(unsafe { close(self.context, savepoint) })?;
        Ok(has_succeeded)
    }

    pub fn emit(&self, event: &[u8]) -> Outcome {
        done(unsafe { (self.verbs().emit)(self.context, event.as_ptr(), event.len()) })
    }

    pub fn charge(&self, gas: u64) -> Outcome {
        done(unsafe { (self.verbs().charge)(self.context, gas) })
    }

    /// Let modelled time pass, where the clock is virtual.
    pub fn model_work(&self, rounds: u64) -> Outcome {
        done(unsafe { (self.verbs().model_work)(self.context, rounds) })
    }

    pub fn poll(&self) -> Outcome {
        done(unsafe { (self.verbs().poll)(self.context) })
    }

    /// End the program without what it wrote: the receipt says failed, and why.
    pub fn fail<T>(&self, reason: &str) -> Outcome<T> {
        unsafe { (self.verbs().fail)(self.context, reason.as_ptr(), reason.len()) };
        Err(GiveUp)
    }
}

/// The arguments of a program, in the order of its parameters.
///
/// The core lays them out by the kinds of the program's parameters. It is a mistake of whoever defines the program
/// where they are other than what is asked for here; that panics.
pub struct Arguments<'a>(&'a [u8]);

impl<'a> Arguments<'a> {
    /// What the core has called the program with.
    ///
    /// # Safety
    /// They are just that, and not used once the program has returned.
    pub unsafe fn new(arguments: *const u8, bytes: usize) -> Self {
        Arguments(if bytes == 0 { &[] } else { unsafe { std::slice::from_raw_parts(arguments, bytes) } })
    }

    pub fn next_u64(&mut self) -> u64 {
        let (word, rest) = self.0.split_at(8);
        self.0 = rest;
        u64::from_le_bytes(word.try_into().expect("8 bytes"))
    }

    pub fn next_key(&mut self) -> Key {
        self.next_u64() as Key
    }

    pub fn next_bytes(&mut self) -> &'a [u8] {
        let count = self.next_u64() as usize;
        let (padded, rest) = self.0.split_at(count.next_multiple_of(8));
        self.0 = rest;
        &padded[..count]
    }
}
