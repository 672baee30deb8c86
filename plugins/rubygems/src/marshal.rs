//! Ruby's Marshal format 4.8, as far as indexes of gems need it: written, never read.
//!
//! Symbols are repeated instead of written as links, which every reader accepts.

use std::io::{self, Write};

use crate::gemspec::{Gemspec, Requirement};
use crate::name::{Number, Slot};

/// The version of the format, before the first value.
const VERSION: [u8; 2] = [4, 8];

/// Writes one value.
pub struct Marshal<W> {
    to: W,
}

impl<W: Write> Marshal<W> {
    /// Begins a document.
    pub fn begin(mut to: W) -> io::Result<Self> {
        to.write_all(&VERSION)?;
        Ok(Self { to })
    }

    pub fn finish(self) -> W {
        self.to
    }

    pub fn nil(&mut self) -> io::Result<()> {
        self.to.write_all(b"0")
    }

    pub fn bool(&mut self, value: bool) -> io::Result<()> {
        self.to.write_all(if value { b"T" } else { b"F" })
    }

    pub fn int(&mut self, value: usize) -> io::Result<()> {
        self.to.write_all(b"i")?;
        self.number(value)
    }

    /// A string of the encoding UTF-8.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.to.write_all(b"I\"")?;
        self.bytes(text.as_bytes())?;
        self.encoding()
    }

    pub fn optional_text(&mut self, text: Option<&str>) -> io::Result<()> {
        match text {
            Some(text) => self.text(text),
            None => self.nil(),
        }
    }

    pub fn symbol(&mut self, name: &str) -> io::Result<()> {
        self.to.write_all(b":")?;
        self.bytes(name.as_bytes())
    }

    /// `length` values follow.
    pub fn array(&mut self, length: usize) -> io::Result<()> {
        self.to.write_all(b"[")?;
        self.number(length)
    }

    /// `length` pairs of values follow.
    pub fn hash(&mut self, length: usize) -> io::Result<()> {
        self.to.write_all(b"{")?;
        self.number(length)
    }

    /// `variables` pairs of a symbol (with `@`) and a value follow.
    pub fn object(&mut self, class: &str, variables: usize) -> io::Result<()> {
        self.to.write_all(b"o")?;
        self.symbol(class)?;
        self.number(variables)
    }

    /// An object of a class with `marshal_dump`; its value follows.
    pub fn dumped(&mut self, class: &str) -> io::Result<()> {
        self.to.write_all(b"U")?;
        self.symbol(class)
    }

    pub fn texts(&mut self, texts: &[String]) -> io::Result<()> {
        self.array(texts.len())?;
        texts.iter().try_for_each(|text| self.text(text))
    }

    pub fn version(&mut self, number: &Number) -> io::Result<()> {
        self.dumped("Gem::Version")?;
        self.array(1)?;
        self.text(number.as_str())
    }

    pub fn requirement(&mut self, requirement: &Requirement) -> io::Result<()> {
        self.dumped("Gem::Requirement")?;
        self.array(1)?;
        self.array(requirement.bounds().len())?;
        for (operator, number) in requirement.bounds() {
            self.array(2)?;
            self.text(operator)?;
            self.version(number)?;
        }
        Ok(())
    }

    fn encoding(&mut self) -> io::Result<()> {
        self.number(1)?;
        self.symbol("E")?;
        self.bool(true)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.number(bytes.len())?;
        self.to.write_all(bytes)
    }

    /// Small numbers are one byte; others are a byte that says how many follow, lowest first.
    fn number(&mut self, value: usize) -> io::Result<()> {
        match u8::try_from(value) {
            Ok(0) => self.to.write_all(&[0]),
            Ok(small) if small < 123 => self.to.write_all(&[small + 5]),
            _ => {
                let bytes = value.to_le_bytes();
                let length = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
                // Ruby's own numbers of this form have four bytes.
                let length = u8::try_from(length).ok().filter(|length| *length <= 4);
                let length = length.ok_or_else(|| io::Error::other("too large a number for Marshal"))?;
                self.to.write_all(&[length])?;
                self.to.write_all(bytes.get(..usize::from(length)).unwrap_or_default())
            }
        }
    }
}

