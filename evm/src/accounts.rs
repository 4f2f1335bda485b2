//! The state as revm's database: accounts of which each field is read through the verbs when something observes it.
//!
//! An account that exists is loaded with a biased balance and nonce, far from any real one, and with its code unread;
//! so it never looks empty (who exists is not empty: EIP-161), and credits and their reverts work relatively on the
//! bias. `LazyJournal` reads a field, and takes the bias out, before anything looks at it.

use revm::Database;
use revm::bytecode::Bytecode;
use revm::primitives::{Address, AddressMap, B256, KECCAK_EMPTY, StorageKey as Slot, StorageValue, U256};
use revm::state::AccountInfo;

use crate::belief::Belief;
use crate::codes::{self, Code};
use crate::keys::{
    BALANCE, CODE, EXISTENCE, EXISTS_EMPTY, INCARNATION, NONCE, StorageKey, account_key, block_hash_key,
    decode_number, decode_u64,
};
use crate::verbs::{Context, GiveUp, Key, Outcome};

pub const BALANCE_BIAS: U256 = U256::from_limbs([0, 0, 0, 1 << 62]);
pub const NONCE_BIAS: u64 = 1 << 40;
const UNREAD_CODE: B256 = B256::repeat_byte(0xEE);

/// Whether an account exists, as its existence key says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existence {
    #[default]
    Absent,
    /// It does, although it is empty; EIP-161 removes it once it is touched.
    Empty,
    Present,
}

/// What the transaction has seen of an account as it stood before it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub existence: Existence,
    pub balance: Option<U256>,
    /// Whether the balance was observed, and so is written as it is, rather than only credited.
    pub is_balance_observed: bool,
    pub nonce: Option<u64>,
    pub code_hash: Option<B256>,
    /// See `Code::is_storage_only`.
    pub is_storage_only: bool,
    incarnation: Option<u16>,
}

/// Keys that the transaction's fields name. They are arguments of the program, looked up when the block was loaded.
#[derive(Clone, Copy, Default)]
pub struct NamedKeys {
    pub sender_nonce: Key,
    pub sender_balance: Key,
    pub sender_existence: Key,
    pub sender_code: Key,
    pub recipient_existence: Key,
    pub recipient_balance: Key,
    pub recipient_code: Key,
    pub beneficiary_existence: Key,
    pub beneficiary_balance: Key,
}

/// Whose keys they are.
#[derive(Clone, Copy, Default)]
pub struct Parties {
    pub sender: Address,
    /// None where a contract is created.
    pub recipient: Option<Address>,
    pub beneficiary: Address,
    pub keys: NamedKeys,
}

impl Parties {
    /// The key of a part of an account, where it was looked up ahead.
    fn key(&self, part: u8, address: &Address) -> Option<Key> {
        let keys = &self.keys;
        if *address == self.sender {
            return match part {
                NONCE => Some(keys.sender_nonce),
                BALANCE => Some(keys.sender_balance),
                EXISTENCE => Some(keys.sender_existence),
                CODE => Some(keys.sender_code),
                _ => None,
            };
        }
        let is_recipient = self.recipient.as_ref() == Some(address);
        let is_beneficiary = *address == self.beneficiary;
        match part {
            EXISTENCE if is_recipient => Some(keys.recipient_existence),
            BALANCE if is_recipient => Some(keys.recipient_balance),
            CODE if is_recipient => Some(keys.recipient_code),
            EXISTENCE if is_beneficiary => Some(keys.beneficiary_existence),
            BALANCE if is_beneficiary => Some(keys.beneficiary_balance),
            _ => None,
        }
    }
}

/// The accounts, for one transaction after the other.
#[derive(Default)]
pub struct Accounts {
    context: Option<Context>,
    parties: Parties,
    /// What is believed of the sender, if anything.
    pub belief: Option<Belief>,
    pub known: AddressMap<Known>,
}

impl Accounts {
    /// Know nothing, and reach the state through a transaction's context.
    pub fn begin(&mut self, context: Context, parties: Parties) {
        self.context = Some(context);
        self.parties = parties;
        self.know_nothing();
    }

    pub fn know_nothing(&mut self) {
        self.belief = None;
        self.known.clear();
    }

    /// Let go of the transaction's context.
    pub fn end(&mut self) {
        self.context = None;
    }

    pub fn context(&self) -> &Context {
        self.context.as_ref().expect("a transaction is under way")
    }

    pub fn parties(&self) -> &Parties {
        &self.parties
    }

    /// What is believed of an account: nothing where it is not the sender.
    pub fn belief_in(&self, address: &Address) -> Option<Belief> {
        self.belief.filter(|_| *address == self.parties.sender)
    }

