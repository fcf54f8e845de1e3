//! Which flows for a device no other beats.

use flow_export::needs::Needs;

/// Places of those that no other beats: none is more probable and needs no more of anything. From the smallest.
pub fn front(found: &[(f64, Needs)]) -> Vec<usize> {
    let beats = |(a, x): &(f64, Needs), (b, y): &(f64, Needs)| {
        let least = a >= b && x.bytes <= y.bytes && x.ram <= y.ram && x.instructions <= y.instructions;
        least && (a, x) != (b, y)
    };
    let alone = |i: &usize| !found.iter().any(|other| beats(other, &found[*i]));
    let mut front: Vec<usize> = (0..found.len()).filter(alone).collect();
    front.sort_by_key(|&i| found[i].1.bytes);
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_what_no_other_beats() {
        let needs = |bytes, instructions| Needs { bytes, ram: 0, instructions };
        let found = [
            (1.0, needs(10, 10)),
            (0.9, needs(10, 10)),
            (0.5, needs(20, 5)),
            (2.0, needs(30, 30)),
            (0.4, needs(5, 50)),
        ];
        assert_eq!(front(&found), [4, 0, 2, 3]);
    }
}
