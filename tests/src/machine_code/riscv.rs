//! RV32 code, as in "The RISC-V Instruction Set Manual, Volume I".

use super::Forbidden;

/// Offsets of instructions that are not allowed in a run of code.
pub fn forbidden(code: &[u8]) -> Vec<(usize, Forbidden)> {
    let halves: Vec<u16> = code.as_chunks().0.iter().map(|&b| u16::from_le_bytes(b)).collect();
    let (mut at, mut found) = (0, Vec::new());
    while at < halves.len() {
        // "Base Instruction-Length Encoding": two low bits of 11 begin a pair.
        let first = halves[at];
        let length = if first & 3 == 3 { 2 } else { 1 };
        let judged = match (length, halves.get(at + 1)) {
            (1, _) => compressed(first),
            (_, Some(&second)) => full(u32::from(first) | u32::from(second) << 16),
            _ => None,
        };
        found.extend(judged.map(|what| (2 * at, what)));
        at += length;
    }
    found
}

/// C.FLD, C.FSD, C.FLDSP and C.FSDSP.
fn compressed(half: u16) -> Option<Forbidden> {
    (half & 1 == 0 && matches!(half >> 13, 1 | 5)).then_some(Forbidden::Double)
}

fn full(word: u32) -> Option<Forbidden> {
    let (opcode, width, format) = (word & 0x7f, word >> 12 & 7, word >> 25 & 3);
    match opcode {
        // FMADD, FMSUB, FNMSUB, FNMADD.
        0x43 | 0x47 | 0x4b | 0x4f => Some(Forbidden::Fused),
        // FLD, FSD.
        0x07 | 0x27 if width == 3 => Some(Forbidden::Double),
        // Arithmetic; FCVT.S.D has the format of what it gives.
        0x53 if format == 1 || (word >> 25 == 0x20 && word >> 20 & 31 == 1) => Some(Forbidden::Double),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Forbidden::*, *};

    fn of(words: &[u32]) -> Vec<(usize, Forbidden)> {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        forbidden(&bytes)
    }

    #[test]
    fn finds_fused_instructions_and_only_those() {
        // fmadd.s fa0, fa1, fa2, fa3 / fmul.s fa0, fa0, fa1 / fmsub.s, fnmsub.s, fnmadd.s of the same
        let code = [0x68c5_f543, 0x10b5_7553, 0x68c5_f547, 0x68c5_f54b, 0x68c5_f54f];
        assert_eq!(of(&code), [(0, Fused), (8, Fused), (12, Fused), (16, Fused)]);
        // c.nop before it, and its bytes within the immediate of lui.
        let mut bytes = vec![0x01, 0x00];
        bytes.extend(0x68c5_f543u32.to_le_bytes());
        assert_eq!(forbidden(&bytes), [(2, Fused)]);
        assert_eq!(of(&[0xf543_0537]), []);
    }

    #[test]
    fn finds_double_precision_and_only_that() {
        // fadd.d fa0, fa1, fa2 / fcvt.d.s fa0, fa0 / fcvt.s.d fa0, fa0 / fld fa0, 0(a0) / fsd fa0, 0(a0)
        let code = [0x02c5_f553, 0x4205_0553, 0x4015_7553, 0x0005_3507, 0x00a5_3027];
        assert_eq!(of(&code), [0, 4, 8, 12, 16].map(|at| (at, Double)));
        // fadd.s fa0, fa1, fa2 / flw fa0, 0(a0) / fsw fa0, 0(a0) / fcvt.s.w fa0, a0 / fsqrt.s fa0, fa0 / fmv.x.w a0, fa0
        let code = [0x00c5_f553, 0x0005_2507, 0x00a5_2027, 0xd005_7553, 0x5805_7553, 0xe005_0553];
        assert_eq!(of(&code), []);
        // c.fldsp fs0, 8(sp) / c.fsd fa0, 0(a0); c.flw fa0, 0(a0) / c.lwsp a0, 0(sp)
        assert_eq!(forbidden(&[0x22, 0x24, 0x08, 0xa1]), [(0, Double), (2, Double)]);
        assert_eq!(forbidden(&[0x08, 0x61, 0x02, 0x45]), []);
    }
}
