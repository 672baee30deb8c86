//! Distributions are archives: a wheel is a zip archive, a source distribution a gzipped tar archive.
//! An upload may be hostile. Only the core metadata is kept.

pub mod sdist;
pub mod wheel;
