//! revm's own journal, with accounts whose fields are read when they are observed, not when the account is loaded.

use revm::bytecode::Bytecode;
use revm::context::journal::{JournalEntry, JournalInner};
use revm::context_interface::context::{SStoreResult, SelfDestructResult, StateLoad};
use revm::context_interface::journaled_state::account::JournaledAccount;
use revm::context_interface::journaled_state::{
    AccountInfoLoad, AccountLoad, JournalCheckpoint, JournalLoadError, JournalTr, TransferError,
};
use revm::primitives::hardfork::SpecId;
use revm::primitives::{
    Address, AddressMap, AddressSet, B256, HashSet, KECCAK_EMPTY, Log, StorageKey, StorageValue, U256,
};
use revm::state::{Account, EvmState};

use crate::accounts::{Accounts, BALANCE_BIAS, Existence, Known, NONCE_BIAS};
use crate::belief::Belief;
use crate::verbs::{GiveUp, Outcome};

/// The journal of a transaction. What it does beyond revm's: it reveals a field before revm looks at it.
pub struct LazyJournal {
    pub inner: JournalInner<JournalEntry>,
    pub accounts: Accounts,
    /// Set around the BALANCE and SELFBALANCE instructions.
    pub wants_balance: bool,
}

type Loaded<T> = Result<T, JournalLoadError<GiveUp>>;

impl LazyJournal {
    /// An account that revm has loaded, and what is known of it.
    fn loaded(&mut self, address: &Address) -> (&mut Account, &mut Known) {
        (
            self.inner.state.get_mut(address).expect("a loaded account"),
            self.accounts.known.get_mut(address).expect("a known account"),
        )
    }

    /// Read a balance that something observes.
    pub fn reveal_balance(&mut self, address: Address) -> Outcome {
        let (_, known) = self.loaded(&address);
        known.is_balance_observed = true;
        if known.balance.is_none() {
            let balance = self.accounts.balance(&address)?;
            if self.accounts.belief_in(&address).is_some_and(|belief| !belief.agrees(balance)) {
                return self.disbelieve();
            }
            let (account, known) = self.loaded(&address);
            known.balance = Some(balance);
            account.info.balance = account.info.balance - BALANCE_BIAS + balance;
        }
        Ok(())
    }

    /// Read a nonce that something observes.
    pub fn reveal_nonce(&mut self, address: Address) -> Outcome {
        let (_, known) = self.loaded(&address);
        if known.nonce.is_none() {
            let nonce = self.accounts.nonce(&address)?;
            let (account, known) = self.loaded(&address);
            known.nonce = Some(nonce);
            account.info.nonce = account.info.nonce - NONCE_BIAS + nonce;
        }
        Ok(())
    }

    /// Read a code that something observes.
    pub fn reveal_code(&mut self, address: Address) -> Outcome {
        let (_, known) = self.loaded(&address);
        if known.code_hash.is_none() {
            let code = self.accounts.code(&address)?;
            let (account, known) = self.loaded(&address);
            (known.code_hash, known.is_storage_only) = (Some(code.hash), code.is_storage_only);
            account.info.code_hash = code.hash;
            account.info.code = Some(code.bytecode);
        }
        Ok(())
    }

    /// Give up believing the transaction.
    pub fn disbelieve(&mut self) -> Outcome {
        if let Some(belief) = &mut self.accounts.belief {
            belief.is_wrong = true;
        }
        Err(GiveUp)
    }

    /// Load the sender: nothing of it is read where the transaction is believed, else its balance is.
    pub fn load_sender(&mut self, address: Address, belief: Option<Belief>) -> Outcome {
        self.inner.load_account(&mut self.accounts, address)?;
        let (account, known) = self.loaded(&address);
        match belief.filter(|_| known.existence == Existence::Present) {
            None => self.reveal_balance(address),
            Some(belief) => {
                belief.tell(&mut account.info, known);
                self.accounts.belief = Some(belief);
                Ok(())
            }
        }
    }
}

impl JournalTr for LazyJournal {
    type Database = Accounts;
    type State = EvmState;
    type JournaledAccount<'a> = JournaledAccount<'a, Accounts, JournalEntry>;

