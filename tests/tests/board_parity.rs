//! flow-nostd computes the same bits on emulated boards as on the host.

use flow_export::aligned::AlignedBytes;
use flow_export::freeze::freeze;
use flow_model::spec::FlowSpec;
use flow_nostd::Flow;
use flow_tests::board::{BOARDS, Board, MPS2_AN386};
use flow_tests::flows;
use flow_tests::report::Report;
use flow_tests::trained::all_trained;
use rand_pcg::Pcg32;

#[test]
fn a_cortex_m4f_computes_the_same_bits() {
    let Some(board) = MPS2_AN386.find() else { return };
    for trained in all_trained() {
        same_bits(board, trained.name, trained.flow.spec(), &trained.params);
    }
}

#[test]
fn every_board_computes_the_same_bits_of_a_flow_with_random_weights() {
    let spec = flows::mixed();
    let params = flows::parameters(&spec, 0);
    for board in BOARDS.iter().filter_map(Board::find) {
        same_bits(board, "mixed", &spec, &params);
    }
}

#[test]
fn every_board_computes_the_same_bits_of_every_kind_of_column() {
    let spec = flows::every_kind();
    let params = flows::parameters(&spec, 0);
    for board in BOARDS.iter().filter_map(Board::find) {
        same_bits(board, "every-kind", &spec, &params);
    }
}

#[test]
#[ignore = "a long test: a program for every trained flow and every board"]
fn every_board_computes_the_same_bits_of_all_trained_flows() {
    let trained = all_trained();
    for board in BOARDS.iter().filter_map(Board::find) {
        for trained in &trained {
            same_bits(board, trained.name, trained.flow.spec(), &trained.params);
        }
    }
}

fn same_bits(board: &Board, name: &str, spec: &FlowSpec, params: &[f32]) {
    // A core without an FPU is slow to emulate, and the smallest has little flash.
    let count = if board.has_fpu { 1000 } else { 200 };
    let rows = flows::rows(spec, count, 0);
    let columns = spec.columns.len(); // Context among them.
    let probes: Vec<Vec<f32>> = rows.chunks(columns).take(4).map(<[f32]>::to_vec).collect();
    let bytes = freeze(spec, params, &probes, 0).unwrap();
    // A board reads each row with its context behind it.
    let (rows, context): (Vec<_>, Vec<_>) = rows.chunks(columns).map(|row| flows::split(spec, row)).unzip();
    let embedded: Vec<f32> =
        rows.iter().zip(&context).flat_map(|(row, context)| row.iter().chain(context)).copied().collect();
    let what = format!("{name} on {}", board.core);
    let on_board = board.compute(name, &bytes, &embedded).unwrap_or_else(|why| panic!("{what}: {why}"));
    let on_host = compute(&AlignedBytes::from(bytes), &rows, &context);

    assert!(on_board.self_test, "{what}");
    assert_eq!((on_board.columns, on_board.dim), (on_host.columns, on_host.dim), "{what}");
    assert_eq!((on_board.scratch, &on_board.id), (on_host.scratch, &on_host.id), "{what}");
    assert_eq!(on_board.log_prob.len(), count, "{what}");
    for (i, (board, host)) in on_board.log_prob.iter().zip(&on_host.log_prob).enumerate() {
        assert_eq!(board, host, "{what}, row {i}: {:?} in {:?}", rows[i], context[i]);
        assert!(f32::from_bits(*host).is_finite(), "{what}, row {i}");
    }
    assert_eq!(on_board.samples.len(), 200, "{what}");
    assert_eq!(on_board.samples, on_host.samples, "{what}");
    assert_eq!(on_board.to_latent.len(), 16, "{what}");
    assert_eq!(on_board.to_latent, on_host.to_latent[..on_board.to_latent.len()], "{what}");
    assert_eq!(on_board.to_data, on_host.to_data[..on_board.to_data.len()], "{what}");
    println!("{what}: equal bits of {count} rows; {:?}", on_board.costs);
}

/// What `firmware/parity` computes, on the host.
fn compute(bytes: &[u8], rows: &[Vec<f32>], context: &[Vec<f32>]) -> Report {
    let flow = Flow::new(bytes).unwrap();
    let mut scratch = vec![0.0; flow.scratch_len()];
    let id = flow.model_id_hex().as_str().to_owned();
    let self_test = flow.self_test(&mut scratch).is_ok();
    let mut report = Report {
        columns: flow.columns(),
        dim: flow.dim(),
        scratch: flow.scratch_len(),
        id,
        self_test,
        ..Report::default()
    };
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let mut back = vec![0.0; flow.columns()];
    for (row, context) in rows.iter().zip(context) {
        report.log_prob.push(flow.log_prob(row, context, &mut scratch).unwrap().to_bits());
        let mut latent = vec![0.0; 1 + flow.dim()];
        latent[0] = flow.to_latent(row, context, &mut latent[1..], &mut scratch).unwrap();
        report.to_latent.push(bits(&latent));
        flow.to_data(&latent[1..], context, &mut back, &mut scratch).unwrap();
        report.to_data.push(bits(&back));
    }
    let mut rng = Pcg32::new(1, flow_export::sample::STREAM);
    // In the context of the last row that the board takes to the latent space.
    let context = &context[context.len().min(16) - 1];
    for _ in 0..200 {
        flow.sample(&mut rng, context, &mut back, &mut scratch).unwrap();
        report.samples.push(bits(&back));
    }
    report
}
