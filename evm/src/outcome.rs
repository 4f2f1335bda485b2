//! What the program puts into a transaction's receipt, beside the gas: as blockstm/ethereum/rules/outcome.py has it.

use revm::context::result::{ExecutionResult, HaltReason};
use revm::primitives::{Address, Log};
use rmp::encode;

use crate::verbs::{Context, EVENT_BYTES_MAX, Outcome};

/// Put a transaction's outcome into its receipt: a msgpack array, cut to the size that events may have.
///
/// `created` is the address of the contract that it has created, or was to; None for a call. `packed` is room to work.
pub fn emit(
    context: &Context, result: &ExecutionResult, created: Option<Address>, packed: &mut Vec<u8>,
) -> Outcome {
    packed.clear();
    pack(packed, result, created).expect("memory takes what is written to it");
    packed.chunks(EVENT_BYTES_MAX).try_for_each(|part| context.emit(part))
}

fn pack(
    out: &mut Vec<u8>, result: &ExecutionResult, created: Option<Address>,
) -> Result<(), encode::ValueWriteError> {
    let (error, logs): (_, &[Log]) = match result {
        ExecutionResult::Success { logs, .. } => (None, logs),
        ExecutionResult::Revert { .. } => (Some("Revert"), &[]),
        ExecutionResult::Halt { reason, .. } => (Some(error_name(reason)), &[]),
    };
    encode::write_array_len(out, 4)?;
    encode::write_bool(out, result.is_success()).map_err(encode::ValueWriteError::InvalidMarkerWrite)?;
    match created {
        Some(address) => encode::write_bin(out, address.as_slice())?,
        None => encode::write_nil(out).map_err(encode::ValueWriteError::InvalidMarkerWrite)?,
    }
    match error {
        Some(name) => encode::write_str(out, name)?,
        None => encode::write_nil(out).map_err(encode::ValueWriteError::InvalidMarkerWrite)?,
    }
    encode::write_array_len(out, logs.len() as u32)?;
    for log in logs {
        encode::write_array_len(out, 3)?;
        encode::write_bin(out, log.address.as_slice())?;
        encode::write_array_len(out, log.topics().len() as u32)?;
        for topic in log.topics() {
            encode::write_bin(out, topic.as_slice())?;
        }
        encode::write_bin(out, &log.data.data)?;
    }
    Ok(())
}

/// The name of a failure: that of py-evm's exception.
fn error_name(reason: &HaltReason) -> &'static str {
    match reason {
        // That a created contract is too large is an OutOfGas there, too (EIP-170).
        HaltReason::OutOfGas(_) | HaltReason::CreateContractSizeLimit | HaltReason::CreateInitCodeSizeLimit => {
            "OutOfGas"
        }
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode | HaltReason::NotActivated => {
            "InvalidInstruction"
        }
        HaltReason::InvalidJump => "InvalidJumpDestination",
        HaltReason::StackUnderflow => "InsufficientStack",
        HaltReason::StackOverflow => "FullStack",
        HaltReason::OutOfOffset => "OutOfBoundsRead",
        HaltReason::CreateCollision => "ContractCreationCollision",
        HaltReason::CreateContractStartingWithEF => "ReservedBytesInCode",
        HaltReason::PrecompileError | HaltReason::PrecompileErrorWithContext(_) => "VMError",
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => "WriteProtection",
        HaltReason::OutOfFunds | HaltReason::OverflowPayment => "InsufficientFunds",
        HaltReason::CallTooDeep => "StackDepthLimit",
        HaltReason::NonceOverflow => "VMError",
    }
}