    fn new(accounts: Accounts) -> Self {
        LazyJournal { inner: JournalInner::new(), accounts, wants_balance: false }
    }

    fn db_and_state(&self) -> (&Accounts, &EvmState) {
        (&self.accounts, &self.inner.state)
    }
    fn db_and_state_mut(&mut self) -> (&mut Accounts, &mut EvmState) {
        (&mut self.accounts, &mut self.inner.state)
    }

    fn sload_skip_cold_load(
        &mut self, address: Address, key: StorageKey, skip: bool,
    ) -> Loaded<StateLoad<StorageValue>> {
        self.inner.sload_assume_account_present(&mut self.accounts, address, key, skip)
    }
    fn sstore_skip_cold_load(
        &mut self, address: Address, key: StorageKey, value: StorageValue, skip: bool,
    ) -> Loaded<StateLoad<SStoreResult>> {
        self.inner.sstore_assume_account_present(&mut self.accounts, address, key, value, skip)
    }
    fn tload(&mut self, address: Address, key: StorageKey) -> StorageValue {
        self.inner.tload(address, key)
    }
    fn tstore(&mut self, address: Address, key: StorageKey, value: StorageValue) {
        self.inner.tstore(address, key, value)
    }
    fn log(&mut self, log: Log) {
        self.inner.log(log)
    }
    fn take_logs(&mut self) -> Vec<Log> {
        self.inner.take_logs()
    }
    fn logs(&self) -> &[Log] {
        &self.inner.logs
    }
    fn selfdestruct(
        &mut self, address: Address, target: Address, skip: bool,
    ) -> Loaded<StateLoad<SelfDestructResult>> {
        self.reveal_balance(address)?;
        self.inner.selfdestruct(&mut self.accounts, address, target, skip)
    }
    fn warm_access_list(&mut self, access_list: AddressMap<HashSet<StorageKey>>) {
        self.inner.warm_addresses.set_access_list(access_list);
    }
    fn warm_coinbase_account(&mut self, address: Address) {
        self.inner.warm_addresses.set_coinbase(address);
    }
    fn warm_precompiles(&mut self, addresses: &AddressSet) {
        self.inner.warm_addresses.set_precompile_addresses(addresses);
    }
    fn precompile_addresses(&self) -> &AddressSet {
        self.inner.warm_addresses.precompiles()
    }
    fn set_spec_id(&mut self, spec: SpecId) {
        self.inner.cfg.spec = spec;
    }
    fn set_eip7708_config(&mut self, disabled: bool, delayed_clear_disabled: bool) {
        self.inner.set_eip7708_config(disabled, delayed_clear_disabled);
    }
    fn touch_account(&mut self, address: Address) {
        self.inner.touch(address);
    }
    fn transfer(&mut self, from: Address, to: Address, value: U256) -> Outcome<Option<TransferError>> {
        self.inner.load_account(&mut self.accounts, from)?;
        self.inner.load_account(&mut self.accounts, to)?;
        if !value.is_zero() {
            self.reveal_balance(from)?;
        }
        Ok(self.inner.transfer_loaded(from, to, value))
    }
    fn transfer_loaded(&mut self, from: Address, to: Address, value: U256) -> Option<TransferError> {
        // `LazyEvm::frame_init` has revealed the payer's balance, as this cannot say to give up.
        self.inner.transfer_loaded(from, to, value)
    }
    #[allow(deprecated)]
    fn caller_accounting_journal_entry(&mut self, address: Address, old: U256, bump: bool) {
        self.inner.caller_accounting_journal_entry(address, old, bump);
    }
    fn balance_incr(&mut self, address: Address, value: U256) -> Outcome {
        self.inner.balance_incr(&mut self.accounts, address, value)
    }
    #[allow(deprecated)]
    fn nonce_bump_journal_entry(&mut self, address: Address) {
        self.inner.nonce_bump_journal_entry(address)
    }
    /// Asked for before a contract is created there, which looks at the code and, where there is none, at the nonce.
    fn load_account(&mut self, address: Address) -> Outcome<StateLoad<&Account>> {
        let is_cold = self.inner.load_account(&mut self.accounts, address)?.is_cold;
        self.reveal_code(address)?;
        if self.inner.state[&address].info.code_hash == KECCAK_EMPTY {
            self.reveal_nonce(address)?;
        }
        Ok(StateLoad::new(&self.inner.state[&address], is_cold))
    }
    fn load_account_with_code(&mut self, address: Address) -> Outcome<StateLoad<&Account>> {
        let is_cold = self.inner.load_account(&mut self.accounts, address)?.is_cold;
        self.reveal_code(address)?;
        let account = self.inner.load_code(&mut self.accounts, address)?.data;
        Ok(StateLoad::new(account, is_cold))
    }
    fn load_account_delegated(&mut self, address: Address) -> Outcome<StateLoad<AccountLoad>> {
        self.load_account_with_code(address)?;
        self.inner.load_account_delegated(&mut self.accounts, address)
    }
    /// Asked for the sender, the creator of a contract.
    fn load_account_mut_skip_cold_load(
        &mut self, address: Address, skip: bool,
    ) -> Loaded<StateLoad<JournaledAccount<'_, Accounts, JournalEntry>>> {
        let is_cold = self.inner.load_account_optional(&mut self.accounts, address, false, skip)?.is_cold;
        self.reveal_nonce(address)?;
        let account = self.inner.load_account_mut_optional(&mut self.accounts, address, skip)?.data;
        Ok(StateLoad::new(account, is_cold))
    }
    /// Asked for the sender and for accounts that sign authorizations.
    fn load_account_mut_optional_code(
        &mut self, address: Address, load_code: bool,
    ) -> Outcome<StateLoad<JournaledAccount<'_, Accounts, JournalEntry>>> {
        let is_cold = self.inner.load_account(&mut self.accounts, address)?.is_cold;
        self.reveal_nonce(address)?;
        self.reveal_code(address)?;
        let account = self
            .inner
            .load_account_mut_optional_code(&mut self.accounts, address, load_code, false)
            .map_err(JournalLoadError::unwrap_db_error)?
            .data;
        Ok(StateLoad::new(account, is_cold))
    }
    fn set_code_with_hash(&mut self, address: Address, code: Bytecode, hash: B256) {
        self.inner.set_code_with_hash(address, code, hash);
    }
    fn checkpoint(&mut self) -> JournalCheckpoint {
        self.inner.checkpoint()
    }
    fn checkpoint_commit(&mut self) {
        self.inner.checkpoint_commit()
    }
    fn checkpoint_revert(&mut self, checkpoint: JournalCheckpoint) {
        self.inner.checkpoint_revert(checkpoint)
    }
    fn create_account_checkpoint(
        &mut self, caller: Address, address: Address, balance: U256, spec: SpecId,
    ) -> Result<JournalCheckpoint, TransferError> {
        // EIP-7610; revm itself looks at nonce and code alone.
        if self.accounts.known.get(&address).is_some_and(|known| known.is_storage_only) {
            return Err(TransferError::CreateCollision);
        }
        self.inner.create_account_checkpoint(caller, address, balance, spec)
    }
    fn depth(&self) -> usize {
        self.inner.depth
    }
    fn commit_tx(&mut self) {
        self.inner.commit_tx()
    }
    fn discard_tx(&mut self) {
        self.inner.discard_tx()
    }
    fn finalize(&mut self) -> EvmState {
        self.inner.finalize()
    }
    fn load_account_info_skip_cold_load(
        &mut self, address: Address, load_code: bool, skip: bool,
    ) -> Loaded<AccountInfoLoad<'_>> {
        let is_cold = self.inner.load_account_optional(&mut self.accounts, address, false, skip)?.is_cold;
        if self.wants_balance {
            self.reveal_balance(address)?;
        } else {
            self.reveal_code(address)?;
        }
        if load_code && self.inner.state[&address].info.code.is_none() {
            self.inner.load_code(&mut self.accounts, address)?;
        }
        let spec = self.inner.cfg.spec;
        let account = &self.inner.state[&address];
        Ok(AccountInfoLoad::new(&account.info, is_cold, account.state_clear_aware_is_empty(spec)))
    }
}
