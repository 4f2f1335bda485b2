//! The contracts' code: analysed once in each process, and the check that a code's recorded hash is its own.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use revm::bytecode::Bytecode;
use revm::primitives::{B256, Bytes, HashMap, KECCAK_EMPTY, keccak256};

use crate::keys::HASH_BYTES;

/// How much the codes that a process keeps may take, about. The largest code takes 28 KiB.
const CACHE_BYTES_MAX: usize = 128 << 20;

/// What the value of a code key says.
#[derive(Clone)]
pub struct Code {
    pub hash: B256,
    pub bytecode: Bytecode,
    /// The account has no code but a storage, so that no contract can be created there (EIP-7610).
    pub is_storage_only: bool,
}

impl Code {
    /// Read the value of a code key: the hash, then the code; absent where there is neither code nor storage.
    ///
    /// The hash is believed: where the block is loaded, it is checked, and a code that the block itself creates has
    /// the hash that this program has computed. Panics where there are not even the bytes of a hash.
    pub fn of_value(value: Option<&[u8]>) -> Self {
        let Some(value) = value else {
            return Code { hash: KECCAK_EMPTY, bytecode: Bytecode::default(), is_storage_only: false };
        };
        assert!(value.len() >= HASH_BYTES, "a code in the state has {} bytes, less than its hash", value.len());
        let (hash, code) = value.split_at(HASH_BYTES);
        let hash = B256::from_slice(hash);
        if code.is_empty() {
            return Code { hash: KECCAK_EMPTY, bytecode: Bytecode::default(), is_storage_only: true };
        }
        Code { hash, bytecode: analysed(hash, code), is_storage_only: false }
    }
}

/// Whether a value of a code key begins with the hash of the code in it.
pub fn is_hash_right(value: &[u8]) -> bool {
    value.len() >= HASH_BYTES && keccak256(&value[HASH_BYTES..]) == value[..HASH_BYTES]
}

/// A code that was analysed before.
pub fn known(hash: B256) -> Option<Bytecode> {
    cache().known.get(&hash).cloned()
}

fn analysed(hash: B256, code: &[u8]) -> Bytecode {
    if let Some(known) = known(hash) {
        assert!(known.len() == code.len(), "two codes in the state have one hash, {hash}");
        return known;
    }
    let code = Bytes::copy_from_slice(code);
    let made = Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code));
    cache().keep(hash, made.clone());
    made
}

#[derive(Default)]
struct Cache {
    known: HashMap<B256, Bytecode>,
    bytes: usize,
}

impl Cache {
    fn keep(&mut self, hash: B256, code: Bytecode) {
        // The code with its padding, a bit for each byte, and the entry.
        let bytes = code.len() + code.len() / 8 + 256;
        if self.bytes + bytes > CACHE_BYTES_MAX {
            *self = Cache::default();
        }
        self.bytes += bytes;
        self.known.insert(hash, code);
    }
}

/// The process's cache. It is locked for a look only, never over a verb.
fn cache() -> MutexGuard<'static, Cache> {
    static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);
    CACHE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(code: &[u8]) -> Vec<u8> {
        [keccak256(code).as_slice(), code].concat()
    }

    #[test]
    fn values_are_read() {
        assert_eq!(Code::of_value(None).hash, KECCAK_EMPTY);
        assert!(!Code::of_value(None).is_storage_only);
        let marked = Code::of_value(Some(KECCAK_EMPTY.as_slice()));
        assert!(marked.is_storage_only && marked.hash == KECCAK_EMPTY && marked.bytecode.is_empty());
        let code = Code::of_value(Some(&value(b"\x60\x01\x5b")));
        assert_eq!((code.hash, code.bytecode.len()), (keccak256(b"\x60\x01\x5b"), 3));
    }

    #[test]
    fn delegations_are_known_for_what_they_are() {
        let delegation = [&[0xef, 1, 0][..], &[7; 20]].concat();
        assert!(Code::of_value(Some(&value(&delegation))).bytecode.is_eip7702());
    }

    #[test]
    fn hashes_are_checked() {
        assert!(is_hash_right(&value(b"\x00")));
        assert!(is_hash_right(KECCAK_EMPTY.as_slice()));
        assert!(!is_hash_right(&[&[0; 32][..], b"\x00"].concat()));
        assert!(!is_hash_right(b"short"));
    }

    #[test]
    fn the_cache_is_bounded() {
        let mut cache = Cache::default();
        let code = Bytecode::new_legacy(Bytes::from(vec![0; 24576]));
        for number in 0_u64..6000 {
            cache.keep(B256::from(revm::primitives::U256::from(number)), code.clone());
            assert!(cache.bytes <= CACHE_BYTES_MAX);
        }
        assert!(cache.known.len() < 5000 && cache.known.len() > 10);
    }
}
