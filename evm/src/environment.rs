//! What the transactions of a block see of it: the fork's rules and the fields of its header.

use revm::context::{BlockEnv, CfgEnv};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::primitives::hardfork::SpecId;
use revm::primitives::{Address, B256, U256};
use rmp::decode::{self, NumValueReadError, ValueReadError};

/// EIP-4844, EIP-7691 (Prague), EIP-7892 (blob-parameter-only forks): how slowly the price of blobs changes.
const FRACTION_CANCUN: u64 = 3_338_477;
const FRACTION_PRAGUE: u64 = 5_007_716;
const FRACTION_BPO1: u64 = 8_346_193;
const FRACTION_BPO2: u64 = 11_684_671;
/// e to the power of 88 fits 128 bits, and of 89 does not: the largest whole part of the exponent.
const BLOB_PRICE_EXPONENT_MAX: u64 = 87;
/// EIP-7594: the most blobs of one transaction, from Osaka on.
const BLOBS_PER_TRANSACTION_MAX: u64 = 6;

/// The rules of a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    pub spec: SpecId,
    blob_fraction: u64,
}

impl Fork {
    /// The fork of a name of blockstm/ethereum/rules/forks.py.
    pub fn of(name: &str) -> Option<Self> {
        let (spec, blob_fraction) = match name {
            "frontier" => (SpecId::FRONTIER, FRACTION_CANCUN),
            "homestead" => (SpecId::HOMESTEAD, FRACTION_CANCUN),
            "tangerine_whistle" => (SpecId::TANGERINE, FRACTION_CANCUN),
            "spurious_dragon" => (SpecId::SPURIOUS_DRAGON, FRACTION_CANCUN),
            "byzantium" => (SpecId::BYZANTIUM, FRACTION_CANCUN),
            // Not constantinople: revm leaves out what it alone has (EIP-1283).
            "petersburg" => (SpecId::PETERSBURG, FRACTION_CANCUN),
            "istanbul" | "muir_glacier" => (SpecId::ISTANBUL, FRACTION_CANCUN),
            "berlin" => (SpecId::BERLIN, FRACTION_CANCUN),
            "london" | "arrow_glacier" | "gray_glacier" => (SpecId::LONDON, FRACTION_CANCUN),
            "paris" => (SpecId::MERGE, FRACTION_CANCUN),
            "shanghai" => (SpecId::SHANGHAI, FRACTION_CANCUN),
            "cancun" => (SpecId::CANCUN, FRACTION_CANCUN),
            "prague" => (SpecId::PRAGUE, FRACTION_PRAGUE),
            "osaka" => (SpecId::OSAKA, FRACTION_PRAGUE),
            "bpo1" => (SpecId::OSAKA, FRACTION_BPO1),
            "bpo2" => (SpecId::OSAKA, FRACTION_BPO2),
            _ => return None,
        };
        Some(Fork { spec, blob_fraction })
    }

    /// What a unit of blob gas costs: `fake_exponential` of EIP-4844.
    ///
    /// It is computed here as revm's own goes on for hours where the excess is absurd, and overflows before.
    fn blob_price(&self, excess_blob_gas: u64) -> Result<BlobExcessGasAndPrice, String> {
        if excess_blob_gas / self.blob_fraction > BLOB_PRICE_EXPONENT_MAX {
            return Err(format!(
                "with an excess of {excess_blob_gas} blob gas, the price of blobs does not fit 128 bits"
            ));
        }
        let (numerator, denominator) = (U256::from(excess_blob_gas), U256::from(self.blob_fraction));
        let (mut sum, mut term) = (U256::ZERO, denominator);
        let mut index = 1_u64;
        while !term.is_zero() {
            sum += term;
            term = term * numerator / (denominator * U256::from(index));
            index += 1;
        }
        Ok(BlobExcessGasAndPrice { excess_blob_gas, blob_gasprice: (sum / denominator).to() })
    }
}

/// The block's environment.
#[derive(Clone, Debug)]
pub struct Environment {
    pub fork: Fork,
    pub chain_id: u64,
    pub block: BlockEnv,
}

impl Environment {
    pub fn settings(&self) -> CfgEnv {
        let mut settings = CfgEnv::new_with_spec(self.fork.spec);
        settings.chain_id = self.chain_id;
        settings.blob_base_fee_update_fraction = Some(self.fork.blob_fraction);
        if self.fork.spec.is_enabled_in(SpecId::OSAKA) {
            settings.max_blobs_per_tx = Some(BLOBS_PER_TRANSACTION_MAX);
        }
        // Whether its gas fits into what is left of the block's is a check of the block's header.
        settings.disable_block_gas_limit = true;
        settings
    }

