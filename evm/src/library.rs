//! What the library exports beside the program, for blockstm itself (blockstm/ethereum/native.py).

use std::slice;
use std::thread;

use crate::codes::is_hash_right;
use crate::signatures::sender_of;
use crate::transaction::recipient_of;

/// Byte strings of the caller's: where each begins, and how long it is.
///
/// # Safety
/// Both are arrays of `count`, and each string is there, until the value is gone.
unsafe fn strings<'a>(data: *const *const u8, lengths: *const usize, count: usize) -> Vec<&'a [u8]> {
    if count == 0 {
        return Vec::new();
    }
    let (data, lengths) =
        unsafe { (slice::from_raw_parts(data, count), slice::from_raw_parts(lengths, count)) };
    let pairs = data.iter().zip(lengths);
    pairs
        .map(
            |(data, length)| {
                if *length == 0 { &[][..] } else { unsafe { slice::from_raw_parts(*data, *length) } }
            },
        )
        .collect()
}

/// Fill in results, each of one of the inputs, in several threads.
fn in_threads<I: Sync, O: Send>(
    inputs: &[I], results: &mut [O], threads: usize, work: impl Fn(&I) -> O + Sync,
) {
    let share = inputs.len().div_ceil(threads.max(1)).max(1);
    thread::scope(|scope| {
        for (inputs, results) in inputs.chunks(share).zip(results.chunks_mut(share)) {
            let work = &work;
            scope.spawn(move || inputs.iter().zip(results).for_each(|(input, result)| *result = work(input)));
        }
    });
}

/// Tell who has signed each of some transactions: 20 bytes each; zeros where nobody can have.
///
/// # Safety
/// `data` and `lengths` are arrays of `count`, `senders` has room for 20 bytes each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blockstm_evm_recover_senders(
    data: *const *const u8, lengths: *const usize, count: usize, senders: *mut [u8; 20], threads: usize,
) {
    if count > 0 {
        let (raw, senders) =
            unsafe { (strings(data, lengths, count), slice::from_raw_parts_mut(senders, count)) };
        in_threads(&raw, senders, threads, |raw| sender_of(raw).map_or([0; 20], |sender| sender.0.0));
    }
}

/// Tell whom each of some transactions calls: a 1 and the address; zeros where none is called, or the bytes are no
/// transaction.
///
/// # Safety
/// `data` and `lengths` are arrays of `count`, `recipients` has room for 21 bytes each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blockstm_evm_recipients(
    data: *const *const u8, lengths: *const usize, count: usize, recipients: *mut [u8; 21], threads: usize,
) {
    if count > 0 {
        let (raw, recipients) =
            unsafe { (strings(data, lengths, count), slice::from_raw_parts_mut(recipients, count)) };
        in_threads(&raw, recipients, threads, |raw| {
            let mut told = [0; 21];
            if let Some(recipient) = recipient_of(raw) {
                told[0] = 1;
                told[1..].copy_from_slice(recipient.as_slice());
            }
            told
        });
    }
}

/// Return which value of a code key comes first that does not begin with the hash of its code; `count` where none does.
///
/// # Safety
/// `data` and `lengths` are arrays of `count`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn blockstm_evm_first_wrong_code(
    data: *const *const u8, lengths: *const usize, count: usize, threads: usize,
) -> usize {
    let values = unsafe { strings(data, lengths, count) };
    let mut right = vec![false; count];
    in_threads(&values, &mut right, threads, |value| is_hash_right(value));
    right.iter().position(|is_right| !is_right).unwrap_or(count)
}
