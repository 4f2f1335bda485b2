//! The program `evm`, as the core calls it.

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Once;

use revm::primitives::Address;

use crate::accounts::Sender;
use crate::keys::ENVIRONMENT;
use crate::pool;
use crate::verbs::{Arguments, Context, Outcome, Program, Verbs};

/// Execute a signed transaction.
///
/// Its parameters are `nonce_key: key` and `balance_key: key`, those of the sender; `is_believed: u64`, 1 where others of the
/// block have the same sender (see `belief`), else 0; `sender: bytes`, its address of 20
/// bytes; and `raw: bytes`, the transaction as the block's body holds it (EIP-2718).
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
    let (nonce_key, balance_key) = (arguments.next_key(), arguments.next_key());
    let is_believed = arguments.next_u64() != 0;
    let address = Address::from_slice(arguments.next_bytes());
    let raw = arguments.next_bytes();
    let Some(environment) = context.read(context.locate(ENVIRONMENT)?)? else {
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
    let outcome = pooled.machine.execute(context, Sender { address, nonce_key, balance_key, is_believed }, raw);
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
