//! What is said of a row, by the names of its columns.

use crate::board::twin::{judged_names, row_names, unread};
use crate::error::Error;
use crate::frozen::Frozen;
use flow_line::{Report, Said};

/// Names of the columns that verdicts speak of, and of the values of a row, which are raw channels where the flow is over
/// windows.
pub(crate) struct Names {
    judged: Vec<String>,
    values: Vec<String>,
}

impl Names {
    /// Those of a flow.
    pub fn of(frozen: &Frozen) -> Result<Self, Error> {
        Ok(Names { judged: judged_names(frozen)?, values: row_names(frozen)? })
    }

    /// The column to look at.
    pub fn column(&self, report: &Report) -> &str {
        let name = report.column.and_then(|column| self.judged.get(usize::from(column)));
        name.map_or("", String::as_str)
    }

    /// Why a row has no verdict, where it will not get one.
    pub fn unread(&self, said: &Said) -> Option<String> {
        unread(said, &self.values)
    }
}

#[cfg(test)]
impl Names {
    /// Of columns that are the values.
    pub fn same(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Names { judged: names.clone(), values: names }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_named() {
        let names = Names::same(&["load", "temp"]);
        assert_eq!(names.unread(&Said::NoNumber { value: 1 }).as_deref(), Some("\"temp\" is no number"));
        assert_eq!(
            names.unread(&Said::NoReading { value: 7 }).as_deref(),
            Some("value 8 is beyond its sensor's range")
        );
        assert_eq!(names.unread(&Said::Waiting), None);
    }
}
