//! The program `evm`, as the core calls it.

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Once;

use revm::primitives::Address;

use crate::accounts::NamedKeys;
use crate::pool;
use crate::verbs::{Arguments, Context, Outcome, Program, Verbs};

/// Execute a signed transaction.
///
/// Its parameters are `sender_nonce`, `sender_balance` and so on, the keys of `NamedKeys` in their order (where a
/// contract is created, those of the sender in place of a recipient's); `environment: key`; `is_believed: u64`, 1 where
/// others of the block have the same sender (see `belief`), else 0; `sender: bytes`, its address of 20 bytes; and
/// `raw: bytes`, the transaction as the block's body holds it (EIP-2718).
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static evm: Program = Program::new(run);

unsafe extern "C" fn run(verbs: *const Verbs, context: *mut c_void, arguments: *const u8, bytes: usize) {
    // SAFETY: it is what the core has called the program with, and nothing of it outlives this function.
    let (make, arguments) = unsafe { (move || Context::new(verbs, context), Arguments::new(arguments, bytes)) };
    hush();
    // No panic may leave the program. It fails the transaction; if what was read is stale, that comes to nothing.
    if let Err(cause) = catch_unwind(AssertUnwindSafe(|| execute(make(), arguments))) {
        let _ = make().fail::<()>(&format!("NativeEvmError: it panicked: {}", message(&*cause)));
    }
}

fn execute(context: Context, mut arguments: Arguments<'_>) -> Outcome {
    let keys = NamedKeys {
        sender_nonce: arguments.next_key(),
        sender_balance: arguments.next_key(),
        sender_existence: arguments.next_key(),
        sender_code: arguments.next_key(),
        recipient_existence: arguments.next_key(),
        recipient_balance: arguments.next_key(),
        recipient_code: arguments.next_key(),
        beneficiary_existence: arguments.next_key(),
        beneficiary_balance: arguments.next_key(),
    };
    let environment = arguments.next_key();
    let believes = arguments.next_u64() != 0;
    let sender = Address::from_slice(arguments.next_bytes());
    let raw = arguments.next_bytes();
    let Some(environment) = context.read(environment)? else {
        return context.fail(
            "EthereumInputError: the block's state has no environment; make it with 'blockstm record ethereum'",
        );
    };
    let mut pooled = match pool::take(environment) {
        Ok(pooled) => pooled,
        Err(problem) => {
            return context.fail(&format!("EthereumInputError: the block's environment: {problem}"));
        }
    };
    let outcome = pooled.machine.execute(context, sender, keys, believes, raw);
    pool::give_back(pooled);
    outcome
}

/// Print nothing where something panics: stale reads may cause it, which is nobody's business.
fn hush() {
    static HUSHED: Once = Once::new();
    HUSHED.call_once(|| set_hook(Box::new(|_| ())));
}

fn message(cause: &(dyn Any + Send)) -> &str {
    let text = cause.downcast_ref::<&str>().copied();
    text.or_else(|| cause.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason is known")
}
