//! What `firmware/parity-report` writes, one line each:
//!
//! ```text
//! case NAME
//! flow columns=3 context=0 dim=2 scratch=40 id=00112233445566778899aabbccddeeff
//! self_test ok
//! log_prob ROW BITS
//! to_latent ROW BITS_OF_LOG_DET BITS…
//! to_data ROW BITS…
//! sample ROW BITS…
//! verdict ROW BITS_OF_LOG_PROB BITS_OF_LN_P BITS_OF_DRIFT ALARM STATUS
//! blame ROW BITS… COLUMN
//! cost log_prob stack=BYTES instructions=N
//! mean_log_prob N
//! mean_sample N
//! window NUMBER ROW BITS…
//! many THOUSAND HASH
//! done
//! end
//! ```

use std::collections::BTreeMap;

/// What was computed from one flow. Numbers are bits of f32, so that a comparison is exact.
#[derive(Debug, Default, PartialEq)]
pub struct Report {
    /// Columns of a row.
    pub columns: usize,
    /// Dimension of the latent space.
    pub dim: usize,
    /// Values of scratch memory that the flow asked for.
    pub scratch: usize,
    /// The model's id, hexadecimal.
    pub id: String,
    /// Whether the self-test passed.
    pub self_test: bool,
    /// Log-density of each row.
    pub log_prob: Vec<u32>,
    /// Log-determinant and latent values of the first rows.
    pub to_latent: Vec<Vec<u32>>,
    /// Those latent values brought back to rows.
    pub to_data: Vec<Vec<u32>>,
    /// Samples, drawn with the generator of `flow-export sample --seed 1`.
    pub samples: Vec<Vec<u32>>,
    /// Verdicts on the first rows, and the drift after each.
    pub verdicts: Vec<Vec<u32>>,
    /// The columns' shares of the oddness of a few rows, and the column of the largest.
    pub blame: Vec<Vec<u32>>,
    /// Of each window of raw channels its newest row, and then its features; none where the flow has no windows.
    pub windows: Vec<Vec<u32>>,
    /// A hash of the results of every thousand further rows, and of all before them.
    pub many: Vec<u32>,
    /// What one call takes, by function.
    pub costs: BTreeMap<String, Cost>,
    /// Mean number of instructions of a log-density over the first 16 rows, where the board counts them.
    pub mean_log_prob: Option<u64>,
    /// The same over 16 samples.
    pub mean_sample: Option<u64>,
}

/// What one call of a function takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Bytes of stack.
    pub stack: usize,
    /// Instructions; `None` beyond what the board can count.
    pub instructions: Option<u64>,
}

impl Report {
    /// Reads the output of a program: a report on each of its cases.
    ///
    /// # Errors
    /// The first line that is not as expected, or that the last one is missing.
    pub fn parse(output: &str) -> Result<Vec<Self>, String> {
        let mut reports = Vec::new();
        let mut open: Option<Report> = None;
        for (number, line) in output.lines().enumerate() {
            let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
            let wrong = || format!("line {} is not as expected: {line}", number + 1);
            open = match (head, open) {
                ("end", None) => return Ok(reports),
                ("case", None) => Some(Report::default()),
                ("done", Some(report)) => {
                    reports.push(report);
                    None
                }
                (_, Some(mut report)) => {
                    report.read(head, rest).ok_or_else(wrong)?;
                    Some(report)
                }
                (_, None) => return Err(wrong()),
            };
        }
        Err(format!("the output is cut short:\n{output}"))
    }

