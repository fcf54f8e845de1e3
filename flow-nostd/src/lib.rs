//! Runs a frozen normalizing flow, in place, from a byte slice: log-density, latent values, samples.
//!
//! Made for microcontrollers: no `std`, no heap, no `unsafe`, no `f64`, no panic. The caller owns all memory. Results
//! are the same bits on every target whose `f32` arithmetic follows IEEE 754, because only `+ - * /`, comparisons and
//! `libm`'s `expf`, `logf`, `log1pf`, `expm1f` and `sqrtf` are used, in a fixed order, and nothing is fused.
//!
//! [`Flow::new`] checks a file once and whole. After that a row can be refused only for its length, the length of the
//! scratch memory, or a value that is not finite; every finite row has a finite log-density.
//!
//! ```
//! # fn read_sensors() -> [f32; 4] { [1.25, 3.0, 17.0, -30.0] }
//! # macro_rules! path { () => { concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow") } }
//! flow_nostd::include_flow!(mod model = path!()); // "model.flow"
//!
//! let flow = flow_nostd::Flow::new(model::BYTES)?;
//! let mut scratch = [0.0; model::SCRATCH];
//! flow.self_test(&mut scratch)?;
//! let log_prob = flow.log_prob(&read_sensors(), &[], &mut scratch)?; // no context
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! In the repository, `flow-nostd/examples/host.rs` is a program for a host; `firmware/example` and `firmware/detect` are two
//! for a Cortex-M, which run under emulation.
//!
//! # What is promised, and where it is tested
//! | promise | how |
//! |---|---|
//! | no panic, no slice out of bounds | every public function and trait links where a panic handler cannot, for six targets, at opt-level "s" and 3 |
//! | any row of any accepted file | random changes of files, random rows: every function returns, and what it gives is finite |
//! | no `unsafe`, no heap, no `f64`, no fused multiply-add | lints, and a look at symbols and instructions of the same programs |
//! | at most 1 KiB of stack, 1.5 for those of [`slots`] | painted on a Cortex-M4F, over all kinds of layers, columns and bases |
//! | equal bits on every target | emulated boards, see `docs/testing.md` |
//! | Rust 1.88 or newer | built with that version |
//!
//! Bytes of stack on the Cortex-M4F, the most over all kinds, at opt-level "s" and 3:
//!
//! | function | "s" | 3 |
//! |---|---|---|
//! | [`slots::pick`], without a signature | 1512 | 1504 |
//! | [`slots::check`], without a signature | 1264 | 1264 |
//! | [`Detector::blame`] | 1024 | 848 |
//! | [`Detector::watch`] | 1024 | 864 |
//! | [`Detector::verdict`] | 968 | 800 |
//! | [`Flow::self_test`] | 904 | 720 |
//! | [`Flow::sample`] | 880 | 848 |
//! | [`Flow::log_prob`] | 872 | 704 |
//! | [`Flow::to_data`] | 808 | 760 |
//! | [`Flow::to_latent`] | 704 | 680 |
//! | [`Flow::new`] | 768 | 768 |
//! | [`Detector::new`] | 544 | 548 |
//! | [`Drift::push`] | 136 | 96 |
//! | [`Flow::model_id_hex`] | 108 | 96 |
//! | [`Flow::column_name`] | 56 | 64 |
//! | [`Flow::outside_support`] | 40 | 40 |
//! | [`scratch_len`], where it is not a constant | 16 | 24 |
//!
//! The proof holds for optimised code: below opt-level "s" and 3 the compiler leaves checks in place that are never needed.
//! Two things are outside of it: a generator of [`Flow::sample`] that panics itself, and `{:?}` of the records in
//! [`layout`], since printing an `f32` has assertions of its own in `core`.
//!
//! # Features
//! `all-kinds`, on by default: every kind of column, layer, conditioner and base distribution. Without it the engine is
//! smaller and understands continuous, integer and constant columns, permutations, affine couplings whose conditioners
//! have no residual blocks, and the standard normal base; a file with anything else is refused as one with an unknown
//! kind, section or activation.
//!
//! `defmt`: `defmt::Format` for the error enums.
//!
//! # How a layer is added
//! One file under `src/`, after `affine_coupling.rs`: its record (32 bytes), `check`, `to_latent`, `to_data`; one
//! constant, a variant and the match arms that the compiler then asks for in `layer.rs`; one section in `spec/format.md`.
#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable,
    clippy::unwrap_used
)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::disallowed_types, clippy::disallowed_methods))]

#[cfg(test)]
extern crate std;

/// Whether every kind of column, layer, conditioner and base is understood, or only what affine couplings need. A
/// constant, so that the compiler checks all code either way and leaves out what cannot be reached.
const ALL_KINDS: bool = cfg!(feature = "all-kinds");

/// Whether this is a core whose registers hold the sums of one panel, and that takes a branch in a cycle or two: what is
/// made for hosts is left out there. A constant for the same reason.
const SMALL_CORE: bool = cfg!(any(target_arch = "arm", target_arch = "riscv32"));

/// Code that takes vectors of a host's processor; nothing on small cores, which are built without them. What follows it is the
/// small cores' own: the condition, always true here, keeps it from being called unreachable.
macro_rules! on_hosts {
    ($($code:tt)*) => {
        #[cfg(not(any(target_arch = "arm", target_arch = "riscv32")))]
        {
            if !crate::SMALL_CORE {
                $($code)*
            }
        }
    };
}

