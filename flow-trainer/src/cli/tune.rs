//! `flow-trainer tune`: a training of the flow that suits a device, found by a search.

use super::train::{self, Train};
use super::{Error, say};
use crate::budget::{Budget, amount};
use crate::front::front;
use crate::search::Try;
use crate::tune::{Plan, REASON, Tuned};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory};
use flow_export::needs::Needs;
use flow_table::atomic::write_atomic;
use flow_table::plot::{Choice, front as picture};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Args)]
pub(super) struct Tune {
    #[command(flatten)]
    pub(super) train: Train,
    /// Most bytes of the frozen file: 32768, 32K (1024) or 1M; the engine's code and a calibration come on top
    #[arg(long, value_name = "BYTES", value_parser = amount)]
    flash: Option<u64>,
    /// Most bytes of scratch memory; at most 1 KiB of stack comes on top
    #[arg(long, value_name = "BYTES", value_parser = amount)]
    ram: Option<u64>,
    /// Most instructions of a log_prob on a Cortex-M4F, as estimated: 200000 or 200k (1000)
    #[arg(long, value_name = "N", value_parser = amount)]
    cycles: Option<u64>,
}

/// Searches; `given` are the options that were given.
pub(super) fn tune(args: Tune, given: BTreeMap<String, Vec<String>>) -> Result<(), Error> {
    if args.flash.or(args.ram).or(args.cycles).is_none() {
        let message = "tune needs at least one of --flash, --ram and --cycles";
        super::Cli::command().error(ErrorKind::MissingRequiredArgument, message).exit();
    }
    let budget = Budget { flash: args.flash, ram: args.ram, cycles: args.cycles };
    train::train(args.train, Some(budget), given)
}

/// Says what is to be tried.
pub(super) fn say_plan(plan: &Plan, budget: &Budget) -> Result<(), Error> {
    let Plan { planned, considered, fitting } = plan;
    say(format_args!(
        "budget: {budget}; {fitting} of {considered} flows keep to it, {} of them are tried",
        planned.len()
    ))
}

/// Says what the search found, and leaves `tune.json` and `front.svg` in the run's folder.
pub(super) fn leave(folder: &Path, tries: &[Try], plan: &Plan, budget: &Budget) -> Result<(), Error> {
    let found: Vec<(f64, Needs)> = tries.iter().filter_map(|t| Some((t.validation_log_prob, t.needs?))).collect();
    let tuned = Tuned {
        budget: *budget,
        considered: plan.considered,
        fitting: plan.fitting,
        tried: tries,
        front: front(&found),
        chosen: tries.iter().position(|t| t.chosen),
        reason: REASON,
    };
    say(format_args!(
        "  {:24} {:>8}  {:>10}  {:>8} {:>6} {:>12}  {:>7}",
        "tried", "training", "validation", "flash", "RAM", "instructions", "seconds"
    ))?;
    for (i, (t, (_, needs))) in tries.iter().zip(&found).enumerate() {
        let mark = match (t.chosen, tuned.front.contains(&i)) {
            (true, _) => '*',
            (false, true) => '+',
            (false, false) => ' ',
        };
        say(format_args!(
            "{mark} {:24} {:>8}  {:>10.4}  {:>8} {:>6} {:>12}  {:>7.1}",
            t.name, t.training, t.validation_log_prob, needs.bytes, needs.ram, needs.instructions, t.seconds
        ))?;
    }
    say(format_args!("  * chosen, + no other is more probable and needs no more of anything"))?;
    if let Some(chosen) = tries.iter().find(|t| t.chosen) {
        say(format_args!("chosen: {}: {REASON}", chosen.name))?;
    }
    let mut text = serde_json::to_vec_pretty(&tuned).expect("plain data with names as keys becomes JSON");
    text.push(b'\n');
    write_atomic(folder.join("tune.json"), &text)?;
    let choice = |(i, (t, (quality, needs))): (usize, (&Try, &(f64, Needs)))| Choice {
        name: t.name.clone(),
        quality: *quality,
        costs: [needs.bytes as f64, needs.instructions as f64],
        front: tuned.front.contains(&i),
        chosen: t.chosen,
    };
    let choices: Vec<Choice> = tries.iter().zip(&found).enumerate().map(choice).collect();
    let svg = picture("Flows within the budget", "nats a row", ["bytes of flash", "instructions"], &choices);
    Ok(write_atomic(folder.join("front.svg"), svg.as_bytes())?)
}
