//! What a training hands on from one step to the next, and `state.safetensors`, in which it outlives its process.
//!
//! The order of the rows, the noise and the masks are functions of the seed and of the counters kept here
//! ([`crate::random`]), so that a training that goes on from a state takes the very steps that it would have taken.

use crate::step::{STATE, initial_state};
use crate::train::{Ending, Epoch};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Version of the file's layout; another one is refused.
pub const VERSION: &str = "1";

/// A training between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The optimiser's tensors, in the order of [`crate::step::State`].
    pub optimiser: [Vec<f32>; STATE],
    /// Loss of the parameters that the training began with, nats a row: of the validation rows, or of the first step where that is
    /// larger; before it was measured none.
    pub start_nll: Option<f64>,
    /// The epoch whose parameters are the best so far, 0 for the start.
    pub best_epoch: usize,
    /// Their validation loss, nats a row.
    pub best_nll: f64,
    /// They themselves.
    pub best_params: Vec<f32>,
    /// What each epoch came to.
    pub history: Vec<Epoch>,
    /// Steps taken.
    pub steps: usize,
    /// The epoch under way.
    pub epoch: SoFar,
    /// Epochs in a row that were no better than chance ([`crate::train::Ending::Diverged`]).
    pub lost_epochs: usize,
    /// Time spent so far, seconds.
    pub seconds: f64,
    /// Why the training ended, if it has nothing left to do.
    pub ending: Option<Ending>,
}

/// What the epoch under way came to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SoFar {
    /// Steps taken in it.
    pub steps: usize,
    /// Sum of the losses of rows whose batch had a finite one, nats.
    pub loss: f64,
    /// Number of those rows.
    pub rows: usize,
    /// Steps whose loss was not finite or far above that of the start.
    pub lost: usize,
    /// Steps without a finite gradient.
    pub skipped: usize,
    /// Sum of the other steps' gradient norms, before clipping.
    pub norms: f64,
    /// The largest of them.
    pub largest_norm: f32,
}

/// Why bytes are not a state.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoState(String);

/// The metadata of the file, one entry: safetensors keeps its metadata in a hash map, whose order differs from run to run.
#[derive(Serialize, Deserialize)]
struct Header {
    version: String,
    /// What the training is of, as its run says it.
    run: String,
    ending: Option<Ending>,
    /// SHA-256 of the tensors.
    sha256: String,
}

const FLOATS: [&str; STATE + 1] = ["p", "m", "v", "ema", "t", "skipped", "best"];

impl State {
    /// A training that begins with these parameters.
    pub fn start(params: Vec<f32>) -> Self {
        State {
            optimiser: initial_state(&params),
            start_nll: None,
            best_epoch: 0,
            best_nll: f64::INFINITY,
            best_params: params,
            history: Vec::new(),
            steps: 0,
            epoch: SoFar::default(),
            lost_epochs: 0,
            seconds: 0.0,
            ending: None,
        }
    }