    fn read(&mut self, head: &str, rest: &str) -> Option<()> {
        match head {
            "flow" => {
                let fields = fields(rest);
                self.columns = fields.get("columns")?.parse().ok()?;
                self.dim = fields.get("dim")?.parse().ok()?;
                self.scratch = fields.get("scratch")?.parse().ok()?;
                self.id = fields.get("id")?.to_string();
            }
            "self_test" => self.self_test = rest == "ok",
            "log_prob" => {
                let values = bits(rest, self.log_prob.len())?;
                self.log_prob.push(*values.first()?);
            }
            "to_latent" => self.to_latent.push(bits(rest, self.to_latent.len())?),
            "to_data" => self.to_data.push(bits(rest, self.to_data.len())?),
            "verdict" => self.verdicts.push(bits(rest, self.verdicts.len())?),
            "blame" => self.blame.push(bits(rest, self.blame.len())?),
            "many" => {
                let values = bits(rest, self.many.len())?;
                self.many.push(*values.first()?);
            }
            "mean_log_prob" => self.mean_log_prob = Some(rest.parse().ok()?),
            "mean_sample" => self.mean_sample = Some(rest.parse().ok()?),
            "window" => self.windows.push(bits(rest, self.windows.len())?),
            "sample" => self.samples.push(bits(rest, self.samples.len())?),
            "cost" => {
                let (function, rest) = rest.split_once(' ')?;
                let fields = fields(rest);
                let instructions = match fields.get("instructions") {
                    Some(n) => Some(n.parse().ok()?),
                    None => None,
                };
                let cost = Cost { stack: fields.get("stack")?.parse().ok()?, instructions };
                self.costs.insert(function.to_string(), cost);
            }
            _ => return None,
        }
        Some(())
    }
}

fn fields(text: &str) -> BTreeMap<&str, &str> {
    text.split(' ').filter_map(|field| field.split_once('=')).collect()
}

/// The hexadecimal numbers after the row's index, which must be `index`.
fn bits(text: &str, index: usize) -> Option<Vec<u32>> {
    let mut words = text.split(' ');
    if words.next()?.parse() != Ok(index) {
        return None;
    }
    words.map(|word| u32::from_str_radix(word, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "case a\nflow columns=2 dim=1 scratch=8 id=0f\nself_test ok\nlog_prob 0 3f800000\n\
        to_latent 0 00000000 bf800000\nto_data 0 40000000\ncost log_prob stack=96 instructions=1000\n\
        cost sample stack=8\nmean_log_prob 990\nmean_sample 980\nwindow 0 0000000b 3f800000\nmany 0 0000000a\ndone\ncase b\nself_test ok\ndone\nend\n";

    #[test]
    fn reads_every_line() {
        let reports = Report::parse(OUTPUT).unwrap();
        let [report, last] = reports.as_slice() else { panic!("two cases") };
        assert_eq!(*last, Report { self_test: true, ..Report::default() });
        assert_eq!((report.columns, report.dim, report.scratch, report.id.as_str()), (2, 1, 8, "0f"));
        assert!(report.self_test);
        assert_eq!(report.log_prob, [1f32.to_bits()]);
        assert_eq!(report.to_latent, [[0, (-1f32).to_bits()]]);
        assert_eq!(report.costs["log_prob"], Cost { stack: 96, instructions: Some(1000) });
        assert_eq!(report.costs["sample"].instructions, None);
        assert_eq!(report.windows, [[11, 1f32.to_bits()]]);
        assert_eq!(report.many, [10]);
        assert_eq!((report.mean_log_prob, last.mean_log_prob), (Some(990), None));
        assert_eq!((report.mean_sample, last.mean_sample), (Some(980), None));
    }

    #[test]
    fn refuses_what_is_cut_or_out_of_order() {
        let cut = OUTPUT.trim_end_matches("end\n");
        assert!(Report::parse(cut).unwrap_err().contains("cut short"));
        let skipped = OUTPUT.replace("log_prob 0", "log_prob 1");
        assert!(Report::parse(&skipped).unwrap_err().contains("line 4"));
        assert!(Report::parse("case a\nerror the self-test failed\n").is_err());
        assert!(Report::parse(&OUTPUT.replace("done\ncase b\n", "")).is_ok_and(|reports| reports.len() == 1));
        assert!(Report::parse(&OUTPUT.replace("done\n", "")).is_err());
    }
}
