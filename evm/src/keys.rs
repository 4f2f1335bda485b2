//! How Ethereum's state is laid out in keys and values: as blockstm/ethereum/rules/keys.py has it.

use revm::primitives::{Address, U256};

pub const NONCE: u8 = b'n';
pub const BALANCE: u8 = b'b';
pub const CODE: u8 = b'c';
pub const EXISTENCE: u8 = b'e';
pub const INCARNATION: u8 = b'w';

/// The value of the existence key of an account that exists.
pub const EXISTS: &[u8] = &[1];
/// The same of one that exists although it is empty, where EIP-161 removes it once it is touched.
pub const EXISTS_EMPTY: &[u8] = &[2];
/// How many bytes of a code's value are its hash.
pub const HASH_BYTES: usize = 32;

const STORAGE_KEY_BYTES: usize = 53;

/// The key of a part of an account.
pub fn account_key(part: u8, address: &Address) -> [u8; 21] {
    let mut key = [part; 21];
    key[1..].copy_from_slice(address.as_slice());
    key
}

/// The key of a storage slot.
pub struct StorageKey([u8; 55], usize);

impl StorageKey {
    pub fn new(address: &Address, slot: &U256, incarnation: u16) -> Self {
        let mut key = [b's'; 55];
        key[1..21].copy_from_slice(address.as_slice());
        key[21..53].copy_from_slice(&slot.to_be_bytes::<32>());
        key[53..].copy_from_slice(&incarnation.to_be_bytes());
        StorageKey(key, if incarnation == 0 { STORAGE_KEY_BYTES } else { 55 })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

/// The key of the hash of the block of a number.
pub fn block_hash_key(number: u64) -> [u8; 9] {
    let mut key = [b'h'; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// A number as it stands in the state; an absent key is zero.
///
/// Panics where it has more than 32 bytes: no key of Ethereum's holds such a number.
pub fn decode_number(value: Option<&[u8]>) -> U256 {
    value.map_or(U256::ZERO, |bytes| {
        assert!(bytes.len() <= 32, "a number in the state has {} bytes", bytes.len());
        U256::from_be_slice(bytes)
    })
}

/// The same of a number that fits 64 bits; panics where it does not.
pub fn decode_u64(value: Option<&[u8]>) -> u64 {
    let number = decode_number(value);
    u64::try_from(number).unwrap_or_else(|_| panic!("a number in the state is {number}, over 64 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use revm::primitives::address;

    #[test]
    fn storage_keys_name_the_incarnation_from_the_first_wipe_on() {
        let address = address!("00000000000000000000000000000000000000ff");
        let first = StorageKey::new(&address, &U256::from(3), 0);
        assert_eq!(first.bytes().len(), 53);
        assert_eq!((first.bytes()[0], first.bytes()[20], first.bytes()[52]), (b's', 0xff, 3));
        let wiped = StorageKey::new(&address, &U256::from(3), 0x102);
        assert_eq!(&wiped.bytes()[..53], first.bytes());
        assert_eq!(&wiped.bytes()[53..], [1, 2]);
    }

    #[test]
    fn numbers_are_big_endian() {
        assert_eq!(decode_number(None), U256::ZERO);
        assert_eq!(decode_number(Some(&[1, 0])), U256::from(256));
        assert_eq!(decode_u64(Some(&[0xff; 8])), u64::MAX);
    }

    #[test]
    #[should_panic = "33 bytes"]
    fn longer_numbers_are_refused() {
        decode_number(Some(&[0; 33]));
    }
}