/// The names, versions and platforms of an index: `[["rack", Gem::Version, "ruby"], …]`.
pub fn write_index<'a>(
    to: impl Write,
    length: usize,
    specs: impl Iterator<Item = (&'a str, &'a Slot)>,
) -> io::Result<()> {
    let mut marshal = Marshal::begin(to)?;
    marshal.array(length)?;
    for (name, slot) in specs {
        marshal.array(3)?;
        marshal.text(name)?;
        marshal.version(&slot.number)?;
        marshal.text(&slot.platform)?;
    }
    marshal.finish().flush()
}

/// A `Gem::Specification`, which has `_dump`: a string with a Marshal document of its own.
pub fn write_specification(to: impl Write, spec: &Gemspec) -> io::Result<()> {
    let mut inner = Marshal::begin(Vec::new())?;
    write_fields(&mut inner, spec)?;
    let inner = inner.finish();
    let mut outer = Marshal::begin(to)?;
    outer.to.write_all(b"u")?;
    outer.symbol("Gem::Specification")?;
    outer.bytes(&inner)?;
    outer.finish().flush()
}

fn write_fields<W: Write>(marshal: &mut Marshal<W>, spec: &Gemspec) -> io::Result<()> {
    marshal.array(19)?;
    marshal.text(spec.rubygems_version.as_deref().unwrap_or("0"))?;
    marshal.int(4)?;
    marshal.text(spec.name.as_str())?;
    marshal.version(&spec.slot.number)?;
    marshal.text(spec.date.as_deref().unwrap_or("1980-01-01"))?;
    marshal.text(spec.summary.as_deref().unwrap_or_default())?;
    marshal.requirement(&spec.required_ruby)?;
    marshal.requirement(&spec.required_rubygems)?;
    marshal.text(&spec.slot.platform)?;
    write_dependencies(marshal, spec)?;
    // What was the project at RubyForge.
    marshal.text("")?;
    marshal.texts(&spec.emails)?;
    marshal.texts(&spec.authors)?;
    marshal.optional_text(spec.description.as_deref())?;
    marshal.optional_text(spec.homepage.as_deref())?;
    marshal.bool(true)?;
    marshal.text(&spec.slot.platform)?;
    marshal.texts(&spec.licenses)?;
    marshal.hash(spec.metadata.len())?;
    for (key, value) in &spec.metadata {
        marshal.text(key)?;
        marshal.text(value)?;
    }
    Ok(())
}

fn write_dependencies<W: Write>(marshal: &mut Marshal<W>, spec: &Gemspec) -> io::Result<()> {
    marshal.array(spec.dependencies.len())?;
    for dependency in &spec.dependencies {
        marshal.object("Gem::Dependency", 5)?;
        marshal.symbol("@name")?;
        marshal.text(dependency.name.as_str())?;
        marshal.symbol("@requirement")?;
        marshal.requirement(&dependency.requirement)?;
        marshal.symbol("@type")?;
        marshal.symbol(if dependency.is_development { "development" } else { "runtime" })?;
        marshal.symbol("@prerelease")?;
        marshal.bool(dependency.requirement.is_prerelease())?;
        marshal.symbol("@version_requirements")?;
        marshal.requirement(&dependency.requirement)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    /// What `Marshal.dump` of Ruby 3.1 gives, without links to symbols.
    #[test]
    fn values_are_written_as_ruby_writes_them() {
        let mut marshal = Marshal::begin(Vec::new()).unwrap();
        marshal.array(7).unwrap();
        for number in [0, 1, 122, 123, 256, 70_000] {
            marshal.int(number).unwrap();
        }
        marshal.text("é").unwrap();
        assert_eq!(
            marshal.finish(),
            b"\x04\x08[\x0ci\x00i\x06i\x7fi\x01\x7bi\x02\x00\x01i\x03\x70\x11\x01I\"\x07\xc3\xa9\x06:\x06ET"
        );
    }

    #[test]
    fn an_index_is_an_array_of_arrays() {
        let slot = Slot::parse("1.0-java").unwrap();
        let mut bytes = Vec::new();
        write_index(&mut bytes, 1, [("a", &slot)].into_iter()).unwrap();
        assert_eq!(
            bytes,
            b"\x04\x08[\x06[\x08I\"\x06a\x06:\x06ETU:\x11Gem::Version[\x06I\"\x081.0\x06:\x06ETI\"\x09java\x06:\x06ET"
        );
    }
}
