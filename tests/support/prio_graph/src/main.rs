//! Says what the crate `prio-graph` decides. Standard input has an operation a line, and each gets a line of output:
//!
//! - `new`: a new graph; answered with `ok`.
//! - `insert 7 w3 r5`: inserts transaction 7, which writes key 3 and reads key 5; answered with `ok`.
//! - `pop`: answered with the transaction, or `-`.
//! - `unblock 7`: answered with the transactions that waited for it.
//! - `levels`: drains the graph; answered with its natural batches, each in brackets.

use std::cmp::Reverse;
use std::io::{self, BufRead, BufWriter, Write};

use prio_graph::{AccessKind, GraphNode, PrioGraph, TopLevelId};

/// A transaction in the main queue: the lowest number goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct First(Reverse<u64>);

impl TopLevelId<u64> for First {
    fn id(&self) -> u64 {
        self.0 .0
    }
}

fn first(id: &u64, _: &GraphNode<u64>) -> First {
    First(Reverse(*id))
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

fn access(text: &str) -> (u64, AccessKind) {
    match text.split_at(1) {
        ("r", key) => (number(key), AccessKind::Read),
        ("w", key) => (number(key), AccessKind::Write),
        _ => panic!("an access is r or w and a key"),
    }
}

fn listed(ids: &[u64]) -> String {
    ids.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut graph = PrioGraph::new(first);
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let answer = match words.next().expect("an operation") {
            "new" => {
                graph = PrioGraph::new(first);
                "ok".to_string()
            }
            "insert" => {
                let id = number(words.next().expect("a transaction"));
                graph.insert_transaction(id, words.map(access));
                "ok".to_string()
            }
            "pop" => graph.pop().map_or("-".to_string(), |id| id.to_string()),
            "unblock" => listed(&graph.unblock(&number(words.next().expect("a transaction")))),
            "levels" => graph
                .make_natural_batches()
                .iter()
                .map(|level| format!("[{}]", listed(level)))
                .collect(),
            other => panic!("no operation: {other}"),
        };
        writeln!(out, "{answer}")?;
    }
    out.flush()
}
