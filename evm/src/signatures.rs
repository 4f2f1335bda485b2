//! The sender of a transaction: Yellow Paper, appendix F; EIP-155 (the chain in v), EIP-2718 (types).

use alloy_rlp::{Decodable, Encodable, Header};
use revm::primitives::{Address, U256, keccak256};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, SECP256K1};

use crate::transaction::{chain_of, split};

/// v, r and s.
const SIGNATURE_FIELDS: usize = 3;

/// The sender of a signed transaction; None where it is malformed or nobody can have signed it.
pub fn sender_of(raw: &[u8]) -> Option<Address> {
    let (kind, fields) = split(raw).ok()?;
    let signature_start = start_of_last(fields, SIGNATURE_FIELDS)?;
    let (signed, mut signature) = fields.split_at(signature_start);
    let v = U256::decode(&mut signature).ok()?;
    let (r, s) = (U256::decode(&mut signature).ok()?, U256::decode(&mut signature).ok()?);
    let (parity, hash) = if kind == 0 {
        let chain = chain_of(v).ok()?;
        (legacy_parity(v, chain)?, keccak256(legacy_message(signed, chain)))
    } else {
        let parity = u8::try_from(v).ok().filter(|parity| *parity <= 1)?;
        (parity, keccak256([&[kind], list(signed).as_slice()].concat()))
    };
    let both = [r.to_be_bytes::<32>(), s.to_be_bytes::<32>()].concat();
    let recovery = RecoveryId::try_from(i32::from(parity)).ok()?;
    let signature = RecoverableSignature::from_compact(&both, recovery).ok()?;
    let key = SECP256K1.recover_ecdsa(Message::from_digest(hash.0), &signature).ok()?;
    Some(Address::from_slice(&keccak256(&key.serialize_uncompressed()[1..])[12..]))
}

/// Where the last so many items of a list begin.
fn start_of_last(fields: &[u8], count: usize) -> Option<usize> {
    let (mut starts, mut rest) = (Vec::new(), fields);
    while !rest.is_empty() {
        starts.push(fields.len() - rest.len());
        let header = Header::decode(&mut rest).ok()?;
        rest = rest.get(header.payload_length..)?;
    }
    starts.len().checked_sub(count).map(|place| starts[place])
}

fn legacy_parity(v: U256, chain: Option<u64>) -> Option<u8> {
    let base = if chain.is_some() { 35 } else { 27 };
    let parity = v.checked_sub(U256::from(base))?;
    if chain.is_some() {
        Some(u8::from(parity.bit(0)))
    } else {
        u8::try_from(parity).ok().filter(|it| *it <= 1)
    }
}

fn legacy_message(signed: &[u8], chain: Option<u64>) -> Vec<u8> {
    let mut fields = signed.to_vec();
    if let Some(chain) = chain {
        chain.encode(&mut fields);
        fields.extend_from_slice(&[0x80, 0x80]);
    }
    list(&fields)
}

/// The RLP of a list whose items are encoded already.
fn list(fields: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(fields.len() + 9);
    Header { list: true, payload_length: fields.len() }.encode(&mut out);
    out.extend_from_slice(fields);
    out
}
