//! How long a transaction takes under the virtual clock (`blockstm simulate`).
//!
//! Gas is a poor measure of time: the 21,000 of a transfer take a microsecond, and as much gas in a loop takes ten. So
//! the gas that is paid before the first instruction counts for nothing, and what comes after it by a rate. Both rates
//! are from the 46 blocks of docs/explanation/ethereum-corpus.md, executed in order, at the price that the default cost
//! model has for a round. They give the corpus its time, and half of its transactions a time within 43 % of their own;
//! the times that `record trace` measures are better.

/// Rounds of work (about 1 ns each) of a transaction that executes nothing: decoding, checks, changes.
const ROUNDS_OF_TRANSFER: u64 = 2_140;
/// Rounds of work of 1,024 units of gas that instructions and precompiled contracts use.
const ROUNDS_OF_KIBIGAS: u64 = 560;

/// The rounds of work of a transaction that has used so much gas, of which so much before the first instruction.
pub fn rounds(gas_spent: u64, initial_gas: u64) -> u64 {
    ROUNDS_OF_TRANSFER + gas_spent.saturating_sub(initial_gas) / 1024 * ROUNDS_OF_KIBIGAS
}
