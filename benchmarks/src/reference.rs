//! The flows at which speed is stated: 8 columns, conditioners of 64×64. Weights are those before training.

use flow_model::flow::Flow;
use flow_model::models::{self, Shape};
use flow_model::spec::{Base, Column, FlowSpec, Kind, SpecError, Standard, Tails};

/// Number of columns.
pub const DIM: usize = 8;

/// Names of the reference flows: 8 affine couplings; 6 spline couplings of 8 bins.
pub const NAMES: [&str; 2] = ["realnvp", "nsf"];

/// A reference flow by name.
///
/// # Errors
/// Where the specification is not valid, which is a mistake in this file.
///
/// # Panics
/// On a name that is not among [`NAMES`].
pub fn flow(name: &str) -> Result<Flow, SpecError> {
    let shape = |layers| Shape { lines: DIM, layers, hidden: vec![64, 64], ..Shape::default() };
    let layers = match name {
        "realnvp" => models::realnvp(&shape(8)),
        "nsf" => models::nsf(&shape(6)),
        _ => panic!("{name} is no reference flow"),
    };
    let standard = Standard { center: 0.0, scale: 1.0, reach: 8.0 };
    let column = |j| Column::new(&format!("c{j}"), Kind::Continuous { standard, jitter: 0.0 });
    let columns = (0..DIM).map(column).collect();
    Flow::new(FlowSpec::new(columns, Tails { knee: 4.0, rate: 9.0 }, layers, Base::Normal))
}

/// `count` rows, one after another, within 1.5 standard deviations; the peers have the same (`peers/worker.py`).
pub fn rows(count: usize) -> Vec<f32> {
    let value = |i: usize| ((i * 7919 % 10007) as f32 / 10007.0 - 0.5) * 3.0;
    (0..count * DIM).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_export::aligned::AlignedBytes;
    use flow_export::freeze::freeze;

    #[test]
    fn the_multiply_accumulates_are_those_by_which_the_instructions_on_the_board_are_divided() {
        let flow = flow("realnvp").unwrap();
        let bytes = AlignedBytes::from(freeze(flow.spec(), &flow.layout().init(0), &[], 0).unwrap());
        // `sections/device.py`
        assert_eq!(flow_nostd::Flow::new(&bytes).unwrap().macs_log_prob(), 8 * (4 * 64 + 64 * 64 + 64 * 8));
    }
}
