//! Believing a transaction: its nonce is its sender's, and the sender has what it may cost at most.
//!
//! Both are taken for granted, and said to the core as bounds of adds: the nonce is N + 1 after 1 was added, and the
//! balance was at least the greatest cost before the true one was subtracted. So transactions of one sender do not
//! depend on each other; the core checks the bounds when all before is final. What is observed all the same (by the
//! opcode BALANCE, say) is read. Where the belief is wrong, the transaction is executed again without it, and says what
//! is wrong.

use revm::primitives::U256;
use revm::state::AccountInfo;

use crate::accounts::{Accounts, BALANCE_BIAS, Known, NONCE_BIAS};
use crate::verbs::{Change, Outcome};

/// No greater cost is believed: the biased balance must seem to suffice.
const COST_MAX: U256 = U256::from_limbs([0, 0, 0, 1 << 40]);

/// What is believed of the sender.
#[derive(Clone, Copy)]
pub struct Belief {
    nonce: u64,
    /// The most that the transaction may cost, its value included.
    cost_max: U256,
    /// The belief has turned out to be wrong.
    pub is_wrong: bool,
}

impl Belief {
    /// Believe a transaction; None for one that costs nothing, or of which it cannot be said in numbers.
    pub fn of(nonce: u64, cost_max: U256) -> Option<Self> {
        let is_sound = nonce < NONCE_BIAS && !cost_max.is_zero() && cost_max < COST_MAX;
        is_sound.then_some(Belief { nonce, cost_max, is_wrong: false })
    }

    /// Let the sender, loaded and with nothing of it read, have the nonce.
    pub fn tell(&self, info: &mut AccountInfo, known: &mut Known) {
        info.nonce = self.nonce;
        known.nonce = Some(self.nonce);
    }

    /// Whether a balance that was read after all suffices.
    pub fn agrees(&self, balance: U256) -> bool {
        balance >= self.cost_max
    }

    /// Add to nonce and balance what has changed; false, and no change, where the bounds say that the belief is wrong.
    ///
    /// balance: as it is after the transaction, with the bias; None where it was read.
    pub fn settle(&self, accounts: &Accounts, nonce: u64, balance: Option<U256>) -> Outcome<bool> {
        let (context, keys) = (accounts.context(), &accounts.parties().keys);
        let nonce_after = U256::from(nonce);
        let is_next = context.add_within(
            keys.sender_nonce,
            Change::Plus(U256::from(nonce - self.nonce)),
            nonce_after,
            nonce_after,
        )?;
        let Some(balance) = balance.filter(|_| is_next) else { return Ok(is_next) };
        let (change, least) = match balance.checked_sub(BALANCE_BIAS) {
            Some(gain) => (Change::Plus(gain), self.cost_max + gain),
            None => {
                let cost = BALANCE_BIAS - balance;
                (Change::Minus(cost), self.cost_max.saturating_sub(cost))
            }
        };
        // Zero is an absent key, which an add does not leave.
        context.add_within(keys.sender_balance, change, least.max(U256::ONE), U256::MAX)
    }
}
