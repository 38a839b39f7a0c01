//! Where the objects of a graph stand: columns from rules to accounts, and lines between them that cross seldom.

/// How a column is made of what stands in it; each further level of roles within roles has a column of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// By node: the column from the left, and the place in it from the top.
    pub places: Vec<(usize, usize)>,
    pub columns: usize,
    /// Places in the longest column.
    pub rows: usize,
}

/// Sweeps over the columns that put each node where its neighbours are.
const SWEEPS: usize = 4;

/// Puts nodes into columns: each stands to the right of everything that leads to it, and not left of its own layer.
pub fn layout(layers: &[usize], edges: &[(usize, usize)]) -> Layout {
    let mut column: Vec<usize> = vec![0; layers.len()];
    // A path visits each node once: after as many rounds nothing moves any more, unless in a circle.
    for _ in 0..layers.len() {
        let mut moved = false;
        for (from, to) in edges {
            let least = column.get(*from).map_or(0, |column| column + 1);
            if let Some(own) = column.get_mut(*to).filter(|own| **own < least && least < layers.len()) {
                *own = least;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    // Things of one layer stand together: a column to the right of everything of the layers before.
    let depth = deepest(layers, &column);
    let column: Vec<usize> = layers.iter().zip(&column).map(|(layer, own)| depth.place(*layer, *own)).collect();
    let mut used: Vec<usize> = column.clone();
    used.sort_unstable();
    used.dedup();
    let column: Vec<usize> = column.iter().map(|own| used.binary_search(own).unwrap_or_default()).collect();
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); used.len()];
    for (node, column) in column.iter().enumerate() {
        if let Some(members) = members.get_mut(*column) {
            members.push(node);
        }
    }
    let mut row: Vec<usize> = vec![0; layers.len()];
    let number = |members: &[usize], row: &mut Vec<usize>| {
        for (place, node) in members.iter().enumerate() {
            if let Some(row) = row.get_mut(*node) {
                *row = place;
            }
        }
    };
    members.iter().for_each(|members| number(members, &mut row));
    for sweep in 0..SWEEPS {
        let order: Vec<usize> =
            if sweep % 2 == 0 { (0..members.len()).collect() } else { (0..members.len()).rev().collect() };
        for place in order {
            let Some(members) = members.get_mut(place) else { continue };
            // In thousandths, so that equal means stay equal.
            let mean = |node: &usize| {
                let near = edges.iter().filter_map(|(from, to)| match (from == node, to == node) {
                    (true, false) => row.get(*to),
                    (false, true) => row.get(*from),
                    _ => None,
                });
                let near: Vec<usize> = near.copied().collect();
                near.iter().sum::<usize>() * 1_000 / near.len().max(1)
            };
            let mut with_mean: Vec<(usize, usize)> = members.iter().map(|node| (mean(node), *node)).collect();
            with_mean.sort_by_key(|(mean, node)| (*mean, row.get(*node).copied().unwrap_or_default()));
            *members = with_mean.into_iter().map(|(_, node)| node).collect();
            number(members, &mut row);
        }
    }
    let rows = members.iter().map(Vec::len).max().unwrap_or_default();
    let columns = members.len();
    Layout { places: column.into_iter().zip(row).collect(), columns, rows }
}

/// How many columns each layer needs.
struct Depths {
    /// By layer: the first column of its nodes before, and where its columns begin.
    layers: Vec<(usize, usize)>,
}

fn deepest(layers: &[usize], column: &[usize]) -> Depths {
    let last = layers.iter().copied().max().unwrap_or_default();
    let mut begins = 0;
    let of = |layer: usize| {
        let own = layers.iter().zip(column).filter(move |(other, _)| **other == layer).map(|(_, column)| *column);
        let (least, most) = own.fold((usize::MAX, 0), |(least, most), own| (least.min(own), most.max(own)));
        if least == usize::MAX {
            return (0, begins);
        }
        let first = begins;
        begins += most - least + 1;
        (least, first)
    };
    Depths { layers: (0..=last).map(of).collect() }
}

impl Depths {
    fn place(&self, layer: usize, column: usize) -> usize {
        self.layers.get(layer).map_or(0, |(least, begins)| begins + column - least)
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, layout};

    fn columns(layout: &Layout) -> Vec<usize> {
        layout.places.iter().map(|(column, _)| *column).collect()
    }

    #[test]
    fn roles_within_roles_have_columns_of_their_own_and_layers_stand_together() {
        // Rule, three roles within each other, two profiles of the outermost and the innermost, an entitlement.
        let layers = [0, 1, 1, 1, 2, 2, 3];
        let edges = [(0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (4, 6), (5, 6)];
        let found = layout(&layers, &edges);
        let of = columns(&found);
        assert_eq!(of[..4], [0, 1, 2, 3]);
        assert!(of[4] > 3 && of[5] > 3 && of[6] > of[4].max(of[5]));
        for (from, to) in edges {
            assert!(of[from] < of[to], "{from} → {to}: {of:?}");
        }
    }

    #[test]
    fn no_two_stand_in_one_place_and_lines_that_need_not_cross_do_not() {
        let layers = [1, 1, 1, 2, 2, 2];
        let found = layout(&layers, &[(0, 5), (1, 4), (2, 3)]);
        let mut places = found.places.clone();
        places.sort_unstable();
        places.dedup();
        assert_eq!((places.len(), found.columns, found.rows), (6, 2, 3));
        for (from, to) in [(0, 5), (1, 4), (2, 3)] {
            assert_eq!(found.places[from].1, found.places[to].1);
        }
    }

    #[test]
    fn nothing_and_circles_end() {
        assert_eq!(layout(&[], &[]), Layout { places: vec![], columns: 0, rows: 0 });
        assert_eq!(layout(&[1, 1], &[(0, 1), (1, 0)]).places.len(), 2);
        assert_eq!(layout(&[2], &[(0, 0)]).places, [(0, 0)]);
    }
}