    /// The state as safetensors bytes, the same for the same content; `run` says what the training is of.
    pub fn to_bytes(&self, run: &str) -> Vec<u8> {
        let floats = self.optimiser.iter().chain([&self.best_params]);
        let floats: Vec<Vec<u8>> = floats.map(|v| v.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
        let history: Vec<u8> = self.history.iter().flat_map(numbers).flat_map(f64::to_le_bytes).collect();
        let SoFar { steps, loss, rows, lost, skipped, norms, largest_norm } = self.epoch;
        let counters = [self.best_epoch, self.steps, self.lost_epochs, steps, rows, lost, skipped];
        let counters: Vec<u8> = counters.iter().flat_map(|&n| (n as u64).to_le_bytes()).collect();
        let figures =
            [self.start_nll.unwrap_or(f64::NAN), self.best_nll, self.seconds, loss, norms, f64::from(largest_norm)];
        let figures: Vec<u8> = figures.iter().flat_map(|v| v.to_le_bytes()).collect();
        let view = |dtype, shape: Vec<usize>, bytes| TensorView::new(dtype, shape, bytes).expect("whole values");
        let mut tensors: Vec<(&str, TensorView<'_>)> = FLOATS
            .iter()
            .zip(&floats)
            .map(|(&name, bytes)| (name, view(Dtype::F32, vec![bytes.len() / 4], bytes)))
            .collect();
        tensors.push(("history", view(Dtype::F64, vec![self.history.len(), COLUMNS], &history)));
        tensors.push(("counters", view(Dtype::U64, vec![counters.len() / 8], &counters)));
        tensors.push(("figures", view(Dtype::F64, vec![figures.len() / 8], &figures)));
        let sha256 = digest(tensors.iter().map(|(name, view)| (*name, view.data())));
        let header = Header { version: VERSION.into(), run: run.into(), ending: self.ending, sha256 };
        let header = serde_json::to_string(&header).expect("plain data becomes JSON");
        safetensors::serialize(tensors, Some(HashMap::from([("training".to_string(), header)])))
            .expect("names and shapes fit")
    }

    /// Reads what [`State::to_bytes`] wrote; also gives what the training is of.
    ///
    /// # Errors
    /// If the bytes are not a whole state of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<(State, String), NoState> {
        let other = |e: safetensors::SafeTensorError| NoState(format!("not a safetensors file, or cut short: {e}"));
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(other)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(other)?;
        let text = metadata.metadata().as_ref().and_then(|m| m.get("training"));
        let text = text.ok_or_else(|| NoState("holds no state of a training".into()))?;
        let header: Header = serde_json::from_str(text).map_err(|e| NoState(format!("its metadata: {e}")))?;
        if header.version != VERSION {
            let found = header.version;
            return Err(NoState(format!("state version {found}, this program reads version {VERSION}")));
        }
        let names = FLOATS.iter().chain(&["history", "counters", "figures"]);
        let parts = names.map(|&name| match tensors.tensor(name) {
            Ok(tensor) => Ok((name, tensor.data().to_vec())),
            Err(e) => Err(NoState(format!("{name}: {e}"))),
        });
        let parts: Vec<(&str, Vec<u8>)> = parts.collect::<Result<_, _>>()?;
        if digest(parts.iter().map(|(name, bytes)| (*name, &bytes[..]))) != header.sha256 {
            return Err(NoState("does not match its SHA-256: it was damaged".into()));
        }
        let words = |i: usize| parts[i].1.chunks_exact(8).map(|b| b.try_into().expect("chunks of eight"));
        let floats = |i: usize| -> Vec<f32> {
            parts[i].1.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().expect("chunks of four"))).collect()
        };
        let history: Vec<f64> = words(STATE + 1).map(f64::from_le_bytes).collect();
        let counters: Vec<usize> = words(STATE + 2).map(|b| u64::from_le_bytes(b) as usize).collect();
        let figures: Vec<f64> = words(STATE + 3).map(f64::from_le_bytes).collect();
        let (
            &[best_epoch, all_steps, lost_epochs, steps, rows, lost, skipped],
            &[start, best_nll, seconds, loss, norms, largest],
        ) = (&counters[..], &figures[..])
        else {
            return Err(NoState("counters or figures are missing".into()));
        };
        let state = State {
            optimiser: std::array::from_fn(floats),
            start_nll: (!start.is_nan()).then_some(start),
            best_epoch,
            best_nll,
            best_params: floats(STATE),
            history: history.chunks_exact(COLUMNS).enumerate().map(|(i, v)| epoch(i + 1, v)).collect(),
            steps: all_steps,
            epoch: SoFar { steps, loss, rows, lost, skipped, norms, largest_norm: largest as f32 },
            lost_epochs,
            seconds,
            ending: header.ending,
        };
        Ok((state, header.run))
    }
}

/// Numbers that are kept of an epoch.
const COLUMNS: usize = 7;

fn numbers(epoch: &Epoch) -> [f64; COLUMNS] {
    let Epoch { number: _, train_nll, validation_nll, mean_norm, largest_norm, skipped, learning_rate, best } = *epoch;
    let [mean_norm, largest_norm, learning_rate] = [mean_norm, largest_norm, learning_rate].map(f64::from);
    [train_nll, validation_nll, mean_norm, largest_norm, skipped as f64, learning_rate, f64::from(u8::from(best))]
}

fn epoch(number: usize, v: &[f64]) -> Epoch {
    Epoch {
        number,
        train_nll: v[0],
        validation_nll: v[1],
        mean_norm: v[2] as f32,
        largest_norm: v[3] as f32,
        skipped: v[4] as usize,
        learning_rate: v[5] as f32,
        best: v[6] != 0.0,
    }
}

fn digest<'a>(parts: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in parts {
        hash.update(name);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hex(&hash.finalize())
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let mut state = State::start(vec![1.5, -0.0, f32::MIN_POSITIVE / 4.0]);
        state.optimiser[4] = vec![12.0];
        state.best_nll = 1.0 / 3.0;
        state.start_nll = Some(0.1 + 0.2);
        state.epoch = SoFar { steps: 3, loss: 7.1, rows: 9, lost: 1, skipped: 2, norms: 0.7, largest_norm: 0.3 };
        state.history =
            vec![epoch(1, &[0.1, 0.2, 0.5, 0.25, 4.0, 0.125, 1.0]), epoch(2, &[1e300, 0.3, 0.5, 0.25, 0.0, 0.5, 0.0])];
        (state.steps, state.best_epoch, state.lost_epochs, state.seconds) = (12, 1, 1, 0.7);
        state.ending = Some(Ending::Patience);
        state
    }

    #[test]
    fn a_state_comes_back_whole() {
        let (state, bytes) = (state(), state().to_bytes("run"));
        assert_eq!(State::from_bytes(&bytes).unwrap(), (state, "run".to_string()));
        let start = State::start(vec![0.5]);
        assert_eq!(State::from_bytes(&start.to_bytes("")).unwrap().0, start);
    }

    #[test]
    fn every_truncation_and_every_changed_byte_is_refused_or_harmless() {
        let (state, bytes) = (state(), state().to_bytes("run"));
        for length in 0..bytes.len() {
            assert!(State::from_bytes(&bytes[..length]).is_err(), "cut to {length} bytes");
        }
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            // The header's own words are read as they stand: `run` is compared by the caller.
            if let Ok((found, run)) = State::from_bytes(&changed) {
                assert!(found == state || run == "run", "byte {i}");
                assert!(found.optimiser == state.optimiser && found.history == state.history, "byte {i}");
            }
        }
    }
}
