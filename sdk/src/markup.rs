//! Text in HTML and XML.

use std::fmt;

/// Escapes text for HTML and XML, including attributes.
///
/// ```
/// use packhouse_plugin::markup::Escaped;
/// assert_eq!(Escaped("a < \"b\" & 'c'").to_string(), "a &lt; &quot;b&quot; &amp; &#39;c&#39;");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            let (plain, behind) = rest.split_at(at);
            let (special, behind) = behind.split_at(1);
            formatter.write_str(plain)?;
            formatter.write_str(match special {
                "&" => "&amp;",
                "<" => "&lt;",
                ">" => "&gt;",
                "\"" => "&quot;",
                _ => "&#39;",
            })?;
            rest = behind;
        }
        formatter.write_str(rest)
    }
}
