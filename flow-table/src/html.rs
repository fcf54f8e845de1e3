//! Pages of HTML that open without a network: their looks, and text that is safe in them.

pub use crate::escape::escape;
use crate::plot::dark_css;
pub use crate::show::brief;
use std::fmt::Write;

const CSS: &str = "\
:root{color-scheme:light dark;--page:#f4f5f7;--paper:#fff;--ink:#1d2733;--muted:#5a6672;--line:#e3e6ea;--mark:#b4430a}\
@media(prefers-color-scheme:dark){:root{--page:#0e1216;--paper:#171c22;--ink:#e8eaed;--muted:#a7afb8;--line:#2a3139;\
--mark:#ff9a57}}\
*{box-sizing:border-box}\
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}\
main{max-width:1180px;margin:0 auto;padding:2rem 1.5rem 4rem}\
h1{font-size:1.6rem;margin:0 0 1rem;overflow-wrap:anywhere}h2{font-size:1.2rem;margin:2.2rem 0 .4rem}\
p{max-width:80ch;margin:.2rem 0 .8rem;color:var(--muted)}\
table{border-collapse:collapse;background:var(--paper);font-variant-numeric:tabular-nums;font-size:14px}\
th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid var(--line);font-weight:400;vertical-align:top}\
th{color:var(--muted);white-space:nowrap}td.n{text-align:right;white-space:nowrap}th.n{text-align:right}\
tr:last-child>*{border-bottom:0}\
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px;background:var(--paper)}.scroll table{min-width:100%}.scroll+p{margin-top:.6rem}\
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:.8rem;margin:0 0 1.2rem}\
.card{background:var(--paper);border:1px solid var(--line);border-radius:6px;padding:.7rem .9rem}\
.card b{display:block;font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums}\
.card span{color:var(--muted);font-size:13px}\
figure{margin:.8rem 0;padding:.8rem;background:var(--paper);border:1px solid var(--line);border-radius:6px;overflow-x:auto}\
figure svg{max-width:100%;height:auto;display:block;margin:0 auto}figcaption{text-align:center;color:var(--muted)}\
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:.8rem}.two figure{margin:0}\
.mark{color:var(--mark);font-weight:600}";

/// All before the body.
pub fn head(title: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title>\
         <style>{CSS}@media(prefers-color-scheme:dark){{{}}}</style></head>",
        escape(title),
        dark_css("figure")
    )
}

/// A picture, SVG, with words below it or none.
pub fn figure(svg: &str, caption: &str) -> String {
    if caption.is_empty() {
        return format!("<figure>{svg}</figure>");
    }
    format!("<figure>{svg}<figcaption>{}</figcaption></figure>", escape(caption))
}

/// A whole number with its thousands apart.
pub fn grouped(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table under construction.
pub struct Rows {
    html: String,
}

impl Rows {
    /// A table with these headings; those that end in `#` stand over numbers.
    pub fn new(headings: &[&str]) -> Self {
        let mut html = String::from("<div class=\"scroll\"><table><tr>");
        for heading in headings {
            let _ = match heading.strip_suffix('#') {
                Some(number) => write!(html, "<th class=\"n\">{}</th>", escape(number)),
                None => write!(html, "<th>{}</th>", escape(heading)),
            };
        }
        html.push_str("</tr>");
        Rows { html }
    }

    /// Adds a row of cells.
    pub fn row(&mut self, cells: &[Cell]) {
        self.html.push_str("<tr>");
        for cell in cells {
            let _ = match cell {
                Cell::Text(text) => write!(self.html, "<td>{}</td>", escape(text)),
                Cell::Number(text) => write!(self.html, "<td class=\"n\">{}</td>", escape(text)),
                Cell::Marked(text) => write!(self.html, "<td class=\"n mark\">{}</td>", escape(text)),
            };
        }
        self.html.push_str("</tr>");
    }

    /// The table.
    pub fn finish(mut self) -> String {
        self.html.push_str("</table></div>");
        self.html
    }
}

/// A cell of a table; its text is escaped.
pub enum Cell {
    /// Words.
    Text(String),
    /// A number.
    Number(String),
    /// A number that matters.
    Marked(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_something_in_html_is_left() {
        assert_eq!(escape("<script>'a'&\"b\"\n"), "&lt;script&gt;&#39;a&#39;&amp;&quot;b&quot; ");
        let mut rows = Rows::new(&["<i>", "n#"]);
        rows.row(&[Cell::Text("<b>".into()), Cell::Number("<u>".into()), Cell::Marked("<s>".into())]);
        let html = rows.finish();
        assert!(["<i>", "<b>", "<u>", "<s>"].iter().all(|tag| !html.contains(tag)), "{html}");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, 1.5, -2e-5, 1e7].map(brief), ["0", "1.5", "-2.000e-5", "1.000e7"]);
        assert_eq!([7, 999, 1000, 1_234_567].map(grouped), ["7", "999", "1,000", "1,234,567"]);
    }
}
