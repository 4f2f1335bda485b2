//! A native program in Rust: a voter votes for a candidate, once.

mod blockstm;

use blockstm::{Context, Outcome, Program, U256, Verbs};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[no_mangle]
pub static vote: Program = Program::new(run);

unsafe extern "C" fn run(verbs: *const Verbs, context: *mut c_void, arguments: *const u8, bytes: usize) {
    let mut context = unsafe { Context::new(verbs, context, arguments, bytes) };
    // No panic may leave the program. One that fails has written nothing.
    if catch_unwind(AssertUnwindSafe(|| cast(&mut context))).is_err() {
        let _ = context.fail::<()>("panicked");
    }
}

fn cast(context: &mut Context) -> Outcome {
    let voter = context.next_key(); // in the order of the parameters
    let candidate = context.next_key();
    context.charge(1000)?; // every verb may say: return at once
    if context.read(voter)?.is_some() {
        return context.revert("has voted already");
    }
    context.write(voter, &[1])?;
    if !context.add(candidate, U256([1, 0, 0, 0]))? {
        // two votes never conflict
        return context.fail("the tally is full");
    }
    context.emit(b"voted")
}