    fn locate(&self, part: u8, address: &Address) -> Outcome<Key> {
        match self.parties.key(part, address) {
            Some(key) => Ok(key),
            None => self.context().locate(&account_key(part, address)),
        }
    }

    fn read_part(&self, part: u8, address: &Address) -> Outcome<Option<&[u8]>> {
        self.context().read(self.locate(part, address)?)
    }

    pub fn existence(&self, address: &Address) -> Outcome<Existence> {
        Ok(match self.read_part(EXISTENCE, address)? {
            None => Existence::Absent,
            Some(EXISTS_EMPTY) => Existence::Empty,
            Some(_) => Existence::Present,
        })
    }

    pub fn balance(&self, address: &Address) -> Outcome<U256> {
        Ok(decode_number(self.read_part(BALANCE, address)?))
    }

    pub fn nonce(&self, address: &Address) -> Outcome<u64> {
        Ok(decode_u64(self.read_part(NONCE, address)?))
    }

    pub fn code(&self, address: &Address) -> Outcome<Code> {
        Ok(Code::of_value(self.read_part(CODE, address)?))
    }

    /// How often the account's storage was wiped.
    pub fn incarnation(&mut self, address: &Address) -> Outcome<u16> {
        if let Some(known) = self.known.get(address).and_then(|known| known.incarnation) {
            return Ok(known);
        }
        let read = decode_u64(self.read_part(INCARNATION, address)?);
        let read = u16::try_from(read).expect("a storage incarnation has 16 bits");
        self.known.entry(*address).or_default().incarnation = Some(read);
        Ok(read)
    }

    fn put(&self, key: Key, value: &[u8]) -> Outcome {
        if value.is_empty() { self.context().erase(key) } else { self.context().write(key, value) }
    }

    fn put_number(&self, key: Key, number: U256) -> Outcome {
        let bytes = number.to_be_bytes::<32>();
        self.put(key, &bytes[number.leading_zeros() / 8..])
    }

    /// Write a part of an account; no bytes erase it.
    pub fn write_part(&self, part: u8, address: &Address, value: &[u8]) -> Outcome {
        self.put(self.locate(part, address)?, value)
    }

    /// Write a number as minimal bytes; zero is an absent key.
    pub fn write_number(&self, part: u8, address: &Address, number: U256) -> Outcome {
        self.put_number(self.locate(part, address)?, number)
    }

    pub fn write_slot(&mut self, address: &Address, slot: &U256, value: U256) -> Outcome {
        let key = StorageKey::new(address, slot, self.incarnation(address)?);
        self.put_number(self.context().locate(key.bytes())?, value)
    }

    /// Credit an account without reading its balance.
    pub fn credit(&self, address: &Address, amount: U256) -> Outcome {
        self.context().add(self.locate(BALANCE, address)?, amount)
    }
}

impl Database for Accounts {
    type Error = GiveUp;

    fn basic(&mut self, address: Address) -> Outcome<Option<AccountInfo>> {
        let existence = self.existence(&address)?;
        let known = self.known.entry(address).or_default();
        known.existence = existence;
        if existence == Existence::Present {
            return Ok(Some(AccountInfo {
                balance: BALANCE_BIAS,
                nonce: NONCE_BIAS,
                code_hash: UNREAD_CODE,
                code: None,
                ..AccountInfo::default()
            }));
        }
        (known.balance, known.nonce) = (Some(U256::ZERO), Some(0));
        if existence == Existence::Absent {
            known.code_hash = Some(KECCAK_EMPTY);
            return Ok(None);
        }
        // It has no code, but maybe a storage, which makes a difference where a contract is created.
        let code = self.code(&address)?;
        let known = self.known.entry(address).or_default();
        (known.code_hash, known.is_storage_only) = (Some(code.hash), code.is_storage_only);
        Ok(Some(AccountInfo { code_hash: code.hash, code: Some(code.bytecode), ..AccountInfo::default() }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Outcome<Bytecode> {
        Ok(codes::known(hash).expect("code is read before it is asked for by its hash"))
    }

    fn storage(&mut self, address: Address, slot: Slot) -> Outcome<StorageValue> {
        let key = StorageKey::new(&address, &slot, self.incarnation(&address)?);
        Ok(decode_number(self.context().read(self.context().locate(key.bytes())?)?))
    }

    fn block_hash(&mut self, number: u64) -> Outcome<B256> {
        let context = self.context();
        match context.read(context.locate(&block_hash_key(number))?)? {
            Some(hash) => Ok(B256::from_slice(hash)),
            None => context.fail(&format!(
                "EthereumInputError: the transaction asks for the hash of block {number}, which was not recorded; \
                 record the block with --blockhashes"
            )),
        }
    }
}
