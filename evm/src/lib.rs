//! The native EVM of blockstm: revm behind the verb interface, as one native program.
//!
//! - `verbs`: the verb interface.
//! - `keys`: how Ethereum's state is laid out in keys.
//! - `environment`: what transactions see of their block.
//! - `transaction`, `signatures`: signed transactions; who has signed them.
//! - `codes`, `accounts`, `journal`: the state, each field of which is read when something observes it.
//! - `outcome`, `changes`, `machine`: one transaction in revm, what it changes, what its receipt says.
//! - `pool`, `program`: the program.
//! - `library`: what Python calls beside it.

mod accounts;
mod belief;
mod changes;
mod codes;
mod environment;
#[cfg(test)]
mod host;
mod journal;
mod keys;
mod library;
mod machine;
mod modelled_time;
mod outcome;
mod pool;
mod program;
#[cfg(test)]
mod program_tests;
mod signatures;
mod transaction;
mod verbs;
