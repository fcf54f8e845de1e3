//! Layers and bases whose constants are computed when a flow is frozen: the engine's log-density against one computed
//! from the parameters themselves, in double precision, by the formulas that define them.

use flow_export::aligned::AlignedBytes;
use flow_export::freeze::freeze;
use flow_model::params::Layout;
use flow_model::spec::{Base, Column, Dequantization, FlowSpec, Kind, Layer, Standard, Tails};
use flow_nostd::Flow;
use std::f64::consts::PI;

/// Columns in standard units, no tail in the way.
fn spec(columns: usize, layers: Vec<Layer>, base: Base) -> FlowSpec {
    let standard = Standard { center: 0.0, scale: 1.0, reach: 1e6 };
    FlowSpec {
        columns: (0..columns)
            .map(|j| Column::new(&format!("c{j}"), Kind::Continuous { standard, jitter: 0.0 }))
            .collect(),
        tails: Tails { knee: 1e6, rate: 1.0 },
        circles: None,
        layers,
        base,
        dequantization: Dequantization::Uniform,
    }
}

/// Parameters and how to find them.
struct Params {
    layout: Layout,
    values: Vec<f32>,
}

impl Params {
    fn of(spec: &FlowSpec) -> Self {
        let layout = Layout::of(spec);
        let values = (0..layout.total()).map(|i| ((i * 37 % 101) as f32 - 50.0) / 90.0).collect();
        Params { layout, values }
    }

    fn get(&self, name: &str) -> Vec<f64> {
        let slice = self.layout.get(name).map(|slice| &self.values[slice.range()]);
        slice.unwrap_or_default().iter().map(|&v| v.into()).collect()
    }

    fn dense(&self, layer: usize, j: usize, x: &[f64]) -> Vec<f64> {
        let [weight, bias] = ["weight", "bias"].map(|what| self.get(&format!("layers.{layer}.dense.{j}.{what}")));
        let n = bias.len();
        (0..n).map(|o| bias[o] + x.iter().enumerate().map(|(i, x)| x * weight[i * n + o]).sum::<f64>()).collect()
    }

    fn base_log_prob(&self, base: &Base, z: &[f64]) -> f64 {
        let n = z.len();
        match base {
            Base::Normal => z.iter().map(|z| -0.5 * (z * z + (2.0 * PI).ln())).sum(),
            Base::StudentT => {
                let term = |(r, z): (&f64, &f64)| {
                    let nu = (2.05 + (r + 8.0).exp().ln_1p()).min(1000.0);
                    let norm = libm::lgamma((nu + 1.0) / 2.0) - libm::lgamma(nu / 2.0) - 0.5 * (nu * PI).ln();
                    norm - (nu + 1.0) / 2.0 * (z * z / nu).ln_1p()
                };
                self.get("base.df").iter().zip(z).map(term).sum()
            }
            Base::Mixture { components, .. } => {
                let [logit, offset, log_scale, lower] =
                    ["logit", "offset", "log_scale", "lower"].map(|name| self.get(&format!("base.{name}")));
                let total: f64 = logit.iter().map(|l| l.exp()).sum();
                let log_density = |k: usize| {
                    let mut log = logit[k] - total.ln();
                    for j in 0..n {
                        let s = log_scale[k * n + j];
                        let below = |i: usize| z[i] * lower.get(i * components * n + k * n + j).unwrap_or(&0.0);
                        let y = s.exp() * (z[j] + (0..j).map(below).sum::<f64>() + offset[k * n + j]);
                        log += s - 0.5 * (y * y + (2.0 * PI).ln());
                    }
                    log
                };
                let add = |a: f64, b: f64| a.max(b) + (-(a - b).abs()).exp().ln_1p();
                (0..*components).map(log_density).reduce(add).unwrap()
            }
        }
    }
}

/// The log-density of a row.
fn log_prob(spec: &FlowSpec, params: &Params, row: &[f64]) -> f64 {
    let (mut v, mut log_det, n) = (row.to_vec(), 0.0, row.len());
    let relu = |x: &[f64]| -> Vec<f64> { x.iter().map(|v| v.max(0.0)).collect() };
    for (i, layer) in spec.layers.iter().enumerate() {
        let part = |name: &str| params.get(&format!("layers.{i}.{name}"));
        match layer {
            Layer::ActNorm => {
                let (s, t) = (part("log_scale"), part("shift"));
                (0..n).for_each(|j| v[j] = v[j] * s[j].exp() + t[j]);
                log_det += s.iter().sum::<f64>();
            }
            Layer::Lu => {
                let (lower, upper, d) = (part("lower"), part("upper"), part("log_diagonal"));
                // First x (I + L), then that times U + diag(exp d).
                let once: Vec<f64> =
                    (0..n).map(|j| v[j] + (j + 1..n).map(|i| v[i] * lower[i * n + j]).sum::<f64>()).collect();
                v = (0..n)
                    .map(|j| once[j] * d[j].exp() + (0..j).map(|i| once[i] * upper[i * n + j]).sum::<f64>())
                    .collect();
                log_det += d.iter().sum::<f64>();
            }
            Layer::AffineCoupling { kept, hidden, residual: true, scale_bound } => {
                let mut h = params.dense(i, 0, &v[..*kept]);
                for block in 0..hidden.len() {
                    let inner = params.dense(i, 2 * block + 1, &relu(&h));
                    let more = params.dense(i, 2 * block + 2, &relu(&inner));
                    h.iter_mut().zip(more).for_each(|(h, more)| *h += more);
                }
                let out = params.dense(i, 2 * hidden.len() + 1, &relu(&h));
                let (t, r) = out.split_at(n - kept);
                for j in 0..n - kept {
                    let s = r[j] / (1.0 + r[j].abs() / f64::from(*scale_bound));
                    v[kept + j] = v[kept + j] * s.exp() + t[j];
                    log_det += s;
                }
            }
            _ => panic!("not in this test"),
        }
    }
    params.base_log_prob(&spec.base, &v) + log_det
}

