//! Whether a frozen flow fits on a board, and how long it takes there.

use crate::boards::Board;
use crate::cost::{InstructionSet, Instructions, Work};
use crate::error::Error;
use crate::frozen::Frozen;
use flow_nostd::layout::{self, LANES};
use flow_nostd::{Detector, Drift, Flow, FormatError, SensorState, Windowing};
use serde::Serialize;
use std::fmt;

/// Bytes of stack that no function of the engine exceeds but `slots::pick`: on the Cortex-M4F over all kinds of flows
/// (`tests/tests/board_stack.rs`), on the other emulated cores for the flows of `tests/tests/cost_estimate.rs`.
pub const STACK: u64 = 1024;

/// Bytes of flash that the engine takes at opt-level 3, with all kinds of layers: with the loader and `log_prob`, and with
/// verdicts, windows and drift besides. By instruction set, as
/// `tests/tests/engine_size.rs` measures them.
pub const ENGINE: [[u64; 2]; InstructionSet::ALL.len()] =
    [[29_996, 44_276], [26_972, 39_616], [23_472, 36_352], [23_504, 36_208], [32_972, 47_448], [26_676, 39_984]];

/// A flow on a board.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoardFacts {
    /// The board's name on the command line.
    pub board: &'static str,
    /// Its maker's name for it, and its chip.
    pub title: &'static str,
    /// Its core.
    pub core: &'static str,
    /// What the engine is compiled to.
    pub instruction_set: InstructionSet,
    /// Whether that set has an FPU.
    pub fpu: bool,
    /// The core's clock.
    pub mhz: u32,
    /// Where clock, flash and RAM are from.
    pub source: &'static str,
    /// What is to be known of the board besides.
    pub note: &'static str,
    /// Flash: the engine's code and the file.
    pub flash: Flash,
    /// RAM: what the caller provides, and the stack.
    pub ram: Ram,
    /// Instructions of a call, estimated.
    pub instructions: Instructions,
    /// Whether the estimate was held against an emulated core that executes the same code.
    pub instructions_counted: bool,
    /// Clock cycles that are taken for an instruction, an estimate.
    pub cycles_per_instruction: f64,
    /// Where it comes from.
    pub cycles_source: &'static str,
    /// Milliseconds of a call, an estimate.
    pub milliseconds: Milliseconds,
    /// Whether flash and RAM are enough, the caller's own program not counted.
    pub fits: bool,
    /// What would fit, where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Bytes of flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "what they are is said by whole and parts")]
pub struct Flash {
    pub has: u64,
    pub needs: u64,
    pub engine: u64,
    pub file: u64,
}

/// Bytes of RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "what they are is said by whole and parts")]
pub struct Ram {
    pub has: u64,
    pub needs: u64,
    pub scratch: u64,
    pub stack: u64,
    /// The rows of a window, where the flow is over windows.
    pub window: u64,
    /// What is kept from row to row for verdicts and drift, where the file has a calibration.
    pub detector: u64,
}

/// Milliseconds of one call of each of the engine's main functions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the functions are those of `Instructions`")]
pub struct Milliseconds {
    pub log_prob: f64,
    pub verdict: f64,
    pub sample: f64,
}

