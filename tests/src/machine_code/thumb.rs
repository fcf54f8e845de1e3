//! Thumb-2 code, as in the Arm v7-M Architecture Reference Manual.

use super::Forbidden;

/// Offsets of instructions that are not allowed in a run of code.
pub fn forbidden(code: &[u8]) -> Vec<(usize, Forbidden)> {
    let halves: Vec<u16> = code.as_chunks().0.iter().map(|&b| u16::from_le_bytes(b)).collect();
    let (mut at, mut found) = (0, Vec::new());
    while at < halves.len() {
        // A5.1: a first halfword of 0b11101…, 0b11110… or 0b11111… begins a pair.
        let first = halves[at];
        let length = if first >= 0xe800 { 2 } else { 1 };
        if let (2, Some(&second)) = (length, halves.get(at + 1)) {
            found.extend(judge(first, second).map(|what| (2 * at, what)));
        }
        at += length;
    }
    found
}

fn judge(first: u16, second: u16) -> Option<Forbidden> {
    // A7.7.228 (VFMA, VFMS: `1110 1110 1D10`) and A7.7.229 (VFNMA, VFNMS: `1110 1110 1D01`), of either precision.
    if matches!(first & 0xffb0, 0xeea0 | 0xee90) && second & 0x0e10 == 0x0a00 {
        return Some(Forbidden::Fused);
    }
    // A6.4: data processing in coprocessor 11 is of double precision. Loads, stores and moves of its registers are not
    // meant, they save pairs of single ones.
    if matches!(first & 0xff00, 0xee00 | 0xfe00) && second & 0x0f10 == 0x0b00 {
        return Some(Forbidden::Double);
    }
    // A7.7.227 (VCVT from single to double precision) is in coprocessor 10.
    (first & 0xffbf == 0xeeb7 && second & 0x0fd0 == 0x0ac0).then_some(Forbidden::Double)
}

#[cfg(test)]
mod tests {
    use super::{Forbidden::*, *};

    fn of(halves: &[u16]) -> Vec<(usize, Forbidden)> {
        let bytes: Vec<u8> = halves.iter().flat_map(|h| h.to_le_bytes()).collect();
        forbidden(&bytes)
    }

    #[test]
    fn finds_fused_instructions_and_only_those() {
        // vfma.f32 s0, s1, s2 / vmla.f32 s0, s1, s2 / vfnms.f32 s0, s1, s2 / vmul.f32 s0, s0, s1 / vfms.f32 s31, s30, s29
        let code = [0xeea0, 0x0a81, 0xee00, 0x0a81, 0xee90, 0x0a81, 0xee20, 0x0a20, 0xeeef, 0xfa6e];
        assert_eq!(of(&code), [(0, Fused), (8, Fused), (16, Fused)]);
        // The same halfwords out of step: `movs r0, #0` before, and as the second half of another instruction.
        assert_eq!(forbidden(&[0x00, 0x20, 0xa0, 0xee, 0x81, 0x0a]), [(2, Fused)]);
        assert_eq!(forbidden(&[0x00, 0xf0, 0xa0, 0xee, 0x81, 0x0a]), []);
    }

    #[test]
    fn finds_double_precision_and_only_that() {
        // vadd.f64 d0, d1, d2 / vcvt.f64.f32 d0, s0 / vcvt.f32.f64 s0, d0 / vsel.f64 (v8) d0, d1, d2
        let code = [0xee31, 0x0b02, 0xeeb7, 0x0ac0, 0xeeb7, 0x0bc0, 0xfe01, 0x0b02];
        assert_eq!(of(&code), [(0, Double), (4, Double), (8, Double), (12, Double)]);
        // vadd.f32 s0, s1, s2 / vpush {d8} / vldr d0, [r0] / vmov r0, r1, d0 / vcvt.f32.s32 s0, s0 / vmov.f32 s0, s1
        let code = [0xee30, 0x0a81, 0xed2d, 0x8b02, 0xed90, 0x0b00, 0xec51, 0x0b10, 0xeeb8, 0x0ac0, 0xeeb0, 0x0a60];
        assert_eq!(of(&code), []);
    }
}
