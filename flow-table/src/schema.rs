//! Whether a table has the columns that a model was trained on.

use crate::error::TableError;
use crate::suggest;
use crate::table::Table;

impl Table {
    /// The table with its columns in the order of `names`, those of the table that a model was trained on.
    ///
    /// Where both sides have names (and not just `c0`, `c1`, … for want of a header), the columns are matched by name
    /// and reordered; otherwise their number must agree.
    ///
    /// ```
    /// use flow_table::Table;
    ///
    /// let table = Table::from_rows("new.csv", vec!["p".into(), "t".into()], &[[1.0, 20.0]])?;
    /// assert_eq!(table.matching(&["t".into(), "p".into()])?.row(0), [20.0, 1.0]);
    ///
    /// let error = table.matching(&["t".into(), "pp".into()]).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "new.csv: is not a table of the model's columns: missing: \"pp\" (did you mean \"p\"?); unexpected: \"p\" \
    ///      (rename it, or leave it out: --column p:ignore)"
    /// );
    /// # Ok::<(), flow_table::TableError>(())
    /// ```
    ///
    /// # Errors
    /// Another number of columns, or missing and unexpected names.
    pub fn matching(&self, names: &[String]) -> Result<Table, TableError> {
        if self.names() == names {
            return Ok(self.clone());
        }
        if self.header() {
            let order: Option<Vec<usize>> =
                names.iter().map(|name| self.names().iter().position(|n| n == name)).collect();
            match order {
                Some(order) if names.len() == self.columns() => return Ok(self.pick(&order)),
                _ if names.iter().all(|n| is_default(n)) => {}
                _ => return Err(self.different_names(names)),
            }
        }
        if names.len() != self.columns() {
            return Err(TableError::ColumnCount {
                path: self.source().into(),
                found: self.columns(),
                expected: names.len(),
                names: suggest::list(names.iter().map(String::as_str)),
            });
        }
        Ok(self.clone())
    }

    fn different_names(&self, names: &[String]) -> TableError {
        let missing: Vec<&str> = names.iter().filter(|n| !self.names().contains(n)).map(String::as_str).collect();
        let unexpected: Vec<&str> = self.names().iter().filter(|n| !names.contains(n)).map(String::as_str).collect();
        let mut parts = Vec::new();
        if !missing.is_empty() {
            let described: Vec<String> = missing
                .iter()
                .map(|name| match suggest::did_you_mean(name, unexpected.iter().copied()) {
                    Some(near) => format!("{name:?} (did you mean {near:?}?)"),
                    None => format!("{name:?}"),
                })
                .collect();
            parts.push(format!("missing: {}", suggest::list(described.iter().map(String::as_str))));
        }
        if !unexpected.is_empty() {
            let described: Vec<String> = unexpected.iter().map(|name| format!("{name:?}")).collect();
            let advice = match (missing.is_empty(), unexpected.len()) {
                (true, 1) => format!("leave it out: --column {}:ignore", unexpected[0]),
                (true, _) => format!("leave them out: --column {}:ignore …", unexpected[0]),
                (false, 1) => format!("rename it, or leave it out: --column {}:ignore", unexpected[0]),
                (false, _) => format!("rename them, or leave them out: --column {}:ignore …", unexpected[0]),
            };
            parts.push(format!("unexpected: {} ({advice})", suggest::list(described.iter().map(String::as_str))));
        }
        TableError::ColumnNames { path: self.source().into(), differences: parts.join("; ") }
    }
}

/// Whether a name is one that stands for a missing header.
fn is_default(name: &str) -> bool {
    name.strip_prefix('c').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReadOptions;

    fn read(text: &str) -> Table {
        Table::from_reader(text.as_bytes(), "t", &ReadOptions::default()).unwrap()
    }

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|n| n.to_string()).collect()
    }

    #[test]
    fn without_names_only_the_count_matters() {
        assert_eq!(read("1,2\n").matching(&names(&["a", "b"])).unwrap().values(), [1.0, 2.0]);
        assert_eq!(read("a,b\n1,2\n").matching(&names(&["c0", "c1"])).unwrap().values(), [1.0, 2.0]);
        assert_eq!(read("c1,c0\n1,2\n").matching(&names(&["c0", "c1"])).unwrap().values(), [2.0, 1.0]);
        let error = read("1,2\n").matching(&names(&["a"])).unwrap_err();
        assert!(error.to_string().contains("expected 1 (a), found 2"));
    }

    #[test]
    fn an_extra_column_is_named() {
        let error = read("a,b,time\n1,2,3\n").matching(&names(&["a", "b"])).unwrap_err().to_string();
        assert!(error.ends_with("unexpected: \"time\" (leave it out: --column time:ignore)"), "{error}");
    }
}