/// The engine and the definition, and whether rows come back.
fn check(spec: &FlowSpec, params: &Params) {
    let probe = vec![0.5; spec.columns.len()];
    let file = AlignedBytes::from(freeze(spec, &params.values, &[probe], 0).unwrap());
    let flow = Flow::new(&file).unwrap();
    assert_eq!(flow.header().minor.get(), 2);
    let mut scratch = vec![f32::NAN; flow.scratch_len()];
    let (mut z, mut back) = (vec![0.0; flow.dim()], vec![0.0; flow.dim()]);
    for i in 0..200 {
        let row: Vec<f32> = (0..flow.dim()).map(|j| ((i * 13 + j * 29) % 83) as f32 / 20.0 - 2.0).collect();
        let expected = log_prob(spec, params, &row.iter().map(|&x| x.into()).collect::<Vec<f64>>());
        let found = flow.log_prob(&row, &[], &mut scratch).unwrap();
        assert!((f64::from(found) - expected).abs() < 2e-5 * expected.abs().max(1.0), "{found} {expected}");
        flow.to_latent(&row, &[], &mut z, &mut scratch).unwrap();
        flow.to_data(&z, &[], &mut back, &mut scratch).unwrap();
        assert!(row.iter().zip(&back).all(|(x, y)| (x - y).abs() < 1e-4), "{row:?} {back:?}");
    }
}

#[test]
fn the_engine_computes_what_the_parameters_say() {
    for columns in [1, 2, 3, 9] {
        for base in [
            Base::Normal,
            Base::StudentT,
            Base::Mixture { components: 3, full: false },
            Base::Mixture { components: 5, full: true },
        ] {
            let mut layers = vec![Layer::ActNorm, Layer::Lu];
            if columns > 1 {
                layers.push(Layer::AffineCoupling { kept: 1, hidden: vec![11, 11], residual: true, scale_bound: 2.0 });
                layers.push(Layer::Lu);
            }
            let spec = spec(columns, layers, base);
            check(&spec, &Params::of(&spec));
        }
    }
}

#[test]
fn parameters_of_zero_change_nothing() {
    let zero = |layers: Vec<Layer>| {
        let spec = spec(3, layers, Base::Normal);
        let params = vec![0.0; Layout::of(&spec).total()];
        AlignedBytes::from(freeze(&spec, &params, &[], 0).unwrap())
    };
    let residual = Layer::AffineCoupling { kept: 2, hidden: vec![4], residual: true, scale_bound: 2.0 };
    let (plain, file) = (zero(vec![]), zero(vec![Layer::ActNorm, Layer::Lu, residual]));
    let (plain, flow) = (Flow::new(&plain).unwrap(), Flow::new(&file).unwrap());
    assert_eq!((plain.header().minor.get(), flow.header().minor.get()), (0, 2));
    let mut scratch = vec![f32::NAN; flow.scratch_len()];
    for row in [[0.0, 1.0, -2.5], [1e-40, 3.25, -1e-3], [700.0, -0.1, 12.0]] {
        let found = flow.log_prob(&row, &[], &mut scratch).unwrap();
        assert_eq!(found.to_bits(), plain.log_prob(&row, &[], &mut scratch).unwrap().to_bits());
    }
}

#[test]
fn parameters_that_the_engine_would_refuse() {
    let message = |layer: Layer, name: &str, value: f32| {
        let spec = spec(2, vec![layer], Base::Mixture { components: 2, full: true });
        let mut params = Params::of(&spec);
        let at = params.layout.get(name).unwrap().offset;
        params.values[at] = value;
        freeze(&spec, &params.values, &[], 0).unwrap_err().to_string()
    };
    let scale = message(Layer::ActNorm, "layers.0.log_scale", 200.0);
    assert!(scale.starts_with("layers[0].log_scale[0]: 200 is not allowed"), "{scale}");
    for value in [1e4, -1e4] {
        let matrix = message(Layer::Lu, "layers.0.log_diagonal", value);
        assert!(matrix.contains("NaN or infinity among the weights"), "{matrix}");
    }
    let flat = message(Layer::ActNorm, "base.log_scale", -1e4);
    assert!(flat.contains("a diagonal entry of a mixture's component is not positive"), "{flat}");
}
