//! What a transaction has truly changed, written through the verbs: as blockstm/ethereum/py_evm/accounts.py does.

use revm::primitives::hardfork::SpecId;
use revm::primitives::{Address, KECCAK_EMPTY, U256};
use revm::state::Account;

use crate::accounts::{Accounts, BALANCE_BIAS, Existence, Known};
use crate::journal::LazyJournal;
use crate::keys::{BALANCE, CODE, EXISTENCE, EXISTS, INCARNATION, NONCE};
use crate::machine::State;
use crate::verbs::Outcome;

/// Write what has changed, the fee among it.
pub fn write_changes(state: &mut State) -> Outcome {
    let beneficiary = state.block.beneficiary;
    let fee = state.chain.fee;
    settle_belief(&mut state.journaled_state, beneficiary, fee)?;
    let LazyJournal { inner, accounts, .. } = &mut state.journaled_state;
    let mut changes = Changes {
        accounts,
        has_eip161: state.cfg.spec.is_enabled_in(SpecId::SPURIOUS_DRAGON),
        beneficiary,
        fee: Some(fee),
    };
    // In an order that is the same everywhere: revm's maps have random hashers.
    let mut touched: Vec<_> = inner.state.iter().filter(|(_, account)| account.is_touched()).collect();
    touched.sort_unstable_by_key(|(address, _)| **address);
    for (address, account) in touched {
        let known = changes.accounts.known.get(address).expect("a known account").clone();
        if account.is_selfdestructed() {
            changes.take_fee_of(address); // it is lost with the account
            changes.delete(address, &known)?;
        } else {
            changes.write(address, account, &known)?;
        }
    }
    changes.pay_fee()
}

/// Add what has changed of a sender that was believed, before anything else is written; gives up where that was wrong.
fn settle_belief(journal: &mut LazyJournal, beneficiary: Address, fee: U256) -> Outcome {
    let Some(belief) = journal.accounts.belief else { return Ok(()) };
    let accounts = &journal.accounts;
    let address = accounts.parties().sender;
    let account = journal.inner.state.get(&address).expect("the sender, loaded");
    let known = accounts.known.get(&address).expect("the sender, known");
    let balance = account.info.balance + if address == beneficiary { fee } else { U256::ZERO };
    let unread = (!known.is_balance_observed).then_some(balance);
    let settle = || belief.settle(accounts, account.info.nonce, unread);
    if account.is_selfdestructed() || !accounts.context().attempt(settle)? {
        return journal.disbelieve();
    }
    Ok(())
}

struct Changes<'a> {
    accounts: &'a mut Accounts,
    /// Whether empty accounts do not exist.
    has_eip161: bool,
    beneficiary: Address,
    /// What the beneficiary is still to get, if anything.
    fee: Option<U256>,
}

impl Changes<'_> {
    /// What an account gets as the beneficiary.
    fn take_fee_of(&mut self, address: &Address) -> U256 {
        if *address == self.beneficiary { self.fee.take().unwrap_or_default() } else { U256::ZERO }
    }

    /// Write what is left of an account that has destroyed itself: nothing.
    fn delete(&mut self, address: &Address, known: &Known) -> Outcome {
        if known.existence == Existence::Absent {
            return Ok(());
        }
        let nonce = known.nonce.map_or_else(|| self.accounts.nonce(address), Ok)?;
        let balance = known.balance.map_or_else(|| self.accounts.balance(address), Ok)?;
        let (hash, is_storage_only) = match known.code_hash {
            Some(hash) => (hash, known.is_storage_only),
            None => self.accounts.code(address).map(|code| (code.hash, code.is_storage_only))?,
        };
        if nonce != 0 {
            self.accounts.write_part(NONCE, address, &[])?;
        }
        if !balance.is_zero() {
            self.accounts.write_part(BALANCE, address, &[])?;
        }
        if hash != KECCAK_EMPTY || is_storage_only {
            self.wipe(address)?;
        }
        self.accounts.write_part(EXISTENCE, address, &[])
    }

    /// Take the code away, and the storage with it.
    fn wipe(&mut self, address: &Address) -> Outcome {
        self.accounts.write_part(CODE, address, &[])?;
        let Some(next) = self.accounts.incarnation(address)?.checked_add(1) else {
            return self.accounts.context().fail("LimitError: a storage was wiped 65,536 times");
        };
        self.accounts.write_number(INCARNATION, address, U256::from(next))
    }

    fn write(&mut self, address: &Address, account: &Account, known: &Known) -> Outcome {
        let info = &account.info;
        let is_settled = self.accounts.belief_in(address).is_some();
        if !is_settled && known.nonce.is_some_and(|start| info.nonce != start) {
            self.accounts.write_number(NONCE, address, U256::from(info.nonce))?;
        }
        let balance = info.balance + self.take_fee_of(address);
        let start = known.balance.unwrap_or(BALANCE_BIAS);
        if balance != start && (known.is_balance_observed || !is_settled) {
            if known.is_balance_observed {
                self.accounts.write_number(BALANCE, address, balance)?;
            } else {
                self.accounts.credit(address, balance - start)?;
            }
        }
        if known.code_hash.is_some_and(|start| info.code_hash != start) {
            self.write_code(address, account)?;
        }
        self.write_storage(address, account)?;
        // A balance that was not read is biased, so that the account counts as one that is not empty, which it is not.
        let is_empty = balance.is_zero() && info.nonce == 0 && info.code_hash == KECCAK_EMPTY;
        self.write_existence(address, known.existence, is_empty)
    }

    fn write_code(&mut self, address: &Address, account: &Account) -> Outcome {
        let code = account.info.code.as_ref().expect("a code that was set");
        let mut value = Vec::with_capacity(32 + code.len());
        if !code.is_empty() {
            value.extend_from_slice(account.info.code_hash.as_slice());
            value.extend_from_slice(code.original_byte_slice());
        }
        self.accounts.write_part(CODE, address, &value)
    }

    fn write_storage(&mut self, address: &Address, account: &Account) -> Outcome {
        let mut changed: Vec<_> = account
            .storage
            .iter()
            .filter(|(_, value)| value.present_value != value.original_value())
            .map(|(slot, value)| (*slot, value.present_value))
            .collect();
        changed.sort_unstable();
        changed.into_iter().try_for_each(|(slot, value)| self.accounts.write_slot(address, &slot, value))
    }

    /// Let a touched account exist, or not where it is empty and EIP-161 holds.
    fn write_existence(&mut self, address: &Address, before: Existence, is_empty: bool) -> Outcome {
        match (before, is_empty && self.has_eip161) {
            (Existence::Absent, true) | (Existence::Present, false) => Ok(()),
            (Existence::Absent | Existence::Empty, false) => {
                self.accounts.write_part(EXISTENCE, address, EXISTS)
            }
            (Existence::Empty | Existence::Present, true) => {
                if self.accounts.code(address)?.is_storage_only {
                    self.wipe(address)?;
                }
                self.accounts.write_part(EXISTENCE, address, &[])
            }
        }
    }

    /// Credit the beneficiary with the fee, unless it has got it as one of the touched accounts.
    fn pay_fee(&mut self) -> Outcome {
        let Some(fee) = self.fee.take() else { return Ok(()) };
        let address = self.beneficiary;
        let before = match self.accounts.known.get(&address) {
            Some(known) => known.existence,
            None => self.accounts.existence(&address)?,
        };
        if !fee.is_zero() {
            self.accounts.credit(&address, fee)?;
        }
        self.write_existence(&address, before, fee.is_zero() && before != Existence::Present)
    }
}