/// The flow on each of these boards.
///
/// # Errors
/// Where the file is not a frozen flow, or a damaged one.
pub fn on_boards(frozen: &Frozen, boards: &[&'static Board]) -> Result<Vec<BoardFacts>, Error> {
    let flow = frozen.flow()?;
    let damaged = |source| Error::Format { path: frozen.path().to_owned(), source };
    let rows = match Windowing::of(&flow) {
        Ok(windowing) => size_of::<f32>() * windowing.memory_len(),
        Err(FormatError::MissingSection { .. }) => 0,
        Err(source) => return Err(damaged(source)),
    };
    let calibrated = Detector::new(frozen.flow()?).map_err(damaged)?.is_calibrated();
    let detector = if calibrated { size_of::<SensorState>() * flow.columns() + size_of::<Drift>() } else { 0 };
    let work = Work::of(&flow);
    let on = |board: &&'static Board| {
        let set = board.core.set;
        let engine = ENGINE[set as usize][usize::from(calibrated || rows > 0)];
        let file = frozen.bytes().len() as u64;
        let flash = Flash { has: board.flash(), needs: engine + file, engine, file };
        let (scratch, window, detector) =
            ((size_of::<f32>() * flow.scratch_len()) as u64, rows as u64, detector as u64);
        let ram = Ram {
            has: board.ram(),
            needs: scratch + STACK + window + detector,
            scratch,
            stack: STACK,
            window,
            detector,
        };
        let instructions = work.on(set);
        let [log_prob, verdict, sample] =
            [instructions.log_prob, instructions.verdict, instructions.sample].map(|n| board.milliseconds(n));
        let fits = flash.needs <= flash.has && ram.needs <= ram.has;
        BoardFacts {
            board: board.name,
            title: board.title,
            core: board.core.name,
            instruction_set: set,
            fpu: set.has_fpu(),
            mhz: board.mhz,
            source: board.source,
            note: board.note,
            flash,
            ram,
            instructions,
            instructions_counted: board.core.counted,
            cycles_per_instruction: board.core.cycles,
            cycles_source: board.core.why,
            milliseconds: Milliseconds { log_prob, verdict, sample },
            fits,
            advice: (!fits).then(|| advice(&flow, flash, ram)),
        }
    };
    Ok(boards.iter().map(on).collect())
}

/// What would fit where a flow does not.
fn advice(flow: &Flow<'_>, flash: Flash, ram: Ram) -> String {
    let (for_file, for_scratch) =
        (flash.has.saturating_sub(flash.engine), ram.has.saturating_sub(ram.needs - ram.scratch));
    let mut missing = Vec::new();
    if flash.needs > flash.has {
        missing.push(format!("{} bytes of flash", flash.needs - flash.has));
    }
    if ram.needs > ram.has {
        missing.push(format!("{} bytes of RAM", ram.needs - ram.has));
    }
    let mut text = format!("{} too few; ", missing.join(" and "));
    if for_file == 0 || for_scratch == 0 {
        return text + "with the engine and what it keeps there is no room for any flow";
    }
    let saved = saved_by_bytes(flow);
    let of_bytes = flash.file.saturating_sub(saved);
    if flash.needs > flash.has && ram.needs <= ram.has && saved > 0 && of_bytes <= for_file {
        text += &format!("weights of eight bits (`freeze --weights i8`) would take about {of_bytes} bytes, or ");
    }
    text + &format!(
        "a smaller model: `flow-trainer tune --flash {for_file} --ram {for_scratch} …`, less what your own program takes"
    )
}

/// Bytes by which a file is shorter where the weights of conditioners take a byte each, and a scale for each output.
fn saved_by_bytes(flow: &Flow<'_>) -> u64 {
    let first_of = |record: &layout::LayerRecord| match record.view()? {
        layout::Layer::AffineCoupling(r) => Some((r.dense.get(), r.dense_count.get())),
        layout::Layer::SplineCoupling(r) => Some((r.dense.get(), r.dense_count.get())),
        layout::Layer::MaskedAffine(r) => Some((r.dense.get(), r.dense_count.get())),
        layout::Layer::MaskedSpline(r) => Some((r.dense.get(), r.dense_count.get())),
        layout::Layer::Permutation(_) | layout::Layer::Linear(_) | layout::Layer::ActNorm(_) => None,
    };
    let mut saved = 0;
    let circles = flow.circle_records().iter().map(|record| (record.dense.get(), record.dense_count.get()));
    for (first, dense) in flow.layer_records().iter().filter_map(first_of).chain(circles) {
        for record in flow.dense_records().iter().skip(first.into()).take(dense.into()) {
            if record.weight_type.get() != layout::WEIGHTS_I8 {
                let lanes = usize::from(record.outputs.get()).next_multiple_of(LANES);
                saved += (3 * lanes * usize::from(record.inputs.get())) as i64 - (4 * lanes) as i64;
            }
        }
    }
    saved.max(0) as u64
}

