//! Signed transactions (EIP-2718), as a block's body holds them, types 0 to 4.
//!
//! The sender is given, so the signature is only read over here; `signatures` looks at it.

use alloy_rlp::{Decodable, Error, Header};
use revm::context::TxEnv;
use revm::context_interface::either::Either;
use revm::context_interface::transaction::{AccessList, SignedAuthorization};
use revm::primitives::{Address, B256, Bytes, TxKind, U256};

type Result<T> = alloy_rlp::Result<T>;

const LEGACY: u8 = 0;
const FEE_MARKET: u8 = 2;
const BLOB: u8 = 3;
const SET_CODE: u8 = 4;
/// What v is from on where it says the chain (EIP-155).
const V_OF_CHAINS: U256 = U256::from_limbs([35, 0, 0, 0]);

/// The type of a transaction and the fields of its list.
pub fn split(raw: &[u8]) -> Result<(u8, &[u8])> {
    let first = *raw.first().ok_or(Error::InputTooShort)?;
    let (kind, mut list) = match first {
        0xc0.. => (LEGACY, raw),
        1..=SET_CODE => (first, &raw[1..]),
        _ => return Err(Error::Custom("its type is not known")),
    };
    let fields = Header::decode_bytes(&mut list, true)?;
    if list.is_empty() { Ok((kind, fields)) } else { Err(Error::UnexpectedLength) }
}

/// The chain that a legacy transaction's v names.
pub fn chain_of(v: U256) -> Result<Option<u64>> {
    match v.checked_sub(V_OF_CHAINS) {
        None => Ok(None),
        Some(twice) => u64::try_from(twice >> 1).map(Some).map_err(|_| Error::Overflow),
    }
}

/// Read a signed transaction of a sender.
pub fn decode(raw: &[u8], sender: Address) -> Result<TxEnv> {
    let (kind, mut fields) = split(raw)?;
    let rest = &mut fields;
    let mut transaction = TxEnv {
        tx_type: kind,
        caller: sender,
        gas_limit: 0,
        gas_price: 0,
        kind: TxKind::Create,
        value: U256::ZERO,
        data: Bytes::new(),
        nonce: 0,
        chain_id: None,
        access_list: AccessList::default(),
        gas_priority_fee: None,
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: Vec::new(),
    };
    if kind != LEGACY {
        transaction.chain_id = Some(u64::decode(rest)?);
    }
    transaction.nonce = u64::decode(rest)?;
    if kind >= FEE_MARKET {
        transaction.gas_priority_fee = Some(u128::decode(rest)?);
    }
    transaction.gas_price = u128::decode(rest)?;
    transaction.gas_limit = u64::decode(rest)?;
    transaction.kind = decode_target(rest, kind)?;
    transaction.value = U256::decode(rest)?;
    transaction.data = Bytes::copy_from_slice(Header::decode_bytes(rest, false)?);
    decode_later_fields(rest, kind, &mut transaction)?;
    let v = U256::decode(rest)?;
    if kind == LEGACY {
        transaction.chain_id = chain_of(v)?;
    }
    let (_r, _s) = (U256::decode(rest)?, U256::decode(rest)?);
    if rest.is_empty() { Ok(transaction) } else { Err(Error::UnexpectedLength) }
}

/// Whom a transaction calls; None where it creates a contract, or is none.
pub fn recipient_of(raw: &[u8]) -> Option<Address> {
    decode(raw, Address::ZERO).ok()?.kind.to().copied()
}

/// What came with EIP-2930, EIP-4844 and EIP-7702.
fn decode_later_fields(rest: &mut &[u8], kind: u8, transaction: &mut TxEnv) -> Result<()> {
    if kind != LEGACY {
        transaction.access_list = AccessList::decode(rest)?;
    }
    if kind == BLOB {
        transaction.max_fee_per_blob_gas = u128::decode(rest)?;
        transaction.blob_hashes = Vec::<B256>::decode(rest)?;
    }
    if kind == SET_CODE {
        let signed = Vec::<SignedAuthorization>::decode(rest)?;
        transaction.authorization_list = signed.into_iter().map(Either::Left).collect();
    }
    Ok(())
}

fn decode_target(rest: &mut &[u8], kind: u8) -> Result<TxKind> {
    let target = Header::decode_bytes(rest, false)?;
    match target.len() {
        0 if kind < BLOB => Ok(TxKind::Create),
        0 => Err(Error::Custom("a transaction of its type cannot create a contract")),
        20 => Ok(TxKind::Call(Address::from_slice(target))),
        _ => Err(Error::UnexpectedLength),
    }
}