#[cfg(not(any(target_arch = "arm", target_arch = "riscv32")))]
mod affines;
mod along;
#[cfg(not(any(target_arch = "arm", target_arch = "riscv32")))]
mod lanes;
#[cfg(not(any(target_arch = "arm", target_arch = "riscv32")))]
mod splines;

mod act_norm;
mod affine;
mod affine_coupling;
mod arithmetic;
mod atoms;
mod base;
mod batch;
mod calibration;
mod channels;
mod circle;
mod column;
mod conditioner;
mod coupling;
mod crc;
mod dense;
mod describe;
mod detector;
mod drift;
mod error;
mod fault;
mod features;
mod flow;
mod header;
mod include;
mod kernel;
mod layer;
mod linear;
mod load;
mod masked;
mod masked_affine;
mod masked_spline;
mod masses;
mod mixture;
mod normal;
mod permutation;
mod range;
mod references;
mod row;
mod sampling;
mod section;
mod self_test;
mod sensors;
pub mod slots;
mod sparse;
mod spline;
mod spline_coupling;
mod student_t;
mod tails;
mod trig;
mod window;
mod word;

/// Version of the engine, which says nothing of the files that it reads: their header has one of its own.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub use column::FLOOR;
pub use detector::{Detector, Status, Verdict};
pub use drift::Drift;
pub use error::{BatchError, EvalError, FormatError, SelfTestError, Tag};
pub use flow::Flow;
/// The strings that [`Flow::model_id_hex`] returns.
pub use heapless;
pub use include::{Aligned, context_len, row_len, scratch_len, window_len};
pub use sensors::{SensorFault, SensorState};
pub use window::{Window, Windowing};

/// The records of the file and their constants, for programs that write or list files. See `spec/format.md`.
///
/// ```
/// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// let flow = flow_nostd::Flow::new(model::BYTES)?;
/// println!("{:?}\n{:?}\n{:?}", flow.header(), flow.tails_record(), flow.base());
/// for (j, column) in flow.column_records().iter().enumerate() {
///     println!("{:?}: {column:?}", flow.column_name(j));
/// }
/// println!("{:?}\n{:?}", flow.atom_records(), flow.circle_records());
/// for layer in flow.layer_records() {
///     println!("{:?}", layer.view());
/// }
/// for dense in flow.dense_records() {
///     println!("{dense:?}");
/// }
/// # Ok::<(), flow_nostd::FormatError>(())
/// ```
pub mod layout {
    pub use crate::act_norm::ActNormRecord;
    pub use crate::affine::{SCALE_BOUND_MAX, SCALE_BOUND_MIN};
    pub use crate::affine_coupling::AffineCouplingRecord;
    pub use crate::atoms::{ATOM_WIDTH_MAX, ATOMS_MAX, AtomRecord};
    pub use crate::base::{Base, BaseRecord, MIXTURE, NORMAL, STUDENT_T};
    pub use crate::calibration::{BinRecord, CalibrationRecord, KNOT_MAX, Knot, LN_P_MIN, POOLED, interpolate};
    pub use crate::channels::ChannelRecord;
    pub use crate::circle::CircleRecord;
    pub use crate::column::{
        BOUNDED, CIRCULAR, CONSTANT, CONTEXT, CONTEXT_REACH_MAX, CONTINUOUS, ColumnRecord, INTEGER, LATTICE,
        LOG_MASS_MAX, POSITIVE,
    };
    pub use crate::crc::crc32;
    pub use crate::dense::{ACTIVATION_BOUND, ADD, DenseRecord, IDENTITY, LANES, RELU, WEIGHTS_I8};
    pub use crate::features::{
        CHANGE, CREST, FeatureRecord, LAG, MAGNITUDE_MAX, MAX, MEAN, MIN, RANGE, SLOPE, STD, VALUE,
    };
    pub use crate::header::{HEADER_LENGTH, Header, MAGIC, MAJOR, MINOR, SECTION_ALIGN, SIGNATURE_LENGTH, WEIGHTS_F32};
    pub use crate::layer::{
        ACT_NORM, AFFINE_COUPLING, LINEAR, Layer, LayerRecord, MASKED_AFFINE, MASKED_SPLINE, PERMUTATION,
        SPLINE_COUPLING, STATE_BOUND,
    };
    pub use crate::linear::{LOG_DET_MAX, LinearRecord};
    pub use crate::masked_affine::MaskedAffineRecord;
    pub use crate::masked_spline::MaskedSplineRecord;
    pub use crate::masses::NO_WIDTH;
    pub use crate::mixture::{ComponentRecord, LOG_WEIGHT_MAX};
    pub use crate::permutation::PermutationRecord;
    pub use crate::references::REFERENCES_MAX;
    pub use crate::section::{
        ATOMS, BASE, CALIBRATION, CHANNELS, CIRCLES, COLUMNS, CRITICAL, DENSE, INDICES, LAYERS, MASSES, NAMES, PROBES,
        REFERENCES, SENSORS, SectionEntry, TAILS, WEIGHTS, WINDOWS,
    };
    pub use crate::sensors::SensorRecord;
    pub use crate::spline::{NUM_BINS_MAX, NUM_BINS_MIN, TAIL_BOUND_MAX, TAIL_BOUND_MIN};
    pub use crate::spline_coupling::SplineCouplingRecord;
    pub use crate::student_t::{DEGREES_MAX, DEGREES_MIN, LOG_NORM_MAX, StudentTRecord};
    pub use crate::tails::{LOG_VOLUME_MAX, TailsRecord};
    pub use crate::window::{WINDOW_MAX, WindowRecord};
}
