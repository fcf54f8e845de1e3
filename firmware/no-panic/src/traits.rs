//! Every trait that a public type has: what a device prints, compares, copies and converts.

use crate::opaque;
use core::fmt::{self, Debug, Display, Write};
use core::hint::black_box;
use flow_nostd::layout::{
    ActNormRecord, AffineCouplingRecord, AtomRecord, Base, BaseRecord, BinRecord, CalibrationRecord, ChannelRecord,
    CircleRecord, ColumnRecord, ComponentRecord, DenseRecord, FeatureRecord, Header, Knot, Layer, LayerRecord,
    LinearRecord, MaskedAffineRecord, MaskedSplineRecord, PermutationRecord, SectionEntry, SensorRecord,
    SplineCouplingRecord, StudentTRecord, TailsRecord, WindowRecord,
};
use flow_nostd::slots::{Picked, Policy, Slot, SlotError, pick};
use flow_nostd::{
    Aligned, BatchError, Detector, Drift, EvalError, Flow, FormatError, SelfTestError, SensorFault, SensorState,
    Status, Tag, Verdict, Windowing,
};
use zerocopy::FromBytes;

pub fn use_all() {
    match black_box(Flow::new(opaque::file())) {
        Ok(flow) => {
            debug::<Flow>(flow);
            clone::<Flow>(flow);
            if let Ok(windowing) = black_box(Windowing::of(&flow)) {
                clone::<Windowing>(windowing);
            }
            if let Ok(detector) = black_box(Detector::new(flow)) {
                clone::<Detector>(detector);
            }
            clone::<Base>(flow.base());
            flow.layer_records().iter().filter_map(LayerRecord::view).for_each(clone::<Layer>);
        }
        Err(error) => {
            debug::<FormatError>(error);
            display::<FormatError>(error);
            clone::<FormatError>(error);
            equal::<FormatError>(error);
        }
    }
    let policy = Policy { verify: Some(opaque::verify), lowest: 0, fits: Some(opaque::fits) };
    clone::<Policy>(policy);
    match pick(opaque::file(), opaque::file(), &policy, opaque::values()) {
        Ok(picked) => {
            clone::<Picked>(picked);
            debug::<Slot>(picked.slot);
            clone::<Slot>(picked.slot);
            equal::<Slot>(picked.slot);
        }
        Err([error, _]) => {
            debug::<SlotError>(error);
            display::<SlotError>(error);
            clone::<SlotError>(error);
            equal::<SlotError>(error);
        }
    }
    if let Err(error) = black_box(Err::<(), EvalError>(EvalError::NotFinite { column: 0 })) {
        debug::<EvalError>(error);
        display::<EvalError>(error);
        clone::<EvalError>(error);
        equal::<EvalError>(error);
        from::<EvalError, SelfTestError>(error);
    }
    let all = BatchError { row: None, error: EvalError::NotFinite { column: 0 } };
    if let Err(error) = black_box(Err::<(), BatchError>(all)) {
        debug::<BatchError>(error);
        display::<BatchError>(error);
        clone::<BatchError>(error);
        equal::<BatchError>(error);
    }
    if let Err(error) = black_box(Err::<(), SelfTestError>(SelfTestError::NoProbes)) {
        debug::<SelfTestError>(error);
        display::<SelfTestError>(error);
        clone::<SelfTestError>(error);
        equal::<SelfTestError>(error);
    }
    let tag = black_box(Tag([0; 4]));
    debug::<Tag>(tag);
    display::<Tag>(tag);
    clone::<Tag>(tag);
    equal::<Tag>(tag);
    let status = black_box(Status::Scored);
    debug::<Status>(status);
    clone::<Status>(status);
    equal::<Status>(status);
    let fault = black_box(SensorFault::Jump);
    debug::<SensorFault>(fault);
    clone::<SensorFault>(fault);
    equal::<SensorFault>(fault);
    let verdict = black_box(Verdict { log_prob: 0.0, ln_p: 0.0, alarm: false, status });
    clone::<Verdict>(verdict);
    equal::<Verdict>(verdict);
    let sensor = black_box(default::<SensorState>());
    clone::<SensorState>(sensor);
    equal::<SensorState>(sensor);
    let drift = black_box(default::<Drift>());
    clone::<Drift>(drift);
    equal::<Drift>(drift);
    let aligned = black_box(Aligned([0u8; 4]));
    debug::<Aligned<[u8; 4]>>(aligned);
    clone::<Aligned<[u8; 4]>>(aligned);
    record::<ActNormRecord>();
    record::<AffineCouplingRecord>();
    record::<AtomRecord>();
    record::<BaseRecord>();
    record::<BinRecord>();
    record::<CalibrationRecord>();
    record::<ChannelRecord>();
    record::<CircleRecord>();
    record::<ColumnRecord>();
    record::<ComponentRecord>();
    record::<DenseRecord>();
    record::<FeatureRecord>();
    record::<Header>();
    record::<Knot>();
    record::<LayerRecord>();
    record::<LinearRecord>();
    record::<MaskedAffineRecord>();
    record::<MaskedSplineRecord>();
    record::<PermutationRecord>();
    record::<SectionEntry>();
    record::<SensorRecord>();
    record::<SplineCouplingRecord>();
    record::<StudentTRecord>();
    record::<TailsRecord>();
    record::<WindowRecord>();
}

/// A record is read from bytes and copied. It is printed too, but not here: where `core` prints an `f32`, it has
/// assertions of its own that the compiler does not see through.
#[inline(never)]
fn record<T: FromBytes + Clone>() {
    if let Ok((record, _)) = T::read_from_prefix(opaque::file()) {
        clone(record);
    }
}

#[inline(never)]
fn default<T: Default>() -> T {
    T::default()
}

#[inline(never)]
fn debug<T: Debug>(value: T) {
    let _ = black_box(write!(Nowhere, "{value:?}"));
    let _ = black_box(write!(Nowhere, "{value:#?}"));
}

#[inline(never)]
fn display<T: Display>(value: T) {
    let _ = black_box(write!(Nowhere, "{value}"));
}

#[inline(never)]
fn clone<T: Clone>(value: T) {
    black_box(black_box(&value).clone());
}

#[inline(never)]
fn equal<T: PartialEq>(value: T) {
    black_box(black_box(&value) == black_box(&value));
}

#[inline(never)]
fn from<T, U: From<T>>(value: T) {
    black_box(U::from(value));
}

struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        black_box(Ok(()))
    }
}
