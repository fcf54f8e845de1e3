//! What a device has for a flow, and whether a flow keeps to it.

use flow_export::needs::Needs;
use serde::Serialize;
use std::fmt;

/// So many times its estimate a flow is taken to need of instructions: of small trained flows the estimate was up to 9 % below
/// what the board counted.
const HEADROOM: f64 = 1.1;

/// The most that a flow may take; what is not stated is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Bytes of flash for the frozen file; the engine's code comes on top.
    pub flash: Option<u64>,
    /// Bytes of RAM for the scratch memory; the stack, at most 1 KiB, comes on top.
    pub ram: Option<u64>,
    /// Instructions of one `log_prob` on a Cortex-M4F; an estimate has to stay a tenth below.
    pub cycles: Option<u64>,
}

impl Budget {
    /// The share of what it has most too little of that a flow takes; where nothing is limited, its bytes. Up to 1 it fits.
    pub fn share(&self, needs: &Needs) -> f64 {
        let Needs { bytes, ram, instructions } = *needs;
        let limits =
            [(self.flash, bytes as f64), (self.ram, ram as f64), (self.cycles, HEADROOM * instructions as f64)];
        let shares = limits.iter().filter_map(|&(limit, needed)| Some(needed / limit? as f64));
        shares.reduce(f64::max).unwrap_or(bytes as f64 / u32::MAX as f64)
    }

    /// Whether a flow that needs so much keeps to it.
    pub fn allows(&self, needs: &Needs) -> bool {
        self.share(needs) <= 1.0
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.flash.map(|n| format!("{n} bytes of flash")),
            self.ram.map(|n| format!("{n} bytes of RAM")),
            self.cycles.map(|n| format!("{n} instructions a log_prob")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        write!(f, "{}", if parts.is_empty() { "no limit".to_string() } else { parts.join(", ") })
    }
}

/// Reads a number: plain, or with `K` (1024), `M` (1024 · 1024) or `k` (1000).
///
/// ```
/// use flow_trainer::budget::amount;
///
/// assert_eq!(amount("32K"), Ok(32_768));
/// assert_eq!(amount("1.5M"), Ok(1_572_864));
/// assert_eq!(amount("200k"), Ok(200_000));
/// assert!(amount("32KB").is_err() && amount("0").is_err());
/// ```
///
/// # Errors
/// Anything else, and what is below 1.
pub fn amount(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.chars().last() {
        Some('K') => (&text[..text.len() - 1], 1024.0),
        Some('M') => (&text[..text.len() - 1], 1024.0 * 1024.0),
        Some('k') => (&text[..text.len() - 1], 1000.0),
        _ => (text, 1.0),
    };
    let amount = number.parse::<f64>().ok().map(|n| n * unit).filter(|n| (1.0..1e15).contains(n));
    amount.map(|n| n as u64).ok_or_else(|| "expected a number such as 32768, 32K (1024), 1M or 200k (1000)".to_string())
}
