//! Regions in which a function on a grid exceeds a level, as closed lines (marching squares).
//!
//! Each cell's border is walked clockwise; a line runs from each edge on which the walk leaves the region to the next
//! edge on which it enters again. The neighbour walks their common edge the other way, so that its line goes on from
//! there. A region's holes run against its outline, as SVG's nonzero rule wants it.

use std::collections::BTreeMap;

/// Values at the nodes of a grid, row after row.
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) values: Vec<f64>,
}

impl Grid {
    /// A value; outside the grid nothing exceeds a level.
    fn at(&self, column: i64, row: i64) -> f64 {
        let rows = (self.values.len() / self.columns) as i64;
        if (0..self.columns as i64).contains(&column) && (0..rows).contains(&row) {
            self.values[row as usize * self.columns + column as usize]
        } else {
            f64::NEG_INFINITY
        }
    }

    /// The closed lines around all that exceeds `level`, in units of grid steps from the first node. A region that
    /// reaches the border of the grid ends there.
    pub(super) fn contours(&self, level: f64) -> Vec<Vec<(f64, f64)>> {
        let (width, height) = (self.columns as i64, (self.values.len() / self.columns) as i64);
        let mut next = BTreeMap::new();
        for row in -1..height {
            for column in -1..width {
                let corners =
                    [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1), (column, row)];
                let inside = corners.map(|(c, r)| self.at(c, r) > level);
                for k in (0..4).filter(|&k| inside[k] && !inside[k + 1]) {
                    let enters = (1..4).map(|i| (k + i) % 4).find(|&m| !inside[m] && inside[m + 1]);
                    if let Some(m) = enters {
                        next.insert(edge(corners[k], corners[k + 1]), edge(corners[m], corners[m + 1]));
                    }
                }
            }
        }
        let mut lines = Vec::new();
        while let Some((start, mut place)) = next.pop_first() {
            let mut line = vec![self.crossing(start, level)];
            while place != start {
                line.push(self.crossing(place, level));
                match next.remove(&place) {
                    Some(following) => place = following,
                    None => break,
                }
            }
            lines.push(line);
        }
        lines
    }

    /// Where the level is crossed between two neighbouring nodes.
    fn crossing(&self, [(c0, r0), (c1, r1)]: Edge, level: f64) -> (f64, f64) {
        let (a, b) = (self.at(c0, r0), self.at(c1, r1));
        let t = match (a.is_finite(), b.is_finite()) {
            (true, true) => (level - a) / (b - a),
            (true, false) => 0.0,
            _ => 1.0,
        };
        let limit = |v: f64, n: i64| v.clamp(0.0, (n - 1) as f64);
        let rows = (self.values.len() / self.columns) as i64;
        let along = |a: i64, b: i64| a as f64 + t * (b - a) as f64;
        (limit(along(c0, c1), self.columns as i64), limit(along(r0, r1), rows))
    }
}

/// Two neighbouring nodes, the smaller first.
type Edge = [(i64, i64); 2];

fn edge(a: (i64, i64), b: (i64, i64)) -> Edge {
    if a < b { [a, b] } else { [b, a] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(line: &[(f64, f64)]) -> f64 {
        let next = line.iter().cycle().skip(1);
        line.iter().zip(next).map(|(a, b)| (a.0 * b.1 - b.0 * a.1) / 2.0).sum()
    }

    fn cone(size: i32) -> Grid {
        let value = |i: i32| {
            let (x, y) = (f64::from(i % size - size / 2), f64::from(i / size - size / 2));
            -(x * x + y * y).sqrt()
        };
        Grid { columns: size as usize, values: (0..size * size).map(value).collect() }
    }

    #[test]
    fn a_cone_has_round_contours() {
        let lines = cone(41).contours(-10.0);
        assert_eq!(lines.len(), 1);
        assert!((area(&lines[0]).abs() - std::f64::consts::PI * 100.0).abs() < 1.5, "{}", area(&lines[0]));
    }

    #[test]
    fn a_hole_runs_the_other_way() {
        let mut grid = cone(41);
        grid.values.iter_mut().for_each(|v| *v = -(*v + 10.0).abs());
        let areas: Vec<f64> = grid.contours(-2.0).iter().map(|l| area(l)).collect();
        assert_eq!(areas.len(), 2);
        assert!(areas[0] * areas[1] < 0.0, "{areas:?}");
    }

    #[test]
    fn a_full_grid_is_its_border() {
        let grid = Grid { columns: 3, values: vec![1.0; 6] };
        let lines = grid.contours(0.0);
        assert_eq!((lines.len(), area(&lines[0]).abs()), (1, 2.0));
        assert!(grid.contours(2.0).is_empty());
    }
}
