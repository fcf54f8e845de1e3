//! What a file must say it needs: `spec/format.md`, "Scratch memory" and "Products of a sample".

use super::dense::Dense;

/// Lengths of both buffers, products of a log-density and of a sample.
#[derive(Default)]
pub struct Needs {
    a: usize,
    b: usize,
    pub macs_log_prob: usize,
    pub macs_sample: usize,
}

fn up(length: usize) -> usize {
    length.next_multiple_of(8)
}

impl Needs {
    /// Values of both buffers.
    pub fn buffers(&self) -> usize {
        self.a + self.b
    }

    /// So many values of the first buffer.
    pub fn a(&mut self, length: usize) {
        self.a = self.a.max(length);
    }

    fn b(&mut self, length: usize) {
        self.b = self.b.max(length);
    }

    /// A conditioner of a circle or a coupling.
    pub fn conditioner(&mut self, chain: &[Dense]) {
        let products = self.forward(chain);
        self.macs_sample += products;
    }

    fn forward(&mut self, chain: &[Dense]) -> usize {
        for (i, dense) in chain.iter().enumerate() {
            if i % 2 == 0 { self.a(up(dense.outputs)) } else { self.b(up(dense.outputs)) }
        }
        let products = chain.iter().map(|dense| dense.inputs * dense.outputs).sum();
        self.macs_log_prob += products;
        products
    }

    /// A masked layer's conditioner with its degrees; with how many raw values of a spline where it is one.
    pub fn masked(&mut self, chain: &[Dense], degrees: &[Vec<usize>], lines: usize, spline: Option<usize>) {
        self.forward(chain);
        self.a(chain[..chain.len() - 1].iter().map(|dense| up(dense.outputs)).sum());
        self.b(spline.map_or(0, |raw| up(raw + 7)));
        for (layer, pair) in degrees.windows(2).enumerate() {
            let last = layer + 1 == chain.len();
            for degree in 0..=lines {
                let below = pair[0].iter().filter(|&&d| d <= degree).count();
                let mine: Vec<usize> = (0..pair[1].len()).filter(|&o| pair[1][o] == degree).collect();
                let mut panels: Vec<usize> = mine.iter().map(|o| o / 8).collect();
                panels.dedup();
                let units = if last && spline.is_none() { mine.len() } else { 8 * panels.len() };
                self.macs_sample += below * units;
            }
        }
    }

    /// A linear layer.
    pub fn square(&mut self, lines: usize) {
        self.a(up(lines));
        self.macs_log_prob += lines * lines;
        self.macs_sample += lines * lines;
    }

    /// A mixture.
    pub fn mixture(&mut self, lines: usize, components: usize) {
        self.a(up(lines));
        self.b(components);
        self.macs_log_prob += components * lines * lines;
        self.macs_sample += lines * (lines - 1) / 2;
    }
}
