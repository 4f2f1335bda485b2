//! revm's EVM over the lazy journal: its instructions that observe a balance or may loop, its frames, its handler; and
//! one transaction in it.

use revm::bytecode::opcode;
use revm::context::result::{EVMError, ExecutionResult, HaltReason};
use revm::context::{
    Block, BlockEnv, CfgEnv, Context as EvmContext, ContextTr, Evm, FrameStack, JournalTr, Transaction, TxEnv,
};
use revm::context_interface::context::ContextError;
use revm::handler::evm::{ContextDbError, FrameInitResult};
use revm::handler::instructions::EthInstructions;
use revm::handler::{EthFrame, EthPrecompiles, EvmTr, FrameInitOrResult, FrameResult, Handler, pre_execution};
use revm::interpreter::instructions::{control, host};
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::interpreter_action::FrameInit;
use revm::interpreter::{
    CallValue, FrameInput, InitialAndFloorGas, Instruction, InstructionContext, InstructionExecResult,
    InstructionResult,
};
use revm::primitives::hardfork::SpecId;
use revm::primitives::{Address, TxKind, U256};

use crate::accounts::{Accounts, NamedKeys, Parties};
use crate::belief::Belief;
use crate::changes::write_changes;
use crate::environment::Environment;
use crate::journal::LazyJournal;
use crate::verbs::{Context, GiveUp, Outcome};
use crate::{modelled_time, outcome, transaction};

const JUMPS_BETWEEN_POLLS: u32 = 256;

/// What a transaction collects beside the journal.
pub struct Extra {
    pub fee: U256,
    /// What is paid before the first instruction.
    initial_gas: u64,
    jumps_left: u32,
}

pub type State = EvmContext<BlockEnv, TxEnv, CfgEnv, Accounts, LazyJournal, Extra>;
type Frame = EthFrame<EthInterpreter>;
type Inner = Evm<State, (), EthInstructions<EthInterpreter, State>, EthPrecompiles, Frame>;
type Executed<'a> = InstructionContext<'a, State, EthInterpreter>;

struct LazyEvm(Inner);

/// Execute an instruction that asks for an account to see its balance.
fn wanting_balance(
    ctx: Executed<'_>, instruction: fn(Executed<'_>) -> InstructionExecResult,
) -> InstructionExecResult {
    let Executed { interpreter, host } = ctx;
    host.journaled_state.wants_balance = true;
    let result = instruction(InstructionContext { interpreter, host: &mut *host });
    host.journaled_state.wants_balance = false;
    result
}

fn balance(ctx: Executed<'_>) -> InstructionExecResult {
    wanting_balance(ctx, host::balance)
}

fn selfbalance(ctx: Executed<'_>) -> InstructionExecResult {
    wanting_balance(ctx, host::selfbalance)
}

#[cold]
#[inline(never)]
fn poll(host: &mut State) -> InstructionExecResult {
    host.chain.jumps_left = JUMPS_BETWEEN_POLLS;
    host.journaled_state.accounts.context().poll().map_err(|give_up| {
        host.error = Err(ContextError::Db(give_up));
        InstructionResult::FatalExternalError
    })
}

#[inline(always)]
fn polling(host: &mut State) -> InstructionExecResult {
    host.chain.jumps_left -= 1;
    if host.chain.jumps_left == 0 {
        poll(host)?;
    }
    Ok(())
}

fn jump(ctx: Executed<'_>) -> InstructionExecResult {
    polling(ctx.host)?;
    control::jump(ctx)
}

fn jumpi(ctx: Executed<'_>) -> InstructionExecResult {
    polling(ctx.host)?;
    control::jumpi(ctx)
}

impl LazyEvm {
    fn new(environment: &Environment, accounts: Accounts) -> Self {
        let spec = environment.fork.spec;
        let mut ctx: State = EvmContext {
            block: environment.block.clone(),
            tx: TxEnv::default(),
            cfg: environment.settings(),
            journaled_state: LazyJournal::new(accounts),
            chain: Extra { fee: U256::ZERO, initial_gas: 0, jumps_left: JUMPS_BETWEEN_POLLS },
            local: Default::default(),
            error: Ok(()),
        };
        ctx.journaled_state.set_spec_id(spec);
        let mut instructions = EthInstructions::new_mainnet_with_spec(spec);
        let table = instructions.instruction_table_mut();
        table[opcode::BALANCE as usize] = Instruction::new(balance);
        table[opcode::SELFBALANCE as usize] = Instruction::new(selfbalance);
        table[opcode::JUMP as usize] = Instruction::new(jump);
        table[opcode::JUMPI as usize] = Instruction::new(jumpi);
        LazyEvm(Evm {
            ctx,
            inspector: (),
            instruction: instructions,
            precompiles: EthPrecompiles::new(spec),
            frame_stack: FrameStack::new_prealloc(8),
        })
    }
}

impl EvmTr for LazyEvm {
    type Context = State;
    type Instructions = EthInstructions<EthInterpreter, State>;
    type Precompiles = EthPrecompiles;
    type Frame = Frame;

