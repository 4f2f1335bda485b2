//! The machines of a thread that are not in use.
//!
//! A machine belongs to one environment, and runs one transaction at a time; several transactions may be in the midst
//! of a verb in one thread, each in a machine of its own.

use std::cell::RefCell;

use crate::environment::Environment;
use crate::machine::Machine;

/// One takes some 10 KiB; the machines of the environments that were used last are kept.
const MACHINES_MAX: usize = 64;

/// A machine and the encoded environment that it is for: some kilobytes, so it is boxed, and not copied.
pub struct Pooled {
    environment: Box<[u8]>,
    pub machine: Machine,
}

thread_local! {
    /// Those that are free. They are borrowed for a look only, never over a verb.
    #[expect(clippy::vec_box, reason = "they are moved in and out for each transaction")]
    static FREE: RefCell<Vec<Box<Pooled>>> = const { RefCell::new(Vec::new()) };
}

/// Take a machine for an environment, a new one where none is free.
///
/// What is wrong with the environment is the error.
pub fn take(environment: &[u8]) -> Result<Box<Pooled>, String> {
    let found = FREE.with_borrow_mut(|free| {
        let place = free.iter().rposition(|pooled| *pooled.environment == *environment)?;
        Some(free.remove(place))
    });
    if let Some(pooled) = found {
        return Ok(pooled);
    }
    let machine = Machine::new(&Environment::decode(environment)?);
    Ok(Box::new(Pooled { environment: environment.into(), machine }))
}

/// Give a machine back. One in which something has panicked is dropped instead.
pub fn give_back(pooled: Box<Pooled>) {
    FREE.with_borrow_mut(|free| {
        if free.len() == MACHINES_MAX {
            free.remove(0);
        }
        free.push(pooled);
    });
}
