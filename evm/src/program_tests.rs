//! The program over a host of plain maps: what it changes, how it fails, and that nothing of a failure stays.

use revm::primitives::{Address, U256, address, hex, keccak256};

use crate::host::Host;
use crate::keys::{account_key, block_hash_key};
use crate::signatures::sender_of;

/// The example of EIP-155: 10**18 wei from nonce 9, at 20 * 10**9 wei for gas.
const RAW: [u8; 110] = hex!(
    "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340b"
    "d939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64"
    "214b297fb1966a3b6d83"
);
const SENDER: Address = address!("9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F");
const RECIPIENT: Address = address!("3535353535353535353535353535353535353535");
const MINER: Address = address!("0909090909090909090909090909090909090909");
const ETHER: u64 = 1_000_000_000_000_000_000;
const FEE: u64 = 21_000 * 20_000_000_000;

fn environment(fork: &str) -> Vec<u8> {
    let mut out = Vec::new();
    rmp::encode::write_map_len(&mut out, 10).unwrap();
    let text = |out: &mut Vec<u8>, text: &str| rmp::encode::write_str(out, text).unwrap();
    text(&mut out, "fork");
    text(&mut out, fork);
    for (name, value) in [("chain_id", 1), ("number", 300), ("timestamp", 7), ("gas_limit", 10_000_000)] {
        text(&mut out, name);
        rmp::encode::write_uint(&mut out, value).unwrap();
    }
    for name in ["base_fee_per_gas", "excess_blob_gas"] {
        text(&mut out, name);
        rmp::encode::write_nil(&mut out).unwrap();
    }
    for (name, bytes) in [("coinbase", MINER.as_slice()), ("difficulty", &[1]), ("mix_hash", &[0; 32])] {
        text(&mut out, name);
        rmp::encode::write_bin(&mut out, bytes).unwrap();
    }
    out
}

fn number(number: u64) -> Vec<u8> {
    U256::from(number).to_be_bytes_trimmed_vec()
}

/// A state in which the example can be executed.
fn host(fork: &str) -> Host {
    let mut host = Host::default();
    host.beneficiary = MINER.0.0;
    host.state.insert(b"H".to_vec(), environment(fork));
    host.state.insert(account_key(b'e', &SENDER).to_vec(), vec![1]);
    host.state.insert(account_key(b'n', &SENDER).to_vec(), number(9));
    host.state.insert(account_key(b'b', &SENDER).to_vec(), number(2 * ETHER));
    host
}

fn run(host: &mut Host) {
    host.run(SENDER.0.0, &RAW);
}

fn found(host: &Host, part: u8, address: Address) -> u64 {
    let value = host.state.get(account_key(part, &address).as_slice());
    U256::from_be_slice(value.map_or(&[], Vec::as_slice)).to()
}

fn assert_executed(host: &Host) {
    assert_eq!((host.failure.as_deref(), host.gas), (None, 21_000));
    assert_eq!(host.events, [0x94, 0xc3, 0xc0, 0xc0, 0x90]); // [true, nil, nil, []] in msgpack
    assert_eq!((found(host, b'n', SENDER), found(host, b'b', SENDER)), (10, ETHER - FEE));
    assert_eq!((found(host, b'e', RECIPIENT), found(host, b'b', RECIPIENT)), (1, ETHER));
    assert_eq!((found(host, b'e', MINER), found(host, b'b', MINER)), (1, FEE));
}

#[test]
fn a_transfer_is_executed() {
    let mut host = host("byzantium");
    run(&mut host);
    assert_executed(&host);
}

#[test]
fn a_believed_transfer_reads_nothing_of_its_sender() {
    let mut host = host("byzantium");
    host.believes = true;
    run(&mut host);
    assert_executed(&host);
    assert_eq!(host.sender_reads, 0);
}

#[test]
fn a_believed_transfer_that_leaves_nothing_is_executed_again() {
    let mut host = host("byzantium");
    host.believes = true;
    host.state.insert(account_key(b'b', &SENDER).to_vec(), number(ETHER + FEE));
    run(&mut host);
    assert_eq!((host.failure.as_deref(), host.gas), (None, 21_000));
    assert!(host.sender_reads > 0);
    assert!(!host.state.contains_key(account_key(b'b', &SENDER).as_slice())); // zero is an absent key
    assert_eq!(found(&host, b'n', SENDER), 10);
}

#[test]
fn its_sender_is_who_has_signed_it() {
    assert_eq!(sender_of(&RAW), Some(SENDER));
    for length in 0..RAW.len() {
        assert_eq!(sender_of(&RAW[..length]), None);
    }
    let mut forged = RAW;
    forged[60] ^= 1;
    assert_ne!(sender_of(&forged), Some(SENDER));
}

