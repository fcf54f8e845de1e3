//! Every public function.

use crate::opaque;
use core::hint::black_box;
use flow_nostd::layout::{self, ColumnRecord, LayerRecord, SensorRecord};
use flow_nostd::slots::{self, Policy};
use flow_nostd::{Aligned, Detector, Drift, FLOOR, Flow, SensorState, Status, Window, Windowing};
use rand_pcg::{Pcg32, Pcg64};
use zerocopy::FromBytes;

pub fn call_all() {
    black_box((flow_nostd::row_len(opaque::file()), flow_nostd::context_len(opaque::file())));
    black_box(flow_nostd::window_len(opaque::file()));
    black_box((FLOOR, flow_nostd::scratch_len(opaque::file()), layout::crc32(opaque::file())));
    black_box(Aligned(black_box([0u8; 4])).0);
    let policy = Policy { verify: Some(opaque::verify), lowest: black_box(0), fits: Some(opaque::fits) };
    let _ = black_box(slots::check(opaque::file(), black_box(&policy), opaque::values()));
    let _ = black_box(slots::pick(opaque::file(), opaque::file(), black_box(&policy), opaque::values()));
    let flow = black_box(Flow::new(opaque::file()));
    if let Ok(flow) = &flow {
        list(flow);
        compute(flow);
        detect(*flow);
        window(flow);
        crate::line::speak(*flow);
    }
}

#[inline(never)]
fn list(flow: &Flow) {
    black_box((Flow::columns(flow), Flow::context_dim(flow), Flow::dim(flow), Flow::scratch_len(flow)));
    black_box((Flow::macs_log_prob(flow), Flow::macs_sample(flow), Flow::probes(flow)));
    black_box((Flow::model_id(flow), Flow::model_id_hex(flow), Flow::column_name(flow, black_box(0))));
    black_box((Flow::value_name(flow, black_box(0)), Flow::context_name(flow, black_box(0))));
    black_box((Flow::header(flow), Flow::tails_record(flow), Flow::base(flow), Flow::weights(flow)));
    black_box((Flow::atom_records(flow), Flow::circle_records(flow), Flow::dense_records(flow)));
    for record in Flow::column_records(flow) {
        black_box((ColumnRecord::is_line(record), ColumnRecord::is_circular(record)));
        black_box((ColumnRecord::is_context(record), ColumnRecord::is_discrete(record)));
    }
    for record in Flow::layer_records(flow) {
        black_box(LayerRecord::view(record));
    }
}

#[inline(never)]
fn compute(flow: &Flow) {
    let (row, context, z, scratch) = (opaque::values(), opaque::values(), opaque::values(), opaque::values());
    let _ = black_box(Flow::outside_support(flow, row));
    let _ = black_box(Flow::log_prob(flow, row, context, scratch));
    black_box(Flow::batch_scratch_len(flow));
    let _ = black_box(Flow::log_prob_batch(flow, row, context, z, scratch));
    let _ = black_box(Flow::to_latent(flow, row, context, z, scratch));
    let _ = black_box(Flow::to_data(flow, z, context, row, scratch));
    let _ = black_box(Flow::self_test(flow, scratch));
    let _ = black_box(Flow::sample(flow, &mut opaque::Generator, context, row, scratch));
    let _ = black_box(Flow::sample(flow, &mut Pcg32::new(black_box(1), black_box(2)), context, row, scratch));
    let _ = black_box(Flow::sample(flow, &mut Pcg64::new(black_box(1), black_box(2)), context, row, scratch));
}

#[inline(never)]
fn detect(flow: Flow) {
    let (row, context, scratch) = (opaque::values(), opaque::values(), opaque::values());
    let (shares, ln_p) = (opaque::values(), black_box(-1.0));
    let Ok(detector) = black_box(Detector::new(flow)) else { return };
    black_box((Detector::flow(&detector), Detector::alarm_ln_p(&detector), Detector::calibration_rows(&detector)));
    black_box((Detector::sensor_records(&detector), Detector::is_calibrated(&detector)));
    let detector = black_box(Detector::with_alarm_ln_p(detector, ln_p));
    black_box(Detector::ln_p(&detector, ln_p, context));
    let knots = <[layout::Knot]>::ref_from_bytes(opaque::file()).unwrap_or_default();
    black_box(layout::interpolate(knots, ln_p));
    if let Ok(verdict) = black_box(Detector::verdict(&detector, row, context, scratch)) {
        black_box(Status::word(verdict.status));
    }
    let mut sensors = black_box([SensorState::default(); 4]);
    let _ = black_box(Detector::watch(&detector, row, context, &mut sensors, scratch));
    for (record, state) in Detector::sensor_records(&detector).iter().zip(&mut sensors) {
        black_box(SensorRecord::check(record, state, ln_p));
    }
    for state in &sensors {
        black_box(SensorState::is_missing(state));
    }
    let _ = black_box(Detector::blame(&detector, row, context, shares, scratch));
    let mut drift = black_box(Drift::new());
    black_box((Drift::push(&mut drift, ln_p), Drift::level(&drift), Drift::to_bytes(&drift)));
    black_box(Drift::from_bytes(black_box([0; 32])));
}

#[inline(never)]
fn window(flow: &Flow) {
    let _ = black_box(Windowing::read(opaque::file()));
    let Ok(windowing) = black_box(Windowing::of(flow)) else { return };
    black_box((Windowing::length(&windowing), Windowing::stride(&windowing), Windowing::channels(&windowing)));
    black_box((Windowing::columns(&windowing), Windowing::memory_len(&windowing), Windowing::step(&windowing)));
    black_box((Windowing::feature_records(&windowing), Windowing::ranges(&windowing)));
    let windowing = Windowing::with_ranges(windowing, Windowing::ranges(&windowing));
    let Ok(mut window) = black_box(Window::new(windowing, opaque::values())) else { return };
    let _ = black_box(Window::push(&mut window, opaque::values()));
    let _ = black_box(Window::push_at(&mut window, black_box(1), opaque::values()));
    black_box(Window::rows(&window));
    let _ = black_box(Window::features(&window, opaque::values(), opaque::values()));
    Window::restart(&mut window);
    black_box(window);
}
