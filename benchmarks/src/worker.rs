//! A worker: says what it is and what it can compute, then measures what its input asks for, one line a measurement.
//!
//! It prints `ready VERSION FIGURE…`; each line `FIGURE SECONDS` of its input is answered by the calls a second, measured for
//! about that long. `peers/worker.py` speaks the same.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

/// One call of what a figure measures.
pub type Call<'a> = Box<dyn FnMut() -> Result<(), Box<dyn Error>> + 'a>;

/// Measures what standard input asks for until it ends.
///
/// # Errors
/// A call that fails, a request that is not understood, or a closed output.
pub fn serve(version: &str, figures: &mut [(String, Call)]) -> Result<(), Box<dyn Error>> {
    answer(version, figures, std::io::stdin().lock(), std::io::stdout().lock())
}

/// That of the workspace's lock file: the crate does not tell its own.
pub fn tract_version() -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let after = lock.split("name = \"tract-onnx\"\nversion = \"").nth(1);
    after.and_then(|rest| rest.split('"').next()).unwrap_or("unknown")
}

fn answer(
    version: &str,
    figures: &mut [(String, Call)],
    input: impl BufRead,
    mut output: impl Write,
) -> Result<(), Box<dyn Error>> {
    let names: Vec<&str> = figures.iter().map(|(name, _)| name.as_str()).collect();
    writeln!(output, "ready {version} {}", names.join(" "))?;
    for line in input.lines() {
        let line = line?;
        let (name, seconds) = line.split_once(' ').ok_or("expected FIGURE SECONDS")?;
        let (_, call) = figures.iter_mut().find(|(n, _)| n == name).ok_or("no such figure")?;
        writeln!(output, "{}", rate(call, seconds.parse()?)?)?;
    }
    Ok(())
}

/// Calls a second. The clock is read once in about a millisecond.
fn rate(call: &mut Call, seconds: f64) -> Result<f64, Box<dyn Error>> {
    let mut calls_a_look = 1u32;
    loop {
        let start = Instant::now();
        (0..calls_a_look).try_for_each(|_| call())?;
        if start.elapsed().as_secs_f64() > 1e-3 {
            break;
        }
        calls_a_look *= 2;
    }
    let (start, mut calls) = (Instant::now(), 0.0);
    loop {
        (0..calls_a_look).try_for_each(|_| call())?;
        calls += f64::from(calls_a_look);
        let elapsed = start.elapsed().as_secs_f64();
        if elapsed > seconds {
            return Ok(calls / elapsed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn tract_has_a_version() {
        assert!(tract_version().starts_with(|c: char| c.is_ascii_digit()), "{}", tract_version());
    }

    #[test]
    fn a_rate_for_each_request_and_an_error_for_what_it_does_not_know() {
        let mut figures: Vec<(String, Call)> = vec![
            (
                "sleep".into(),
                Box::new(|| {
                    std::thread::sleep(Duration::from_millis(2));
                    Ok(())
                }),
            ),
            ("fail".into(), Box::new(|| Err("no".into()))),
        ];
        let mut output = Vec::new();
        answer("1.0", &mut figures, &b"sleep 0.01\nsleep 0.02\n"[..], &mut output).unwrap();
        let output = String::from_utf8(output).unwrap();
        let (ready, rates) = output.split_once('\n').unwrap();
        assert_eq!(ready, "ready 1.0 sleep fail");
        let rates: Vec<f64> = rates.lines().map(|rate| rate.parse().unwrap()).collect();
        assert_eq!(rates.len(), 2);
        assert!(rates.iter().all(|&rate| 0.0 < rate && rate <= 500.0), "{rates:?}");
        for request in ["sleep", "other 1", "sleep long", "fail 0.01"] {
            assert!(answer("1.0", &mut figures, request.as_bytes(), &mut Vec::new()).is_err(), "{request}");
        }
    }
}