#[test]
fn what_is_invalid_fails_with_a_reason() {
    let reason = |part: u8, value: u64, believes: bool| {
        let mut host = host("byzantium");
        host.believes = believes;
        host.state.insert(account_key(part, &SENDER).to_vec(), number(value));
        let before = host.state.clone();
        run(&mut host);
        assert_eq!(host.state, before);
        host.failure.unwrap()
    };
    for believes in [false, true] {
        assert!(reason(b'n', 8, believes).starts_with("ValidationError: nonce 9 too high"));
        assert!(reason(b'n', 10, believes).starts_with("ValidationError: nonce 9 too low"));
        assert!(reason(b'b', 5, believes).starts_with("ValidationError: lack of funds"));
    }
    let mut host = host("byzantium");
    host.run(SENDER.0.0, &RAW[..50]);
    assert!(host.failure.unwrap().starts_with("ValidationError: it cannot be decoded"));
}

#[test]
fn a_state_without_a_sound_environment_fails() {
    let mut host = host("byzantium");
    host.state.insert(b"H".to_vec(), environment("gone"));
    run(&mut host);
    assert!(host.failure.as_deref().unwrap().contains("does not have the fork gone"));
    host.state.remove(b"H".as_slice());
    run(&mut host);
    assert!(host.failure.unwrap().contains("has no environment"));
}

#[test]
fn a_panic_fails_the_transaction_and_nothing_else() {
    let mut host = host("byzantium");
    let balance = account_key(b'b', &SENDER).to_vec();
    host.state.insert(balance.clone(), vec![1; 33]);
    run(&mut host);
    let failure = host.failure.as_deref().unwrap();
    assert_eq!(failure, "NativeEvmError: it panicked: a number in the state has 33 bytes");
    host.state.insert(balance, number(2 * ETHER));
    run(&mut host);
    assert_executed(&host);
}

#[test]
fn whichever_verb_gives_up_the_next_transaction_is_right() {
    for believes in [false, true] {
        assert_right_after_each_verb(believes);
    }
}

fn assert_right_after_each_verb(believes: bool) {
    let host = |fork: &str| {
        let mut host = host(fork);
        host.believes = believes;
        host
    };
    let mut whole = host("spurious_dragon");
    run(&mut whole);
    assert!(whole.verbs > 10);
    for answered in 1..=whole.verbs {
        let mut given_up = host("spurious_dragon");
        given_up.verbs_left = Some(answered);
        run(&mut given_up);
        assert!(given_up.is_over() && given_up.failure.is_none());
        // Nothing more was asked once it was over.
        assert_eq!(given_up.verbs, answered);
        let mut next = host("spurious_dragon");
        run(&mut next);
        assert_executed(&next);
    }
}

#[test]
fn an_empty_account_goes_when_it_is_touched() {
    // The miner gets nothing: at a price of 0 it is only touched (EIP-161). RLP by hand; nobody has signed it.
    let free = hex!("df098082520894353535353535353535353535353535353535353580801b0101");
    let with_storage = [
        (account_key(b'e', &MINER).to_vec(), vec![2]),
        (account_key(b'c', &MINER).to_vec(), keccak256([]).to_vec()),
    ];
    let mut host = host("spurious_dragon");
    host.state.extend(with_storage);
    host.state.insert(account_key(b'e', &RECIPIENT).to_vec(), vec![2]);
    host.run(SENDER.0.0, &free);
    assert_eq!(host.failure, None);
    for (part, expected) in [(b'e', 0), (b'c', 0), (b'w', 1)] {
        assert_eq!(found(&host, part, MINER), expected, "{}", part as char);
    }
    assert_eq!((found(&host, b'e', RECIPIENT), found(&host, b'w', RECIPIENT)), (0, 0));
}

#[test]
fn a_hash_that_was_not_recorded_fails_with_the_fix() {
    // PUSH2 299, BLOCKHASH, PUSH1 0, SSTORE.
    let code = hex!("61012b4060005500");
    let mut host = host("byzantium");
    host.state.insert(account_key(b'e', &RECIPIENT).to_vec(), vec![1]);
    host.state.insert(account_key(b'c', &RECIPIENT).to_vec(), [keccak256(code).as_slice(), &code].concat());
    let call = hex!("e009808303000094353535353535353535353535353535353535353580801b0101");
    host.run(SENDER.0.0, &call);
    let failure = host.failure.take().unwrap();
    assert!(failure.contains("the hash of block 299, which was not recorded"), "{failure}");
    host.state.insert(block_hash_key(299).to_vec(), vec![0xab; 32]);
    host.run(SENDER.0.0, &call);
    assert_eq!(host.failure, None);
    let slot = [b"s", RECIPIENT.as_slice(), &[0; 32]].concat();
    assert_eq!(host.state[&slot], [0xab; 32]);
}