/// The flow on several boards, as a table.
pub struct Table<'a>(pub &'a [BoardFacts]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else { return Ok(()) };
        let width = self.0.iter().map(|facts| facts.board.len()).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  {:11} {:>4}  {:>17}  {:>17}  {:>12}  {:>9} {:>9} {:>9}  fits",
            "", "", "", "flash, KiB", "RAM, KiB", "instructions", "ms", "ms", "ms"
        )?;
        writeln!(
            f,
            "{:width$}  {:11} {:>4}  {:>17}  {:>17}  {:>12}  {:>9} {:>9} {:>9}",
            "board", "core", "MHz", "needs of", "needs of", "log_prob", "log_prob", "verdict", "sample"
        )?;
        for facts in self.0 {
            let BoardFacts { board, core, mhz, flash, ram, milliseconds, fits, .. } = facts;
            let kib = |needs: u64, has: u64| format!("{:.1} of {:6}", needs as f64 / 1024.0, has / 1024);
            let mark = if facts.instructions_counted { "" } else { "~" };
            writeln!(
                f,
                "{board:width$}  {core:11} {mhz:>4}  {:>17}  {:>17}  {:>12}  {:>9} {:>9} {:>9}  {}",
                kib(flash.needs, flash.has),
                kib(ram.needs, ram.has),
                format!("{mark}{}", facts.instructions.log_prob),
                Time(milliseconds.log_prob),
                Time(milliseconds.verdict),
                Time(milliseconds.sample),
                if *fits { "yes" } else { "NO" }
            )?;
        }
        writeln!(
            f,
            "\nFlash: the engine's code at opt-level 3 and the file, {} bytes. RAM: scratch, {} bytes, stack, {STACK}, and what is \
             kept from row to row, {}. Your own program comes on top. Instructions are estimated, within 10 % of the counts of \
             emulated cores; with ~ no core that is emulated executes quite the same code. Milliseconds are these times an \
             estimate of cycles an instruction, with code and weights that need not be waited for: `--board NAME` says which.",
            first.flash.file,
            first.ram.scratch,
            first.ram.window + first.ram.detector,
        )?;
        for facts in self.0 {
            if let Some(advice) = &facts.advice {
                writeln!(f, "{}: {advice}", facts.board)?;
            }
        }
        Ok(())
    }
}

/// Milliseconds with three digits.
struct Time(f64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.0 < 1.0 {
            3
        } else if self.0 < 10.0 {
            2
        } else if self.0 < 100.0 {
            1
        } else {
            0
        };
        f.pad(&format!("{:.digits$}", self.0))
    }
}

impl fmt::Display for BoardFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flash, ram, instructions, milliseconds, .. } = self;
        writeln!(f, "{}: {}", self.board, self.title)?;
        let fpu = if self.fpu { "with an FPU" } else { "without an FPU" };
        writeln!(f, "  core       {} {fpu}, {} MHz", self.core, self.mhz)?;
        writeln!(
            f,
            "  flash      {} of {} bytes: engine {}, file {}",
            flash.needs, flash.has, flash.engine, flash.file
        )?;
        write!(f, "  RAM        {} of {} bytes: scratch {}, stack {}", ram.needs, ram.has, ram.scratch, ram.stack)?;
        if ram.window > 0 {
            write!(f, ", window {}", ram.window)?;
        }
        if ram.detector > 0 {
            write!(f, ", verdicts and drift {}", ram.detector)?;
        }
        writeln!(f)?;
        for (name, instructions, milliseconds) in [
            ("log_prob", instructions.log_prob, milliseconds.log_prob),
            ("verdict", instructions.verdict, milliseconds.verdict),
            ("sample", instructions.sample, milliseconds.sample),
        ] {
            writeln!(f, "  {name:10} {instructions} instructions, about {} ms", Time(milliseconds))?;
        }
        let counted = match self.instructions_counted {
            true => "within 10 % of the counts of an emulated core that executes the same code",
            false => "from the counts of an emulated core that executes nearly the same code",
        };
        writeln!(f, "  estimates  instructions: {counted}")?;
        writeln!(f, "             {} cycles an instruction: {}", self.cycles_per_instruction, self.cycles_source)?;
        if !self.note.is_empty() {
            writeln!(f, "  note       {}", self.note)?;
        }
        writeln!(f, "  source     {}", self.source)?;
        match &self.advice {
            None => writeln!(f, "  fits       yes, your own program not counted"),
            Some(advice) => writeln!(f, "  fits       NO: {advice}"),
        }
    }
}