    /// Read the msgpack map that blockstm/ethereum/rules/environment.py writes.
    pub fn decode(encoded: &[u8]) -> Result<Self, String> {
        Fields::read(encoded).and_then(Fields::environment)
    }
}

/// The fields of the map.
#[derive(Default)]
struct Fields {
    fork: Option<String>,
    chain_id: Option<u64>,
    number: Option<u64>,
    coinbase: Option<Address>,
    timestamp: Option<u64>,
    difficulty: U256,
    mix_hash: Option<B256>,
    gas_limit: Option<u64>,
    base_fee_per_gas: u64,
    excess_blob_gas: Option<u64>,
}

impl Fields {
    fn read(encoded: &[u8]) -> Result<Self, String> {
        let mut rest = encoded;
        let mut fields = Fields::default();
        let count = decode::read_map_len(&mut rest).map_err(malformed)?;
        for _ in 0..count {
            let name = read_text(&mut rest)?;
            match name {
                "fork" => fields.fork = Some(read_text(&mut rest)?.to_owned()),
                "chain_id" => fields.chain_id = read_number(&mut rest)?,
                "number" => fields.number = read_number(&mut rest)?,
                "coinbase" => fields.coinbase = Some(read_exactly(&mut rest, 20, Address::from_slice)?),
                "timestamp" => fields.timestamp = read_number(&mut rest)?,
                "difficulty" => {
                    let bytes = read_bytes(&mut rest)?;
                    fields.difficulty =
                        U256::try_from_be_slice(bytes).ok_or("the difficulty has over 32 bytes")?;
                }
                "mix_hash" => fields.mix_hash = Some(read_exactly(&mut rest, 32, B256::from_slice)?),
                "gas_limit" => fields.gas_limit = read_number(&mut rest)?,
                "base_fee_per_gas" => fields.base_fee_per_gas = read_number(&mut rest)?.unwrap_or(0),
                "excess_blob_gas" => fields.excess_blob_gas = read_number(&mut rest)?,
                other => return Err(format!("the field {other} is not known")),
            }
        }
        if rest.is_empty() { Ok(fields) } else { Err("something follows the map".into()) }
    }

    fn environment(self) -> Result<Environment, String> {
        let name = self.fork.ok_or("the field fork is missing")?;
        let fork = Fork::of(&name).ok_or_else(|| format!("the native EVM does not have the fork {name}"))?;
        let missing = |name: &str| format!("the field {name} is missing");
        Ok(Environment {
            fork,
            chain_id: self.chain_id.ok_or_else(|| missing("chain_id"))?,
            block: BlockEnv {
                number: U256::from(self.number.ok_or_else(|| missing("number"))?),
                beneficiary: self.coinbase.ok_or_else(|| missing("coinbase"))?,
                timestamp: U256::from(self.timestamp.ok_or_else(|| missing("timestamp"))?),
                gas_limit: self.gas_limit.ok_or_else(|| missing("gas_limit"))?,
                basefee: self.base_fee_per_gas,
                difficulty: self.difficulty,
                prevrandao: match fork.spec.is_enabled_in(SpecId::MERGE) {
                    true => Some(self.mix_hash.ok_or_else(|| missing("mix_hash"))?),
                    false => None,
                },
                blob_excess_gas_and_price: self
                    .excess_blob_gas
                    .map(|excess| fork.blob_price(excess))
                    .transpose()?,
                slot_num: 0,
            },
        })
    }
}

fn malformed(error: impl std::fmt::Display) -> String {
    format!("it is not msgpack of that form: {error}")
}

fn read_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, String> {
    let (text, after) = decode::read_str_from_slice(*rest).map_err(malformed)?;
    *rest = after;
    Ok(text)
}

/// A number; None for nil.
fn read_number(rest: &mut &[u8]) -> Result<Option<u64>, String> {
    let mut ahead = *rest;
    if decode::read_nil(&mut ahead).is_ok() {
        *rest = ahead;
        return Ok(None);
    }
    decode::read_int(rest).map(Some).map_err(|error: NumValueReadError<_>| malformed(error))
}

fn read_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let length = decode::read_bin_len(rest).map_err(|error: ValueReadError<_>| malformed(error))? as usize;
    let bytes = rest.get(..length).ok_or("it is cut short")?;
    *rest = &rest[length..];
    Ok(bytes)
}