    fn all(&self) -> (&State, &Self::Instructions, &EthPrecompiles, &FrameStack<Frame>) {
        self.0.all()
    }
    fn all_mut(
        &mut self,
    ) -> (&mut State, &mut Self::Instructions, &mut EthPrecompiles, &mut FrameStack<Frame>) {
        self.0.all_mut()
    }
    /// Whoever gives ether away has its balance looked at.
    fn frame_init(&mut self, init: FrameInit) -> Result<FrameInitResult<'_, Frame>, ContextDbError<State>> {
        let payer = match &init.frame_input {
            FrameInput::Call(inputs) => match inputs.value {
                CallValue::Transfer(value) if !value.is_zero() => Some(inputs.caller),
                _ => None,
            },
            FrameInput::Create(inputs) => (!inputs.value().is_zero()).then(|| inputs.caller()),
            FrameInput::Empty => None,
        };
        // What the transaction itself gives away is in what it may cost, which its sender is believed to have.
        let is_believed =
            |payer: &Address| init.depth == 0 && self.0.ctx.journaled_state.accounts.belief_in(payer).is_some();
        if let Some(payer) = payer.filter(|payer| !is_believed(payer)) {
            self.0.ctx.journaled_state.reveal_balance(payer)?;
        }
        self.0.frame_init(init)
    }
    fn frame_run(&mut self) -> Result<FrameInitOrResult<Frame>, ContextDbError<State>> {
        self.0.frame_run()
    }
    fn frame_return_result(
        &mut self, result: FrameResult,
    ) -> Result<Option<FrameResult>, ContextDbError<State>> {
        self.0.frame_return_result(result)
    }
}

/// revm's handler of a transaction, with the sender and the beneficiary as they are looked at here.
struct LazyHandler {
    /// Whether the transaction is believed.
    believes: bool,
}

impl Handler for LazyHandler {
    type Evm = LazyEvm;
    type Error = EVMError<GiveUp>;
    type HaltReason = HaltReason;

    fn validate_against_state_and_deduct_caller(
        &self, evm: &mut LazyEvm, gas: &mut InitialAndFloorGas,
    ) -> Result<(), Self::Error> {
        let ctx = evm.ctx();
        ctx.chain.initial_gas = gas.initial_regular_gas;
        let transaction = ctx.tx();
        let caller = transaction.caller();
        let belief = match transaction.max_balance_spending() {
            Ok(cost_max) if self.believes => Belief::of(transaction.nonce(), cost_max),
            _ => None,
        };
        ctx.journal_mut().load_sender(caller, belief)?;
        pre_execution::validate_against_state_and_deduct_caller(ctx)
    }

    /// The fee is added at the end, without a look at the balance.
    fn reward_beneficiary(&self, evm: &mut LazyEvm, result: &mut FrameResult) -> Result<(), Self::Error> {
        let ctx = evm.ctx();
        let base_fee = ctx.block.basefee() as u128;
        let mut price = ctx.tx.effective_gas_price(base_fee);
        if ctx.cfg.spec.is_enabled_in(SpecId::LONDON) {
            price = price.saturating_sub(base_fee);
        }
        ctx.chain.fee = U256::from(price) * U256::from(result.gas().used());
        Ok(())
    }
}

/// A virtual machine for the transactions of one block's environment, one after the other.
pub struct Machine {
    evm: LazyEvm,
    packed: Vec<u8>,
}

impl Machine {
    pub fn new(environment: &Environment) -> Self {
        Machine { evm: LazyEvm::new(environment, Accounts::default()), packed: Vec::new() }
    }

    /// Execute a signed transaction. What it changes is written when it has ended. One that is invalid fails.
    ///
    /// believes: whether others of the block have the same sender, so that it is worth while to believe the transaction.
    pub fn execute(
        &mut self, context: Context, sender: Address, keys: NamedKeys, believes: bool, raw: &[u8],
    ) -> Outcome {
        let transaction = match transaction::decode(raw, sender) {
            Ok(transaction) => transaction,
            Err(error) => return context.fail(&format!("ValidationError: it cannot be decoded, {error}")),
        };
        let recipient = transaction.kind.to().copied();
        let state = &mut self.evm.0.ctx;
        let parties = Parties { sender, recipient, beneficiary: state.block.beneficiary, keys };
        state.tx = transaction;
        state.journaled_state.accounts.begin(context, parties);
        let mut outcome = self.run(believes);
        if self.is_disbelieved() {
            self.clear();
            self.evm.0.ctx.journaled_state.accounts.know_nothing();
            outcome = self.run(false);
        }
        self.evm.0.ctx.journaled_state.accounts.end();
        self.clear();
        outcome
    }

    fn run(&mut self, believes: bool) -> Outcome {
        let state = &mut self.evm.0.ctx;
        state.chain.fee = U256::ZERO;
        state.journaled_state.wants_balance = false;
        match (LazyHandler { believes }).run(&mut self.evm) {
            Ok(result) => self.finish(&result),
            Err(error) => self.explain(error),
        }
    }

    fn is_disbelieved(&self) -> bool {
        self.evm.0.ctx.journaled_state.accounts.belief.is_some_and(|belief| belief.is_wrong)
    }

    fn clear(&mut self) {
        let journal = &mut self.evm.0.ctx.journaled_state.inner;
        journal.state.clear();
        journal.finalize(); // resets the rest; what it gives out is empty
    }

    fn finish(&mut self, result: &ExecutionResult) -> Outcome {
        let state = &mut self.evm.0.ctx;
        write_changes(state)?;
        let context = state.journaled_state.accounts.context();
        context.model_work(modelled_time::rounds(result.gas().total_gas_spent(), state.chain.initial_gas))?;
        context.charge(result.tx_gas_used())?;
        let created = match state.tx.kind {
            TxKind::Create => Some(state.tx.caller.create(state.tx.nonce)),
            TxKind::Call(_) => None,
        };
        outcome::emit(context, result, created, &mut self.packed)
    }

    fn explain(&self, error: EVMError<GiveUp>) -> Outcome {
        let context = self.evm.0.ctx.journaled_state.accounts.context();
        match error {
            EVMError::Database(give_up) => Err(give_up),
            EVMError::Transaction(invalid) => context.fail(&format!("ValidationError: {invalid}")),
            EVMError::Header(invalid) => context.fail(&format!("ValidationError: {invalid}")),
            other => context.fail(&format!("NativeEvmError: {other}")),
        }
    }
}