fn read_exactly<T>(rest: &mut &[u8], length: usize, make: fn(&[u8]) -> T) -> Result<T, String> {
    let bytes = read_bytes(rest)?;
    if bytes.len() == length { Ok(make(bytes)) } else { Err(format!("a field has {} bytes", bytes.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(fork: &str, gas_limit: Option<u64>) -> Vec<u8> {
        let mut out = Vec::new();
        rmp::encode::write_map_len(&mut out, 10).unwrap();
        let text = |out: &mut Vec<u8>, text: &str| rmp::encode::write_str(out, text).unwrap();
        text(&mut out, "fork");
        text(&mut out, fork);
        for (name, value) in
            [("chain_id", Some(1)), ("number", Some(7)), ("timestamp", Some(1 << 40)), ("gas_limit", gas_limit)]
                .into_iter()
                .chain([("base_fee_per_gas", Some(8)), ("excess_blob_gas", None)])
        {
            text(&mut out, name);
            match value {
                Some(value) => drop(rmp::encode::write_uint(&mut out, value).unwrap()),
                None => rmp::encode::write_nil(&mut out).unwrap(),
            }
        }
        for (name, bytes) in [("coinbase", &[9; 20][..]), ("difficulty", &[1, 0]), ("mix_hash", &[5; 32])] {
            text(&mut out, name);
            rmp::encode::write_bin(&mut out, bytes).unwrap();
        }
        out
    }

    #[test]
    fn environments_are_decoded() {
        let found = Environment::decode(&encoded("paris", Some(30))).unwrap();
        assert_eq!(found.fork.spec, SpecId::MERGE);
        assert_eq!(found.block.number, U256::from(7));
        assert_eq!(found.block.timestamp, U256::from(1_u64 << 40));
        assert_eq!(found.block.difficulty, U256::from(256));
        assert_eq!(found.block.prevrandao, Some(B256::repeat_byte(5)));
        assert_eq!(found.block.beneficiary, Address::repeat_byte(9));
        assert_eq!((found.block.gas_limit, found.block.basefee), (30, 8));
        assert!(found.block.blob_excess_gas_and_price.is_none());
        let before = Environment::decode(&encoded("london", Some(30))).unwrap();
        assert!(before.block.prevrandao.is_none());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |encoded: &[u8]| Environment::decode(encoded).unwrap_err();
        assert!(wrong(&encoded("constantinople", Some(1))).contains("fork constantinople"));
        assert!(wrong(&encoded("paris", None)).contains("gas_limit is missing"));
        assert!(wrong(b"").contains("msgpack"));
        let whole = encoded("paris", Some(1));
        assert!(wrong(&[whole.as_slice(), &[0]].concat()).contains("follows"));
        for length in 0..whole.len() {
            wrong(&whole[..length]);
        }
    }

    #[test]
    fn blobs_cost_what_the_fork_says() {
        let price = |fork: &str| {
            let mut fields = Fields::read(&encoded(fork, Some(1))).unwrap();
            fields.excess_blob_gas = Some(100_000_000);
            fields.environment().unwrap().block.blob_excess_gas_and_price.unwrap().blob_gasprice
        };
        // e ** (excess / fraction), rounded down (EIP-4844).
        assert_eq!(price("cancun"), 10_203_769_476_395);
        assert_eq!(price("osaka"), price("prague"));
        assert!(price("prague") > price("bpo1") && price("bpo1") > price("bpo2"));
        let exact = (100_000_000_f64 / 11_684_671.0).exp();
        assert!((price("bpo2") as f64 - exact).abs() < 2.0);
    }

    #[test]
    fn blobs_of_any_excess_have_a_price_or_none_that_fits() {
        let cancun = Fork::of("cancun").unwrap();
        for excess in [0, 1, 786_432, 10_000_000, 150_000_000] {
            let expected = BlobExcessGasAndPrice::new(excess, FRACTION_CANCUN);
            assert_eq!(cancun.blob_price(excess).unwrap(), expected, "{excess}");
        }
        let highest = (BLOB_PRICE_EXPONENT_MAX + 1) * FRACTION_CANCUN - 1;
        let price = cancun.blob_price(highest).unwrap().blob_gasprice as f64;
        assert!((price / 88_f64.exp() - 1.0).abs() < 1e-6);
        for excess in [highest + 1, u64::MAX] {
            assert!(cancun.blob_price(excess).unwrap_err().contains("does not fit 128 bits"));
        }
    }
}
